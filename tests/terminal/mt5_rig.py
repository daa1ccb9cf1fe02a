"""A live terminal over the fake one: a real child process, the fake package in it, and time that tests move."""

import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.market.broker import SimulatedBroker
from bridge.terminal.base import Terminal
from bridge.terminal.mt5.process import ChildProcess
from bridge.terminal.mt5.terminal import Mt5Terminal
from bridge.terminal.mt5.wire import Config
from tests.builders import LOGIN, make_broker
from tests.terminal.fake_mt5.terminal import SERVER, FakeTerminal

PACKAGES = Path(__file__).parent / "fake_mt5"
"""Where the child finds a MetaTrader5 package: on its PYTHONPATH."""
WAIT_S = 60.0


class Tap:
    """A child whose frames can be awaited without being taken from the terminal."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.monotonic) -> None:
        self.inner = ChildProcess(config, clock)
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.frames = self

    @property
    def ended(self) -> str | None:
        return self.inner.ended

    @property
    def heard_s(self) -> float:
        return self.inner.heard_s

    def empty(self) -> bool:
        return not self.waiting and self.inner.frames.empty()

    def take(self) -> tuple[float, bytes] | None:
        return self.waiting.popleft() if self.waiting else self.inner.take()

    def await_frame(self) -> None:
        """Return when there is a frame that was not taken yet, or the process has ended."""
        if not self.waiting and (found := self.inner.take(0.5)) is not None:
            self.waiting.append(found)

    def kill(self) -> None:
        self.inner.kill()

    def close(self) -> None:
        self.inner.close()


def make_config(fake: FakeTerminal, **over: Any) -> Config:
    """A quick child for the fake terminal, with one symbol out of Market Watch unless told otherwise."""
    values = {
        "login": fake.broker.login, "path": str(fake.path), "server": SERVER, "timeframes": ("M1", "H1"),
        "round_ms": 20, "proof_s": 0.0, "proof_ticks": 2,
    }  # fmt: skip
    return Config(**{**values, **over})


class Mt5Rig:
    """A broker, a fake terminal that shows it, and the live terminal under test."""

    def __init__(self, offset_hours: int = 0, broker: SimulatedBroker | None = None, **config: Any) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="fake mt5 ")
        self.broker = make_broker() if broker is None else broker
        self.offset_ms = offset_hours * 3_600_000
        self.fake = FakeTerminal(Path(self.folder.name), self.broker, offset_ms=self.offset_ms)
        self.taps: list[Tap] = []
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.seconds = 0.0
        """The clock of deadlines and waits: stands still unless a test moves it."""
        self.live = Mt5Terminal(
            make_config(self.fake, **config), log=self._note, monotonic=lambda: self.seconds, start=self._start
        )
        self.terminal: Terminal = self.live
        self._warm = False

    def tick(self, now_ms: int) -> None:
        """Let the terminal see the market as of `now_ms`; the first time also that ticks advance as fast as time."""
        if not self._warm:
            self._warm = True
            self._see(now_ms - 1_000)
        self._see(now_ms)

    def until(self, done: Callable[[], object], now_ms: int) -> None:
        """Poll whenever something has come, until it is done."""
        deadline = time.monotonic() + WAIT_S
        self.live.poll(now_ms)
        while not done():
            assert time.monotonic() < deadline, (self.live.problem, self.live.rounds, self.fake.calls)
            if self.live._child is not None:
                self.taps[-1].await_frame()
            self.live.poll(now_ms)

    def told(self, name: str) -> list[dict[str, Any]]:
        """What the log says under a name."""
        return [fields for _, event, fields in self.events if event == name]

    def close(self) -> None:
        self.live.close()
        self.fake.close()
        self.folder.cleanup()

    def _see(self, now_ms: int) -> None:
        if now_ms > self.broker.now_ms:
            self.broker.advance(now_ms)
        self.fake.show()
        # The round that runs may have begun before; the next one sees all of it. One look was made when attaching.
        whole = max(1, self.fake.rounds())
        self.until(lambda: self.live.rounds >= whole, now_ms)

    def _start(self, config: Config) -> Any:
        self.taps.append(Tap(config, lambda: self.seconds))
        return self.taps[-1]

    def _note(self, level: str, name: str, fields: dict[str, Any]) -> None:
        self.events.append((level, name, fields))


__all__ = ["LOGIN", "PACKAGES", "Mt5Rig", "Tap", "make_config"]
