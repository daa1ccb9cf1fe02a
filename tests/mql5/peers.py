"""Peers that follow a script on a raw socket: what a client of ZMTP meets when the other side is no daemon."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

WAIT_S = 20.0
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)


def frame(body: bytes, flags: int = 0, *, long: bool | None = None) -> bytes:
    """A frame, with the size in one byte or in eight."""
    if long or (long is None and len(body) > 255):
        return bytes([flags | 2]) + struct.pack(">Q", len(body)) + body
    return bytes([flags, len(body)]) + body


def command(name: bytes, data: bytes = b"", *, long: bool | None = None) -> bytes:
    """A command's frame."""
    return frame(bytes([len(name)]) + name + data, 4, long=long)


def ready(kind: bytes = b"ROUTER") -> bytes:
    """READY of a socket of this type."""
    return command(b"READY", b"\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind + b"\x08Identity" + bytes(4))


def pong(request: dict[str, Any], **over: Any) -> bytes:
    """A good reply to a ping."""
    common = {"v": 1, "type": "ping", "id": request["id"], "status": "ok", "code": None, "message": None}
    return json.dumps({**common, "server_ms": 5, **over}).encode()


class Talk:
    """One connection, as the peer sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def take(self, count: int) -> bytes:
        """The next bytes; raises ConnectionError at the end."""
        while len(self._buffer) < count:
            more = self._connection.recv(65_536)
            if not more:
                raise ConnectionError
            self._buffer += more
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def frame(self) -> tuple[int, bytes]:
        """Flags and body of the next frame."""
        flags = self.take(1)[0]
        size = struct.unpack(">Q", self.take(8))[0] if flags & 2 else self.take(1)[0]
        return flags, self.take(size)

    def greet(self, kind: bytes = b"ROUTER") -> None:
        """The handshake of a good peer, NULL."""
        self.send(GREETING + ready(kind))
        assert self.take(64)[:12] == GREETING[:12]
        flags, body = self.frame()
        assert (flags, body[:6]) == (4, b"\x05READY")
        assert b"Socket-Type\0\0\0\x06DEALER" in body

    def request(self) -> dict[str, Any]:
        """The next request."""
        flags, body = self.frame()
        assert flags & 5 == 0
        fields: dict[str, Any] = json.loads(body)
        return fields


Script = Callable[[Talk, int], None]
"""What a peer does with its n-th connection, which is closed when it returns."""


class Peer:
    """Accepts connections and plays the script with each, one at a time."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self.fault: BaseException | None = None
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.connections += 1
            threading.Thread(target=self._play, args=(connection, self.connections - 1)).start()

    def _play(self, connection: socket.socket, number: int) -> None:
        try:
            with connection:
                self._script(Talk(connection), number)
        except OSError:
            pass  # the client has hung up
        except BaseException as fault:  # the test looks at it
            self.fault = fault

    def close(self) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join(WAIT_S)
        if self.fault is not None:
            raise self.fault


@contextmanager
def playing(script: Script) -> Iterator[Peer]:
    """A peer while it plays."""
    peer = Peer(script)
    try:
        yield peer
    finally:
        peer.close()
