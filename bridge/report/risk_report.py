"""The figures of the risk report, as plain values. Bars are bids: spread and costs come on top."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bridge.report.correlation_row import Pair
from sizing.snapshot import Floats, Side

End = Literal["gap", "stop", "close"]
When = Literal["", "within the week", "over a weekend"]
Decided = Literal["assumed", "assumed gap", "interval", "table"]
"""An assumed gap because there is no history, or one that counts beside it; the upper end of an interval; or more than
that, by the care of the table of stops."""


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
    flat: bool
    """Enough bars, but they move by less than a thousandth of a percent a day now."""


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
    basis: str
    """The paths or the assumption it rests on."""
    decided: Decided
    upper: Amount | None = None
    """Upper end of the interval of those paths, at this very stop."""

    @property
    def assumed(self) -> bool:
        """Not measured at all."""
        return self.decided == "assumed"


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
    stop_given: bool
    """By --stop; else it is the policy's multiple of the daily ATR."""
    request_stop: str | None
    """What a request without a stop gets; None if it is refused."""
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
    """Of the day that begins at each of `time_ms`, (n,); the last is the day to come."""
    regime_ms: NDArray[np.int64]
    regimes: list[str]
    """Of the day that begins at each of `regime_ms`."""
