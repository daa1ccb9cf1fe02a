"""A daemon as a process of its own that can be killed, or that kills itself at a point where it hurts.

    python -m tests.bridge.daemon_process JOURNAL BIND --now MS [--speed FACTOR] [--point POINT --count N --kind KIND]

It prints `ready ADDRESS`, serves one fed account, and ends in order when its input is closed. Its time begins at `now`;
messages move it, unless there is a speed. With a POINT it dies like under SIGKILL when that point is reached for the
N-th time after it was ready, counting entries of one KIND only where that is said.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import zmq

from bridge.clock import Clock, ScaledClock, SteppedClock
from bridge.desk import Desk
from bridge.journal.records import Entry
from bridge.journal.store import Journal
from bridge.journal.tail import Tail
from bridge.server import Server, bind_router
from bridge.service import Service
from bridge.settings import AccountSettings
from bridge.terminal.feed import FeedTerminal
from tests.bridge.builders import account_settings, roomy_policy
from tests.sizing.builders import ftmo, loss_rule, total_rule

APPENDS = ("before append", "half-way through append", "after append")
POINTS = (*APPENDS, "after fold, before clear", "after clear")


def settings() -> AccountSettings:
    """Many small positions may be open at a time; one rule for each way to keep an anchor."""
    best = total_rule(name="best", anchor="balance", sampled="reset", ratchet=True)
    peak = total_rule(name="peak", anchor="equity", sampled="tick", ratchet=True)
    return account_settings(
        firm=ftmo(rules=(loss_rule(breach="pauses"), total_rule(), best, peak)),
        policy=roomy_policy(
            caps={"max_positions": 10_000, "max_positions_per_symbol": 10_000}, drawdown={"halt_pct": 50.0}
        ),
    )


def main(options: argparse.Namespace) -> None:
    journal = Journal(options.journal)
    clock: Clock = ScaledClock(options.now, options.speed) if options.speed else SteppedClock(options.now)
    service = Service([Desk(settings(), FeedTerminal(settings().login))], journal, clock)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    server = Server(service, journal, bind_router(context, options.bind, None))
    threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
    if options.point:
        arm(options.point, options.count, options.kind)
    print("ready", server.address, flush=True)  # noqa: T201 - the parent waits for it
    server.run()
    journal.close()
    context.destroy(linger=0)


def arm(point: str, count: int, kind: str) -> None:
    """Die when the point is reached for the count-th time."""
    due = _countdown(count)
    write, clear, append = os.write, Tail.clear, Journal.append
    at_hand = [not kind]

    def marking_append(self: Journal, entry: Entry) -> None:
        at_hand[0] = kind in ("", entry.type)
        append(self, entry)

    def deadly_write(file: int, data: bytes) -> int:
        if at_hand[0] and due():
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

    if point in APPENDS:
        os.write = deadly_write
        Journal.append = marking_append  # type: ignore[method-assign]
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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("journal", type=Path)
    parser.add_argument("bind")
    parser.add_argument("--now", type=int, required=True)
    parser.add_argument("--speed", type=float, default=0.0)
    parser.add_argument("--point", choices=POINTS)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--kind", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main(_options())
