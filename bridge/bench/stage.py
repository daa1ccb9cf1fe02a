"""The processes of a benchmark: an echo, and a daemon whose limits let every request through."""

import bridge.__main__  # noqa: F401, I001 - numpy with one thread, as in the command
import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from bridge.app import daemon
from bridge.log import configure
from bridge.server import stop_on_signals
from bridge.settings import (
    AccountSettings,
    AuthSettings,
    JournalSettings,
    LogSettings,
    MarketSettings,
    ServerSettings,
    Settings,
    defaults_folder,
    load,
)

LOGIN = 1_000_001
REPLY_FILE = "reply.json"


def bench_settings(folder: Path, sync: Literal["normal", "full"]) -> Settings:
    """One account on the sample market under FTMO's rules, with room for as many reservations as there are clients."""
    entry = load(defaults_folder()).accounts[0]
    policy = dataclasses.replace(
        entry.policy,
        caps=dataclasses.replace(
            entry.policy.caps, max_positions=10_000, max_positions_per_symbol=10_000, concentration_pct=100.0
        ),
        # The sample market has pauses between ticks; the benchmark asks faster than any market moves.
        freshness=dataclasses.replace(entry.policy.freshness, max_quote_age_ms=86_400_000),
    )
    market = MarketSettings(path=None, balance=10_000_000.0, leverage=100, currency="USD")
    account = AccountSettings(
        login=LOGIN,
        terminal="recorded",
        firm=entry.firm,
        policy=policy,
        symbols=entry.symbols,
        initial_balance=market.balance,
        market=market,
    )
    return Settings(
        folder=folder,
        server=ServerSettings(bind="tcp://127.0.0.1:*"),
        auth=AuthSettings(),
        journal=JournalSettings(path=folder / "bench.sqlite", sync=sync),
        log=LogSettings(level="warning"),
        accounts=(account,),
    )


@contextmanager
def echo_process(folder: Path) -> Iterator[tuple[str, int]]:
    """Address and process id of a bare peer that answers with the reply kept in `folder`."""
    with _process("bridge.bench.echo", str(folder / REPLY_FILE)) as started:
        yield started


@contextmanager
def daemon_process(folder: Path, sync: Literal["normal", "full"]) -> Iterator[tuple[str, int]]:
    """Address and process id of a daemon whose journal lies in `folder`."""
    with _process("bridge.bench.stage", str(folder), sync) as started:
        yield started


def pin(process_id: int, cores: set[int]) -> set[int]:
    """Keep a process on some cores, where the system can; the cores it had before. 0 is this process."""
    if not hasattr(os, "sched_setaffinity"):
        return set()
    before = os.sched_getaffinity(process_id)
    os.sched_setaffinity(process_id, cores)
    return before


@contextmanager
def _process(module: str, *arguments: str) -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield _first_line(process.stdout), process.pid
        finally:
            process.terminate()
            process.wait(timeout=30)


def _first_line(stream: IO[str] | None) -> str:
    return "" if stream is None else stream.readline().strip()


def main() -> None:
    """The daemon's side: print the address, serve until stopped."""
    folder, sync = Path(sys.argv[1]), sys.argv[2]
    settings = bench_settings(folder, "full" if sync == "full" else "normal")
    with daemon(settings, log=configure(settings.log)) as server:
        stop_on_signals(server)
        print(server.address, flush=True)  # noqa: T201 - the address is the output
        server.run()


if __name__ == "__main__":
    main()
