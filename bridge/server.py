"""The ROUTER loop: receive, answer, send; and housekeeping whenever nobody asks.

One thread and one blocking receive: an event loop would cost half as much again per round trip. Whatever can wait (log
lines, log folding, garbage collection, terminal polls) waits until no request does.
"""

import gc
import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NamedTuple

import zmq

from bridge.auth import Permit
from bridge.errors import JournalError, ServerError
from bridge.history import BarKeeper
from bridge.journal.store import Journal
from bridge.protocol.codec import MAX_MESSAGE_BYTES
from bridge.service import Incoming, Service

_RECEIVE_TIMEOUT_MS = 10
_HOUSEKEEPING_S = 0.02
_QUIET_S = 0.05
_MAX_STREAK = 256
_MAX_WAITING = 2_048
_MAX_ENVELOPE = 16
_EVENTS_KEPT_BACK = 1_024
_COLLECTION_S = 1.0
_PRUNE_S = 3_600.0
_STATE_ENTRIES = 1_000


class Message(NamedTuple):
    """What came in: the frames to repeat before the reply, the body, and who sent it."""

    envelope: tuple[bytes, ...]
    body: bytes
    user: str | None


Permissions = Callable[[str | None], Permit]
"""The accounts that a user may ask for."""


class Server:
    """Owns the socket. `permissions` maps an authenticated user's name to what it may do."""

    def __init__(
        self,
        service: Service,
        journal: Journal,
        socket: "zmq.Socket[bytes]",
        *,
        permissions: Permissions | None = None,
        log: Callable[[str, str, dict[str, Any]], None] = lambda *_: None,
        keep_queries_hours: float = 24.0,
        keepers: Sequence[BarKeeper] = (),
    ) -> None:
        self._service = service
        self._journal = journal
        self._permissions = permissions
        self._log = log
        self._keep_queries_hours = keep_queries_hours
        self._keepers = keepers
        self._stopping = threading.Event()
        self._socket = socket
        self._folding = True
        self.address: str = self._socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        self._last_housekeeping = self._last_collection = self._last_prune = self._last_request = time.monotonic()

    def stop(self, *_: object) -> None:
        """Ask the loop to end after the request at hand; usable as a signal handler and from other threads."""
        self._stopping.set()

    def run(self) -> None:
        """Answer until `stop` is called, then close the socket. Every reply that was promised has been sent by then."""
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            self._service.housekeep()
            while not self._stopping.is_set():
                self._turn()
        finally:
            gc.enable()
            gc.unfreeze()
            self._flush_events(0)
            self._save_state(0)
            self._socket.close(linger=500)

    def _turn(self) -> None:
        message = self._receive()
        now = time.monotonic()
        if message is not None:
            self._answer(message)
            self._last_request = now
        if now - self._last_housekeeping > _HOUSEKEEPING_S:
            self._housekeep(now)

    def _answer(self, first: Message) -> None:
        """Answer one request and whatever waits behind it, in the order in which they came."""
        self._send(first, self._service.handle(self._incoming(first)))
        for _ in range(_MAX_STREAK):
            if not self._waiting() or (message := self._receive(zmq.NOBLOCK)) is None:
                return
            self._send(message, self._service.handle(self._incoming(message)))
        self._shed()

    def _shed(self) -> None:
        """After a long streak, look at how many are waiting: too many are better told at once than answered late."""
        waiting: list[Message] = []
        while len(waiting) < _MAX_WAITING and self._waiting():
            if (message := self._receive(zmq.NOBLOCK)) is not None:
                waiting.append(message)
        served = _MAX_STREAK if len(waiting) == _MAX_WAITING else len(waiting)
        for message in waiting[:served]:
            self._send(message, self._service.handle(self._incoming(message)))
        for message in waiting[served:]:
            self._send(message, self._service.overloaded(self._incoming(message)))

    def _waiting(self) -> bool:
        return bool(int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)

    def _incoming(self, message: Message) -> Incoming:
        if self._permissions is None:
            return Incoming(message.body)
        permit = self._permissions(message.user)
        return Incoming(message.body, permit.accounts, permit.control)

    def _receive(self, flags: int = 0) -> Message | None:
        """The next message; None when there is none within the time-out, or when it has no body or address."""
        socket = self._socket
        try:
            frames = [socket.recv(flags)]
            if self._permissions is None:
                while socket.rcvmore:
                    frames.append(socket.recv())
                user = None
            else:
                frames, user = self._receive_with_user(frames)
        except zmq.Again:
            return None
        if not 2 <= len(frames) <= _MAX_ENVELOPE:
            return None
        return Message(tuple(frames[:-1]), frames[-1], user)

    def _receive_with_user(self, frames: list[bytes]) -> tuple[list[bytes], str | None]:
        user = None
        while self._socket.rcvmore:
            frame = self._socket.recv(copy=False)
            frames.append(frame.bytes)
            try:
                user = str(frame.get("User-Id"))
            except zmq.ZMQError:
                user = None
        return frames, user

    def _send(self, message: Message, reply: bytes) -> None:
        try:
            for frame in message.envelope:
                self._socket.send(frame, zmq.SNDMORE)
            self._socket.send(reply)
        except zmq.ZMQError as fault:  # the client is gone or does not read; its reply is in the journal
            self._log("warning", "reply_undeliverable", {"error": str(fault)})

    def _housekeep(self, now: float) -> None:
        self._service.housekeep()
        self._last_housekeeping = time.monotonic()
        # What was put off is done when nobody has asked for a while: doing it between requests that follow closely
        # would cost them their warm caches.
        quiet = now - self._last_request > _QUIET_S
        self._flush_events(0 if quiet else _EVENTS_KEPT_BACK)
        self._tidy(idle=quiet)
        if quiet:
            self._keep_bars()
        if quiet and now - self._last_prune > _PRUNE_S:
            self._last_prune = now
            try:
                self._service.prune(self._keep_queries_hours)
            except JournalError as fault:  # there are more of them than need be, for another while
                self._log("warning", "queries_not_pruned", {"error": str(fault)})
        if quiet and now - self._last_collection > _COLLECTION_S:
            self._last_collection = now
            gc.collect()
            self._save_state(_STATE_ENTRIES)

    def _keep_bars(self) -> None:
        """Write one symbol's bars for people to look at, if there are any that have changed."""
        try:
            any(keeper.keep() for keeper in self._keepers)
        except OSError as fault:
            self._log("warning", "bars_not_kept", {"error": str(fault)})

    def _tidy(self, *, idle: bool) -> None:
        try:
            self._journal.tidy(idle=idle)
        except JournalError as fault:  # the tail holds what the database does not take
            if self._folding:
                self._log("error", "journal_not_folded", {"error": str(fault)})
            self._folding = False
            return
        self._folding = True

    def _save_state(self, after_entries: int) -> None:
        try:
            self._service.save_state(after_entries)
        except JournalError as fault:  # the entries hold the same state; only the next start takes longer
            self._log("warning", "state_not_saved", {"error": str(fault)})

    def _flush_events(self, keep: int) -> None:
        """Log what has happened, until so many events are left for a quieter moment."""
        events = self._service.events
        while len(events) > keep:
            event = events.popleft()
            self._log(event.level, event.name, event.fields)


def stop_on_signals(server: Server) -> None:
    """End the loop on Ctrl-C and on whatever the system sends to stop a process, Windows' Ctrl-Break included."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        server.stop()

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, handler)


def bind_router(
    context: "zmq.Context[zmq.Socket[bytes]]", bind: str, secure: Callable[["zmq.Socket[bytes]"], None] | None
) -> "zmq.Socket[bytes]":
    """A ROUTER at an address; `secure` sets its mechanism first. Raises ServerError."""
    socket: zmq.Socket[bytes] = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    socket.setsockopt(zmq.RCVTIMEO, _RECEIVE_TIMEOUT_MS)
    socket.setsockopt(zmq.SNDTIMEO, 0)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, _MAX_WAITING)
    # Without these a ROUTER drops replies without a word: to a client that has many in flight, or has gone.
    socket.setsockopt(zmq.SNDHWM, 8 * _MAX_WAITING)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    if "[" in bind:
        socket.setsockopt(zmq.IPV6, 1)
    try:
        if secure is not None:
            secure(socket)
        socket.bind(bind)
    except zmq.ZMQError as fault:
        socket.close(linger=0)
        if fault.errno == zmq.EADDRINUSE:
            text = f"{bind} is in use. Stop the other daemon, or set another [server] bind."
        else:
            text = f"{bind} cannot be bound: {fault.strerror}. Check [server] bind."
        raise ServerError(text) from fault
    return socket
