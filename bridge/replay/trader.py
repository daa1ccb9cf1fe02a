"""The EA of a replay: it asks the service for lots, trades them with the broker's latency, and reports."""

from typing import NamedTuple

from bridge.market.broker_types import Refusal
from bridge.protocol import messages as wire
from bridge.replay.agenda import Agenda, Item
from bridge.replay.paper import Closed, PaperAccount
from bridge.replay.run import DecisionRow, RunWriter, TradeRow
from bridge.replay.session import Session
from bridge.replay.strategy import Entry, Exit
from sizing.snapshot import Deal, Position

_INOUT = 2
"""DEAL_ENTRY_INOUT: a netting position was turned."""


class Ask(NamedTuple):
    """Ask for the lots of an entry, and trade them."""

    entry: Entry


class Place(NamedTuple):
    """An order that reaches the broker now."""

    number: int
    entry: Entry
    lots: float
    stop_loss: float | None
    take_profit: float | None
    reservation: str


class Close(NamedTuple):
    """A close that reaches the broker now."""

    ticket: int
    reason: str


Order = Ask | Place | Close


class Opened(NamedTuple):
    """What is remembered of a position: the decision behind it, its risk, and what was paid to open so many lots."""

    decision: int
    risk: float
    commission: float
    lots: float


class Trader:
    """Acts at a moment that the account has reached. Every row it writes is of `writer`."""

    def __init__(
        self, account: PaperAccount, session: Session, agenda: Agenda, writer: RunWriter, latency_ms: int
    ) -> None:
        self._account = account
        self._session = session
        self._agenda = agenda
        self._writer = writer
        self._latency_ms = latency_ms
        self.opened: dict[int, Opened] = {}
        self.granted = 0

    def wish(self, wish: Entry | Exit, wait_ms: int = 0) -> None:
        """What a strategy wants now; lots for an entry are asked `wait_ms` later."""
        if isinstance(wish, Exit):
            self._close_all(wish, "exit")
            return
        against = Exit(wish.symbol, wish.magic, "sell" if wish.side == "buy" else "buy")
        if wish.reverse and self._close_all(against, "reverse"):
            # It asks when the close is through: the lots may depend on it.
            self._later(Ask(wish))
        else:
            self._later(Ask(wish), wait_ms)

    def act(self, order: Order) -> None:
        """Do what is due now."""
        if isinstance(order, Ask):
            self._ask(order.entry)
        elif isinstance(order, Place):
            self._place(order)
        else:
            self._close(order)

    def take_closed(self) -> None:
        """Write the rows of whatever was closed."""
        for each in self._account.closed:
            self._writer.trades.append(self._trade(each))
        self._account.closed.clear()

    def _later(self, order: Order, wait_ms: int | None = None) -> None:
        wait_ms = self._latency_ms if wait_ms is None else wait_ms
        if wait_ms:
            self._agenda.add(Item(self._account.now_ms + wait_ms, "order", order))
        else:
            self.act(order)

    def _close_all(self, wish: Exit, reason: str) -> bool:
        """Order the close of what fits; whether there was anything."""
        found = [each for each in self._account.positions() if _fits(each, wish)]
        for position in found:
            self._later(Close(position.ticket, reason))
        return bool(found)

    def _ask(self, entry: Entry) -> None:
        account, number = self._account, len(self._writer.decisions) + 1
        self._session.poll(account.now_ms)
        equity = account.account().equity
        request, body, reply = self._session.size(entry, number)
        row = _decision(number, account.now_ms, entry, (request, body), reply, equity)
        self._writer.decisions.append(row)
        if isinstance(reply, wire.SizeReply) and reply.lots > 0 and reply.reservation is not None:
            self.granted += 1
            self._later(Place(number, entry, reply.lots, reply.stop_loss, reply.take_profit, reply.reservation))

    def _place(self, order: Place) -> None:
        account, entry = self._account, order.entry
        deal = account.market_order(
            entry.symbol, entry.side, order.lots, sl=order.stop_loss, tp=order.take_profit, magic=entry.magic
        )
        self._session.clock.advance_to(account.now_ms)
        if isinstance(deal, Refusal):
            self._session.release(order.number, order.reservation, f"{deal.reason}: {deal.message}")
            self._note(order.number, 0, "refused_by_broker")
            return
        ticket, price = deal.position_id, deal.price
        self.book(order.number, deal, self._writer.decisions[order.number - 1].risk_amount)
        account.look()
        self._session.fill(order.number, order.reservation, ticket, deal.volume, price)
        self._note(order.number, ticket, "filled")
        if entry.exit_ms is not None:
            self._agenda.add(Item(max(entry.exit_ms, account.now_ms), "order", Close(ticket, "exit")))

    def book(self, number: int, deal: Deal, risk: float) -> None:
        """Remember what a fill opened, `risk` being its money at the stop.

        On a netting account it may have added to, closed or turned a position.
        """
        turned = self._account.closed[-1].deal.commission if deal.entry == _INOUT else 0.0
        self.take_closed()  # whatever it has closed belongs to what was open before
        known = self.opened.get(deal.position_id)
        if deal.entry == 0 and known is not None:
            self.opened[deal.position_id] = Opened(
                known.decision, known.risk + risk, known.commission + deal.commission,
                known.lots + deal.volume,
            )  # fmt: skip
        elif deal.entry in (0, 2):
            held = next(each for each in self._account.positions() if each.ticket == deal.position_id)
            share = risk * held.volume / deal.volume
            self.opened[deal.position_id] = Opened(number, share, deal.commission - turned, held.volume)

    def _close(self, order: Close) -> None:
        account = self._account
        held = next((each for each in account.positions() if each.ticket == order.ticket), None)
        if held is None:
            return
        account.why = order.reason
        done = account.close(order.ticket)
        account.why = "exit"
        if isinstance(done, Refusal):
            # The market is closed: again at the symbol's next tick, or when the next span is there to be looked at.
            next_ms = account.next_tick_ms(held.symbol)
            self._agenda.add(Item(account.sheet.end_ms if next_ms is None else next_ms, "order", order))
            return
        account.look()

    def _note(self, number: int, ticket: int, outcome: str) -> None:
        rows = self._writer.decisions
        rows[number - 1] = rows[number - 1]._replace(ticket=ticket, outcome=outcome)

    def _trade(self, each: Closed) -> TradeRow:
        held, deal = each.held, each.deal
        opened = self.opened.get(held.ticket, Opened(-1, 0.0, 0.0, deal.volume))
        # What was paid to open it goes with its parts; the last one takes what is left, to the cent.
        left = max(0.0, round(opened.lots - deal.volume, 8))
        share = deal.volume / opened.lots if left else 1.0
        paid, risk = round(opened.commission * share, 2), opened.risk * share
        if left:
            self.opened[held.ticket] = Opened(opened.decision, opened.risk - risk, opened.commission - paid, left)
        else:
            self.opened.pop(held.ticket, None)
        commission = round(deal.commission + paid, 2)
        net = round(deal.profit + deal.swap + commission, 2)
        return TradeRow(
            ticket=held.ticket,
            decision=opened.decision,
            symbol=held.symbol,
            side=held.side,
            lots=deal.volume,
            opened_ms=held.time_ms,
            open_price=held.price_open,
            closed_ms=deal.time_ms,
            close_price=deal.price,
            profit=deal.profit,
            swap=deal.swap,
            commission=commission,
            net=net,
            reason=each.reason,
            stop_loss=held.sl,
            risk_amount=round(risk, 2),
            r_multiple=net / risk if risk > 0 else None,
            worst=each.worst,
            best=each.best,
            magic=held.magic,
        )


def _fits(position: Position, wish: Exit) -> bool:
    same = position.symbol == wish.symbol and position.magic == wish.magic
    return same and wish.side in (None, position.side)


def _decision(
    number: int,
    time_ms: int,
    entry: Entry,
    texts: tuple[bytes, bytes],
    reply: wire.SizeReply | wire.ErrorReply,
    equity: float,
) -> DecisionRow:
    """The row of an answer; one that was refused for the request's own fault holds no figures."""
    sized = reply if isinstance(reply, wire.SizeReply) else None
    return DecisionRow(
        number=number,
        time_ms=time_ms,
        symbol=entry.symbol,
        side=entry.side,
        code=reply.code,
        message=reply.message,
        lots=0.0 if sized is None else sized.lots,
        base_lots=0.0 if sized is None else sized.base_lots,
        binding=None if sized is None else sized.binding,
        runner_up=None if sized is None else sized.runner_up,
        entry=None if sized is None else sized.entry,
        stop_loss=entry.stop_loss if sized is None else sized.stop_loss,
        take_profit=entry.take_profit if sized is None else sized.take_profit,
        confidence=entry.confidence,
        market_score=entry.market_score,
        risk_amount=0.0 if sized is None else sized.risk.amount,
        risk_percent=0.0 if sized is None else sized.risk.percent,
        worst_case=0.0 if sized is None else sized.risk.worst_case,
        expected_shortfall=0.0 if sized is None else sized.risk.expected_shortfall,
        equity=equity,
        ticket=0,
        outcome="none",
        request=texts[0].decode(),
        reply=texts[1].decode(),
    )
