"""The sample of mql5/README.md: it is taken out of the page, compiled as it stands, and trades."""

import re
from pathlib import Path

import pytest

from tests.bridge.builders import Rig
from tests.bridge.sockets import Running
from tests.builders import LOGIN, NOW_MS
from tests.mql5 import builds, lint, preprocess
from tests.mql5.driver import Driver


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The page's one piece of MQL5, as a file."""
    page = (preprocess.SOURCES / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```mql5\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "Sample.mq5"
    path.write_text(code, encoding="utf-8")
    return path


@pytest.fixture
def built(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if builds.compiler() is None:
        pytest.skip("there is no g++ to compile the MQL5 sources with")
    preprocess.write(tmp_path / "sources")
    names = preprocess.collect([*preprocess.sources(), sample])
    with monkeypatch.context() as patch:
        patch.setattr(preprocess, "ROOT", tmp_path)  # a file is named relative to it
        text = preprocess.Rewriter(sample, names).rewritten()
    (tmp_path / "sources" / sample.name).write_text(text, encoding="utf-8")
    return builds.build("sample", tmp_path)


def test_the_sample_is_mql5(sample: Path) -> None:
    assert lint.check([sample]) == []


def test_the_sample_compiles_and_trades(built: Path, rig: Rig, running: Running) -> None:
    with Driver(built) as terminal:
        assert terminal.do("init", login=LOGIN, now_ms=NOW_MS, address=running.address)["result"] == 0
        assert terminal.do("buy", stop=1.095)["positions"] == 1
        assert rig.reserved() > 0, "reported, and not shown by the feed yet"
        refused = terminal.do("buy", stop=1.2)
    assert refused["positions"] == 1
    assert "stop_wrong_side" in refused["printed"]
    known = filter(None, (rig.desks[0].reservation(f"r{number}") for number in range(1, 20)))
    (trade,) = known
    assert (trade.state, len(trade.fills), trade.magic) == ("open", 1, 7001)
