"""A past decision, made again from the journal alone. It must come out the same, to the last byte of the reply."""

from typing import Any, NamedTuple

import msgspec

from bridge.answers import reserve
from bridge.errors import JournalError
from bridge.journal.reader import JournalReader
from bridge.journal.records import (
    AccountPart,
    Changes,
    CorrelationPart,
    DaysPart,
    Entry,
    Inputs,
    PolicyPart,
    SymbolPart,
)
from bridge.protocol.codec import ProtocolError, decode_request, encode
from bridge.protocol.messages import SizeReply, SizeRequest
from bridge.replies import ages_of, signal_of, size_reply
from sizing.decision import Decision
from sizing.engine import size
from sizing.ledger import Reservation
from sizing.policy import Policy
from sizing.snapshot import Signal, Snapshot

ABSENT = "absent"
"""Stands in a difference for a value that one side does not have."""


class Evidence(NamedTuple):
    """What a decision was made from."""

    signal: Signal
    snapshot: Snapshot
    policy: Policy


class Difference(NamedTuple):
    """One value that did not come out the same."""

    path: str
    stored: Any
    recomputed: Any


class Recomputed(NamedTuple):
    """The stored reply, and what the engine says today. `evidence` is None where there was nothing to compute from."""

    request: SizeRequest | None
    stored: SizeReply
    evidence: Evidence | None
    decision: Decision | None
    reply: bytes | None
    differences: tuple[Difference, ...]

    @property
    def identical(self) -> bool:
        """The very same reply came out, and it answers the very request that is stored."""
        return self.reply is not None and not self.differences


def recompute(reader: JournalReader, entry: Entry) -> Recomputed:
    """Decide again what `entry` decided. Raises JournalError if it is no decision or cannot be read."""
    if entry.type != "size" or entry.reply is None:
        raise JournalError(f"This entry is of type {entry.type}, not a decision.")
    request = _request(entry)
    try:
        stored = msgspec.json.decode(entry.reply, type=SizeReply)
        if entry.inputs is None:
            return Recomputed(request, stored, None, None, None, ())
        evidence = _evidence(reader, entry.inputs)
    except msgspec.MsgspecError as fault:
        raise JournalError(f"The decision cannot be read from the journal: {fault}.") from fault
    decision = size(evidence.signal, evidence.snapshot, evidence.policy)
    again = _reply(entry, request, stored, evidence, decision)
    body = encode(again)
    differences = [
        *_request_differences(request, evidence.signal),
        *_differences("", _json(stored), _json(again)),
        *_reservation_differences(entry, request, again, evidence, decision),
    ]
    if body != entry.reply and not differences:
        differences.append(Difference("reply", entry.reply.decode("utf-8", "replace"), body.decode()))
    return Recomputed(request, stored, evidence, decision, body, tuple(differences))


def _request(entry: Entry) -> SizeRequest | None:
    """The request as it came; None where it was so long that only its digest is kept."""
    if entry.request is None or entry.request.startswith(b"blake2b:"):
        return None
    try:
        request = decode_request(entry.request)
    except ProtocolError as fault:
        raise JournalError(f"The request cannot be read from the journal: {fault.message}") from fault
    if not isinstance(request, SizeRequest):
        raise JournalError("The request that is stored with this decision asks for something else.")
    return request


def _evidence(reader: JournalReader, body: bytes) -> Evidence:
    inputs = msgspec.msgpack.decode(body, type=Inputs)
    snapshot = inputs.snapshot(
        reader.part(inputs.account_part, AccountPart),
        reader.part(inputs.symbol_part, SymbolPart),
        reader.part(inputs.correlation_part, CorrelationPart),
        None if inputs.joint is None else reader.part(inputs.joint.own_part, DaysPart),
    )
    return Evidence(inputs.signal, snapshot, reader.part(inputs.policy_part, PolicyPart).policy)


def _reply(
    entry: Entry, request: SizeRequest | None, stored: SizeReply, evidence: Evidence, decision: Decision
) -> SizeReply:
    """The reply anew. The stored one says only whether it was a dry run, and that only where the request is gone."""
    now_ms = evidence.snapshot.now_ms
    wanted = stored.reservation is not None if request is None else not request.dry_run
    reserved = decision.lots > 0 and wanted
    return size_reply(
        entry.id or "",
        decision,
        now_ms=now_ms,
        currency=evidence.snapshot.account.account.currency,
        ages=ages_of(evidence.snapshot),
        decision_key=f"d{entry.seq}",
        reservation=f"r{entry.seq}" if reserved else None,
        expires_ms=now_ms + evidence.policy.freshness.reservation_ms if reserved else None,
    )


def _request_differences(request: SizeRequest | None, signal: Signal) -> list[Difference]:
    """The request must be the one that was sized."""
    if request is None:
        return []
    return _differences("request", _json(signal_of(request)), _json(signal))


def _reservation_differences(
    entry: Entry, request: SizeRequest | None, again: SizeReply, evidence: Evidence, decision: Decision
) -> list[Difference]:
    """The money that was set aside must be what the decision may cost."""
    if request is None:
        return []
    stored: tuple[Reservation, ...] = ()
    if entry.changes is not None:
        try:
            stored = msgspec.msgpack.decode(entry.changes, type=Changes).reservations
        except msgspec.MsgspecError as fault:
            raise JournalError(f"The reservation cannot be read from the journal: {fault}.") from fault
    made: tuple[Reservation, ...] = ()
    if again.reservation is not None:
        hold_ms = evidence.policy.freshness.reservation_ms
        made = (reserve(again.reservation, request, decision, evidence.snapshot.now_ms, hold_ms),)
    return _differences("reserved", _json(stored), _json(made))


def _json(value: Any) -> Any:
    return msgspec.to_builtins(value)


def _differences(path: str, stored: Any, again: Any) -> list[Difference]:
    """Every leaf that two JSON values do not share."""
    if isinstance(stored, dict) and isinstance(again, dict):
        keys = dict.fromkeys((*stored, *again))
        pairs = [
            (f"{path}.{key}" if path else str(key), stored.get(key, ABSENT), again.get(key, ABSENT)) for key in keys
        ]
    elif isinstance(stored, list | tuple) and isinstance(again, list | tuple):
        count = max(len(stored), len(again))
        pairs = [
            (
                f"{path}[{index}]",
                stored[index] if index < len(stored) else ABSENT,
                again[index] if index < len(again) else ABSENT,
            )
            for index in range(count)
        ]
    else:
        return [] if stored == again else [Difference(path, stored, again)]
    return [difference for pair in pairs for difference in _differences(*pair)]
