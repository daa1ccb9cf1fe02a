"""Where a report's daily bars come from, and by whose policy and symbol table they are looked at."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bridge.app import open_market
from bridge.errors import ConfigError, MarketError
from bridge.history import history_folder, read_all, read_kept
from bridge.market.recording import BarSeries
from bridge.report.bars_file import read_bars
from bridge.settings import AccountSettings, Settings
from bridge.statistics import DAILY


class NothingKeptError(MarketError):
    """No daemon has left bars yet."""


class Source(NamedTuple):
    """Daily bars by symbol. `account` has the policy and the symbol table; `label` says where the bars are from."""

    label: str
    bars: dict[str, BarSeries]
    account: AccountSettings
    notes: tuple[str, ...] = ()
    """What was left out, one sentence each."""

    def series(self, symbol: str) -> BarSeries:
        """A symbol's bars. Raises MarketError that lists what is there."""
        if symbol not in self.bars:
            raise MarketError(
                f"No bars of {symbol} in {self.label}; there are {', '.join(sorted(self.bars)) or 'none'}."
            )
        return self.bars[symbol]


def from_file(path: Path, unnamed: str, account: AccountSettings) -> Source:
    """The bars of a file; `unnamed` is the symbol of one that names none. Raises MarketError."""
    return Source(path.name, read_bars(path, unnamed), account)


def from_sample(account: AccountSettings, progress: Callable[[str], None]) -> Source:
    """The bars of the sample market, which is synthetic."""
    market = open_market(None, progress)
    bars = {name: symbol.bars[DAILY] for name, symbol in market.symbols.items() if DAILY in symbol.bars}
    return Source("the sample market (synthetic)", bars, account)


def from_daemon(settings: Settings, symbol: str, login: int | None) -> Source:
    """The bars that the daemon keeps for the account that has the symbol. Raises ConfigError or MarketError.

    Damaged files of other symbols are left out and noted.
    """
    accounts = settings.accounts if login is None else (account_of(settings, login),)
    folders = [history_folder(settings.journal.path, account.login) for account in accounts]
    kept = [read_all(folder) for folder in folders]
    if not any(each.bars or each.faults for each in kept):
        raise NothingKeptError(
            f"The daemon has kept no bars yet in {' or '.join(map(str, folders))}. Start it and let the terminal "
            "report, or name a file with --bars."
        )
    for folder in folders:
        read_kept(folder, symbol)  # says what is wrong with the symbol's own file
    having = [(account, each) for account, each in zip(accounts, kept, strict=True) if symbol in each.bars]
    if len(having) > 1:
        logins = ", ".join(str(account.login) for account, _ in having)
        raise ConfigError(f"Several accounts keep bars of {symbol}: {logins}. Say which with --account.")
    if not having:
        there = ", ".join(sorted({name for each in kept for name in each.bars})) or "none that can be read"
        raise MarketError(f"The daemon keeps no bars of {symbol}; it keeps those of {there}.")
    account, (bars, faults) = having[0]
    notes = tuple(f"Left out: {fault}" for fault in faults)
    return Source(f"the daemon's bars of account {account.login}", bars, account, notes)


def account_of(settings: Settings, login: int | None) -> AccountSettings:
    """The account that was named, or any if all size alike. Raises ConfigError."""
    accounts = settings.accounts
    logins = ", ".join(str(account.login) for account in accounts)
    if login is not None:
        named = next((account for account in accounts if account.login == login), None)
        if named is None:
            raise ConfigError(f"Account {login} is not in bridge.toml; it has {logins}.")
        return named
    if any((each.policy, each.symbols) != (accounts[0].policy, accounts[0].symbols) for each in accounts):
        raise ConfigError(f"Accounts {logins} have different policies or symbols. Say which with --account.")
    return accounts[0]
