"""The demo's configuration folder: the packaged defaults with a few keys changed."""

import re
from dataclasses import dataclass
from pathlib import Path

from bridge.demo.errors import DemoError
from bridge.settings import Settings, load, write_defaults
from bridge.settings.defaults import Preset

LOGIN = 1_000_001
BRIDGE_FILE = "bridge.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountWish:
    """The account the demo trades."""

    balance: float
    firm: str
    preset: Preset


def write_configuration(folder: Path, wish: AccountWish) -> Settings:
    """Write the folder and read it as the daemon will. Raises ConfigError."""
    write_defaults(folder, wish.preset)
    path = folder / BRIDGE_FILE
    changed = {
        "bind": '"tcp://127.0.0.1:*"',  # a free port; the daemon says which
        "clock": '"feed"',
        "format": '"json"',
        "login": str(LOGIN),
        "terminal": '"ea_feed"',
        "firm": f'"{wish.firm}"',
        "initial_balance": repr(wish.balance),
    }
    text = path.read_text(encoding="utf-8")
    for key, value in changed.items():
        text = _set(text, key, value)
    path.write_text(text, encoding="utf-8", newline="\n")
    return load(folder)


def _set(text: str, key: str, value: str) -> str:
    """The file with one key's value replaced; its comments stay."""
    text, count = re.subn(rf"(?m)^{key} = .*$", lambda _: f"{key} = {value}", text)
    if count != 1:
        raise DemoError(f"The packaged {BRIDGE_FILE} sets {key} {count} times, not once; install lotbridge again.")
    return text
