"""The daemon as a child process: started, listened to, stopped. It never outlives the demo."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO

from bridge.demo.errors import DemoError

START_S = 60.0
"""How long the daemon may take until it is ready."""
STOP_S = 5.0
"""How long it may take to end by itself, and again after it was told to."""
_POLL_S = 0.1
_MODULE = "bridge.demo.child"
_LINES_KEPT = 50
_LINES_SHOWN = 5


class Daemon:
    """`lotbridge serve` on a configuration folder. Use it in a `with` block: at its end the process is gone."""

    def __init__(self, folder: Path) -> None:
        self.address = ""
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._addresses: queue.Queue[str | None] = queue.Queue()
        self._process = _start(folder)
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_until_ready(self, meanwhile: Callable[[], None]) -> str:
        """The address it answers on. Raises DemoError if it ends instead, or does not get there; and what `meanwhile`
        raises, which is called now and then."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            meanwhile()
            try:
                address = self._addresses.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if address is None:
                raise DemoError(self.account_of_end())
            self.address = address
            return address
        raise DemoError(self._with_log(f"The daemon (process {self.pid}) was not ready within {START_S:.0f} s."))

    def account_of_end(self) -> str:
        """One sentence on how it ended, or that it hangs, and its last log lines."""
        try:
            code = self._process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            return self._with_log(f"The daemon (process {self.pid}) runs but does not answer; the demo stops.")
        self._reader.join(STOP_S)
        how = f"was killed by signal {-code}" if code < 0 else f"ended by itself with code {code}"
        return self._with_log(f"The daemon (process {self.pid}) {how}; the demo cannot go on without it.")

    def stop(self) -> None:
        """Ask it to end, make it end, and return when it has."""
        for step in (self._close_input, self._process.terminate, self._process.kill):
            step()
            try:
                self._process.wait(STOP_S)
                break
            except subprocess.TimeoutExpired:
                continue
        self._reader.join(STOP_S)

    def _close_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _listen(self) -> None:
        """Read what it says, so that it never waits for a reader, until it ends."""
        output = self._process.stdout
        if output is not None:
            with output:
                self._read(output)
        self._addresses.put(None)

    def _read(self, output: IO[bytes]) -> None:
        for raw in output:
            line = raw.decode("utf-8", "replace").rstrip()
            event = _event(line)
            if event.get("event") == "ready":
                self._addresses.put(str(event.get("address")))
            self._lines.append(_short(event) if event else line)

    def _with_log(self, sentence: str) -> str:
        lines = [f"  {line}" for line in list(self._lines)[-_LINES_SHOWN:] if line]
        if not lines:
            return f"{sentence} It wrote nothing to its log."
        return "\n".join([f"{sentence} Its last log lines:", *lines])


def _start(folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-P", "-m", _MODULE, "serve", "--config", str(folder)]
    # A group of its own: Ctrl-C in the terminal is the demo's, which then stops the daemon in order.
    new_group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"},
            start_new_session=True,
            creationflags=new_group,
        )
    except OSError as fault:
        raise DemoError(f"The daemon's process cannot be started: {fault.strerror or fault}.") from fault


def _event(line: str) -> dict[str, object]:
    """A line of the log as the event it is; empty for any other text."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _short(event: dict[str, object]) -> str:
    """An event for people: when, how grave, what, and its other fields."""
    head = " ".join(str(event[key]) for key in ("timestamp", "level", "event") if key in event)
    rest = [f"{key}={value}" for key, value in event.items() if key not in ("timestamp", "level", "event")]
    return " ".join([head, *rest])
