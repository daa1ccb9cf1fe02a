"""From the folder to `Settings`: read every file that is in use, collect every problem, then resolve."""

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from bridge.errors import ConfigError
from bridge.settings.cross_checks import account_faults, bridge_faults, exists
from bridge.settings.field_checks import is_plain_name
from bridge.settings.model import (
    POLICY_FILE,
    SAMPLE_MARKET,
    SYMBOLS_FILE,
    Access,
    AccountEntry,
    AccountSettings,
    AuthSettings,
    JournalSettings,
    LogSettings,
    MarketSettings,
    Mt5Settings,
    ServerSettings,
    Settings,
)
from bridge.settings.position_files import named_files, read_positions
from bridge.settings.schema import parse_known
from bridge.settings.source import Fault, Loc, Source, SourceError, read, report
from bridge.settings.wording import unknown
from sizing.policy import Policy
from sizing.prop.firm import Firm
from sizing.symbols import SymbolTable

BRIDGE_FILE = "bridge.toml"
_SECTIONS = ("server", "auth", "journal", "log", "accounts")
_DEFAULT_BALANCE = 100_000.0
_DEFAULT_LEVERAGE = 100
_DEFAULT_CURRENCY = "USD"

T = TypeVar("T")


def load(folder: Path) -> Settings:
    """The settings of a configuration folder. Raises `ConfigError` that lists every problem of every file."""
    loader = _Loader(folder.absolute())
    return loader.whole(loader.settings())


def load_access(folder: Path) -> Access:
    """How clients reach and convince the daemon of a configuration folder.

    Whatever else is wrong in its files must not keep anybody from halting a daemon that runs. Raises `ConfigError`.
    """
    loader = _Loader(folder.absolute())
    return loader.whole(loader.access())


class _Loader:
    """Reads each file of a folder once and keeps what is wrong. Raises `ConfigError` where there is no folder."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ConfigError(f"{folder} is not a folder; write one with `lotbridge init`")
        self.folder = folder
        self.faults: list[Fault] = []
        self._files: dict[tuple[str, type[Any]], Any] = {}

    def settings(self) -> Settings | None:
        source = self._read(BRIDGE_FILE)
        if source is None:
            self._look_at_the_rest()
            return None
        self._unknown_sections(source)
        server = self._section(source, "server", ServerSettings)
        auth = self._section(source, "auth", AuthSettings)
        journal = self._section(source, "journal", JournalSettings)
        log = self._section(source, "log", LogSettings)
        entries = self._entries(source)
        known = {index: entry for index, (_, entry) in enumerate(entries) if entry is not None}
        self.faults += bridge_faults(source, self.folder, server, auth, known)
        accounts = [self._account(source, index, raw, entry) for index, (raw, entry) in enumerate(entries)]
        if self.faults or server is None or auth is None or journal is None or log is None:
            return None
        return Settings(
            folder=self.folder,
            server=server,
            auth=self._placed(auth),
            journal=replace(journal, path=self.folder / journal.path),
            log=log,
            accounts=tuple(account for account in accounts if account is not None),
        )

    def whole(self, found: T | None) -> T:
        """What was read, if nothing is wrong. Raises `ConfigError`."""
        if found is None or self.faults:
            raise ConfigError(report(self.folder, self.faults))
        return found

    def access(self) -> Access | None:
        """The two sections that a client needs."""
        source = self._read(BRIDGE_FILE)
        if source is None:
            return None
        server = self._section(source, "server", ServerSettings)
        auth = self._section(source, "auth", AuthSettings)
        return None if server is None or auth is None else Access(server=server, auth=self._placed(auth))

    def _placed(self, auth: AuthSettings) -> AuthSettings:
        return replace(auth, secret_key_file=auth.secret_key_file and self.folder / auth.secret_key_file)

    def _look_at_the_rest(self) -> None:
        """Without a bridge.toml nobody says which files are in use: those of the usual names are looked at anyway."""
        if (self.folder / POLICY_FILE).is_file():
            self._file(POLICY_FILE, Policy)
        if (self.folder / SYMBOLS_FILE).is_file():
            self._file(SYMBOLS_FILE, SymbolTable)
        for path in sorted((self.folder / "firms").glob("*.toml")):
            self._file(f"firms/{path.name}", Firm, name=path.stem)

    def _read(self, name: str) -> Source | None:
        try:
            source = read(self.folder / name, name)
        except SourceError as error:
            self.faults.append(error.fault)
            return None
        self.faults += source.faults
        return source

    def _parse(self, cls: type[T], source: Source, data: Any, loc: Loc = ()) -> T | None:
        instance, faults = parse_known(cls, source, data, loc)
        self.faults += faults
        return instance

    def _section(self, source: Source, name: str, cls: type[T]) -> T | None:
        return self._parse(cls, source, source.data.get(name, {}), (name,))

    def _unknown_sections(self, source: Source) -> None:
        wrong = [key for key in source.data if key not in _SECTIONS]
        self.faults += [source.fault((key,), unknown(key, _SECTIONS)) for key in wrong]

    def _entries(self, source: Source) -> list[tuple[Any, AccountEntry | None]]:
        """Each `[[accounts]]` as written and, where it is valid, as an entry."""
        raw = source.data.get("accounts", ())
        if not isinstance(raw, tuple) or not raw:
            problem = "holds no account; add an [[accounts]] table with its login"
            self.faults.append(source.fault(("accounts",), problem))
            return []
        return [(item, self._parse(AccountEntry, source, item, ("accounts", index))) for index, item in enumerate(raw)]

    def _account(self, source: Source, index: int, raw: Any, entry: AccountEntry | None) -> AccountSettings | None:
        # The files an account names are read even where the account itself is wrong, so that all problems show at once.
        if entry is None and not isinstance(raw, dict):
            return None
        firm = self._firm(source, index, raw.get("firm"))
        policy = self._file(raw.get("policy", POLICY_FILE), Policy)
        symbols = self._file(raw.get("symbols", SYMBOLS_FILE), SymbolTable)
        named, faults = named_files(source, self.folder, index, raw)
        positions = replace(
            named,
            loss_rules=None if firm is None else tuple(rule.name for rule in firm.rules),
            classes=None if symbols is None else tuple(symbols.classes),
        )
        self.faults += [*faults, *read_positions(positions)[1]]
        if entry is None:
            return None
        self.faults += account_faults(source, self.folder, index, entry, firm)
        if firm is None or policy is None or symbols is None:
            return None
        return AccountSettings(
            login=entry.login,
            terminal=entry.terminal,
            firm=firm,
            policy=policy,
            symbols=symbols,
            initial_balance=entry.initial_balance,
            market=_market(self.folder, entry),
            mt5=_mt5(self.folder, entry),
            calendar=None if firm.calendar is None else self.folder / firm.calendar.file,
            positions=positions,
        )

    def _firm(self, source: Source, index: int, name: Any) -> Firm | None:
        if not isinstance(name, str) or not is_plain_name(name):
            return None  # reported with the account
        folder = self.folder / "firms"
        if not exists(folder, f"{name}.toml"):
            there = ", ".join(sorted(path.stem for path in folder.glob("*.toml"))) or "none"
            problem = f"names no file in firms/: {name!r}; available: {there}"
            self.faults.append(source.fault(("accounts", index, "firm"), problem))
            return None
        return self._file(f"firms/{name}.toml", Firm, name=name)

    def _file(self, file: Any, cls: type[T], **given: str) -> T | None:
        """A whole file as one dataclass, read once. `given` are fields that the file's name says."""
        if not isinstance(file, str):
            return None  # reported with the account
        key = (file, cls)
        if key not in self._files:
            source = self._read(file)
            self._files[key] = None if source is None else self._parse(cls, source, {**source.data, **given})
        found: T | None = self._files[key]
        return found


def _market(folder: Path, entry: AccountEntry) -> MarketSettings | None:
    if entry.terminal != "recorded":
        return None
    market = entry.market or SAMPLE_MARKET
    return MarketSettings(
        path=None if market == SAMPLE_MARKET else folder / market,
        balance=entry.balance or entry.initial_balance or _DEFAULT_BALANCE,
        leverage=entry.leverage or _DEFAULT_LEVERAGE,
        currency=entry.currency or _DEFAULT_CURRENCY,
    )


def _mt5(folder: Path, entry: AccountEntry) -> Mt5Settings | None:
    if entry.terminal != "mt5" or entry.path is None or entry.server is None:
        return None
    return Mt5Settings(
        path=folder / entry.path,
        server=entry.server,
        portable=bool(entry.portable),
        symbols=entry.symbols_watched or (),
    )
