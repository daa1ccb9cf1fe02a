"""What is remembered of positions and instructions across restarts: one frozen value, and how the journal holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeVar

from msgspec import Struct

from sizing.positions.instruction import Done, Instruction, Kind
from sizing.positions.rebalance import Guard, Plan
from sizing.positions.rebalance.given import NORMAL
from sizing.snapshot import Side

HISTORY = 500
"""Ended instructions that are kept to be shown."""

Source = Literal["share", "active", "rebalance"]
Standing = Literal["given", "partial", "done", "failed", "expired"]

K = TypeVar("K")
V = TypeVar("V")


class Origin(NamedTuple):
    """How a position began. `sl` is its first stop; `added_to` the ticket that it was scaled into, 0 for none."""

    ticket: int
    volume: float
    price: float
    sl: float | None
    added_to: int = 0
    missed_ms: int = 0
    """Since when the terminal has not shown it; 0: it does."""


class Issued(NamedTuple):
    """An instruction that an EA was given, and what is known of it. It is in play until it is `settled`."""

    id: str
    key: str
    source: Source
    kind: Kind
    symbol: str
    side: Side
    rule: str
    reason: str
    ticket: int
    lots: float
    stop_loss: float | None
    take_profit: float | None
    magic: int
    price: float | None
    """Touch price on the side that it trades on, when it was given."""
    money_per_price: float | None
    before: float
    """Lots of its ticket then."""
    given_ms: int
    expires_ms: int
    covers: tuple[str, ...] = ()
    adds_to: int = 0
    reservation: str | None = None
    decision: str | None = None
    standing: Standing = "given"
    filled: float = 0.0
    fill_ticket: int = 0
    fill_price: float | None = None
    retcode: int = 0
    heard_ms: int = 0
    """When the last report that said something new came; 0: none has."""
    settled: bool = False
    deals_until: int = 0
    """Ticket of the newest deal that the terminal showed when it was given; 0: none."""

    @property
    def final(self) -> bool:
        """Whether the EA has said that nothing more will come of it, and what has."""
        vague = self.standing == "done" and self.filled == 0 and self.kind not in ("modify_stop", "cancel")
        return self.heard_ms > 0 and self.standing in ("done", "failed") and not vague


class Failure(NamedTuple):
    """How often in a row a key could not be carried out."""

    key: str
    times: int
    last_ms: int
    reason: str


class Day(NamedTuple):
    """Equity when the firm's day began, or when it was first seen in it."""

    day_ms: int
    equity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """All of it. Mappings are replaced, never changed."""

    memory: Mapping[str, Done] = field(default_factory=dict)
    origins: Mapping[int, Origin] = field(default_factory=dict)
    issued: Mapping[str, Issued] = field(default_factory=dict)
    """In play, by id."""
    ended: Mapping[str, Issued] = field(default_factory=dict)
    """The oldest first."""
    failures: Mapping[str, Failure] = field(default_factory=dict)
    plan: Plan | None = None
    waiting: tuple[Instruction, ...] = ()
    """What the plan has ordered and no EA has fetched yet."""
    guard: Guard = NORMAL
    day: Day | None = None

    def find(self, instruction: str) -> Issued | None:
        """An instruction by its id, ended ones included."""
        return self.issued.get(instruction) or self.ended.get(instruction)

    def with_issued(self, issued: Issued) -> "Kept":
        """The same with an instruction in its next state."""
        if not issued.settled:
            ended = {key: each for key, each in self.ended.items() if key != issued.id}
            return replace(self, issued={**self.issued, issued.id: issued}, ended=ended)
        playing = {key: each for key, each in self.issued.items() if key != issued.id}
        ended = {**self.ended, issued.id: issued}
        return replace(self, issued=playing, ended=dict(list(ended.items())[-HISTORY:]))


NOTHING = Kept()


class PositionsChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an entry of the journal has changed of it. None: as before."""

    memory: dict[str, Done] = {}
    forgotten: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()
    gone: tuple[int, ...] = ()
    issued: tuple[Issued, ...] = ()
    dropped: tuple[str, ...] = ()
    """Ids that went out of play, and out of the ended ones with the same step, because more ended than are kept."""
    failures: tuple[Failure, ...] = ()
    mended: tuple[str, ...] = ()
    plan: tuple[Plan, ...] | None = None
    """At most one."""
    waiting: tuple[Instruction, ...] | None = None
    guard: Guard | None = None
    day: Day | None = None


def difference(before: Kept, now: Kept) -> PositionsChange | None:
    """What leads from one state to the other; None if they are the same."""
    if before is now:
        return None
    memory, forgotten = _differs(before.memory, now.memory)
    origins, gone = _differs(before.origins, now.origins)
    failures, mended = _differs(before.failures, now.failures)
    ended, _ = _differs(before.ended, now.ended)
    playing, over = _differs(before.issued, now.issued)
    change = PositionsChange(
        memory=memory,
        forgotten=forgotten,
        origins=tuple(origins.values()),
        gone=gone,
        issued=(*ended.values(), *playing.values()),
        dropped=tuple(each for each in over if each not in now.ended),
        failures=tuple(failures.values()),
        mended=mended,
        # A step that changes nothing makes an equal plan; a large one must not be written with every question.
        plan=None if now.plan == before.plan else () if now.plan is None else (now.plan,),
        waiting=None if now.waiting == before.waiting else now.waiting,
        guard=None if now.guard == before.guard else now.guard,
        day=None if now.day == before.day else now.day,
    )
    return None if change == PositionsChange() else change


def changed(kept: Kept, change: PositionsChange) -> Kept:
    """The state after a change."""
    for issued in change.issued:
        kept = kept.with_issued(issued)
    return replace(
        kept,
        issued=_merged(kept.issued, {}, change.dropped),
        memory=_merged(kept.memory, change.memory, change.forgotten),
        origins=_merged(kept.origins, {each.ticket: each for each in change.origins}, change.gone),
        failures=_merged(kept.failures, {each.key: each for each in change.failures}, change.mended),
        plan=kept.plan if change.plan is None else change.plan[0] if change.plan else None,
        waiting=kept.waiting if change.waiting is None else change.waiting,
        guard=change.guard or kept.guard,
        day=change.day or kept.day,
    )


def _differs(before: Mapping[K, V], now: Mapping[K, V]) -> tuple[dict[K, V], tuple[K, ...]]:
    """Entries that are new or other, and keys that are gone."""
    if before is now:
        return {}, ()
    other = {key: value for key, value in now.items() if before.get(key) != value}
    return other, tuple(key for key in before if key not in now)


def _merged(before: Mapping[K, V], more: Mapping[K, V], gone: tuple[K, ...]) -> Mapping[K, V]:
    if not more and not gone:
        return before
    return {key: value for key, value in {**before, **more}.items() if key not in gone}


class PositionKeeper:
    """Holds the state, and knows what the journal does not hold yet."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Know nothing."""
        self.kept = self._written = NOTHING

    def restore(self, change: PositionsChange) -> None:
        """Take over what a journal entry has changed."""
        self.kept = self._written = changed(self.kept, change)

    def change(self, *, whole: bool = False) -> PositionsChange | None:
        """What the journal does not hold yet, or with `whole` everything; None if there is nothing."""
        return difference(NOTHING if whole else self._written, self.kept)

    def written(self) -> None:
        """The last change is in the journal."""
        self._written = self.kept
