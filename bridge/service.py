"""One request, one reply. Reservation, journal entry and reply are one step, made by one writer.

The service has no socket and no thread: bytes go in, bytes come out, in order.
"""

import hashlib
import math
import sqlite3
import traceback
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import msgspec

from bridge import answers, controls
from bridge.clock import Clock, SteppedClock
from bridge.desk import Desk
from bridge.errors import JournalError
from bridge.journal.records import Entry
from bridge.journal.store import Journal
from bridge.manager import replies as told
from bridge.manager.issue import Sized
from bridge.manager.manager import Manager
from bridge.protocol import messages as wire
from bridge.protocol.codec import ProtocolError, decode_request, encode, identify
from bridge.replies import error_reply
from sizing.audit import Forecast, Outcome
from sizing.ledger import Reservation
from sizing.positions.instruction import Instruction

_ANSWERS_AT_ONCE = 200
"""Forecasts looked at between two requests."""
_REFRESH_S = 0.02
"""How long a feed's message may make others wait for statistics; what is left is done between requests."""
_LOOSENING = (wire.ResumeRequest, wire.AnchorRequest, wire.RebalanceRequest)
_NOT_STORED = frozenset({"unauthorized", "unknown_account", "overloaded", "internal", "feed_conflict", "id_reused"})
"""Errors that the same request may not meet again later, or that belong to no account's journal."""


class Event(NamedTuple):
    """Something to tell the log once the reply is out."""

    level: str
    name: str
    fields: dict[str, Any]


class Incoming(NamedTuple):
    """A body, and the accounts its sender may ask for; None is all of them."""

    body: bytes
    allowed: Collection[int] | None = None
    control: bool = True
    """Whether the sender may lift halts and set anchors."""


class Service:
    """Answers for all accounts of the daemon. The desks take their state over from the journal here."""

    def __init__(self, desks: Sequence[Desk], journal: Journal, clock: Clock) -> None:
        self._desks = {desk.login: desk for desk in desks}
        self._managers = {desk.login: Manager(desk) for desk in desks}
        self._journal = journal
        self._clock = clock
        self.events: deque[Event] = deque()
        self._saved_seq = journal.next_seq
        self._restore()
        self._handlers: dict[type, Callable[[Any, Desk, bytes, int], bytes]] = {
            wire.SizeRequest: self._size,
            wire.FillRequest: self._fill,
            wire.ReleaseRequest: self._release,
            wire.SnapshotRequest: self._snapshot,
            wire.StatusRequest: self._status,
            wire.RulesRequest: self._rules,
            wire.HaltRequest: self._halt,
            wire.ResumeRequest: self._resume,
            wire.AnchorRequest: self._anchor,
            wire.ManageRequest: self._manage,
            wire.ReportRequest: self._report,
            wire.PositionsRequest: self._positions,
            wire.RebalanceRequest: self._rebalance,
            wire.PingRequest: self._ping,
        }

    def handle(self, incoming: Incoming) -> bytes:
        """The reply to one request. Never raises: whatever goes wrong is an error reply, and nothing is half-done."""
        try:
            return self._handle(incoming)
        except JournalError as fault:
            return self._failed(incoming, fault)
        except Exception:  # a defect here must neither stop the other accounts nor pass as an answer
            self.events.append(Event("error", "defect", {"traceback": traceback.format_exc()}))
            defect = ProtocolError("internal", "The daemon met a defect; its log has the details.")
            return encode(error_reply(identify(defect, incoming.body), self._clock.now_ms()))

    def overloaded(self, incoming: Incoming) -> bytes:
        """The reply to a request that there was no time for."""
        error = ProtocolError("overloaded", "The daemon has more requests waiting than it can answer.")
        return encode(error_reply(identify(error, incoming.body), self._clock.now_ms()))

    def housekeep(self, refresh_s: float | None = None) -> None:
        """What is done between requests: poll terminals, settle reservations, write state that has changed.

        With `refresh_s` so many seconds are there for statistics, infinity where time stands still meanwhile; and
        all forecasts are looked at.
        """
        most = _ANSWERS_AT_ONCE if refresh_s is None else None
        now_ms = self._clock.now_ms()
        for desk in self._desks.values():
            try:
                if refresh_s is None:
                    desk.poll(now_ms)
                else:
                    desk.poll(now_ms, refresh_s)
                self._settle(desk, now_ms)
                self._audit(desk, now_ms, most)
            except JournalError as fault:
                self.events.append(Event("error", "journal_failed", {"error": str(fault)}))
            except Exception:  # a defect of one account must not stop the others; its evidence ages and it refuses
                self.events.append(Event("error", "defect", {"traceback": traceback.format_exc()}))

    def save_state(self, after_entries: int = 0) -> None:
        """Keep every account's whole state, if at least so many entries were written since the last time."""
        if self._journal.next_seq - self._saved_seq < after_entries:
            return
        self._saved_seq = self._journal.next_seq
        for desk in self._desks.values():
            self._journal.save_state(desk.login, desk.whole_state())

    def prune(self, keep_hours: float) -> None:
        """Forget replies to queries older than so many hours."""
        self._journal.prune_queries(self._clock.now_ms() - int(keep_hours * 3_600_000))

    def _restore(self) -> None:
        for desk in self._desks.values():
            try:
                desk.restore(self._journal.changes(desk.login))
            except (msgspec.MsgspecError, sqlite3.Error) as fault:
                raise self._journal.damaged(fault) from fault

    def _handle(self, incoming: Incoming) -> bytes:
        now_ms = self._clock.now_ms()
        try:
            request = decode_request(incoming.body)
            desk = self._desk(request.account, incoming.allowed)
            _demand_control(request, control=incoming.control)
            known = self._journal.find(desk.login, request.id)
            if known is not None:
                return self._repeat(request, incoming.body, *known)
            return self._handlers[type(request)](request, desk, incoming.body, now_ms)
        except ProtocolError as error:
            return self._refuse(identify(error, incoming.body), incoming, now_ms)

    def _repeat(self, request: wire.Request, body: bytes, stored_request: bytes, stored_reply: bytes) -> bytes:
        """The stored reply, if the request is the stored one: the same bytes, or the same fields."""
        if stored_request == _fingerprint(body) or _means(stored_request, request):
            return stored_reply
        return encode(error_reply(identify(_reused(request.id), body), self._clock.now_ms()))

    def _desk(self, account: int | None, allowed: Collection[int] | None) -> Desk:
        if account is None:
            if len(self._desks) != 1:
                message = "The daemon serves several accounts: say which."
                raise ProtocolError("missing_field", message, field="account")
            account = next(iter(self._desks))
        if allowed is not None and account not in allowed:
            raise ProtocolError("unauthorized", f"This user may not ask for account {account}.", field="account")
        desk = self._desks.get(account)
        if desk is None:
            raise ProtocolError("unknown_account", f"Account {account} is not in bridge.toml.", field="account")
        return desk

    def _refuse(self, error: ProtocolError, incoming: Incoming, now_ms: int) -> bytes:
        """The reply to a request at fault; kept under its id, if it has one and the fault is the request's own."""
        reply = encode(error_reply(error, now_ms))
        if error.code in _NOT_STORED or error.request_id is None:
            return reply
        try:
            desk = self._desk(error.account, incoming.allowed)
        except ProtocolError:
            return reply
        known = self._journal.find(desk.login, error.request_id)
        if known is None:
            self._write(desk, error.request_id, "error", now_ms, incoming.body, reply)
            return reply
        if known[0] == _fingerprint(incoming.body):
            return known[1]
        return encode(error_reply(identify(_reused(error.request_id), incoming.body), now_ms))

    def _failed(self, incoming: Incoming, fault: JournalError) -> bytes:
        self.events.append(Event("error", "journal_failed", {"error": str(fault)}))
        error = identify(ProtocolError("internal", str(fault)), incoming.body)
        return encode(error_reply(error, self._clock.now_ms()))

    def _write(
        self,
        desk: Desk,
        request_id: str | None,
        kind: Any,
        now_ms: int,
        request: bytes | None,
        reply: bytes | None,
        inputs: bytes | None = None,
        reservation: Reservation | None = None,
        forecast: Forecast | None = None,
        outcomes: tuple[Outcome, ...] = (),
    ) -> None:
        """Journal one step, and only then let it count. What follows the append cannot fail."""
        ledger = desk.ledger if reservation is None else desk.ledger.replace(reservation)
        self._journal.append(
            Entry(
                seq=self._journal.next_seq,
                account=desk.login,
                id=request_id,
                type=kind,
                at_ms=now_ms,
                request=None if request is None else _fingerprint(request),
                reply=reply,
                inputs=inputs,
                changes=desk.state_changes(reservation, forecast, outcomes),
            )
        )
        desk.state_written()
        if reservation is not None:
            desk.put(reservation, ledger)
        if forecast is not None:
            desk.auditor.add(forecast)

    def _settle(self, desk: Desk, now_ms: int) -> None:
        for reservation in desk.due(now_ms):
            self._write(desk, None, "event", now_ms, None, None, reservation=reservation)
            if reservation.state == "lapsed":
                self.events.append(Event("info", "lapsed", {"account": desk.login, "reservation": reservation.id}))
        self._managers[desk.login].poll(now_ms, f"p{self._journal.next_seq}")
        if desk.state_changes() is not None:
            self._write(desk, None, "event", now_ms, None, None)
        self._take_news(desk)
        for halt in desk.rules.news_of_halts():
            fields = {"account": desk.login, "code": halt.code, "reason": halt.reason}
            self.events.append(Event("warning", "halted", fields))

    def _audit(self, desk: Desk, now_ms: int, most: int | None) -> None:
        """Journal what has become of forecasts, and let it correct the next ones."""
        outcomes = desk.answered(most)
        if outcomes:
            self._write(desk, None, "event", now_ms, None, None, outcomes=outcomes)
        for symbol, audit in desk.auditor.take(outcomes):
            told = {"account": desk.login, "symbol": symbol}
            if audit is None:
                self.events.append(Event("info", "tail_accepted", told))
            else:
                self.events.append(Event("warning", "tail_rejected", {**told, "detail": audit.detail}))
        breaks = desk.evidence.correlations.breaks
        while breaks:
            pair, found = breaks.popleft()
            told = {"account": desk.login, "first": pair[0], "second": pair[1]}
            figures = {"recent": round(found.recent, 2), "before": round(found.before, 2)}
            self.events.append(Event("warning", "correlation_break", {**told, **figures}))

    def _size(self, request: wire.SizeRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        answer = answers.size_answer(request, desk, self._journal, now_ms)
        reply = encode(answer.reply)
        self._write(desk, request.id, "size", now_ms, body, reply, answer.inputs, answer.reservation, answer.forecast)
        self.events.append(Event("info", "decision", answers.decision_fields(request, desk, answer.reply)))
        return reply

    def _fill(self, request: wire.FillRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        after = answers.filled(request, desk, now_ms)
        reply = encode(answers.reservation_reply(request, after, now_ms))
        forecast = desk.auditor.opened(after, request.price, now_ms)
        self._write(desk, request.id, "fill", now_ms, body, reply, reservation=after, forecast=forecast)
        desk.executed(after, request.ticket, request.lots, request.price)
        fields = {"account": desk.login, "reservation": after.id, "ticket": request.ticket, "lots": request.lots}
        self.events.append(Event("info", "fill", fields))
        return reply

    def _release(self, request: wire.ReleaseRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        after = answers.released(request, desk)
        reply = encode(answers.reservation_reply(request, after, now_ms))
        self._write(desk, request.id, "release", now_ms, body, reply, reservation=after)
        fields = {"account": desk.login, "reservation": after.id, "reason": request.reason}
        self.events.append(Event("info", "release", fields))
        return reply

    def _snapshot(self, request: wire.SnapshotRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        clock = self._clock if isinstance(self._clock, SteppedClock) else None
        if clock is not None and request.time_trade_server is not None:
            now_ms = max(now_ms, request.time_trade_server * 1000)
        # Where the messages are the clock, time stands still meanwhile: then the same messages give the same figures.
        resync = answers.feed(request, desk, now_ms, _REFRESH_S if clock is None else math.inf)
        if clock is not None:  # only now: a message that is refused must not move the time
            clock.advance_to(now_ms)
        reply = encode(answers.snapshot_reply(request, resync, now_ms))
        self._write(desk, request.id, "snapshot", now_ms, body, reply)
        self._settle(desk, now_ms)
        if clock is not None:
            self._audit(desk, now_ms, None)
        return reply

    def _status(self, request: wire.StatusRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        reply = encode(answers.status_reply(request, desk, now_ms))
        self._write(desk, request.id, "status", now_ms, body, reply)
        return reply

    def _rules(self, request: wire.RulesRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        reply = encode(controls.rules_reply(request, desk, now_ms))
        self._write(desk, request.id, "rules", now_ms, body, reply)
        return reply

    def _halt(self, request: wire.HaltRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        with desk.undone_on_failure():
            controls.halt(request, desk, now_ms)
            reply = encode(controls.halt_reply(request, desk, now_ms))
            self._write(desk, request.id, "halt", now_ms, body, reply)
        fields = {"account": desk.login, "code": "trading_halted", "reason": request.reason}
        self.events.append(Event("warning", "halted", fields))
        return reply

    def _resume(self, request: wire.ResumeRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        with desk.undone_on_failure():
            controls.resume(request, desk, now_ms)
            self._managers[desk.login].resumed(now_ms)
            reply = encode(controls.halt_reply(request, desk, now_ms))
            self._write(desk, request.id, "resume", now_ms, body, reply)
        self.events.append(Event("warning", "resumed", {"account": desk.login, "reason": request.reason}))
        return reply

    def _anchor(self, request: wire.AnchorRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        with desk.undone_on_failure():
            rule = controls.set_anchor(request, desk, now_ms)
            reply = encode(controls.anchor_reply(request, rule, desk, now_ms))
            self._write(desk, request.id, "anchor", now_ms, body, reply)
        fields = {"account": desk.login, "rule": rule.name, "value": request.value, "reason": request.reason}
        self.events.append(Event("warning", "anchor_set", fields))
        return reply

    def _manage(self, request: wire.ManageRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        manager = self._managers[desk.login]

        def size(name: str, instruction: Instruction, confidence: float | None, joins: int | None) -> Sized:
            return self._size_open(name, instruction, confidence, joins, desk, now_ms)

        with desk.undone_on_failure():
            advised = manager.advise(request, now_ms, f"i{self._journal.next_seq}", size)
            reply = encode(told.manage_reply(request, advised, manager, now_ms))
            kind = "manage" if advised.instructions else "idle"
            self._write(desk, request.id, kind, now_ms, body, reply)
        for each in advised.instructions:
            fields = {"account": desk.login, "instruction": each.id, "kind": each.kind, "ticket": each.ticket}
            more = {"symbol": each.symbol, "lots": each.lots, "rule": each.rule, "reason": each.reason}
            self.events.append(Event("info", "instruction", fields | more))
        self._take_news(desk)
        return reply

    def _size_open(
        self,
        name: str,
        instruction: Instruction,
        confidence: float | None,
        joins: int | None,
        desk: Desk,
        now_ms: int,
    ) -> Sized:
        """Size an instruction that opens like any entry, its lots being a ceiling; journalled if it may be given."""
        request_id = f"~{name}"
        while self._journal.find(desk.login, request_id) is not None:  # somebody else's question has that id
            request_id += "~"
        request = wire.SizeRequest(
            v=wire.PROTOCOL_VERSION, id=request_id, account=desk.login, symbol=instruction.symbol,
            side=instruction.side, stop_loss=instruction.stop_loss, take_profit=instruction.take_profit,
            confidence=confidence, magic=instruction.magic or None, max_lots=instruction.lots,
            adds_to=joins,
        )  # fmt: skip
        seq = self._journal.next_seq
        answer = answers.size_answer(request, desk, self._journal, now_ms, keep_refusals=False)
        if answer.reservation is not None:
            body, reply = encode(request), encode(answer.reply)
            self._write(
                desk, request.id, "size", now_ms, body, reply, answer.inputs, answer.reservation, answer.forecast
            )
            self.events.append(Event("info", "decision", answers.decision_fields(request, desk, answer.reply)))
        return Sized(answer.reply, seq)

    def _report(self, request: wire.ReportRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        with desk.undone_on_failure():
            issued, more_lots, reservation, news = self._managers[desk.login].report(request, now_ms)
            reply = encode(told.report_reply(request, issued, now_ms))
            forecast = None
            if reservation is not None and request.price is not None:
                forecast = desk.auditor.opened(reservation, request.price, now_ms)
            self._write(desk, request.id, "report", now_ms, body, reply, reservation=reservation, forecast=forecast)
        if news:  # a stop that is reported again may have been moved on since
            desk.carried_out(issued, more_lots, request.price, reservation)
        fields = {"account": desk.login, "instruction": issued.id, "standing": issued.standing}
        more = {"ticket": request.ticket, "lots": request.lots, "retcode": request.retcode}
        self.events.append(Event("info", "report", fields | more))
        self._take_news(desk)
        return reply

    def _positions(self, request: wire.PositionsRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        reply = encode(told.positions_reply(request, desk, self._managers[desk.login], now_ms))
        self._write(desk, request.id, "positions", now_ms, body, reply)
        return reply

    def _rebalance(self, request: wire.RebalanceRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        with desk.undone_on_failure():
            self._managers[desk.login].begin(request, now_ms, f"p{self._journal.next_seq}")
            reply = encode(told.rebalance_reply(request, desk, now_ms))
            self._write(desk, request.id, "rebalance", now_ms, body, reply)
        what = "plan_cancelled" if request.cancel else "plan_begun"
        self.events.append(Event("warning", what, {"account": desk.login, "reason": request.reason}))
        return reply

    def _take_news(self, desk: Desk) -> None:
        """Pass on to the log what the manager has to tell."""
        news = self._managers[desk.login].told
        self.events.extend(Event(*each) for each in news)
        news.clear()

    def _ping(self, request: wire.PingRequest, desk: Desk, body: bytes, now_ms: int) -> bytes:
        reply = encode(answers.ping_reply(request, now_ms))
        self._write(desk, request.id, "ping", now_ms, body, reply)
        return reply


def _demand_control(request: wire.Request, *, control: bool) -> None:
    if isinstance(request, _LOOSENING) and not control:
        message = f"This user may not {request.__struct_config__.tag}: may_control in bridge.toml is false."
        raise ProtocolError("unauthorized", message, field="type")


def _fingerprint(body: bytes) -> bytes:
    """A body as the journal keeps it: whole, or, where it is large, its digest."""
    return body if len(body) <= 4096 else b"blake2b:" + hashlib.blake2b(body, digest_size=32).digest()


def _means(stored_request: bytes, request: wire.Request) -> bool:
    try:
        return decode_request(stored_request) == request
    except ProtocolError:
        return False


def _reused(request_id: str) -> ProtocolError:
    return ProtocolError("id_reused", f"The id {request_id!r} was used for another request.", field="id")
