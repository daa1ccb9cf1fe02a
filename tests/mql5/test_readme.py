"""The samples of mql5/README.md: they are taken out of the page, compiled as they stand, and trade."""

import re
from pathlib import Path

import pytest

from tests.bridge.builders import Rig
from tests.bridge.sockets import Running
from tests.builders import LOGIN, NOW_MS
from tests.mql5 import builds, lint, preprocess
from tests.mql5.driver import Driver
from tests.mql5.peers import playing
from tests.mql5.test_instructions import Desk, todo


def sample(at: int, tmp_path: Path) -> Path:
    """One of the page's pieces of MQL5, as a file."""
    page = (preprocess.SOURCES / "README.md").read_text(encoding="utf-8")
    trading, managing = re.findall(r"```mql5\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "Sample.mq5"
    path.write_text((trading, managing)[at], encoding="utf-8")
    return path


def build(at: int, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if builds.compiler() is None:
        pytest.skip("there is no g++ to compile the MQL5 sources with")
    path = sample(at, tmp_path)
    preprocess.write(tmp_path / "sources")
    names = preprocess.collect([*preprocess.sources(), path])
    with monkeypatch.context() as patch:
        patch.setattr(preprocess, "ROOT", tmp_path)  # a file is named relative to it
        text = preprocess.Rewriter(path, names).rewritten()
    (tmp_path / "sources" / path.name).write_text(text, encoding="utf-8")
    return builds.build(program, tmp_path)


@pytest.mark.parametrize("at", [0, 1])
def test_the_samples_are_mql5(at: int, tmp_path: Path) -> None:
    assert lint.check([sample(at, tmp_path)]) == []


def test_the_sample_compiles_and_trades(
    rig: Rig, running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Driver(build(0, "sample", tmp_path, monkeypatch)) as terminal:
        assert terminal.do("init", login=LOGIN, now_ms=NOW_MS, address=running.address)["result"] == 0
        assert terminal.do("buy", stop=1.095)["positions"] == 1
        assert rig.reserved() > 0, "reported, and not shown by the feed yet"
        refused = terminal.do("buy", stop=1.2)
    assert refused["positions"] == 1
    assert "stop_wrong_side" in refused["printed"]
    known = filter(None, (rig.desks[0].reservation(f"r{number}") for number in range(1, 20)))
    (trade,) = known
    assert (trade.state, len(trade.fills), trade.magic) == ("open", 1, 7001)


def test_the_manager_compiles_and_carries_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    (name,) = desk.give(todo("close_partial", lots=0.4))
    built = build(1, "manager", tmp_path, monkeypatch)
    with playing(desk.play) as peer, Driver(built) as terminal:
        terminal.do("init", login=LOGIN, now_ms=NOW_MS, address=peer.address, ticket=500)
        assert terminal.do("timer")["volume"] == 0.6
    assert desk.results() == [(name, "done", 0.4)]
    assert desk.asked[0]["symbols"] == ["EURUSD"]
    assert desk.asked[0]["signals"] == [{"symbol": "EURUSD", "direction": "bullish", "confidence": 72}]
