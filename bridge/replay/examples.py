"""Strategies that come with lotbridge: something to replay before one has signals. Their profit proves nothing.

Both are without memory: whatever they know stands in closed bars, so a continued run goes on as it would have.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from bridge.errors import ReplayError
from bridge.market.recording import TIMEFRAME_MS, BarSeries
from bridge.replay.cross import average_true_range, crossed
from bridge.replay.strategy import Entry, View
from sizing.snapshot import Side

_HOUR_MS, _DAY_MS = TIMEFRAME_MS["H1"], TIMEFRAME_MS["D1"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingAverageCross:
    """Buys and sells as two averages of closes cross; the stop is some ATRs away. A cross back turns it round."""

    timeframe: str = "M15"
    fast: int = 12
    slow: int = 48
    atr: int = 14
    """Bars of the averages and of the average true range."""
    stop: float = 2.5
    """Distance in ATRs."""
    reward: float = 2.0
    """The target's distance over the stop's."""
    magic: int = 7001
    """Of the first symbol; the next one has the next."""
    name: str = field(default="ma-cross", init=False)

    def __post_init__(self) -> None:
        _demand_timeframe(self.timeframe)
        _demand(0 < self.fast < self.slow, "fast must be at least 1 and less than slow")
        _demand(self.atr > 0 and self.stop > 0 and self.reward > 0, "atr, stop and reward must be above 0")

    def times(self) -> None:
        """None: it watches bars."""

    def on_time(self, view: View) -> Iterator[Entry]:
        """An entry for each symbol whose averages crossed with the bar that has just closed."""
        for place, symbol in enumerate(view.symbols):
            series = _just_closed(view, symbol, self.timeframe)
            found = None if series is None else crossed(series, self.fast, self.slow, self.atr)
            if found is None:
                continue
            prices = _stop_and_target(view, symbol, found.side, self.stop * found.atr, self.reward)
            if prices is not None:
                yield Entry(
                    symbol=symbol,
                    side=found.side,
                    stop_loss=prices[0],
                    take_profit=prices[1],
                    confidence=found.confidence,
                    magic=self.magic + place,
                    strategy=self.name,
                    reverse=True,
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBreakout:
    """The first close of a UTC day outside the range of its morning is followed, and closed at a fixed hour."""

    timeframe: str = "M15"
    begin: int = 0
    end: int = 7
    exit: int = 20
    """Hours, UTC: the range is that of the bars from `begin` to `end`; what is open at `exit` is closed."""
    atr: int = 14
    stop: float = 2.0
    """Distance in ATRs of the timeframe's bars."""
    reward: float = 3.0
    """The target's distance over the stop's."""
    magic: int = 7101
    """Of the first symbol; the next one has the next."""
    name: str = field(default="day-breakout", init=False)

    def __post_init__(self) -> None:
        _demand_timeframe(self.timeframe)
        _demand(TIMEFRAME_MS[self.timeframe] <= _HOUR_MS, "timeframe must be an hour or less")
        _demand(0 <= self.begin < self.end < self.exit <= 24, "begin, end and exit must be hours that ascend, to 24")
        _demand(self.atr > 0 and self.stop > 0 and self.reward > 0, "atr, stop and reward must be above 0")

    def times(self) -> None:
        """None: it watches bars."""

    def on_time(self, view: View) -> Iterator[Entry]:
        """An entry for each symbol that has just closed outside its range, for the first time today."""
        midnight = view.now_ms - view.now_ms % _DAY_MS
        exit_ms = midnight + self.exit * _HOUR_MS
        for place, symbol in enumerate(view.symbols):
            series = _just_closed(view, symbol, self.timeframe)
            if series is None or len(series) <= self.atr or view.now_ms >= exit_ms:
                continue
            side = self._breakout(series, midnight)
            if side is None:
                continue
            distance = self.stop * average_true_range(series, self.atr)
            prices = _stop_and_target(view, symbol, side, distance, self.reward)
            if prices is not None:
                yield Entry(
                    symbol=symbol,
                    side=side,
                    stop_loss=prices[0],
                    take_profit=prices[1],
                    exit_ms=exit_ms,
                    magic=self.magic + place,
                    strategy=self.name,
                )

    def _breakout(self, series: BarSeries, midnight: int) -> Side | None:
        edges = [midnight + hour * _HOUR_MS for hour in (self.begin, self.end)]
        first, after = (int(edge) for edge in series.time_ms.searchsorted(edges))
        closes = series.close[after:]
        if first == after or not len(closes):
            return None
        low, high = series.low[first:after].min(), series.high[first:after].max()
        if ((closes[:-1] > high) | (closes[:-1] < low)).any():
            return None
        return "buy" if closes[-1] > high else "sell" if closes[-1] < low else None


EXAMPLES: dict[str, Callable[..., MovingAverageCross | DayBreakout]] = {
    "ma-cross": MovingAverageCross,
    "day-breakout": DayBreakout,
}


def make_example(text: str) -> MovingAverageCross | DayBreakout:
    """`ma-cross` or `ma-cross:fast=10,slow=40`. Raises ReplayError."""
    name, _, given = text.partition(":")
    kind: Any = EXAMPLES[name]
    known = {each.name: each.default for each in fields(kind) if each.init}
    values = {}
    for pair in filter(None, given.split(",")):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if key not in known or not equals:
            raise ReplayError(f"{text}: {pair!r} is no parameter of {name}; write key=value with {', '.join(known)}")
        if key in values:
            raise ReplayError(f"{text}: {key} is given twice; remove one")
        values[key] = _value(text, key, value, type(known[key]))
    try:
        made: MovingAverageCross | DayBreakout = kind(**values)
    except ValueError as fault:
        raise ReplayError(f"{text}: {fault}") from fault
    return made


def _value(text: str, key: str, value: str, kind: type) -> Any:
    try:
        made = kind(value)
    except ValueError:
        made = math.nan
    if isinstance(made, float) and not math.isfinite(made):
        raise ReplayError(f"{text}: {key} is {value!r}, not {'a whole number' if kind is int else 'a number'}")
    return made


def _demand(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)


def _demand_timeframe(timeframe: str) -> None:
    _demand(timeframe in TIMEFRAME_MS, f"timeframe must be one of {', '.join(TIMEFRAME_MS)}")


def _just_closed(view: View, symbol: str, timeframe: str) -> BarSeries | None:
    """The symbol's bars, if the newest is news: a market that was closed for the whole next bar makes it old."""
    series = view.bars(symbol, timeframe)
    if series is None or not len(series):
        return None
    length = TIMEFRAME_MS[timeframe]
    close_ms = int(series.time_ms[-1]) + length
    return series if close_ms <= view.now_ms < close_ms + length else None


def _stop_and_target(view: View, symbol: str, side: Side, distance: float, reward: float) -> tuple[float, float] | None:
    """Prices on the symbol's ticks, counted from the quote; None without a quote or without room for them."""
    quote, spec = view.quote(symbol), view.spec(symbol)
    if quote is None:
        return None
    way, entry = (1, quote.ask) if side == "buy" else (-1, quote.bid)
    prices = [entry - way * distance, entry + way * distance * reward]
    stop, target = (round(round(price / spec.trade_tick_size) * spec.trade_tick_size, spec.digits) for price in prices)
    return (stop, target) if min(stop, target) > 0 and way * (target - stop) > 0 else None
