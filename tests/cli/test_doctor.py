"""`lotbridge doctor` against fake terminals and a real daemon: what it finds, and what it says to do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq.auth

from bridge.cli import doctor_mt5
from tests.builders import NOW_MS, make_broker, make_symbol
from tests.cli.conftest import Run
from tests.cli.mt5_folder import mt5_folder
from tests.cli.processes import free_address, serving
from tests.settings.builders import swap, write_folder
from tests.terminal.fake_mt5.terminal import FakeTerminal
from tests.terminal.mt5_rig import PACKAGES


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTerminal]:
    """A terminal whose ticks are live and two hours ahead of UTC."""
    monkeypatch.setenv("PYTHONPATH", str(PACKAGES))
    broker = make_broker()
    broker.advance(NOW_MS + 60_000)
    made = FakeTerminal(tmp_path / "terminal", broker, offset_ms=2 * 3_600_000)
    made.live = True
    yield made
    made.close()


def findings(run: Run, folder: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code, and what was found by the name of the check; of several the worst."""
    outcome = run("doctor", "--config", folder, "--json")
    reply = json.loads(outcome.out)
    assert reply["ok"] == (outcome.code == 0)
    order = {"ok": 0, "warning": 1, "failed": 2}
    (account,) = reply["accounts"]
    found = sorted(account["findings"], key=lambda each: order[each["state"]])
    assert all(each["remedy"] for each in found if each["state"] != "ok")
    return outcome.code, {each["check"]: each for each in found}


def test_healthy_terminal_has_nothing_to_do(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    code, found = findings(run, mt5_folder(tmp_path, fake))
    assert code == 0
    assert {each["state"] for each in found.values()} == {"ok"}
    assert found["broker's clock"]["text"].startswith("UTC+2 h")
    assert "EURUSD, USDJPY" in found["symbols"]["text"]
    assert set(found) == {
        "terminal", "account", "connection", "trading", "algo trading", "broker's clock", "symbols", "tick values",
        "margin",
    }  # fmt: skip


def test_margin_rates_that_nothing_confirms_are_told(
    run: Run, fake: FakeTerminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_mt5.look_at_terminal, "__defaults__", (0.5,))
    fake.margin = lambda margin, _volume, _price: margin * 0.25
    code, found = findings(run, mt5_folder(tmp_path, fake))
    assert code == 0
    assert found["margin"]["state"] == "warning"
    assert "EURUSD buy 0.25" in found["margin"]["text"]


def test_margin_tiers_are_told(run: Run, fake: FakeTerminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_mt5.look_at_terminal, "__defaults__", (0.5,))
    fake.margin = lambda margin, volume, _price: margin * (2 if volume > 20 else 1)
    code, found = findings(run, mt5_folder(tmp_path, fake))
    assert code == 1
    assert found["margin"]["state"] == "failed"
    assert "EURUSD buy:" in found["margin"]["text"]
    assert "at 50 lots" in found["margin"]["text"]


def test_page_for_people_names_state_and_remedy(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    fake.over["terminal"] = {"trade_allowed": False}
    outcome = run("doctor", "--config", mt5_folder(tmp_path, fake))
    assert outcome.code == 1
    text = " ".join(outcome.out.split())
    assert "failed algo trading: the terminal's switch is off" in text
    assert "What to do: Press Algo Trading in the toolbar" in text


def test_everything_that_is_wrong_is_found_at_once(
    run: Run, fake: FakeTerminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_mt5.look_at_terminal, "__defaults__", (0.5,))
    fake.live = False
    fake.over = {
        "terminal": {"connected": False, "trade_allowed": False},
        "account": {"trade_expert": False},
        "EURUSD": {"trade_tick_value_loss": 1.5},
        "USDJPY": {"point": 0.0},
    }
    folder = mt5_folder(tmp_path, fake, 'symbols_watched = ["EURUSD", "USDJPY", "NOPE"]')
    code, found = findings(run, folder)
    assert code == 1
    states = {name: each["state"] for name, each in found.items()}
    assert states == {
        "terminal": "ok", "account": "ok", "connection": "failed", "trading": "failed", "algo trading": "failed",
        "broker's clock": "warning", "symbols": "failed", "figures": "failed", "tick values": "failed",
        "margin": "ok",
    }  # fmt: skip
    assert "NOPE" in found["symbols"]["text"]
    assert "EURUSD: trade_tick_value_loss" in found["tick values"]["text"]


def test_symbol_that_no_pattern_matches_is_a_warning(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    rows = [(NOW_MS + i * 1_000, 1.1, 1.1001) for i in range(10)]
    broker = make_broker(make_symbol(rows), make_symbol(rows, name="ZZTOP"))
    broker.advance(NOW_MS + 5_000)
    other = FakeTerminal(tmp_path / "other", broker)
    other.live = True
    code, found = findings(run, mt5_folder(tmp_path, other))
    other.close()
    assert code == 0
    assert found["symbols"]["state"] == "warning"
    assert found["symbols"]["text"] == "no pattern matches ZZTOP"


def test_other_account_in_the_terminal_is_told_with_its_remedy(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    fake.over["account"] = {"login": 7}
    code, found = findings(run, mt5_folder(tmp_path, fake))
    assert code == 1
    assert "shows account 7" in found["terminal"]["text"]


def test_hanging_terminal_is_told_and_not_waited_for(
    run: Run, fake: FakeTerminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.terminal.mt5.dialogue.SILENCE_S", 0.5)
    fake.do["symbol_info"] = {"do": "hang"}
    code, found = findings(run, mt5_folder(tmp_path, fake))
    assert code == 1
    assert "did not answer in time" in found["terminal"]["text"]


def test_missing_package_is_told(run: Run, fake: FakeTerminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code, found = findings(run, mt5_folder(tmp_path, fake))
    assert code == 1
    assert "lotbridge[mt5]" in found["terminal"]["remedy"]


def test_daemon_that_does_not_run_is_told(run: Run, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    swap(folder, "bridge.toml", "127.0.0.1:5757", "127.0.0.1:1")
    code, found = findings(run, folder)
    assert code == 1
    assert found["daemon"]["state"] == "failed"
    assert "lotbridge serve" in found["daemon"]["remedy"]


def test_suggested_command_can_be_typed_where_the_folder_has_a_blank(run: Run, tmp_path: Path) -> None:
    parent = tmp_path / "my folder"
    parent.mkdir()
    folder = write_folder(parent)
    swap(folder, "bridge.toml", "127.0.0.1:5757", "127.0.0.1:1")
    _, found = findings(run, folder)
    assert found["daemon"]["remedy"].endswith(f'lotbridge serve --config "{folder}"')


def test_key_that_is_not_there_or_not_needed_is_told(run: Run, tmp_path: Path) -> None:
    folder, key = write_folder(tmp_path), tmp_path / "none.key_secret"

    def finding() -> dict[str, Any]:
        (found,) = json.loads(run("doctor", "--config", folder, "--key", key, "--json").out)["accounts"][0]["findings"]
        return dict(found)

    assert 'No key is needed: [auth] mechanism is "null"' in finding()["text"]
    assert "serve" not in finding()["remedy"]
    run("keys", folder, "server")
    swap(folder, "bridge.toml", 'mechanism = "null"', 'mechanism = "curve"')
    swap(folder, "bridge.toml", "# secret_key_file", "secret_key_file")
    with (folder / "bridge.toml").open("a", encoding="utf-8") as file:
        public = zmq.auth.load_certificate(folder / "server.key")[0].decode()
        file.write(f"\n[[auth.users]]\nname = 'ea'\npublic_key = '{public}'\naccounts = [1000001]\n")
    assert f"The key file {key} is not there" in finding()["text"]


def test_daemon_that_nobody_feeds_is_told(run: Run, tmp_path: Path) -> None:
    folder, address = write_folder(tmp_path), free_address()
    swap(folder, "bridge.toml", "tcp://127.0.0.1:5757", address)
    with serving("--config", str(folder), address=address) as daemon:
        code, found = findings(run, folder)
        daemon.terminate()
        daemon.communicate()
    assert code == 1
    assert found["daemon"]["state"] == "ok"
    assert "no EA feeds the account" in found["feed"]["text"]


def test_recording_needs_nothing(run: Run, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    swap(folder, "bridge.toml", 'terminal = "ea_feed"', 'terminal = "recorded"\nmarket = "sample"')
    code, found = findings(run, folder)
    assert code == 0
    assert found["recording"]["state"] == "ok"


def test_broken_configuration_is_listed(run: Run, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    swap(folder, "bridge.toml", 'terminal = "ea_feed"', 'terminal = "mt5"')
    outcome = run("doctor", "--config", folder, "--json")
    assert outcome.code == 2
    problems = " ".join(json.loads(outcome.out)["problems"])
    assert "accounts[0].path: is missing" in problems
    assert "accounts[0].server: is missing" in problems


def test_unknown_account_is_told(run: Run, tmp_path: Path) -> None:
    outcome = run("doctor", "--config", write_folder(tmp_path), "--account", "7")
    assert outcome.code == 2
    assert "7 is no account" in outcome.err
