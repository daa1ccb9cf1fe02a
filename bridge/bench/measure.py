"""The measurements: round trips one by one and paced, many clients at once, and the engine alone.

Each round trip to the daemon is measured beside one to a bare pyzmq peer that moves the same bytes both ways, in turn.
"""

import gc
import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import zmq

from bridge.app import open_market
from bridge.bench.stage import LOGIN, REPLY_FILE, bench_settings, daemon_process, echo_process, pin
from bridge.desk import Desk
from bridge.market.broker import SimulatedBroker
from bridge.protocol import messages as wire
from bridge.protocol.codec import encode
from bridge.replies import signal_of
from bridge.terminal.recorded import RecordedTerminal
from sizing.engine import size
from sizing.snapshot import Snapshot

_WARM_UP = 300
_WARM_UP_WAVES = 5
_START_MS = 3 * 3_600_000
SYMBOL = "EURUSD.sim"

Sync = Literal["normal", "full"]
Socket = zmq.Socket  # the element type is always bytes


class Spread(NamedTuple):
    """Microseconds."""

    median: float
    p99: float
    p999: float


class RoundTrips(NamedTuple):
    """Bare peer and daemon, measured in turn."""

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
    folder: Path, count: int, *, pace_ms: float = 0.0, sync: Sync = "normal", one_core: bool = True
) -> RoundTrips:
    """Bare exchange and decision in turn, `count` times each, one client, all on one core where the system can pin.

    Each decision is a full one: journalled, its risk reserved. The reservation is given back outside the timing.
    """
    with _stage(folder, sync, one_core) as (echo_address, address), _collector_off():
        echo, daemon = _dealer(echo_address), _dealer(address)
        echoes, decisions = [], []
        for body in itertools.islice(_bodies(), count + _WARM_UP):
            if pace_ms:
                time.sleep(pace_ms / 1000)
            echoes.append(_exchange(echo, body)[0])
            if pace_ms:
                time.sleep(pace_ms / 1000)
            taken, reply = _exchange(daemon, body)
            decisions.append(taken)
            _release(daemon, reply)
        _close([echo, daemon])
        return RoundTrips(spread(echoes[_WARM_UP:]), spread(decisions[_WARM_UP:]))


def load(folder: Path, waves: int, clients: int = 64) -> Load:
    """Round trips per second when so many clients ask at the same moment, bare peer and daemon in turn."""
    with _stage(folder, "normal", one_core=False) as (echo_address, address), _collector_off():
        echoes = [_dealer(echo_address) for _ in range(clients)]
        daemons = [_dealer(address) for _ in range(clients)]
        bodies = _bodies()
        echo_ns = daemon_ns = 0
        for index in range(waves + _WARM_UP_WAVES):
            wave = list(itertools.islice(bodies, clients))
            taken_echo, _ = _wave(echoes, wave)
            taken_daemon, replies = _wave(daemons, wave)
            for socket, reply in zip(daemons, replies, strict=True):
                _release(socket, reply)
            if index >= _WARM_UP_WAVES:
                echo_ns += taken_echo
                daemon_ns += taken_daemon
        _close([*echoes, *daemons])
        total = clients * waves * 1e9
        return Load(clients, total / echo_ns, total / daemon_ns)


def engine(folder: Path, count: int) -> Spread:
    """The engine's call alone, on a snapshot that is at hand, as the daemon makes it."""
    settings = bench_settings(folder, "normal").accounts[0]
    market = open_market(None)
    now_ms = market.start_ms + _START_MS
    desk = Desk(settings, RecordedTerminal(SimulatedBroker(market, login=LOGIN, balance=10_000_000.0)))
    desk.terminal.poll(now_ms)
    desk.evidence.refresh(60.0)
    desk.note_account(now_ms)
    signal = signal_of(_request("engine"))
    snapshot = desk.snapshot(signal, now_ms)
    assert isinstance(snapshot, Snapshot), snapshot  # noqa: S101 - the sample market answers
    standing = desk.standing(snapshot, signal.side)
    taken = []
    with _collector_off():
        for _ in range(count):
            begun = time.perf_counter_ns()
            decision = size(signal, snapshot, settings.policy, standing)
            taken.append(time.perf_counter_ns() - begun)
    assert decision.lots > 0, decision  # noqa: S101 - a refusal would be measured too fast
    return spread(taken)


@contextmanager
def _stage(folder: Path, sync: Sync, one_core: bool) -> Iterator[tuple[str, str]]:
    """The addresses of bare peer and daemon, both started and, with this process, pinned to one core if asked."""
    with ExitStack() as stack:
        address, daemon_id = stack.enter_context(daemon_process(folder, sync))
        (folder / REPLY_FILE).write_bytes(_sample_reply(address))
        echo_address, echo_id = stack.enter_context(echo_process(folder))
        if one_core:
            for process in (0, echo_id, daemon_id):
                stack.callback(pin, process, pin(process, {0}))
        yield echo_address, address


def _sample_reply(address: str) -> bytes:
    daemon = _dealer(address)
    _, reply = _exchange(daemon, encode(_request("sample")))
    _release(daemon, reply)
    _close([daemon])
    return reply


@contextmanager
def _collector_off() -> Iterator[None]:
    """No garbage collection of the measuring process inside a measurement."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _request(name: str) -> wire.SizeRequest:
    return wire.SizeRequest(
        v=1, id=name, account=LOGIN, symbol=SYMBOL, side="buy", stop_loss=None, confidence=75.0, max_lots=0.01, magic=7
    )


def _bodies() -> Iterator[bytes]:
    """Requests that differ in their id only."""
    for number in itertools.count():
        yield encode(_request(f"bench-{number:08d}"))


def _dealer(address: str) -> "Socket[bytes]":
    socket: Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.RCVTIMEO, 10_000)
    socket.connect(address)
    return socket


def _close(sockets: "list[Socket[bytes]]") -> None:
    for socket in sockets:
        socket.close(linger=0)


def _exchange(socket: "Socket[bytes]", body: bytes) -> tuple[int, bytes]:
    begun = time.perf_counter_ns()
    socket.send(body)
    reply = socket.recv()
    return time.perf_counter_ns() - begun, reply


def _wave(sockets: "list[Socket[bytes]]", bodies: list[bytes]) -> tuple[int, list[bytes]]:
    begun = time.perf_counter_ns()
    for socket, body in zip(sockets, bodies, strict=True):
        socket.send(body)
    replies = [socket.recv() for socket in sockets]
    return time.perf_counter_ns() - begun, replies


def _release(socket: "Socket[bytes]", reply: bytes) -> None:
    answer = msgspec.json.decode(reply, type=wire.SizeReply)
    assert answer.reservation is not None, answer  # noqa: S101 - anything less would be measured too fast
    body = encode(
        wire.ReleaseRequest(v=1, id=f"back-{answer.id}", account=LOGIN, reservation=answer.reservation, reason="bench")
    )
    _exchange(socket, body)
