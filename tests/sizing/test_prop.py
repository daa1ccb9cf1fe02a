"""The firm's day, its weekend, and its floors."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizing.engine import size
from sizing.prop.calendar import day_bounds, weekend_bounds
from sizing.prop.evaluate import breached, evaluate
from sizing.prop.firm import Firm, NewsBlackout
from sizing.prop.history import balance_at
from sizing.prop.rules import LossRule
from sizing.snapshot import NewsWindow, Quote, RuleStatus
from tests.builders import at, make_account, make_deal
from tests.sizing.builders import ftmo, loss_rule, make_policy, make_signal, make_snapshot, state_of, total_rule
from tests.sizing.strategies import EXAMPLES, numbers

HOUR = 3_600_000


def text(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def bounds(now: str, **firm: Any) -> tuple[str, str]:
    start, end = day_bounds(ftmo(**firm), at(now))
    return text(start), text(end)


# The day -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        # In winter Prague is one hour ahead of UTC.
        ("2026-01-15 12:00:00", "2026-01-14 23:00:00", "2026-01-15 23:00:00"),
        ("2026-01-15 22:59:59", "2026-01-14 23:00:00", "2026-01-15 23:00:00"),
        ("2026-01-15 23:00:00", "2026-01-15 23:00:00", "2026-01-16 23:00:00"),
        # In summer it is two.
        ("2026-07-15 21:59:59", "2026-07-14 22:00:00", "2026-07-15 22:00:00"),
        ("2026-07-15 22:00:00", "2026-07-15 22:00:00", "2026-07-16 22:00:00"),
        # 29 March 2026 has 23 hours, 25 October 2026 has 25.
        ("2026-03-29 12:00:00", "2026-03-28 23:00:00", "2026-03-29 22:00:00"),
        ("2026-10-25 12:00:00", "2026-10-24 22:00:00", "2026-10-25 23:00:00"),
        # Between the two US and the two EU changes Prague keeps its own time.
        ("2026-03-10 12:00:00", "2026-03-09 23:00:00", "2026-03-10 23:00:00"),
        ("2026-10-28 12:00:00", "2026-10-27 23:00:00", "2026-10-28 23:00:00"),
    ],
)
def test_ftmos_day_is_pragues(now: str, start: str, end: str) -> None:
    assert bounds(now) == (start, end)


@pytest.mark.parametrize(("date", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_days_last_as_long_as_the_clocks_say(date: str, hours: int) -> None:
    start, end = day_bounds(ftmo(), at(f"{date} 12:00:00"))
    assert end - start == hours * HOUR


@pytest.mark.parametrize(
    ("date", "clock"),
    [
        ("2026-02-10", "01:00"), ("2026-03-07", "01:00"), ("2026-03-10", "02:00"), ("2026-03-27", "02:00"),
        ("2026-03-31", "01:00"), ("2026-07-01", "01:00"), ("2026-10-24", "01:00"), ("2026-10-27", "02:00"),
        ("2026-10-31", "02:00"), ("2026-11-03", "01:00"),
    ],
)  # fmt: skip
def test_prague_midnight_is_one_oclock_on_a_server_at_new_york_plus_seven_and_two_in_the_odd_weeks(
    date: str, clock: str
) -> None:
    start, _ = day_bounds(ftmo(), at(f"{date} 12:00:00"))
    new_york = datetime.fromtimestamp(start / 1000, UTC).astimezone(ZoneInfo("America/New_York"))
    # Servers that follow New York show midnight when it is 17:00 there.
    assert (new_york.replace(tzinfo=None) + timedelta(hours=7)).strftime("%H:%M") == clock


@pytest.mark.parametrize(
    ("zone", "reset", "now", "start", "end"),
    [
        ("America/Chicago", "17:00", "2026-01-15 22:59:59", "2026-01-14 23:00:00", "2026-01-15 23:00:00"),
        ("America/Chicago", "17:00", "2026-01-15 23:00:00", "2026-01-15 23:00:00", "2026-01-16 23:00:00"),
        ("America/Chicago", "17:00", "2026-03-08 12:00:00", "2026-03-07 23:00:00", "2026-03-08 22:00:00"),
        ("Etc/GMT-3", "00:00", "2026-03-29 20:59:59", "2026-03-28 21:00:00", "2026-03-29 21:00:00"),
        ("UTC", "00:00", "2026-03-29 00:00:00", "2026-03-29 00:00:00", "2026-03-30 00:00:00"),
        ("Pacific/Kiritimati", "23:30", "2026-01-01 09:29:59", "2025-12-31 09:30:00", "2026-01-01 09:30:00"),
        # 02:30 does not exist in Prague on 29 March and exists twice on 25 October.
        ("Europe/Prague", "02:30", "2026-03-29 12:00:00", "2026-03-29 01:30:00", "2026-03-30 00:30:00"),
        ("Europe/Prague", "02:30", "2026-10-25 01:00:00", "2026-10-25 00:30:00", "2026-10-26 01:30:00"),
    ],
)
def test_other_zones_and_resets(zone: str, reset: str, now: str, start: str, end: str) -> None:
    assert bounds(now, timezone=zone, reset=reset) == (start, end)


@pytest.mark.parametrize("zone", ["Europe/Prague", "America/New_York", "Australia/Lord_Howe", "Asia/Tehran", "UTC"])
def test_days_follow_each_other_without_gap_or_overlap(zone: str) -> None:
    firm = ftmo(timezone=zone, reset="02:30")
    now, days = at("2026-01-01 00:00:00"), []
    while now < at("2027-01-02 00:00:00"):
        start, end = day_bounds(firm, now)
        days.append((start, end))
        assert start <= now < end
        assert day_bounds(firm, end - 1) == (start, end)
        now = end
    assert all(first[1] == second[0] for first, second in pairwise(days))
    assert all(22.4 * HOUR < end - start < 25.6 * HOUR for start, end in days)


@EXAMPLES
@given(
    st.integers(at("2020-01-01 00:00:00"), at("2030-01-01 00:00:00")),
    st.sampled_from(("Europe/Prague", "America/Chicago", "Asia/Nicosia", "Etc/GMT-3", "Australia/Sydney")),
    st.sampled_from(("00:00", "17:00", "02:30", "23:59")),
)
def test_now_always_lies_in_its_day(now_ms: int, zone: str, reset: str) -> None:
    firm = ftmo(timezone=zone, reset=reset)
    start, end = day_bounds(firm, now_ms)
    assert start <= now_ms < end
    assert day_bounds(firm, start) == (start, end)
    assert day_bounds(firm, end)[0] == end


# The weekend -------------------------------------------------------------------------------------------------------


def weekend(now: str, **firm: Any) -> tuple[str, str] | None:
    found = weekend_bounds(ftmo(weekend_flat=True, **firm), at(now))
    return None if found is None else (text(found[0]), text(found[1]))


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        # Friday 20:00 to Sunday 22:00 in Prague, in winter, in summer and over both changes (a Sunday each).
        ("2026-01-14 12:00:00", "2026-01-16 19:00:00", "2026-01-18 21:00:00"),
        ("2026-01-16 19:00:00", "2026-01-16 19:00:00", "2026-01-18 21:00:00"),
        ("2026-01-18 20:59:59", "2026-01-16 19:00:00", "2026-01-18 21:00:00"),
        ("2026-01-18 21:00:00", "2026-01-23 19:00:00", "2026-01-25 21:00:00"),
        ("2026-07-15 12:00:00", "2026-07-17 18:00:00", "2026-07-19 20:00:00"),
        ("2026-03-28 12:00:00", "2026-03-27 19:00:00", "2026-03-29 20:00:00"),
        ("2026-10-24 12:00:00", "2026-10-23 18:00:00", "2026-10-25 21:00:00"),
    ],
)
def test_the_weekend_that_holds_or_the_next_one(now: str, start: str, end: str) -> None:
    assert weekend(now) == (start, end)


def test_a_weekend_may_run_over_monday_midnight() -> None:
    over = {"weekend_from": "Fri 22:00", "weekend_until": "Mon 01:00"}
    assert weekend("2026-01-18 23:59:00", **over) == ("2026-01-16 21:00:00", "2026-01-19 00:00:00")
    assert weekend("2026-01-19 00:00:00", **over) == ("2026-01-23 21:00:00", "2026-01-26 00:00:00")


def test_a_firm_without_the_rule_has_no_weekend() -> None:
    assert weekend_bounds(ftmo(weekend_flat=False), at("2026-01-17 12:00:00")) is None


@EXAMPLES
@given(
    st.integers(at("2024-01-01 00:00:00"), at("2028-01-01 00:00:00")),
    st.sampled_from(("Europe/Prague", "America/New_York", "UTC")),
    st.sampled_from(
        (("Fri 20:00", "Sun 22:00"), ("Fri 23:59", "Mon 00:05"), ("Sat 00:00", "Mon 00:00"), ("Sun 10:00", "Sun 11:00"))
    ),
)
def test_the_weekend_returned_is_never_over_and_never_more_than_a_week_away(
    now_ms: int, zone: str, spans: tuple[str, str]
) -> None:
    firm = ftmo(weekend_flat=True, timezone=zone, weekend_from=spans[0], weekend_until=spans[1])
    found = weekend_bounds(firm, now_ms)
    assert found is not None
    start, end = found
    assert start < end
    assert now_ms < end
    assert start - now_ms <= 7 * 24 * HOUR + HOUR


# The anchor --------------------------------------------------------------------------------------------------------

MIDNIGHT = at("2026-01-14 23:00:00")


def deal(hours: float, profit: float, **over: Any) -> Any:
    return make_deal(time_ms=MIDNIGHT + int(hours * HOUR), profit=profit, **over)


def cash(hours: float, amount: float) -> Any:
    return deal(hours, amount, symbol="", position_id=0)


@pytest.mark.parametrize(
    ("deals", "expected"),
    [
        ([], 100_000.0),
        ([deal(1, 664.13)], 99_335.87),
        ([deal(-1, 500.0)], 100_000.0),  # yesterday's
        ([deal(0, 500.0)], 99_500.0),  # at midnight: today's
        ([deal(1, 500.0, commission=-7.0, swap=-3.0, fee=-1.0)], 99_511.0),
        ([deal(1, 500.0), deal(2, -800.0)], 100_300.0),
        ([cash(1, 5_000.0)], 100_000.0),  # a deposit counts as having been there
        ([cash(1, -5_000.0)], 105_000.0),  # a withdrawal does not lower the anchor
        ([cash(1, -12.0)], 100_012.0),  # a charge
        ([cash(1, 5_000.0), cash(2, -1_000.0), deal(3, 300.0)], 100_700.0),
        ([cash(-1, -5_000.0)], 100_000.0),
    ],
)
def test_the_balance_at_midnight_from_what_was_booked_since(deals: Any, expected: float) -> None:
    assert balance_at(MIDNIGHT, 100_000.0, deals) == pytest.approx(expected)


@EXAMPLES
@given(st.lists(st.tuples(numbers(-24.0, 24.0), numbers(-5_000.0, 5_000.0), st.booleans()), max_size=6))
def test_the_anchor_is_never_below_the_balance_there_was(moves: list[tuple[float, float, bool]]) -> None:
    deals = [cash(hours, amount) if money else deal(hours, amount) for hours, amount, money in moves]
    midnight = 100_000.0
    now = midnight + sum(each.net for each in deals if each.time_ms >= MIDNIGHT)
    assert balance_at(MIDNIGHT, now, deals) >= midnight - 1e-6


# Floors ------------------------------------------------------------------------------------------------------------


def status(
    rule: LossRule, balance: float, equity: float, initial: float = 200_000.0, anchor: float = 200_000.0
) -> RuleStatus:
    return evaluate(rule, make_account(balance=balance, equity=equity), initial, anchor, at("2026-01-15 23:00:00"))


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("equity", [189_999.99, 190_000.0, 190_000.000_000_1, 190_000.01, 201_000.0])
def test_a_breach_is_found_alone_as_with_all_the_rest(equity: float, strict: bool) -> None:
    rule = replace(ftmo().rules[0], strict=strict)
    account = make_account(balance=204_000.0, equity=equity)
    whole = evaluate(rule, account, 200_000.0, 200_000.0, at("2026-01-15 23:00:00"))
    assert breached(rule, account, 200_000.0, 200_000.0) is whole.breached
    assert whole.breached is (equity < 190_000.0 if strict else equity < 190_000.01)


def test_minus_13000_after_plus_4000_is_legal_at_2359_and_a_breach_at_midnight() -> None:
    firm = ftmo()
    # 200,000 at midnight, 4,000 closed since, 13,000 of floating loss: equity 191,000 over a floor of 190,000.
    account = make_account(balance=204_000.0, equity=191_000.0)
    before_ms, after_ms = at("2026-01-15 22:59:59"), at("2026-01-15 23:00:00")
    deals = [deal(5, 4_000.0)]

    def daily(now_ms: int) -> RuleStatus:
        anchor = balance_at(day_bounds(firm, now_ms)[0], account.balance, deals)
        return state_of(firm, account, 200_000.0, anchor, now_ms).rules[0]

    before, after = daily(before_ms), daily(after_ms)
    assert (before.floor, before.headroom) == pytest.approx((190_000.0, 1_000.0))
    assert (after.floor, after.headroom) == pytest.approx((194_000.0, -3_000.0))
    assert (before.floor_after_reset, before.headroom_after_reset) == pytest.approx((194_000.0, -3_000.0))
    assert before.resets_ms == after_ms


@pytest.mark.parametrize(
    ("now", "code"), [("2026-01-15 22:59:59", "daily_loss_headroom"), ("2026-01-15 23:00:00", "rule_breached")]
)
def test_the_engine_refuses_before_midnight_already(now: str, code: str) -> None:
    account = make_account(balance=204_000.0, equity=191_000.0)
    now_ms = at(now)
    anchor = 200_000.0 if code == "daily_loss_headroom" else 204_000.0
    snapshot = make_snapshot(
        account=account, now_ms=now_ms, account_ms=now_ms, spec_ms=now_ms, peak_equity=191_000.0,
        quote=Quote(1.1, 1.1, now_ms),
        firm=state_of(ftmo(), account, 200_000.0, anchor, now_ms),
    )  # fmt: skip
    assert size(make_signal(), snapshot, make_policy()).code == code


@pytest.mark.parametrize(
    ("rule", "balance", "equity", "floor", "headroom"),
    [
        (loss_rule(), 200_000.0, 195_000.0, 190_000.0, 5_000.0),
        (loss_rule(of="anchor"), 200_000.0, 195_000.0, 199_500.0, -4_500.0),  # 5 % of an anchor of 210,000
        (total_rule(), 200_000.0, 195_000.0, 180_000.0, 15_000.0),
        (loss_rule(amount_pct=3.0), 200_000.0, 195_000.0, 194_000.0, 1_000.0),
        # A rule on the balance takes floating losses as realised, and no floating profit.
        (total_rule(measured_on="balance"), 200_000.0, 195_000.0, 180_000.0, 15_000.0),
        (total_rule(measured_on="balance"), 200_000.0, 205_000.0, 180_000.0, 20_000.0),
        (total_rule(), 200_000.0, 205_000.0, 180_000.0, 25_000.0),
    ],
)
def test_floors_and_headroom(rule: LossRule, balance: float, equity: float, floor: float, headroom: float) -> None:
    anchor = 210_000.0 if rule.of == "anchor" else 200_000.0
    found = status(rule, balance, equity, anchor=anchor)
    assert (found.floor, found.headroom) == pytest.approx((floor, headroom))


@pytest.mark.parametrize(
    ("balance", "equity", "after"),
    [(200_000.0, 200_000.0, 190_000.0), (205_000.0, 199_000.0, 195_000.0), (200_000.0, 207_000.0, 197_000.0)],
)
def test_the_next_anchor_may_be_the_larger_of_balance_and_equity(balance: float, equity: float, after: float) -> None:
    found = status(loss_rule(), balance, equity)
    assert found.floor_after_reset == pytest.approx(after)
    assert found.headroom_after_reset == pytest.approx(equity - after)


def test_a_total_rule_does_not_reset() -> None:
    found = status(total_rule(), 205_000.0, 201_000.0)
    assert found.resets_ms is None
    assert (found.floor_after_reset, found.headroom_after_reset) == (found.floor, found.headroom)


@pytest.mark.parametrize(
    ("equity", "used"), [(200_000.0, 0.0), (195_000.0, 50.0), (190_000.0, 100.0), (204_000.0, 0.0)]
)
def test_the_share_of_the_limit_that_is_used(equity: float, used: float) -> None:
    assert status(loss_rule(), 200_000.0, equity).used_percent == pytest.approx(used)


def test_a_daily_rule_needs_the_days_anchor_and_every_rule_the_initial_balance() -> None:
    account, now_ms = make_account(), at("2026-01-15 12:00:00")
    assert state_of(ftmo(), account, 100_000.0, None, now_ms).missing
    assert state_of(ftmo(), account, None, 100_000.0, now_ms).missing
    assert not state_of(ftmo(rules=(total_rule(),)), account, 100_000.0, None, now_ms).missing
    assert not state_of(ftmo(rules=()), account, None, None, now_ms).missing
    complete = state_of(ftmo(), account, 100_000.0, 100_000.0, now_ms)
    assert complete.missing == ()
    assert [rule.name for rule in complete.rules] == ["daily", "total"]


def test_the_state_carries_weekend_and_news() -> None:
    news = NewsBlackout(
        start="2026-12-10T13:28:00Z", end="2026-12-10T13:32:00Z", currencies=("USD",), title="US consumer prices"
    )
    firm = ftmo(weekend_flat=True, news=(news,))
    state = state_of(firm, make_account(), 100_000.0, 100_000.0, at("2026-01-14 12:00:00"))
    assert (state.weekend_from_ms, state.weekend_until_ms) == (at("2026-01-16 19:00:00"), at("2026-01-18 21:00:00"))
    assert state.news == (
        NewsWindow(at("2026-12-10 13:28:00"), at("2026-12-10 13:32:00"), ("USD",), "US consumer prices"),
    )


@EXAMPLES
@given(numbers(150_000.0, 250_000.0), numbers(150_000.0, 250_000.0), numbers(0.0, 20_000.0))
def test_losing_money_never_adds_headroom(balance: float, equity: float, loss: float) -> None:
    for rule in (loss_rule(), loss_rule(of="anchor"), total_rule(), total_rule(measured_on="balance")):
        before, floating = status(rule, balance, equity), status(rule, balance, equity - loss)
        realised = status(rule, balance - loss, equity - loss)
        for after in (floating, realised):
            assert after.headroom <= before.headroom + 1e-6
            assert after.headroom_after_reset <= before.headroom_after_reset + 1e-6


@pytest.mark.parametrize(
    "keys",
    [
        {"reset": "24:00"}, {"weekend_from": "Fr 20:00"}, {"weekend_from": "Sun 22:00"},
        {"rules": (loss_rule(), loss_rule())},
    ],
)  # fmt: skip
def test_a_firm_that_makes_no_sense_cannot_be_made(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must"):
        ftmo(**keys)


def test_a_rule_whose_anchor_does_not_fit_its_scope_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="anchor"):
        loss_rule(scope="daily", anchor="initial")
    assert Firm(name="own", title="Own").rules == ()
