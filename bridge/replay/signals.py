"""Signals from one file of the user's, CSV or Parquet, as a strategy with fixed moments.

Nothing is repaired and nothing guessed: every fault of the file is in one ReplayError, each with place, column and fix.
"""

import difflib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.errors import ReplayError
from bridge.market.checks import YEAR_1990_MS, YEAR_2200_MS
from bridge.replay.entries import Fault, entry_faults, stance_faults
from bridge.replay.signal_table import Table, read_table
from bridge.replay.strategy import Entry, Stance, View

ALIASES = {
    "time": ("timestamp", "datetime", "time_utc", "time_ms"),
    "symbol": ("instrument", "ticker"),
    "side": ("direction", "action"),
    "stop": ("stop_loss", "stoploss", "sl"),
    "target": ("take_profit", "takeprofit", "tp"),
    "confidence": (),
    "market_score": ("score",),
    "exit": ("exit_time", "close_time"),
    "strategy": ("strategy_name",),
    "magic": ("magic_number",),
    "risk": ("risk_grade",),
}
"""The columns, and what else they may be called: in any case, with spaces or hyphens for underscores."""
REQUIRED = ("time", "symbol", "side", "stop")
SIDES = {"buy": "buy", "long": "buy", "sell": "sell", "short": "sell"}
STANCES = {"bullish": "bullish", "bearish": "bearish", "neutral": None}
"""Sides of rows that open nothing, but say what is expected from then on; neutral: nothing any more."""
MOST_FAULTS = 20

_COLUMN_OF = {alias: name for name, aliases in ALIASES.items() for alias in (name, *aliases)}
_FIELDS = {"stop_loss": "stop", "take_profit": "target", "exit_ms": "exit", "direction": "side"}
"""Columns of an entry's fields where their names differ."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Signals:
    """A file of signals. `first_rows` says by symbol where the file first names it: "line 2"."""

    timeframe: str | None = None

    def __init__(
        self, name: str, wishes: Mapping[int, Sequence[Entry | Stance]], first_rows: Mapping[str, str]
    ) -> None:
        self.name = name
        self.first_rows = dict(first_rows)
        self._wishes = {moment: tuple(each) for moment, each in wishes.items()}
        self._times = np.array(list(wishes), dtype=np.int64)

    def times(self) -> NDArray[np.int64]:
        """The moments of the signals, UTC milliseconds, strictly ascending."""
        return self._times

    @property
    def has_stances(self) -> bool:
        """Whether some rows are for the position rules."""
        return any(isinstance(each, Stance) for moment in self._wishes.values() for each in moment)

    def on_time(self, view: View) -> tuple[Entry | Stance, ...]:
        """The signals of this very moment, as they follow each other in the file."""
        found = self._wishes.get(view.now_ms)
        if found is None:
            raise ReplayError(f"{self.name} has no signal at {view.now_ms}; being asked then is a defect of lotbridge")
        return found


def read_signals(path: Path) -> Signals:
    """Raises ReplayError with the faults of the file, up to 20."""
    table = read_table(path)
    if not table.header or not (table.rows or table.ragged):
        raise ReplayError(f"{path} has no signals; it needs a row of column names and a row for each signal")
    columns = _columns(table)
    faults = list(table.ragged)
    signals = [_signal(table.places[number], columns, row, faults) for number, row in enumerate(table.rows)]
    good = [each for each in signals if each is not None]
    faults += _order_faults(good)
    _demand(path, faults)
    wishes: dict[int, list[Entry | Stance]] = defaultdict(list)
    first_rows: dict[str, str] = {}
    for each in good:
        wishes[each.time_ms].append(each.wish)
        first_rows.setdefault(each.wish.symbol, each.place)
    return Signals(path.name, wishes, first_rows)


class _Signal(NamedTuple):
    place: str
    time_ms: int
    wish: Entry | Stance


class _CellError(ValueError):
    """What a cell is not, with the fix."""


def _demand(path: Path, faults: list[str]) -> None:
    if not faults:
        return
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    shown = faults[:MOST_FAULTS]
    if len(faults) > len(shown):
        shown.append(f"and {len(faults) - len(shown)} more")
    raise ReplayError("\n  ".join([f"{count} in {path}:", *shown]))


def _columns(table: Table) -> dict[str, int]:
    """Where each column stands. Raises ReplayError for one that is missing, unknown or there twice."""
    found: dict[str, int] = {}
    faults = []
    for place, header in enumerate(table.header):
        plain = "_".join(header.casefold().replace("-", " ").replace("_", " ").split())
        name = _COLUMN_OF.get(plain)
        if name is None:
            faults.append(_unknown(header, plain, place))
        elif name in found:
            faults.append(f"the columns {table.header[found[name]]} and {header} both mean {name}; remove one")
        else:
            found[name] = place
    for name in REQUIRED:
        if name not in found and not (name == "stop" and _only_stances(table, found)):
            why = "; leave its cells empty for the policy's ATR stop" if name == "stop" else ""
            faults.append(f"the column {name} is missing; add it{why}")
    _demand(table.path, faults)
    return found


def _only_stances(table: Table, columns: Mapping[str, int]) -> bool:
    """Whether no row opens anything, so that no column of stops is needed."""
    at = columns.get("side")
    if at is None:
        return False
    said = {row[at].casefold() for row in table.rows if isinstance(row[at], str)}
    return not said.isdisjoint(STANCES) and said.isdisjoint(SIDES)


def _unknown(header: str, plain: str, place: int) -> str:
    if not plain:
        return f"column {place + 1} has no name; name or remove it (pandas: to_csv(index=False))"
    near = difflib.get_close_matches(plain, _COLUMN_OF, n=1)
    meant = f"is it {_COLUMN_OF[near[0]]}?" if near else f"known are {', '.join(ALIASES)};"
    return f"the column {header} is unknown; {meant} rename or remove it"


def _signal(place: str, columns: Mapping[str, int], row: Sequence[Any], faults: list[str]) -> _Signal | None:
    """One row, or None and what is wrong with it."""
    values: dict[str, Any] = {}
    before = len(faults)
    for name, read in _READERS.items():
        cell = row[columns[name]] if name in columns else None
        if cell is None and name not in ("time", "symbol", "side"):
            continue
        try:
            values[name] = read(cell)
        except (ValueError, TypeError, OverflowError) as fault:
            said = str(fault) if isinstance(fault, _CellError) else "cannot be read"
            faults.append(f"{place}, {name}: {'it is empty' if cell is None else repr(cell)}, {said}")
    if len(faults) > before:
        return None
    wish: Entry | Stance
    if values["side"] in SIDES.values():
        wish, found = _entry(values)
    else:
        wish, found = _said(values)
    for field, text in found:
        faults.append(f"{place}, {_FIELDS.get(field, field)}: {text}; repair the row")
    return None if len(faults) > before else _Signal(place, values["time"], wish)


def _entry(values: Mapping[str, Any]) -> tuple[Entry, list[Fault]]:
    """A row that opens something, and what is wrong with it."""
    entry = Entry(
        symbol=values["symbol"],
        side=values["side"],
        stop_loss=values.get("stop"),
        take_profit=values.get("target"),
        confidence=values.get("confidence"),
        market_score=values.get("market_score"),
        exit_ms=values.get("exit"),
        magic=values.get("magic", 0),
        strategy=values.get("strategy", ""),
    )
    faults = entry_faults(entry, values["time"])
    if "risk" in values:
        faults.append(Fault("risk", "is only for rows whose side is bullish or bearish"))
    return entry, faults


def _said(values: Mapping[str, Any]) -> tuple[Stance, list[Fault]]:
    """A row that says what is expected, and what is wrong with it."""
    side = values["side"]
    direction: Any = STANCES[side]
    stance = Stance(values["symbol"], direction, values.get("confidence"), values.get("risk"))
    no_place = ["stop", "target", "market_score", "exit", "strategy"]
    no_place += ["magic"] if values.get("magic") else []
    no_place += [] if direction else ["confidence", "risk"]
    told = [Fault(name, f"has no place in a row that is {side}") for name in no_place]
    return stance, [*stance_faults(stance), *(each for each in told if each.field in values)]


def _order_faults(signals: Sequence[_Signal]) -> list[str]:
    """The first row that is out of order, and every row that is there twice."""
    faults = []
    for earlier, later in pairwise(signals):
        if later.time_ms < earlier.time_ms:
            faults.append(f"{later.place}, time: it is before that of {earlier.place}; sort the rows by time")
            break
    seen: dict[tuple[int, Entry | Stance], str] = {}
    stances: dict[tuple[int, str], str] = {}
    for place, time_ms, wish in signals:
        first = seen.setdefault((time_ms, wish), place)
        if first != place:
            faults.append(f"{place}: the same signal as in {first}; remove one")
        elif isinstance(wish, Stance) and (first := stances.setdefault((time_ms, wish.symbol), place)) != place:
            faults.append(f"{place}, side: something else is expected of {wish.symbol} than in {first}; keep one")
    return faults


def _text(cell: Any) -> str:
    if not isinstance(cell, str):
        raise _CellError("not a text; repair the row")
    return cell


def _side(cell: Any) -> str:
    text = cell.casefold() if isinstance(cell, str) else ""
    if text in STANCES:
        return text
    if text not in SIDES:
        raise _CellError("neither buy nor sell (long nor short), nor bullish, bearish or neutral; repair the row")
    return SIDES[text]


def _number(cell: Any) -> float:
    text = isinstance(cell, str)
    if isinstance(cell, bool | date) or (text and "_" in cell):
        raise _CellError("not a number; repair the row")
    try:
        return float(cell)
    except (TypeError, ValueError):
        comma = " with a point" if text and "," in cell else ""
        raise _CellError(f"not a number{comma}; repair the row") from None


def _whole(cell: Any) -> int:
    if isinstance(cell, str):
        if not cell.removeprefix("-").isdecimal():
            raise _CellError("not a whole number; repair the row")
        return int(cell)
    if isinstance(cell, bool | date) or not float(cell).is_integer():
        raise _CellError("not a whole number; repair the row")
    return int(cell)


def _moment_ms(cell: Any) -> int:
    """UTC milliseconds of ISO 8601 (UTC where it names no zone) or of epoch milliseconds, never earlier than told."""
    if isinstance(cell, str) and not cell.removeprefix("-").isdecimal():
        moment_ms = _iso_ms(cell)
    elif isinstance(cell, date):
        raise _CellError("a day without an hour; write the moment at which the trade is made")
    else:
        moment_ms = _whole(cell)
        if YEAR_1990_MS <= moment_ms * 1000 <= YEAR_2200_MS:
            raise _CellError("which looks like seconds; write epoch milliseconds, a thousand times as much")
    if not YEAR_1990_MS <= moment_ms <= YEAR_2200_MS:
        raise _CellError("not between 1990 and 2200; write 2026-03-04T14:30:00Z, or epoch milliseconds")
    return moment_ms


def _iso_ms(text: str) -> int:
    if text[4:5] == ".":
        raise _CellError("a broker's time as MetaTrader writes it; write UTC, such as 2026-03-04T14:30:00Z")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _CellError("not ISO 8601 such as 2026-03-04T14:30:00Z, nor epoch milliseconds; repair the row") from None
    if ":" not in text and "T" not in text.upper():
        # Most daily signals are made from that day's close: acting at its midnight would see the future.
        raise _CellError("a day without an hour; write the moment at which the trade is made")
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return -(-(aware - _EPOCH) // _MILLISECOND)


def _grade(cell: Any) -> str:
    text = cell.casefold() if isinstance(cell, str) else ""
    if text not in ("high", "medium", "low"):
        raise _CellError("neither high nor medium nor low; repair the row")
    return text


_READERS: dict[str, Callable[[Any], Any]] = {
    "time": _moment_ms,
    "symbol": _text,
    "side": _side,
    "stop": _number,
    "target": _number,
    "confidence": _number,
    "market_score": _number,
    "exit": _moment_ms,
    "strategy": _text,
    "magic": _whole,
    "risk": _grade,
}
