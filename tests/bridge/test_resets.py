"""Time that misbehaves around a firm's reset: stopped processes, clocks set back and forward, daylight saving.

Whatever the clock does: no anchor falls, no reservation lapses early or is held for ever, and the old day's headroom
is never spent in the new day.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sizing.prop.firm import Firm
from tests.bridge.builders import Rig, granted, roomy_policy
from tests.bridge.paper import PaperAccount, PaperRig
from tests.bridge.test_review import DAY, HOUR, MINUTE
from tests.builders import at
from tests.sizing.builders import ftmo, loss_rule, total_rule

SECOND = 1_000
RESET = at("2026-03-04 23:00")
"""Midnight in Prague; a Thursday begins there."""
HOLD_MS = 30_000
GRACE_MS = 2_000
CLOCKS = roomy_policy(drawdown={"halt_pct": 50.0})

Make = Callable[..., PaperRig]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes rigs under FTMO's rules, or others, with an account whose deposit is among its deals."""
    rigs: list[PaperRig] = []

    def make(*rules: Any, begins_ms: int = RESET - 20 * HOUR, **over: Any) -> PaperRig:
        firm = ftmo(rules=rules) if rules else ftmo()
        paper = over.pop("paper", None) or PaperAccount(begins_ms)
        values = {"firm": firm, "policy": CLOCKS, **over}
        rigs.append(PaperRig(tmp_path / f"rig-{len(rigs)}", paper=paper, **values))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


def peak(**over: Any) -> Any:
    """A floor under the highest equity at any moment."""
    values: dict[str, Any] = {
        "name": "peak", "scope": "total", "amount_pct": 10.0, "anchor": "equity", "sampled": "tick", "ratchet": True,
    }  # fmt: skip
    return loss_rule(**{**values, **over})


def best(**over: Any) -> Any:
    """A floor under the highest balance of all resets."""
    return peak(**{"name": "best", "anchor": "balance", "sampled": "reset", **over})


def close(**over: Any) -> Any:
    """A floor under the highest balance after any trade."""
    return best(**{"name": "close", "sampled": "close", **over})


def headroom(reply: dict[str, Any]) -> float:
    """What the daily rule allowed an answer, before anything at risk was taken off."""
    (cap,) = [cap for cap in reply["caps"] if cap["name"] == "daily_share"]
    return float(cap["detail"].rpartition(" ")[2])


def evening(make: Make, *rules: Any, profit: float = 4_000.0) -> PaperRig:
    """Ten seconds to the reset, 4,000 earned today: 9,000 may be lost before it, and 5,000 after it."""
    rig = make(*rules)
    rig.paper.trade(RESET - 5 * HOUR, profit)
    for before in (10, 5):
        rig.clock.advance_to(RESET - before * SECOND)
        rig.report()
        if any(rule.sampled == "tick" for rule in rules):
            rig.set_anchor(100_000.0 + profit, "peak")  # it has traded before the daemon saw it
    return rig


def new_day_or_stale(reply: dict[str, Any], most: float) -> None:
    """An answer after the reset: the new day's headroom, or a refusal for age."""
    if reply["lots"] > 0:
        assert headroom(reply) <= most + 0.01
    else:
        assert reply["code"] in ("stale_account", "stale_quote", "terminal_unavailable"), reply


# Across the reset without a report -----------------------------------------------------------------------------------


def test_before_the_reset_the_old_day_holds_and_after_it_the_new_one(make: Make) -> None:
    rig = evening(make)
    rig.clock.advance_to(RESET - 1)
    assert headroom(rig.size(dry_run=True)) == 9_000
    rig.clock.advance_to(RESET)
    assert headroom(rig.size(dry_run=True)) == 5_000


@pytest.mark.parametrize("later_ms", [0, 1, 4_999, 5_001, MINUTE, HOUR, DAY, 7 * DAY])
def test_the_first_answers_of_the_new_day_without_a_report_use_its_anchor_or_refuse(make: Make, later_ms: int) -> None:
    rig = evening(make)
    assert headroom(rig.size(dry_run=True)) == 9_000
    rig.clock.advance_to(RESET + later_ms)
    new_day_or_stale(rig.size(dry_run=True), 5_000)
    for rule in rig.status()["rules"]:
        assert rule["name"] == "total" or rule["headroom"] == 5_000
    rig.service.housekeep()
    new_day_or_stale(rig.size(dry_run=True), 5_000)
    rig.report()
    assert rig.anchor() == 104_000


def test_a_profit_closed_between_the_last_report_and_the_reset_is_not_spent_after_it(make: Make) -> None:
    rig = make()
    held = rig.paper.open(RESET - HOUR)
    rig.paper.floats(held, 4_000.0)
    rig.clock.advance_to(RESET - 2 * SECOND)
    rig.report()
    rig.paper.close(held, RESET - SECOND)
    rig.clock.advance_to(RESET + SECOND)
    (cap,) = [cap for cap in rig.size(dry_run=True)["caps"] if cap["name"] == "daily_headroom"]
    assert float(cap["detail"].split()[0]) <= 5_000
    rig.report()
    assert rig.anchor() == 104_000


@pytest.mark.parametrize("anchor", ["equity", "higher"])
def test_equity_at_the_reset_is_that_of_the_reports_around_it(make: Make, anchor: str) -> None:
    rig = make(loss_rule(anchor=anchor), total_rule())
    held = rig.paper.open(RESET - HOUR)
    for floating, seconds in ((7_000.0, -50), (3_000.0, -5), (2_500.0, 3), (8_000.0, 6)):
        rig.paper.floats(held, floating)
        rig.clock.advance_to(RESET + seconds * SECOND)
        rig.report()
    assert rig.anchor() == 103_000
    rig.reopen()
    rig.tick(SECOND)
    rig.report()
    assert (rig.anchor(), rig.refusal()) == (103_000, None)


@pytest.mark.parametrize("anchor", ["equity", "higher"])
def test_equity_at_a_reset_that_nobody_watched_is_not_known(make: Make, anchor: str) -> None:
    rig = make(loss_rule(anchor=anchor), total_rule())
    rig.paper.floats(rig.paper.open(RESET - HOUR), 3_000.0)
    rig.clock.advance_to(RESET - MINUTE)
    rig.report()
    rig.clock.advance_to(RESET + SECOND)
    rig.report()
    assert (rig.anchor(), rig.refusal()) == (None, "stale_account")
    assert "lotbridge anchor set daily" in rig.size()["message"]


def test_equity_seen_just_before_a_reset_and_a_kill_is_not_lost(make: Make) -> None:
    rig = make(loss_rule(anchor="equity"), total_rule())
    held = rig.paper.open(RESET - HOUR)
    rig.clock.advance_to(RESET - 9 * SECOND)
    rig.report()
    rig.paper.floats(held, 3_000.0)
    rig.tick(4 * SECOND)
    rig.report()
    rig.reopen()
    rig.paper.floats(held, 0.0)
    rig.clock.advance_to(RESET + 5 * SECOND)
    rig.report()
    assert rig.anchor() in (None, 103_000)


def test_equity_at_a_reset_while_nothing_was_open_is_the_balance(make: Make) -> None:
    rig = evening(make, loss_rule(anchor="equity"))
    rig.reopen()
    rig.clock.advance_to(RESET + 9 * HOUR)
    rig.paper.floats(rig.paper.open(RESET + 8 * HOUR), -1_500.0)
    rig.report()
    assert (rig.anchor(), rig.refusal()) == (104_000, None)


# Set back ------------------------------------------------------------------------------------------------------------

STEPS = [2 * SECOND, 20 * SECOND, 10 * MINUTE, HOUR, 3 * HOUR, DAY]


@pytest.mark.parametrize("back_ms", STEPS)
def test_a_clock_set_back_over_the_reset_and_forward_again(make: Make, back_ms: int) -> None:
    rig = evening(make)
    rig.clock.advance_to(RESET + SECOND)
    rig.report()
    assert rig.anchor() == 104_000
    rig.tick(-back_ms)
    reply = rig.size(dry_run=True)
    assert reply["lots"] == 0 or headroom(reply) <= 9_000
    for _ in range(3):
        rig.report()
        wrong = rig.anchor()
        assert wrong in (100_000, None)
        rig.tick(100)
    rig.clock.advance_to(RESET + MINUTE + SECOND)
    for _ in range(70):
        rig.tick(SECOND)
        rig.report()
        new_day_or_stale(rig.size(dry_run=True), 5_000)
    assert rig.anchor() == 104_000


def test_a_clock_set_back_before_the_reset_is_answered_from_that_day_at_once(make: Make) -> None:
    rig = evening(make, profit=-3_000.0)
    rig.clock.advance_to(RESET + SECOND)
    rig.report()
    assert headroom(rig.size(dry_run=True)) == 5_000
    rig.tick(-2 * SECOND)
    reply = rig.size(dry_run=True)
    assert reply["code"] == "stale_account" or headroom(reply) == 2_000


def test_an_anchor_that_was_set_outlives_a_clock_set_back_over_the_reset(make: Make) -> None:
    rig = evening(make)
    rig.clock.advance_to(RESET + SECOND)
    rig.report()
    rig.set_anchor(106_000.0)
    rig.tick(-3 * SECOND)
    rig.report()
    rig.tick(3 * SECOND)
    rig.report()
    assert rig.anchor() == 106_000


@pytest.mark.parametrize("back_ms", STEPS)
@pytest.mark.parametrize("flat", [True, False])
def test_no_highest_ever_falls_when_the_clock_is_set_back(make: Make, back_ms: int, flat: bool) -> None:
    rig = make(peak(), best(), close(), total_rule(), begins_ms=RESET - 4 * HOUR)
    rig.clock.advance_to(RESET - 3 * HOUR)
    rig.report()
    held = rig.paper.open(rig.clock.now_ms())
    rig.paper.floats(held, 6_000.0)
    rig.tick(SECOND)
    rig.report()
    rig.paper.close(held, rig.clock.now_ms())
    rig.tick(SECOND)
    rig.report()
    rig.clock.advance_to(RESET + SECOND)
    rig.report()
    if not flat:
        rig.paper.open(rig.clock.now_ms())
    highest = {"peak": 106_000.0, "best": 106_000.0, "close": 106_000.0}
    assert {name: rig.anchor(name) for name in highest} == highest
    for step in (-back_ms, SECOND, SECOND, back_ms - 2 * SECOND, SECOND):
        rig.tick(step)
        rig.report()
        for name, before in highest.items():
            assert (rig.anchor(name) or before) >= before
    rig.reopen()
    rig.tick(SECOND)
    rig.report()
    for name, before in highest.items():
        assert (rig.anchor(name) or before) >= before


def test_a_days_highest_equity_does_not_fall_when_the_clock_is_set_back_over_the_reset(make: Make) -> None:
    rig = make(peak(scope="daily", name="daily"), total_rule())
    held = rig.paper.open(RESET - HOUR)
    rig.clock.advance_to(RESET - 2 * SECOND)
    rig.report()
    for floating in (3_000.0, 0.0):
        rig.tick(2 * SECOND)
        rig.paper.floats(held, floating)
        rig.report()
    assert rig.anchor() == 103_000
    for step in (-4 * SECOND, SECOND, 3 * SECOND, SECOND):
        rig.tick(step)
        rig.report()
        assert rig.anchor() in (None, 103_000) or rig.clock.now_ms() < RESET
    assert rig.anchor() in (None, 103_000)


def test_an_hour_without_reports_stays_missed_though_the_clock_was_set_back_meanwhile(make: Make) -> None:
    rig = make(peak(), total_rule())
    rig.clock.advance_to(RESET - 19 * HOUR)
    rig.report()
    rig.paper.open(rig.clock.now_ms())
    rig.tick(SECOND)
    rig.report()
    rig.reopen()
    rig.tick(-2 * HOUR)  # an hour has passed, and three were taken back
    for _ in range(4):
        rig.report()
        assert rig.refusal() == "stale_account"
        rig.tick(SECOND)


@pytest.mark.parametrize("back_ms", STEPS)
@pytest.mark.parametrize("killed", [False, True])
def test_a_reservation_neither_lapses_early_nor_is_held_for_ever(make: Make, back_ms: int, killed: bool) -> None:
    rig = make()
    rig.clock.advance_to(RESET - 10 * HOUR)
    rig.report()
    name = granted(rig.size(max_lots=0.1))["reservation"]
    held = rig.reserved()
    rig.tick(-back_ms)
    if killed:
        rig.reopen()
    for _ in range(HOLD_MS // SECOND):
        rig.report()
        assert rig.reserved() == held
        rig.tick(SECOND)
    # Without a step it would be over now. It is over at the latest when the clock has caught up.
    rig.tick(back_ms + GRACE_MS)
    rig.report()
    assert rig.reserved() == 0
    assert rig.release(name)["state"] == "lapsed"


def test_halts_stand_when_the_clock_is_set_back(make: Make) -> None:
    rig = make(loss_rule(breach="pauses"), total_rule())
    rig.clock.advance_to(RESET - HOUR)
    rig.report()
    rig.ask(type="halt", reason="dinner", until_reset=True)
    rig.tick(-3 * HOUR)
    rig.report()
    assert (rig.refusal(), rig.halts()) == ("trading_halted", [("trading_halted", RESET)])
    rig.clock.advance_to(RESET + SECOND)
    rig.report()
    rig.tick(MINUTE + SECOND)
    rig.report()
    assert rig.halts() == []


def test_a_timed_halt_before_the_first_message_is_refused_where_messages_are_the_clock(tmp_path: Path) -> None:
    """Until then it is 1970, and an end counted from there would have passed with the first message."""
    rig = Rig(tmp_path)
    rig.feed()
    rig.journal.close()
    again = Rig(tmp_path, now_ms=0)
    for name, end in (("early-1", {"minutes": 60}), ("early-2", {"until_reset": True})):
        assert again.ask(type="halt", id=name, reason="lunch", **end)["code"] == "bad_value"
    again.ask(type="halt", id="early-3", reason="lunch")
    again.clock.advance_to(rig.clock.now_ms() + MINUTE)
    again.feed(session="again", id="again-1")
    assert again.size(id="again-2")["code"] == "trading_halted"
    again.close()


# Set forward ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead_ms", [HOUR, 2 * HOUR, DAY, 3 * DAY])
@pytest.mark.parametrize("open_position", [False, True])
def test_a_clock_set_forward_refuses_or_answers_from_its_day(make: Make, ahead_ms: int, open_position: bool) -> None:
    rig = evening(make, loss_rule(), peak(), best(), total_rule())
    if open_position:
        rig.paper.open(rig.clock.now_ms())
        rig.tick(SECOND)
        rig.report()
    name = granted(rig.size(max_lots=0.1, magic=9))["reservation"]
    rig.tick(ahead_ms)
    new_day_or_stale(rig.size(dry_run=True), 5_000)
    rig.service.housekeep()
    assert rig.reserved() > 0, "an old report cannot tell that there is no position"
    for _ in range(70):
        rig.tick(SECOND)
        rig.report()
        new_day_or_stale(rig.size(dry_run=True), 5_000)
    assert rig.release(name)["state"] == "lapsed"
    assert rig.anchor() == 104_000
    assert rig.anchor("best") == 104_000
    assert rig.anchor("peak") == (None if open_position else 104_000)
    rig.tick(-ahead_ms)
    for _ in range(70):
        rig.tick(SECOND)
        rig.report()
    assert (rig.anchor("peak") or 104_000) >= 104_000
    assert rig.anchor("best") == 104_000


# Daylight saving -----------------------------------------------------------------------------------------------------

NEW_YORK_WINTER, NEW_YORK_SUMMER = 2 * HOUR, 3 * HOUR
"""A broker's clock at New York + 7."""

WEEKS = {
    "winter": ("2026-03-05", NEW_YORK_WINTER, 23),
    "the week before Europe's clocks follow America's": ("2026-03-18", NEW_YORK_SUMMER, 23),
    "Prague goes forward": ("2026-03-28", NEW_YORK_SUMMER, 23),
    "the day Prague went forward": ("2026-03-29", NEW_YORK_SUMMER, 22),
    "summer": ("2026-07-01", NEW_YORK_SUMMER, 22),
    "Prague goes back": ("2026-10-24", NEW_YORK_SUMMER, 22),
    "the day Prague went back": ("2026-10-25", NEW_YORK_SUMMER, 23),
    "the week in which America is late": ("2026-10-28", NEW_YORK_SUMMER, 23),
    "winter again": ("2026-11-04", NEW_YORK_WINTER, 23),
}


@pytest.mark.parametrize("week", list(WEEKS))
@pytest.mark.parametrize("down", [False, True])
def test_pragues_midnight_counts_whatever_the_brokers_clock(make: Make, week: str, down: bool) -> None:
    day, offset_ms, hour = WEEKS[week]
    reset = at(f"{day} {hour}:00")
    paper = PaperAccount(reset - 20 * HOUR, offset_ms=offset_ms)
    rig = make(paper=paper)
    paper.trade(reset - 3 * HOUR, 1_000.0)
    rig.clock.advance_to(reset - 2 * HOUR)
    rig.report()
    paper.trade(reset - 31 * MINUTE, 4_000.0)
    if not down:
        rig.clock.advance_to(reset - SECOND)
        rig.report()
        assert (rig.anchor(), rig.rules()["resets_ms"]) == (100_000, reset)
    paper.trade(reset + 29 * MINUTE, -700.0)
    if down:
        rig.reopen()
    rig.clock.advance_to(reset + HOUR - SECOND)
    rig.report()
    assert (rig.anchor(), rig.rules()["day_from_ms"]) == (105_000, reset)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29 12:00", 23), ("2026-10-25 12:00", 25), ("2026-07-01 12:00", 24)]
)
def test_the_days_on_which_pragues_clocks_change_are_shorter_or_longer(make: Make, day: str, hours: int) -> None:
    rig = make(paper=PaperAccount(at(day) - 20 * HOUR))
    rig.at(day)
    rig.report()
    rules = rig.rules()
    assert rules["resets_ms"] - rules["day_from_ms"] == hours * HOUR
    rig.clock.advance_to(rules["resets_ms"] - 1)
    rig.report()
    assert rig.rules()["day_from_ms"] == rules["day_from_ms"]
    rig.tick(1)
    assert rig.rules()["day_from_ms"] == rules["resets_ms"]


@pytest.mark.xfail(strict=True, reason="deals are converted with the offset of now")
@pytest.mark.parametrize(
    ("friday", "before", "monday", "after"),
    [
        ("2026-03-06", NEW_YORK_WINTER, "2026-03-09", NEW_YORK_SUMMER),
        ("2026-10-30", NEW_YORK_SUMMER, "2026-11-02", NEW_YORK_WINTER),
    ],
)
def test_fridays_balances_are_those_of_friday_after_the_brokers_clock_has_changed(
    make: Make, friday: str, before: int, monday: str, after: int
) -> None:
    """The daemon is down from before Friday's midnight in Prague until Monday."""
    midnight = at(f"{friday} 00:00") - HOUR
    paper = PaperAccount(midnight - 10 * HOUR, offset_ms=before)
    rig = make(best(), paper=paper)
    rig.clock.advance_to(midnight - 9 * HOUR)
    rig.report()
    paper.trade(midnight - 30 * MINUTE, 5_000.0)
    paper.trade(midnight + 30 * MINUTE, -2_000.0)
    rig.reopen()
    paper.offset_ms = after
    rig.at(f"{monday} 08:00")
    rig.report()
    assert rig.anchor("best") == 105_000


def test_a_daily_break_that_straddles_the_reset_holds_the_next_evening_too(make: Make) -> None:
    """Apex: the day begins at 17:00 New York, and nobody trades from 16:59 to 18:00."""
    firm = Firm(
        name="apex", title="Apex", timezone="America/New_York", reset="17:00", rules=(total_rule(),), flat_daily=True,
        flat_from="16:59", flat_until="18:00",
    )  # fmt: skip
    rig = make(firm=firm)
    for clock, code in (
        ("04 22:30", "daily_break"),
        ("04 23:30", None),
        ("05 12:00", None),
        ("05 21:59:30", "daily_break"),
    ):
        rig.at(f"2026-03-{clock}")
        rig.report()
        assert rig.refusal() == code
