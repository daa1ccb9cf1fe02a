"""A configuration folder whose one account is read from a fake terminal."""

from pathlib import Path

from tests.builders import LOGIN
from tests.settings.builders import swap, write_folder
from tests.terminal.fake_mt5.terminal import SERVER, FakeTerminal


def mt5_folder(parent: Path, fake: FakeTerminal, extra: str = "") -> Path:
    """The shipped folder with terminal = "mt5"."""
    folder = write_folder(parent)
    swap(folder, "bridge.toml", "login = 1000001", f"login = {LOGIN}")
    keys = f'terminal = "mt5"\npath = \'{fake.path}\'\nserver = "{SERVER}"\n{extra}'
    swap(folder, "bridge.toml", 'terminal = "ea_feed"', keys)
    return folder
