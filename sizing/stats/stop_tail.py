"""The tail of a stop trade as a table over the stop's distance, so that a request only interpolates.

Between two distances of the grid the table never understates what the windows themselves say. For each bracket from a
to b every window gets a loss that is not smaller than its own at any stop s in the bracket and is convex in s: a window
that reaches a counts as stopped at s, or where the worst opening that any stop in the bracket would have met has put
it. The expected shortfall of such losses is convex in s too, so a straight line between its values at a and b lies
above it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sizing.policy import TailPolicy
from sizing.snapshot import Side, StopTail, TailRow, TailSide
from sizing.stats.resampling import BLOCK, REPLICATES, block_counts, block_sums
from sizing.stats.shortfall import fit_pareto, peaks_over_threshold, tail_means
from sizing.stats.windows import Moves, step

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

HORIZONS = (1, 2, 5, 20)
"""Daily bars a trade may live; a request's horizon is rounded up, and beyond the last every trade ends at its stop."""
_MULTIPLES = tuple(round(0.05 * (8.0 / 0.05) ** (i / 15), 4) for i in range(16))
"""Stops of the grid, in daily ATRs."""
_BEYOND = (0.0, 0.15, 0.6, 2.0, 6.0)
"""A replicate's shortfall is read at the stop and so far beyond it, in volatilities,"""
_BEFORE = (0.5, 0.8)
"""and, where few windows reach the stop, so far before it, in shares of the stop."""
_LEAST_EXCEEDANCES = 50
_MOST_EXCEEDANCES = 0.15
"""Share of windows: below such a threshold lies no tail, but the bulk of openings."""
_LEAST_STOPPED = 100
LEAST_WEEKENDS = 50


def stop_tail(path: Moves, atr: float, policy: TailPolicy) -> StopTail | None:
    """The table for a symbol whose daily ATR is `atr`, in price; None where there are too few windows."""
    if len(path) < policy.min_history or not atr > 0:
        return None
    stops = np.array(_MULTIPLES) * atr
    return StopTail(
        horizons=HORIZONS,
        stops=tuple(stops.tolist()),
        buy=_side(path, "buy", stops, policy),
        sell=_side(path, "sell", stops, policy),
    )


class _Bracket(NamedTuple):
    """Columns (brackets, 1): from `low` to `high`, in volatilities; the last one has no upper end."""

    low: Floats
    high: Floats


class _Outcomes(NamedTuple):
    """What windows came to: the worst reached (n,), where stops were filled (brackets, n), the last close (n,).

    `block` of them are a month.
    """

    reached: Floats
    landed: Floats
    close: Floats
    block: int = BLOCK

    def of(self, rows: Flags) -> "_Outcomes":
        """Only some windows."""
        block = max(1, round(BLOCK * float(rows.mean())))
        return _Outcomes(self.reached[rows], self.landed[:, rows], self.close[rows], block)


def _side(path: Moves, side: Side, stops: Floats, policy: TailPolicy) -> TailSide:
    edges = np.concatenate(([0.0], stops / path.unit, [np.inf]))[:, None]
    bracket = _Bracket(edges[:-1], edges[1:])
    reached = np.zeros(len(path))
    over, within = np.zeros(len(path), dtype=bool), np.ones(len(path), dtype=bool)
    landed = np.full((len(bracket.low), len(path)), -np.inf)
    first_day = step(path, side, 0).landing
    rows: list[TailRow] = []
    week: list[TailRow] = []
    for ahead in range(HORIZONS[-1]):
        bar = step(path, side, ahead)
        size = len(bar.close)
        _land(landed, bar.landing, reached, bracket)
        reached[:size] = np.maximum(reached[:size], bar.reached)
        over[:size] |= path.weekend[ahead:]
        within[:size] &= ~path.weekend[ahead:] | path.hole[ahead:]
        if ahead + 1 in HORIZONS:
            outcomes = _Outcomes(reached[:size], landed[:, :size], bar.close)
            first, second = _classes(over[:size], within[:size], policy.min_history)
            rows.append(_row(outcomes.of(first), first_day[:size][first], bracket, policy, path.unit))
            if second is not None and len(week) == len(rows) - 1:
                week.append(_row(outcomes.of(second), first_day[:size][second], bracket, policy, path.unit))
    until = _until_stopped(reached, landed, bracket, policy) * path.unit
    rows.append(TailRow(tuple(until.tolist()), (), rows[0].reach, len(path)))
    return TailSide(_no_safer(rows), _no_safer(week))


def _no_safer(rows: list[TailRow]) -> tuple[TailRow, ...]:
    """The rows with a longer horizon never below a shorter one: its windows are fewer, and may lack the worst day."""
    if not rows:
        return ()
    tables = np.maximum.accumulate([row.shortfall for row in rows], axis=0)
    return tuple(row._replace(shortfall=tuple(table.tolist())) for row, table in zip(rows, tables, strict=True))


def _classes(over: Flags, within: Flags, least: int) -> tuple[Flags, Flags | None]:
    """The windows for trades that may go over a weekend, and those for trades that do not; None where that is unknown.

    With too few of either kind all windows stand for both. A hole in the history counts as either.
    """
    if np.count_nonzero(over) < LEAST_WEEKENDS or np.count_nonzero(within) < least:
        return np.ones_like(over), None
    return over, within


def _row(outcomes: _Outcomes, first_day: Floats, bracket: _Bracket, policy: TailPolicy, unit: float) -> TailRow:
    table, at_risk = _evaluate(outcomes, bracket, policy)
    return TailRow(
        shortfall=tuple((table * unit).tolist()),
        value_at_risk=tuple((at_risk * unit).tolist()),
        reach=tuple((_reach(first_day, bracket) * unit).tolist()),
        windows=len(outcomes.close),
    )


def _land(landed: Floats, landing: Floats, reached: Floats, bracket: _Bracket) -> None:
    """Note where this bar would fill a stop of each bracket that nothing has reached before."""
    rows = np.flatnonzero((landing > reached[: len(landing)]) & (landing > 0))
    if not len(rows):
        return
    where, before = landing[rows], reached[rows]
    meets = (where >= bracket.low) & (before < bracket.high)
    landed[:, rows] = np.maximum(landed[:, rows], np.where(meets, where, -np.inf))


def _evaluate(outcomes: _Outcomes, bracket: _Bracket, policy: TailPolicy) -> tuple[Floats, Floats]:
    """Shortfalls at both ends of every bracket, in turn and never falling, and the value at risk at its upper end.

    The last bracket has a lower end only.
    """
    stopped = outcomes.reached >= bracket.low
    # The interval of the bracket before, which ends here, stands for this end's: values never fall.
    at_low = _tails(stopped, outcomes, bracket.low, policy.level).shortfall
    finite = slice(0, -1)
    within = outcomes._replace(landed=outcomes.landed[finite])
    at_risk, at_high = _figures(stopped[finite], within, bracket.high[finite], policy)
    at_risk = _exact_where_seldom(at_risk, outcomes, bracket.high[finite], policy.level)
    fitted = _fitted(outcomes.landed, bracket.low[:, 0], policy.level)
    # The upper end of one bracket is the lower end of the next.
    return _in_turn(np.maximum(at_low, fitted), np.maximum(at_high, fitted[1:])), at_risk


def _exact_where_seldom(at_risk: Floats, outcomes: _Outcomes, stop: Floats, level: float) -> Floats:
    """The value at risk without the bracket's care, where fewer windows reach the stop than the tail holds.

    Shortfalls may overstate; a value at risk that does would never be exceeded, and nothing could be learned from it.
    """
    stopped = outcomes.reached >= stop
    seldom = np.flatnonzero(np.count_nonzero(stopped, axis=1) <= (1.0 - level) * stopped.shape[-1])
    if len(seldom):
        losses = np.where(stopped[seldom], stop[seldom], outcomes.close)
        at_risk[seldom] = tail_means(losses, level)[0]
    return at_risk


def _in_turn(at_low: Floats, at_high: Floats) -> Floats:
    """Lower and upper ends of brackets in turn, the last one's lower end at the end; never falling."""
    return np.maximum.accumulate(np.append(np.column_stack((at_low[:-1], at_high)).ravel(), at_low[-1]))


def _figures(stopped: Flags, outcomes: _Outcomes, stop: Floats, policy: TailPolicy) -> tuple[Floats, Floats]:
    """Value at risk, and the larger of shortfall and upper end of its interval, for one stop per row."""
    tails = _tails(stopped, outcomes, stop, policy.level)
    return tails.value_at_risk, np.maximum(tails.shortfall, _upper_ends(tails, stop, policy, outcomes.block))


class _Tails(NamedTuple):
    """One stop per row: value at risk and shortfall (brackets,), and what each window loses beyond it (brackets, n).

    `plain` rows have windows in their tail that end at the stop, and nothing but such or gaps.
    """

    value_at_risk: Floats
    shortfall: Floats
    beyond: Floats
    plain: Flags


def _tails(stopped: Flags, outcomes: _Outcomes, stop: Floats, level: float) -> _Tails:
    """The tail at one stop per row. Where a row is plain, its first loss is the stop, and nothing has to be sorted."""
    tail, size = 1.0 - level, stopped.shape[-1]
    beyond = np.where(stopped, np.maximum(outcomes.landed - stop, 0.0), 0.0)
    gapped = np.count_nonzero(beyond, axis=1)
    plain = (np.count_nonzero(stopped, axis=1) > tail * size) & (gapped <= tail * size)
    at_risk = stop[:, 0].copy()
    shortfall = at_risk + beyond.sum(axis=1) / (tail * size)
    rest = np.flatnonzero(~plain)
    if len(rest):
        beyond[rest] = np.where(stopped[rest], beyond[rest], outcomes.close - stop[rest])
        at_risk[rest], shortfall[rest] = tail_means(beyond[rest] + stop[rest], level)
    return _Tails(at_risk, shortfall, beyond, plain)


def _upper_ends(tails: _Tails, stop: Floats, policy: TailPolicy, block: int) -> Floats:
    """Upper ends of the intervals of the rows' shortfalls.

    A row whose tail lies at the stop or beyond is read there only; the others also before it. So one more loss never
    gives a row more places to be read at, of which the lowest would count.
    """
    at_stop = tails.plain | (tails.value_at_risk > stop[:, 0])
    some = at_stop & tails.beyond.any(axis=1)
    upper = stop[:, 0].copy()
    upper[some] += _interval_end(tails.beyond[some], _BEYOND, policy, block)
    before = tuple(-share * stop[~at_stop] for share in _BEFORE)
    upper[~at_stop] += _interval_end(tails.beyond[~at_stop], (*_BEYOND, *before), policy, block)
    return upper


def _interval_end(beyond: Floats, offsets: Sequence[Floats | float], policy: TailPolicy, block: int) -> Floats:
    """Upper end of the block-bootstrap interval of the expected shortfall of each row of losses less the stop.

    A replicate's shortfall is at most `v + mean((loss - v)+) / (1 - level)` whatever v is (Rockafellar and Uryasev,
    2000), so the smallest at fixed v overstates it, and never falls where a loss rises. `offsets` are v less the stop.
    """
    size = beyond.shape[-1]
    best = np.full((len(beyond), REPLICATES), np.inf)
    for offset in offsets:
        above = beyond - offset
        sums = block_sums(np.maximum(above, 0.0, out=above), block)
        means = offset + sums @ block_counts(sums.shape[-1]) / (size * (1.0 - policy.level))
        np.minimum(best, means, out=best)
    return _quantile(best, policy.interval)


def _quantile(replicates: Floats, interval: float) -> Floats:
    """The upper end of the interval of each row's replicates (rows, REPLICATES)."""
    rank = int(np.ceil((1.0 + interval) / 2 * REPLICATES)) - 1
    result: Floats = np.partition(replicates, rank, axis=-1)[:, rank]
    return result


def _fitted(landed: Floats, stops: Floats, level: float) -> Floats:
    """Shortfall where a generalized Pareto distribution stands for what is lost beyond each stop, if enough is."""
    size = landed.shape[-1]
    result = np.full(len(stops), -np.inf)
    for index, stop in enumerate(stops.tolist()):
        excesses = landed[index][landed[index] > stop] - stop
        if not _LEAST_EXCEEDANCES <= len(excesses) <= _MOST_EXCEEDANCES * size:
            continue
        tail = fit_pareto(excesses)
        if tail is None:
            continue
        share = len(excesses) / size
        if share > 1.0 - level:
            result[index] = peaks_over_threshold(stop, tail, size, len(excesses), level)[1]
        else:
            result[index] = stop + share / (1.0 - level) * tail.mean
    return result


def _until_stopped(reached: Floats, landed: Floats, bracket: _Bracket, policy: TailPolicy) -> Floats:
    """Shortfalls at both ends of every bracket among the trades that have ended at their stop.

    Whatever does not end there loses less, so this holds for any horizon as far as gaps come as often. Where few
    windows reach a stop, what lies
    beyond it is taken from the widest stop that enough of them reach.
    """
    count = np.count_nonzero(reached >= np.where(np.isinf(bracket.high), bracket.low, bracket.high), axis=1)
    enough = count >= _LEAST_STOPPED
    stopped = reached >= bracket.low
    ends = []
    for edge in (bracket.low, np.where(np.isinf(bracket.high), bracket.low, bracket.high)):
        beyond = np.where(stopped, np.maximum(landed - edge, 0.0), 0.0)
        sums = block_sums(beyond) @ block_counts(-(-len(reached) // BLOCK))
        upper = np.maximum(beyond.sum(axis=1), _quantile(sums, policy.interval))
        ends.append(np.where(enough, upper / ((1.0 - policy.level) * np.maximum(count, 1)), 0.0))
    last = int(np.flatnonzero(enough)[-1]) if enough.any() else 0
    for beyond in ends:
        beyond[last + 1 :] = max(ends[0][last], ends[1][last])
    return _in_turn(ends[0] + bracket.low[:, 0], (ends[1] + bracket.high[:, 0])[:-1])


def _reach(landing: Floats, bracket: _Bracket) -> Floats:
    """The mean of where one bar fills stops that it jumps over; of each bracket that of its upper end, the largest.

    0 where none of a bracket's stops is jumped over. Stop and gap together never fall as the stop widens.
    """
    ordered = np.sort(landing)
    sums = np.concatenate((np.cumsum(ordered[::-1])[::-1], [0.0]))
    above = np.searchsorted(ordered, bracket.high[:, 0], side="right")
    count = len(ordered) - above
    mean = sums[above] / np.maximum(count, 1)
    # Beyond the last stop, or where only stops inside the bracket are jumped over, the farthest fill stands for all.
    farthest = np.where(above > 0, ordered[np.maximum(above - 1, 0)], 0.0)
    inside = np.where(farthest > bracket.low[:, 0], farthest, 0.0)
    reach: Floats = np.where(count > 0, mean, inside)
    return reach
