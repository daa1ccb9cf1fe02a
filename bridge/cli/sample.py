"""One account on the sample market, without a configuration folder. The market is synthetic."""

import dataclasses
from pathlib import Path
from typing import TypeVar

from bridge.cli import folders
from bridge.errors import ConfigError
from bridge.settings import AccountSettings, MarketSettings, Settings, defaults_folder, load
from bridge.settings.field_checks import is_loopback
from bridge.settings.schema import parse
from bridge.settings.source import read
from sizing.policy import Policy
from sizing.symbols import SymbolTable

SAMPLE_LOGIN = 1_000_001
_BALANCE = 100_000.0
_LEVERAGE = 100

T = TypeVar("T")


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
    settings = load(defaults_folder())
    account = dataclasses.replace(
        settings.accounts[0],
        login=SAMPLE_LOGIN,
        terminal="recorded",
        policy=_preset("policy-leveraged.toml", Policy),
        symbols=_preset("symbols-leveraged.toml", SymbolTable),
        initial_balance=_BALANCE,
        market=MarketSettings(path=None, balance=_BALANCE, leverage=_LEVERAGE, currency="USD"),
    )
    return dataclasses.replace(settings, accounts=(account,))


def _preset(name: str, kind: type[T]) -> T:
    """A packaged file that `init` would have copied under another name."""
    source = read(defaults_folder() / name, name)
    instance, faults = parse(kind, source, source.data)
    if instance is None:
        raise ConfigError(f"The packaged {name} is damaged ({faults[0]}); install lotbridge again.")
    return instance


def _loopback(bind: str) -> str:
    try:
        near = is_loopback(bind)
    except ValueError as fault:
        raise ConfigError(f"--bind {fault}.") from fault
    if not near:
        raise ConfigError(f"--bind {bind} can be reached from other computers; --sample listens on 127.0.0.1 only.")
    return bind
