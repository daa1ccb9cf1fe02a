"""Target weights in a CSV file: each row with its line, and every mistake at once."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bridge.settings.source import Fault
from sizing.positions.rebalance.targets import Target

_COLUMNS = ("symbol", "weight", "alpha", "strategy")
_HEADER = "the first line must be symbol,weight[,alpha,strategy]"
_MAX_BYTES = 1_000_000
_SHARES = "weights are shares of equity: 0.1 is 10 %"


class Placed(NamedTuple):
    """A target, and the line it stands on. A number that could not be read is None: that is told already."""

    line: int | None
    symbol: str
    weight: float | None
    alpha: float | None
    strategy: str

    @property
    def target(self) -> Target | None:
        """None where a number could not be read."""
        if self.weight is None or self.alpha is None:
            return None
        return Target(self.symbol, self.weight, self.alpha, self.strategy)


def read_csv(path: Path) -> tuple[list[Placed], list[Fault]]:
    """The rows of a file with a header, in its order, and what is wrong with single cells or the file itself."""
    text, fault = _text(path)
    if fault is not None:
        return [], [fault]
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[Placed] = []
    faults: list[Fault] = []
    line = 1
    try:
        first = next(rows, [])
        header = [name.strip().lower() for name in first]
        if problems := _header_problems(first, header):
            return [], [Fault(path.name, (), 1, problem) for problem in problems]
        line = rows.line_num + 1
        for row in rows:
            if any(cell.strip() for cell in row):
                placed, problems = _row(line, [cell.strip() for cell in row], header)
                found += [placed] if placed is not None else []
                faults += [Fault(path.name, (), line, problem) for problem in problems]
            line = rows.line_num + 1
    except csv.Error as error:
        faults.append(Fault(path.name, (), line, f"is no CSV: {error}"))
    return found, faults


def _text(path: Path) -> tuple[str, Fault | None]:
    try:
        if path.is_dir():
            return "", Fault(path.name, (), None, "is a folder; name a file")
        if path.exists() and not path.is_file():
            # Some of what is no file, such as a pipe, would be waited for.
            return "", Fault(path.name, (), None, "cannot be read: it is not a file")
        raw = path.read_bytes()
    except FileNotFoundError:
        return "", Fault(path.name, (), None, "does not exist")
    except OSError as error:
        return "", Fault(path.name, (), None, f"cannot be read: {error.strerror or error}")
    if len(raw) > _MAX_BYTES:
        return "", Fault(path.name, (), None, f"is larger than {_MAX_BYTES:,} bytes")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in raw[:4]:
        return "", Fault(path.name, (), None, "is saved as UTF-16; save it as CSV UTF-8")
    try:
        return raw.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problem = f"holds the byte {raw[error.start]:#04x}, which is not UTF-8; save it as CSV UTF-8"
        return "", Fault(path.name, (), line, problem)


def _header_problems(first: Sequence[str], header: Sequence[str]) -> list[str]:
    raw = ",".join(first).strip()
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if mark in raw and "," not in raw:
            return [f"cells are separated by {name}; separate them with commas, and write numbers with a point"]
    if "symbol" not in header and "weight" not in header:
        return [f"{_HEADER}; it is {raw!r}" if raw else f"{_HEADER}; it is empty"]
    unknown = [name for name in header if name not in _COLUMNS]
    twice = sorted({name for name in header if header.count(name) > 1})
    missing = [name for name in ("symbol", "weight") if name not in header]
    problems = [f"unknown columns {', '.join(map(repr, unknown))}; known: {', '.join(_COLUMNS)}"] if unknown else []
    problems += [f"columns stand there twice: {', '.join(map(repr, twice))}"] if twice else []
    return problems + ([f"lacks the column {missing[0]}; {_HEADER}"] if missing else [])


def _row(line: int, row: Sequence[str], header: Sequence[str]) -> tuple[Placed | None, list[str]]:
    if len(row) != len(header):
        hint = "; write decimals with a point, and no commas in between" if len(row) > len(header) else ""
        return None, [f"has {len(row)} cells, the header {len(header)}{hint}"]
    cells: Mapping[str, str] = dict(zip(header, row, strict=True))
    weight, weight_problem = _number("weight", cells["weight"])
    alpha, alpha_problem = _number("alpha", cells.get("alpha") or "0")
    problems = [each for each in (weight_problem, alpha_problem) if each]
    return Placed(line, cells["symbol"], weight, alpha, cells.get("strategy", "")), problems


def _number(name: str, text: str) -> tuple[float | None, str]:
    """A number as it is written everywhere, or None and why it is none."""
    try:
        # Python alone reads 1_0 as 10.
        value = None if "_" in text else float(text)
    except ValueError:
        value = None
    if value is not None and math.isfinite(value):
        return value, ""
    if not text:
        return None, f"{name} is missing"
    if name == "weight" and text.endswith("%"):
        return None, f"weight is {text!r}: {_SHARES}"
    return None, f"{name} is {text!r}: write a number with a point such as 0.04"
