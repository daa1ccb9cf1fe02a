"""Correlations of an account's symbols: the table that sizing reads, and breaks that are told once."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bridge.correlations import Correlations
from bridge.market.recording import BarSeries
from tests.bridge.bars import DAY, HOUR, bars_info, rows_info, weekdays
from tests.bridge.builders import NO_RULES, Rig, account_settings, quote_info, roomy_policy, symbol_info
from tests.builders import LOGIN, NOW_MS

FIRST, SECOND, THIRD = "EURUSD", "USDJPY", "EURUSD.a"
MIDNIGHT = NOW_MS // DAY * DAY


def pair(together: Sequence[int], seed: int = 2) -> tuple[BarSeries, BarSeries]:
    """Two histories up to now that move alike on days of 1, unlike on days of -1, and by themselves on days of 0."""
    days, random = len(together), np.random.default_rng(seed)
    first, own = random.normal(0, 0.005, days), random.normal(0, 0.005, days)
    share = 0.9 * np.array(together)
    second = share * first + np.sqrt(1 - share**2) * own
    return _bars(first), _bars(second)


def _bars(moves: np.ndarray[Any, np.dtype[np.float64]]) -> BarSeries:
    close = 1.1 * np.exp(np.cumsum(moves) - np.sum(moves))
    opened = np.append(close[:1], close[:-1])
    return BarSeries(
        timeframe="D1", time_ms=weekdays(len(moves), MIDNIGHT), open=opened, high=np.maximum(opened, close),
        low=np.minimum(opened, close), close=close,
    )  # fmt: skip


class PairRig(Rig):
    """An account without rules that is fed two symbols, one day after the other."""

    def __init__(self, folder: Path, *histories: BarSeries, now_ms: int = NOW_MS) -> None:
        # Nothing here looks at the tail, which takes longer to work out than all the rest.
        policy = roomy_policy(tail={"min_history": 4_000})
        super().__init__(folder, account_settings(firm=NO_RULES, policy=policy), now_ms=now_ms)
        self.histories = dict(zip((FIRST, SECOND), histories, strict=False))
        self.session = "ea"
        self.hear()

    def hear(self, **parts: Any) -> None:
        now_ms = self.clock.now_ms()
        symbols = [symbol_info(), {**symbol_info(), "name": SECOND}]
        quotes = [quote_info(name, time_msc=now_ms) for name in (FIRST, SECOND)]
        reply = self.feed(**{"session": self.session, "symbols": symbols, "quotes": quotes, "deals": None, **parts})
        assert (reply["status"], reply["resync"]) == ("ok", False), reply

    def know(self, start: int = 0, end: int | None = None) -> None:
        """Feed a part of both histories."""
        for name, bars in self.histories.items():
            info = bars_info(bars, name)
            self.hear(bars=[{**info, "rates": info["rates"][start:end]}])

    def live(self, start: int, end: int) -> None:
        """Let these days pass one by one."""
        for day in range(start, end):
            self.clock.advance_to(int(self.histories[FIRST].time_ms[day]) + DAY + HOUR)
            self.know(day, day + 1)

    @property
    def breaks(self) -> list[dict[str, Any]]:
        return [event.fields for event in self.service.events if event.name == "correlation_break"]

    @property
    def table(self) -> dict[str, dict[str, float]]:
        return self.desks[0].evidence.correlations.table


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[PairRig]]:
    """Rigs to be closed in the end."""
    rigs: list[PairRig] = []
    yield rigs
    for rig in rigs:
        rig.close()


def living(made: list[PairRig], folder: Path, together: Sequence[int], known: int) -> PairRig:
    """A rig in the past, where so many days are known."""
    first, second = pair(together)
    rig = PairRig(folder, first, second, now_ms=int(first.time_ms[known - 1]) + DAY + HOUR)
    made.append(rig)
    rig.know(0, known)
    return rig


# The table -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sign", "low", "high"), [(1, 0.85, 0.95), (-1, -0.95, -0.8), (0, -0.1, 0.15)])
def test_the_table_holds_what_the_daily_bars_say_both_ways_round(
    made: list[PairRig], tmp_path: Path, sign: int, low: float, high: float
) -> None:
    rig = living(made, tmp_path, [sign] * 400, 400)
    assert low < rig.table[FIRST][SECOND] < high
    assert rig.table[SECOND] == {FIRST: rig.table[FIRST][SECOND]}
    assert rig.table[FIRST].keys() == {SECOND}


def test_the_newest_252_days_count(made: list[PairRig], tmp_path: Path) -> None:
    old = living(made, tmp_path / "old", [-1] * 400 + [1] * 252, 652)
    new = living(made, tmp_path / "new", [1] * 652, 652)
    assert old.table[FIRST][SECOND] == pytest.approx(new.table[FIRST][SECOND], abs=0.05)


def test_symbols_without_common_days_have_no_correlation(made: list[PairRig], tmp_path: Path) -> None:
    first, second = pair([1] * 300)
    later = BarSeries(
        timeframe="D1", time_ms=second.time_ms + 5 * HOUR, open=second.open, high=second.high, low=second.low,
        close=second.close,
    )  # fmt: skip
    rig = PairRig(tmp_path, first, later)
    made.append(rig)
    rig.know()
    assert rig.table == {}


def test_a_table_is_replaced_and_never_changed(made: list[PairRig], tmp_path: Path) -> None:
    """Decisions rest on the very object: what it holds must not move under them."""
    rig = living(made, tmp_path, [1] * 400, 300)
    before = rig.table
    copied = {name: dict(row) for name, row in before.items()}
    rig.live(300, 305)
    assert rig.table is not before
    assert rig.table != before
    assert before == copied
    same = rig.table
    rig.hear(bars=[rows_info([(1.1, 1.1, 1.1, 1.1)] * 3, rig.clock.now_ms() - 3 * HOUR)])
    rig.service.housekeep()
    assert rig.table is same


def test_the_prior_stands_where_there_are_no_bars() -> None:
    correlations = Correlations(lambda _: None, lambda one, two: 0.7 if {one, two} == {FIRST, SECOND} else None, int)
    correlations.update(FIRST, [SECOND, THIRD])
    assert correlations.table == {FIRST: {SECOND: 0.7}, SECOND: {FIRST: 0.7}}
    assert not correlations.breaks


# Breaks --------------------------------------------------------------------------------------------------------------


def test_a_break_is_told_once_and_again_when_it_breaks_anew(made: list[PairRig], tmp_path: Path) -> None:
    # 500 days alike, 60 unlike; when 372 more have passed alike, nothing of that is left to compare with.
    together = [1] * 500 + [-1] * 60 + [1] * 400 + [-1] * 30
    rig = living(made, tmp_path, together, 480)
    rig.live(480, 500)
    assert rig.breaks == []
    rig.live(500, 560)
    (told,) = rig.breaks
    assert (told["account"], told["first"], told["second"]) == (LOGIN, FIRST, SECOND)
    assert told["recent"] < told["before"] - 0.1
    assert 0.85 < told["before"] < 0.95
    rig.live(560, 561)
    rig.clock.advance_to(int(rig.histories[FIRST].time_ms[959]) + DAY + HOUR)
    rig.know(561, 960)
    healed = len(rig.breaks)
    rig.live(960, 990)
    assert len(rig.breaks) == healed + 1
    assert rig.breaks[-1]["before"] > 0.85
    assert all(event.level == "warning" for event in rig.service.events if event.name == "correlation_break")


def test_a_break_that_lasts_is_not_told_again(made: list[PairRig], tmp_path: Path) -> None:
    rig = living(made, tmp_path, [1] * 400 + [-1] * 60, 420)
    assert len(rig.breaks) == 1
    for day in range(420, 460):
        rig.live(day, day + 1)
        rig.service.housekeep()
        rig.hear()
    assert len(rig.breaks) == 1
    assert not rig.desks[0].evidence.correlations.breaks


@pytest.mark.parametrize("together", [[1] * 600, [-1] * 600, [0] * 600])
def test_pairs_that_go_on_as_before_do_not_break(made: list[PairRig], tmp_path: Path, together: list[int]) -> None:
    rig = living(made, tmp_path, together, 500)
    rig.live(500, 560)
    assert rig.breaks == []


@pytest.mark.parametrize(("known", "told"), [(120, 0), (121, 1)])
def test_a_break_needs_sixty_returns_on_either_side(made: list[PairRig], tmp_path: Path, known: int, told: int) -> None:
    rig = living(made, tmp_path, [1] * (known - 60) + [-1] * 60, known)
    assert len(rig.breaks) == told


def test_a_break_changes_no_size_at_once(made: list[PairRig], tmp_path: Path) -> None:
    rig = living(made, tmp_path, [1] * 400 + [-1] * 10, 400)
    before = rig.table[FIRST][SECOND]
    rig.live(400, 410)
    assert len(rig.breaks) == 1
    assert rig.table[FIRST][SECOND] > before - 0.15


# Found by looking for defects ----------------------------------------------------------------------------------------


def test_history_that_comes_in_pieces_tells_no_break_of_long_ago(made: list[PairRig], tmp_path: Path) -> None:
    """A piece ends in the middle of a break that healed two years ago; today nothing is broken."""
    rig = PairRig(tmp_path, *pair([1] * 1_150 + [-1] * 60 + [1] * 590))
    made.append(rig)
    for start in (0, 1_200):
        rig.know(start, start + 1_200)
    assert rig.breaks == []


def test_a_new_session_does_not_tell_a_known_break_again(made: list[PairRig], tmp_path: Path) -> None:
    """The EA is put on its chart anew, and feeds its history in two pieces once more."""
    rig = PairRig(tmp_path, *pair([1] * 1_740 + [-1] * 60))
    made.append(rig)
    for session in ("ea", "again"):
        rig.session = session
        rig.hear()
        for start in (0, 1_200):
            rig.know(start, start + 1_200)
        rig.tick(31_000)
    assert len(rig.breaks) == 1
