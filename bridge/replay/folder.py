"""The folder of a run before there is a run in it, and what a process leaves there that failed."""

from pathlib import Path

from bridge.errors import ReplayError
from bridge.replay.run import CHECKPOINT_FILE, JOURNAL_FILE, RUN_FILE

_JOURNAL_FILES = tuple(JOURNAL_FILE + suffix for suffix in ("", "-wal", "-shm", "-tail", ".lock"))


def new_folder(folder: Path) -> None:
    """Make a folder for a run; it may be there, but empty. Raises ReplayError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()}
    except OSError as fault:
        raise ReplayError(f"{folder} cannot be made: {fault.strerror or fault}") from fault
    if names and names <= set(_JOURNAL_FILES):
        raise ReplayError(
            f"{folder} holds the journal of a run that was killed in its first seconds, or of --pace: "
            "delete the folder if nobody needs it, or name a new one with --out"
        )
    if names:
        raise ReplayError(f"{folder} is not empty: name a new folder with --out, or go on with --continue")


def clear_unfinished(folder: Path) -> None:
    """Remove what a process left that was killed while it wrote. Raises ReplayError."""
    for path in folder.glob(".*.tmp"):
        try:
            path.unlink(missing_ok=True)
        except OSError as fault:
            raise ReplayError(f"{path} cannot be removed: {fault.strerror or fault}") from fault


def clear_failed(folder: Path) -> None:
    """Remove the journal of a run that failed before anything else of it was kept, so that the same command works."""
    if (folder / RUN_FILE).exists() or (folder / CHECKPOINT_FILE).exists():
        return
    for name in _JOURNAL_FILES:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError:
            return  # the fault that ended the run matters more than its leftovers
