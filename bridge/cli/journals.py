"""Which journal a command reads, and how it is opened beside the daemon that writes it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bridge.cli import folders
from bridge.cli.folders import CONFIG_FILE, find_config, settings_of
from bridge.cli.sample import sample_account
from bridge.cli.screen import note
from bridge.errors import JournalError
from bridge.journal.reader import JournalReader
from bridge.settings import AccountSettings, load

_SQLITE = b"SQLite format 3\x00"


def find_journal(config: Path | None) -> tuple[Path, tuple[AccountSettings, ...]]:
    """The configured journal, else the sample's; and the accounts that may be in it. Raises ConfigError.

    A configuration that nobody named and whose daemon never ran is most likely not the one that was meant.
    """
    folder, sample = find_config(config), folders.sample_journal()
    if folder is None and not sample.is_file():
        settings_of(None)  # says what is missing
    if folder is None:
        return sample, (sample_account(),)
    settings = load(folder)
    path = settings.journal.path
    if config is None and not path.is_file() and sample.is_file():
        note(f"The journal of {folder / CONFIG_FILE} does not exist yet: this is the sample's, {sample}.")
        return sample, (sample_account(),)
    return path, settings.accounts


@contextmanager
def opened(path: Path, *, named: bool) -> Iterator[JournalReader]:
    """A journal to read; `named` if by --journal. Raises JournalError, also for a fault while it is read."""
    if named:
        _demand_journal(path)
    try:
        with closing(JournalReader(path)) as reader:
            yield reader
    except sqlite3.Error as fault:
        raise JournalError(f"The journal {path} cannot be read: {fault}.") from fault


def _demand_journal(path: Path) -> None:
    """What a journal's own errors advise to a daemon's keeper does not fit any file that somebody named."""
    if not path.is_file():
        raise JournalError(f"There is no journal at {path}. Name another with --journal.")
    try:
        with path.open("rb") as file:
            start = file.read(len(_SQLITE))
    except OSError as fault:
        raise JournalError(f"{path} cannot be read: {fault.strerror or fault}.") from fault
    if start != _SQLITE:
        raise JournalError(f"{path} is not a lotbridge journal. Name another with --journal.")
