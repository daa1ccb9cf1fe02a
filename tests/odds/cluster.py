"""A real Dask scheduler and its workers, each a process of its own on the loopback."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEDULER = re.compile(r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)")


@contextmanager
def cluster(
    folder: Path, *names: str, preload: Path | None = None
) -> "Iterator[tuple[str, dict[str, subprocess.Popen[str]]]]":
    """The scheduler's address and all processes by name: "scheduler" and workers of one thread each.

    All are gone afterwards.
    """
    log = folder / "scheduler.log"
    processes = []
    try:
        with log.open("w") as to:
            scheduler = subprocess.Popen(
                [*_python("distributed.cli.dask_scheduler"), "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            processes.append(scheduler)
            address = _address(scheduler)
            # A pipe that nobody reads is full some day.
            threading.Thread(target=scheduler.communicate, daemon=True).start()
            named = {"scheduler": scheduler}
            more = [] if preload is None else ["--preload", str(preload)]
            for name in names:
                named[name] = subprocess.Popen(
                    [*_python("distributed.cli.dask_worker"), address, "--name", name, "--nthreads", "1", "--no-nanny",
                     "--no-dashboard", "--host", "127.0.0.1", "--local-directory", str(folder / name), *more],
                    stdout=subprocess.DEVNULL,
                    stderr=to,
                )  # fmt: skip
                processes.append(named[name])
            yield address, named
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _address(scheduler: "subprocess.Popen[str]") -> str:
    """Where the scheduler says that it listens."""
    lines = []
    if scheduler.stderr is not None:
        for line in scheduler.stderr:
            lines.append(line)
            if (found := _SCHEDULER.search(line)) is not None:
                return found[1]
    raise AssertionError(f"the scheduler did not start: {''.join(lines)}")
