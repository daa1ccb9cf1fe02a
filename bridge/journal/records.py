"""What the journal holds, as values: the inputs of a decision, and the changes of an account's state."""

from typing import Literal

import numpy as np
from msgspec import Struct

from bridge.kept import PositionsChange
from sizing.audit import Forecast, Outcome
from sizing.ledger import Reservation
from sizing.policy import Policy
from sizing.prop.anchors import RuleState, Seen
from sizing.prop.progress import DayResult
from sizing.snapshot import (
    AccountView,
    Conversion,
    Exposure,
    FirmState,
    Halt,
    Portfolio,
    Quote,
    Recovery,
    SideMoves,
    Signal,
    Snapshot,
    SymbolView,
)


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


class DaysPart(Struct, frozen=True):
    """One symbol and side on the days of a portfolio: three columns of float64 as they lie in memory."""

    landing: bytes
    reached: bytes
    close: bytes

    @classmethod
    def of(cls, moves: SideMoves) -> "DaysPart":
        """The columns of these moves."""
        return cls(*(np.ascontiguousarray(column).tobytes() for column in moves))

    def moves(self) -> SideMoves:
        """The moves as the engine saw them."""
        return SideMoves(*(np.frombuffer(column) for column in (self.landing, self.reached, self.close)))


Part = AccountPart | PolicyPart | SymbolPart | CorrelationPart | DaysPart


class JointInputs(Struct, frozen=True, array_like=True):
    """The book on joint scenarios, where a decision asked for it."""

    losses: bytes
    shortfall: float
    source: str
    own_part: int


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
    joint: JointInputs | None = None

    def snapshot(
        self, account: AccountPart, symbol: SymbolPart, correlation: CorrelationPart, days: DaysPart | None
    ) -> Snapshot:
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
            portfolio=None if self.joint is None or days is None else _portfolio(self.joint, days),
        )


def _portfolio(joint: JointInputs, days: DaysPart) -> Portfolio:
    return Portfolio(
        losses=np.frombuffer(joint.losses), shortfall=joint.shortfall, own=days.moves(), source=joint.source
    )


class RulesChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What has changed of the ground that the firm's rules stand on. None of a list: as before."""

    states: tuple[RuleState, ...] = ()
    seen: Seen | None = None
    days: tuple[DayResult, ...] = ()
    """By their beginning; others stay."""
    halts: tuple[Halt, ...] | None = None
    recovery: tuple[Recovery, ...] | None = None
    """At most one."""


class Changes(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an entry changed in its account's state; carries the new state, so that folding needs no rules."""

    reservations: tuple[Reservation, ...] = ()
    peak_equity: float | None = None
    last_operation: int | None = None
    """Ticket of the newest deal whose payment, if it was one, the peak has taken into account."""
    rules: RulesChange | None = None
    forecasts: tuple[Forecast, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    positions: PositionsChange | None = None


EntryType = Literal[
    "size", "fill", "release", "snapshot", "status", "rules", "halt", "resume", "anchor", "manage", "idle",
    "report", "positions", "rebalance", "ping", "error", "event",
]  # fmt: skip


class Entry(Struct, frozen=True, kw_only=True, tag="entry", tag_field="record", array_like=True):
    """One row: a request and its reply, or a change without a request (then `id` and `reply` are None)."""

    seq: int
    account: int
    id: str | None
    type: EntryType
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
