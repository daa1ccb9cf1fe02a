"""From what a rule asks for to an instruction for an EA: its id, its time, and of an `open` its sized lots."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from bridge.kept import Issued
from bridge.manager.offers import Offer
from bridge.protocol import messages as wire
from bridge.protocol.codec import ProtocolError
from sizing.positions.instruction import Instruction, Skipped
from sizing.positions.state import State

EXPIRES_MS = 30_000
"""How long an EA has for an instruction that no rule gives another time."""


class Sized(NamedTuple):
    """What the sizer made of an instruction that opens; the money is reserved where `lots` are above 0."""

    reply: wire.SizeReply
    seq: int


SizeOpen = Callable[[str, Instruction, float | None, int | None], Sized]
"""Sizes an `open` under an instruction's id, with the signal's confidence and the netting position that it joins."""


def issue(name: str, offer: Offer, state: State, newest: int, size: SizeOpen) -> Issued | Skipped:
    """An instruction with its id `name`; one that opens with the lots that the sizer allows, or why there are none.

    `newest` is the ticket of the newest deal.
    """
    each, joins = _joined(offer.instruction, state)
    held = next((position for position in state.held if position.ticket == each.ticket), None)
    market = state.markets.get(each.symbol)
    expires_ms = each.expires_ms or state.now_ms + EXPIRES_MS
    sells = (each.side == "sell") == (each.kind == "open")
    touch = None if market is None else market.quote.bid if sells else market.quote.ask
    issued = Issued(
        id=name, key=each.key, source=offer.source, kind=each.kind, symbol=each.symbol, side=each.side,
        rule=each.rule, reason=each.reason, ticket=each.ticket, lots=each.lots, stop_loss=each.stop_loss,
        take_profit=each.take_profit, magic=each.magic, price=touch,
        money_per_price=market.money_per_price if market is not None and market.money_per_price > 0 else None,
        before=0.0 if held is None else held.volume, given_ms=state.now_ms, expires_ms=expires_ms,
        covers=each.covers, adds_to=each.adds_to, deals_until=newest,
    )  # fmt: skip
    if each.kind != "open":
        return issued
    opinion = state.opinions.get(each.symbol)
    try:
        reply, seq = size(name, each, None if opinion is None else opinion.confidence, joins)
    except ProtocolError as fault:
        return Skipped(each.rule, each.symbol, fault.message)
    if reply.lots <= 0 or reply.reservation is None or reply.expires_ms is None:
        return Skipped(each.rule, each.symbol, f"{reply.code}: {reply.message}")
    return issued._replace(
        lots=reply.lots,
        price=reply.entry,
        stop_loss=reply.stop_loss,
        take_profit=reply.take_profit,
        expires_ms=min(expires_ms, reply.expires_ms),
        reservation=reply.reservation,
        decision=f"d{seq}",
        reason=_sized(each, reply),
    )


def _joined(each: Instruction, state: State) -> tuple[Instruction, int | None]:
    """What is opened into a netting position brings that one's stop and target: an order's own would replace them.

    With the position's ticket; None where it stands for itself.
    """
    if each.kind != "open" or state.hedging:
        return each, None
    held = next((held for held in state.held if held.symbol == each.symbol and held.side == each.side), None)
    if held is None:
        return each, None
    stop = held.sl if each.stop_loss is None else each.stop_loss
    target = held.tp if each.take_profit is None else each.take_profit
    return replace(each, stop_loss=stop, take_profit=target), held.ticket


def _sized(each: Instruction, reply: wire.SizeReply) -> str:
    if reply.lots == each.lots:
        return each.reason
    return f"{each.reason} The sizer allows {reply.lots:g} of {each.lots:g} lots: {reply.binding}."


def info(issued: Issued, instruction: Instruction) -> wire.InstructionInfo:
    """The instruction on the wire."""
    return wire.InstructionInfo(
        id=issued.id,
        kind=issued.kind,
        ticket=issued.ticket,
        symbol=issued.symbol,
        side=issued.side,
        lots=issued.lots,
        price=issued.price if issued.kind == "open" else None,
        stop_loss=issued.stop_loss,
        take_profit=issued.take_profit,
        order=instruction.order,
        magic=issued.magic,
        rule=issued.rule,
        reason=issued.reason,
        expires_ms=issued.expires_ms,
        reservation=issued.reservation,
        decision=issued.decision,
    )
