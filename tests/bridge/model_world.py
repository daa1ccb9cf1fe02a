"""What the stateful tests know of an account: the broker's books, answers to EAs, and what the daemon was told.

Worst cases are worked out here, from the broker's own arithmetic.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sizing.ledger import Ledger
from tests.bridge.model_broker import (
    COMMISSION,
    DIGITS,
    PIP,
    Broker,
    Held,
    MarginMode,
    Side,
    Statement,
    profit_at,
    stopped,
)
from tests.bridge.model_daemon import Daemon
from tests.bridge.model_rules import FIRMS, INITIAL, RuleBook
from tests.builders import at

Effect = Literal["none", "market", "other"]
"""What a step may do to the worst case: nothing; a little, as gaps and rates follow prices; anything."""
_ORDER: tuple[Effect, ...] = ("none", "market", "other")


@dataclass
class Grant:
    """A size that was answered, and what became of it. Lots by ticket."""

    id: str
    symbol: str
    side: Side
    lots: float
    entry: float
    sl: float
    tp: float
    pending: bool
    magic: int
    expires_ms: int
    opened: dict[int, float] = field(default_factory=dict)
    told: dict[int, float] = field(default_factory=dict)
    reported: dict[int, float] = field(default_factory=dict)
    given_back: bool = False

    def rest(self, now_ms: int) -> float:
        """What may still be opened: an EA opens nothing with an answer that has lapsed."""
        if self.given_back or now_ms > self.expires_ms:
            return 0.0
        return round(self.lots - sum(self.opened.values()), 2)

    def uncovered(self, now_ms: int) -> float:
        """Lots that the book cannot count: not opened yet, or not told yet."""
        untold = sum(lots - self.told.get(ticket, 0.0) for ticket, lots in self.opened.items())
        return round(self.rest(now_ms) + untold, 2)

    def unreported(self) -> dict[int, float]:
        """Tickets that have grown since their last report; a pending order is none."""
        return {each: lots for each, lots in self.opened.items() if lots > self.reported.get(each, 0.0)}


class World:
    """One account, its broker, the answers to its EAs, and its daemon."""

    def __init__(self, folder: Path, firm: str, mode: MarginMode, start: str, *, whole_history: bool) -> None:
        self.broker = Broker(at(start) - 3 * 86_400_000, mode)
        self.broker.pay(INITIAL)
        self.broker.advance(at(start))
        self.daemon = Daemon(folder, firm, self.broker, whole_history=whole_history)
        self.rules = RuleBook(FIRMS[firm], self.broker, self.broker.statement())
        self.grants: dict[str, Grant] = {}
        self.connected = False
        self.effect: Effect = "none"
        self.hidden = False
        """Something has happened beside sizing that the daemon was not told of: no size can mind it."""
        self.allowed: dict[str, float] = {rule.name: 0.0 for rule in self.rules.firm.rules}
        """How far below each floor the worst case may lie, by what other things than sizing have done."""

    @property
    def ledger(self) -> Ledger:
        """The daemon's reservations."""
        return self.daemon.desks[0].ledger

    @property
    def now_ms(self) -> int:
        """The present."""
        return self.broker.now_ms

    def mark(self, effect: Effect) -> None:
        """The present step does at least this to the worst case."""
        self.effect = max(self.effect, effect, key=_ORDER.index)

    # The feed --------------------------------------------------------------------------------------------------------

    def feed(self, *, full: bool = False) -> None:
        """Tell the daemon how things are, once more where it asks for everything."""
        self.connected = self.daemon.hear(full=full) or self.daemon.hear()
        if self.connected:
            self._told()

    def _told(self) -> None:
        self.rules.tell(self.broker.statement(), self.daemon.unknown_rules())
        self.hidden = False
        for grant in self.grants.values():
            grant.told = dict(grant.opened)

    def _is_told(self) -> bool:
        told, now = self.rules.told, self.broker.statement()
        return (told.deals, told.equity, told.bids, len(told.orders)) == (
            now.deals,
            now.equity,
            now.bids,
            len(now.orders),
        )

    def worst(self, told: Statement, without: list[Held] | None = None, *, true: bool = False) -> float:
        """Equity with everything stopped out beyond the gap, and whatever is promised as well.

        Everything is what was told, with the rest as it was answered; or, where the statement is `true`, what there is.
        """
        equity = told.balance
        for each in told.positions:
            if without and each in without:
                equity += self.floating(told, each) - COMMISSION * each.lots
            elif not each.sl:
                return -math.inf
            else:
                start = closing_price(told, each.symbol, each.side)
                equity += each.swap + stopped(each.symbol, each.side, each.lots, each.opened, each.sl, start, told.bids)
        for order in told.orders:
            opening = COMMISSION * order.lots
            loss = stopped(
                order.symbol, order.side, order.lots, order.price, order.sl, order.price + PIP[order.symbol], told.bids
            )
            equity += min(0.0, loss) - opening
        for grant in self.grants.values():
            if (lots := grant.rest(self.now_ms) if true else grant.uncovered(self.now_ms)) > 0:
                loss = stopped(
                    grant.symbol, grant.side, lots, grant.entry, grant.sl, grant.entry + PIP[grant.symbol], told.bids
                )
                equity += min(0.0, loss) - COMMISSION * lots
        return equity

    def gain(self, told: Statement) -> float:
        """What equity may rise by before anything is closed at its target."""
        gain = 0.0
        for each in told.positions:
            if each.tp:
                start = closing_price(told, each.symbol, each.side)
                gain += max(0.0, profit_at(each.symbol, each.side, each.lots, start, each.tp, told.bids))
        parts = [(each.symbol, each.side, each.lots, each.price, each.tp) for each in told.orders]
        parts += [
            (each.symbol, each.side, each.uncovered(self.now_ms), each.entry, each.tp) for each in self.grants.values()
        ]
        for symbol, side, lots, entry, tp in parts:
            if tp and lots > 0:
                gain += max(0.0, profit_at(symbol, side, lots, entry, tp, told.bids) - COMMISSION * lots)
        return gain

    def floating(self, told: Statement, held: Held) -> float:
        price = closing_price(told, held.symbol, held.side)
        return held.swap + profit_at(held.symbol, held.side, held.lots, held.opened, price, told.bids)


def closing_price(told: Statement, symbol: str, side: Side) -> float:
    """Where a position of this side closes, at the prices of a statement."""
    return told.bids[symbol] if side == "buy" else round(told.bids[symbol] + PIP[symbol], DIGITS[symbol])
