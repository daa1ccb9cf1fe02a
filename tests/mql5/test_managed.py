"""The whole way: the real daemon's rules, an EA that feeds it and carries out what it orders, and a small broker."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.settings.model import PositionFiles
from tests.bridge.builders import Rig, account_settings
from tests.bridge.sockets import serving
from tests.builders import LOGIN, NOW_MS
from tests.manager.rig import ACTIVE, SHARE
from tests.mql5.conftest import Program
from tests.mql5.driver import Driver

DEADLINE_MS = 20_000


def rig_with(folder: Path, text: str, kind: str) -> Rig:
    """A daemon that an EA is yet to feed, with one file of rules."""
    path = folder / f"{kind}.toml"
    path.write_text(text, encoding="utf-8")
    files = PositionFiles(active=path) if kind == "active" else PositionFiles(share=(path,))
    return Rig(folder, account_settings(positions=files), now_ms=NOW_MS - 1)


def begin(terminal: Driver, address: str, folder: Path) -> None:
    terminal.do("begin", login=LOGIN, now_ms=NOW_MS, globals=str(folder / "gvariables.dat"))
    terminal.do("history", hours=200)
    terminal.do("connect", address=address, deadline_ms=DEADLINE_MS)


def second(terminal: Driver, rig: Rig, bid: float, ms: int = 10_000) -> dict[str, Any]:
    """The daemon sees what the terminal shows, and the EA asks."""
    terminal.do("pass", ms=ms)
    rig.tick(ms)
    terminal.do("quote", bid=bid)
    assert terminal.do("feed")["told"]
    return terminal.do("timer")


@pytest.fixture
def active(tmp_path: Path) -> Iterator[Rig]:
    rig = rig_with(tmp_path, ACTIVE, "active")
    yield rig
    rig.close()


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Rig]:
    rig = rig_with(tmp_path, SHARE, "share")
    yield rig
    rig.close()


def past(rig: Rig) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rig.ask(type="positions", history=10)["history"]
    return found


def test_profit_is_taken_and_the_stop_moved_once(program: Program, active: Rig, tmp_path: Path) -> None:
    with serving(active) as running, Driver(program("instructions")) as terminal:
        begin(terminal, running.address, tmp_path)
        terminal.do("hold", ticket=500, price=1.1, sl=1.095, tp=1.13)
        assert terminal.do("feed", symbol="EURUSD")["told"]
        assert second(terminal, active, 1.1)["sent"] == []
        seen = second(terminal, active, 1.115)
        (position,) = seen["positions"]
        assert (position["volume"], position["sl"], position["tp"]) == (0.5, 1.1011, 1.13)
        assert (len(seen["sent"]), seen["waiting"]) == (2, 0)
        for _ in range(10):
            seen = second(terminal, active, 1.115)
        assert len(seen["sent"]) == 2
        assert {each["kind"]: (each["state"], each["filled"]) for each in past(active)} == {
            "close_partial": ("done", 0.5), "modify_stop": ("done", 0.0),
        }  # fmt: skip


def test_what_nobody_knows_is_found_by_the_daemon_and_not_done_twice(
    program: Program, active: Rig, tmp_path: Path
) -> None:
    """The terminal is killed after the broker has closed a part; another one goes on."""
    with serving(active) as running:
        with Driver(program("instructions")) as first:
            begin(first, running.address, tmp_path)
            first.do("hold", ticket=500, price=1.1, sl=1.095, tp=1.13)
            assert first.do("feed", symbol="EURUSD")["told"]
            second(first, active, 1.1)
            first.do("pass", ms=10_000)
            active.tick(10_000)
            first.do("quote", bid=1.115)
            assert first.do("feed")["told"]
            first.do("script", kills=True)
            first.do_killed("timer")
        with Driver(program("instructions")) as after:
            begin(after, running.address, tmp_path)
            after.do("pass", ms=60_000)
            active.tick(40_000)
            after.do("hold", ticket=500, price=1.1, sl=1.095, tp=1.13, lots=0.5)
            after.do("quote", bid=1.115)
            assert after.do("feed", symbol="EURUSD")["told"]
            for _ in range(5):
                seen = second(after, active, 1.115)
            assert [each["position"] for each in seen["sent"]] == [500], "the stop, which had not been moved"
            assert seen["positions"][0]["volume"] == 0.5
            assert seen["positions"][0]["sl"] == 1.1011
        parts = [each for each in past(active) if each["kind"] == "close_partial"]
        assert [(each["state"], each["filled"]) for each in parts] == [("done", 0.5)]


def test_a_share_is_opened_and_booked(program: Program, share: Rig, tmp_path: Path) -> None:
    """By a signal; its fill is booked from the report, and counted once when the terminal shows the position."""
    with serving(share) as running, Driver(program("instructions")) as terminal:
        begin(terminal, running.address, tmp_path)
        assert terminal.do("feed", symbol="EURUSD")["told"]
        terminal.do("signal", symbol="EURUSD", direction="bullish", confidence=80, risk="")
        seen = second(terminal, share, 1.1)
        (sent,) = seen["sent"]
        (position,) = seen["positions"]
        assert position["volume"] == sent["volume"] > 0
        assert 0 < sent["sl"] < 1.1
        assert seen["waiting"] == 0
        second(terminal, share, 1.1)
        status = share.status()
        assert status["reserved_risk"] == 0
        assert status["open_risk"] > 0
        (done,) = past(share)
        assert (done["kind"], done["state"], done["filled"]) == ("open", "done", sent["volume"])
