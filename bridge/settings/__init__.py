"""The configuration folder: TOML in, one frozen `Settings` out, or a `ConfigError` that lists every problem at once."""

from bridge.settings.defaults import defaults_folder, write_defaults
from bridge.settings.digest import policy_hash
from bridge.settings.load import load, load_access
from bridge.settings.model import (
    Access,
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
    "Access",
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
    "load_access",
    "policy_hash",
    "write_defaults",
]
