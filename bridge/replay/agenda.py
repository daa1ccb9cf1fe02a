"""What is to come, in the order of time; at one moment resets come first, then orders, the strategy, and rules."""

import heapq
from itertools import count
from typing import Any, Literal, NamedTuple

Kind = Literal["reset", "order", "strategy", "manage"]
_RANK: dict[Kind, int] = {"reset": 0, "order": 1, "strategy": 2, "manage": 3}


class Item(NamedTuple):
    """Something to do at a moment, UTC ms. `what` belongs to the kind."""

    time_ms: int
    kind: Kind
    what: Any = None


class Agenda:
    """Items of one moment and kind keep the order in which they were added."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, Item]] = []
        self._numbers = count()

    def add(self, item: Item) -> None:
        """Put an item in its place."""
        heapq.heappush(self._heap, (item.time_ms, _RANK[item.kind], next(self._numbers), item))

    def pop(self, before_ms: int) -> Item | None:
        """The next item of a time before `before_ms`, taken off."""
        if not self._heap or self._heap[0][0] >= before_ms:
            return None
        return heapq.heappop(self._heap)[3]

    def to_keep(self) -> list[Item]:
        """What a later span does not find by itself, in order: the orders to come, and when rules are asked."""
        return [entry[3] for entry in sorted(self._heap) if entry[3].kind in ("order", "manage")]
