"""Each factor turns evidence into a multiplier on the risk budget. `FACTORS` is the order in which they apply."""

from collections.abc import Callable

from sizing.decision import Factor
from sizing.factors.account import dispersion, drawdown, performance
from sizing.factors.book import diversification
from sizing.factors.market import market_score, regime, volatility
from sizing.factors.signal import edge
from sizing.trade import Trade

FACTORS: tuple[Callable[[Trade], Factor], ...] = (
    edge,
    regime,
    market_score,
    diversification,
    performance,
    volatility,
    drawdown,
)
"""Heat comes after these, because it looks at the budget they leave; dispersion after heat, because it only reduces."""

__all__ = ["FACTORS", "dispersion"]
