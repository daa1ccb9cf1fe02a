"""The example EA: moving averages that cross. A toy to have something to size; its profit proves nothing."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.demo.schedule import TIMEFRAME
from bridge.market.broker import SimulatedBroker
from bridge.market.recording import TIMEFRAME_MS, BarSeries
from sizing.snapshot import Side

FAST, SLOW = 12, 48
"""Bars of the two averages."""
ATR_BARS = 14
STOP_ATRS = 2.5
TARGETS_R = (2.0, 2.5, 3.0)
"""Target over stop, given to the symbols in turn."""
FIRST_MAGIC = 7001
NAME = "ma-cross"

_SLOPE_BARS = 4
_CONFIDENCE_AT_REST, _CONFIDENCE_PER_ATR = 25.0, 70.0
_CONFIDENCE_MOST = 90.0
_NEEDED = SLOW + ATR_BARS
_BAR_MS = TIMEFRAME_MS[TIMEFRAME]


class Idea(NamedTuple):
    """A trade the EA would like to make; how large it may be is not its business."""

    symbol: str
    side: Side
    stop_loss: float
    take_profit: float
    confidence: float
    magic: int


class Cross(NamedTuple):
    """Averages that have crossed, and when the EA hears of it."""

    act_ms: int
    symbol: str
    side: Side
    atr: float
    confidence: float


class CrossEA:
    """Watches every symbol of a terminal. Each symbol has its own magic number, as one EA per chart would."""

    def __init__(self, broker: SimulatedBroker) -> None:
        self._broker = broker
        self._names = tuple(broker.specs)

    def crosses(self, close_ms: int) -> list[Cross]:
        """The symbols whose averages crossed with the bar that closed at this moment, in the order they trade again."""
        found = [cross for name in self._names if (cross := self._cross(name, close_ms)) is not None]
        return sorted(found, key=lambda cross: cross.act_ms)

    def idea(self, cross: Cross) -> Idea | None:
        """The trade, at the quote of this moment; None without a quote."""
        quote, spec = self._broker.quote(cross.symbol), self._broker.specs[cross.symbol]
        if quote is None:
            return None
        distance = STOP_ATRS * cross.atr
        way = 1 if cross.side == "buy" else -1
        entry = quote.ask if way > 0 else quote.bid
        place = self._names.index(cross.symbol)
        return Idea(
            symbol=cross.symbol,
            side=cross.side,
            stop_loss=round(entry - way * distance, spec.digits),
            take_profit=round(entry + way * distance * TARGETS_R[place % len(TARGETS_R)], spec.digits),
            confidence=cross.confidence,
            magic=FIRST_MAGIC + place,
        )

    def _cross(self, name: str, close_ms: int) -> Cross | None:
        series = self._broker.bars(name, TIMEFRAME)
        if series is None or len(series) < _NEEDED or int(series.time_ms[-1]) + _BAR_MS != close_ms:
            return None
        act_ms = self._next_tick_ms(name, close_ms)
        close = series.close[-_NEEDED:]
        before, now = (_mean(close, FAST, back) - _mean(close, SLOW, back) for back in (1, 0))
        # A market that is closed for the whole next bar makes the cross old news.
        if act_ms is None or act_ms >= close_ms + _BAR_MS or now == 0 or before * now > 0:
            return None
        way = 1 if now > 0 else -1
        slope = way * (_mean(close, FAST, 0) - _mean(close, FAST, _SLOPE_BARS))
        atr = average_true_range(series)
        return Cross(act_ms, name, "buy" if way > 0 else "sell", atr, confidence(slope, atr))

    def _next_tick_ms(self, name: str, close_ms: int) -> int | None:
        """The whole second by which the next bar has its first tick: that is when an EA learns of the close."""
        times = self._broker.market.symbols[name].ticks.time_ms
        index = int(times.searchsorted(close_ms))
        return None if index == len(times) else -(-int(times[index]) // 1000) * 1000


def average_true_range(series: BarSeries) -> float:
    """The plain mean of the last true ranges, in price: the EA's own figure, the daemon has another."""
    high, low, close = (column[-ATR_BARS - 1 :] for column in (series.high, series.low, series.close))
    ranges = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    return float(ranges.mean())


def confidence(slope: float, atr: float) -> float:
    """0 to 100: the faster the quick average moves the way of the trade, the surer."""
    strength = slope / atr if atr > 0 else 0.0
    return round(min(_CONFIDENCE_MOST, max(0.0, _CONFIDENCE_AT_REST + _CONFIDENCE_PER_ATR * strength)), 1)


def _mean(close: NDArray[np.float64], bars: int, back: int) -> float:
    """The average close of so many bars, as it was `back` bars ago."""
    end = len(close) - back
    return float(close[end - bars : end].mean())
