"""What parent and child say to each other: msgpack in frames with a length. Nothing is ever pickled."""

import struct
from collections.abc import Callable
from typing import BinaryIO, Literal

import msgspec
from msgspec import Struct

from bridge.protocol.messages import (
    AccountInfo,
    BarsInfo,
    CheckInfo,
    DealInfo,
    OrderInfo,
    PositionInfo,
    QuoteInfo,
    SymbolInfo,
)
from bridge.terminal.mt5.live import PROOF_TICKS
from sizing.snapshot import Side

MAX_FRAME = 64 * 1024 * 1024
SILENCE_S = 5.0
"""How long the child may be silent unless it has announced a longer call."""
_LENGTH = struct.Struct(">I")


class Config(Struct, frozen=True, kw_only=True):
    """The first frame to the child. The password travels here and nowhere else: no command line, no log."""

    login: int
    path: str
    server: str
    password: str | None = None
    portable: bool = False
    symbols: tuple[str, ...] = ()
    timeframes: tuple[str, ...] = ("D1", "H1")
    mode: Literal["watch", "serve"] = "watch"
    round_ms: int = 150
    """The least time between two looks at account and quotes."""
    timeout_ms: int = 60_000
    """What `initialize` may take: it starts the terminal where it does not run."""
    proof_s: float = 10.0
    """How long ticks must keep pace with the clock before the broker's time is believed."""
    proof_ticks: int = PROOF_TICKS
    """And how many of them."""
    settle_s: float = 10.0
    """How long account, positions and orders may move under every look before the terminal is given up."""

    def __repr__(self) -> str:
        """Without the password: whatever prints this may end in a log."""
        return f"Config(login={self.login}, path={self.path!r}, server={self.server!r}, mode={self.mode!r})"


class Attached(Struct, frozen=True, kw_only=True, tag="attached"):
    """The terminal was reached, and shows the account that was asked for."""

    login: int
    server: str
    company: str
    build: int
    package: str
    symbols: list[str]
    unknown: list[str]
    """Configured symbols that the broker does not have."""


class MarginSeen(Struct, frozen=True, kw_only=True):
    """One side's margin as the terminal computes it, in the account's currency."""

    symbol: str
    side: Side
    price: float
    one_lot: float
    """Of one lot at `price`."""
    worst: float
    """Per lot where that is farthest from `one_lot`: at another volume, or at another price and brought back."""
    where: str
    """In words for a person; empty where the margin is in proportion everywhere."""


class Evidence(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="evidence"):
    """Parts of a `snapshot` message, with broker times as they are. `took_s`: whole seconds that reading them took."""

    took_s: int = 0
    time_trade_server: int | None = None
    account_info: AccountInfo | None = None
    symbols: list[SymbolInfo] | None = None
    positions: list[PositionInfo] | None = None
    orders: list[OrderInfo] | None = None
    quotes: list[QuoteInfo] | None = None
    bars: list[BarsInfo] | None = None
    deals: list[DealInfo] | None = None
    deals_since: int | None = None
    checks: list[CheckInfo] | None = None
    margins: list[MarginSeen] | None = None
    """What the checks' margins come from; not a part of the snapshot."""


class Beat(Struct, frozen=True, kw_only=True, tag="beat"):
    """A sign of life. `silence_s` is how long the next call may take; `online`: the terminal reaches its broker."""

    silence_s: float
    call: str = ""
    rounds: int = 0
    online: bool | None = None
    """None where it was not looked at since."""


class Fault(Struct, frozen=True, kw_only=True, tag="fault"):
    """Why the child gives up, and what a person can do."""

    problem: str
    remedy: str
    code: int | None = None


class Answer(Struct, frozen=True, kw_only=True, tag="answer"):
    """The reply to one question, msgpack again; or why there is none."""

    body: bytes = b""
    failed: str | None = None
    remedy: str = ""


FromChild = Attached | Evidence | Beat | Fault | Answer

PARTS = ("account_info", "symbols", "positions", "orders", "quotes", "bars", "deals", "deals_since", "checks")


def write_frame(stream: BinaryIO, body: bytes) -> None:
    """One frame, at once on its way."""
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def read_frame(read: Callable[[int], bytes]) -> bytes | None:
    """The next frame; None at the end of the stream. Raises ValueError for a length that cannot be."""
    head = read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise ValueError(f"a frame of {length} bytes")
    body = read(length)
    return body if len(body) == length else None


encode = msgspec.msgpack.Encoder().encode
decode_from_child = msgspec.msgpack.Decoder(FromChild).decode
decode_config = msgspec.msgpack.Decoder(Config).decode
