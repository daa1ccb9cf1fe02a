"""Golden files: the decisions of a run, one JSON line each, stable enough to be kept under version control.

The first line says what was replayed; instructions of rules about open positions follow the decisions. Prose (messages,
details) and whatever differs between two equal runs (ids, reservations, the engine, how long it took) is left out. A
name that ends in .gz is compressed.
"""

import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from bridge.errors import ReplayError
from bridge.protocol.messages import ErrorReply, Reply, SizeReply, SizeRequest
from bridge.replay.columns import replace_file
from bridge.replay.run import DECISIONS_FILE, DecisionRow, InstructionRow, Run
from sizing.snapshot import Side

FORMAT: Literal[1] = 1
_ASKED = (
    "stop_loss",
    "entry",
    "take_profit",
    "confidence",
    "market_score",
    "regime",
    "order",
    "horizon_minutes",
    "max_lots",
    "max_risk_pct",
    "strategy",
)
"""What of a request changes its answer, beside symbol, side and magic."""
_ORDER = b'{"instruction":'
"""The line of an instruction begins with it."""
_PRICES = ("entry", "stop_loss", "take_profit")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What was replayed."""

    golden: Literal["lotbridge decisions"] = "lotbridge decisions"
    format: Literal[1] = FORMAT
    strategy: str
    market: str
    start_ms: int
    end_ms: int
    initial_balance: float
    firm: str
    preset: str | None
    policy_hash: str


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One decision: what was asked, the answer, and the waterfall in its order. Money in account currency."""

    time_ms: int
    symbol: str
    side: Side
    magic: int
    asked: dict[str, Any]
    code: str | None
    lots: float
    binding: str | None
    runner_up: str | None
    equity: float
    prices: dict[str, float | None]
    factors: tuple[tuple[str, float], ...]
    base_lots: float
    caps: tuple[tuple[str, float | None], ...]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One instruction, and what became of it. What it is stands first, so that a line tells itself from a decision."""

    instruction: str
    time_ms: int
    symbol: str
    side: str
    ticket: int
    rule: str
    lots: float
    stop_loss: float | None
    take_profit: float | None
    status: str
    filled: float
    fill_price: float | None


class Golden(NamedTuple):
    """A run's decisions and its instructions, oldest first."""

    head: Head
    choices: tuple[Choice, ...]
    orders: tuple[Order, ...] = ()


def golden_of(run: Run) -> Golden:
    """A complete run's decisions. Raises ReplayError for one that is not complete, or cannot be read."""
    info = run.info
    if not info.complete:
        raise ReplayError(f"{run.folder} is of a replay that was interrupted; continue it first")
    head = Head(
        strategy=info.strategy,
        market=info.market.name,
        start_ms=info.market.start_ms,
        end_ms=info.market.end_ms,
        initial_balance=info.account.initial_balance,
        firm=info.config.firm,
        preset=info.config.preset,
        policy_hash=info.config.policy_hash,
    )
    choices = tuple(_choice(run.folder / DECISIONS_FILE, row) for row in run.decisions)
    return Golden(head, choices, tuple(map(_order, run.instructions)))


def write_golden(path: Path, golden: Golden) -> None:
    """Put the file in its place in one step; equal decisions give equal bytes. Raises ReplayError."""
    body = golden_bytes(golden)
    data = _compressed(body) if path.suffix == ".gz" else body
    replace_file(path, lambda temporary: temporary.write_bytes(data))


def golden_bytes(golden: Golden) -> bytes:
    """The lines, not compressed."""
    return b"".join(msgspec.json.encode(each) + b"\n" for each in (golden.head, *golden.choices, *golden.orders))


def read_golden(path: Path) -> Golden:
    """Raises ReplayError with file, line and fix."""
    try:
        data = path.read_bytes()
        lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()
    except FileNotFoundError as fault:
        raise ReplayError(f"{path} does not exist; make it with --update") from fault
    except (OSError, EOFError, zlib.error) as fault:
        raise ReplayError(f"{path} cannot be read: {fault}; remove it, and make it again with --update") from fault
    if not lines:
        raise ReplayError(f"{path} is empty; remove it, and make it again with --update")
    head = _line(path, 1, lines[0], Head)
    found = [
        _line(path, number, line, Order if line.startswith(_ORDER) else Choice)
        for number, line in enumerate(lines[1:], start=2)
    ]
    choices = tuple(each for each in found if isinstance(each, Choice))
    return Golden(head, choices, tuple(each for each in found if isinstance(each, Order)))


def _line(path: Path, number: int, line: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise ReplayError(
            f"{path}, line {number}: not of a golden file ({fault}); name another file, or remove this one and make it "
            "again with --update"
        ) from fault


def _choice(path: Path, row: DecisionRow) -> Choice:
    try:
        request = msgspec.json.decode(row.request, type=SizeRequest)
        reply = msgspec.json.decode(row.reply, type=ErrorReply if _is_error(row.reply) else SizeReply)
    except msgspec.MsgspecError as fault:
        raise ReplayError(f"{path}, decision {row.number}: {fault}; replay into a new folder") from fault
    sized = reply if isinstance(reply, SizeReply) else None
    return Choice(
        time_ms=row.time_ms,
        symbol=request.symbol,
        side=request.side,
        magic=request.magic or 0,
        asked=_given(request, _ASKED),
        code=reply.code,
        lots=0.0 if sized is None else sized.lots,
        binding=None if sized is None else sized.binding,
        runner_up=None if sized is None else sized.runner_up,
        equity=row.equity,
        prices={} if sized is None else {name: getattr(sized, name) for name in _PRICES},
        factors=() if sized is None else tuple((factor.name, factor.value) for factor in sized.factors),
        base_lots=0.0 if sized is None else sized.base_lots,
        caps=() if sized is None else tuple((cap.name, cap.lots) for cap in sized.caps),
    )


def _order(row: InstructionRow) -> Order:
    own = {name: getattr(row, name) for name in Order.__struct_fields__ if name != "instruction"}
    return Order(instruction=row.kind, **own)


def _is_error(reply: str) -> bool:
    """Whether the request itself was at fault, so that nothing was sized."""
    return msgspec.json.decode(reply, type=Reply).status == "error"


def _given(request: SizeRequest, names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(request, name)) is not None}


def _compressed(body: bytes) -> bytes:
    """Without a name, a time or the system in it."""
    made = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=made, mtime=0) as file:
        file.write(body)
    return made.getvalue()
