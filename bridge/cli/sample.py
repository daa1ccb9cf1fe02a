"""One account on the sample market, without a configuration folder. The market is synthetic."""

import dataclasses
import tempfile
from pathlib import Path

from bridge.cli import folders
from bridge.errors import ConfigError
from bridge.settings import AccountSettings, MarketSettings, Settings, load, write_defaults
from bridge.settings.field_checks import is_loopback

SAMPLE_LOGIN = 1_000_001
_BALANCE = 100_000.0
_LEVERAGE = 100


def sample_account() -> AccountSettings:
    """An account of 100,000 USD on the sample market, under a firm's rules, with the leveraged preset."""
    return _shipped().accounts[0]


def sample_settings(journal: Path | None = None, bind: str | None = None) -> Settings:
    """Settings for the sample market without a configuration folder. Raises ConfigError for a bad address."""
    settings = _shipped()
    path = (folders.sample_journal() if journal is None else journal).absolute()
    server = settings.server if bind is None else dataclasses.replace(settings.server, bind=_loopback(bind))
    return dataclasses.replace(
        settings, folder=path.parent, server=server, journal=dataclasses.replace(settings.journal, path=path)
    )


def _shipped() -> Settings:
    """What `lotbridge init --preset leveraged` would write, on the sample market."""
    with tempfile.TemporaryDirectory(prefix="lotbridge-") as made:
        folder = Path(made) / "config"
        write_defaults(folder, "leveraged")
        settings = load(folder)
    account = dataclasses.replace(
        settings.accounts[0],
        login=SAMPLE_LOGIN,
        terminal="recorded",
        initial_balance=_BALANCE,
        market=MarketSettings(path=None, balance=_BALANCE, leverage=_LEVERAGE, currency="USD"),
    )
    return dataclasses.replace(settings, accounts=(account,))


def _loopback(bind: str) -> str:
    try:
        near = is_loopback(bind)
    except ValueError as fault:
        raise ConfigError(f"--bind {fault}.") from fault
    if not near:
        raise ConfigError(f"--bind {bind} can be reached from other computers; --sample listens on 127.0.0.1 only.")
    return bind
