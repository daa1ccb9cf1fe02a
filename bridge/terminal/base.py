"""What every terminal offers, whatever stands behind it: a live MetaTrader 5, an EA that feeds, or a recording.

A report is a frozen object that stays the very same object until something in it changes, so that whoever derives
figures from it can tell by identity whether they still hold. None of these calls may block: a terminal that must wait
for the world waits elsewhere and reports what it last saw, with the time it saw it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bridge.market.recording import BarSeries
from sizing.snapshot import Account, Deal, MoneyCheck, PendingOrder, Position, Quote, Side, SymbolSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """The account as last seen at `received_ms` (UTC, the daemon's clock)."""

    account: Account
    received_ms: int
    positions: tuple[Position, ...] = ()
    orders: tuple[PendingOrder, ...] = ()
    deals: tuple[Deal, ...] = ()
    """Closed history, oldest first."""
    deals_since_ms: int | None = None
    """From here on the history is complete; None where that is not known."""
    highest_equity: float | None = None
    """The highest at any tick since the report before; None where the terminal does not follow every tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolReport:
    """A symbol's figures as last seen at `received_ms`, and the terminal's own money for one lot."""

    spec: SymbolSpec
    received_ms: int
    checks: tuple[MoneyCheck, ...] = ()
    session_open: bool = True


class Execution(NamedTuple):
    """A fill that an EA reports."""

    ticket: int
    symbol: str
    side: Side
    lots: float
    price: float
    stop_loss: float | None
    take_profit: float | None
    magic: int


class Terminal(Protocol):
    """The daemon's eyes on one account."""

    login: int
    source: str
    """"recorded", "ea_feed" or "mt5"; shown in status."""

    def poll(self, now_ms: int) -> None:
        """Bring the reports up to `now_ms`. Called between requests, never inside one."""

    def connected(self, now_ms: int) -> bool:
        """Whether the terminal is alive. While it is not, every request is refused (terminal_unavailable)."""

    def account(self) -> AccountReport | None:
        """The account, or None before the first report."""

    def utc_offset_ms(self) -> int:
        """How far the broker's wall clock is ahead of UTC, as measured; 0 while that is not known."""

    def symbol_names(self) -> Collection[str]:
        """Every symbol the terminal knows, by the broker's names."""

    def symbol(self, name: str) -> SymbolReport | None:
        """A symbol's figures, or None if the terminal does not know it."""

    def quote(self, name: str) -> Quote | None:
        """The latest quote, in UTC, or None before the first."""

    def bars(self, name: str, timeframe: str) -> BarSeries | None:
        """Closed bars (bar 0 is unfinished and never among them), or None where there are none."""

    def executed(self, execution: Execution) -> None:
        """An EA reports a fill. A terminal that sees real positions ignores it; a recorded one opens the position."""

    def closed(self, ticket: int, lots: float, price: float) -> None:
        """An EA reports that it closed so many lots of a position, not counting what it reported before.

        Each close is to be told once: as with the other reports, only a recorded terminal acts on it.
        """

    def modified(self, ticket: int, stop_loss: float | None, take_profit: float | None) -> None:
        """An EA reports a position's stop and target as they are now; None: it has none."""

    def cancelled(self, ticket: int) -> None:
        """An EA reports that it withdrew a pending order."""
