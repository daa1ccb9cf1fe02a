"""Daemons that let nobody in without a password or a key."""

from pathlib import Path

import zmq.auth

from tests.cli.conftest import Run
from tests.cli.processes import free_address, serving


def guarded(run: Run, folder: Path, mechanism: str, user: str) -> str:
    """A configuration folder whose daemon demands proof; its address."""
    run("init", folder)
    address, path = free_address(), folder / "bridge.toml"
    text = path.read_text("utf-8").replace("tcp://127.0.0.1:5757", address)
    text = text.replace('mechanism = "null"\n', f'mechanism = "{mechanism}"\n', 1)
    if mechanism == "curve":
        run("keys", folder, "server")
        text = text.replace("# secret_key_file", "secret_key_file")
    path.write_text(f"{text}\n[[auth.users]]\nname = 'ea'\n{user}\naccounts = [1000001]\n", "utf-8")
    return address


def test_a_password_is_taken_from_the_configuration_or_given(run: Run, tmp_path: Path) -> None:
    """Whoever may read the folder may ask; others need name and password."""
    folder = tmp_path / "plain"
    address = guarded(run, folder, "plain", "password = 'swordfish'")
    with serving("--config", str(folder), address=address, probe=False):
        assert run("status", "--config", folder).code == 0
        assert run("status", "--address", address, "--user", "ea", "--password", "swordfish").code == 0
        wrong = run("status", "--address", address, "--user", "ea", "--password", "guess")
        assert (wrong.code, wrong.out) == (1, "")
        assert run("status", "--config", folder, "--account", "5").code == 1


def test_a_file_that_is_wrong_keeps_nobody_from_halting_the_daemon_that_runs(run: Run, tmp_path: Path) -> None:
    """Somebody edits the rules, makes a mistake, and wants to stop trading at once."""
    folder = tmp_path / "plain"
    address = guarded(run, folder, "plain", "password = 'swordfish'")
    with serving("--config", str(folder), address=address, probe=False):
        (folder / "policy.toml").write_text("[risk]\nbase_risk_pct = 'much'\n", "utf-8")
        assert run("halt", "--reason", "stop", "--config", folder).code == 0
        assert run("check", "--config", folder).code == 2


def test_curve_keys_made_by_the_command_let_their_owner_in(run: Run, tmp_path: Path) -> None:
    """The secret file and the daemon's public key, which the configuration leads to or which is given."""
    run("keys", tmp_path / "mine", "ea")
    key = tmp_path / "mine" / "ea.key_secret"
    public = zmq.auth.load_certificate(key)[0].decode()
    folder = tmp_path / "curve"
    address = guarded(run, folder, "curve", f"public_key = '{public}'")
    server = zmq.auth.load_certificate(folder / "server.key")[0].decode()
    with serving("--config", str(folder), address=address, probe=False):
        assert run("status", "--config", folder, "--key", key).code == 0
        assert run("status", "--address", address, "--key", key, "--server-key", server).code == 0
        without = run("status", "--config", folder)
        assert (without.code, without.out) == (2, "")
        assert "--key" in without.err
        assert run("status", "--config", folder, "--key", folder / "server.key").code == 2
        assert run("status", "--config", folder, "--key", tmp_path / "none").code == 2
        assert run("status", "--address", address, "--key", key).code == 2
        assert run("status", "--address", address).code == 1


def test_an_open_port_of_the_system_must_be_named(run: Run, tmp_path: Path) -> None:
    """With port 0 only the daemon's log knows the address."""
    run("init", tmp_path / "config")
    path = tmp_path / "config" / "bridge.toml"
    path.write_text(path.read_text("utf-8").replace(":5757", ":0"), "utf-8")
    outcome = run("status")
    assert (outcome.code, outcome.out) == (1, "")
    assert "--address" in outcome.err
