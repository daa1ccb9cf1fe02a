"""What the market is like (DESIGN, steps 2, 3 and 6)."""

from sizing.bands import band
from sizing.decision import Factor
from sizing.policy import MarketScorePolicy, RegimePolicy, VolatilityPolicy
from sizing.snapshot import MarketStats, Regime
from sizing.stats.volatility import volatility_regime


def given_regime(policy: RegimePolicy, regime: Regime) -> Factor:
    """Multiplier of the regime that the request names."""
    return Factor("regime", _regime_value(policy, regime), f"{regime}, given")


def classified_regime(policy: RegimePolicy, stats: MarketStats | None) -> Factor:
    """Multiplier of the regime that the statistics show."""
    if stats is None or stats.regime is None:
        return Factor("regime", 1.0, "unknown: too little history")
    if stats.regime == "normal":
        return Factor("regime", policy.normal, "normal, classified")
    return Factor("regime", _regime_value(policy, stats.regime), f"{stats.regime}, classified")


def market_score(policy: MarketScorePolicy, score: float | None) -> Factor:
    """Linear from the multiplier at 0 over that at 50 to that at 100."""
    if score is None:
        return _NO_SCORE
    if score <= 50:
        value = policy.at_0 + (policy.at_50 - policy.at_0) * score / 50
    else:
        value = policy.at_50 + (policy.at_100 - policy.at_50) * (score - 50) / 50
    return Factor("market_score", value, f"score {score:g}")


def volatility(policy: VolatilityPolicy, stats: MarketStats | None) -> Factor:
    """Multiplier of the band that today's ATR percentile falls into."""
    if stats is None or stats.atr_percentile is None:
        return Factor("volatility", 1.0, "unknown: too little history")
    value = band(stats.atr_percentile, policy.percentiles, policy.factors)
    percentile = stats.atr_percentile
    name = volatility_regime(percentile, policy.percentiles)
    name = f"{name}: " if name else ""
    return Factor("volatility", value, f"{name}daily ATR at percentile {percentile:.0f} of {policy.lookback}")


def _regime_value(policy: RegimePolicy, regime: Regime) -> float:
    return policy.trending if regime == "trending" else policy.ranging if regime == "ranging" else policy.volatile


_NO_SCORE = Factor("market_score", 1.0, "not given")
