"""The example EA: moving averages that cross. A toy to have something to size; its profit proves nothing."""

from typing import NamedTuple

from bridge.demo.schedule import TIMEFRAME
from bridge.market.broker import SimulatedBroker
from bridge.market.recording import TIMEFRAME_MS
from bridge.replay.cross import crossed
from sizing.snapshot import Side

FAST, SLOW = 12, 48
"""Bars of the two averages."""
ATR_BARS = 14
STOP_ATRS = 2.5
TARGETS_R = (2.0, 2.5, 3.0)
"""Target over stop, given to the symbols in turn."""
FIRST_MAGIC = 7001
NAME = "ma-cross"

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
        if series is None or not len(series) or int(series.time_ms[-1]) + _BAR_MS != close_ms:
            return None
        act_ms = self._next_tick_ms(name, close_ms)
        # A market that is closed for the whole next bar makes the cross old news.
        if act_ms is None or act_ms >= close_ms + _BAR_MS:
            return None
        found = crossed(series, FAST, SLOW, ATR_BARS)
        return None if found is None else Cross(act_ms, name, *found)

    def _next_tick_ms(self, name: str, close_ms: int) -> int | None:
        """The whole second by which the next bar has its first tick: that is when an EA learns of the close."""
        times = self._broker.market.symbols[name].ticks.time_ms
        index = int(times.searchsorted(close_ms))
        return None if index == len(times) else -(-int(times[index]) // 1000) * 1000
