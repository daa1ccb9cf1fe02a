"""How fast a replay is: both engines, the storage, the whole command and the odds, in turn, several times.

Each round measures everything once, so that a machine that is busy for a while is so for all of them. In this process
and on one core, but for the command.
"""

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bridge.bench import ticks
from bridge.bench.replay_scene import BALANCE, command, held, play, write_configuration, write_signals
from bridge.bench.stage import pin
from bridge.market.packed import ROWS, PackedFile, cut, empty
from bridge.odds import speed
from bridge.replay.configure import Account
from bridge.replay.run import RunInfo
from bridge.replay.ticks import TickSource, open_source

TICKS, LEAST_PART = 10_000_000, 1_000_000
_TICKS_A_DAY = 100_000

Say = Callable[[str], None]


class Several(NamedTuple):
    """One thing measured in each round: the best of them, and the median."""

    best: float
    median: float


class ReplayFigures(NamedTuple):
    """Of one run of the benchmark. Rates are in millions of ticks a second."""

    ticks: int
    part: int
    """Ticks that the event-by-event engine went through."""
    decisions: int
    trades: int
    fast: Several
    """The fast engine on ticks in memory: signals read, every decision sized, the run's folder written."""
    streamed: Several
    """The same with the ticks read from their file."""
    events: Several
    read: Several
    """Packed ticks decoded, and nothing else."""
    command_s: Several
    """`lotbridge replay` as a process of its own, from its start to its end, report included."""
    peak_mb: float | None
    """The command's memory; None where the system does not tell."""
    bytes_per_tick: float
    odds_s: Several


class _Scene(NamedTuple):
    """What every round uses."""

    folder: Path
    ticks: Path
    config: Path
    signals: Path
    account: Account
    source: TickSource
    whole: TickSource
    part: TickSource


def replay_figures(count: int, rounds: int, say: Say) -> ReplayFigures:
    """Measure. Raises MarketError, ReplayError, and CalledProcessError where the command fails."""
    say(f"{count:,} generated ticks, made once and kept ...")
    recording = ticks.cached(count, max(1, count // _TICKS_A_DAY))
    with tempfile.TemporaryDirectory(prefix="lotbridge-bench-", ignore_cleanup_errors=True) as name, _one_core():
        scene = _scene(Path(name), recording)
        taken: dict[str, list[float]] = {}
        for number in range(rounds):
            say(f"round {number + 1} of {rounds} ...")
            info = _round(scene, f"{number}", taken)
        several = {key: Several(min(each), statistics.median(each)) for key, each in taken.items()}
        memory = (scene.folder / "memory").read_text(encoding="ascii")
        return ReplayFigures(
            ticks=scene.whole.count,
            part=scene.part.count,
            decisions=info.result.decisions,
            trades=info.result.trades,
            fast=_rate(scene.whole.count, several["fast"]),
            streamed=_rate(scene.whole.count, several["streamed"]),
            events=_rate(scene.part.count, several["events"]),
            read=_rate(scene.whole.count, several["read"]),
            command_s=several["command"],
            peak_mb=float(memory) if memory else None,
            bytes_per_tick=sum(path.stat().st_size for path in _packed(recording)) / scene.whole.count,
            odds_s=several["odds"],
        )


def _scene(folder: Path, recording: Path) -> _Scene:
    source = open_source(recording)
    whole = held(source)
    account = write_configuration(folder / "config")
    signals = folder / "signals.csv"
    write_signals(signals, whole.spans())
    part = held(whole, max(LEAST_PART, whole.count // 10))
    return _Scene(folder, recording, folder / "config", signals, account, source, whole, part)


def _round(scene: _Scene, name: str, taken: dict[str, list[float]]) -> RunInfo:
    """Everything once; the run of the fast engine."""
    runs = scene.folder / name

    def note(key: str, seconds: float) -> None:
        taken.setdefault(key, []).append(seconds)

    note("read", _seconds(lambda: _read(scene.ticks)))
    begun = time.perf_counter()
    info = play(scene.whole, scene.account, scene.signals, runs / "fast")
    note("fast", time.perf_counter() - begun)
    note("events", _seconds(lambda: play(scene.part, scene.account, scene.signals, runs / "events", "events")))
    note("streamed", _seconds(lambda: play(scene.source, scene.account, scene.signals, runs / "streamed")))
    memory = scene.folder / "memory"
    note("command", _seconds(lambda: command(scene.ticks, scene.config, scene.signals, runs / "command", memory)))
    note("odds", speed.measure(scene.account.settings.firm, BALANCE).one)
    return info


def _seconds(do: Callable[[], object]) -> float:
    gc.collect()
    begun = time.perf_counter()
    do()
    return time.perf_counter() - begun


def _packed(recording: Path) -> list[Path]:
    return sorted(recording.glob("ticks_*.parquet"))


def _read(recording: Path) -> None:
    """Decode row group by row group into the same columns."""
    room = empty(ROWS)
    for path in _packed(recording):
        with PackedFile(path) as file:
            for index, group in enumerate(file.groups):
                file.read_group(index, cut(room, 0, group.rows))


def _rate(count: int, seconds: Several) -> Several:
    """Millions a second."""
    return Several(count / seconds.best / 1e6, count / seconds.median / 1e6)


@contextmanager
def _one_core() -> Iterator[None]:
    before = pin(0, {0})
    try:
        yield
    finally:
        if before:
            pin(0, before)
