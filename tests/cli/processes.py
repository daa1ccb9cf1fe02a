"""The real command as a process, and questions to it."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.client import Client, NoAnswerError
from bridge.protocol.messages import SizeReply

DEADLINE_S = 60.0
WINDOWS = sys.platform == "win32"


def free_address() -> str:
    """A loopback address nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


def start(*arguments: str, code: str | None = None, log: int = subprocess.PIPE) -> "subprocess.Popen[str]":
    """`lotbridge` with these arguments, its output captured; or some `code` with them.

    Whoever starts a daemon that is asked a lot sends its `log` elsewhere: a pipe that nobody reads is full some day.
    """
    program = ("-m", "bridge") if code is None else ("-c", code)
    return subprocess.Popen(
        [sys.executable, *program, *arguments],
        stdout=subprocess.PIPE,
        stderr=log,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "80", "NO_COLOR": "1"},
        creationflags=subprocess.CREATE_NEW_PROCESS_GROUP if WINDOWS else 0,
    )


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a process that ends by itself."""
    try:
        out, err = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, out, err


def interrupt(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Press Ctrl-C (Ctrl-Break on Windows, where Ctrl-C reaches no other group) and wait for the end."""
    process.send_signal(signal.CTRL_BREAK_EVENT if WINDOWS else signal.SIGINT)
    return finish(process)


def await_ready(process: "subprocess.Popen[str]", address: str) -> None:
    """Return when the daemon answers."""
    deadline = time.monotonic() + DEADLINE_S
    with Client(address, deadline_ms=200, attempts=1) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError(f"the daemon ended: {process.communicate()}")
            try:
                client.ping()
            except NoAnswerError:
                continue
            return
    process.kill()
    raise AssertionError(f"the daemon did not answer: {process.communicate()}")


@contextmanager
def serving(
    *arguments: str, address: str, log: int = subprocess.PIPE, probe: bool = True
) -> "Iterator[subprocess.Popen[str]]":
    """A daemon that answers at `address`; killed at the end if it still runs.

    Without `probe` it is a daemon that would not answer a stranger: then it is ready when its log says so.
    """
    process = start("serve", *arguments, log=log)
    try:
        if probe:
            await_ready(process, address)
        else:
            assert process.stderr is not None
            assert " ready " in process.stderr.readline()
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def priced(client: Client, symbol: str = "EURUSD.sim", *, dry_run: bool = True) -> SizeReply:
    """A size that was granted: the sample's quotes come seconds apart, so that one may be stale."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        reply = client.size(symbol, "buy", stop_loss=None, confidence=75, dry_run=dry_run)
        if reply.code != "stale_quote":
            assert reply.lots > 0, reply
            return reply
    raise AssertionError("every quote was stale")


def settled(journal: Path, key: str | None) -> None:
    """Return when a decision is in the database: the daemon folds its newest entries in when nobody asks."""
    deadline = time.monotonic() + DEADLINE_S
    db = sqlite3.connect(journal.as_uri() + "?mode=ro", uri=True)
    try:
        while not db.execute("SELECT 1 FROM entries WHERE seq = ?", (int(str(key)[1:]),)).fetchall():
            assert time.monotonic() < deadline, f"{key} never reached the journal"
    finally:
        db.close()


def copied(journal: Path, target: Path) -> Path:
    """A copy of a journal that is being written."""
    source, copy = sqlite3.connect(journal), sqlite3.connect(target)
    source.backup(copy)
    source.close()
    copy.close()
    return target
