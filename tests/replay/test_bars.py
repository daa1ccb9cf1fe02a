"""Bars of the ticks by the broker's clock: no look-ahead on days of 23 or 25 hours, the same wherever a span ends."""

from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.market.broker_zone import zone_of
from bridge.market.recording import TIMEFRAME_MS, BarSeries, TickSeries
from bridge.replay.bars import BarStore
from bridge.replay.checkpoint import StoredBars, restored_bars, stored_bars
from tests.builders import at

HOUR = 3_600_000
DAY = 24 * HOUR
ZONES = ("new-york-close", "Europe/Athens", "Africa/Cairo", "America/Havana", "+05:30", "UTC")
CHANGES = ("2025-03-07", "2025-03-28", "2025-04-23", "2025-10-24", "2025-10-30", "2025-11-01", "2025-07-01")
"""Days shortly before the clocks of one of them change, and one when none does."""


def rising(*times: int) -> TickSeries:
    """A bid that is higher with every tick, so that a price tells of which moment it is."""
    time_ms = np.array(sorted(times), dtype=np.int64)
    bid = 1.0 + np.arange(len(time_ms)) / 1e5
    return TickSeries(time_ms=time_ms, bid=bid, ask=bid)


def part(ticks: TickSeries, begin_ms: int, end_ms: int) -> TickSeries:
    kept = (ticks.time_ms >= begin_ms) & (ticks.time_ms < end_ms)
    return TickSeries(time_ms=ticks.time_ms[kept], bid=ticks.bid[kept], ask=ticks.ask[kept])


def same(one: BarSeries, other: BarSeries) -> bool:
    names = ("time_ms", "open", "high", "low", "close", "tick_volume")
    return all(getattr(one, name).tolist() == getattr(other, name).tolist() for name in names)


def every(step_ms: int, begin: str, end: str) -> TickSeries:
    return rising(*range(at(f"{begin} 00:00:00"), at(f"{end} 00:00:00"), step_ms))


@st.composite
def weeks(draw: st.DrawFn) -> tuple[str, TickSeries, list[int]]:
    """A zone, ticks of five days about a change of clocks, and the midnights (UTC) at which spans end."""
    zone, day = draw(st.sampled_from(ZONES)), at(f"{draw(st.sampled_from(CHANGES))} 00:00:00")
    minutes = draw(st.lists(st.integers(0, 5 * 1440 - 1), min_size=20, max_size=120, unique=True))
    cuts = draw(st.sets(st.integers(1, 4)))
    return zone, rising(*(day + each * 60_000 for each in minutes)), [day + each * DAY for each in sorted(cuts)]


@settings(max_examples=150, deadline=None)
@given(given=weeks(), timeframe=st.sampled_from(["M15", "H1", "H4", "D1"]))
def test_a_bar_is_shown_when_its_time_is_over_by_the_brokers_clock_and_never_before(
    given: tuple[str, TickSeries, list[int]], timeframe: str
) -> None:
    zone, ticks, _ = given
    store = BarStore({}, {"M15"}, zone)
    store.add({"X": ticks})
    whole = store.all(timeframe)["X"]
    closes = store.closes(timeframe)
    edges = [int(close) + more for close in closes for more in (-1, 0)]
    shown_at: dict[int, int] = {}
    for now_ms in sorted({*edges, *(int(whole.time_ms[0]) + hours * HOUR for hours in range(0, 6 * 24, 5))}):
        shown = store.closed("X", timeframe, now_ms)
        known = ticks.bid[ticks.time_ms < now_ms]
        if shown is not None:
            assert shown.high.max() <= known[-1]
            # Nothing that comes later goes into it.
            assert not np.isin(ticks.bid[ticks.time_ms >= now_ms], shown.close).any()
        shown_at[now_ms] = 0 if shown is None else len(shown)
    clock = zone_of(zone)
    length = TIMEFRAME_MS[timeframe]
    for number, close in enumerate(closes.tolist()):
        assert (shown_at[close - 1], shown_at[close]) == (number, number + 1)
        if length > HOUR:
            assert clock.wall_ms(close) % length in (0, HOUR)  # an hour past it where the clock leaps over midnight


@settings(max_examples=150, deadline=None)
@given(given=weeks(), stop=st.integers(0, 4))
def test_where_spans_end_changes_no_bar_and_no_close(given: tuple[str, TickSeries, list[int]], stop: int) -> None:
    zone, ticks, cuts = given
    whole = BarStore({}, {"M15"}, zone)
    whole.add({"X": ticks})
    parts = BarStore({}, {"M15"}, zone)
    told: dict[str, list[int]] = {"H1": [], "H4": [], "D1": []}
    bounds = [0, *cuts, 1 << 62]
    for number, (begin_ms, end_ms) in enumerate(pairwise(bounds)):
        span = part(ticks, begin_ms, end_ms)
        if not len(span.time_ms):
            continue
        parts.add({"X": span})
        for timeframe, found in told.items():
            closes = parts.closes(timeframe).tolist()
            assert all(close <= end_ms for close in closes)
            found.extend(closes)
        parts.next_span()
        if number == stop:  # an interrupted run goes on
            kept = parts.everything()
            parts = BarStore({}, {"M15"}, zone)
            parts.restore(kept)
    for timeframe, found in told.items():
        assert same(parts.all(timeframe)["X"], whole.all(timeframe)["X"])
        assert found == whole.closes(timeframe).tolist()
        assert found == sorted(set(found))


@settings(max_examples=60, deadline=None)
@given(given=weeks(), timeframe=st.sampled_from(["M15", "H4", "D1"]))
def test_bars_have_the_ticks_from_their_opening_to_the_next(
    given: tuple[str, TickSeries, list[int]], timeframe: str
) -> None:
    zone, ticks, cuts = given
    store = BarStore({}, {"M15"}, zone)
    for begin_ms, end_ms in pairwise([0, *cuts, 1 << 62]):
        store.add({"X": part(ticks, begin_ms, end_ms)})
    bars = store.all(timeframe)["X"]
    edges = np.append(np.searchsorted(ticks.time_ms, bars.time_ms), len(ticks.time_ms))
    assert bars.tick_volume is not None
    assert bars.tick_volume.tolist() == np.diff(edges).tolist()


def test_a_day_over_the_end_of_a_span_is_one_bar() -> None:
    ticks = every(HOUR, "2026-03-02", "2026-03-05")
    store = BarStore({}, {"M15"}, "new-york-close")
    for day in ("2026-03-02", "2026-03-03", "2026-03-04"):
        store.add({"X": part(ticks, at(f"{day} 00:00:00"), at(f"{day} 00:00:00") + DAY)})
        assert store.closes("D1").tolist() == [at(f"{day} 22:00:00")]
        store.next_span()
    days = store.all("D1")["X"]
    assert days.time_ms.tolist() == [at(f"2026-03-{day:02} 22:00:00") for day in (1, 2, 3, 4)]
    assert days.open[1:].tolist() == [ticks.bid[22], ticks.bid[46], ticks.bid[70]]
    assert days.close.tolist() == [ticks.bid[21], ticks.bid[45], ticks.bid[69], ticks.bid[71]]
    assert days.high.tolist() == days.close.tolist()
    assert days.low.tolist() == days.open.tolist()


@pytest.mark.parametrize(
    ("timeframe", "opening", "hours"),
    [("D1", "2026-10-24 21:00:00", 25), ("H4", "2026-10-24 21:00:00", 5), ("D1", "2026-03-28 22:00:00", 23)],
)
def test_a_bar_in_which_clocks_change_lasts_an_hour_more_or_less(timeframe: str, opening: str, hours: int) -> None:
    begin_ms = at(opening)
    assert datetime.fromtimestamp(begin_ms / 1000, ZoneInfo("Europe/Athens")).hour == 0
    store = BarStore({}, {"M15"}, "Europe/Athens")
    store.add({"X": rising(*range(begin_ms, begin_ms + 3 * DAY, 600_000))})
    close_ms = begin_ms + hours * HOUR
    assert store.closed("X", timeframe, close_ms - 1) is None
    shown: Any = store.closed("X", timeframe, close_ms)
    assert shown.time_ms.tolist() == [begin_ms]
    assert store.closes(timeframe)[0] == close_ms


def test_recorded_bars_are_used_as_far_as_they_reach_and_go_on_after_a_stop() -> None:
    opening = at("2026-03-02 00:00:00")
    price = np.array([7.0])
    recorded = BarSeries(
        timeframe="H1", time_ms=np.array([opening]), open=price, high=price, low=price, close=price
    )  # fmt: skip
    ticks = every(600_000, "2026-03-02", "2026-03-04")
    stores = [BarStore({"X": {"H1": recorded}}, {"M15"}) for _ in range(2)]
    for begin_ms in (opening, opening + DAY):
        stores[0].add({"X": part(ticks, begin_ms, begin_ms + DAY)})
        stores[0].next_span()
    stores[1].restore(stores[0].everything())
    for store in stores:
        bars = store.all("H1")["X"]
        assert (bars.close[0], bars.close[1]) == (7.0, ticks.bid[11])
        assert bars.tick_volume is not None
        assert bars.tick_volume.tolist() == [0, *[6] * 47], "the recorded bar's are not known"
        assert bars.time_ms.tolist() == list(range(opening, opening + 2 * DAY, HOUR))


def test_a_recorded_day_of_another_clock_is_not_shown_early_when_clocks_go_forward() -> None:
    """It is by UTC, in a replay by a clock whose day then has 23 hours."""
    opening = at("2026-03-29 00:00:00")
    price = np.array([1.0])
    recorded = BarSeries(
        timeframe="D1", time_ms=np.array([opening]), open=price, high=price, low=price, close=price
    )  # fmt: skip
    store = BarStore({"X": {"D1": recorded}}, {"M15"}, "Europe/Athens")
    assert store.closed("X", "D1", opening + DAY - 1) is None
    assert store.closed("X", "D1", opening + DAY) is not None


def test_nobody_who_looks_at_bars_can_change_them() -> None:
    """A strategy that centres prices in place would otherwise change what the sizer measures."""
    store = BarStore({}, {"M15"})
    time_ms = np.arange(0, 4 * 900_000, 60_000, dtype=np.int64)
    bid = np.full(len(time_ms), 1.1)
    store.add({"EURUSD": TickSeries(time_ms=time_ms, bid=bid, ask=bid + 0.0001)})
    seen = store.closed("EURUSD", "M15", int(time_ms[-1]))
    assert seen is not None
    with pytest.raises(ValueError, match="read-only"):
        seen.close[:] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        seen.time_ms[0] = 0
    assert seen.tick_volume is not None
    with pytest.raises(ValueError, match="read-only"):
        seen.tick_volume[0] = 0


@pytest.mark.parametrize("timeframe", ["M15", "H1"])
def test_a_checkpoint_keeps_every_column(timeframe: str) -> None:
    store = BarStore({}, {"M15"})
    store.add({"X": every(600_000, "2026-03-02", "2026-03-04")})
    bars = store.all(timeframe)["X"]
    body = msgspec.msgpack.encode(stored_bars("X", bars))
    assert same(restored_bars(msgspec.msgpack.decode(body, type=StoredBars)), bars)


def test_bars_that_were_kept_without_their_ticks_are_gone_on_with_without_them() -> None:
    ticks = every(600_000, "2026-03-02", "2026-03-04")
    middle = at("2026-03-02 12:10:00")
    store = BarStore({}, {"M15"})
    store.add({"X": part(ticks, 0, middle)})
    kept = {key: stored_bars(key[0], bars) for key, bars in store.everything().items()}
    old = {key: msgspec.structs.replace(each, tick_volume=None) for key, each in kept.items()}
    again = BarStore({}, {"M15"})
    again.restore({key: restored_bars(each) for key, each in old.items()})
    for each in (store, again):
        each.add({"X": part(ticks, middle, at("2026-03-04 00:00:00"))})
    whole, gone_on = store.all("H1")["X"], again.all("H1")["X"]
    assert gone_on.tick_volume is None
    assert same(replace(gone_on, tick_volume=whole.tick_volume), whole)
