"""What becomes of an order after it was sent: fills that come in parts, late, or without anybody saying so."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bridge.builders import Rig
from tests.bridge.sockets import serving
from tests.builders import NOW_MS
from tests.mql5.conftest import Program
from tests.mql5.driver import Driver
from tests.mql5.test_executor import CONNECTION, DONE, PARTIAL, PLACED, TIMEOUT, begin, later, shown, state
from tests.mql5.test_feed import QUESTION


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, now_ms=NOW_MS - 1)
    yield rig
    rig.close()


@pytest.fixture
def trader(program: Program, bare: Rig) -> Iterator[Driver]:
    """A terminal whose daemon has answered with one lot, and its whole risk reserved."""
    with serving(bare) as running, Driver(program("terminal")) as terminal:
        begin(terminal, running)
        terminal.do("pump")
        assert terminal.do("ask", **QUESTION, magic=7, max_lots=1.0)["lots"] == 1.0
        yield terminal


def timer(terminal: Driver, ms: int = 1_000) -> dict[str, Any]:
    """A second or more later."""
    terminal.do("pass", ms=ms)
    return terminal.do("timer")


def told(rig: Rig, terminal: Driver) -> tuple[str, float, list[float]]:
    """What the daemon knows of the last order's reservation: its state, the lots still promised, and the fills."""
    name = terminal.do("sent")["comment"].removeprefix("lotbridge ")
    reservation = rig.desks[0].reservation(name)
    assert reservation is not None
    return reservation.state, reservation.rest_lots, [fill.lots for fill in reservation.fills]


# Parts --------------------------------------------------------------------------------------------------------------


def test_every_part_of_an_order_that_rests_is_reported(trader: Driver, bare: Rig) -> None:
    """The rest is the order's until it is over, however long that takes."""
    trader.do("set", what="filling", value=0)
    trader.do("set", what="execution", value=3)
    trader.do("script", retcode=PARTIAL, part=0.4, rests=True)
    assert trader.do("open")["waiting"] == 1
    assert told(bare, trader) == ("partly_open", 0.6, [0.4])
    timer(trader, 10_000)
    assert told(bare, trader) == ("partly_open", 0.6, [0.4]), "nothing is given back while the order lives"
    trader.do("fill", lots=0.35)
    assert told(bare, trader) == ("partly_open", 0.25, [0.75])
    trader.do("end")
    assert timer(trader, 1_900)["waiting"] == 1
    assert told(bare, trader) == ("partly_open", 0.25, [0.75]), "deals may still be on their way"
    assert timer(trader, 100)["waiting"] == 0
    assert told(bare, trader) == ("open", 0, [0.75])
    assert shown(trader, bare) == (0, True)
    assert bare.status()["open_risk"] == pytest.approx(375, rel=0.05)


def test_a_deal_after_the_orders_end_is_counted(trader: Driver, bare: Rig) -> None:
    """The terminal may show the order's end before its last deal."""
    trader.do("script", retcode=PARTIAL, part=0.4, rests=True)
    trader.do("open")
    trader.do("early end", lots=0.6)
    assert timer(trader, 5_000)["waiting"] == 1
    assert told(bare, trader) == ("partly_open", 0.6, [0.4]), "the order's volume tells that a deal is missing"
    trader.do("fill", lots=0.6)
    assert timer(trader)["waiting"] == 0
    assert told(bare, trader) == ("open", 0, [1.0])


def test_a_placed_order_that_ends_unfilled_gives_all_back(trader: Driver, bare: Rig) -> None:
    trader.do("script", retcode=PLACED, part=0.0, rests=True)
    assert trader.do("open")["waiting"] == 1
    trader.do("end")
    timer(trader)
    assert state(bare)[0] > 0
    assert timer(trader)["waiting"] == 0
    assert state(bare) == (0, False)
    assert told(bare, trader) == ("released", 0, [])


# Nothing said -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [{"retcode": PLACED}, {"retcode": DONE, "later": True}])
def test_a_fill_is_found_without_any_transaction(trader: Driver, bare: Rig, script: dict[str, Any]) -> None:
    trader.do("script", **script, hidden=True, mute=True)
    assert trader.do("open")["waiting"] == 1
    trader.do("show")
    assert told(bare, trader) == ("reserved", 1.0, [])
    assert timer(trader)["waiting"] == 0
    assert told(bare, trader) == ("open", 0, [1.0])
    assert shown(trader, bare) == (0, True)


@pytest.mark.parametrize("code", [TIMEOUT, CONNECTION, 0, 10011, 10028, 10006, 10004])
@pytest.mark.parametrize("part", [1, 0.4])
def test_an_order_of_unknown_end_that_was_filled_is_watched(trader: Driver, bare: Rig, code: int, part: float) -> None:
    """Even a refusal is none where it names an order. It is not repeated."""
    trader.do("script", retcode=code, part=part, filled=True, mute=True)
    done = trader.do("open")
    assert (done["done"], done["sent"], done["volume"]) == (False, 1, part)
    timer(trader, 2_000)
    assert timer(trader)["waiting"] == 0
    assert told(bare, trader) == ("open", 0, [part])


@pytest.mark.parametrize("comment", ["", "lotbri", "lotbridge ", "by the broker"])
@pytest.mark.parametrize("hidden", [{"hidden": True}, {}])
@pytest.mark.parametrize("rests", [{"rests": True}, {}])
def test_an_order_without_a_number_is_searched_for(
    trader: Driver, bare: Rig, comment: str, hidden: dict[str, bool], rests: dict[str, bool]
) -> None:
    """Among what is open and what is over, by its comment or by everything else."""
    trader.do("script", retcode=TIMEOUT, filled=True, nameless=True, mute=True, comment=comment, **hidden, **rests)
    done = trader.do("open")
    assert (done["done"], done["sent"]) == (False, 1)
    trader.do("show")
    assert timer(trader)["waiting"] == 0
    assert told(bare, trader) == ("open", 0, [1.0])
    assert shown(trader, bare) == (0, True)


@pytest.mark.parametrize(
    ("other", "ours"),
    [
        ({}, True),
        ({"magic": 8}, False),
        ({"lots": 0.99}, False),
        ({"symbol": "GBPUSD"}, False),
        ({"side": 1}, False),
        ({"age_ms": 10_000}, False),
        ({"comment": "lotbridge r77"}, False),
    ],
)
def test_an_order_of_somebody_else_is_not_taken_for_it(
    trader: Driver, bare: Rig, other: dict[str, Any], *, ours: bool
) -> None:
    """It has come to nothing: if it were ours, all would be given back."""
    trader.do("script", retcode=TIMEOUT)
    trader.do("open")
    trader.do("stranger", **{"magic": 7, "lots": 1.0, "symbol": "EURUSD", "side": 0, "comment": "by hand"} | other)
    timer(trader)
    assert timer(trader, 5_000)["waiting"] == (0 if ours else 1)
    assert told(bare, trader) == (("released", 0, []) if ours else ("reserved", 1.0, []))


def test_one_order_is_not_taken_for_two(trader: Driver, bare: Rig) -> None:
    """The first is done; the second, the same in all, never was."""
    assert trader.do("ask", **QUESTION, magic=7, max_lots=0.3)["lots"] == 0.3
    trader.do("script", retcode=TIMEOUT, filled=True, nameless=True, comment="by the broker")
    trader.do("open")
    assert told(bare, trader) == ("open", 0, [0.3])
    assert trader.do("ask", **QUESTION, magic=7, max_lots=0.3)["lots"] == 0.3
    trader.do("script", retcode=TIMEOUT)
    trader.do("open")
    assert timer(trader)["waiting"] == 1
    assert told(bare, trader) == ("reserved", 0.3, [])


def test_an_order_that_closes_is_not_taken_for_one_that_opens(trader: Driver, bare: Rig) -> None:
    """A reversal: what was sold is bought back just before as much is bought, and the broker writes the comments."""
    sold = {"opens": True, "ticket": 555, "order": 555, "deal": 556, "lots": 1.0, "price": 1.1, "symbol": "EURUSD"}
    trader.do("mirror", **sold, side=1, magic=7, time_msc=NOW_MS, sl=1.105, tp=0.0)
    trader.do("script", retcode=DONE, comment="by the broker")
    trader.do("close")
    trader.do("script", retcode=TIMEOUT)
    trader.do("open")
    timer(trader, 2_000)
    assert timer(trader)["waiting"] == 1
    assert told(bare, trader) == ("reserved", 1.0, [])


def test_an_order_that_is_never_seen_is_left_to_the_daemon(trader: Driver, bare: Rig) -> None:
    """After a minute of connection; the daemon lets the reservation lapse by itself."""
    trader.do("script", retcode=TIMEOUT)
    trader.do("open")
    trader.do("set", what="connected", value=0)
    timer(trader, 300_000)
    trader.do("set", what="connected", value=1)
    assert timer(trader, 59_000)["waiting"] == 1
    left = timer(trader, 1_000)
    assert left["waiting"] == 0
    assert "left to the daemon" in left["printed"]
    assert told(bare, trader) == ("reserved", 1.0, []), "not released: nobody knows"


# Positions ----------------------------------------------------------------------------------------------------------


def test_a_fill_waits_for_its_position_to_be_shown(trader: Driver, bare: Rig) -> None:
    trader.do("script", retcode=DONE, blind=True)
    assert trader.do("open")["waiting"] == 1
    assert told(bare, trader) == ("reserved", 1.0, [])
    trader.do("show")
    assert timer(trader)["waiting"] == 0
    assert told(bare, trader) == ("open", 0, [1.0])


def test_a_position_that_is_gone_before_it_was_seen_is_reported_by_its_identifier(trader: Driver, bare: Rig) -> None:
    trader.do("script", retcode=DONE, later=True, mute=True, hidden=True)
    trader.do("open")
    trader.do("show")
    trader.do("close")
    timer(trader, 0)
    assert told(bare, trader) == ("reserved", 1.0, [])
    assert timer(trader, 2_000)["waiting"] == 0
    assert told(bare, trader) == ("open", 0, [1.0])
    later(trader)
    assert state(bare) == (0, False), "and is known to be closed"


def test_on_a_netting_account_a_trade_reports_its_own_lots(trader: Driver, bare: Rig) -> None:
    """Somebody has bought by hand since the answer: the order goes into that position, in two parts."""
    trader.do("set", what="account", value=0)
    hand = {"opens": True, "ticket": 555, "order": 555, "deal": 556, "lots": 0.3, "price": 1.1001, "symbol": "EURUSD"}
    trader.do("mirror", **hand, side=0, magic=0, time_msc=NOW_MS, sl=1.0951, tp=0.0)
    trader.do("script", retcode=PARTIAL, part=0.6, rests=True)
    done = trader.do("open")
    assert (done["positions"], done["volume"], done["waiting"]) == (1, 0.9, 1)
    assert told(bare, trader) == ("partly_open", 0.4, [0.6])
    trader.do("fill", lots=0.4)
    assert told(bare, trader) == ("open", 0, [1.0])
    name = trader.do("sent")["comment"].removeprefix("lotbridge ")
    reservation = bare.desks[0].reservation(name)
    assert reservation is not None
    assert reservation.tickets == (555,)
    assert shown(trader, bare) == (0, True)
    assert bare.status()["open_risk"] == pytest.approx(650, rel=0.05)
    later(trader, 40_000)
    later(trader)
    assert bare.status()["open_risk"] == pytest.approx(650, rel=0.05), "nothing is counted twice in the end either"


def test_on_a_netting_account_there_is_one_trade_of_a_symbol_at_a_time(trader: Driver, bare: Rig) -> None:
    trader.do("set", what="account", value=0)
    for _ in range(3):
        assert trader.do("open")["waiting"] == 0
        assert told(bare, trader) == ("open", 0, [1.0])
        assert shown(trader, bare) == (0, True)
        assert trader.do("ask", **QUESTION, magic=7, max_lots=1.0)["code"] == "positions_limit"
        trader.do("close")
        later(trader)
        assert state(bare) == (0, False)
        assert trader.do("ask", **QUESTION, magic=7, max_lots=1.0)["lots"] == 1.0
