"""What `doctor` and `record` ask a terminal, one question at a time, and the answers."""

from msgspec import Struct

from bridge.protocol.messages import AccountInfo, CheckInfo, DealInfo, QuoteInfo, SymbolInfo
from bridge.terminal.mt5.wire import MarginSeen


class AskProbe(Struct, frozen=True, tag="probe"):
    """Everything `doctor` looks at."""


class AskOffset(Struct, frozen=True, tag="offset"):
    """Watch ticks for so long, and tell how far the broker's clock is ahead."""

    watch_s: float


class AskTicks(Struct, frozen=True, tag="ticks"):
    """Ticks of one symbol between two broker times in seconds."""

    symbol: str
    from_s: int
    to_s: int


class AskBars(Struct, frozen=True, tag="bars"):
    """Closed bars of one symbol between two broker times in seconds."""

    symbol: str
    timeframe: str
    from_s: int
    to_s: int


class AskSpecs(Struct, frozen=True, tag="specs"):
    """Figures and quotes of these symbols."""

    symbols: list[str]


class AskDeals(Struct, frozen=True, tag="deals"):
    """The account's deals since a broker time in seconds."""

    from_s: int


Ask = AskProbe | AskOffset | AskTicks | AskBars | AskSpecs | AskDeals


class SymbolProbe(Struct, frozen=True, kw_only=True):
    """One symbol as the terminal shows it."""

    name: str
    info: SymbolInfo | None
    quote: QuoteInfo | None
    checks: list[CheckInfo] = []
    margins: list[MarginSeen] = []


class Probe(Struct, frozen=True, kw_only=True):
    """A terminal at a glance."""

    package: str
    build: int
    path: str
    connected: bool
    trade_allowed: bool
    """The terminal's Algo Trading switch."""
    tradeapi_disabled: bool
    ping_ms: int
    server: str
    company: str
    account: AccountInfo
    account_trade_allowed: bool
    account_trade_expert: bool
    symbols: list[SymbolProbe]
    unknown: list[str]


class Offset(Struct, frozen=True):
    """The broker's time in seconds when a live tick had just come, and the computer's then; None without one."""

    broker_s: int | None
    now_ms: int


class Columns(Struct, frozen=True):
    """Columns of one length as the bytes of little-endian numbers: times and ticks int64, prices float64."""

    times: bytes
    prices: list[bytes]
    ticks: bytes = b""
    """How many there were in each bar; empty of what is no bars."""


class DealRow(Struct, frozen=True, kw_only=True):
    """A deal, with what the daemon does not need but a person may."""

    deal: DealInfo
    type: int
    reason: int
    order: int
    comment: str
