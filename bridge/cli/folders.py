"""Where the configuration, the sample's journal and the running daemon are found."""

from pathlib import Path

import platformdirs

from bridge.errors import ConfigError, JournalError
from bridge.journal.database import take_lock
from bridge.settings import Settings, load

CONFIG_FILE = "bridge.toml"


def find_config(given: Path | None) -> Path | None:
    """The folder that was named, else ./config, else the user's; None if neither holds a bridge.toml."""
    if given is not None:
        return given
    for folder in (Path("config"), user_config()):
        if (folder / CONFIG_FILE).is_file():
            return folder
    return None


def settings_of(given: Path | None) -> Settings:
    """The settings of the folder that was named, or of the default one. Raises ConfigError."""
    folder = find_config(given)
    if folder is None:
        raise ConfigError(
            f"There is no configuration: neither {Path('config') / CONFIG_FILE} nor {user_config() / CONFIG_FILE} "
            "exists. Write one with `lotbridge init DIR` and name it with --config DIR."
        )
    return load(folder)


def user_config() -> Path:
    """The user's own configuration folder."""
    return platformdirs.user_config_path("lotbridge", appauthor=False)


def fresh_sample_journal() -> Path:
    """The sample's journal, emptied: its market begins anew, and so must its account. Raises JournalError if in use."""
    path = sample_journal()
    lock = take_lock(path)
    try:
        for suffix in ("", "-wal", "-shm", "-tail"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as fault:
        text = f"{path} cannot be emptied: {fault.strerror or fault}. Name another with --journal."
        raise JournalError(text) from fault
    finally:
        lock.release()
    return path


def sample_journal() -> Path:
    """Where `serve --sample` keeps its journal unless told otherwise."""
    return platformdirs.user_data_path("lotbridge", appauthor=False) / "sample-journal.sqlite"
