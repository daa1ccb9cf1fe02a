"""The child as the parent sees it: a process, and a thread that collects what it sends.

The threads are what blocks: on starting the process, on its pipes, on its end. Nobody else ever waits for the child.
"""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import bridge
from bridge.terminal.mt5.configure import PASSWORD
from bridge.terminal.mt5.leash import Leash
from bridge.terminal.mt5.wire import MAX_FRAME, Config, encode, read_frame, write_frame

_SOURCES = str(Path(bridge.__file__).parents[1])
_START = "import sys; sys.path.insert(0, sys.argv[1]); from bridge.terminal.mt5.child import main; main()"
_CLOSE_S = 2.0
_LAST_BYTES = 2_000
_PASSWORDS = PASSWORD.format(login="")


class ChildProcess:
    """One run of the child. `frames` holds what it sent and when; `ended` says why it is over once that is all."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.monotonic) -> None:
        self.frames: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        self.heard_s = clock()
        self.ended: str | None = None
        # Each is counted by one thread alone.
        self._received = self._taken = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._killed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, args=(config,), name=f"mt5-{config.login}", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The process, once it runs."""
        return None if self._process is None else self._process.pid

    def take(self, timeout_s: float | None = None) -> tuple[float, bytes] | None:
        """The oldest frame that was not taken yet, or None; waits for one only if told to."""
        try:
            found = self.frames.get(block=timeout_s is not None, timeout=timeout_s)
        except queue.Empty:
            return None
        self._taken += len(found[1])
        return found

    def send(self, body: bytes) -> None:
        """One frame to the child's standard input. It reads whenever it is not in a call; only a dialogue uses this."""
        process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError, ValueError):
                write_frame(_binary(process.stdin), body)

    def kill(self) -> None:
        """End the process at once, however it hangs."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                with suppress(OSError):
                    self._process.kill()

    def close(self) -> None:
        """Let the process end by itself, and kill it if it does not; wait for neither for long."""
        process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError, ValueError):
                process.stdin.close()
            self._thread.join(_CLOSE_S)
        self.kill()
        self._thread.join(_CLOSE_S)

    def _run(self, config: Config) -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - this very interpreter
                # -P: whatever lies in the current folder is not imported.
                # faulthandler: a crash within the package leaves a trace on standard error.
                [sys.executable, "-P", "-X", "faulthandler", "-c", _START, _SOURCES, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # The child is told its own password; it and the terminal it may start need nobody else's.
                env={name: value for name, value in os.environ.items() if not name.upper().startswith(_PASSWORDS)},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as fault:
            self.ended = f"its process cannot be started: {fault}"
            return
        with self._lock:
            self._process = process
            if self._killed:
                process.kill()
        last_words = LastWords(_binary(process.stderr))
        leash = Leash(process)
        why = self._collect(process, config)
        self.kill()
        code = process.wait()
        leash.close()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError, ValueError):
                    stream.close()
        said = last_words.text()
        self.ended = (why or f"its process ended ({_exit_text(code)})") + (f": {said}" if said else "")

    def _collect(self, process: "subprocess.Popen[bytes]", config: Config) -> str | None:
        """Read until the stream ends; why it was given up, if it was."""
        if process.stdin is None or process.stdout is None:  # pragma: no cover - both are pipes
            raise AssertionError
        try:
            write_frame(_binary(process.stdin), encode(config))
            while (body := read_frame(process.stdout.read)) is not None:
                self.heard_s = self._clock()
                self._received += len(body)
                self.frames.put((self.heard_s, body))
                if self._received - self._taken > MAX_FRAME:
                    return "it sent more than was read"
        except (OSError, ValueError) as fault:
            return f"its pipe failed: {fault}"
        return None


class LastWords:
    """The end of what a process writes to its standard error, read as it comes so that the pipe never fills."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._end = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """The last lines; to be asked once the process has ended. Who inherited the pipe may hold it open: no wait."""
        self._thread.join(_CLOSE_S)
        lines = self._end.decode("utf-8", "replace").splitlines()
        return " | ".join(line.strip() for line in lines if line.strip())

    def _read(self) -> None:
        with suppress(OSError, ValueError), self._stream:
            while piece := os.read(self._stream.fileno(), 65_536):
                self._end = (self._end + piece)[-_LAST_BYTES:]


def _binary(stream: object) -> BinaryIO:
    return stream  # type: ignore[return-value]  # Popen's pipes without text are binary


def _exit_text(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
