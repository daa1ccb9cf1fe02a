"""How a portfolio is rebalanced and watched: every key of `config/positions/rebalance.toml` with its unit and range."""

from dataclasses import dataclass, field

from sizing.params import param
from sizing.policy import Checked

ACTIONS = ("alert", "halt", "reduce", "close")
"""What a breach leads to, from the mildest: each does what those before it do, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRules(Checked):
    """What is looked at before anything is planned."""

    warn_sum: float = param(1.1, "sum of absolute weights above which is warned", gt=0)
    scale_sum: float = param(1.5, "sum of absolute weights above which all are scaled", gt=0)
    scaled_to: float = param(0.95, "sum of absolute weights after scaling", gt=0)
    fresh_wait_s: int = param(300, "seconds waited for fresh prices; then the symbol is left out", ge=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(Checked):
    """What a portfolio may be. Notional, in percent of equity or as a multiple of it."""

    position_pct: float = param(5.0, "percent of equity, notional of one symbol", gt=0)
    sector_pct: float = param(20.0, "percent of equity, notional of one sector, long and short added", gt=0)
    cluster_pct: float = param(30.0, "percent of equity, notional of correlated symbols, long and short added", gt=0)
    cluster_correlation: float = param(
        0.7, "correlation, either sign, from which two symbols are one cluster", gt=0, le=1
    )
    gross: float = param(2.0, "multiple of equity, all notional, long and short added", gt=0)
    net: float = param(1.0, "multiple of equity, long less short notional, either sign", gt=0)
    turnover_pct: float = param(50.0, "percent of equity, notional traded in a day", gt=0)
    daily_drawdown_pct: float = param(10.0, "percent of the equity at the day's start", gt=0, le=100)
    var_95_pct: float = param(5.0, "percent of equity lost in one day of twenty", gt=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLimits(Checked):
    """What one asset class may be."""

    max_leverage: float = param(1.0, "multiple of equity, notional of the class, long and short added", gt=0)
    margin_pct: float = param(20.0, "percent of equity that its margin may tie up", gt=0, le=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRules(Checked):
    """How the plan becomes orders."""

    min_change_pct: float = param(0.1, "percent of equity, notional; a smaller change is not traded", ge=0)
    small_rest: str = param(
        "leave", "what a partial close does with a rest below volume_min", choices=("leave", "close")
    )
    margin_use_pct: float = param(80.0, "percent of the free margin that additions may tie up", gt=0, le=100)
    expires_s: int = param(60, "seconds after which the EA must not carry out an instruction any more", ge=1)
    settle_s: int = param(10, "seconds the terminal may take to show what was reported", ge=5)
    retry_s: int = param(15, "seconds between two attempts", ge=0)
    attempts: int = param(3, "attempts in a row that change nothing before a symbol is given up", ge=1)
    plan_minutes: int = param(240, "minutes after which a plan orders nothing more", ge=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyRules(Checked):
    """What a breach leads to, and how trading goes on afterwards."""

    position: str = param("alert", "what a position beyond its limit leads to", choices=ACTIONS)
    sector: str = param("alert", "what a sector beyond its limit leads to", choices=ACTIONS)
    cluster: str = param("alert", "what a correlated cluster beyond its limit leads to", choices=ACTIONS)
    asset_class: str = param("alert", "what an asset class beyond its limits leads to", choices=ACTIONS)
    gross: str = param("alert", "what gross leverage beyond its limit leads to", choices=ACTIONS)
    net: str = param("alert", "what net leverage beyond its limit leads to", choices=ACTIONS)
    var_95: str = param("alert", "what a value at risk beyond its limit leads to", choices=ACTIONS)
    drawdown: str = param("halt", "what a daily drawdown beyond its limit leads to", choices=ACTIONS)
    disruption: str = param("halt", "what a disrupted market leads to", choices=ACTIONS)
    disruption_pct: float = param(5.0, "percent of the price, daily volatility that is a disruption", gt=0)
    reduce_to_pct: float = param(50.0, "percent of each position that an emergency reduction keeps", ge=0, le=100)
    resume_limits_pct: float = param(50.0, "percent of the limits that hold after a halt", gt=0, le=100)
    resume_minutes: int = param(1440, "minutes for which they hold", ge=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebalance:
    """The whole file. `sectors` maps a sector to patterns of symbols, such as `AAPL*`."""

    validation: ValidationRules = field(default_factory=ValidationRules)
    limits: Limits = field(default_factory=Limits)
    classes: dict[str, ClassLimits] = field(default_factory=dict)
    """By asset class; the defaults of `ClassLimits` hold for a class that is not named."""
    sectors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    execution: ExecutionRules = field(default_factory=ExecutionRules)
    emergency: EmergencyRules = field(default_factory=EmergencyRules)
