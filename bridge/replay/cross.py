"""Moving averages that cross, as the demo, the example strategy and the MQL5 demo EA (DemoSignal.mqh) judge them.

A toy to have something to size; its profit proves nothing.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.market.recording import BarSeries
from sizing.snapshot import Side

SLOPE_BARS = 4
_CONFIDENCE_AT_REST, _CONFIDENCE_PER_ATR = 25.0, 70.0
_CONFIDENCE_MOST = 90.0


class Crossed(NamedTuple):
    """The way of the trade, the average true range in price, and 0 to 90 percent of confidence."""

    side: Side
    atr: float
    confidence: float


def bars_needed(slow: int, atr_bars: int) -> int:
    """How many closed bars `crossed` looks at."""
    return slow + atr_bars + SLOPE_BARS + 1


def crossed(series: BarSeries, fast: int, slow: int, atr_bars: int) -> Crossed | None:
    """Whether the averages of so many closes crossed with the newest bar. 0 < fast < slow."""
    if len(series) < bars_needed(slow, atr_bars):
        return None
    close = series.close[-bars_needed(slow, atr_bars) :]
    before, now = (_mean(close, fast, back) - _mean(close, slow, back) for back in (1, 0))
    if now == 0 or before * now > 0 or (atr := average_true_range(series, atr_bars)) <= 0:
        return None
    way = 1 if now > 0 else -1
    slope = way * (_mean(close, fast, 0) - _mean(close, fast, SLOPE_BARS))
    return Crossed("buy" if way > 0 else "sell", atr, confidence(slope, atr))


def average_true_range(series: BarSeries, bars: int) -> float:
    """The plain mean of the last true ranges, in price, of one bar more than `bars`. The daemon has its own figure."""
    high, low, close = (column[-bars - 1 :] for column in (series.high, series.low, series.close))
    ranges = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    return float(ranges.mean())


def confidence(slope: float, atr: float) -> float:
    """0 to 90 percent: the faster the quick average moves the way of the trade, the surer."""
    strength = slope / atr if atr > 0 else 0.0
    return round(min(_CONFIDENCE_MOST, max(0.0, _CONFIDENCE_AT_REST + _CONFIDENCE_PER_ATR * strength)), 1)


def _mean(close: NDArray[np.float64], bars: int, back: int) -> float:
    """The average close of so many bars, as it was `back` bars ago."""
    end = len(close) - back
    return float(np.add.reduce(close[end - bars : end])) / bars  # ndarray.mean, without its overhead
