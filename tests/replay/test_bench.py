"""The replay's benchmark: what it plays is what it says, both engines play the same, all is measured."""

import csv
import subprocess
import sys

import numpy as np
import pytest

from bridge.bench import replay_scene as scene
from bridge.bench import ticks
from bridge.bench.replay import replay_figures
from bridge.replay.run import read_run
from bridge.replay.ticks import DAY_MS, open_source

COUNT = 200_000


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return ticks.cached(COUNT, 4, cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def whole(recording):
    return scene.held(open_source(recording))


@pytest.fixture
def prepared(whole, tmp_path):
    scene.write_signals(tmp_path / "signals.csv", whole.spans())
    return scene.write_configuration(tmp_path / "config"), tmp_path / "signals.csv"


def test_what_is_held_is_the_recording(recording, whole):
    (span,) = whole.spans()
    found, expected = span.ticks["EURUSD"], ticks.generate(COUNT, 4)
    assert np.array_equal(found.time_ms, expected.time_ms)
    assert np.array_equal(found.ask, expected.ask)
    assert (whole.count, whole.end_ms) == (COUNT, open_source(recording).end_ms)
    assert list(whole.spans(span.end_ms)) == []


def test_a_part_is_whole_days_with_enough_ticks(whole):
    part = scene.held(whole, 60_000)
    (span,) = part.spans()
    assert 60_000 <= part.count == len(span.ticks["EURUSD"].time_ms) < COUNT
    assert span.end_ms % DAY_MS == 0
    assert part.end_ms < span.end_ms
    (rest,) = whole.spans()
    assert rest.ticks["EURUSD"].time_ms[part.count] >= span.end_ms


def test_there_is_a_signal_for_every_5000_ticks_whatever_the_spans(whole, tmp_path):
    (span,) = whole.spans()
    assert scene.write_signals(tmp_path / "one.csv", [span]) == COUNT // scene.EVERY
    series = span.ticks["EURUSD"]
    parts = [ticks.TickSeries(time_ms=series.time_ms[a:b], bid=series.bid[a:b], ask=series.ask[a:b])
             for a, b in ((0, 7), (7, 61_234), (61_234, COUNT))]  # fmt: skip
    scene.write_signals(tmp_path / "three.csv", [span._replace(ticks={"EURUSD": part}) for part in parts])
    rows = [
        list(csv.DictReader((tmp_path / name).read_text(encoding="ascii").splitlines()))
        for name in ("one.csv", "three.csv")
    ]
    assert [row["time"] for row in rows[0]] == [row["time"] for row in rows[1]]
    assert {row["side"] for row in rows[0]} == {"buy", "sell"}
    assert all((float(row["stop"]) < float(row["target"])) == (row["side"] == "buy") for row in rows[0])


def test_nearly_every_decision_becomes_a_trade_and_both_engines_agree(whole, prepared, tmp_path):
    infos = [scene.play(whole, *prepared, tmp_path / engine, engine) for engine in ("fast", "events")]
    result = infos[0].result
    assert result.decisions == COUNT // scene.EVERY
    assert result.trades >= 0.95 * result.decisions
    assert result.breach is None
    assert infos[1].result.balance == result.balance
    assert infos[1].result.trades == result.trades


def test_the_command_plays_the_same_and_notes_its_memory(recording, whole, prepared, tmp_path):
    account, signals = prepared
    scene.command(recording, tmp_path / "config", signals, tmp_path / "command", tmp_path / "memory")
    ours = scene.play(whole, account, signals, tmp_path / "ours")
    theirs = read_run(tmp_path / "command").info
    assert theirs.result.balance == ours.result.balance
    assert theirs.result.trades == ours.result.trades
    noted = (tmp_path / "memory").read_text(encoding="ascii")
    assert (30 < float(noted) < 2000) if sys.platform in ("linux", "darwin") else noted == ""


def test_a_command_that_fails_is_no_figure(recording, prepared, tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        scene.command(recording, tmp_path / "config", tmp_path / "none.csv", tmp_path / "run", tmp_path / "memory")


def test_every_figure_is_measured_in_each_round(tmp_path, monkeypatch):
    monkeypatch.setattr(ticks.platformdirs, "user_cache_path", lambda _: tmp_path)
    said = []
    found = replay_figures(100_000, 2, said.append)
    assert said[1:] == ["round 1 of 2 ...", "round 2 of 2 ..."]
    assert (found.ticks, found.part, found.decisions) == (100_000, 100_000, 20)
    assert all(each.best >= each.median > 0 for each in (found.fast, found.streamed, found.events, found.read))
    assert all(0 < each.best <= each.median for each in (found.command_s, found.odds_s))
    assert 1 < found.bytes_per_tick < 4
