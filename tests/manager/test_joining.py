"""Netting accounts: what is added to a position shares its stop and target, and is sized like anything else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bridge.builders import Rig, account_info, granted, order_info, quote_info, recomputed
from tests.manager.rig import REBALANCE, held, manage, managed, report

STOP, TARGET = 1.0951, 1.1151


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A netting account."""
    rig = managed(tmp_path, rebalance=REBALANCE)
    yield rig
    rig.close()


def show(rig: Rig, *positions: dict[str, Any], margin_mode: int = 0, **parts: Any) -> None:
    rig.tick(1_000)
    quote = quote_info(time_msc=rig.clock.now_ms())
    account = account_info(margin_mode=margin_mode)
    assert rig.feed(account_info=account, positions=[*positions], quotes=[quote], **parts)["status"] == "ok"


def one(volume: float = 0.5, **over: Any) -> dict[str, Any]:
    return held(7, volume=volume, **{"sl": STOP, "tp": TARGET, **over})


def test_a_second_position_is_refused_and_an_addition_is_not(rig: Rig) -> None:
    show(rig, one())
    assert rig.size()["code"] == "positions_limit"
    answer = granted(rig.size(adds_to=7))
    assert "added to position 7" in str(answer["caps"])
    assert recomputed(rig.path) == 2


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"adds_to": 8}, "no buy position 8"),
        ({"side": "sell", "stop_loss": 1.105, "take_profit": 1.09}, "no sell position 7"),
        ({"stop_loss": 1.0949}, "stop 1.0951"),
        ({"take_profit": None}, "target 1.1151"),
        ({"order": "pending", "entry": 1.099}, "market order"),
    ],
)
def test_what_would_move_the_stop_or_target_is_refused(rig: Rig, wrong: dict[str, Any], word: str) -> None:
    show(rig, one())
    reply = rig.size(**{"adds_to": 7, **wrong})
    assert (reply["code"], reply["field"]) == ("bad_value", "adds_to")
    assert word in reply["message"]


def test_nothing_joins_while_something_else_is_on_its_way(rig: Rig) -> None:
    show(rig, one())
    granted(rig.size(adds_to=7))
    assert rig.size(adds_to=7)["field"] == "adds_to"
    show(rig, one(), orders=[order_info(9)])
    assert rig.size(adds_to=7)["field"] == "adds_to"


def test_on_a_hedging_account_every_position_stands_for_itself(rig: Rig) -> None:
    show(rig, one(), margin_mode=2)
    assert rig.size(adds_to=7)["field"] == "adds_to"
    assert granted(rig.size())["lots"] > 0


def test_the_fill_is_seen_in_the_position(rig: Rig) -> None:
    show(rig, one())
    answer = granted(rig.size(adds_to=7, max_lots=0.2))
    rig.fill(answer["reservation"], 7, answer["lots"])
    assert rig.reserved() > 0
    deal = {"ticket": 50, "time_msc": rig.clock.now_ms(), "profit": 0.0, "entry": 0, "position_id": 7,
            "symbol": "EURUSD", "volume": answer["lots"], "price": 1.1001}  # fmt: skip
    for _ in range(3):
        show(rig, one(round(0.5 + answer["lots"], 2)), deals=[deal])
    assert rig.reserved() == 0


def test_a_plan_builds_a_netting_position_up(rig: Rig) -> None:
    show(rig, one(0.1))
    rig.ask(type="rebalance", reason="test", targets=[{"symbol": "EURUSD", "weight": 0.33}])
    (added,) = manage(rig)
    assert (added["kind"], added["stop_loss"], added["take_profit"], added["lots"]) == ("open", STOP, TARGET, 0.19)
    report(rig, added, ticket=7, lots=0.19, price=1.1001)
    deal = {"ticket": 50, "time_msc": rig.clock.now_ms(), "profit": 0.0, "entry": 0, "position_id": 7,
            "symbol": "EURUSD", "volume": 0.19, "price": 1.1001}  # fmt: skip
    for _ in range(2):
        show(rig, one(0.29), deals=[deal])
        assert manage(rig) == []
    assert rig.reserved() == 0
    assert rig.ask(type="positions")["plan"]["phase"] == "done"
