"""A daemon as a process of its own that can be killed, or that kills itself at a point where it hurts.

    python -m tests.bridge.daemon_process JOURNAL BIND [POINT COUNT]

It prints `ready ADDRESS`, serves one fed account on simulated time, and ends in order when its input is closed. With a
POINT it dies like under SIGKILL when that point is reached for the COUNT-th time after it was ready.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import zmq

from bridge.clock import SteppedClock
from bridge.desk import Desk
from bridge.journal.store import Journal
from bridge.journal.tail import Tail
from bridge.server import Server, bind_router
from bridge.service import Service
from bridge.settings import AccountSettings
from bridge.terminal.feed import FeedTerminal
from tests.bridge.builders import account_settings, roomy_policy
from tests.builders import NOW_MS

POINTS = ("before append", "half-way through append", "after append", "after fold, before clear", "after clear")


def settings() -> AccountSettings:
    """Many small positions may be open at a time."""
    return account_settings(policy=roomy_policy(caps={"max_positions": 10_000, "max_positions_per_symbol": 10_000}))


def main(journal_path: Path, bind: str, point: str = "", count: int = 0) -> None:
    journal = Journal(journal_path)
    service = Service([Desk(settings(), FeedTerminal(settings().login))], journal, SteppedClock(NOW_MS))
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    server = Server(service, journal, bind_router(context, bind, None))
    threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
    if point:
        arm(point, count)
    print("ready", server.address, flush=True)  # noqa: T201 - the parent waits for it
    server.run()
    journal.close()
    context.destroy(linger=0)


def arm(point: str, count: int) -> None:
    """Die when the point is reached for the count-th time."""
    due = _countdown(count)
    write, clear = os.write, Tail.clear

    def deadly_write(file: int, data: bytes) -> int:
        if due():
            if point == "half-way through append":
                write(file, data[: len(data) // 2])
            elif point == "after append":
                write(file, data)
            die()
        return write(file, data)

    def deadly_clear(self: Tail) -> None:
        now = due()
        if now and point == "after fold, before clear":
            die()
        clear(self)
        if now:
            die()

    if "append" in point:
        os.write = deadly_write
    else:
        Tail.clear = deadly_clear  # type: ignore[method-assign]


def die() -> None:
    """What SIGKILL does: no handler, no `finally`, no flush."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def _countdown(count: int) -> Callable[[], bool]:
    left = [count]

    def due() -> bool:
        left[0] -= 1
        return left[0] == 0

    return due


def _stop_at_end_of_input(server: Server) -> None:
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    _, path, address, *rest = sys.argv
    main(Path(path), address, *rest[:1], *map(int, rest[1:]))
