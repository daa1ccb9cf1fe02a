"""What the rebalancing is told besides the state: figures that the daemon measures, and whether it is halted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sizing.correlation import Table


class Guard(NamedTuple):
    """Whether the portfolio may grow. Kept across restarts; `watch` and `resume` lead from one to the next."""

    mode: Literal["normal", "halted", "limited"] = "normal"
    """limited: after a halt, within `factor` of the limits until a time."""
    reason: str = ""
    since_ms: int = 0
    until_ms: int = 0
    factor: float = 1.0
    active: tuple[str, ...] = ()
    """Breaches that were told and have not ended."""
    accepted: tuple[str, ...] = ()
    """Breaches that lasted when somebody resumed: they halt again only after they have ended once."""


NORMAL = Guard()


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Figures that no `State` holds."""

    correlations: Table = field(default_factory=dict)
    """Of daily returns, by symbol and symbol. A pair that is missing counts as moving together."""
    volatility_pct: Mapping[str, float] = field(default_factory=dict)
    """Standard deviation of daily returns in percent, by symbol; elsewhere the daily ATR stands in."""
    day_start_ms: int | None = None
    """When the trading day began; None: at midnight UTC."""
    day_start_equity: float | None = None
    """None: the drawdown below peak equity stands in, which is never smaller."""
    guard: Guard = NORMAL


class Event(NamedTuple):
    """One line of the log: what happened, to which symbol, with its figures."""

    kind: str
    detail: str
    symbol: str = ""
    level: Literal["info", "warning", "alert"] = "info"
