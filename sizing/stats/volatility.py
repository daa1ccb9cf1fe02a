"""Where volatility stands, and what kind of market it is."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def percentile_rank(values: Floats, lookback: int) -> float | None:
    """Percentile, 0 to 100, of the last value among the `lookback` before and including it; ties count half.

    None where fewer than `lookback` values are known (NaN is unknown).
    """
    known = values[~np.isnan(values)]
    if len(known) < lookback:
        return None
    window = known[-lookback:]
    below = np.count_nonzero(window < window[-1])
    ties = np.count_nonzero(window == window[-1])
    return float((below + (ties - 1) / 2) / (lookback - 1) * 100) if lookback > 1 else None


def classify_regime(
    close: Floats, percentile: float | None, period: int = 20
) -> Literal["trending", "ranging", "volatile", "normal"] | None:
    """The market's regime from its last `period` closes; None where there are too few.

    Volatile from the 80th ATR percentile on; otherwise by Kaufman's efficiency ratio (net change over path length):
    trending from 0.4, ranging below 0.2, normal between.
    """
    if len(close) <= period:
        return None
    if percentile is not None and percentile >= 80:
        return "volatile"
    window = close[-period - 1 :]
    path = float(np.sum(np.abs(np.diff(window))))
    efficiency = abs(float(window[-1] - window[0])) / path if path > 0 else 0.0
    if efficiency >= 0.4:
        return "trending"
    return "ranging" if efficiency < 0.2 else "normal"
