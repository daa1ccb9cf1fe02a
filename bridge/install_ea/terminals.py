"""MetaTrader 5 terminals: which there are, and which folder of theirs holds MQL5.

An installed terminal keeps its data apart, in %APPDATA%\\MetaQuotes\\Terminal under 32 hexadecimal digits, where
origin.txt names the installation. One that is started with /portable keeps them in the installation itself.
"""

import codecs
import re
from pathlib import Path
from typing import NamedTuple

from bridge.errors import ConfigError
from bridge.install_ea.names import child, children, exists, is_folder, same
from bridge.install_ea.places import Place, has_drive, looked_in, place_around, place_at

_ID = re.compile(r"[0-9A-Fa-f]{32}")
_PROGRAM, _MQL5, _ORIGIN = "terminal64.exe", "MQL5", "origin.txt"
_LONGEST = 65_536
"""Bytes of origin.txt that are read: it holds one path."""


class Terminal(NamedTuple):
    """A terminal's MQL5 folder, and the installation it belongs to as far as it is known."""

    mql5: Path
    installation: str | None = None
    portable: bool = False

    @property
    def folder(self) -> Path:
        """The data folder, as "Open Data Folder" of the terminal's File menu shows it."""
        return self.mql5.parent


def find_terminals(looked_at: list[Place]) -> list[Terminal]:
    """Every terminal of these places, each once."""
    found: list[Terminal] = []
    for place in looked_at:
        known = _data_folders(place)
        owned = [place.local(each.installation) for each in known if each.installation]
        portable = [each for each in _installations(place) if not any(same(each.folder, one) for one in owned)]
        for each in (*known, *portable):
            if not any(same(each.mql5, other.mql5) for other in found):
                found.append(each)
    return found


def named_terminal(given: Path, looked_at: list[Place]) -> Terminal:
    """The terminal that a path names: terminal64.exe, its folder, a data folder, an MQL5 folder, or a Wine prefix.

    An installation whose data are elsewhere means those; its MQL5 folder itself is taken as it is. Raises ConfigError.
    """
    # A shell on Windows reads the end of "C:\folder\" as a quotation mark.
    path = _local(str(given).rstrip('"'), looked_at)
    if path.name.casefold() == _PROGRAM and not is_folder(path):
        path = path.parent
    if not is_folder(path):
        raise ConfigError(f"{path} is no folder; name that of {_PROGRAM}, or the terminal's data folder.")
    if path.name.casefold() == _MQL5.casefold():
        return Terminal(path, _origin(path.parent), exists(child(path.parent, _PROGRAM)))
    program = exists(child(path, _PROGRAM))
    if not program and (prefix := place_at(path)) is not None:
        return _only(find_terminals([prefix]), path)
    if program:
        wine = place_around(path)
        owners = _data_of(path, wine or looked_at)
        if len(owners) > 1:
            listed = ", ".join(str(each.folder) for each in owners)
            raise ConfigError(f"{path} has several data folders; name one of them: {listed}.")
        if owners:
            return owners[0]
    mql5 = child(path, _MQL5)
    if is_folder(mql5):
        return Terminal(mql5, str(path) if program else _origin(path), program)
    if program:
        raise ConfigError(f"{path} has no data folder yet; start that terminal once, and run this again.")
    raise ConfigError(f"{path} holds neither {_PROGRAM} nor an {_MQL5} folder; File > Open Data Folder shows the one.")


def _local(text: str, looked_at: list[Place]) -> Path:
    """The path that is meant, where a Wine prefix has it by Windows' name too."""
    wine = [place for place in looked_at if place.prefix is not None]
    if not (wine and has_drive(text)):
        return Path(text).expanduser().absolute()
    found = [path for place in wine if exists(path := place.local(text))]
    if not found:
        raise ConfigError(f"{text} is not there; looked in {looked_in(wine)}. Set WINEPREFIX, or name the Linux path.")
    if len(found) > 1 and not all(same(found[0], other) for other in found):
        listed = ", ".join(map(str, found))
        raise ConfigError(f"{text} is in several Wine prefixes: name one of {listed}.")
    return found[0].absolute()


def _only(found: list[Terminal], prefix: Path) -> Terminal:
    if not found:
        raise ConfigError(f"{prefix} is of a Wine prefix that has no terminal yet; start the terminal there once.")
    if len(found) > 1:
        listed = ", ".join(str(each.folder) for each in found)
        raise ConfigError(f"{prefix} is of a Wine prefix with several terminals: name one of {listed}.")
    return found[0]


def _data_of(installation: Path, looked_at: list[Place]) -> list[Terminal]:
    found: list[Terminal] = []
    for place in looked_at:
        for each in _data_folders(place):
            if each.installation and same(place.local(each.installation), installation):
                found.append(each)
    return found


def _data_folders(place: Place) -> list[Terminal]:
    """The data folders of a place. Those of MetaTrader 4 hold no MQL5."""
    made: list[Terminal] = []
    for root in place.data:
        for folder in children(root):
            mql5 = child(folder, _MQL5)
            if _ID.fullmatch(folder.name) and is_folder(mql5) and not any(same(mql5, each.mql5) for each in made):
                made.append(Terminal(mql5, _origin(folder)))
    return made


def _installations(place: Place) -> list[Terminal]:
    made = []
    for root in place.programs:
        for folder in children(root):
            mql5 = child(folder, _MQL5)
            if is_folder(mql5) and exists(child(folder, _PROGRAM)):
                made.append(Terminal(mql5, str(folder), portable=True))
    return made


def _origin(folder: Path) -> str | None:
    """The installation that origin.txt names: UTF-16 as the terminal writes it, or what an editor made of it."""
    try:
        with child(folder, _ORIGIN).open("rb") as file:
            raw = file.read(_LONGEST)
    except OSError:
        return None
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = raw.decode("utf-16", "replace")
    elif raw[1:2] == b"\0":
        text = raw.decode("utf-16-le", "replace")
    else:
        text = raw.decode("utf-8-sig", "replace")
    return text.strip("\0\r\n\t ") or None
