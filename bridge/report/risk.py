"""What a stop trade on one symbol loses in its worst days, worked out from its daily bars."""

import math
from typing import NamedTuple

import numpy as np

from bridge.market.recording import TIMEFRAME_MS, BarSeries
from bridge.report.case import Case
from bridge.report.correlation_row import correlation_row
from bridge.report.errors import ReportError
from bridge.report.page import counted
from bridge.report.risk_report import History, RiskReport, RiskSeries, Volatility
from bridge.report.risk_sides import side_risk
from bridge.report.sources import Source
from bridge.statistics import DAILY, HISTORY, DailyFigures, daily_figures
from sizing.policy import Policy
from sizing.snapshot import Floats, Side
from sizing.stats.atr import atr
from sizing.stats.tail import days_of
from sizing.stats.volatility import percentile_ranks, volatility_regime
from sizing.stats.windows import WARM_UP, Moves, moves

_SIDES: tuple[Side, ...] = ("buy", "sell")
_GAP_MS = 4 * TIMEFRAME_MS[DAILY]
"""Longer than a weekend with a holiday."""
_MOST_DIGITS = 6
_LEAST = 1e-5
"""Of the price: a stop or a daily move below that is none."""


class Wish(NamedTuple):
    """What to report on. None takes the policy's stop and horizon, and both sides."""

    symbol: str
    side: Side | None = None
    stop: float | None = None
    """In price."""
    days: int | None = None


def risk_of(source: Source, wish: Wish) -> tuple[RiskReport, RiskSeries]:
    """The report and what is drawn. Raises MarketError for an unknown symbol, ReportError for a stop that is none."""
    bars, policy = source.series(wish.symbol), source.account.policy
    # Exactly the bars that the daemon looks at.
    bars = bars.closed_before(_end_ms(bars), last=HISTORY + WARM_UP + 1)
    figures = daily_figures(bars, policy)
    case = Case(bars, moves(bars), figures, policy, _stop(wish, bars, figures, policy), _days(wish, policy))
    sides = [side_risk(case, side) for side in _SIDES if wish.side in (None, side)]
    report = RiskReport(
        symbol=wish.symbol,
        level=policy.tail.level,
        interval=policy.tail.interval,
        days=case.days,
        min_history=policy.tail.min_history,
        stop_given=wish.stop is not None,
        request_stop=_request_stop(policy),
        history=_history(source.label, bars, case.stop),
        volatility=_volatility(case),
        sides=[each for each, _ in sides],
        correlations=correlation_row(source, wish.symbol),
    )
    losses = {each.side: losses for each, losses in sides if losses is not None}
    return report, _series(case, losses)


def _stop(wish: Wish, bars: BarSeries, figures: DailyFigures, policy: Policy) -> float:
    if wish.stop is None:
        return _usual_stop(wish.symbol, bars, figures, policy)
    close = float(bars.close[-1])
    if not _LEAST * close <= wish.stop < close:
        problem = "more than the price" if wish.stop >= close else "less than a thousandth of a percent of the price"
        raise ReportError(
            f"--stop {wish.stop:g} is {problem}: {wish.symbol} closed at {close:.10g}. Give a distance in price."
        )
    return wish.stop


def _usual_stop(symbol: str, bars: BarSeries, figures: DailyFigures, policy: Policy) -> float:
    stop = policy.stop.atr_multiple * (figures.atr or 0.0)
    if len(bars) <= policy.stop.atr_period:
        raise ReportError(f"{symbol} has no daily ATR: its {counted(len(bars), 'bar')} are too few. Give --stop.")
    if stop < _LEAST * float(bars.close[-1]):
        raise ReportError(
            f"{symbol} moves by less than a thousandth of a percent a day: too little for a stop in ATRs. Give --stop."
        )
    return stop


def _request_stop(policy: Policy) -> str | None:
    rule = policy.stop
    return f"{rule.atr_multiple:g} ATR of {rule.atr_timeframe}" if rule.atr_stop else None


def _days(wish: Wish, policy: Policy) -> int:
    return days_of(policy.cost.horizon_minutes) if wish.days is None else wish.days


def _history(label: str, bars: BarSeries, stop: float) -> History:
    steps = np.diff(bars.time_ms)
    gaps = int(np.count_nonzero(steps > _GAP_MS))
    longest = int(np.argmax(steps)) if gaps else 0
    return History(
        source=label,
        days=len(bars),
        from_ms=int(bars.time_ms[0]),
        to_ms=int(bars.time_ms[-1]),
        gaps=gaps,
        longest_gap_ms=(int(bars.time_ms[longest]), int(bars.time_ms[longest + 1])) if gaps else None,
        last_close=float(bars.close[-1]),
        digits=_digits(bars.close, stop),
    )


def _digits(close: Floats, stop: float) -> int:
    """Decimals of the newest closes, as far as a broker quotes them; more where the stop has none of them."""
    texts = (f"{value:.{_MOST_DIGITS}f}".rstrip("0") for value in close[-50:].tolist())
    return max(math.ceil(-math.log10(stop)) + 1, *(len(text.partition(".")[2]) for text in texts))


def _volatility(case: Case) -> Volatility:
    ranges, percentile = case.figures.atr, case.figures.percentile
    return Volatility(
        per_day_pct=None if case.path is None else _now(case.path) * 100,
        atr=ranges,
        atr_pct=None if ranges is None else ranges / case.close * 100,
        percentile=percentile,
        lookback=case.policy.volatility.lookback,
        regime=None if percentile is None else volatility_regime(percentile, case.policy.volatility.percentiles),
        market=case.figures.regime,
        flat=_flat(case),
    )


def _flat(case: Case) -> bool:
    if case.path is None:
        return len(case.bars) > WARM_UP + 1 and float(np.ptp(case.bars.close[-WARM_UP:])) < _LEAST * case.close
    return _now(case.path) < _LEAST


def _now(path: Moves) -> float:
    """Relative volatility per day at the last close of the path."""
    last = path.close_before[-1] * (1.0 + path.close[-1] * path.volatility[-1])
    return float(path.unit / last)


def _series(case: Case, losses: dict[Side, Floats]) -> RiskSeries:
    path, bars, policy = case.path, case.bars, case.policy
    ranges = atr(bars.high, bars.low, bars.close, policy.stop.atr_period, policy.stop.atr_method)
    ranges, lookback = ranges[policy.stop.atr_period :], policy.volatility.lookback
    ranks = percentile_ranks(ranges, lookback) if len(ranges) >= lookback else ranges[:0]
    return RiskSeries(
        losses=losses,
        time_ms=bars.time_ms[:0] if path is None else np.append(path.time_ms, _end_ms(bars)),
        volatility_pct=ranges[:0] if path is None else np.append(path.volatility, _now(path)) * 100,
        regime_ms=bars.time_ms[len(bars) - len(ranks) :],
        regimes=[volatility_regime(rank, policy.volatility.percentiles) for rank in ranks.tolist()],
    )


def _end_ms(bars: BarSeries) -> int:
    return int(bars.time_ms[-1]) + TIMEFRAME_MS[bars.timeframe]
