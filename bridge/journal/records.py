"""What the journal holds, as values: the inputs of a decision, and the changes of an account's state."""

from typing import Literal

from msgspec import Struct

from sizing.ledger import Reservation
from sizing.policy import Policy
from sizing.snapshot import AccountView, Conversion, Exposure, FirmState, Quote, Signal, Snapshot, SymbolView


class AccountPart(Struct, frozen=True):
    """The account side of a snapshot, stored once however many decisions it served."""

    view: AccountView
    firm: FirmState


class PolicyPart(Struct, frozen=True):
    """The policy of a decision."""

    policy: Policy


class SymbolPart(Struct, frozen=True):
    """The symbol side of a snapshot."""

    view: SymbolView


class CorrelationPart(Struct, frozen=True):
    """The correlations of a snapshot."""

    table: dict[str, dict[str, float]]


Part = AccountPart | PolicyPart | SymbolPart | CorrelationPart


class Inputs(Struct, frozen=True, kw_only=True, array_like=True):
    """Everything a decision was made from. The large pieces are numbers of parts."""

    signal: Signal
    now_ms: int
    account_ms: int
    spec_ms: int
    quote: Quote
    conversion: Conversion
    reserved: tuple[Exposure, ...]
    next_rollover_ms: int | None
    account_part: int
    symbol_part: int
    correlation_part: int
    policy_part: int

    def snapshot(self, account: AccountPart, symbol: SymbolPart, correlation: CorrelationPart) -> Snapshot:
        """The snapshot as the engine saw it."""
        return Snapshot(
            now_ms=self.now_ms,
            account=account.view,
            account_ms=self.account_ms,
            symbol=symbol.view,
            spec_ms=self.spec_ms,
            quote=self.quote,
            conversion=self.conversion,
            firm=account.firm,
            correlation=correlation.table,
            reserved=self.reserved,
            next_rollover_ms=self.next_rollover_ms,
        )


class Changes(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an entry changed in its account's state; carries the new state, so that folding needs no rules."""

    reservations: tuple[Reservation, ...] = ()
    peak_equity: float | None = None
    last_operation: int | None = None
    """Ticket of the newest deal whose payment, if it was one, the peak has taken into account."""
    day_start_ms: int | None = None
    day_anchor: float | None = None


class Entry(Struct, frozen=True, kw_only=True, tag="entry", tag_field="record", array_like=True):
    """One row: a request and its reply, or a change without a request (then `id` and `reply` are None)."""

    seq: int
    account: int
    id: str | None
    type: Literal["size", "fill", "release", "snapshot", "status", "ping", "error", "event"]
    at_ms: int
    request: bytes | None = None
    reply: bytes | None = None
    inputs: bytes | None = None
    changes: bytes | None = None


class StoredPart(Struct, frozen=True, tag="part", tag_field="record", array_like=True):
    """A part with its number, encoded."""

    part: int
    body: bytes


Record = Entry | StoredPart
