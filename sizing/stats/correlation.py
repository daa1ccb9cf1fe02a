"""Signed correlation of daily returns, blended with a prior where data is thin."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

PRIOR_WEIGHT = 60.0
"""Observations that a prior is worth: with 60 common returns, data and prior count half each."""


_REACH = 2
"""Bars looked at per common bar wanted: markets with other holidays share fewer."""


def synchronous_correlation(
    first_times: Times, first_close: Floats, second_times: Times, second_close: Floats, window: int = 252
) -> tuple[float, int] | None:
    """Pearson correlation of log returns over the bars both series have, and how many returns that were.

    Times are bar openings (ascending), closes are positive. Only the newest `window` common bars count. None with fewer
    than 3 common returns or a series that does not move.
    """
    reach = slice(-_REACH * window, None)
    first_times, first_close = first_times[reach], first_close[reach]
    second_times, second_close = second_times[reach], second_close[reach]
    common, first, second = np.intersect1d(first_times, second_times, assume_unique=True, return_indices=True)
    if len(common) < 4:
        return None
    x = np.diff(np.log(first_close[first[-window - 1 :]]))
    y = np.diff(np.log(second_close[second[-window - 1 :]]))
    spread = float(np.std(x) * np.std(y))
    if spread <= 0:
        return None
    value = float(np.mean((x - x.mean()) * (y - y.mean()))) / spread
    return max(-1.0, min(1.0, value)), len(x)


def blend(measured: tuple[float, int] | None, prior: float | None) -> float | None:
    """Measured correlation shrunk by sample size to the prior; None if too little is known to say anything.

    Without a prior there is nothing careful to shrink to: 0 would make twins look independent. Then the measured value
    counts whole from as many returns as a prior is worth, and not at all before.
    """
    if measured is None:
        return prior
    value, observations = measured
    if prior is None:
        return value if observations >= PRIOR_WEIGHT else None
    weight = observations / (observations + PRIOR_WEIGHT)
    return weight * value + (1 - weight) * prior
