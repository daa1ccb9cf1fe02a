"""The firm's dataclasses hold their own rules, however they are built."""

import dataclasses
from typing import Any

import pytest

from sizing.prop.firm import Firm, NewsBlackout
from sizing.prop.formats import FieldsError, day_minute, utc_ms, week_minute
from sizing.prop.rules import LossRule

DAILY = LossRule(
    name="day", scope="daily", amount_pct=5.0, anchor="balance", sampled="reset", source="x", as_of="2026-11-20"
)
TOTAL = LossRule(
    name="all", scope="total", amount_pct=10.0, anchor="initial", sampled="inception", source="x", as_of="2026-11-20"
)
BEST = dataclasses.replace(DAILY, scope="total", ratchet=True)


@pytest.mark.parametrize(("text", "minute"), [("00:00", 0), ("17:05", 1025), ("23:59", 1439)])
def test_time_of_day_is_minutes_since_midnight(text: str, minute: int) -> None:
    assert day_minute(text) == minute


@pytest.mark.parametrize("text", ["", "24:00", "7:00", "07:60", "07:00 ", "०7:00"])
def test_wrong_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HH:MM"):
        day_minute(text)


@pytest.mark.parametrize(("text", "minute"), [("Mon 00:00", 0), ("Fri 20:00", 6960), ("Sun 22:00", 9960)])
def test_time_of_week_is_minutes_since_monday(text: str, minute: int) -> None:
    assert week_minute(text) == minute


def test_utc_time_is_milliseconds() -> None:
    assert utc_ms("1970-01-02T00:00:00.250Z") == 86_400_250


@pytest.mark.parametrize("text", ["", "2026-12-10", "2026-12-10T13:28:00+01:00", "2026-12-10T13:28:00", "TZ"])
def test_time_that_is_not_utc_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a UTC time"):
        utc_ms(text)


@pytest.mark.parametrize(
    ("rule", "change", "key"),
    [
        (DAILY, {"anchor": "initial"}, "anchor"),
        (TOTAL, {"anchor": "balance"}, "anchor"),
        (TOTAL, {"scope": "daily"}, "sampled"),
        (TOTAL, {"ratchet": True}, "ratchet"),
        (TOTAL, {"breach": "pauses"}, "breach"),
        (DAILY, {"ratchet": True}, "ratchet"),
        (DAILY, {"scope": "total"}, "ratchet"),
        (DAILY, {"sampled": "close"}, "ratchet"),
        (DAILY, {"lock_pct": 100.0}, "lock_pct"),
        (DAILY, {"amount_pct": None}, "amount_pct"),
        (DAILY, {"amount_by_size": {"50000": 2000.0}}, "amount_by_size"),
        (DAILY, {"as_of": "yesterday"}, "as_of"),
        (BEST, {"sampled": "tick"}, "anchor"),
        (BEST, {"sampled": "close", "anchor": "equity"}, "anchor"),
        (BEST, {"lock_plus_money": 100.0}, "lock_plus_money"),
        (BEST, {"after_payout": "locks"}, "after_payout"),
    ],
)
def test_contradiction_names_the_field(rule: LossRule, change: dict[str, Any], key: str) -> None:
    with pytest.raises(FieldsError) as caught:
        dataclasses.replace(rule, **change)
    assert [fault[0] for fault in caught.value.faults] == [key]


@pytest.mark.parametrize("amount", [0.0, -1.0, 100.1, float("nan")])
def test_amount_outside_its_range_is_refused(amount: float) -> None:
    with pytest.raises(ValueError, match="amount_pct"):
        dataclasses.replace(DAILY, amount_pct=amount)


def test_blackout_gives_its_milliseconds() -> None:
    blackout = NewsBlackout(start="2026-12-10T13:28:00Z", end="2026-12-10T13:32:00Z", title="x")
    assert blackout.end_ms - blackout.start_ms == 240_000


def test_firm_lists_every_contradiction_at_once() -> None:
    with pytest.raises(FieldsError) as caught:
        Firm(name="x", title="X", reset="25:00", weekend_from="never", rules=(DAILY, DAILY, TOTAL))
    assert [fault[0] for fault in caught.value.faults] == ["reset", "weekend_from", "rules"]
