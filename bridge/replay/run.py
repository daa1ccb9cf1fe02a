"""The folder of a run: what a replay writes, and what report, regress and odds read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bridge.errors import ReplayError
from bridge.market.recording import BarSeries
from bridge.replay.columns import arrow, read_table, replace_file, rows_table, table_rows, write_table

FORMAT = 1
RUN_FILE, DECISIONS_FILE, TRADES_FILE = "run.json", "decisions.parquet", "trades.parquet"
EQUITY_FILE, BARS_FILE, JOURNAL_FILE = "equity.parquet", "bars.parquet", "journal.sqlite"
INSTRUCTIONS_FILE = "instructions.parquet"
CHECKPOINT_FILE = "checkpoint.msgpack"
BAR_TIMEFRAME = "H1"
_FLOOR, _HEADROOM = "floor:", "headroom:"

Floats = NDArray[np.float64]
Outcome = Literal["filled", "refused_by_broker", "none"]
CloseReason = Literal["sl", "tp", "exit", "reverse", "rule", "stop_out", "end"]


class MarketNote(msgspec.Struct, frozen=True, kw_only=True):
    """The ticks that were replayed: the moments of the first and the last, UTC ms, and how many."""

    name: str
    synthetic: bool
    symbols: tuple[str, ...]
    start_ms: int
    end_ms: int
    ticks: int
    notes: tuple[str, ...] = ()


class AccountNote(msgspec.Struct, frozen=True, kw_only=True):
    """The account that traded."""

    login: int
    currency: str
    initial_balance: float
    leverage: int
    hedging: bool


class ConfigNote(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration that sized; `target_pct` is of the initial balance, None where the firm sets none.

    `rules_files` are those about open positions that were asked every `manage_every_s` seconds; without any, None.
    """

    policy_hash: str
    preset: str | None
    firm: str
    firm_title: str
    target_pct: float | None
    min_days: int
    rules_files: tuple[str, ...] = ()
    manage_every_s: int | None = None


class RuleNote(msgspec.Struct, frozen=True, kw_only=True):
    """One loss rule of the firm. `strict`: only below the floor is a breach, else touching it is one."""

    name: str
    scope: Literal["daily", "total"]
    strict: bool
    measured_on: str


class BreachNote(msgspec.Struct, frozen=True, kw_only=True):
    """The first breach: the rule, the tick's moment, and the equity that met the floor."""

    rule: str
    time_ms: int
    equity: float
    floor: float


class ResultNote(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, money in account currency.

    `target_ms` is the first moment at which the profit target and the minimum of trading days were met, else None.
    `decisions`, `trades` and `instructions` are the rows of the three files; None: no rules about open positions were
    asked, and there is no such file. `plans` of rebalancing were begun; None: no targets were given.
    """

    balance: float
    equity: float
    end_ms: int
    breach: BreachNote | None
    target_ms: int | None
    days_traded: int
    decisions: int
    granted: int
    trades: int
    seconds: float
    instructions: int | None = None
    plans: int | None = None


class RebalancingNote(msgspec.Struct, frozen=True, kw_only=True):
    """The file of target weights with a digest, and after how many days a new plan began; 0: there was only one."""

    targets_file: str
    every_days: int


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """run.json. `complete` is false for a run that was interrupted and may be continued."""

    format: int = FORMAT
    name: str
    version: str
    engine: Literal["fast", "events"]
    complete: bool
    market: MarketNote
    account: AccountNote
    broker: dict[str, bool | int | float | str | None]
    strategy: str
    config: ConfigNote
    rules: tuple[RuleNote, ...]
    result: ResultNote
    rebalancing: RebalancingNote | None = None


class DecisionRow(NamedTuple):
    """One answer to "how many lots?". `code` is None when lots were given; `ticket` is 0 without a position.

    `request` and `reply` are the protocol's messages as JSON text.
    """

    number: int
    time_ms: int
    symbol: str
    side: str
    code: str | None
    message: str | None
    lots: float
    base_lots: float
    binding: str | None
    runner_up: str | None
    entry: float | None
    stop_loss: float | None
    take_profit: float | None
    confidence: float | None
    market_score: float | None
    risk_amount: float
    risk_percent: float
    worst_case: float
    expected_shortfall: float
    equity: float
    ticket: int
    outcome: str
    request: str
    reply: str


class TradeRow(NamedTuple):
    """One position from its opening to its close; one that is closed in parts is a row per part.

    `decision` is -1 where an instruction opened it. `net` is profit + swap + commission. `risk_amount` is the money at
    the stop, costs included, as decided; `r_multiple` is net / risk_amount, None where that is 0. `worst` and `best`
    are the lowest and highest floating profit with swap at any tick, 0 among them.
    """

    ticket: int
    decision: int
    symbol: str
    side: str
    lots: float
    opened_ms: int
    open_price: float
    closed_ms: int
    close_price: float
    profit: float
    swap: float
    commission: float
    net: float
    reason: str
    stop_loss: float | None
    risk_amount: float
    r_multiple: float | None
    worst: float
    best: float
    magic: int


class InstructionRow(NamedTuple):
    """What a rule about open positions told the EA, and what became of it.

    `ticket` is the position's, of an `open` the new one's, 0 where none came of it. `price` is the touch price when it
    was told. `status` is "given" until it was carried out ("done") or refused ("failed", why is in `note`), which was
    at `done_ms`; `filled` lots at `fill_price`.
    """

    time_ms: int
    id: str
    kind: str
    ticket: int
    symbol: str
    side: str
    lots: float
    price: float | None
    stop_loss: float | None
    take_profit: float | None
    rule: str
    reason: str
    status: str
    done_ms: int | None
    filled: float
    fill_price: float | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Equity:
    """The account per 15 minutes in which something happened. Columns of one length n.

    `time_ms` is the start of each, UTC ms; `balance`, `equity` and the floors are as of its end; `low`, `high` and the
    headrooms are the least and most at any tick in it. A floor that is not known is NaN. Keyed by rule.
    """

    time_ms: NDArray[np.int64]
    balance: Floats
    equity: Floats
    low: Floats
    high: Floats
    floors: dict[str, Floats]
    headrooms: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.time_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as read from its folder. `bars` are H1, by symbol. Without rules about open positions no instructions."""

    folder: Path
    info: RunInfo
    decisions: list[DecisionRow]
    trades: list[TradeRow]
    equity: Equity
    bars: dict[str, BarSeries]
    instructions: list[InstructionRow] = field(default_factory=list)


@dataclass(slots=True)
class RunWriter:
    """Collects a run and writes its folder. `equity` blocks follow each other in time, all with the same rules."""

    folder: Path
    decisions: list[DecisionRow] = field(default_factory=list)
    trades: list[TradeRow] = field(default_factory=list)
    equity: list[Equity] = field(default_factory=list)
    bars: dict[str, BarSeries] = field(default_factory=dict)
    instructions: list[InstructionRow] = field(default_factory=list)

    def write(self, info: RunInfo) -> None:
        """Put each file in its place whole, run.json last. May be called again. Raises ReplayError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise ReplayError(f"{self.folder} cannot be made: {fault.strerror or fault}") from fault
        write_table(self.folder / DECISIONS_FILE, rows_table(DecisionRow, self.decisions))
        write_table(self.folder / TRADES_FILE, rows_table(TradeRow, self.trades))
        if info.result.instructions is not None:
            write_table(self.folder / INSTRUCTIONS_FILE, rows_table(InstructionRow, self.instructions))
        write_table(self.folder / EQUITY_FILE, _equity_table(self.equity, [rule.name for rule in info.rules]))
        write_table(self.folder / BARS_FILE, _bars_table(self.bars))
        text = msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n"
        replace_file(self.folder / RUN_FILE, lambda path: path.write_bytes(text))


def read_run(folder: Path) -> Run:
    """A run's folder. Raises ReplayError with the file and what to do."""
    info = read_info(folder)
    decisions = table_rows(DecisionRow, read_table(folder / DECISIONS_FILE, DecisionRow))
    trades = table_rows(TradeRow, read_table(folder / TRADES_FILE, TradeRow))
    instructions = [] if info.result.instructions is None else _read_instructions(folder)
    rows: Sequence[NamedTuple]
    for name, rows, told in (
        (DECISIONS_FILE, decisions, info.result.decisions),
        (TRADES_FILE, trades, info.result.trades),
        (INSTRUCTIONS_FILE, instructions, info.result.instructions or 0),
    ):
        if len(rows) != told:
            raise ReplayError(f"{folder / name} has {len(rows)} rows, but {RUN_FILE} tells of {told}: {_mend(folder)}")
    return Run(
        folder=folder,
        info=info,
        decisions=decisions,
        trades=trades,
        equity=_read_equity(folder / EQUITY_FILE, [rule.name for rule in info.rules]),
        bars=_read_bars(folder / BARS_FILE),
        instructions=instructions,
    )


def _read_instructions(folder: Path) -> list[InstructionRow]:
    return table_rows(InstructionRow, read_table(folder / INSTRUCTIONS_FILE, InstructionRow))


def _mend(folder: Path) -> str:
    """What to do about files that do not belong together."""
    if (folder / CHECKPOINT_FILE).is_file():
        return "the run was stopped while it was written. Go on with it: replay with --continue"
    return "they are of two runs. Replay into a new folder"


class Counts(NamedTuple):
    """Rows of a run's files. None: there is no file of instructions."""

    decisions: int
    trades: int
    equity: int
    instructions: int | None


def read_rows(writer: RunWriter, counts: Counts, rules: Sequence[str]) -> None:
    """Take over the first so many rows of an interrupted run. Raises ReplayError."""
    folder = writer.folder
    decisions = table_rows(DecisionRow, read_table(folder / DECISIONS_FILE, DecisionRow))
    trades = table_rows(TradeRow, read_table(folder / TRADES_FILE, TradeRow))
    equity = _read_equity(folder / EQUITY_FILE, rules)
    instructions = [] if counts.instructions is None else _read_instructions(folder)
    names = (DECISIONS_FILE, TRADES_FILE, EQUITY_FILE, INSTRUCTIONS_FILE)
    found = (len(decisions), len(trades), len(equity), len(instructions))
    for name, count, wanted in zip(names, found, counts, strict=True):
        if count < (wanted or 0):
            raise ReplayError(f"{folder / name} has lost rows, {count} of {wanted}: replay into a new folder")
    writer.decisions, writer.trades = decisions[: counts.decisions], trades[: counts.trades]
    writer.equity = [_first_rows(equity, counts.equity)]
    writer.instructions = instructions[: counts.instructions or 0]


def _first_rows(equity: Equity, count: int) -> Equity:
    plain = {name: getattr(equity, name)[:count] for name in _EquityRow._fields}
    floors = {rule: column[:count] for rule, column in equity.floors.items()}
    headrooms = {rule: column[:count] for rule, column in equity.headrooms.items()}
    return Equity(**plain, floors=floors, headrooms=headrooms)


def read_info(folder: Path) -> RunInfo:
    """A run's run.json alone. Raises ReplayError."""
    path = folder / RUN_FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError as fault:
        raise ReplayError(f"{folder} is not the folder of a run: it has no {RUN_FILE}") from fault
    except OSError as fault:
        raise ReplayError(f"{path} cannot be read: {fault.strerror or fault}") from fault
    try:
        found = msgspec.json.decode(data, type=_Format).format
        if found != FORMAT:
            raise ReplayError(f"{path} has format {found}, this lotbridge reads {FORMAT}: replay again")
        return msgspec.json.decode(data, type=RunInfo)
    except msgspec.DecodeError as fault:
        raise ReplayError(f"{path}: {fault}. Replay into a new folder") from fault


class _Format(msgspec.Struct, frozen=True):
    format: int


class _EquityRow(NamedTuple):
    time_ms: int
    balance: float
    equity: float
    low: float
    high: float


class _BarRow(NamedTuple):
    symbol: str
    time_ms: int
    open: float
    high: float
    low: float
    close: float


def _equity_table(blocks: Sequence[Equity], rules: Sequence[str]) -> Any:
    columns = {name: _joined([getattr(block, name) for block in blocks], name) for name in _EquityRow._fields}
    for rule in rules:
        columns[_FLOOR + rule] = _joined([block.floors[rule] for block in blocks], "")
        columns[_HEADROOM + rule] = _joined([block.headrooms[rule] for block in blocks], "")
    return arrow().table(columns)


def _joined(parts: Sequence[NDArray[Any]], name: str) -> NDArray[Any]:
    kind = np.int64 if name == "time_ms" else np.float64
    return np.concatenate([np.empty(0, kind), *parts], dtype=kind)


def _read_equity(path: Path, rules: Sequence[str]) -> Equity:
    table = read_table(path, _EquityRow)
    missing = [kind + rule for rule in rules for kind in (_FLOOR, _HEADROOM) if kind + rule not in table.column_names]
    if missing:
        raise ReplayError(f"{path} has no column {missing[0]}, a rule of {RUN_FILE}: replay into a new folder")
    return Equity(
        **{name: _numbers(table, name) for name in _EquityRow._fields},
        floors={rule: _numbers(table, _FLOOR + rule) for rule in rules},
        headrooms={rule: _numbers(table, _HEADROOM + rule) for rule in rules},
    )


def _numbers(table: Any, name: str) -> Any:
    return np.array(table.column(name).to_numpy())


def _bars_table(bars: dict[str, BarSeries]) -> Any:
    columns = {
        name: _joined([getattr(series, name) for series in bars.values()], name)
        for name in _BarRow._fields
        if name != "symbol"
    }
    symbols = [symbol for symbol, series in bars.items() for _ in range(len(series))]
    return arrow().table({"symbol": arrow().array(symbols, arrow().string()), **columns})


def _read_bars(path: Path) -> dict[str, BarSeries]:
    table = read_table(path, _BarRow)
    names = np.asarray(table.column("symbol").to_pylist(), dtype=object)
    columns = {name: _numbers(table, name) for name in _BarRow._fields if name != "symbol"}
    bars = {}
    for symbol in dict.fromkeys(names.tolist()):
        own = {name: values[names == symbol] for name, values in columns.items()}
        bars[symbol] = BarSeries(timeframe=BAR_TIMEFRAME, **own)
    return bars
