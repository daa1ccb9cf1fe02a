"""Where volatility stands, and what kind of market it is."""

from bisect import bisect_right
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kind = Literal["trending", "ranging", "volatile", "normal"]

VOLATILITY_REGIMES = ("very low", "low", "normal", "elevated", "high", "extreme")
"""Names of the six bands of the volatility percentile, from the lowest up."""
_SETTLE = 250
"""Bars over which a regime is followed: by then it no longer matters where one began."""


def percentile_rank(values: Floats, lookback: int) -> float | None:
    """Percentile, 0 to 100, of the last value among the `lookback` before and including it; ties count half.

    None where fewer than `lookback` values are known (NaN is unknown).
    """
    known = values[~np.isnan(values)]
    if len(known) < lookback:
        return None
    return float(percentile_ranks(known[-lookback:], lookback)[-1]) if lookback > 1 else None


def percentile_ranks(values: Floats, lookback: int) -> Floats:
    """`percentile_rank` at each of the last n - lookback + 1 of n known values, n at least `lookback` (over 1)."""
    window = np.lib.stride_tricks.sliding_window_view(values, lookback)
    last = window[:, -1:]
    below = np.count_nonzero(window < last, axis=1)
    ties = np.count_nonzero(window == last, axis=1)
    ranks: Floats = (below + (ties - 1) / 2) / (lookback - 1) * 100
    return ranks


def volatility_regime(percentile: float, percentiles: tuple[float, ...]) -> str:
    """The name of the band that a percentile falls into; `percentiles` are the five upper ends, as in the policy.

    Bands of another number have no names: then the text is empty.
    """
    if len(percentiles) != len(VOLATILITY_REGIMES) - 1:
        return ""
    return VOLATILITY_REGIMES[bisect_right(percentiles, percentile)]


def efficiency_ratios(close: Floats, period: int) -> Floats:
    """Kaufman's efficiency ratio at each close from index `period` on: net change over path length, 0 to 1."""
    path = np.concatenate(([0.0], np.cumsum(np.abs(np.diff(close)))))
    length = path[period:] - path[:-period]
    net = np.abs(close[period:] - close[:-period])
    ratios: Floats = np.divide(net, length, out=np.zeros(len(net)), where=length > 0)
    return ratios


def classify_regime(close: Floats, percentiles: Floats, period: int = 20) -> Kind | None:
    """The market's regime now, from closes (n,) and the ATR percentiles at the last of them (m,).

    Volatile from the 80th percentile on; otherwise by efficiency over `period` bars: trending from 0.4, ranging below
    0.2, normal between. A regime that stands gives way only beyond a margin, so that it does not flicker: volatile ends
    below the 70th percentile, trending below 0.3, ranging from 0.25 on. Before that margin is known, at the first bar
    looked at (250 back), there is none. Percentiles may be fewer than closes: without one, volatile is not considered.
    None for `period` closes or fewer.
    """
    if len(close) <= period:
        return None
    ratios = efficiency_ratios(close[-(_SETTLE + period) :], period)
    ranks = np.full(len(ratios), np.nan)
    known = percentiles[-len(ratios) :]
    if len(known):
        ranks[-len(known) :] = known
    kind: Kind | None = None
    for ratio, rank in zip(ratios.tolist(), ranks.tolist(), strict=True):
        kind = _next_regime(kind, ratio, rank)
    return kind


def _next_regime(kind: Kind | None, ratio: float, rank: float) -> Kind:
    if rank >= (70.0 if kind == "volatile" else 80.0):
        return "volatile"
    if ratio >= (0.3 if kind == "trending" else 0.4):
        return "trending"
    return "ranging" if ratio < (0.25 if kind == "ranging" else 0.2) else "normal"
