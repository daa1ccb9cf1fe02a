"""A valid configuration folder, and ways to spoil it."""

from pathlib import Path

from bridge.settings import write_defaults


def write_folder(parent: Path, name: str = "config") -> Path:
    """A fresh copy of the shipped defaults."""
    folder = parent / name
    write_defaults(folder, "guide")
    return folder


def swap(folder: Path, name: str, old: str, new: str) -> None:
    """Replace text that must stand in a file."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{name} no longer holds {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def append(folder: Path, name: str, text: str) -> None:
    """Add text at the end of a file."""
    path = folder / name
    path.write_text(path.read_text(encoding="utf-8") + "\n" + text, encoding="utf-8")


def with_rules(folder: Path, keys: str) -> Path:
    """The folder, its account with these keys about open positions."""
    swap(folder, "bridge.toml", 'symbols = "symbols.toml"\n', f'symbols = "symbols.toml"\n{keys}\n')
    return folder
