"""How open positions are managed actively: frozen thresholds, each with its unit and range.

The defaults are in percent of the price. `config/positions/active.toml` holds the same keys with a comment each.
"""

from dataclasses import dataclass
from typing import Literal

from sizing.params import check_ranges, param
from sizing.prop.formats import FieldFault, raise_if

Unit = Literal["percent", "r", "atr"]
Rest = Literal["close", "leave"]

_UNITS: tuple[Unit, ...] = ("percent", "r", "atr")
_RULE_UNIT = "percent, r or atr; of this rule alone, left out: `unit`"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRules:
    """One preset. A threshold of 0 switches its rule off.

    Whatever is "in `unit`" is a distance of the price: 1 percent is a hundredth of the average opening price, 1 R the
    distance from the opening price to the first stop, 1 ATR the symbol's ATR now. Never percent of margin or balance.
    """

    enable_active_management: bool = param(True, "false: none of the rules below does anything")
    unit: Literal["percent", "r", "atr"] = param(
        "percent", "percent, r or atr: what thresholds, buffer and tightenings count", choices=_UNITS
    )
    rest: Literal["close", "leave"] = param(
        "leave", "close: a position too small to be split is closed whole; leave: it is left whole",
        choices=("close", "leave"),
    )  # fmt: skip

    partial_profit_threshold: float = param(
        15.0, "profit in `unit` that takes some of it; 0 switches it off", ge=0, le=1000
    )
    partial_profit_age_minutes: float = param(30.0, "minutes the position must be old", ge=0, le=525_600)
    partial_profit_share: float = param(50.0, "percent of the lots held then that are closed", gt=0, le=100)
    partial_profit_unit: Literal["percent", "r", "atr"] | None = param(None, _RULE_UNIT, choices=_UNITS)

    aggressive_profit_threshold: float = param(
        25.0, "profit in `unit` that takes most of it, at any age; 0 switches it off", ge=0, le=1000
    )
    aggressive_profit_share: float = param(75.0, "percent of the lots held then that are closed", gt=0, le=100)
    aggressive_profit_unit: Literal["percent", "r", "atr"] | None = param(None, _RULE_UNIT, choices=_UNITS)

    scaling_profit_threshold: float = param(
        5.0, "profit in `unit` for the first addition, twice that for the second; 0 switches it off", ge=0, le=1000
    )
    scaling_momentum_threshold: float = param(
        2.0, "percent the price moved the position's way; more adds", ge=0, le=1000
    )
    scaling_volume_threshold: float = param(1.5, "times the usual ticks of a bar; more adds", ge=0, le=1000)
    scaling_max_age_minutes: float = param(15.0, "minutes; from then on nothing is added", ge=0, le=525_600)
    scaling_share: float = param(25.0, "percent of the original lots per addition", gt=0, le=100)
    scaling_max_share: float = param(
        50.0, "percent of the original lots that all additions together may be", ge=0, le=1000
    )
    scaling_profit_unit: Literal["percent", "r", "atr"] | None = param(None, _RULE_UNIT, choices=_UNITS)

    breakeven_threshold: float = param(
        10.0, "profit in `unit` that lifts the stop to break-even; 0 switches it off", ge=0, le=1000
    )
    breakeven_buffer: float = param(
        2.0, "in `unit`: how far beyond the average opening price that stop is", ge=0, le=1000
    )
    breakeven_unit: Literal["percent", "r", "atr"] | None = param(None, _RULE_UNIT, choices=_UNITS)

    volatility_threshold: float = param(
        3.0, "daily ATR in percent of the price; above it the stop is tightened once; 0 switches it off", ge=0, le=1000
    )
    volatility_tightening: float = param(0.5, "in `unit`: how much nearer the stop trails then", ge=0, le=1000)
    volatility_unit: Literal["percent", "r", "atr"] | None = param(None, _RULE_UNIT, choices=_UNITS)

    time_based_tightening: float = param(
        0.2, "in `unit`: how much nearer the stop trails for each hour in profit; 0 switches it off", ge=0, le=1000
    )
    time_tightening_age_hours: float = param(2.0, "hours before the first of those hours begins", ge=0, le=8760)
    time_tightening_max_hours: int = param(24, "hours that are counted in all", ge=1, le=240)
    time_unit: Literal["percent", "r", "atr"] | None = param(None, _RULE_UNIT, choices=_UNITS)

    def __post_init__(self) -> None:
        check_ranges(self)
        raise_if(_contradictions(self))

    def unit_of(self, rule: str) -> Unit:
        """The unit of a rule: "partial_profit", "aggressive_profit", "scaling_profit", "breakeven", ..."""
        own: Unit | None = getattr(self, f"{rule}_unit")
        return own or self.unit


def _contradictions(rules: ActiveRules) -> list[FieldFault]:
    faults: list[FieldFault] = []
    partial, aggressive = rules.partial_profit_threshold, rules.aggressive_profit_threshold
    same = rules.unit_of("partial_profit") == rules.unit_of("aggressive_profit")
    if partial and aggressive and same and aggressive <= partial:
        problem = f"must be above partial_profit_threshold, which is {partial:g}; it is {aggressive:g}"
        faults.append(("aggressive_profit_threshold", problem))
    if rules.breakeven_threshold and rules.breakeven_buffer >= rules.breakeven_threshold:
        problem = f"must be below breakeven_threshold, which is {rules.breakeven_threshold:g}, or the stop lies beyond"
        faults.append(("breakeven_buffer", f"{problem} the price; it is {rules.breakeven_buffer:g}"))
    if rules.scaling_profit_threshold and rules.scaling_max_share < rules.scaling_share:
        problem = (
            f"must not be below scaling_share, which is {rules.scaling_share:g}; it is {rules.scaling_max_share:g}"
        )
        faults.append(("scaling_max_share", f"{problem}. To add nothing, set scaling_profit_threshold to 0"))
    return faults
