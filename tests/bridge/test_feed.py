"""The EA as the daemon's eyes, through the service: gaps, conflicts, restarts, several accounts, and any numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.protocol.codec import encode
from tests.bridge.builders import (
    NO_RULES,
    Rig,
    account_info,
    account_settings,
    decoded,
    granted,
    position_info,
    quote_info,
    recomputed,
    roomy_policy,
    size_fields,
    symbol_info,
)
from tests.builders import LOGIN, NOW_MS
from tests.protocol.strategies import requests

INCREMENT: dict[str, Any] = {
    "account_info": None, "symbols": None, "positions": None, "orders": None, "quotes": None, "deals": None,
}  # fmt: skip
HOUR_MS = 3_600_000


# One feed ------------------------------------------------------------------------------------------------------------


def test_a_gap_asks_for_everything_and_halts_until_it_comes(rig: Rig) -> None:
    assert rig.feed(**INCREMENT)["resync"] is False
    rig.snapshot_fields()  # a message that gets lost
    reply = rig.feed(**{**INCREMENT, "quotes": [quote_info()]})
    assert (reply["status"], reply["resync"]) == ("ok", True)
    assert rig.size()["code"] == "terminal_unavailable"
    status = rig.status()
    assert status["halted"] == "terminal_unavailable"
    assert status["terminal"]["connected"] is False
    assert (status["equity"], status["balance"], status["rules"]) == (None, None, [])
    assert rig.feed(**INCREMENT)["resync"] is True
    assert rig.feed()["resync"] is False
    granted(rig.size())


def test_a_gap_keeps_reservations(rig: Rig) -> None:
    granted(rig.size())
    held = rig.reserved()
    rig.snapshot_fields()
    rig.feed(**INCREMENT)
    rig.tick(HOUR_MS)
    rig.service.housekeep()
    assert rig.reserved() == held, "nothing may lapse unseen"


def test_a_first_message_that_is_not_full_asks_for_everything(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    assert rig.feed(**INCREMENT)["resync"] is True
    assert rig.feed()["resync"] is False
    rig.close()


def test_a_restarted_daemon_asks_for_everything(rig: Rig) -> None:
    rig.reopen()
    assert rig.size()["code"] == "terminal_unavailable"
    assert rig.feed(**INCREMENT)["resync"] is True
    assert rig.feed()["resync"] is False
    granted(rig.size())


def test_another_session_is_a_conflict_until_the_first_is_silent_for_30_seconds(rig: Rig) -> None:
    assert rig.feed(session="second")["code"] == "feed_conflict"
    rig.tick(29_999)
    assert rig.feed(session="second", time_trade_server=rig.clock.now_ms() // 1000)["code"] == "feed_conflict"
    granted(rig.size()) if rig.feed()["status"] == "ok" else pytest.fail("the first session lost its account")
    rig.tick(30_000)
    assert rig.feed(session="second")["status"] == "ok"
    assert rig.feed(session="ea")["code"] == "feed_conflict"


def test_a_refused_message_changes_neither_evidence_nor_time(rig: Rig) -> None:
    before, now_ms = rig.status(), rig.clock.now_ms()
    later = (now_ms + 20_000) // 1000
    for parts in (
        {"session": "second", "account_info": account_info(balance=5.0)},
        {"account_info": account_info(login=LOGIN + 1)},
        {"positions": [position_info(1), position_info(1)]},
        {"quotes": [quote_info(bid=1.2, ask=1.1)]},
    ):
        assert rig.feed(time_trade_server=later, **parts)["status"] == "error"
        assert rig.clock.now_ms() == now_ms
        after = rig.status()
        assert {**after, "id": None} == {**before, "id": None}


def test_a_feed_restart_with_a_new_session_takes_over_after_the_silence(rig: Rig) -> None:
    granted(rig.size(max_lots=0.1))
    held = rig.reserved()
    rig.tick(31_000 - 2_000)
    assert rig.reserved() == held
    rig.tick(4_000)
    assert rig.feed(session="restarted", positions=[position_info(5, volume=0.1, sl=1.0951)])["resync"] is False
    assert rig.reserved() == 0, "the reservation met its position"
    assert rig.status()["open_risk"] > 0


def test_an_account_that_is_not_fed_any_more_is_refused(rig: Rig) -> None:
    rig.tick(30_001)
    assert rig.status()["halted"] == "terminal_unavailable"


# Status --------------------------------------------------------------------------------------------------------------


def test_status_tells_the_account_at_a_glance(rig: Rig) -> None:
    rig.feed(
        account_info=account_info(balance=100_000.0, equity=99_500.0),
        positions=[position_info(1, price_current=1.095, sl=1.09)],
        quotes=[quote_info(bid=1.095, time_msc=NOW_MS - 3_000)],
    )
    status = rig.status()
    assert status["account"] == LOGIN
    assert (status["equity"], status["balance"]) == (99_500.0, 100_000.0)
    assert [rule["name"] for rule in status["rules"]] == ["daily", "total"]
    assert status["rules"][0] == {
        "name": "daily", "floor": 95_000.0, "headroom": 4_500.0, "used_percent": 10.0,
        "resets_ms": NOW_MS + 13 * HOUR_MS,
    }  # fmt: skip
    assert status["rules"][1] == {
        "name": "total", "floor": 90_000.0, "headroom": 9_500.0, "used_percent": 5.0, "resets_ms": None,
    }  # fmt: skip
    assert status["open_risk"] == pytest.approx(500.0)
    assert (status["reserved_risk"], status["halted"], status["protocol"]) == (0, None, 1)
    assert status["terminal"] == {"connected": True, "source": "ea_feed", "quote_age_ms": 3_000}
    assert len(status["policy_hash"]) >= 8
    assert status["version"]


@pytest.mark.parametrize(
    ("parts", "halted"),
    [
        ({"account_info": account_info(trade_allowed=False)}, "trading_halted"),
        ({"account_info": account_info(equity=94_000.0)}, "rule_breached"),
        ({"positions": [position_info(sl=0.0)]}, "unpriceable_position"),
        ({"positions": [position_info(symbol="GBPUSD")]}, "unpriceable_position"),
        ({"deals": None}, "stale_account"),
    ],
)
def test_status_says_what_halts_every_size(tmp_path: Path, parts: dict[str, Any], halted: str) -> None:
    rig = Rig(tmp_path)
    rig.feed(**parts)
    assert rig.status()["halted"] == halted == rig.size()["code"]
    rig.close()


def test_the_policys_hash_follows_the_policy(tmp_path: Path) -> None:
    hashes = set()
    for number, policy in enumerate([roomy_policy(), roomy_policy(budget={"base_risk_pct": 1.0}), roomy_policy()]):
        rig = Rig(tmp_path / str(number), account_settings(policy=policy))
        hashes.add(rig.status()["policy_hash"])
        rig.close()
    assert len(hashes) == 2


# Several accounts ----------------------------------------------------------------------------------------------------


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, account_settings(1), account_settings(2, firm=NO_RULES))
    rig.feed(1)
    rig.feed(2)
    yield rig
    rig.close()


@pytest.mark.parametrize(
    "fields",
    [{"type": "ping"}, {"type": "status"}, size_fields(), {"type": "release", "reservation": "r1", "reason": ""}],
)
def test_several_accounts_need_the_account_to_be_named(two: Rig, fields: dict[str, Any]) -> None:
    reply = two.ask(**fields)
    assert (reply["status"], reply["code"], reply["field"]) == ("error", "missing_field", "account")
    assert two.ask(account=3, **fields)["code"] == "unknown_account"


def test_accounts_keep_their_ledgers_apart(two: Rig) -> None:
    first, second = granted(two.size(account=1)), granted(two.size(account=2))
    assert first["binding"] != second["binding"]
    held = {login: two.reserved(account=login) for login in (1, 2)}
    assert min(held.values()) > 0
    two.release(first["reservation"], account=1)
    assert (two.reserved(account=1), two.reserved(account=2)) == (0, held[2])
    for clean in (False, True):
        two.reopen(clean=clean)
        assert (two.reserved(account=1), two.reserved(account=2)) == (0, held[2])


def test_accounts_keep_their_evidence_apart(two: Rig) -> None:
    two.feed(1, account_info=account_info(login=1, equity=94_000.0), positions=[position_info(volume=0.1)])
    assert two.status(account=1)["halted"] == "rule_breached"
    assert two.status(account=2)["halted"] is None
    assert two.status(account=2)["open_risk"] == 0
    assert two.feed(2, account_info=account_info(login=1))["field"] == "account_info.login"


def test_one_eas_session_may_feed_two_accounts(two: Rig) -> None:
    assert two.feed(1, session="ea")["resync"] is False
    assert two.feed(2, session="ea")["resync"] is False


def test_an_eas_sequence_of_another_account_is_no_gap(two: Rig) -> None:
    for login in (1, 2, 2, 1):
        assert two.feed(login, **INCREMENT)["resync"] is False


# Any numbers ---------------------------------------------------------------------------------------------------------

PARTS = ("symbols", "positions", "orders", "quotes", "bars", "deals", "checks")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(messages=st.lists(requests("snapshot"), min_size=1, max_size=3))
def test_any_snapshot_is_answered_without_a_defect(
    tmp_path_factory: pytest.TempPathFactory, messages: list[Any]
) -> None:
    """Whatever a feed says within the types' ranges: no defect, then or later, and a restart finds all as it was."""
    rig = Rig(tmp_path_factory.mktemp("any"))
    try:
        rig.feed(symbols=[symbol_info(), symbol_info("USDJPY")])
        for sequence, message in enumerate(messages, start=1):
            fields = msgspec.to_builtins(message)
            fields |= {"id": f"any-{sequence}", "account": None, "session": "ea", "sequence": sequence}
            fields["time_trade_server"] = None
            for part in PARTS:
                for record in fields.get(part) or ():
                    _plausible(part, record)
            if fields.get("account_info"):
                fields["account_info"]["login"] = LOGIN
            reply = decoded(rig.send(encode(msgspec.convert(fields, type(message)))))
            assert reply["code"] != "internal", rig.service.events[-1]
            rig.service.housekeep()
            for side in ("buy", "sell"):
                for over in ({}, {"stop_loss": None, "take_profit": None}):
                    answer = rig.size(side=side, **over)
                    assert answer["code"] != "internal", rig.service.events[-1]
                    _check_numbers(answer)
            _check_numbers(rig.status())
        held = rig.reserved()
        rig.reopen()
        assert rig.reserved() == held
        rig.journal.fold()
        recomputed(rig.path)
    finally:
        rig.close()


def _plausible(part: str, record: dict[str, Any]) -> None:
    """Let a record pass the checks that would refuse it at once: it is about what comes after them."""
    name = "name" if part == "symbols" else "symbol"
    record[name] = "EURUSD" if len(record[name]) % 2 else "USDJPY"
    for key in ("time_msc", "time_setup_msc"):
        if key in record:
            record[key] = NOW_MS - abs(record[key]) % HOUR_MS
    if part == "quotes":
        record["bid"], record["ask"] = sorted((record["bid"], record["ask"]))
    if part == "symbols":
        record["volume_min"], record["volume_max"] = sorted((record["volume_min"], record["volume_max"]))
    if part == "deals":
        record["entry"] = abs(record.get("entry", 0)) % 4
    for number, rate in enumerate(record.get("rates", ())):
        rate["time"] = NOW_MS // 1000 - 90_000 + 3_600 * number
        rate["low"], rate["open"], rate["close"], rate["high"] = sorted(
            (rate["low"], rate["open"], rate["close"], rate["high"])
        )


def _check_numbers(reply: dict[str, Any]) -> None:
    """What must be a number is one: a float that overflowed would travel as null."""
    if reply["type"] == "status":
        assert isinstance(reply["open_risk"], int | float)
        assert isinstance(reply["reserved_risk"], int | float)
        return
    assert all(isinstance(value, int | float) for name, value in reply["risk"].items() if name != "currency"), reply
    assert isinstance(reply["base_lots"], int | float)
    assert all(isinstance(factor["value"], int | float) for factor in reply["factors"])
