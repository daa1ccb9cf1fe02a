"""What a replayed strategy is: it sees the market as of a moment, wishes to open or close, or says what it expects.

How large a trade may be is not its business.
"""

from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bridge.market.recording import BarSeries
from sizing.snapshot import Position, Quote, Side, SymbolSpec


class Entry(NamedTuple):
    """A wish to open at the market. Prices of None: the policy's ATR stop, no target."""

    symbol: str
    side: Side
    stop_loss: float | None = None
    take_profit: float | None = None
    confidence: float | None = None
    """0 to 100, as in the protocol; so is the score."""
    market_score: float | None = None
    exit_ms: int | None = None
    """Close at the market then, if it is still open."""
    magic: int = 0
    strategy: str = ""
    reverse: bool = False
    """Close what this magic holds the other way in the symbol first."""


class Exit(NamedTuple):
    """Close everything of a magic number in a symbol; with `side`, only that side."""

    symbol: str
    magic: int = 0
    side: Side | None = None


class Stance(NamedTuple):
    """What is expected of a symbol from now on, until its next stance: the `signals` of the position rules.

    Without a direction nothing is expected any more.
    """

    symbol: str
    direction: Literal["bullish", "bearish"] | None
    confidence: float | None = None
    """0 to 100."""
    risk: Literal["high", "medium", "low"] | None = None


class View(Protocol):
    """What a strategy sees: nothing later than `now_ms` (UTC)."""

    @property
    def now_ms(self) -> int: ...

    @property
    def symbols(self) -> Collection[str]:
        """Names of the replayed symbols, in a fixed order."""
        ...

    def spec(self, symbol: str) -> SymbolSpec:
        """The symbol's figures. Raises KeyError for a symbol that is not replayed."""
        ...

    def bars(self, symbol: str, timeframe: str) -> BarSeries | None:
        """Closed bars, oldest first; None where there are none."""
        ...

    def quote(self, symbol: str) -> Quote | None:
        """The newest; None before the first."""
        ...

    def positions(self, symbol: str, magic: int) -> tuple[Position, ...]:
        """What this magic holds in the symbol."""
        ...


class Strategy(Protocol):
    """Called once at each of its moments; what it answers is done in that order.

    With a `timeframe` ("M15") these are the closes of bars, at the first tick of any symbol at or after one: `now_ms`
    is that tick's time. Without, they are `times()`, and `now_ms` is the very moment. A run may be continued by another
    process: what a strategy must remember stands in bars and positions, not in its own attributes.
    """

    @property
    def name(self) -> str: ...

    @property
    def timeframe(self) -> str | None: ...

    def times(self) -> NDArray[np.int64] | None:
        """Fixed moments, UTC milliseconds, strictly ascending; None with a timeframe."""
        ...

    def on_time(self, view: View) -> Iterable[Entry | Exit | Stance]: ...
