"""Daemons as processes of their own, killed, stopped and started again; and a client that never gives up."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zmq

from tests.bridge.builders import decoded

ROOT = Path(__file__).parents[2]
ATTEMPT_MS = 250
ATTEMPTS = 240
WAIT_S = 60.0


class Daemon:
    """A daemon that is killed and started again on the same journal and port; `now_ms` is where its clock starts."""

    def __init__(self, journal: Path, now_ms: int) -> None:
        self.journal = journal
        self.now_ms = now_ms
        self.address = "tcp://127.0.0.1:*"
        self.kills = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self, *options: str) -> None:
        """Start, and wait until it answers; `options` are those of `tests.bridge.daemon_process`."""
        command = [sys.executable, "-m", "tests.bridge.daemon_process", str(self.journal), self.address]
        self._process = process = subprocess.Popen(
            [*command, "--now", str(self.now_ms), *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
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

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The process stands still: no handler, no thread, no answer. POSIX only."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @contextmanager
    def dies_once(self, *options: str) -> Iterator[None]:
        """Within this the daemon dies by itself, and is started again with these options."""
        done = threading.Event()
        kills = self.kills
        undertaker = threading.Thread(target=self._bury, args=(done, options))
        undertaker.start()
        try:
            yield
        finally:
            done.set()
            undertaker.join(WAIT_S)
        assert self.kills == kills + 1, "it did not die"

    def _bury(self, done: threading.Event, options: tuple[str, ...]) -> None:
        while not done.wait(0.01):
            if not self.alive:
                assert self.buried() != 0
                self.start(*options)
                return

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
        """The answer; the same bytes that the same request was answered with before."""
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


@contextmanager
def trading(folder: Path, now_ms: int) -> Iterator[tuple[Daemon, PatientClient]]:
    """A daemon that has not been started yet, and its client."""
    daemon, client = Daemon(folder / "journal.sqlite", now_ms), PatientClient()
    try:
        yield daemon, client
    finally:
        client.close()
        daemon.close()
