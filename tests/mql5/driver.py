"""Talks to `programs/driver.cpp`: one command, one answer, both as a line of JSON."""

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.mql5.builds import libzmq

MARGIN_US = 150_000
"""By how much a wait may end late: the machine may be busy."""


class Driver:
    """One running program. A sanitizer's complaint, or a stop of the shim, is an assertion with its text."""

    def __init__(self, binary: Path) -> None:
        environment = {**os.environ, "SHIM_LIBZMQ": libzmq() or "", "ASAN_OPTIONS": "detect_leaks=1"}
        self._process = subprocess.Popen(
            [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self._killed = False

    def __enter__(self) -> "Driver":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._killed:
            return
        _, errors = self._process.communicate(timeout=60)
        assert fault is not None or (self._process.returncode == 0 and not errors), errors

    def do(self, command: str, **arguments: Any) -> dict[str, Any]:
        """The answer to a command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            _, errors = self._process.communicate(timeout=60)
            raise AssertionError(errors)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def do_killed(self, command: str, **arguments: Any) -> None:
        """A command in the midst of which the terminal is killed."""
        with suppress(AssertionError):
            self.do(command, **arguments)
        assert self._process.wait(timeout=60) == -signal.SIGKILL
        self._killed = True

    def connect(self, address: str, transport: str = "zmtp", **over: Any) -> dict[str, Any]:
        """A new client, which connects when it is asked something."""
        return self.do("connect", transport=transport, address=address, **over)
