"""SIGKILL at any moment: nothing acknowledged is lost, and no id is answered twice differently."""

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from bridge.clock import SteppedClock
from bridge.desk import Desk
from bridge.journal.reader import JournalReader
from bridge.journal.records import Changes, Entry
from bridge.journal.store import Journal
from bridge.service import Incoming, Service
from bridge.terminal.feed import FeedTerminal
from sizing.ledger import Reservation
from tests.bridge.builders import account_info, body, decoded, quote_info, recomputed, size_fields, symbol_info
from tests.bridge.daemon_process import POINTS, settings
from tests.builders import LOGIN, NOW_MS

ROOT = Path(__file__).parents[2]
ATTEMPT_MS = 250
ATTEMPTS = 240
REQUESTS = 1_000
KILLS = 12
WAIT_S = 60.0


class Daemon:
    """A daemon that is killed and started again on the same journal and port."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self.address = "tcp://127.0.0.1:*"
        self.kills = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self, *point: str) -> None:
        arguments = [sys.executable, "-m", "tests.bridge.daemon_process", str(self.journal), self.address, *point]
        self._process = process = subprocess.Popen(
            arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        word, _, address = process.stdout.readline().strip().partition(" ")
        assert word == "ready", f"the daemon ended with {process.wait(WAIT_S)}"
        self.address = address

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self.buried()

    def buried(self) -> int:
        """Wait until the process has ended; its exit code."""
        assert self._process is not None
        self._process.communicate(timeout=WAIT_S)
        self.kills += 1
        return self._process.returncode

    def stop(self) -> int:
        """End in order."""
        assert self._process is not None
        self._process.communicate("", timeout=WAIT_S)
        return self._process.returncode

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


class PatientClient:
    """Sends the same bytes until there is an answer, as PROTOCOL tells an EA to, only longer."""

    def __init__(self) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: zmq.Socket[bytes] | None = None
        self.replies: dict[bytes, bytes] = {}
        self.repeated = 0

    def ask(self, daemon: Daemon, raw: bytes) -> dict[str, Any]:
        for _ in range(ATTEMPTS):
            socket = self._socket = self._socket or self._connect(daemon.address)
            socket.send(raw)
            if socket.poll(ATTEMPT_MS):
                reply = socket.recv()
                assert self.replies.setdefault(raw, reply) == reply, "answered twice differently"
                return decoded(reply)
            self.repeated += 1
            self.hang_up()
        raise AssertionError("no answer")

    def _connect(self, address: str) -> "zmq.Socket[bytes]":
        socket = self._context.socket(zmq.REQ)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RECONNECT_IVL, 10)
        socket.connect(address)
        return socket

    def hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close(linger=0)
            self._socket = None

    def close(self) -> None:
        self._context.destroy(linger=0)


class Trader:
    """Draws the next request: mostly sizes, and what becomes of them; every fifth is a snapshot, a second later."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a reproducible test
        self._count = 0
        self._open: list[tuple[str, float]] = []
        self.reserved: dict[str, float] = {}
        self.released: set[str] = set()
        self.filled: set[str] = set()

    def next(self) -> bytes:
        self._count += 1
        if self._count % 5 == 1:
            return self._snapshot()
        draw = self._random.random()
        if self._open and draw < 0.3:
            name, lots = self._open.pop(self._random.randrange(len(self._open)))
            if draw < 0.12:
                self.released.add(name)
                return self._body(type="release", reservation=name, reason="changed my mind")
            self.filled.add(name)
            return self._body(type="fill", reservation=name, ticket=self._count, lots=lots, price=1.1)
        return self._body(**size_fields(max_lots=self._random.choice([0.01, 0.02, 0.05]), magic=self._count))

    def take(self, reply: dict[str, Any]) -> None:
        assert reply["code"] != "internal", reply
        if reply["type"] == "size" and reply["reservation"] is not None:
            self.reserved[reply["reservation"]] = reply["lots"]
            self._open.append((reply["reservation"], self._random.choice([1.0, 0.5]) * reply["lots"]))

    def _snapshot(self) -> bytes:
        now_ms = NOW_MS + 1_000 * (self._count // 5)
        return self._body(
            type="snapshot", session="ea", sequence=self._count, time_trade_server=now_ms // 1000,
            account_info=account_info(), symbols=[symbol_info()], positions=[], orders=[], deals=[],
            quotes=[quote_info(time_msc=now_ms)],
        )  # fmt: skip

    def _body(self, **fields: Any) -> bytes:
        return body({"v": 1, "id": f"t-{self._count}", "account": LOGIN, **fields})


@contextmanager
def trading(folder: Path) -> Iterator[tuple[Daemon, PatientClient]]:
    daemon, client = Daemon(folder / "journal.sqlite"), PatientClient()
    try:
        yield daemon, client
    finally:
        client.close()
        daemon.close()


class Killer(threading.Thread):
    """Kills and restarts the daemon whenever so many requests have been answered; the client runs on meanwhile."""

    def __init__(self, daemon: Daemon, after: list[int]) -> None:
        super().__init__()
        self._daemon_to_kill = daemon
        self._after = after
        self._answered = 0
        self._done = False
        self._changed = threading.Condition()
        self.fault: BaseException | None = None

    def answered(self) -> None:
        with self._changed:
            self._answered += 1
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._done = True
            self._changed.notify()
        self.join(WAIT_S)
        assert not self.is_alive()
        if self.fault is not None:
            raise self.fault

    def run(self) -> None:
        try:
            for count in self._after:
                with self._changed:
                    self._changed.wait_for(lambda count=count: self._answered >= count or self._done)
                    if self._done:
                        return
                self._daemon_to_kill.kill()
                self._daemon_to_kill.start()
        except BaseException as fault:  # raised by end()
            self.fault = fault


def history(path: Path) -> tuple[dict[str, Entry], dict[str, Reservation], set[str]]:
    """Size entries by their reservation, every reservation's last state, and those that an event ended."""
    reader = JournalReader(path)
    entries = [
        entry for kind in ("size", "fill", "release", "snapshot", "event") for entry in reader.latest(kind, 1_000_000)
    ]
    reader.close()
    made: dict[str, Entry] = {}
    states: dict[str, Reservation] = {}
    ended: set[str] = set()
    for entry in sorted(entries, key=lambda each: each.seq):
        if entry.changes is None:
            continue
        for reservation in msgspec.msgpack.decode(entry.changes, type=Changes).reservations:
            if reservation.id not in states:
                assert entry.type == "size"
                made[reservation.id] = entry
            if entry.type == "event":
                ended.add(reservation.id)
            states[reservation.id] = reservation
    return made, states, ended


def check(path: Path, client: PatientClient, trader: Trader) -> None:
    """What must hold whenever and however often the daemon died."""
    made, states, ended = history(path)
    assert made.keys() >= trader.reserved.keys(), "an acknowledged reservation is missing from the journal"
    assert made.keys() == trader.reserved.keys(), "a reservation that nobody knows of was never taken back"
    journal = Journal(path)
    desk = Desk(settings(), FeedTerminal(LOGIN))
    service = Service([desk], journal, SteppedClock(NOW_MS))
    held = {}
    for name in trader.reserved:
        last, restored = states[name], desk.reservation(name)
        assert restored == last
        assert last.lots == trader.reserved[name]
        if last.held_lots > 0:
            held[name] = last
        else:
            assert name in trader.released | trader.filled | ended
        if name in trader.released:
            assert last.state == "released" or name in ended
        if name in trader.filled:
            assert last.tickets
    assert desk.ledger.reservations == held
    for raw, reply in client.replies.items():
        assert service.handle(Incoming(raw)) == reply
    journal.close()
    assert recomputed(path) >= len(trader.reserved)


@pytest.mark.parametrize("seed", [1])
def test_killed_at_random_moments_during_1000_requests(tmp_path: Path, seed: int) -> None:
    moments = random.Random(seed)  # noqa: S311 - a reproducible test
    with trading(tmp_path) as (daemon, client):
        daemon.start()
        trader = Trader(seed)
        killer = Killer(daemon, sorted(moments.sample(range(20, REQUESTS - 20), KILLS)))
        killer.start()
        try:
            for _ in range(REQUESTS):
                trader.take(client.ask(daemon, trader.next()))
                killer.answered()
        finally:
            killer.end()
        assert daemon.kills == KILLS
        for raw in moments.sample(list(client.replies), 100):
            client.ask(daemon, raw)
        daemon.kill()
        assert len(client.replies) == REQUESTS
        assert len(trader.reserved) > 100
        assert len(trader.released) > 10 < len(trader.filled)
    check(daemon.journal, client, trader)


@pytest.mark.parametrize("point", POINTS)
def test_killed_where_it_hurts(tmp_path: Path, point: str) -> None:
    """The same point again and again: each life of the daemon ends there."""
    with trading(tmp_path) as (daemon, client):
        trader = Trader(7)
        lives, arming = 3, [point, "9" if "append" in point else "1"]
        daemon.start(*arming)
        while daemon.kills < lives:
            _live(daemon, client, trader, arming, lives)
        for _ in range(30):
            trader.take(client.ask(daemon, trader.next()))
        assert daemon.stop() == 0
    check(daemon.journal, client, trader)


def _live(daemon: Daemon, client: PatientClient, trader: Trader, arming: list[str], lives: int) -> None:
    """Ask until the daemon has died and was started again, or else leave it alone until it dies over its folding."""
    life = daemon.kills
    for _ in range(20):
        answered = threading.Event()
        undertaker = threading.Thread(target=_bury, args=(daemon, answered, arming, lives))
        undertaker.start()
        try:
            trader.take(client.ask(daemon, trader.next()))
        finally:
            answered.set()
            undertaker.join(WAIT_S)
        if daemon.kills > life:
            return
    assert daemon.buried() != 0
    daemon.start(*(arming if daemon.kills < lives else []))


def _bury(daemon: Daemon, answered: threading.Event, arming: list[str], lives: int) -> None:
    """Start a daemon that has died again; return once the request at hand is answered."""
    while not answered.wait(0.01):
        if not daemon.alive:
            assert daemon.buried() != 0
            daemon.start(*(arming if daemon.kills < lives else []))


def test_a_daemon_that_ends_in_order_leaves_an_empty_tail(tmp_path: Path) -> None:
    with trading(tmp_path) as (daemon, client):
        daemon.start()
        trader = Trader(3)
        for _ in range(50):
            trader.take(client.ask(daemon, trader.next()))
        assert daemon.stop() == 0
        assert daemon.journal.with_name("journal.sqlite-tail").stat().st_size == 0
    check(daemon.journal, client, trader)
