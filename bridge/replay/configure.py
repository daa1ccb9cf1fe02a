"""Whose rules and policy a replay follows: an account of a configuration folder, or the shipped defaults."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bridge.errors import ConfigError
from bridge.proof.source import firm_of
from bridge.settings import AccountSettings, load, write_defaults
from bridge.settings.defaults import Preset

LOGIN = 1_000_001
BALANCE = 100_000.0
CURRENCY, LEVERAGE = "USD", 100


class Account(NamedTuple):
    """The account to be replayed, and what was changed of it for that."""

    settings: AccountSettings
    balance: float
    preset: str | None
    notes: tuple[str, ...]
    folder: str = ""
    """The configuration folder's name."""

    @property
    def told(self) -> str:
        """What is added to the run's name, so that two of them can be told apart."""
        return f" ({self.folder})" if self.folder else ""


class Terms(NamedTuple):
    """What the broker keeps the account in, and lends; what of it nobody has said is in the note."""

    currency: str
    leverage: int
    note: str = ""


def terms_of(account: Account, currency: str | None, leverage: int | None) -> Terms:
    """As told on the command line, else as configured; else assumed, and said so."""
    market = account.settings.market
    told = currency or (None if market is None else market.currency)
    lent = leverage or (None if market is None else market.leverage)
    assumed = [] if told or not account.folder else [f"the account's currency is taken to be {CURRENCY} (--currency)"]
    assumed += [] if lent or not account.folder else [f"its leverage to be 1:{LEVERAGE} (--leverage)"]
    note = "" if not assumed else f"The configuration does not say: {', '.join(assumed)}"
    return Terms(told or CURRENCY, lent or LEVERAGE, note)


def shipped(firm: str, preset: Preset, balance: float | None) -> Account:
    """The shipped policy with a shipped firm's rules. Raises ConfigError."""
    balance = BALANCE if balance is None else balance
    with tempfile.TemporaryDirectory(prefix="lotbridge-", ignore_cleanup_errors=True) as folder:
        write_defaults(Path(folder) / "config", preset)
        found = load(Path(folder) / "config").accounts[0]
    settings = replace(found, login=LOGIN, firm=firm_of(firm, balance), initial_balance=balance)
    return _without_news(settings, balance, preset)


def configured(folder: Path, login: int | None, balance: float | None, *, news: bool) -> Account:
    """An account of a configuration folder; with `news` its calendar holds, too. Raises ConfigError."""
    accounts = load(folder).accounts
    if login is None and len(accounts) > 1:
        there = ", ".join(str(each.login) for each in accounts)
        raise ConfigError(f"{folder} has several accounts: name one with --account ({there}).")
    found = next((each for each in accounts if login in (None, each.login)), None)
    if found is None:
        raise ConfigError(f"{folder} has no account {login}: there are {', '.join(str(a.login) for a in accounts)}.")
    initial = balance if balance is not None else found.initial_balance
    if initial is None and found.market is not None:
        initial = found.market.balance
    if initial is None:
        raise ConfigError(f"{folder} does not say what account {found.login} began with: add --balance.")
    if lacking := found.firm.lacks_size(initial):
        raise ConfigError(f"{found.firm.name}: {lacking[0][1]}. Name one of them with --balance.")
    settings = replace(found, initial_balance=initial)
    name = folder.resolve().name
    if news:
        return Account(settings, initial, None, (), name)
    return _without_news(settings, initial, None)._replace(folder=name)


def _without_news(settings: AccountSettings, balance: float, preset: str | None) -> Account:
    """A calendar of today knows nothing of the recorded days: every size would be refused."""
    if settings.firm.calendar is None:
        return Account(settings, balance, preset, ())
    firm = replace(settings.firm, calendar=None)
    note = f"{firm.title}: its rule about news is left out; no calendar of the recorded days is at hand"
    return Account(replace(settings, firm=firm, calendar=None), balance, preset, (note,))
