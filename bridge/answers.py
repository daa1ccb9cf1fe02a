"""What each request means: from a decoded request and the account's desk to the reply and what it changes."""

from importlib.metadata import version
from operator import is_
from typing import Any, NamedTuple

import msgspec

from bridge.desk import Desk, PartNumbers
from bridge.journal.records import AccountPart, CorrelationPart, DaysPart, Inputs, JointInputs, SymbolPart
from bridge.journal.store import Journal
from bridge.protocol import messages as wire
from bridge.protocol.codec import ProtocolError
from bridge.replies import NO_AGES, ages_of, ok, signal_of, size_reply
from bridge.terminal.feed import FeedConflict, FeedError, FeedTerminal
from sizing import gates
from sizing.audit import Forecast
from sizing.caps.book import PORTFOLIO
from sizing.decision import Decision
from sizing.engine import size
from sizing.ledger import Reservation, cents, end, fill
from sizing.policy import Policy
from sizing.snapshot import AccountView, Portfolio, Signal, Snapshot

VERSION = version("lotbridge")
_HEDGING = 2
"""ENUM_ACCOUNT_MARGIN_MODE."""
_encode = msgspec.msgpack.Encoder().encode


class SizeAnswer(NamedTuple):
    """A size reply with what must be journalled with it."""

    reply: wire.SizeReply
    inputs: bytes | None
    reservation: Reservation | None
    forecast: Forecast | None = None


def size_answer(
    request: wire.SizeRequest, desk: Desk, journal: Journal, now_ms: int, *, keep_refusals: bool = True
) -> SizeAnswer:
    """Decide, and reserve what the decision may cost. Raises ProtocolError for a symbol nobody knows.

    Without `keep_refusals` a refusal leaves no evidence in the journal: its caller writes no entry that would need it.
    """
    if not desk.knows(request.symbol):
        message = f"{request.symbol} is not known to the terminal, or matches no pattern of the symbols file."
        raise ProtocolError("unknown_symbol", message, field="symbol")
    _demand_joins(request, desk)
    signal = signal_of(request)
    snapshot = desk.snapshot(signal, now_ms)
    seq = journal.next_seq
    if not isinstance(snapshot, Snapshot):
        decision, inputs, currency, ages = Decision(code=snapshot[0], message=snapshot[1]), None, "", NO_AGES
    else:
        decision, snapshot = _decide(signal, snapshot, desk)
        inputs = _inputs(signal, snapshot, desk, journal) if keep_refusals or decision.lots > 0 else None
        currency, ages = snapshot.account.account.currency, ages_of(snapshot)
    reservation = forecast = None
    if decision.lots > 0 and not request.dry_run and isinstance(snapshot, Snapshot):
        forecast = _forecast(f"{seq}", signal, snapshot, decision, desk.settings.policy)
        reservation = reserve(f"r{seq}", request, decision, now_ms, desk.settings.policy.freshness.reservation_ms)
    reply = size_reply(
        request.id,
        decision,
        now_ms=now_ms,
        currency=currency,
        ages=ages,
        decision_key=f"d{seq}",
        reservation=None if reservation is None else reservation.id,
        expires_ms=None if reservation is None else reservation.expires_ms,
    )
    return SizeAnswer(reply, inputs, reservation, forecast)


def _demand_joins(request: wire.SizeRequest, desk: Desk) -> None:
    """What is added to a netting position must leave its stop and target where they are. Raises ProtocolError."""
    report, ticket = desk.terminal.account(), request.adds_to
    if ticket is None or report is None:
        return
    if report.account.margin_mode == _HEDGING:
        raise ProtocolError("bad_value", "The account is hedging: leave adds_to out.", field="adds_to")
    held = next((each for each in report.positions if each.ticket == ticket), None)
    if held is None or (held.symbol, held.side) != (request.symbol, request.side) or request.order != "market":
        message = f"There is no {request.side} position {ticket} in {request.symbol} that a market order could join."
        raise ProtocolError("bad_value", message, field="adds_to")
    if held.sl is None or (held.sl, held.tp) != (request.stop_loss, request.take_profit):
        message = (
            f"Position {ticket} has stop {held.sl} and target {held.tp}: an addition must send the same, and a stop."
        )
        raise ProtocolError("bad_value", message, field="adds_to")
    promised = {each.symbol for each in report.orders} | {each.symbol for each in desk.ledger.reservations.values()}
    if request.symbol in promised:
        message = f"Something is pending or promised in {request.symbol}: add when the terminal shows it."
        raise ProtocolError("bad_value", message, field="adds_to")


def _decide(signal: Signal, snapshot: Snapshot, desk: Desk) -> tuple[Decision, Snapshot]:
    """The decision, and the snapshot it was made from: with the joint book where adding up all tails decided."""
    policy, standing = desk.settings.policy, desk.standing(snapshot, signal.side, signal.magic)
    decision = size(signal, snapshot, policy, standing)
    if decision.binding != PORTFOLIO:
        return decision, snapshot
    joint = desk.with_portfolio(snapshot, signal.side)
    return (decision, snapshot) if joint is None else (size(signal, joint, policy, standing), joint)


def _forecast(number: str, signal: Signal, snapshot: Snapshot, decision: Decision, policy: Policy) -> Forecast:
    """What the decision says about its trade's tail, to be compared with what happens once it is open."""
    entry, stop, audit = decision.entry or 0.0, decision.stop_loss or 0.0, snapshot.symbol.audit
    return Forecast(
        decision=f"d{number}",
        reservation=f"r{number}",
        symbol=signal.symbol,
        side=signal.side,
        at_ms=0 if signal.order == "pending" else snapshot.now_ms,
        minutes=signal.horizon_minutes or policy.cost.horizon_minutes,
        entry=entry,
        stop_loss=stop,
        spread=snapshot.quote.ask - snapshot.quote.bid,
        money=decision.money_per_price,
        costs=decision.stop_loss_per_lot - abs(entry - stop) * decision.money_per_price,
        value_at_risk=decision.value_at_risk_per_lot,
        shortfall=decision.shortfall_per_lot / (1.0 if audit is None else audit.multiplier),
    )


def reserve(name: str, request: wire.SizeRequest, decision: Decision, now_ms: int, hold_ms: int) -> Reservation:
    """The money a decision may still cost, in whole cents rounded up."""
    lots = decision.lots
    return Reservation(
        id=name,
        symbol=request.symbol,
        side=request.side,
        lots=lots,
        rest_lots=lots,
        risk_cents=cents(lots * decision.risk_per_lot),
        worst_cents=cents(decision.worst_case),
        notional_cents=cents(lots * decision.notional_per_lot),
        margin_cents=cents(lots * decision.margin_per_lot),
        created_ms=now_ms,
        expires_ms=now_ms + hold_ms,
        stop_loss=decision.stop_loss or 0.0,
        take_profit=decision.take_profit,
        order=request.order,
        magic=request.magic or 0,
        entry=decision.entry or 0.0,
        money_per_price=decision.money_per_price,
        reach_cents=cents(lots * decision.reach_per_lot),
    )


def decision_fields(request: wire.SizeRequest, desk: Desk, reply: wire.SizeReply) -> dict[str, Any]:
    """A decision as one event of the log."""
    return {
        "account": desk.login,
        "id": request.id,
        "symbol": request.symbol,
        "side": request.side,
        "lots": reply.lots,
        "code": reply.code,
        "binding": reply.binding,
        "risk": reply.risk.amount,
        "reservation": reply.reservation,
        "decision": reply.decision,
        "policy": desk.policy_hash,
    }


def filled(request: wire.FillRequest, desk: Desk, now_ms: int) -> Reservation:
    """The reservation after the reported fill. Raises ProtocolError if it is unknown."""
    report = desk.terminal.account()
    report_ms = 0 if report is None else report.received_ms
    return fill(_reservation(request.reservation, desk), request.ticket, request.lots, now_ms, report_ms)


def released(request: wire.ReleaseRequest, desk: Desk) -> Reservation:
    """The reservation after it was given back. Raises ProtocolError if it is unknown."""
    return end(_reservation(request.reservation, desk), "released")


def reservation_reply(
    request: wire.FillRequest | wire.ReleaseRequest, reservation: Reservation, now_ms: int
) -> wire.ReservationReply:
    """What became of a reservation."""
    kind = "fill" if isinstance(request, wire.FillRequest) else "release"
    return wire.ReservationReply(**ok(kind, request.id, now_ms), reservation=reservation.id, state=reservation.state)


def feed(request: wire.SnapshotRequest, desk: Desk, now_ms: int, refresh_s: float) -> bool:
    """Take a feed's message in, with `refresh_s` seconds for statistics; True if the feed must start over.

    Raises ProtocolError.
    """
    terminal = desk.terminal
    if not isinstance(terminal, FeedTerminal):
        raise ProtocolError("feed_conflict", f"Account {desk.login} is not fed: its terminal is {terminal.source!r}.")
    try:
        resync = terminal.apply(request, now_ms)
    except FeedConflict as fault:
        raise ProtocolError("feed_conflict", str(fault)) from None
    except FeedError as fault:
        raise ProtocolError("bad_value", str(fault), field=fault.field) from None
    desk.evidence.now_ms = now_ms
    desk.evidence.refresh(refresh_s)
    desk.note_account(now_ms)
    return resync


def snapshot_reply(request: wire.SnapshotRequest, resync: bool, now_ms: int) -> wire.SnapshotReply:
    """Whether the feed must start over."""
    return wire.SnapshotReply(**ok("snapshot", request.id, now_ms), resync=resync)


def ping_reply(request: wire.PingRequest, now_ms: int) -> wire.Reply:
    """A sign of life."""
    return wire.Reply(**ok("ping", request.id, now_ms))


def status_reply(request: wire.StatusRequest, desk: Desk, now_ms: int) -> wire.StatusReply:
    """The account at a glance."""
    report = desk.terminal.account()
    view = None if report is None else desk.account_view(report)
    firm = None if view is None else desk.firm_state(view, now_ms)
    quotes = [quote for name in desk.terminal.symbol_names() if (quote := desk.terminal.quote(name)) is not None]
    return wire.StatusReply(
        **ok("status", request.id, now_ms),
        account=desk.login,
        equity=None if view is None else view.account.equity,
        balance=None if view is None else view.account.balance,
        rules=[
            wire.RuleInfo(
                rule.name, round(rule.floor, 2), round(rule.headroom, 2), round(rule.used_percent, 2), rule.resets_ms
            )
            for rule in (() if firm is None else firm.rules)
        ],
        open_risk=0.0 if view is None else round(sum(each.risk for each in view.book.exposures + view.book.pending), 2),
        reserved_risk=desk.ledger.worst_cents() / 100,
        halted=_halted(desk, view, now_ms),
        terminal=wire.TerminalInfo(
            desk.terminal.connected(now_ms),
            desk.terminal.source,
            min((now_ms - quote.time_ms for quote in quotes), default=None),
        ),
        protocol=wire.PROTOCOL_VERSION,
        version=VERSION,
        policy_hash=desk.policy_hash,
        currency=None if view is None else view.account.currency,
    )


def _halted(desk: Desk, view: AccountView | None, now_ms: int) -> str | None:
    """The code with which every size request would be refused now, whatever its symbol."""
    report = desk.terminal.account()
    if not desk.terminal.connected(now_ms):
        return "terminal_unavailable"
    if view is None or report is None:
        return "stale_account"
    policy, firm = desk.settings.policy, desk.firm_state(view, now_ms)
    refusal = gates.age_refusal(firm, report.received_ms, now_ms, policy.freshness) or gates.account_refusal(
        view, firm, now_ms, policy
    )
    return None if refusal is None else refusal[0]


def _reservation(name: str, desk: Desk) -> Reservation:
    reservation = desk.reservation(name)
    if reservation is None:
        message = f"Account {desk.login} has no reservation {name!r}."
        raise ProtocolError("bad_value", message, field="reservation")
    return reservation


def _inputs(signal: Signal, snapshot: Snapshot, desk: Desk, journal: Journal) -> bytes:
    account, symbol, correlation, policy = _part_numbers(snapshot, desk, journal)
    return _encode(
        Inputs(
            signal=signal,
            now_ms=snapshot.now_ms,
            account_ms=snapshot.account_ms,
            spec_ms=snapshot.spec_ms,
            quote=snapshot.quote,
            conversion=snapshot.conversion,
            reserved=snapshot.reserved,
            next_rollover_ms=snapshot.next_rollover_ms,
            account_part=account,
            symbol_part=symbol,
            correlation_part=correlation,
            policy_part=policy,
            joint=None if snapshot.portfolio is None else _joint(snapshot.portfolio, journal),
        )
    )


def _joint(portfolio: Portfolio, journal: Journal) -> JointInputs:
    own = portfolio.own
    return JointInputs(
        losses=portfolio.losses.tobytes(),
        shortfall=portfolio.shortfall,
        source=portfolio.source,
        own_part=journal.part(lambda: DaysPart.of(own), own),
    )


def _part_numbers(snapshot: Snapshot, desk: Desk, journal: Journal) -> PartNumbers:
    """The numbers of the large pieces of evidence; the desk keeps them until one of the pieces is another."""
    name, pieces = snapshot.symbol.spec.name, (snapshot.account, snapshot.firm, snapshot.symbol, snapshot.correlation)
    known = desk.part_numbers.get(name)
    if known is not None and all(map(is_, known[0], pieces)):
        return known[1]
    numbers = (
        journal.part(lambda: AccountPart(snapshot.account, snapshot.firm), snapshot.account, snapshot.firm),
        journal.part(lambda: SymbolPart(snapshot.symbol), snapshot.symbol),
        journal.part(lambda: CorrelationPart(snapshot.correlation), snapshot.correlation),
        journal.part(lambda: desk.policy_part, desk.policy_part),
    )
    desk.part_numbers[name] = pieces, numbers
    return numbers
