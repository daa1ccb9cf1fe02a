"""Folders as Windows sees them: names without case, and what may not be read is not there."""

from contextlib import suppress
from pathlib import Path


def children(folder: Path) -> list[Path]:
    """What a folder holds, sorted; nothing where it is missing or closed to this user."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def child(folder: Path, name: str) -> Path:
    """The entry of this name whatever its case, as Wine finds it too; the plain path if there is none."""
    exact = folder / name
    if exists(exact):
        return exact
    return next((each for each in children(folder) if each.name.casefold() == name.casefold()), exact)


def descend(folder: Path, names: list[str]) -> Path:
    """`child`, name after name."""
    for name in names:
        folder = child(folder, name)
    return folder


def exists(path: Path) -> bool:
    """Whether there is anything; False where this user may not look."""
    with suppress(OSError):
        return path.exists()
    return False


def is_folder(path: Path) -> bool:
    """Whether it is a folder; False where this user may not look."""
    with suppress(OSError):
        return path.is_dir()
    return False


def same(one: Path, other: Path) -> bool:
    """Whether two paths name one place."""
    with suppress(OSError, RuntimeError):
        return str(one.resolve()).casefold() == str(other.resolve()).casefold()
    return False
