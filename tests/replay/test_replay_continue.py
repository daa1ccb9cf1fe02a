"""A run that was interrupted goes on to the very run that it would have been; what does not fit is refused by name."""

import dataclasses
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import ReplayError
from bridge.journal.reader import JournalReader
from bridge.recompute import recompute
from bridge.replay.configure import shipped
from bridge.replay.engine import Replay
from bridge.replay.load import load_strategy, strategy_text
from bridge.replay.plan import BrokerWish, Plan
from bridge.replay.run import CHECKPOINT_FILE, RunInfo, read_run
from tests.replay.test_replay_same import assert_same, sample

SIGNALS = "ma-cross:timeframe=M30,fast=4,slow=12,stop=1.5"
KILLED = -signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM


@pytest.fixture(autouse=True)
def _days(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every day is a span of its own, and is saved."""
    for name in ("bridge.replay.ticks.SPAN_TICKS", "bridge.replay.ticks.ROWS", "bridge.market.packed.ROWS"):
        monkeypatch.setattr(name, 20_000)
    monkeypatch.setattr("bridge.replay.engine.SAVE_EVERY_S", 0.0)


def plan(
    out: Path, *, signals: str = SIGNALS, firm: str = "apex-intraday", engine: Any = "fast", **broker: Any
) -> Plan:
    """Orders are on their way, and positions open, at the end of each day."""
    made = shipped(firm, "leveraged", 100_000.0)
    return Plan(
        name="interrupted",
        source=sample(),
        strategy=load_strategy(signals),
        settings=made.settings,
        broker=BrokerWish(**{"balance": made.balance, "latency_ms": 25 * 60_000, "slippage_points": 5.0, **broker}),
        out=out,
        engine=engine,
        said=strategy_text(signals),
    )


def entries(folder: Path) -> list[tuple[Any, ...]]:
    """Every entry of the journal in order; how it refers to evidence that was kept before is its own business."""
    db = sqlite3.connect(folder / "journal.sqlite")
    found = db.execute("SELECT seq, type, request, reply FROM entries ORDER BY seq").fetchall()
    db.close()
    return found


def go_on(wanted: Plan, spans: int) -> RunInfo:
    """Play so many spans; from where the run stands, if it has begun."""
    left = iter(range(spans - 1))
    begun = (wanted.out / CHECKPOINT_FILE).exists()
    return Replay(wanted, stop=lambda: next(left, None) is None).play(go_on=begun)


@pytest.mark.parametrize(("engine", "spans"), [("fast", 1), ("fast", 4), ("events", 2)])
def test_stopped_again_and_again_it_becomes_the_same_run(tmp_path: Path, engine: str, spans: int) -> None:
    whole = Replay(plan(tmp_path / "whole", engine=engine)).play()
    assert whole.complete
    parts = tmp_path / "in parts"
    stops = 0
    while not go_on(plan(parts, engine=engine), spans).complete:
        stops += 1
        assert not read_run(parts).info.complete
        assert (parts / CHECKPOINT_FILE).exists()
    assert stops >= 2
    assert_same(read_run(tmp_path / "whole"), read_run(parts))
    assert len(read_run(parts).trades) > 10
    assert entries(tmp_path / "whole") == entries(parts)
    assert not (parts / CHECKPOINT_FILE).exists()
    assert all(each.name in {path.name for path in (tmp_path / "whole").iterdir()} for each in parts.iterdir())


def test_every_decision_of_a_continued_run_recomputes(tmp_path: Path) -> None:
    while not go_on(plan(tmp_path / "run"), 4).complete:
        pass
    reader = JournalReader(tmp_path / "run" / "journal.sqlite")
    sizes = [entry for entry in reader.latest("size", 10_000) if entry.inputs is not None]
    assert len(sizes) > 20
    assert all(recompute(reader, entry).identical for entry in sizes)
    reader.close()


def test_a_complete_run_stays_as_it_is(tmp_path: Path) -> None:
    first = Replay(plan(tmp_path / "run")).play()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}
    assert Replay(plan(tmp_path / "run")).play(go_on=True) == first
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()} == before
    with pytest.raises(ReplayError, match="was replayed with another broker: give the same as then"):
        Replay(plan(tmp_path / "run", zone="+02:00")).play(go_on=True)


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"signals": "ma-cross"}, "strategy"),
    ({"firm": "topstep"}, "configuration"),
    ({"engine": "events"}, "engine"),
    ({"leverage": 30}, "broker"),
    ({"slippage_points": 6.0, "firm": "topstep"}, "configuration and another broker"),
]


@pytest.mark.parametrize(("changed", "named"), OTHERS, ids=[each[1] for each in OTHERS])
def test_it_does_not_go_on_with_anything_else(tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    assert not go_on(plan(tmp_path / "run"), 2).complete
    with pytest.raises(ReplayError, match=f"was replayed with another {named}: give the same as then"):
        Replay(plan(tmp_path / "run", **changed)).play(go_on=True)


def test_it_does_not_go_on_with_other_ticks(tmp_path: Path) -> None:
    assert not go_on(plan(tmp_path / "run"), 2).complete
    source = sample()
    fewer = dataclasses.replace(source, feeds=source.feeds[1:])  # type: ignore[type-var]  # it is a dataclass
    with pytest.raises(ReplayError, match="another market"):
        Replay(dataclasses.replace(plan(tmp_path / "run"), source=fewer)).play(go_on=True)


def test_a_file_of_signals_that_was_changed_is_another_strategy(tmp_path: Path) -> None:
    path = tmp_path / "signals.csv"
    path.write_text("time,symbol,side,stop\n2024-03-05T10:00:00Z,EURUSD.sim,buy,1.0\n", "utf-8")
    assert not go_on(plan(tmp_path / "run", signals=str(path)), 1).complete
    path.write_text("time,symbol,side,stop\n2024-03-05T10:00:00Z,EURUSD.sim,buy,1.01\n", "utf-8")
    with pytest.raises(ReplayError, match="another strategy"):
        Replay(plan(tmp_path / "run", signals=str(path))).play(go_on=True)


def test_code_that_was_changed_is_another_strategy_and_its_folder_does_not_matter(tmp_path: Path) -> None:
    code = "from bridge.replay.examples import MovingAverageCross\n\ndef make():\n    return MovingAverageCross()\n"
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "mine.py").write_text(code, "utf-8")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    one, two = (strategy_text(f"{tmp_path / name / 'mine.py'}:make") for name in ("one", "two"))
    assert one == two
    assert one.startswith("mine.py:make (")
    (tmp_path / "two" / "mine.py").write_text(code + "\n", "utf-8")
    assert strategy_text(f"{tmp_path / 'two' / 'mine.py'}:make") != one


def test_what_never_began_and_what_is_damaged_cannot_go_on(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="it has no checkpoint"):
        Replay(plan(tmp_path / "none")).play(go_on=True)
    out = tmp_path / "run"
    assert not go_on(plan(out), 2).complete
    shutil.copytree(out, tmp_path / "without journal")
    for path in (tmp_path / "without journal").glob("journal*"):
        path.unlink()
    with pytest.raises(ReplayError, match=r"journal.sqlite has lost entries: replay into a new folder"):
        Replay(plan(tmp_path / "without journal")).play(go_on=True)
    shutil.copytree(out, tmp_path / "without trades")
    (tmp_path / "without trades" / "trades.parquet").unlink()
    with pytest.raises(ReplayError, match=r"trades.parquet is missing: replay into a new folder"):
        Replay(plan(tmp_path / "without trades")).play(go_on=True)
    (out / CHECKPOINT_FILE).write_bytes(b"\x81")
    with pytest.raises(ReplayError, match=r"checkpoint.msgpack cannot be read .*: replay into a new folder"):
        Replay(plan(out)).play(go_on=True)


def test_a_folder_with_anything_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ReplayError, match="is not empty: name a new folder with --out, or go on with --continue"):
        Replay(plan(tmp_path)).play()
    with pytest.raises(ReplayError, match="cannot be made"):
        Replay(plan(tmp_path / "notes.txt")).play()


def test_without_pyarrow_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ReplayError, match=r'pip install "lotbridge\[data\]"'):
        Replay(plan(tmp_path / "run")).play()
    assert not (tmp_path / "run").exists()


PROGRAM = """
import os, signal, sys, types
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from bridge.market import packed
from bridge.replay import columns, engine, ticks
from tests.replay import test_replay_continue as own

ticks.SPAN_TICKS = ticks.ROWS = packed.ROWS = 20_000
engine.SAVE_EVERY_S = 0.0
left = int(sys.argv[3])

def fsync(number):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    os.fsync(number)

columns.os = types.SimpleNamespace(fsync=fsync)
engine.Replay(own.plan(Path(sys.argv[2]))).play()
"""
"""Plays, and dies while the file of that number is written: five of a run, then the checkpoint, and so on."""


def killed(out: Path, at: int) -> int:
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root), str(out), str(at)],
        check=False, timeout=120, env={**os.environ, "PYTHONPATH": str(root)},
    ).returncode  # fmt: skip


@pytest.mark.parametrize("at", [7, 11, 12, 25], ids=["decisions", "run", "checkpoint", "later"])
def test_after_a_kill_while_it_writes_it_becomes_the_same_run(tmp_path: Path, at: int) -> None:
    assert killed(tmp_path / "killed", at) == KILLED
    assert list((tmp_path / "killed").glob(".*.tmp"))
    info = Replay(plan(tmp_path / "killed")).play(go_on=True)
    assert info.complete
    Replay(plan(tmp_path / "whole")).play()
    assert_same(read_run(tmp_path / "whole"), read_run(tmp_path / "killed"))
    assert entries(tmp_path / "whole") == entries(tmp_path / "killed")
    assert not list((tmp_path / "killed").glob(".*.tmp"))


def test_killed_before_the_first_checkpoint_it_says_so(tmp_path: Path) -> None:
    assert killed(tmp_path / "killed", 6) == KILLED
    with pytest.raises(ReplayError, match="stopped before its first days were done: replay into a new folder"):
        Replay(plan(tmp_path / "killed")).play(go_on=True)
