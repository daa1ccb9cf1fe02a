"""Figures from closed bars: when they are worked out, and when the very same objects stand."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bridge.evidence
from bridge.market.recording import BarSeries
from bridge.statistics import HISTORY, JOINT_DAYS, daily_figures, market_stats
from sizing.policy import Policy
from sizing.stats.windows import WARM_UP
from tests.bridge.bars import DAY, HOUR, Row, bars_info, daily_bars, feed_bars, rows_info
from tests.bridge.builders import (
    NO_RULES,
    Rig,
    account_info,
    account_settings,
    position_info,
    quote_info,
    recomputed,
    roomy_policy,
    symbol_info,
)
from tests.builders import NOW_MS, at

POLICY = Policy()
MIDNIGHT = NOW_MS // DAY * DAY
HOURS: list[Row] = [(1.1, 1.101 + 0.0001 * (n % 5), 1.099, 1.1) for n in range(30)]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """One account with nearly three years of EURUSD, and its last thirty hours."""
    rig = Rig(tmp_path, account_settings(firm=NO_RULES))
    assert rig.feed()["status"] == "ok"
    feed_bars(rig, "EURUSD", daily_bars(1, 700, MIDNIGHT))
    rig.feed(bars=[rows_info(HOURS, NOW_MS - 30 * HOUR)])
    yield rig
    rig.close()


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[BarSeries]:
    """The daily bars whose figures were worked out since the test began."""
    seen: list[BarSeries] = []

    def watched(daily: BarSeries, policy: Policy) -> Any:
        seen.append(daily)
        return daily_figures(daily, policy)

    monkeypatch.setattr(bridge.evidence, "daily_figures", watched)
    return seen


def hour(rig: Rig, row: Row = (1.1, 1.105, 1.095, 1.1)) -> None:
    """Let an hour pass, and feed its bar."""
    start_ms = rig.clock.now_ms()
    rig.tick(HOUR)
    assert rig.feed(bars=[rows_info([row], start_ms)])["status"] == "ok"


def statistics(rig: Rig, name: str = "EURUSD") -> Any:
    view = rig.desks[0].evidence.symbol_view(name)
    assert not isinstance(view, str)
    return view.stats


# When a bar closes ---------------------------------------------------------------------------------------------------


def test_an_hour_changes_the_hours_figures_and_leaves_those_of_the_days(rig: Rig, worked_out: list[BarSeries]) -> None:
    before, days = statistics(rig), rig.desks[0].evidence.day_moves()
    for _ in range(4):
        hour(rig)
        rig.service.housekeep()
        rig.size(dry_run=True)
    after = statistics(rig)
    assert worked_out == []
    assert after is not before
    assert (after.atr, after.as_of_ms) != (before.atr, before.as_of_ms)
    assert after.as_of_ms == NOW_MS + 4 * HOUR
    assert after.measured is before.measured is not None
    assert (after.atr_daily, after.atr_percentile, after.regime, after.tail) == (
        before.atr_daily, before.atr_percentile, before.regime, before.tail,
    )  # fmt: skip
    assert rig.desks[0].evidence.day_moves()["EURUSD"] is days["EURUSD"]


def test_a_day_that_closes_is_worked_out_once(rig: Rig, worked_out: list[BarSeries]) -> None:
    before, days = statistics(rig), rig.desks[0].evidence.day_moves()
    rig.tick(15 * HOUR)
    for _ in range(3):
        rig.feed(bars=[rows_info([(1.1, 1.15, 1.05, 1.12)], MIDNIGHT, timeframe="D1")])
        rig.service.housekeep()
        rig.size(dry_run=True)
    after = statistics(rig)
    assert [len(bars) for bars in worked_out] == [701]
    assert after.measured not in (None, before.measured)
    assert after.atr_daily > before.atr_daily
    assert rig.desks[0].evidence.day_moves()["EURUSD"] is not days["EURUSD"]


def test_a_day_that_has_not_closed_yet_is_not_looked_at(rig: Rig, worked_out: list[BarSeries]) -> None:
    rig.feed(bars=[rows_info([(1.1, 1.15, 1.05, 1.12)], MIDNIGHT, timeframe="D1")])
    assert worked_out == []


def test_nothing_is_worked_out_while_nothing_closes(rig: Rig, worked_out: list[BarSeries]) -> None:
    before = statistics(rig)
    for _ in range(5):
        rig.tick(1_000)
        rig.feed(quotes=[quote_info(bid=1.1 + 0.0001, time_msc=rig.clock.now_ms())])
        rig.service.housekeep()
        rig.size(dry_run=True)
    assert statistics(rig) is before
    assert worked_out == []


def test_each_symbol_has_days_of_its_own(rig: Rig, worked_out: list[BarSeries]) -> None:
    rig.feed(symbols=[symbol_info(), {**symbol_info(), "name": "EURUSD.a"}])
    feed_bars(rig, "EURUSD.a", daily_bars(2, 400, MIDNIGHT))
    assert [len(bars) for bars in worked_out] == [400]
    assert len({id(moves) for moves in rig.desks[0].evidence.day_moves().values()}) == 2


def test_a_restart_works_out_the_same_figures(rig: Rig) -> None:
    before, reply = statistics(rig), rig.size(dry_run=True)
    rig.reopen()
    rig.feed()
    feed_bars(rig, "EURUSD", daily_bars(1, 700, MIDNIGHT))
    rig.feed(bars=[rows_info(HOURS, NOW_MS - 30 * HOUR)])
    assert statistics(rig) == before
    again = rig.size(dry_run=True)
    assert (again["lots"], again["caps"], again["factors"]) == (reply["lots"], reply["caps"], reply["factors"])
    assert recomputed(rig.path) == 2


# What they are -------------------------------------------------------------------------------------------------------


def cut(bars: BarSeries, count: int) -> BarSeries:
    """The newest of them."""
    columns = {name: getattr(bars, name)[-count:] for name in ("time_ms", "open", "high", "low", "close")}
    return BarSeries(timeframe=bars.timeframe, **columns)


def test_figures_that_are_known_already_change_nothing() -> None:
    daily = daily_bars(3, 400, MIDNIGHT)
    assert market_stats(None, daily, POLICY) == market_stats(None, daily, POLICY, daily_figures(daily, POLICY))


def test_bars_of_more_than_twenty_years_ago_do_not_count() -> None:
    daily = daily_bars(3, HISTORY + 300, MIDNIGHT)
    short = cut(daily, HISTORY + WARM_UP + 1)
    found, same = daily_figures(daily, POLICY), daily_figures(short, POLICY)
    stats, others = market_stats(None, daily, POLICY, found), market_stats(None, short, POLICY, same)
    assert stats is not None
    assert others is not None
    assert dataclasses.replace(stats, bars=0) == dataclasses.replace(others, bars=0)
    assert found.week is not None
    assert found.weekend is not None
    assert (len(found.week.time_ms), len(found.weekend.time_ms)) == (JOINT_DAYS, HISTORY // 5)


@pytest.mark.parametrize(
    ("days", "measured", "apart"),
    [(280, False, False), (281, True, False), (341, True, False), (345, True, True), (700, True, True)],
)
def test_days_within_the_week_are_told_apart_where_there_are_enough(days: int, measured: bool, apart: bool) -> None:
    """Of 345 daily bars 314 moves are looked at, four fifths of which are within the week: 251."""
    figures = daily_figures(daily_bars(3, days, MIDNIGHT), POLICY)
    assert (figures.tail is not None, figures.week is not None, figures.weekend is not None) == (measured,) * 3
    if figures.week is None:
        return
    weekdays = {(int(time) // DAY + 3) % 7 for time in figures.week.time_ms}
    assert (weekdays == {1, 2, 3, 4}) is apart
    assert weekdays | {0} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("days", [0, 1, 2, 14, 15, 31, 32, 33])
def test_very_few_days_give_what_they_can(rig: Rig, days: int) -> None:
    rig.feed(symbols=[{**symbol_info(), "name": "EURUSD.a"}], quotes=[quote_info("EURUSD.a")])
    rig.feed(bars=[bars_info(daily_bars(2, days, MIDNIGHT), "EURUSD.a")] if days else [])
    reply = rig.size(symbol="EURUSD.a", dry_run=True)
    assert reply["code"] is None
    stats = statistics(rig, "EURUSD.a")
    assert (stats is not None) is (days > 0)
    if stats is not None:
        assert (stats.atr_daily is not None) is (days >= 15)
        assert stats.measured is None


@pytest.mark.parametrize("price", [1e-9, 1.0, 1e9])
def test_a_market_that_stands_still_says_nothing_and_breaks_nothing(rig: Rig, price: float) -> None:
    still = [(price,) * 4] * 400
    times = daily_bars(1, 400, MIDNIGHT).time_ms
    column = np.full(400, price)
    bars = BarSeries(timeframe="D1", time_ms=times, open=column, high=column, low=column, close=column)
    assert len(still) == len(bars)
    figures = daily_figures(bars, POLICY)
    assert (figures.atr, figures.tail, figures.week) == (None, None, None)
    rig.feed(bars=[bars_info(bars)])
    assert rig.size(dry_run=True)["code"] is None
    assert not [event for event in rig.service.events if event.name == "defect"]


# The account's side --------------------------------------------------------------------------------------------------


def test_the_account_is_the_same_object_until_something_of_it_changes(rig: Rig) -> None:
    two = [symbol_info(), {**symbol_info(), "name": "EURUSD.a"}]
    desk = rig.desks[0]

    def view(**parts: Any) -> Any:
        now_ms = rig.clock.now_ms()
        quotes = [quote_info(time_msc=now_ms), quote_info("EURUSD.a", parts.pop("bid", 1.1), time_msc=now_ms)]
        rig.feed(symbols=two, positions=[position_info()], quotes=parts.pop("quotes", quotes), **parts)
        report = desk.terminal.account()
        assert report is not None
        return desk.account_view(report)

    first = view()
    assert view() is first
    # A symbol that is not held does not matter; the quote of one that is does.
    assert view(bid=1.2) is first
    higher = view(quotes=[quote_info(bid=1.101)])
    assert higher is not first
    assert view(quotes=[quote_info(bid=1.101)]) is higher
    assert view(account_info=account_info(equity=99_000.0), quotes=[quote_info(bid=1.101)]) is not higher


def test_the_legs_are_those_of_the_book(rig: Rig) -> None:
    desk = rig.desks[0]
    for tickets in ([1, 2], [2], []):
        rig.feed(positions=[position_info(ticket, volume=ticket) for ticket in tickets])
        rig.size(dry_run=True)
        assert [leg.lots for leg in desk.evidence.legs] == tickets


def test_of_a_friday_all_symbols_days_are_those_after_weekends(tmp_path: Path) -> None:
    rig = Rig(tmp_path, account_settings(firm=NO_RULES), now_ms=at("2026-03-05 19:59:00"))
    rig.feed()
    feed_bars(rig, "EURUSD", daily_bars(1, 1_330, MIDNIGHT))
    evidence = rig.desks[0].evidence
    week = evidence.day_moves()["EURUSD"]
    assert {(int(time) // DAY + 3) % 7 for time in week.time_ms} == {1, 2, 3, 4}
    rig.tick(60_000)
    rig.feed()
    weekend = evidence.day_moves()["EURUSD"]
    assert {(int(time) // DAY + 3) % 7 for time in weekend.time_ms} == {0}
    rig.tick(at("2026-03-08 21:00:00") - rig.clock.now_ms())
    rig.feed()
    assert evidence.day_moves()["EURUSD"] is week
    rig.close()


# Performance ---------------------------------------------------------------------------------------------------------


def trades(magic: int, *profits: float, closed_by: int | None = None) -> list[dict[str, Any]]:
    """Positions of one strategy, opened and closed; `closed_by` is the number that the closing deals have."""
    deals = []
    for index, profit in enumerate(profits):
        position = 1_000 * magic + index
        both = {"symbol": "EURUSD", "position_id": position, "volume": 0.1, "time_msc": NOW_MS - HOUR + index}
        deals.append({**both, "ticket": 2 * position, "entry": 0, "profit": 0.0, "magic": magic})
        out = magic if closed_by is None else closed_by
        deals.append({**both, "ticket": 2 * position + 1, "entry": 1, "profit": profit, "magic": out})
    return deals


def performance(reply: dict[str, Any]) -> tuple[float, str]:
    (factor,) = [factor for factor in reply["factors"] if factor["name"] == "performance"]
    return factor["value"], factor["detail"]


DEALS = trades(7, *[-100.0] * 6) + trades(8, *[100.0] * 5, -50.0, closed_by=0)


def test_each_strategy_is_judged_by_its_own_trades(tmp_path: Path) -> None:
    policy = roomy_policy(performance={"per_strategy": True})
    rig = Rig(tmp_path, account_settings(firm=NO_RULES, policy=policy))
    rig.feed(deals=DEALS)
    said = {magic: performance(rig.size(magic=magic, dry_run=True)) for magic in (7, 8, 9, None)}
    assert said[7] == (0.7, "0 of the last 6 trades of magic 7 won, profit factor 0.00")
    assert said[8] == (1.3, "5 of the last 6 trades of magic 8 won, profit factor 10.00")
    assert (said[9][0], said[9][1]) == (1.0, "0 closed trades of magic 9, 5 needed")
    assert said[None][1] == "0 closed trades of magic 0, 5 needed"
    lots = [rig.size(magic=magic, dry_run=True)["lots"] for magic in (7, 9, 8)]
    assert lots == sorted(lots)
    assert lots[0] < lots[-1]
    rig.feed(deals=trades(9, *[100.0] * 5))
    assert performance(rig.size(magic=9, dry_run=True))[0] == 1.3
    assert performance(rig.size(magic=7, dry_run=True)) == said[7]
    assert recomputed(rig.path) > 0
    rig.close()


def test_without_that_all_trades_count_for_everyone(tmp_path: Path) -> None:
    rig = Rig(tmp_path, account_settings(firm=NO_RULES))
    rig.feed(deals=DEALS)
    said = {performance(rig.size(magic=magic, dry_run=True)) for magic in (7, 8, 9, None)}
    assert len(said) == 1
    assert "of the last 10 trades won" in said.pop()[1]
    report = rig.desks[0].terminal.account()
    assert report is not None
    assert rig.desks[0].account_view(report).strategies == ()
    rig.close()


# Found by looking for defects ----------------------------------------------------------------------------------------


def test_numbers_of_strategies_do_not_fill_the_memory(tmp_path: Path) -> None:
    """A request may name any number: what is kept for each of them must have an end."""
    policy = roomy_policy(performance={"per_strategy": True})
    rig = Rig(tmp_path, account_settings(firm=NO_RULES, policy=policy))
    rig.feed()
    for magic in range(3_000):
        rig.size(magic=magic, dry_run=True)
    assert len(rig.desks[0]._standings) < 3_000
    rig.close()
