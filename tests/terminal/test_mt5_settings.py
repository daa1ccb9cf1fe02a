"""Accounts with terminal = "mt5": what bridge.toml may say, and what stops the start."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.errors import ConfigError
from bridge.settings import Mt5Settings, load
from tests.settings.builders import append, swap, write_folder

ACCOUNT = '[[accounts]]\nlogin = {login}\nfirm = "own-account"\ninitial_balance = 1000.0\n'


def live(folder: Path, more: str = "", exe: str = "terminal64.exe") -> Path:
    """The shipped account as one of a live terminal that stands in the folder."""
    (folder / "terminal64.exe").write_bytes(b"")
    swap(folder, "bridge.toml", 'terminal = "ea_feed"', f"terminal = 'mt5'\npath = '{exe}'\nserver = 'S-Demo'\n{more}")
    return folder


def problem(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder)
    return str(caught.value)


def test_settings_of_a_live_terminal(tmp_path: Path) -> None:
    folder = live(write_folder(tmp_path), 'portable = true\nsymbols_watched = ["EURUSD.x"]')
    (account,) = load(folder).accounts
    expected = Mt5Settings(path=folder / "terminal64.exe", server="S-Demo", portable=True, symbols=("EURUSD.x",))
    assert account.mt5 == expected
    assert account.market is None


def test_full_path_is_taken_as_it_is(tmp_path: Path) -> None:
    exe = tmp_path / "somewhere" / "terminal64.exe"
    exe.parent.mkdir()
    exe.write_bytes(b"")
    (account,) = load(live(write_folder(tmp_path), exe=str(exe))).accounts
    assert account.mt5 is not None
    assert account.mt5.path == exe


def test_fed_and_live_accounts_stand_side_by_side(tmp_path: Path) -> None:
    folder = live(write_folder(tmp_path))
    append(folder, "bridge.toml", ACCOUNT.format(login=7) + 'terminal = "ea_feed"\n')
    assert [account.terminal for account in load(folder).accounts] == ["mt5", "ea_feed"]


@pytest.mark.parametrize(
    "path", ["TERMINAL64.EXE", "./terminal64.exe", "x/../terminal64.exe", "terminal64.exe/", ".\\x\\..\\terminal64.exe"]
)
def test_two_accounts_on_one_terminal_are_told_with_both_keys(tmp_path: Path, path: str) -> None:
    folder = live(write_folder(tmp_path))
    append(folder, "bridge.toml", ACCOUNT.format(login=7) + f"terminal = 'mt5'\nserver = 'S'\npath = '{path}'\n")
    told = [line for line in problem(folder).splitlines() if "a terminal shows one account" in line]
    assert len(told) == 1
    assert "accounts[1].path: is the same file as accounts[0].path" in told[0]


def test_full_and_relative_path_of_one_terminal_are_one(tmp_path: Path) -> None:
    folder = live(write_folder(tmp_path))
    full = folder / "terminal64.exe"
    append(folder, "bridge.toml", ACCOUNT.format(login=7) + f"terminal = 'mt5'\nserver = 'S'\npath = '{full}'\n")
    assert "accounts[1].path: is the same file as accounts[0].path" in problem(folder)


def _second(text: str) -> Callable[[Path], None]:
    return lambda folder: append(folder, "bridge.toml", ACCOUNT.format(login=7) + text)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda folder: swap(folder, "bridge.toml", "path = 'terminal64.exe'", ""), "accounts[0].path: is missing"),
        (lambda folder: swap(folder, "bridge.toml", "server = 'S-Demo'", ""), "accounts[0].server: is missing"),
        (
            lambda folder: swap(folder, "bridge.toml", "'S-Demo'", "' '"),
            "accounts[0].server: must be the server's name",
        ),
        (
            lambda folder: (folder / "terminal64.exe").unlink(),
            "accounts[0].path: must be the full path of a terminal64.exe",
        ),
        (_second("terminal = 'mt5'\nserver = 'S'\npath = 'Terminal64.exe'\n"), "a terminal shows one account"),
        (_second("terminal = 'recorded'\nmarket = 'sample'\n"), "mixes recorded and mt5 accounts"),
        (_second("terminal = 'ea_feed'\nserver = 'S'\n"), 'accounts[1].server: is for terminal = "mt5" only'),
        (_second("terminal = 'ea_feed'\nleverage = 30\n"), 'accounts[1].leverage: is for terminal = "recorded" only'),
        (
            lambda folder: swap(folder, "bridge.toml", 'clock = "system"', 'clock = "feed"'),
            'server.clock: must be "system"',
        ),
        (
            lambda folder: swap(folder, "bridge.toml", "server = 'S-Demo'", "server = 'S-Demo'\nsymbols_watched = []"),
            "accounts[0].symbols_watched: must list at least one symbol",
        ),
    ],
)
def test_mistakes_are_told_with_their_remedy(tmp_path: Path, spoil: Callable[[Path], None], expected: str) -> None:
    folder = live(write_folder(tmp_path))
    spoil(folder)
    assert expected in problem(folder)
