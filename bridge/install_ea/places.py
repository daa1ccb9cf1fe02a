"""Where terminals may be: this Windows user's folders, or Wine's C: drives."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bridge.install_ea.names import child, children, descend, is_folder

_DATA = ["MetaQuotes", "Terminal"]
_PROGRAMS = ("ProgramW6432", "ProgramFiles", "ProgramFiles(x86)")
_WINE_PREFIXES = (".wine", ".mt5")
"""Wine's own default, and the one of MetaQuotes' install script for Linux."""
_WINE_ROAMING = (["AppData", "Roaming"], ["Application Data"])
_DRIVE = re.compile(r"(?P<drive>[A-Za-z]):[\\/]*(?P<rest>.*)", re.DOTALL)


class Place(NamedTuple):
    """Folders that hold data folders, folders that hold installations, and the Wine prefix they are in."""

    data: list[Path]
    programs: list[Path]
    prefix: Path | None = None

    @property
    def where(self) -> list[Path]:
        """What a user is told of it."""
        return [*self.data, *self.programs] if self.prefix is None else [self.prefix]

    def local(self, text: str) -> Path:
        """The path that Windows calls by this name. Under Wine C: is a folder of the prefix."""
        drive = _DRIVE.fullmatch(text)
        if self.prefix is None or drive is None:
            return Path(text)
        letter = drive["drive"].lower()
        root = child(self.prefix / "dosdevices", f"{letter}:")
        if letter == "c" and not root.exists():
            root = self.prefix / "drive_c"
        return descend(root, [name for name in re.split(r"[\\/]+", drive["rest"]) if name])


def places(platform: str, environment: Mapping[str, str], home: Path) -> list[Place]:
    """Where to look on this computer."""
    if platform == "win32":
        roaming = environment.get("APPDATA")
        programs = dict.fromkeys(environment[name] for name in _PROGRAMS if environment.get(name))
        data = [] if not roaming else [Path(roaming).joinpath(*_DATA)]
        return [Place(data, [Path(name) for name in programs])]
    if given := environment.get("WINEPREFIX"):
        return [wine_place(Path(given))]
    return [wine_place(home / name) for name in _WINE_PREFIXES]


def looked_in(looked_at: list[Place]) -> str:
    """Where it was looked, for a user."""
    found = (path for place in looked_at for path in place.where)
    return ", ".join(f"{path}" if is_folder(path) else f"{path} (which is not there)" for path in found) or "nothing"


def has_drive(text: str) -> bool:
    """Whether it is a path as Windows writes it, from its drive on."""
    return _DRIVE.fullmatch(text) is not None


def wine_place(prefix: Path) -> Place:
    """Every Windows user's data folders in a Wine prefix, and its program folders."""
    drive = prefix / "drive_c"
    data = [descend(user, [*roaming, *_DATA]) for user in children(child(drive, "users")) for roaming in _WINE_ROAMING]
    programs = [each for each in children(drive) if each.name.casefold().startswith("program files")]
    return Place(data, programs, prefix)


def place_around(path: Path) -> list[Place]:
    """The Wine prefix that a path lies in, whatever its name."""
    return [wine_place(each.parent) for each in path.parents if each.name == "drive_c"]


def place_at(path: Path) -> Place | None:
    """The Wine prefix that this folder is, or whose C: it is; None for any other folder."""
    if is_folder(path / "drive_c"):
        return wine_place(path)
    return wine_place(path.parent) if path.name == "drive_c" else None
