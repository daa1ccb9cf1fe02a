"""Servers on real sockets, and raw clients that send whatever they like."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import zmq

from bridge.auth import Authentication
from bridge.server import Server, bind_router
from bridge.settings import AuthSettings
from tests.bridge.builders import Rig

WAIT_MS = 20_000
"""For what must come: a slow machine may take its time."""
ANY_PORT = "tcp://127.0.0.1:*"

Log = list[tuple[str, str, dict[str, Any]]]


class Running:
    """A server whose loop runs in a thread."""

    def __init__(self, server: Server, rig: Rig, log: Log) -> None:
        self.server = server
        self.rig = rig
        self.log = log
        self.address = server.address
        self.fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.server.run()
        except BaseException as fault:  # a test looks at it
            self.fault = fault

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self.server.stop()
        self._thread.join(WAIT_MS / 1000)
        assert not self._thread.is_alive()
        if self.fault is not None:
            raise self.fault


@contextmanager
def serving(
    rig: Rig,
    auth: AuthSettings | None = None,
    bind: str = ANY_PORT,
    before: Callable[[str], None] = lambda _: None,
) -> Iterator[Running]:
    """The rig's service on a socket of its own; `before` gets the address while it is bound but not answering yet."""
    log: Log = []
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with Authentication(auth or AuthSettings(), context) as authentication:
            socket = bind_router(context, bind, authentication.secure)
            server = Server(
                rig.service,
                rig.journal,
                socket,
                permissions=authentication.permissions,
                log=lambda *event: log.append(event),
            )
            try:
                before(server.address)
            except BaseException:
                server.stop()
                server.run()
                raise
            running = Running(server, rig, log)
            try:
                yield running
            finally:
                running.stop()
    finally:
        context.destroy(linger=0)


@contextmanager
def connected(address: str, kind: int = zmq.DEALER, **options: Any) -> "Iterator[zmq.Socket[bytes]]":
    """A raw socket; `options` are zmq options by their names, set before it connects."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(kind)
    try:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.setsockopt(zmq.SNDHWM, 0)
        for name, value in options.items():
            socket.setsockopt(getattr(zmq, name), value)
        socket.connect(address)
        yield socket
    finally:
        context.destroy(linger=0)


def received(socket: "zmq.Socket[bytes]") -> bytes:
    """The last frame of the next message, which must come."""
    return frames(socket)[-1]


def frames(socket: "zmq.Socket[bytes]") -> list[bytes]:
    """The next message, which must come."""
    assert socket.poll(WAIT_MS), "no answer came"
    return socket.recv_multipart()


def asked(socket: "zmq.Socket[bytes]", raw: bytes) -> bytes:
    """Send one body and wait for its answer."""
    socket.send(raw)
    return received(socket)
