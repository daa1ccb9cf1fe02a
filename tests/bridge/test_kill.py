"""SIGKILL at any moment: nothing acknowledged is lost, and no id is answered twice differently.

A twin that never dies is told the same: anchors, halts and what follows them must come out the same.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.clock import SteppedClock
from bridge.desk import Desk
from bridge.journal.reader import JournalReader
from bridge.journal.records import Changes, Entry
from bridge.journal.store import Journal
from bridge.service import Incoming, Service
from bridge.terminal.feed import FeedTerminal
from sizing.ledger import Reservation
from tests.bridge.builders import Rig, recomputed, size_fields
from tests.bridge.daemon_process import APPENDS, POINTS, settings
from tests.bridge.processes import WAIT_S, Daemon, PatientClient, trading
from tests.bridge.trader import Trader
from tests.builders import NOW_MS

REQUESTS = 1_000
KILLS = 12


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


class Twin:
    """A daemon that never dies and hears whatever the other one has done, but for its sizes."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder, settings())
        self.compared = 0

    def hear(self, raw: bytes, reply: dict[str, Any]) -> None:
        """Follow one request; where it was what the rules say, both must say the same."""
        if reply["type"] in ("snapshot", "halt", "resume", "anchor") and reply["status"] == "ok":
            self.rig.send(raw)
        if reply["type"] == "rules" and reply["equity"] is not None:
            own = self.rig.ask(type="rules")
            for key in ("rules", "halts", "recovery", "progress", "day_from_ms", "equity"):
                assert reply[key] == own[key], key
            self.compared += 1

    def same_after_restart(self, path: Path) -> None:
        """What the other's journal leads to is what is remembered here."""
        journal = Journal(path)
        desk = Desk(settings(), FeedTerminal(settings().login))
        Service([desk], journal, SteppedClock(self.rig.clock.now_ms()))
        mine, other = self.rig.desks[0].rules.kept, desk.rules.kept
        journal.close()
        assert (other.states, other.halts, other.recovery) == (mine.states, mine.halts, mine.recovery)


@contextmanager
def scene(folder: Path) -> Iterator[tuple[Daemon, PatientClient, Twin]]:
    """A daemon that is not running yet, its client, and its twin."""
    twin = Twin(folder / "twin")
    try:
        with trading(folder, NOW_MS) as (daemon, client):
            yield daemon, client, twin
    finally:
        twin.rig.close()


def step(daemon: Daemon, client: PatientClient, trader: Trader, twin: Twin) -> None:
    """One request of the trader's, and what follows from it."""
    raw = trader.next()
    daemon.now_ms = trader.now_ms
    reply = client.ask(daemon, raw)
    trader.take(reply)
    twin.hear(raw, reply)


def history(path: Path) -> tuple[dict[str, Entry], dict[str, Reservation], set[str]]:
    """Size entries by their reservation, every reservation's last state, and those that an event ended."""
    reader = JournalReader(path)
    kinds = ("size", "fill", "release", "snapshot", "event", "halt", "resume", "anchor", "rules", "status")
    entries = [entry for kind in kinds for entry in reader.latest(kind, 1_000_000)]
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
    desk = Desk(settings(), FeedTerminal(settings().login))
    service = Service([desk], journal, SteppedClock(trader.now_ms))
    held = {}
    for name in trader.reserved:
        last, restored = states[name], desk.reservation(name)
        assert restored == last
        assert last.lots == trader.reserved[name].lots
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
    with scene(tmp_path) as (daemon, client, twin):
        daemon.start()
        trader = Trader(seed)
        killer = Killer(daemon, sorted(moments.sample(range(20, REQUESTS - 20), KILLS)))
        killer.start()
        try:
            for _ in range(REQUESTS):
                step(daemon, client, trader, twin)
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
        assert trader.resets > 5 < twin.compared
        assert trader.breaches > 1
        twin.same_after_restart(daemon.journal)
    check(daemon.journal, client, trader)


@pytest.mark.parametrize("point", POINTS)
def test_killed_where_it_hurts(tmp_path: Path, point: str) -> None:
    """The same point again and again: each life of the daemon ends there."""
    with scene(tmp_path) as (daemon, client, twin):
        trader = Trader(7)
        lives, arming = 3, ["--point", point, "--count", "9" if point in APPENDS else "1"]
        daemon.start(*arming)
        while daemon.kills < lives:
            _live(daemon, client, trader, twin, arming, lives)
        for _ in range(30):
            step(daemon, client, trader, twin)
        assert daemon.stop() == 0
        twin.same_after_restart(daemon.journal)
    check(daemon.journal, client, trader)


def _live(daemon: Daemon, client: PatientClient, trader: Trader, twin: Twin, arming: list[str], lives: int) -> None:
    """Ask until the daemon has died and was started again, or else leave it alone until it dies over its folding."""
    life = daemon.kills
    for _ in range(20):
        answered = threading.Event()
        undertaker = threading.Thread(target=_bury, args=(daemon, answered, arming, lives))
        undertaker.start()
        try:
            step(daemon, client, trader, twin)
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


KINDS = ("event", "size", "fill", "release", "halt", "resume", "anchor", "snapshot")


@pytest.mark.parametrize("point", APPENDS)
def test_killed_while_each_kind_of_step_is_written(tmp_path: Path, point: str) -> None:
    """The daemon dies over the entry of each kind in turn; an event is a lapse, the snapshot comes after a reset."""
    arming = {kind: ("--point", point, "--kind", kind) for kind in KINDS}
    with scene(tmp_path) as (daemon, client, twin):
        trader = Trader(3)
        daemon.start(*arming[KINDS[0]])
        for kind, following in zip(KINDS, (*KINDS[1:], None), strict=True):
            if kind != "snapshot":
                _ask(daemon, client, trader, twin, trader.snapshot())
            before = None if kind in ("size", "snapshot") else _room(daemon, client, trader, kind)
            raw = trader.of(kind, lambda raw: _ask(daemon, client, trader, twin, raw))
            daemon.now_ms = trader.now_ms
            with daemon.dies_once(*(arming[following] if following else ())):
                reply = client.ask(daemon, raw)
            trader.take(reply)
            twin.hear(raw, reply)
            if kind in ("halt", "release", "fill"):
                assert reply["status"] == "ok"
            assert client.ask(daemon, raw) == reply
            if following in (None, "snapshot"):
                continue
            _ask(daemon, client, trader, twin, trader.snapshot(0))
            _ask(daemon, client, trader, twin, trader.rules())
            if before is not None and kind not in ("release", "resume", "event"):
                assert _room(daemon, client, trader, following) <= before
        _ask(daemon, client, trader, twin, trader.snapshot())
        _ask(daemon, client, trader, twin, trader.rules())
        assert twin.compared >= len(KINDS) - 2
        assert daemon.kills == len(KINDS)
        assert daemon.stop() == 0
        twin.same_after_restart(daemon.journal)
    check(daemon.journal, client, trader)


def _ask(daemon: Daemon, client: PatientClient, trader: Trader, twin: Twin, raw: bytes) -> dict[str, Any]:
    daemon.now_ms = trader.now_ms
    reply = client.ask(daemon, raw)
    trader.take(reply)
    twin.hear(raw, reply)
    return reply


def _room(daemon: Daemon, client: PatientClient, trader: Trader, armed: str | None) -> float:
    """The lots that would be granted now; it must not be a size that the daemon dies over."""
    assert armed != "size"
    return float(client.ask(daemon, trader.body(**size_fields(dry_run=True)))["lots"])


def test_a_daemon_that_ends_in_order_leaves_an_empty_tail(tmp_path: Path) -> None:
    with scene(tmp_path) as (daemon, client, twin):
        daemon.start()
        trader = Trader(3)
        for _ in range(50):
            step(daemon, client, trader, twin)
        assert daemon.stop() == 0
        assert daemon.journal.with_name("journal.sqlite-tail").stat().st_size == 0
        twin.same_after_restart(daemon.journal)
    check(daemon.journal, client, trader)
