"""Where the configuration, the sample's journal and the running daemon are found."""

from pathlib import Path

import platformdirs

from bridge.errors import ConfigError
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


def sample_journal() -> Path:
    """Where `serve --sample` keeps its journal unless told otherwise."""
    return platformdirs.user_data_path("lotbridge", appauthor=False) / "sample-journal.sqlite"
