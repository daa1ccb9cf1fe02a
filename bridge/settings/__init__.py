"""The configuration folder: TOML in, one frozen `Settings` out, or a `ConfigError` that lists every problem at once."""

from bridge.settings.defaults import defaults_folder, write_defaults
from bridge.settings.digest import policy_hash
from bridge.settings.load import load
from bridge.settings.model import (
    AccountSettings,
    AuthSettings,
    AuthUser,
    JournalSettings,
    LogSettings,
    MarketSettings,
    Mt5Settings,
    PositionFiles,
    ServerSettings,
    Settings,
)

__all__ = [
    "AccountSettings",
    "AuthSettings",
    "AuthUser",
    "JournalSettings",
    "LogSettings",
    "MarketSettings",
    "Mt5Settings",
    "PositionFiles",
    "ServerSettings",
    "Settings",
    "defaults_folder",
    "load",
    "policy_hash",
    "write_defaults",
]
