"""What an EA is told to do with a position, and what is remembered of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sizing.snapshot import Side

Kind = Literal["open", "close", "close_partial", "modify_stop", "cancel"]
OrderType = Literal["market", "limit", "stop", "stop_limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One thing to do. `lots` are on the symbol's lattice; of an `open` they are what is wanted: the sizer decides.

    `key` names the very thing that is done ("active/partial_profit/1/4711"): the same state gives the same keys, so
    that nothing is ordered twice.
    """

    key: str
    kind: Kind
    symbol: str
    side: Side
    """Of the position; of an `open` that of the order."""
    rule: str
    reason: str
    """One sentence with the figures that led to it."""
    ticket: int = 0
    """0 for an `open`."""
    lots: float = 0.0
    price: float | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    order: OrderType = "market"
    magic: int = 0
    priority: int = 0
    """Higher first."""
    expires_ms: int | None = None
    """When the EA must not carry it out any more; None: the service says."""
    adds_to: int = 0
    """Of an `open` that is scaled into a position: that one's ticket."""
    covers: tuple[str, ...] = ()
    """Further keys that are done as soon as this one is: levels that a stronger one takes with it."""

    @property
    def raises_risk(self) -> bool:
        """Whether it needs the sizer, caps, loss rules and the ledger."""
        return self.kind == "open"


class Skipped(NamedTuple):
    """A rule that applied and orders nothing, and why: a target that is reached, a figure that is not known."""

    rule: str
    symbol: str
    reason: str


class Done(NamedTuple):
    """What is remembered of a key: how often it was done, and when last."""

    times: int
    last_ms: int


Memory = Mapping[str, Done]
"""By key, or by a key's beginning where a rule counts over several."""


class Advice(NamedTuple):
    """What the rules say: instructions by priority, then in the order of rules; and what they skipped."""

    instructions: tuple[Instruction, ...]
    skipped: tuple[Skipped, ...] = ()
