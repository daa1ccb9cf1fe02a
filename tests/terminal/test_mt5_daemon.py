"""The whole daemon over fake terminals: one that hangs costs the others nothing, and no child outlives it."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.client import Client
from bridge.terminal.feed import FeedTerminal
from bridge.terminal.mt5.terminal import Mt5Terminal
from tests.bridge.builders import account_settings
from tests.builders import NOW_MS, make_broker
from tests.cli.mt5_folder import mt5_folder
from tests.cli.processes import free_address, serving
from tests.settings.builders import append, swap
from tests.terminal.fake_mt5.terminal import FakeTerminal
from tests.terminal.mt5_rig import PACKAGES

WAIT_S = 60.0
FED = 7


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTerminal]:
    monkeypatch.setenv("PYTHONPATH", str(PACKAGES))
    broker = make_broker()
    broker.advance(NOW_MS + 60_000)
    made = FakeTerminal(tmp_path / "terminal", broker, offset_ms=3 * 3_600_000)
    made.live = True
    yield made
    made.close()


@pytest.fixture
def folder(fake: FakeTerminal, tmp_path: Path) -> Path:
    """A daemon's folder with a live and a fed account."""
    made = mt5_folder(tmp_path, fake)
    append(
        made,
        "bridge.toml",
        f'[[accounts]]\nlogin = {FED}\nterminal = "ea_feed"\nfirm = "own-account"\ninitial_balance = 1000.0\n',
    )
    return made


def served(folder: Path) -> str:
    address = free_address()
    swap(folder, "bridge.toml", "tcp://127.0.0.1:5757", address)
    return address


def connected(client: Client, *, wanted: bool) -> None:
    """Return once the live account is connected, or is not any more."""
    deadline = time.monotonic() + WAIT_S
    while client.status().terminal.connected is not wanted:
        assert time.monotonic() < deadline


def test_hanging_child_delays_no_other_accounts_answer(fake: FakeTerminal, folder: Path) -> None:
    address = served(folder)
    with serving("--config", str(folder), address=address, probe=False) as daemon:
        with Client(address, account=fake.broker.login) as live, Client(address, account=FED, attempts=1) as fed:
            connected(live, wanted=True)
            assert live.status().terminal.source == "mt5"
            fake.do["positions_get"] = {"do": "hang"}
            slowest, begun = 0.0, time.monotonic()
            while live.status().terminal.connected:
                asked = time.monotonic()
                assert fed.status().account == FED
                slowest = max(slowest, time.monotonic() - asked)
                assert time.monotonic() - begun < WAIT_S
            assert live.size("EURUSD", "buy", stop_loss=1.09).code == "terminal_unavailable"
            assert slowest < 0.5
            fake.do.clear()
            connected(live, wanted=True)
        daemon.terminate()
        _out, log = daemon.communicate(timeout=WAIT_S)
        assert daemon.returncode == 0
        assert "terminal_attached" in log
        assert "terminal_lost" in log


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_child_does_not_outlive_a_daemon_that_is_killed(fake: FakeTerminal, folder: Path) -> None:
    address = served(folder)
    with serving("--config", str(folder), address=address, probe=False) as daemon:
        with Client(address, account=fake.broker.login) as live:
            connected(live, wanted=True)
        assert not fake.left.is_set()
        daemon.kill()
        daemon.communicate()
        assert fake.left.wait(WAIT_S)


@pytest.mark.skipif(sys.platform != "linux", reason="Windows has job objects for it; elsewhere nothing is promised")
def test_hanging_child_does_not_outlive_a_daemon_that_is_killed(fake: FakeTerminal, folder: Path) -> None:
    """It holds the interpreter lock: nothing of its own can notice that the daemon has gone."""
    address = served(folder)
    with serving("--config", str(folder), address=address, probe=False) as daemon:
        with Client(address, account=fake.broker.login) as live:
            connected(live, wanted=True)
        fake.do["positions_get"] = {"do": "hang"}
        fake.await_calls("positions_get", fake.calls["positions_get"] + 1)
        assert not fake.left.is_set()
        daemon.kill()
        daemon.communicate()
        assert fake.left.wait(WAIT_S)


def test_snapshot_of_an_ea_is_refused_for_a_live_account() -> None:
    """The service takes snapshots for fed accounts alone; the live terminal is none of those."""
    assert not issubclass(Mt5Terminal, FeedTerminal)
    assert account_settings().mt5 is None
