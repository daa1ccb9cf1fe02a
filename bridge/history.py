"""Daily bars on disk, so that a person can look at them beside the daemon. Sizing never reads them."""

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np

from bridge.errors import MarketError
from bridge.market.recording import BarSeries
from bridge.statistics import DAILY
from bridge.terminal.base import Terminal

_LONGEST = 200
_COLUMNS = ("time_ms", "open", "high", "low", "close")


def history_folder(journal: Path, login: int) -> Path:
    """Where the daemon keeps an account's bars, beside its journal."""
    return journal.with_name(f"{journal.stem}-bars") / str(login)


class BarKeeper:
    """Writes the daily bars of one account's symbols, one symbol at a time, each file whole or not at all."""

    def __init__(self, folder: Path, terminal: Terminal) -> None:
        self._folder = folder
        self._terminal = terminal
        self._written: dict[str, BarSeries] = {}

    def keep(self) -> bool:
        """Write the first symbol whose bars have changed; whether there was one. Raises OSError."""
        for name in self._terminal.symbol_names():
            bars = self._terminal.bars(name, DAILY)
            if bars is not None and bars is not self._written.get(name):
                self._written[name] = bars  # before the attempt: a full disk is not tried again on every turn
                write_bars(self._folder, name, bars)
                return True
        return False


def write_bars(folder: Path, name: str, bars: BarSeries) -> None:
    """Replace the file of a symbol by these bars. Raises OSError."""
    path = folder / _file_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, name=np.array(name), **{column: getattr(bars, column) for column in _COLUMNS})
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise


def kept_symbols(folder: Path) -> list[str]:
    """The symbols whose bars lie in a folder. Raises MarketError for a file that is damaged."""
    return sorted(_read(path)[0] for path in folder.glob("*.npz")) if folder.is_dir() else []


class Kept(NamedTuple):
    """Every symbol's bars of a folder, by name, and what is wrong with the files that cannot be read."""

    bars: dict[str, BarSeries]
    faults: list[MarketError]


def read_all(folder: Path) -> Kept:
    """All bars of a folder that can be read and are any."""
    kept = Kept({}, [])
    for path in sorted(folder.glob("*.npz")) if folder.is_dir() else ():
        try:
            name, bars = _read(path)
        except MarketError as fault:
            kept.faults.append(fault)
        else:
            kept.bars.update({name: bars} if len(bars) else {})
    return kept


def read_kept(folder: Path, name: str) -> BarSeries | None:
    """A symbol's daily bars as last kept; None where there are none. Raises MarketError for a file that is damaged."""
    path = folder / _file_of(name)
    return _read(path)[1] if path.exists() else None


def _read(path: Path) -> tuple[str, BarSeries]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as columns:
            return str(columns["name"]), BarSeries(timeframe=DAILY, **{key: columns[key] for key in _COLUMNS})
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, NotImplementedError) as fault:
        raise MarketError(f"{path} cannot be read ({fault}). Delete it: the daemon writes it anew.") from fault


def _file_of(name: str) -> str:
    """A file name for any symbol, on any system: Windows takes no colon, and 255 bytes are the most anywhere."""
    quoted = quote(name, safe="")
    if len(quoted) > _LONGEST:
        quoted = quoted[:_LONGEST] + hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    return quoted + ".npz"
