"""The rule files about open positions that an account names: which they are, and reading all of them at once."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any, TypeVar

from bridge.settings.active import read_active
from bridge.settings.cross_checks import exists
from bridge.settings.field_checks import is_inside
from bridge.settings.model import PositionFiles
from bridge.settings.rebalance import read_rebalance
from bridge.settings.share_rules import read_share_rules
from bridge.settings.source import Fault, Loc, Source, listed
from sizing.positions.active_rules import ActiveRules
from sizing.positions.rebalance.rules import Rebalance
from sizing.positions.rulesets import ShareRules

_FOLDER = "positions"
"""Where `lotbridge init` writes them."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PositionRules:
    """The rules about open positions that hold for an account."""

    share: tuple[ShareRules, ...] = ()
    active: ActiveRules | None = None
    rebalance: Rebalance | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for at all."""
        return self == PositionRules()


def named_files(source: Source, folder: Path, index: int, raw: dict[str, Any]) -> tuple[PositionFiles, list[Fault]]:
    """The files that an `[[accounts]]` table, as written, names and that are there; and what is said of the others.

    What is no name of a file inside the folder is passed over: that is reported with the account.
    """
    faults: list[Fault] = []

    def found(key: Loc, name: Any) -> Path | None:
        if not isinstance(name, str) or not is_inside(name):
            return None
        # Windows' reading of a path knows both slashes.
        path = PureWindowsPath(name).as_posix()
        if exists(folder, path):
            return folder / path
        faults.append(source.fault(("accounts", index, *key), _missing(folder, path)))
        return None

    share = [found(("share_rules", place), name) for place, name in enumerate(listed(raw.get("share_rules")))]
    files = PositionFiles(
        share=tuple(path for path in share if path is not None),
        active=found(("active",), raw.get("active")),
        rebalance=found(("rebalance",), raw.get("rebalance")),
        folder=folder,
    )
    return files, faults


def read_positions(files: PositionFiles) -> tuple[PositionRules, list[Fault]]:
    """The rules of all files together, and everything that is wrong with any; with a fault the rules are not whole."""
    faults: list[Fault] = []

    def rules(read: Callable[[Path, str], tuple[T | None, list[Fault]]], path: Path) -> T | None:
        found, wrong = read(path, files.name_of(path))
        faults.extend(wrong)
        return found

    read_share = partial(read_share_rules, loss_rules=files.loss_rules)
    read_plan = partial(read_rebalance, classes=files.classes)
    share = [rules(read_share, path) for path in files.share]
    whole = PositionRules(
        share=tuple(each for each in share if each is not None),
        active=None if files.active is None else rules(read_active, files.active),
        rebalance=None if files.rebalance is None else rules(read_plan, files.rebalance),
    )
    return whole, faults


def _missing(folder: Path, name: str) -> str:
    """What to say of a name without a file: what stands there instead, or the nearest one; and what there is."""
    # Beside bridge.toml lie files of other kinds.
    folders = {folder / _FOLDER, (folder / name).parent} - {folder}
    there = sorted(path.relative_to(folder).as_posix() for each in folders for path in _toml_files(each))
    listing = f"available: {', '.join(there)}" if there else f"{_FOLDER}/ holds none; `lotbridge init` writes them"
    if found := _no_file(folder / name):
        return f"must name a file; {name!r} is {found}; {listing}"
    near = difflib.get_close_matches(name, there, n=1)
    hint = f'did you mean "{near[0]}"? ' if near else ""
    return f"names no file in this folder: {name!r}; {hint}{listing}"


def _no_file(path: Path) -> str:
    """What stands there in place of a file; nothing if nothing does."""
    try:
        return "a folder" if path.is_dir() else "a device or a pipe" if path.exists() else ""
    except (OSError, ValueError):  # a name that the system does not take
        return ""


def _toml_files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.glob("*.toml") if path.is_file()]
    except (OSError, ValueError):  # a name that the system does not take
        return []
