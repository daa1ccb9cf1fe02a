"""A trader for tests that kill: draws requests, keeps an account on paper, and knows what no answer may exceed."""

import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.bridge.builders import body, quote_info, size_fields, symbol_info
from tests.bridge.paper import PaperAccount
from tests.builders import LOGIN, NOW_MS, at

SECOND = 1_000
DAY = 86_400_000
HOLD_MS, GRACE_MS = 30_000, 2_000
STOP_PER_LOT = 490.0
"""What a position may lose to its stop: 49 pips."""
RESET = at("2026-03-04 23:00")
"""Midnight in Prague, and every 24 hours after it: until the end of the month."""
CENT = 0.011


class Promise(NamedTuple):
    """What an answer has reserved."""

    lots: float
    worst: float
    expires_ms: int


class Trader:
    """Mostly sizes and what becomes of them; every fifth request is a snapshot a second later, or far later.

    The rules are those of `daemon_process.settings`. Money is in account currency.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a reproducible test
        self._count = 0
        self._open: list[str] = []
        self._plan: deque[Callable[[], bytes]] = deque()
        self._halted = False
        self._pending: str | None = None
        self.now_ms = NOW_MS
        self.paper = PaperAccount(NOW_MS - DAY)
        self.day_anchor, self.best, self.peak = 100_000.0, 100_000.0, 100_000.0
        self.reserved: dict[str, Promise] = {}
        self.released: set[str] = set()
        self.filled: set[str] = set()
        self.resets = self.breaches = 0

    def next(self) -> bytes:
        """The next request's bytes."""
        if self._plan:
            return self._plan.popleft()()
        if self._count % 5 == 0:
            self._plan.append(self.rules)
            return self.snapshot()
        draw = self._random.random()
        if draw < 0.02:
            self._plan.extend(self._over_the_reset())
        elif draw < 0.05 or self._halted:
            return self._resume() if self._halted else self._halt()
        elif draw < 0.06:
            return self._anchor()
        elif self._open and draw < 0.3:
            name = self._open.pop(self._random.randrange(len(self._open)))
            return self._release(name) if draw < 0.14 else self._fill(name)
        return self._size()

    def of(self, kind: str, ask: Callable[[bytes], dict[str, Any]]) -> bytes:
        """A request whose entry is of a kind; `ask` sends what must come before it."""
        if kind in ("fill", "release"):
            name = ask(self._size())["reservation"]
            self._open.remove(name)
            return self._fill(name) if kind == "fill" else self._release(name)
        if kind == "anchor":  # nothing is open any more, and that is written
            ask(self._closed())
            ask(self.snapshot(6 * SECOND))
        if kind == "event":
            ask(self._size())
            return self.snapshot(HOLD_MS + GRACE_MS)
        if kind == "snapshot":
            return self.snapshot(RESET - self.now_ms + 10 * SECOND)
        made = {"size": self._size, "halt": self._halt, "resume": self._resume, "anchor": self._anchor}
        return made[kind]()

    def take(self, reply: dict[str, Any]) -> None:
        """Note what was promised; it must fit above every floor beside all that is open and promised already."""
        assert reply["code"] != "internal", reply
        if reply["type"] == "size" and reply["reservation"] is not None:
            worst = reply["risk"]["worst_case"]
            self.reserved[reply["reservation"]] = Promise(reply["lots"], worst, reply["expires_ms"])
            self._open.append(reply["reservation"])
            left = self.paper.equity - self.floor() - self.at_risk()
            assert left >= -CENT * len(self.reserved), "more was promised than the rules leave"

    def floor(self) -> float:
        """The highest of all floors, by what really happened."""
        return max(self.day_anchor - 5_000, 90_000.0, self.best - 10_000, self.peak - 10_000)

    def at_risk(self) -> float:
        """At least so much: every promise that stands and every position down to its stop."""
        gone = self.released | self.filled
        promised = (each.worst for name, each in self.reserved.items() if name not in gone and self._stands(each))
        return sum(promised) + sum(each["volume"] * STOP_PER_LOT for each in self.paper.positions.values())

    def snapshot(self, later_ms: int = SECOND) -> bytes:
        """The account as it stands on paper, later."""
        passed = (self.now_ms + later_ms - RESET) // DAY - (self.now_ms - RESET) // DAY
        self.now_ms += later_ms
        if passed:
            self.resets += passed
            self.day_anchor = self.paper.balance
            self.best = max(self.best, self.paper.balance)
        self.peak = max(self.peak, self.paper.equity)
        self._open = [name for name in self._open if self._stands(self.reserved[name])]
        return self.body(
            type="snapshot", session="ea", sequence=self._count, time_trade_server=self.now_ms // 1_000,
            symbols=[symbol_info()], orders=[], quotes=[quote_info(time_msc=self.now_ms)], **self.paper.parts(),
        )  # fmt: skip

    def rules(self) -> bytes:
        return self.body(type="rules")

    def body(self, **fields: Any) -> bytes:
        """A request under the next id."""
        self._count += 1
        return body({"v": 1, "id": f"t-{self._count}", "account": LOGIN, **fields})

    def _stands(self, promise: Promise) -> bool:
        return self.now_ms < promise.expires_ms + GRACE_MS

    def _over_the_reset(self) -> Iterator[Callable[[], bytes]]:
        """Close everything, sometimes after a breach for a moment, and come back after the next reset."""
        if self._random.random() < 0.5:
            yield self._breached
        yield self._closed
        yield lambda: self.snapshot(6 * SECOND)  # by now it is written that nothing is open
        yield lambda: self.snapshot((RESET - self.now_ms) % DAY + self._random.randrange(10, 40) * SECOND)
        yield self.rules

    def _breached(self) -> bytes:
        self.breaches += 1
        ticket = self.paper.open(self.now_ms, magic=1_000_000)
        loss = self.paper.equity - self.day_anchor + 5_001.0
        self.paper.floats(ticket, -loss)
        raw = self.snapshot()
        self.paper.floats(ticket, 0.0)
        return raw

    def _closed(self) -> bytes:
        for ticket in list(self.paper.positions):
            self.paper.close(ticket, self.now_ms)
        return self.snapshot()

    def _size(self) -> bytes:
        most = self._random.choice([0.01, 0.02, 0.05, None])
        return self.body(**size_fields(max_lots=most, magic=self._count))

    def _fill(self, name: str) -> bytes:
        self.filled.add(name)
        lots = self.reserved[name].lots * self._random.choice([1.0, 1.0, 0.5])
        if len(self.paper.positions) >= 10:
            ticket = next(iter(self.paper.positions))
            self.paper.close(ticket, self.now_ms, float(self._random.randrange(-40, 60)))
        ticket = self.paper.open(self.now_ms, lots, sl=1.0951, magic=self._count)
        self.paper.floats(ticket, float(self._random.randrange(-50, 80)))
        return self.body(type="fill", reservation=name, ticket=ticket, lots=lots, price=1.1)

    def _release(self, name: str) -> bytes:
        self.released.add(name)
        return self.body(type="release", reservation=name, reason="changed my mind")

    def _halt(self) -> bytes:
        self._halted = True
        return self.body(type="halt", reason=f"for the {self._count}th time")

    def _resume(self) -> bytes:
        self._halted = False
        return self.body(type="resume", reason="again", factor=0.9, days=1)

    def _anchor(self) -> bytes:
        """The firm says of the best balance what is true already."""
        return self.body(type="anchor", rule="best", value=self.best, reason="as the firm says")
