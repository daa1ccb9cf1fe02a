"""What the rules about open positions see, as frozen values.

Money is in account currency, prices in the symbol's, times in UTC milliseconds. A figure that is not known is None; a
rule that rests on it does nothing, and says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sizing.snapshot import PendingOrder, Quote, Regime, Side, SymbolSpec

Direction = Literal["bullish", "bearish"]
RiskGrade = Literal["high", "medium", "low"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One open position. `price` is that of the side of the book that closes it; `profit` holds swap, too."""

    ticket: int
    symbol: str
    side: Side
    volume: float
    price_open: float
    price: float
    sl: float | None
    tp: float | None
    profit: float
    magic: int
    opened_ms: int
    initial_volume: float
    """Lots it was opened with, before anything was closed or added."""
    initial_sl: float | None
    """The stop it was opened with: the distance that 1 R is."""
    notional: float
    margin: float
    stop_risk: float | None
    """What it loses at its stop with costs; None without a stop."""
    initial_price: float | None = None
    """Price of its first entry, where additions have moved `price_open` (netting); None: `price_open` is it."""
    added_to: int = 0
    """Hedging: the ticket of the position that this one was scaled into; 0: it stands for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One symbol as of now; per lot in account currency."""

    spec: SymbolSpec
    quote: Quote
    money_per_price: float
    """Per lot and 1.0 of price."""
    notional_per_lot: float
    margin_per_lot: float
    fresh: bool
    """The quote is recent and the session open."""
    atr: float | None = None
    volatility_pct: float | None = None
    """Daily ATR in percent of the price."""
    volatility_percentile: float | None = None
    regime: Regime | Literal["normal"] | None = None
    momentum_pct: float | None = None
    """Move of the last closed bars, in percent of the price, positive when it rose."""
    volume_ratio: float | None = None
    """Ticks of the last closed bar over the usual number."""
    asset_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What the trader's model says of a symbol."""

    direction: Direction | None = None
    confidence: float | None = None
    """0 to 100."""
    risk_grade: RiskGrade | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One account at one moment. Mappings are by symbol; `headroom_pct` by loss rule: what is left of its distance."""

    now_ms: int
    balance: float
    equity: float
    margin_free: float
    leverage: int
    hedging: bool
    drawdown_pct: float
    """Below peak equity, in percent of it."""
    held: tuple[Held, ...] = ()
    orders: tuple[PendingOrder, ...] = ()
    markets: Mapping[str, Market] = field(default_factory=dict)
    opinions: Mapping[str, Opinion] = field(default_factory=dict)
    headroom_pct: Mapping[str, float] = field(default_factory=dict)
    entries_halted: str | None = None
    """Why nothing may be opened or added now; what lowers risk stays possible."""

    def of(self, symbol: str) -> tuple[Held, ...]:
        """The positions in a symbol, oldest first."""
        return tuple(sorted((each for each in self.held if each.symbol == symbol), key=lambda each: each.opened_ms))
