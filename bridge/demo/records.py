"""What the demo remembers of its run."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from bridge.demo.strategy import Idea
from bridge.protocol.messages import SizeReply, StatusReply


class Outcome(NamedTuple):
    """What became of an answer: nothing to do, an order filled, or an order the broker refused and lots given back."""

    kind: Literal["none", "filled", "released"]
    state: str | None = None
    """The reservation's, as the daemon confirmed it."""
    ticket: int | None = None
    price: float | None = None
    reason: str | None = None


class Asked(NamedTuple):
    """One question of the EA, the daemon's answer, and what the EA did with it."""

    number: int
    at_ms: int
    idea: Idea
    reply: SizeReply
    outcome: Outcome
    round_trip_us: float


class Low(NamedTuple):
    """The least headroom to a rule, and when that was."""

    headroom: float
    at_ms: int


@dataclass(slots=True)
class Record:
    """Everything that happened, in order."""

    asked: list[Asked] = field(default_factory=list)
    lows: dict[str, Low] = field(default_factory=dict)
    status: StatusReply | None = None
    """The last one seen."""
    now_ms: int = 0
    bars: int = 0
    """How many moments were played."""
    complete: bool = False

    def saw(self, status: StatusReply, at_ms: int) -> None:
        """Take a status in."""
        self.status = status
        for rule in status.rules:
            low = self.lows.get(rule.name)
            if low is None or rule.headroom < low.headroom:
                self.lows[rule.name] = Low(rule.headroom, at_ms)
