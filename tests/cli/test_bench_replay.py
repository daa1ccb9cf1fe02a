"""`lotbridge bench replay`: every figure beside its target. The measuring is tested in tests/replay."""

import json

from bridge.bench.replay import ReplayFigures, Several
from bridge.cli import bench_replay


def test_lines_say_met_or_missed_by_the_median(run, monkeypatch):
    slow, fast = Several(99.0, 0.1), Several(200.0, 150.0)
    found = _figures(fast=slow, read=fast, peak_mb=None, bytes_per_tick=2.5)
    monkeypatch.setattr(bench_replay, "replay_figures", lambda *_: found)
    printed = json.loads(run("bench", "replay", "--json").out)["figures"]
    by_name = {line["name"]: line for line in printed}
    assert by_name["fast engine, in memory"]["met"] is False
    assert by_name["packed ticks decoded"]["met"] is True
    assert by_name["packed ticks on disk"]["met"] is True
    assert by_name["its peak memory"]["met"] is None
    shown = run("bench", "replay").out
    assert "MISSED" in shown
    assert "not measured" in shown


def _figures(**changed):
    """Some that meet every target."""
    figures = {
        "ticks": 10_000_000, "part": 1_000_000, "decisions": 2000, "trades": 1990, "fast": Several(50.0, 40.0),
        "streamed": Several(40.0, 35.0), "events": Several(1.0, 0.5), "read": Several(120.0, 110.0),
        "command_s": Several(1.0, 2.0), "peak_mb": 300.0, "bytes_per_tick": 2.3, "odds_s": Several(0.1, 0.2),
    }  # fmt: skip
    return ReplayFigures(**(figures | changed))
