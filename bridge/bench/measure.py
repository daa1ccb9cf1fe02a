"""The measurements: round trips one by one and paced, many clients at once, and the engine alone."""

import gc
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import zmq

from bridge.app import open_market
from bridge.bench.stage import LOGIN, bench_settings, daemon_process, echo_process, pin
from bridge.desk import Desk
from bridge.market.broker import SimulatedBroker
from bridge.protocol import messages as wire
from bridge.protocol.codec import encode
from bridge.replies import signal_of
from bridge.terminal.recorded import RecordedTerminal
from sizing.engine import size
from sizing.snapshot import Snapshot

_WARM_UP = 300
_START_MS = 3 * 3_600_000
SYMBOL = "EURUSD.sim"


class Spread(NamedTuple):
    """Microseconds."""

    median: float
    p99: float
    p999: float


class RoundTrips(NamedTuple):
    """Echo and daemon, measured in turn."""

    echo: Spread
    daemon: Spread


class Load(NamedTuple):
    """Round trips per second with so many clients at once."""

    clients: int
    echo: float
    daemon: float


def spread(nanoseconds: list[int]) -> Spread:
    """Median and high percentiles of measurements."""
    values = np.asarray(nanoseconds, dtype=np.float64) / 1000
    return Spread(*(float(np.percentile(values, q)) for q in (50, 99, 99.9)))


def round_trips(
    folder: Path, count: int, *, pace_ms: float = 0.0, sync: Literal["normal", "full"] = "normal", one_core: bool = True
) -> RoundTrips:
    """Echo and decision in turn, `count` times each, one client, both ends on one core where the system can pin.

    Each decision is a full one: journalled, its risk reserved. The reservation is given back outside the timing.
    """
    with _stage(folder, sync, one_core) as (echo, daemon), _collector_off():
        echoes, decisions = [], []
        for body in itertools.islice(_bodies(), count + _WARM_UP):
            if pace_ms:
                time.sleep(pace_ms / 1000)
            echoes.append(_exchange(echo, body)[0])
            taken, reply = _exchange(daemon, body)
            decisions.append(taken)
            _release(daemon, reply)
        return RoundTrips(spread(echoes[_WARM_UP:]), spread(decisions[_WARM_UP:]))


def load(folder: Path, rounds: int, clients: int = 64) -> Load:
    """Round trips per second when so many clients ask at the same moment, echo and daemon in turn."""
    with echo_process() as (echo_address, _), daemon_process(folder, "normal") as (address, _), _collector_off():
        echoes = [_dealer(echo_address) for _ in range(clients)]
        daemons = [_dealer(address) for _ in range(clients)]
        bodies = _bodies()
        echo_ns = daemon_ns = 0
        for index in range(rounds + 5):
            wave = list(itertools.islice(bodies, clients))
            taken_echo, _ = _wave(echoes, wave)
            taken_daemon, replies = _wave(daemons, wave)
            for socket, reply in zip(daemons, replies, strict=True):
                _release(socket, reply)
            if index >= 5:
                echo_ns += taken_echo
                daemon_ns += taken_daemon
        for socket in (*echoes, *daemons):
            socket.close(linger=0)
        total = clients * rounds * 1e9
        return Load(clients, total / echo_ns, total / daemon_ns)


def engine(folder: Path, count: int) -> Spread:
    """The engine's call alone, on a snapshot that is at hand."""
    settings = bench_settings(folder, "normal").accounts[0]
    market = open_market(None)
    now_ms = market.start_ms + _START_MS
    desk = Desk(settings, RecordedTerminal(SimulatedBroker(market, login=LOGIN, balance=10_000_000.0)))
    desk.terminal.poll(now_ms)
    desk.evidence.refresh()
    desk.note_account(now_ms)
    signal = signal_of(_request("engine"))
    snapshot = desk.snapshot(signal, now_ms)
    assert isinstance(snapshot, Snapshot), snapshot  # noqa: S101 - the sample market answers
    taken = []
    with _collector_off():
        for _ in range(count):
            begun = time.perf_counter_ns()
            decision = size(signal, snapshot, settings.policy)
            taken.append(time.perf_counter_ns() - begun)
    assert decision.lots > 0, decision  # noqa: S101 - a refusal would be measured too fast
    return spread(taken)


class _stage:  # noqa: N801 - reads as a context manager
    """Both processes and a socket to each, pinned with this process to one core if asked."""

    def __init__(self, folder: Path, sync: Literal["normal", "full"], one_core: bool) -> None:
        self._echo = echo_process()
        self._daemon = daemon_process(folder, sync)
        self._one_core = one_core

    def __enter__(self) -> "tuple[zmq.Socket[bytes], zmq.Socket[bytes]]":
        echo_address, echo_id = self._echo.__enter__()
        address, daemon_id = self._daemon.__enter__()
        if self._one_core:
            for process in (0, echo_id, daemon_id):
                pin(process, {0})
        self._sockets = _dealer(echo_address), _dealer(address)
        return self._sockets

    def __exit__(self, *fault: object) -> None:
        for socket in self._sockets:
            socket.close(linger=0)
        self._daemon.__exit__(None, None, None)
        self._echo.__exit__(None, None, None)


class _collector_off:  # noqa: N801 - reads as a context manager
    """No garbage collection of the measuring process inside a measurement."""

    def __enter__(self) -> None:
        gc.collect()
        gc.disable()

    def __exit__(self, *fault: object) -> None:
        gc.enable()


def _request(name: str) -> wire.SizeRequest:
    return wire.SizeRequest(
        v=1, id=name, account=LOGIN, symbol=SYMBOL, side="buy", stop_loss=None, confidence=75.0, max_lots=0.01, magic=7
    )


def _bodies() -> Iterator[bytes]:
    """Requests that differ in their id only."""
    for number in itertools.count():
        yield encode(_request(f"bench-{number:08d}"))


def _dealer(address: str) -> "zmq.Socket[bytes]":
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.RCVTIMEO, 10_000)
    socket.connect(address)
    return socket


def _exchange(socket: "zmq.Socket[bytes]", body: bytes) -> tuple[int, bytes]:
    begun = time.perf_counter_ns()
    socket.send(body)
    reply = socket.recv()
    return time.perf_counter_ns() - begun, reply


def _wave(sockets: "list[zmq.Socket[bytes]]", bodies: list[bytes]) -> tuple[int, list[bytes]]:
    begun = time.perf_counter_ns()
    for socket, body in zip(sockets, bodies, strict=True):
        socket.send(body)
    replies = [socket.recv() for socket in sockets]
    return time.perf_counter_ns() - begun, replies


def _release(socket: "zmq.Socket[bytes]", reply: bytes) -> None:
    answer = msgspec.json.decode(reply, type=wire.SizeReply)
    assert answer.reservation is not None, answer  # noqa: S101 - anything less would be measured too fast
    body = encode(
        wire.ReleaseRequest(v=1, id=f"back-{answer.id}", account=LOGIN, reservation=answer.reservation, reason="bench")
    )
    _exchange(socket, body)
