"""The shape of the settings: what `bridge.toml` holds, and what the daemon gets once every file is resolved.

Ranges stand in the fields' metadata as in `sizing.policy`; `bridge.settings.schema` enforces them when a file is read.
"""

from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Literal

from sizing.params import param
from sizing.policy import Policy
from sizing.prop.firm import Firm
from sizing.symbols import SymbolTable

SAMPLE_MARKET = "sample"
POLICY_FILE = "policy.toml"
SYMBOLS_FILE = "symbols.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The socket, and whose time it is."""

    bind: str = param("tcp://127.0.0.1:5757", "tcp://address:port")
    clock: Literal["system", "feed"] = param(
        "system", "system: the computer's; feed: the EA feed's, for simulations only", choices=("system", "feed")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthUser:
    """Who may ask, and for which accounts."""

    name: str = param(MISSING, "text")
    password: str | None = field(default=None, repr=False, metadata={"unit": "text, for plain"})
    public_key: str | None = param(None, "Z85 text of 40 characters, for curve")
    accounts: tuple[int, ...] = param(MISSING, "logins", gt=0)
    may_control: bool = param(False, "true: may lift halts and set anchors too")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """How clients prove who they are."""

    mechanism: Literal["null", "plain", "curve"] = param(
        "null", "null: nobody asks; plain: name and password; curve: keys", choices=("null", "plain", "curve")
    )
    users: tuple[AuthUser, ...] = ()
    secret_key_file: Path | None = field(default=None, metadata={"unit": "file, relative to this folder, for curve"})


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """The durable record."""

    path: Path = field(default=Path("journal.sqlite"), metadata={"unit": "file, relative to this folder"})
    sync: Literal["normal", "full"] = param(
        "normal", "normal: survives a crash of the daemon; full: and a power cut", choices=("normal", "full")
    )
    keep_queries_hours: float = param(24.0, "hours that answers to queries are kept", gt=0, le=87_600)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What the daemon says while it runs."""

    format: Literal["console", "json"] = param("console", "console or json", choices=("console", "json"))
    level: Literal["debug", "info", "warning", "error"] = param(
        "info", "debug, info, warning or error", choices=("debug", "info", "warning", "error")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEntry:
    """One `[[accounts]]` of `bridge.toml`, its file names not yet resolved."""

    login: int = param(MISSING, "login number in MetaTrader", gt=0)
    terminal: Literal["ea_feed", "mt5", "recorded"] = param(
        MISSING,
        "ea_feed: an EA reports; mt5: a terminal on this computer is read; recorded: a recording plays",
        choices=("ea_feed", "mt5", "recorded"),
    )
    firm: str = param(MISSING, "file in firms/, without .toml")
    initial_balance: float | None = param(None, "account currency", gt=0)
    policy: str = param(POLICY_FILE, "file, relative to this folder")
    symbols: str = param(SYMBOLS_FILE, "file, relative to this folder")
    share_rules: tuple[str, ...] = param((), "files, relative to this folder")
    active: str | None = param(None, "file, relative to this folder")
    rebalance: str | None = param(None, "file, relative to this folder")
    market: str | None = param(None, '"sample" or a folder, for recorded')
    balance: float | None = param(None, "account currency, for recorded", gt=0)
    leverage: int | None = param(None, "ratio to 1, for recorded", ge=1, le=10_000)
    currency: str | None = param(None, "account currency's code, for recorded")
    path: Path | None = field(default=None, metadata={"unit": "file, the terminal's terminal64.exe, for mt5"})
    server: str | None = param(None, "the trade server's name, for mt5")
    portable: bool | None = param(None, "true: the terminal is started with /portable, for mt5")
    symbols_watched: tuple[str, ...] | None = param(None, "the broker's names of symbols, for mt5")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSettings:
    """The recording an account is played on. `path` None is the sample inside the package."""

    path: Path | None
    balance: float
    leverage: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mt5Settings:
    """The terminal an account is read from. Without symbols, those of its Market Watch are watched."""

    path: Path
    server: str
    portable: bool = False
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionFiles:
    """The rule files about an account's open positions, as full paths. `folder` is the configuration's.

    `loss_rules` are the names of the firm's rules, and `classes` those of the symbols file: what the files name must be
    one of them. None: not checked.
    """

    share: tuple[Path, ...] = ()
    active: Path | None = None
    rebalance: Path | None = None
    folder: Path | None = None
    loss_rules: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file, in the order in which they are told."""
        return (*self.share, *(path for path in (self.active, self.rebalance) if path is not None))

    @property
    def names(self) -> tuple[str, ...]:
        """The files as people know them."""
        return tuple(map(self.name_of, self.paths))

    def name_of(self, path: Path) -> str:
        """A file as people know it: relative to the configuration's folder, with forward slashes."""
        if self.folder is not None and path.is_relative_to(self.folder):
            path = path.relative_to(self.folder)
        return path.as_posix()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """One account with everything it needs. `market` is for a recorded terminal, `mt5` for that kind."""

    login: int
    terminal: Literal["ea_feed", "mt5", "recorded"]
    firm: Firm
    policy: Policy
    symbols: SymbolTable
    initial_balance: float | None = None
    market: MarketSettings | None = None
    mt5: Mt5Settings | None = None
    calendar: Path | None = None
    """The calendar file of the firm's news, where it has one."""
    positions: PositionFiles = PositionFiles()
    """What is done with open positions; how large a trade is does not depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a client has to know of the configuration."""

    server: ServerSettings
    auth: AuthSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration. Every path in it is resolved against `folder`."""

    folder: Path
    server: ServerSettings
    auth: AuthSettings
    journal: JournalSettings
    log: LogSettings
    accounts: tuple[AccountSettings, ...]
