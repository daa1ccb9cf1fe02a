"""What the market is like (DESIGN, steps 2, 3 and 6)."""

from sizing.bands import band
from sizing.decision import Factor
from sizing.prices import stats_are_fresh
from sizing.trade import Trade


def regime(trade: Trade) -> Factor:
    """Multiplier of the regime the request names, else of the one the statistics show."""
    policy, stats = trade.policy.regime, trade.snapshot.symbol.stats
    name = trade.signal.regime
    source = "given"
    if name is None:
        if stats is None or stats.regime is None or not stats_are_fresh(trade):
            return Factor("regime", 1.0, "unknown: too little history")
        if stats.regime == "normal":
            return Factor("regime", policy.normal, "normal, classified")
        name, source = stats.regime, "classified"
    value = policy.trending if name == "trending" else policy.ranging if name == "ranging" else policy.volatile
    return Factor("regime", value, f"{name}, {source}")


def market_score(trade: Trade) -> Factor:
    """Linear from the multiplier at 0 over that at 50 to that at 100."""
    policy, score = trade.policy.market_score, trade.signal.market_score
    if score is None:
        return Factor("market_score", 1.0, "not given")
    if score <= 50:
        value = policy.at_0 + (policy.at_50 - policy.at_0) * score / 50
    else:
        value = policy.at_50 + (policy.at_100 - policy.at_50) * (score - 50) / 50
    return Factor("market_score", value, f"score {score:g}")


def volatility(trade: Trade) -> Factor:
    """Multiplier of the band that today's ATR percentile falls into."""
    policy, stats = trade.policy.volatility, trade.snapshot.symbol.stats
    if stats is None or stats.atr_percentile is None or not stats_are_fresh(trade):
        return Factor("volatility", 1.0, "unknown: too little history")
    value = band(stats.atr_percentile, policy.percentiles, policy.factors)
    return Factor("volatility", value, f"daily ATR at percentile {stats.atr_percentile:.0f} of {policy.lookback}")
