"""How a trader wants to be sized: frozen parameters, each with its unit and range.

The defaults are the guide's. `config/policy.toml` holds the same keys with a comment each; a test keeps the two equal.
"""

from dataclasses import dataclass, field

from sizing.params import check_ranges, param


class Checked:
    """Base of every parameter group: the declared ranges hold however the group was built."""

    __slots__ = ()

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgePolicy(Checked):
    """From the signal's confidence to its expected return in units of the risk (DESIGN, step 1)."""

    confidence_shrink: float = param(0.75, "share of the distance from 50 % that is believed", ge=0, le=1)
    default_confidence: float = param(50.0, "percent, taken when a request gives none", ge=0, le=100)
    default_reward_risk: float = param(2.0, "ratio, taken when a request has no target", gt=0)
    min_expected_return: float = param(0.30, "R; below it the answer is insufficient_edge", ge=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimePolicy(Checked):
    """Multiplier by market regime (step 2)."""

    trending: float = param(1.2, "multiplier", gt=0, le=2)
    ranging: float = param(0.7, "multiplier", gt=0, le=2)
    volatile: float = param(0.7, "multiplier", gt=0, le=2)
    normal: float = param(1.0, "multiplier", gt=0, le=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketScorePolicy(Checked):
    """Multiplier by market score, linear between the three points (step 3)."""

    at_0: float = param(0.5, "multiplier", gt=0, le=2)
    at_50: float = param(1.0, "multiplier", gt=0, le=2)
    at_100: float = param(1.2, "multiplier", gt=0, le=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiversificationPolicy(Checked):
    """Multiplier by correlation with the open book (step 4)."""

    method: str = param(
        "signed", "signed: P/L correlation with the book; tiers: largest pair", choices=("signed", "tiers")
    )
    weight: float = param(0.5, "multiplier lost per unit of correlation", ge=0, le=1)
    floor: float = param(0.5, "multiplier", gt=0, le=1)
    ceiling: float = param(1.5, "multiplier", ge=1, le=2)
    tier_limits: tuple[float, ...] = param((0.3, 0.5, 0.7), "correlation at which the next tier starts", ge=0, le=1)
    tier_factors: tuple[float, ...] = param((1.0, 0.9, 0.7, 0.5), "multiplier of each tier", gt=0, le=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformancePolicy(Checked):
    """Multiplier by the win rate of the last closed trades (step 5)."""

    trades: int = param(10, "closed trades looked at", ge=1)
    min_trades: int = param(5, "closed trades below which the multiplier is 1", ge=1)
    base: float = param(0.7, "multiplier at the pivot", gt=0, le=2)
    pivot: float = param(0.4, "win rate, 0 to 1", ge=0, le=1)
    slope: float = param(3.0, "multiplier gained per unit of win rate", ge=0)
    floor: float = param(0.7, "multiplier", gt=0, le=1)
    ceiling: float = param(1.3, "multiplier", ge=1, le=2)
    per_strategy: bool = param(False, "true: only trades with the request's magic number; false: all trades")


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilityPolicy(Checked):
    """Multiplier by the percentile of today's ATR among the last `lookback` (step 6)."""

    lookback: int = param(252, "daily bars", ge=20)
    percentiles: tuple[float, ...] = param(
        (20.0, 40.0, 60.0, 80.0, 95.0), "percent, upper ends of the bands", ge=0, le=100
    )
    factors: tuple[float, ...] = param((1.10, 1.05, 1.00, 0.90, 0.70, 0.50), "multiplier of each band", gt=0, le=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownPolicy(Checked):
    """Multiplier by drawdown from peak equity (step 7)."""

    levels_pct: tuple[float, ...] = param(
        (1.0, 3.0, 5.0, 8.0), "percent of peak equity, upper ends of the bands", ge=0, le=100
    )
    factors: tuple[float, ...] = param((1.0, 0.9, 0.5, 0.3, 0.1), "multiplier of each band", gt=0, le=1)
    halt_pct: float = param(10.0, "percent of peak equity at which sizing stops (drawdown_halt)", gt=0, le=100)
    halt_days: int = param(0, "days until such a halt ends by itself; 0: `lotbridge resume` ends it", ge=0, le=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPolicy(Checked):
    """Smaller sizes after a halt for losses, until the time is over or equity is back at its peak before the halt."""

    factor: float = param(0.5, "multiplier of the budget after a halt", gt=0, le=1)
    days: int = param(5, "days it holds at most; 0 switches it off", ge=0, le=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatPolicy(Checked):
    """Multiplier when much is at risk already (step 8)."""

    limit_pct: float = param(10.0, "percent of equity at risk to stops, this trade included", gt=0, le=100)
    factor: float = param(
        0.7, "multiplier above the limit, and share of the room below it that one trade may take", gt=0, le=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DispersionPolicy(Checked):
    """A deterministic reduction per account and request, so that accounts of one owner differ in size (step 9)."""

    max_reduction_pct: float = param(0.0, "percent; 0 switches it off", ge=0, le=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPolicy(Checked):
    """How much money one trade may lose (step 10)."""

    model: str = param("adaptive", "fixed, adaptive or kelly", choices=("fixed", "adaptive", "kelly"))
    base_risk_pct: float = param(1.1, "percent of min(balance, equity)", gt=0, le=10)
    max_factor_product: float = param(1.5, "multiplier; the product of the factors is cut here", gt=0, le=3)
    kelly_fraction: float = param(0.25, "share of full Kelly, a ceiling on the percentage", gt=0, le=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPolicy(Checked):
    """What happens when a request brings no stop."""

    atr_stop: bool = param(True, "true: use the ATR stop; false: refuse with stop_required")
    atr_multiple: float = param(2.0, "ATRs between entry and stop", gt=0, le=20)
    atr_period: int = param(14, "bars", ge=2)
    atr_method: str = param(
        "simple", "simple: MT5's own mean of true ranges; wilder: smoothed", choices=("simple", "wilder")
    )
    atr_timeframe: str = param("H1", "bars the ATR stop is measured on", choices=("M15", "M30", "H1", "H4", "D1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPolicy(Checked):
    """Costs that a stopped trade pays beside the price distance."""

    spread_allowance: float = param(1.0, "current spreads added to the loss, for widening at the stop", ge=0, le=20)
    horizon_minutes: int = param(1440, "minutes a trade is expected to live, for swaps and tails", ge=1, le=525_600)


@dataclass(frozen=True, slots=True, kw_only=True)
class TailPolicy(Checked):
    """The tail of a stop trade (step 11)."""

    level: float = param(0.95, "confidence level of the expected shortfall", gt=0.5, le=0.999)
    interval: float = param(0.9, "confidence of the shortfall's interval, whose upper end is taken", ge=0, le=0.99)
    min_history: int = param(250, "days of history; with fewer the assumed gap is taken", ge=100, le=4000)
    gap_probability: float = param(
        0.01, "probability that a stop is gapped, where history is too short to tell", ge=0, le=1
    )
    gap_excess_atr: float = param(0.5, "daily ATRs lost beyond a gapped stop, on average", ge=0, le=20)
    gap_excess_pct: float = param(0.5, "percent of the price, taken when there is no ATR either", ge=0, le=50)
    no_stop_stress_atr: float = param(
        0.0, "daily ATRs assumed lost by an open position without a stop; 0 refuses", ge=0, le=100
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPolicy(Checked):
    """What happens when forecast tails turn out to understate."""

    min_forecasts: int = param(60, "days with a forecast per symbol before it is judged", ge=20)
    forecasts: int = param(500, "newest days with a forecast that are judged, per symbol", ge=20, le=2000)
    max_multiplier: float = param(3.0, "largest multiplier of the shortfall of a rejected model", ge=1, le=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapPolicy(Checked):
    """Ceilings beside those of the symbol's class (step 12)."""

    daily_distance_share_pct: float = param(
        20.0, "percent of the distance to a daily loss rule, per trade", gt=0, le=100
    )
    total_distance_share_pct: float = param(
        10.0, "percent of the distance to a total loss rule, per trade", gt=0, le=100
    )
    untargeted_reach_stops: float = param(
        0.0, "stops a trade without a target may gain before it loses, where floors follow equity; 0: no such trade",
        ge=0, le=100,
    )  # fmt: skip
    concentration_pct: float = param(
        30.0, "percent of the daily risk budget in one symbol and its correlates", gt=0, le=100
    )
    concentration_correlation: float = param(0.7, "correlation above which a symbol counts as a correlate", gt=0, le=1)
    daily_budget_share_pct: float = param(
        50.0, "percent of the day's starting distance that is the daily risk budget", gt=0, le=100
    )
    daily_budget_without_rule_pct: float = param(3.0, "percent of equity, where no daily rule exists", gt=0, le=100)
    portfolio_shortfall_pct: float = param(6.0, "percent of equity the whole book may lose in its tail", gt=0, le=100)
    margin_use_pct: float = param(80.0, "percent of the free margin", gt=0, le=100)
    gross_exposure: float = param(2.0, "multiples of equity, sum of all notionals", gt=0)
    net_exposure: float = param(1.0, "multiples of equity, longs less shorts", gt=0)
    max_positions: int = param(10, "open, pending and reserved, in all", ge=1)
    max_positions_per_symbol: int = param(3, "open, pending and reserved, per symbol", ge=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessPolicy(Checked):
    """How old evidence may be, and how long an answer holds."""

    max_quote_age_ms: int = param(10_000, "milliseconds; older is stale_quote", ge=1)
    max_account_age_ms: int = param(10_000, "milliseconds; older is stale_account", ge=1)
    max_unwatched_ms: int = param(
        60_000, "milliseconds without a report, positions open, after which an equity anchor is no longer known", ge=1
    )
    max_conversion_age_ms: int = param(
        3_600_000, "milliseconds; a currency is not converted through an older quote", ge=1
    )
    max_spec_age_ms: int = param(86_400_000, "milliseconds; older symbol figures are stale_quote", ge=1)
    max_stats_age_ms: int = param(
        691_200_000, "milliseconds since the last closed bar; older statistics are ignored, and said to be", ge=1
    )
    max_request_age_ms: int = param(5_000, "milliseconds between sent_ms and now; older is request_expired", ge=1)
    reservation_ms: int = param(30_000, "milliseconds a reservation waits for its fill", ge=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyPolicy(Checked):
    """Trust in money figures."""

    mismatch_pct: float = param(2.0, "percent two sources may differ before money_mismatch", gt=0, le=50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Every parameter of the elite sizer."""

    edge: EdgePolicy = field(default_factory=EdgePolicy)
    regime: RegimePolicy = field(default_factory=RegimePolicy)
    market_score: MarketScorePolicy = field(default_factory=MarketScorePolicy)
    diversification: DiversificationPolicy = field(default_factory=DiversificationPolicy)
    performance: PerformancePolicy = field(default_factory=PerformancePolicy)
    volatility: VolatilityPolicy = field(default_factory=VolatilityPolicy)
    drawdown: DrawdownPolicy = field(default_factory=DrawdownPolicy)
    recovery: RecoveryPolicy = field(default_factory=RecoveryPolicy)
    heat: HeatPolicy = field(default_factory=HeatPolicy)
    dispersion: DispersionPolicy = field(default_factory=DispersionPolicy)
    budget: BudgetPolicy = field(default_factory=BudgetPolicy)
    stop: StopPolicy = field(default_factory=StopPolicy)
    cost: CostPolicy = field(default_factory=CostPolicy)
    tail: TailPolicy = field(default_factory=TailPolicy)
    audit: AuditPolicy = field(default_factory=AuditPolicy)
    caps: CapPolicy = field(default_factory=CapPolicy)
    freshness: FreshnessPolicy = field(default_factory=FreshnessPolicy)
    money: MoneyPolicy = field(default_factory=MoneyPolicy)
