"""What a stop trade on one symbol loses in its worst days, as figures. Bars are bids: spread and costs come on top."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.market.recording import TIMEFRAME_MS, BarSeries
from bridge.report.correlation_row import Pair, correlation_row
from bridge.report.errors import ReportError
from bridge.report.interval import shortfall_interval
from bridge.report.sources import Source
from bridge.statistics import DAILY, HISTORY, DailyFigures, daily_figures, market_stats
from sizing.policy import Policy
from sizing.snapshot import Floats, Side
from sizing.stats.atr import atr
from sizing.stats.shortfall import expected_shortfall, value_at_risk
from sizing.stats.tail import TailFigures, assumed_tail, days_of, measured_tail, shortfall
from sizing.stats.volatility import percentile_ranks, volatility_regime
from sizing.stats.windows import WARM_UP, Moves, moves, step, stop_trade_losses, volatilities

SIDES: tuple[Side, ...] = ("buy", "sell")
_WORST = 5
_GAP_MS = 4 * TIMEFRAME_MS[DAILY]
"""Longer than a weekend with a holiday."""
_TIE = 1e-9
_MOST_DIGITS = 6

End = Literal["gap", "stop", "close"]
When = Literal["", "within the week", "over a weekend"]


class Wish(NamedTuple):
    """What to report on. None takes the policy's stop and horizon, and both sides."""

    symbol: str
    side: Side | None = None
    stop: float | None = None
    """In price."""
    days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A loss in price, in multiples of the stop's distance and in percent of the last close."""

    price: float
    stops: float
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The daily bars used. `gaps` counts where bars are missing for longer than a weekend."""

    source: str
    days: int
    from_ms: int
    to_ms: int
    """Opening of the last bar."""
    gaps: int
    longest_gap_ms: tuple[int, int] | None
    """Openings of the bars before and after it."""
    last_close: float
    digits: int
    """Decimals of the symbol's prices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volatility:
    """Where volatility stands; None where history is too short."""

    per_day_pct: float | None
    """RiskMetrics' EWMA with decay 0.94."""
    atr: float | None
    atr_pct: float | None
    percentile: float | None
    lookback: int
    regime: str | None
    market: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What history itself says of one stop trade: the losses of its paths."""

    paths: int
    stopped_pct: float
    gapped_pct: float
    """Share of all paths."""
    mean_gap: Amount | None
    """Lost beyond the stop where it was gapped."""
    value_at_risk: Amount
    shortfall: Amount
    lower: Amount
    upper: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The expected shortfall that sizing takes. `when` is empty where the weekend makes no difference."""

    when: When
    shortfall: Amount
    source: str
    assumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstDay:
    """A day that would be among the worst for this trade today. `ran` is how far it ran against the side then."""

    time_ms: int
    loss: Amount
    end: End
    ran_pct: float
    ran_volatilities: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SideRisk:
    """One side. Without enough history `sample` is None and the counted figure an assumption."""

    side: Side
    stop: Amount
    stop_atrs: float | None
    sample: Sample | None
    counted: list[Counted]
    worst: list[WorstDay]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskReport:
    """Everything that is printed."""

    symbol: str
    level: float
    interval: float
    days: int
    min_history: int
    history: History
    volatility: Volatility
    sides: list[SideRisk]
    correlations: list[Pair]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskSeries:
    """What is drawn beside the figures: losses of each side's paths, in price; volatility and its regime by day."""

    losses: dict[Side, Floats]
    time_ms: NDArray[np.int64]
    volatility_pct: Floats
    """At each close of `time_ms`, (n,)."""
    regime_ms: NDArray[np.int64]
    regimes: list[str]
    """At each close of `regime_ms`."""


def risk_of(source: Source, wish: Wish) -> tuple[RiskReport, RiskSeries]:
    """The report and what is drawn. Raises MarketError for an unknown symbol, ReportError for a stop that is none."""
    bars, policy = source.series(wish.symbol), source.account.policy
    # Exactly the bars that the daemon looks at.
    bars = bars.closed_before(_end_ms(bars), last=HISTORY + WARM_UP + 1)
    figures = daily_figures(bars, policy)
    case = _Case(bars, moves(bars), figures, policy, _stop(wish, bars, figures, policy), _days(wish, policy))
    sides = [_side(case, side) for side in SIDES if wish.side in (None, side)]
    report = RiskReport(
        symbol=wish.symbol,
        level=policy.tail.level,
        interval=policy.tail.interval,
        days=case.days,
        min_history=policy.tail.min_history,
        history=_history(source.label, bars),
        volatility=_volatility(bars, figures, policy),
        sides=[each for each, _ in sides],
        correlations=correlation_row(source, wish.symbol),
    )
    losses = {each.side: losses for each, losses in sides if losses is not None}
    return report, _series(bars, policy, losses)


class _Case(NamedTuple):
    """One symbol and one trade, whichever the side."""

    bars: BarSeries
    path: Moves | None
    figures: DailyFigures
    policy: Policy
    stop: float
    days: int

    def amount(self, price: float) -> Amount:
        return Amount(price=price, stops=price / self.stop, percent=price / self.close * 100)

    @property
    def close(self) -> float:
        return float(self.bars.close[-1])


def _stop(wish: Wish, bars: BarSeries, figures: DailyFigures, policy: Policy) -> float:
    close = float(bars.close[-1])
    if wish.stop is None:
        if figures.atr is None:
            raise ReportError(
                f"{wish.symbol} has no daily ATR: its {len(bars)} bars are too few, or do not move. Give --stop."
            )
        return policy.stop.atr_multiple * figures.atr
    if wish.stop >= close:
        raise ReportError(f"--stop {wish.stop:g} is a distance in price, and {wish.symbol} closed at {close:.10g}.")
    return wish.stop


def _days(wish: Wish, policy: Policy) -> int:
    return days_of(policy.cost.horizon_minutes) if wish.days is None else wish.days


def _side(case: _Case, side: Side) -> tuple[SideRisk, Floats | None]:
    losses = _losses(case, side)
    found = SideRisk(
        side=side,
        stop=case.amount(case.stop),
        stop_atrs=None if case.figures.atr is None else case.stop / case.figures.atr,
        sample=None if losses is None else _sample(case, losses),
        counted=_counted(case, side),
        worst=_worst(case, side),
    )
    return found, losses


def _losses(case: _Case, side: Side) -> Floats | None:
    """Losses of all paths in price; None where there are fewer than sizing wants."""
    if case.path is None or len(case.path) + 1 - case.days < case.policy.tail.min_history:
        return None
    return stop_trade_losses(case.path, side, case.stop, case.days)


def _sample(case: _Case, losses: Floats) -> Sample:
    level = case.policy.tail.level
    beyond = losses[losses > case.stop * (1 + _TIE)] - case.stop
    lower, upper = shortfall_interval(losses, level, case.policy.tail.interval)
    return Sample(
        paths=len(losses),
        stopped_pct=float(np.mean(losses >= case.stop * (1 - _TIE))) * 100,
        gapped_pct=len(beyond) / len(losses) * 100,
        mean_gap=case.amount(float(beyond.mean())) if len(beyond) else None,
        value_at_risk=case.amount(value_at_risk(losses, level)),
        shortfall=case.amount(expected_shortfall(losses, level)),
        lower=case.amount(lower),
        upper=case.amount(upper),
    )


def _counted(case: _Case, side: Side) -> list[Counted]:
    """What sizing takes: measured, in the week and over a weekend where they differ; else assumed."""
    tail = case.figures.tail
    if tail is None:
        return [_assumed(case)]
    week, weekend = (measured_tail(tail, side, case.stop, case.days, weekend=crosses) for crosses in (False, True))
    if week == weekend:
        return [Counted(when="", shortfall=case.amount(week.shortfall), source=week.source, assumed=False)]
    kinds: tuple[tuple[When, TailFigures], ...] = (("within the week", week), ("over a weekend", weekend))
    return [
        Counted(when=when, shortfall=case.amount(found.shortfall), source=found.source, assumed=False)
        for when, found in kinds
    ]


def _assumed(case: _Case) -> Counted:
    policy, stats = case.policy.tail, market_stats(None, case.bars, case.policy, case.figures)
    model = assumed_tail(policy, stats, case.close)
    price = shortfall(case.stop, model.gap_probability, model.gap_excess, policy.level)
    return Counted(when="", shortfall=case.amount(price), source=model.source, assumed=True)


def _worst(case: _Case, side: Side) -> list[WorstDay]:
    """The days whose loss, scaled to now, is largest for a trade of one day; of equal ones those that ran farthest."""
    path = case.path
    if path is None:
        return []
    losses, ran = stop_trade_losses(path, side, case.stop), step(path, side, 0).reached
    order = np.lexsort((ran, losses))[::-1][:_WORST]
    return [
        WorstDay(
            time_ms=int(path.time_ms[row]),
            loss=case.amount(float(losses[row])),
            end=_end(float(losses[row]), case.stop),
            ran_pct=float(ran[row] * path.volatility[row]) * 100,
            ran_volatilities=float(ran[row]),
        )
        for row in order.tolist()
    ]


def _end(loss: float, stop: float) -> End:
    if loss > stop * (1 + _TIE):
        return "gap"
    return "stop" if loss >= stop * (1 - _TIE) else "close"


def _history(label: str, bars: BarSeries) -> History:
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
        digits=_digits(bars.close),
    )


def _digits(close: Floats) -> int:
    """Decimals of the newest closes, as far as a broker quotes them."""
    texts = (f"{value:.{_MOST_DIGITS}f}".rstrip("0") for value in close[-50:].tolist())
    return max(len(text.partition(".")[2]) for text in texts)


def _volatility(bars: BarSeries, figures: DailyFigures, policy: Policy) -> Volatility:
    now = float(volatilities(bars.close)[-1])
    ranges, percentile = figures.atr, figures.percentile
    return Volatility(
        per_day_pct=now * 100 if now > 0 else None,
        atr=ranges,
        atr_pct=None if ranges is None else ranges / float(bars.close[-1]) * 100,
        percentile=percentile,
        lookback=policy.volatility.lookback,
        regime=None if percentile is None else volatility_regime(percentile, policy.volatility.percentiles),
        market=figures.regime,
    )


def _series(bars: BarSeries, policy: Policy, losses: dict[Side, Floats]) -> RiskSeries:
    volatility = volatilities(bars.close) * 100
    known = ~np.isnan(volatility)
    ranges = atr(bars.high, bars.low, bars.close, policy.stop.atr_period, policy.stop.atr_method)
    ranges, lookback = ranges[policy.stop.atr_period :], policy.volatility.lookback
    ranks = percentile_ranks(ranges, lookback) if len(ranges) >= lookback else ranges[:0]
    return RiskSeries(
        losses=losses,
        time_ms=bars.time_ms[known],
        volatility_pct=volatility[known],
        regime_ms=bars.time_ms[len(bars) - len(ranks) :],
        regimes=[volatility_regime(rank, policy.volatility.percentiles) for rank in ranks.tolist()],
    )


def _end_ms(bars: BarSeries) -> int:
    return int(bars.time_ms[-1]) + TIMEFRAME_MS[bars.timeframe]
