"""The tail of a stop trade: what is lost beyond the stop."""

from bisect import bisect_left
from typing import NamedTuple

from sizing.policy import TailPolicy
from sizing.snapshot import MarketStats, Side, StopTail, TailModel

_MINUTES_PER_DAY = 1440
_HOUR_MS = 3_600_000
_FRIDAY_CLOSE_MS = 44 * _HOUR_MS
"""The first Friday 20:00 UTC after the epoch, a Thursday's midnight."""
_WEEKEND_MS, _WEEK_MS = 49 * _HOUR_MS, 168 * _HOUR_MS


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
    windows: int
    source: str


def careful_shortfall(
    figures: TailFigures, model: TailModel, stop: float, near: float, policy: TailPolicy
) -> tuple[float, str]:
    """The measured shortfall of a stop `near` closer than its distance, in price, and where it comes from.

    It is at least that of the assumed gap with a share of its probability: half at `min_history` windows, next to
    nothing after years, and so never less than the stop. A short history without a gap does not prove that there is
    none.
    """
    chance = model.gap_probability * policy.min_history / (policy.min_history + figures.windows)
    least = shortfall(stop, chance, model.gap_excess, policy.level)
    if figures.shortfall + near >= least:
        return figures.shortfall + near, figures.source
    return least, f"{figures.source}, with a share of the assumed gap" if least > stop else figures.source


def days_of(minutes: int) -> int:
    """Daily bars that a horizon takes, rounded up."""
    return max(1, -(-minutes // _MINUTES_PER_DAY))


def crosses_weekend(now_ms: int, minutes: int) -> bool:
    """Whether a trade of so many minutes may stand over a weekend: Friday 20:00 UTC to Sunday 21:00.

    Currencies close an hour or two later, and open then; whoever trades on is on the careful side.
    """
    since_ms = (now_ms - _FRIDAY_CLOSE_MS) % _WEEK_MS
    return since_ms < _WEEKEND_MS or since_ms + minutes * 60_000 >= _WEEK_MS


def horizon_end(now_ms: int, minutes: int) -> int:
    """When a trade of so many minutes ends, the weekends that it comes to left out."""
    end_ms, left = now_ms, min(minutes, 366 * _MINUTES_PER_DAY)
    while left > 0:
        part = min(left, _MINUTES_PER_DAY)
        end_ms, left = end_ms + part * 60_000, left - part
        if crosses_weekend(end_ms, 0):
            end_ms = max(end_ms + 2 * _MINUTES_PER_DAY * 60_000, _weekend_end(end_ms))
    return end_ms


def _weekend_end(now_ms: int) -> int:
    """When the weekend ends that holds now."""
    return now_ms - (now_ms - _FRIDAY_CLOSE_MS) % _WEEK_MS + _WEEKEND_MS


def measured_tail(tail: StopTail, side: Side, stop: float, days: int, *, weekend: bool) -> TailFigures:
    """Read the table at a stop's distance, in price, and a horizon in daily bars, over a weekend or within a week.

    Between two stops of the table a straight line never understates the shortfall; beyond the widest it grows with the
    stop, as the loss of a window cannot grow faster.
    """
    table = tail.buy if side == "buy" else tail.sell
    at = bisect_left(tail.horizons, days)
    within = not weekend and at < len(table.week)
    row = table.week[at] if within else table.rows[at]
    longest = at == len(tail.horizons)
    kind = " within the week" if within else ""
    source = f"{row.windows} daily paths, {'until stopped' if longest else f'{tail.horizons[at]} d{kind}'}"
    stops, index = tail.stops, bisect_left(tail.stops, stop)
    gap = max(0.0, row.reach[index] - stop)
    if index == len(stops):
        at_risk = None if longest else row.value_at_risk[-1]
        return TailFigures(row.shortfall[-1] + stop - stops[-1], gap, at_risk, row.windows, source)
    start = stops[index - 1] if index else 0.0
    part = (stop - start) / (stops[index] - start)
    low, high = row.shortfall[2 * index], row.shortfall[2 * index + 1]
    at_risk = None
    if not longest:
        first = row.value_at_risk[index - 1] if index else 0.0
        at_risk = first + part * (row.value_at_risk[index] - first)
    return TailFigures(low + part * (high - low), gap, at_risk, row.windows, source)
