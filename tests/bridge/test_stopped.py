"""SIGSTOP of a real daemon over the firm's reset: what it answers first belongs to the new day, or is a refusal."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.bridge.builders import body, decoded, quote_info, size_fields, symbol_info
from tests.bridge.paper import PaperAccount
from tests.bridge.processes import Daemon
from tests.bridge.sockets import connected, received
from tests.bridge.test_resets import HOUR, RESET, SECOND, headroom, new_day_or_stale
from tests.builders import LOGIN

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="the system stops no processes")


class Terminal:
    """Feeds one daemon from paper, and knows what its clock shows."""

    def __init__(self, socket: "zmq.Socket[bytes]", speed: float, paper: PaperAccount) -> None:
        self._socket = socket
        self._speed = speed
        self._count = 0
        self.paper = paper
        self._began_ms = self._began = 0.0
        self._began_ms, self._began = self.ask(type="ping")["server_ms"], time.monotonic()

    def now_ms(self) -> int:
        """What the daemon's clock shows, to a few milliseconds of this computer's."""
        return int(self._began_ms + (time.monotonic() - self._began) * 1_000 * self._speed)

    def wait_until(self, moment_ms: int) -> None:
        """Let the daemon's clock reach a moment: there is nothing else to wait for while the daemon is stopped."""
        time.sleep(max(0.0, (moment_ms - self.now_ms()) / 1_000 / self._speed))

    def send(self, **fields: Any) -> None:
        self._count += 1
        self._socket.send(body({"v": 1, "id": f"q-{self._count}", "account": LOGIN, **fields}))

    def answer(self) -> dict[str, Any]:
        return decoded(received(self._socket))

    def ask(self, **fields: Any) -> dict[str, Any]:
        self.send(**fields)
        return self.answer()

    def report(self, now_ms: int | None = None) -> None:
        now_ms = now_ms or self.now_ms()
        self.send(
            type="snapshot", session="ea", sequence=self._count, time_trade_server=now_ms // 1_000,
            symbols=[symbol_info()], quotes=[quote_info(time_msc=now_ms)], orders=[], **self.paper.parts(),
        )  # fmt: skip
        assert self.answer()["status"] == "ok"

    def rule(self, name: str) -> dict[str, Any]:
        (found,) = [rule for rule in self.ask(type="rules")["rules"] if rule["name"] == name]
        return dict(found)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path / "journal.sqlite", RESET - 2 * SECOND)
    yield made
    made.close()


def traded() -> PaperAccount:
    """Nothing is open, and 4,000 were earned today: 9,000 may be lost before the reset, and 5,000 after it."""
    paper = PaperAccount(RESET - 20 * HOUR)
    paper.trade(RESET - 5 * HOUR, 4_000.0)
    return paper


def size() -> dict[str, Any]:
    return size_fields(dry_run=True)


def repaired(terminal: Terminal) -> None:
    """Say what the highest equity was: the account has traded before the daemon saw it."""
    assert terminal.ask(type="anchor", rule="peak", value=104_000.0, reason="the firm says so")["status"] == "ok"


@pytest.mark.parametrize(("speed", "seconds", "floating"), [(1.0, 1, None), (25.0, 60, None), (25.0, 60, 1_000.0)])
def test_a_process_that_was_stopped_over_the_reset(
    daemon: Daemon, speed: float, seconds: int, floating: float | None
) -> None:
    daemon.now_ms = RESET - int(2 * SECOND * speed)
    daemon.start("--speed", str(speed))
    with connected(daemon.address) as socket:
        terminal = Terminal(socket, speed, traded())
        if floating is not None:
            terminal.paper.floats(terminal.paper.open(terminal.now_ms()), floating)
        terminal.report()
        repaired(terminal)
        terminal.wait_until(RESET - int(0.35 * SECOND * speed))
        terminal.report()
        assert headroom(terminal.ask(**size())) == 9_000 + (floating or 0)
        with daemon.stopped():
            assert terminal.now_ms() < RESET, "this computer is too slow for the test"
            terminal.send(**size())
            terminal.send(type="status")
            terminal.wait_until(RESET + seconds * SECOND)
            terminal.send(**size())
        for _ in range(2):
            reply = terminal.answer()
            if reply["type"] == "size":
                new_day_or_stale(reply, 5_000 + (floating or 0))
                assert (reply["lots"] > 0) is (seconds < 10), reply
            else:
                daily = [rule for rule in reply["rules"] if rule["name"] == "daily"]
                assert all(rule["headroom"] <= 5_000 + (floating or 0) for rule in daily)
        new_day_or_stale(terminal.answer(), 5_000 + (floating or 0))
        terminal.report()
        assert (terminal.rule("daily")["anchor"], terminal.rule("best")["anchor"]) == (104_000, 104_000)
        reply = terminal.ask(**size())
        if floating is None:
            assert (terminal.rule("peak")["anchor"], headroom(reply)) == (104_000, 5_000)
        else:  # open, and nobody watched for a minute
            assert (terminal.rule("peak")["anchor"], reply["code"]) == (None, "stale_account")
            assert "`lotbridge anchor set peak`" in reply["message"]


def test_a_process_whose_messages_are_its_clock_was_stopped_over_the_reset(daemon: Daemon) -> None:
    daemon.now_ms = RESET - HOUR
    daemon.start()
    with connected(daemon.address) as socket:
        terminal = Terminal(socket, 1.0, traded())
        terminal.report(RESET - 50 * SECOND)
        repaired(terminal)
        assert headroom(terminal.ask(**size())) == 9_000
        with daemon.stopped():
            terminal.send(
                type="snapshot", session="ea", sequence=99, time_trade_server=(RESET + 10 * SECOND) // 1_000,
                quotes=[quote_info(time_msc=RESET + 10 * SECOND)], **terminal.paper.parts(),
            )  # fmt: skip
            terminal.send(**size())
            terminal.send(type="rules")
        assert terminal.answer()["status"] == "ok"
        new_day_or_stale(terminal.answer(), 5_000)
        assert terminal.answer()["day_from_ms"] == RESET
