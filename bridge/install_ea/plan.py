"""What an installation would do to one terminal, before anything is written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from bridge.install_ea.faults import InstallError
from bridge.install_ea.manifest import Manifest, digest, manifest_path, read_manifest
from bridge.install_ea.names import descend, exists, is_folder, same
from bridge.install_ea.sources import FOLDER, PARTS
from bridge.install_ea.terminals import Terminal
from bridge.install_ea.transaction import SPARE, Step

State = Literal["added", "upgraded", "unchanged", "kept", "replaced", "obsolete", "removed"]
"""Kept: the user changed it, and it stays. Replaced: so too, but forced. Obsolete: shipped no longer, and left.
Removed: what an installation that was killed has left."""
NEW, BACKUP = ".new", ".bak"


class Item(NamedTuple):
    """One file by its name within MQL5, what becomes of it, and the file beside it that matters to the user."""

    name: str
    state: State
    beside: Path | None = None
    """The new version of a file that was kept, or the backup of one that was replaced."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything that will happen to one terminal."""

    terminal: Terminal
    items: list[Item]
    steps: list[Step]


def make_plan(terminal: Terminal, sources: dict[str, Path], version: str, *, force: bool) -> Plan:
    """Compare what is shipped with what is there. Raises InstallError."""
    planner = _Planner(terminal, force=force)
    try:
        items = [planner.look_at(name, source) for name, source in sources.items()]
        items += planner.outlived(sources)
        items += planner.left_over()
        planner.note(version)
    except OSError as fault:
        raise InstallError(f"{fault.filename} cannot be read: {fault.strerror}. Nothing was changed.") from fault
    return Plan(terminal=terminal, items=items, steps=planner.steps)


class _Planner:
    """Gathers the steps for one terminal, and what its manifest will say after them."""

    def __init__(self, terminal: Terminal, *, force: bool) -> None:
        self._mql5, self._force = terminal.mql5, force
        self._before = read_manifest(terminal.mql5)
        self._after = dict(self._before.files)
        self.steps: list[Step] = []

    def look_at(self, name: str, source: Path) -> Item:
        """Decide about one file."""
        target, data = self._path(name), source.read_bytes()
        self._demand_folders(target)
        if same(target, source):
            raise InstallError(f"{target} is a link to the file it would be copied from: there is nothing to install.")
        old = _content(target)
        if old is None:
            return self._install(name, data, None, Item(name, "added"))
        if digest(old) == digest(data):
            self._after[name] = digest(data)
            self._drop_offer(name, data)
            return Item(name, "unchanged")
        if digest(old) == self._before.files.get(name):
            return self._install(name, data, old, Item(name, "upgraded"))
        if self._force:
            return self._install(name, data, old, Item(name, "replaced", self._back_up(target, old)))
        return Item(name, "kept", self._offer(name, data))

    def outlived(self, sources: dict[str, Path]) -> list[Item]:
        """Files of an older version. They stay, since an EA of the user's may include them."""
        names = sorted(name for name in self._before.files.keys() - sources.keys() if not name.endswith(NEW))
        return [Item(name, "obsolete") for name in names if exists(self._path(name))]

    def left_over(self) -> list[Item]:
        """Files that an installation needs on its way only, and that one which was killed could not remove."""
        roots = [self._path(f"{part}/{FOLDER}") for part in PARTS]
        paths = [path for root in roots for path in sorted(root.rglob("*.tmp")) if SPARE.fullmatch(path.name)]
        self.steps += [Step(path, None, _content(path)) for path in paths]
        return [Item(path.relative_to(self._mql5).as_posix(), "removed") for path in paths]

    def note(self, version: str) -> None:
        """Bring the manifest up to date, as the last step."""
        after = Manifest(version=version, files=self._after)
        if after != self._before:
            path = manifest_path(self._mql5)
            self.steps.append(Step(path, after.encode(), _content(path)))

    def _install(self, name: str, data: bytes, old: bytes | None, item: Item) -> Item:
        self.steps.append(Step(self._path(name), data, old))
        self._after[name] = digest(data)
        self._drop_offer(name, data)
        return item

    def _offer(self, name: str, data: bytes) -> Path:
        """Put the new version beside the user's file. An older offer that the user has edited is saved first."""
        beside, offered = self._path(name + NEW), name + NEW
        old = _content(beside)
        if old is None or digest(old) != digest(data):
            if old is not None and digest(old) != self._before.files.get(offered):
                self._back_up(beside, old)
            self.steps.append(Step(beside, data, old))
        self._after[offered] = digest(data)
        return beside

    def _drop_offer(self, name: str, data: bytes) -> None:
        """Remove what was once put beside, now that the file itself is new; not if the user has edited it."""
        offered = name + NEW
        old = _content(self._path(offered))
        if old is not None and digest(old) in (digest(data), self._before.files.get(offered)):
            self.steps.append(Step(self._path(offered), None, old))
        self._after.pop(offered, None)

    def _back_up(self, target: Path, old: bytes) -> Path:
        """Save a file under the first free name beside it."""
        number, backup = 1, target.with_name(target.name + BACKUP)
        while exists(backup):
            number += 1
            backup = target.with_name(f"{target.name}{BACKUP}{number}")
        self.steps.append(Step(backup, old, None))
        return backup

    def _demand_folders(self, target: Path) -> None:
        for folder in target.parents:
            if folder.is_relative_to(self._mql5) and exists(folder) and not is_folder(folder):
                raise InstallError(f"{folder} is a file where a folder must go: move it away. Nothing was changed.")

    def _path(self, name: str) -> Path:
        return descend(self._mql5, name.split("/"))


def _content(path: Path) -> bytes | None:
    """What a file holds; None if there is none."""
    if is_folder(path):
        raise InstallError(f"{path} is a folder where a file must go: move it away. Nothing was changed.")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
