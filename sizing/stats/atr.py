"""Average true range."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """True range of each bar: arrays of one length n in, n out; NaN for the first bar, which has no previous close.

    Source: Wilder (1978): the largest of high - low, |high - previous close| and |low - previous close|.
    """
    result = np.full(len(close), np.nan)
    if len(close) > 1:
        previous = close[:-1]
        result[1:] = np.maximum(high[1:], previous) - np.minimum(low[1:], previous)
    return result


def atr(high: Floats, low: Floats, close: Floats, period: int, method: str = "simple") -> Floats:
    """Average true range of each bar: n in, n out, in price; NaN up to index `period - 1`.

    "simple" is MT5's own: the plain mean of the last `period` true ranges, first value at index `period`. "wilder"
    starts from the same value and smooths with 1 / period, as TA-Lib does.
    """
    ranges = true_range(high, low, close)
    result = np.full(len(close), np.nan)
    if len(close) <= period:
        return result
    sums = np.concatenate(([0.0], np.cumsum(ranges[1:])))
    result[period:] = (sums[period:] - sums[:-period]) / period
    if method == "wilder":
        value = result[period]
        for index in range(period + 1, len(close)):
            value += (ranges[index] - value) / period
            result[index] = value
    return result
