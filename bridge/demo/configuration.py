"""The demo's configuration folder: the packaged defaults with a few keys changed."""

import re
from dataclasses import dataclass
from pathlib import Path

from bridge.demo.errors import DemoError
from bridge.settings import Settings, load, write_defaults
from bridge.settings.defaults import Preset

LOGIN = 1_000_001
BRIDGE_FILE = "bridge.toml"
_CALENDAR = re.compile(r"(?ms)^\[calendar\].*?(?=^\[|\Z)")


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
    _suit_the_simulation(folder)
    return load(folder)


def _suit_the_simulation(folder: Path) -> None:
    """The demo reports every few minutes, and no news are known of a market that never was."""
    path = folder / "policy.toml"
    text = _set(path.read_text(encoding="utf-8"), "max_unwatched_ms", "900000")
    path.write_text(text, encoding="utf-8", newline="\n")
    for firm in (folder / "firms").glob("*.toml"):
        text = firm.read_text(encoding="utf-8")
        without = _CALENDAR.sub("# The demo knows no news: [calendar] was taken out.\n\n", text)
        firm.write_text(without, encoding="utf-8", newline="\n")


def _set(text: str, key: str, value: str) -> str:
    """The file with one key's value replaced; its comments stay."""
    text, count = re.subn(rf"(?m)^{key} = .*$", lambda _: f"{key} = {value}", text)
    if count != 1:
        raise DemoError(f"The packaged {BRIDGE_FILE} sets {key} {count} times, not once; install lotbridge again.")
    return text
