"""`python -m tests.studies.nautilus PYTHON [TICKS] [ROUNDS]`: both through the same ticks, in turn, on one core.

PYTHON is that of an environment of its own: `python -m venv OTHER`, `OTHER/bin/pip install nautilus_trader==1.221.0`.
nautilus_trader gets the first TICKS (a million) of the benchmark's ticks; the fast engine all ten million, with the
service and the sizer for each decision: the rate of either hardly depends on how many there are.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bridge.bench.replay_scene import EVERY, held, play, write_configuration, write_signals
from bridge.bench.stage import pin
from bridge.bench.ticks import SYMBOL, cached
from bridge.market.packed import cut, joined
from bridge.replay.ticks import open_source

QUOTES = Path(__file__).with_name("quotes.py")
TARGET = 100


def compare(python: str, count: int, rounds: int, folder: Path) -> None:
    """Print a line for each round, and the medians."""
    whole = held(open_source(cached()))
    write_signals(folder / "signals.csv", whole.spans())
    account = write_configuration(folder / "config")
    first = cut(joined([span.ticks[SYMBOL] for span in whole.spans()]), 0, count)
    np.savez(folder / "ticks.npz", time_ms=first.time_ms, bid=first.bid, ask=first.ask)
    ours, theirs = [], []
    for number in range(rounds):
        words = [python, str(QUOTES), str(folder / "ticks.npz"), str(EVERY)]
        found = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        theirs.append(count / found["seconds"] / 1e6)
        begun = time.perf_counter()
        info = play(whole, account, folder / "signals.csv", folder / f"run-{number}")
        ours.append(whole.count / (time.perf_counter() - begun) / 1e6)
        print(f"nautilus_trader {found['version']}: {theirs[-1]:.3f} M/s, {count:,} ticks, {found['trades']} trades")
        print(f"fast engine: {ours[-1]:.2f} M/s, {whole.count:,} ticks, {info.result.trades} trades")
    times = statistics.median(ours) / statistics.median(theirs)
    print(f"Medians: {statistics.median(ours):.2f} beside {statistics.median(theirs):.3f} M/s, {times:.1f} times.")
    print(f"Target: at least {TARGET} times, {'met' if times >= TARGET else 'MISSED'}.")


def main(arguments: list[str]) -> None:
    """Compare, where the other one is there."""
    if not arguments or subprocess.run([arguments[0], "-c", "import nautilus_trader"], check=False).returncode:
        print(__doc__)
        return
    numbers = [int(each) for each in arguments[1:]]
    count, rounds = (*numbers, *(1_000_000, 3)[len(numbers) :])
    pin(0, {0})
    with tempfile.TemporaryDirectory(prefix="lotbridge-", ignore_cleanup_errors=True) as folder:
        compare(arguments[0], count, rounds, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
