"""Price paths of history as scenarios for a trade that is opened now: what a stop trade would have lost on each.

Every window starts at a bar's close and holds the bars that follow. Its moves are relative to that close and in
multiples of the volatility at that moment, so that windows of calm and of wild times can stand side by side; times the
volatility of now they are scenarios of today. Source: Hull and White (1998), "Incorporating volatility updating into
the historical simulation method"; the volatility is RiskMetrics' (1996), with decay 0.94.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sizing.snapshot import Side

Floats = NDArray[np.float64]

DAY_MS = 86_400_000
_SATURDAY_NOON_MS = DAY_MS * 5 // 2
_LONGEST_BREAK_MS = 5 * DAY_MS
"""From opening to opening: Thursday to Tuesday, as around Easter."""
_SATURDAY, _SUNDAY = 2, 3
"""Days of a week that begins with a Thursday, as the epoch did."""
DECAY = 0.94
WARM_UP = 30
"""Returns that start the volatility; windows begin behind them."""
JUMP = 5.0
"""Volatilities that a bar may run from the close before it until it is taken to have jumped."""


class Bars(Protocol):
    """Closed bars of bid prices, oldest first: five columns of one length n. `time_ms` is each bar's opening."""

    @property
    def time_ms(self) -> NDArray[np.int64]: ...
    @property
    def open(self) -> Floats: ...
    @property
    def high(self) -> Floats: ...
    @property
    def low(self) -> Floats: ...
    @property
    def close(self) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """The bar that follows each of n closes: its prices less that close, in volatilities of that moment.

    A path of more bars is put together by its reader: `volatility` and `close_before` (n,) turn moves back to prices.
    """

    time_ms: NDArray[np.int64]
    """Opening of the bar that follows, (n,)."""
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    close_before: Floats
    volatility: Floats
    """Relative, per bar, known at the close before: (n,)."""
    weekend: NDArray[np.bool_]
    """Whether a weekend lies between the close before and the bar, (n,)."""
    hole: NDArray[np.bool_]
    """Whether so much time lies there that nobody knows what kind of break it was, (n,)."""
    unit: float
    """Price of one volatility now."""
    price: float
    """The last close: no buy can lose more."""

    def __len__(self) -> int:
        return len(self.time_ms)

    def newest(self, count: int) -> "Moves":
        """The newest moves, at most so many."""
        return self._picked(slice(-count, None))

    def only(self, rows: NDArray[np.bool_]) -> "Moves":
        """Some of the moves, each by itself: paths of several bars can no longer be put together."""
        return self._picked(rows)

    def _picked(self, rows: slice | NDArray[np.bool_]) -> "Moves":
        return Moves(
            self.time_ms[rows],
            self.open[rows],
            self.high[rows],
            self.low[rows],
            self.close[rows],
            self.close_before[rows],
            self.volatility[rows],
            self.weekend[rows],
            self.hole[rows],
            self.unit,
            self.price,
        )


def volatilities(close: Floats) -> Floats:
    """Relative volatility per bar, known at each close: n in, n out; NaN before WARM_UP returns are known."""
    result = np.full(len(close), np.nan)
    if len(close) <= WARM_UP:
        return result
    squares = np.square(np.diff(np.log(close)))
    value = float(np.mean(squares[:WARM_UP]))
    known = [value]
    for square in squares[WARM_UP:].tolist():
        value = DECAY * value + (1.0 - DECAY) * square
        known.append(value)
    result[WARM_UP:] = np.sqrt(known)
    return result


class _Columns(NamedTuple):
    time_ms: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats


def moves(bars: Bars) -> Moves | None:
    """Every daily bar as a move from the close before it; None where there are no two bars behind the warm-up.

    Bars that follow a close without any volatility say nothing about now and are left out.
    """
    bars = _whole_days(bars)
    volatility = volatilities(bars.close)
    if len(bars.close) <= WARM_UP + 1 or not volatility[-1] > 0:
        return None
    use = np.flatnonzero(volatility[:-1] > 0)
    before, then = bars.close[use], volatility[use]
    scale = 1.0 / (before * then)
    after = use + 1
    return Moves(
        bars.time_ms[after],
        (bars.open[after] - before) * scale,
        (bars.high[after] - before) * scale,
        (bars.low[after] - before) * scale,
        (bars.close[after] - before) * scale,
        before,
        then,
        _over_weekend(bars.time_ms[use] + DAY_MS, bars.time_ms[after]),
        bars.time_ms[after] - bars.time_ms[use] > _LONGEST_BREAK_MS,
        float(volatility[-1] * bars.close[-1]),
        float(bars.close[-1]),
    )


def _whole_days(bars: Bars) -> Bars:
    """Bars with those of a Sunday's few hours joined to the Monday's; as they are where weekends are traded through."""
    weekday = (bars.time_ms + DAY_MS // 2) // DAY_MS % 7  # at the bar's middle; 0 is a Thursday
    sunday = weekday == _SUNDAY
    if not sunday.any() or sunday.all() or np.count_nonzero(weekday == _SATURDAY) * 2 > np.count_nonzero(sunday):
        return bars
    # A Sunday at the end is a day that has only begun: with it the volatility of now would be too small.
    size = len(sunday) - int(sunday[-1])
    starts = np.flatnonzero(np.concatenate(([True], ~sunday[: size - 1])))[:size]
    ends = np.append(starts[1:], size)[: len(starts)] - 1
    return _Columns(
        bars.time_ms[ends],  # the Monday's own, so that markets with and without Sundays share their days
        bars.open[starts],
        np.maximum.reduceat(bars.high[:size], starts),
        np.minimum.reduceat(bars.low[:size], starts),
        bars.close[ends],
    )


def _over_weekend(ended_ms: NDArray[np.int64], opened_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a Saturday's noon, UTC, lies between the end of one bar and the opening of the next."""
    # The epoch began on a Thursday; its first Saturday noon came two and a half days later.
    saturdays = (opened_ms - _SATURDAY_NOON_MS) // (7 * DAY_MS)
    return saturdays > (ended_ms - _SATURDAY_NOON_MS) // (7 * DAY_MS)


class Step(NamedTuple):
    """One bar of every window, as seen from the window's start: losses of the position, in volatilities, (windows,).

    Volatilities are those of the window's start. `landing` is where a stop order is filled that lies between what was
    reached before and the bar: at its opening, or, where that is worse, behind a jump. `reached` is the worst of the
    bar, `best` the best, both as losses.
    """

    landing: Floats
    reached: Floats
    best: Floats
    close: Floats


def step(path: Moves, side: Side, ahead: int) -> Step:
    """Bar number `ahead` (from 0) of the windows that have one.

    A bar that runs farther than JUMP volatilities from the close before it is taken to have jumped: nobody is filled
    on the way, and a stop is executed where all but JUMP volatilities have been run.
    """
    size = len(path) - ahead
    sign = -1.0 if side == "buy" else 1.0
    adverse, fair = (path.low, path.high) if side == "buy" else (path.high, path.low)
    later = slice(ahead, None)
    if ahead == 0:
        start: Floats | float = 0.0
        factor: Floats | float = sign
    else:
        origin, unit = path.close_before[:size], path.volatility[:size] * path.close_before[:size]
        start = sign * (path.close_before[later] - origin) / unit
        factor = sign * path.volatility[later] * path.close_before[later] / unit
    opening = start + factor * path.open[later]
    reached = np.maximum(start + factor * adverse[later], opening)
    jumped = np.where(reached - start > JUMP, reached - JUMP, -np.inf)
    most = path.price / path.unit if side == "buy" else np.inf
    return Step(
        landing=np.minimum(np.maximum(opening, jumped), most),
        reached=np.minimum(reached, most),
        best=start + factor * fair[later],
        close=np.minimum(start + factor * path.close[later], most),
    )


def stop_trade_losses(
    path: Moves,
    side: Side,
    stop: float,
    bars: int = 1,
    *,
    target: float | None = None,
    spread: float = 0.0,
    widening: float = 0.0,
    slippage: float = 0.0,
) -> Floats:
    """What a position of one unit loses on each window of `bars` bars, in price: (len(path) + 1 - bars,).

    `stop` and `target` are distances from the entry, in price. A position is opened at the quote's worse side and
    closed at the other, so bars of bids reach the stop `spread` (and at the stop `widening` more) earlier. The first
    bar that decides counts: if it opens beyond the stop, or jumps over it, the fill is there; else, if it reaches the
    stop, the fill is the stop and `slippage`; else, if it reaches the target, the fill is the target; a bar that
    reaches both is taken to reach the stop first. A window without either ends at its last close.
    """
    unit = path.unit
    near, gain = max(0.0, stop - spread - widening) / unit, None if target is None else (target + spread) / unit
    size = len(path) + 1 - bars
    result = np.full(size, np.nan)
    open_ = np.ones(size, dtype=bool)
    for ahead in range(bars):
        bar = Step(*(column[:size] for column in step(path, side, ahead)))
        hit = open_ & (bar.reached >= near)
        result[hit] = np.maximum(stop + slippage + widening, bar.landing[hit] * unit + spread)
        open_ &= ~hit
        if gain is not None:
            won = open_ & (bar.best <= -gain)
            result[won] = -(target or 0.0)
            open_ &= ~won
        result[open_] = bar.close[open_] * unit + spread
    return result
