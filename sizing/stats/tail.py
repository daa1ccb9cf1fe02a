"""The tail of a stop trade: what is lost beyond the stop."""

from bisect import bisect_left
from typing import NamedTuple

from sizing.policy import TailPolicy
from sizing.snapshot import MarketStats, Side, StopTail, TailModel

_MINUTES_PER_DAY = 1440


def shortfall(loss_at_stop: float, gap_probability: float, gap_excess: float, level: float) -> float:
    """Expected shortfall of a trade that loses `loss_at_stop` at its stop, and `gap_excess` more when it is gapped.

    The worst `1 - level` of outcomes holds every gap, if gaps are rarer than that: a stop at 50 with a 1 % gap of mean
    excess 30 gives 56 at 95 %. Source: definition of expected shortfall, Rockafellar and Uryasev (2002).
    """
    share = min(1.0, gap_probability / (1.0 - level))
    return loss_at_stop + share * gap_excess


def assumed_tail(policy: TailPolicy, stats: MarketStats | None, price: float) -> TailModel:
    """The labelled fallback where history does not tell: a policy's gap, in daily ATRs or in percent of the price."""
    if stats is not None and stats.atr_daily:
        excess, basis = policy.gap_excess_atr * stats.atr_daily, f"{policy.gap_excess_atr:g} daily ATR"
    else:
        excess, basis = policy.gap_excess_pct / 100 * price, f"{policy.gap_excess_pct:g} % of the price"
    return TailModel(policy.gap_probability, excess, f"assumed: {policy.gap_probability:.1%} gaps of {basis}")


class TailFigures(NamedTuple):
    """What history says of one stop, in price and without costs. `value_at_risk` is None beyond the longest horizon."""

    shortfall: float
    gap: float
    value_at_risk: float | None
    source: str


def days_of(minutes: int) -> int:
    """Daily bars that a horizon takes, rounded up."""
    return max(1, -(-minutes // _MINUTES_PER_DAY))


def measured_tail(tail: StopTail, side: Side, stop: float, days: int) -> TailFigures:
    """Read the table at a stop's distance, in price, and a horizon in daily bars.

    Between two stops of the table a straight line never understates the shortfall; beyond the widest it grows with the
    stop, as the loss of a window cannot grow faster.
    """
    table = tail.buy if side == "buy" else tail.sell
    row = bisect_left(tail.horizons, days)
    stops, shortfalls = tail.stops, table.shortfall[row]
    index = bisect_left(stops, stop)
    longest = row == len(tail.horizons)
    at_risk = None if longest else table.value_at_risk[row]
    source = f"{tail.source}, {'until stopped' if longest else f'{tail.horizons[row]} d'}"
    if index == len(stops):
        beyond = stop - stops[-1]
        var = None if at_risk is None else at_risk[-1]
        return TailFigures(shortfalls[-1] + beyond, table.gap[-1], var, source)
    start = stops[index - 1] if index else 0.0
    part = (stop - start) / (stops[index] - start)
    low, high = shortfalls[2 * index], shortfalls[2 * index + 1]
    var = None
    if at_risk is not None:
        first = at_risk[index - 1] if index else 0.0
        var = first + part * (at_risk[index] - first)
    # Of two stops the nearer one is gapped farther, on the whole; the larger of both is the careful side.
    gap = max(table.gap[index], table.gap[index - 1] if index else 0.0)
    return TailFigures(low + part * (high - low), gap, var, source)
