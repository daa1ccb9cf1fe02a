"""What the commands write: tables for people, JSON for machines. Plain enough for any console.

Text never holds a character outside cp1252; lines and bars are ASCII unless the console speaks UTF-8. What a daemon or
a file says is never read as markup.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD, Box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

GOOD, BAD, NOTE, QUIET = "green", "red", "yellow", "dim"

_PLAIN_HEAD = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_BEYOND_COUNTING = 1e9
_DECIMALS = Decimal("0.0001")
_LEAST_VALUE = 24
"""Columns that a fact's value must have beside its name."""


def screen(*, stderr: bool = False) -> Console:
    """A console on standard output. Colours only on a terminal that wants them."""
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def table(console: Console, *columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table. The columns named in `right` hold numbers."""
    box = _PLAIN_HEAD if console.options.ascii_only else SIMPLE_HEAD
    made = Table(box=box, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def show(console: Console, made: Table) -> None:
    """A table with room around it."""
    console.print()
    console.print(made)
    console.print()


def facts(console: Console, rows: list[tuple[str, str]]) -> None:
    """Lines of a name and a value, the values below each other, or each below its name where the console is narrow."""
    if console.width < max((cell_len(name) for name, _ in rows), default=0) + _LEAST_VALUE:
        for name, value in rows:
            line(console, name, "bold")
            line(console, value)
        return
    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, value)
    console.print(made)


def line(console: Console, text: str = "", style: str = "", *, wrap: bool = True) -> None:
    """One line, or as many as it takes. Without `wrap` it stays whole: paths and commands are there to be copied."""
    console.print(Text(text, style=style), soft_wrap=not wrap)


def note(text: str) -> None:
    """One quiet line on standard error, where it disturbs no output."""
    line(screen(stderr=True), text, QUIET, wrap=False)


def lines(console: Console, *texts: str) -> None:
    """Lines to copy, indented and whole."""
    for text in texts:
        line(console, f"    {text}", wrap=False)


def quoted(path: Path) -> str:
    """A path as it can be typed into any shell."""
    text = str(path)
    return f'"{text}"' if " " in text else text


def print_json(value: Any) -> None:
    """One JSON value on standard output, in ASCII: no console or pipe can garble it."""
    sys.stdout.write(json.dumps(msgspec.to_builtins(value), indent=2, allow_nan=False) + "\n")


def money(amount: float | None, currency: str = "") -> str:
    """An amount with thousands separators."""
    return "unknown" if amount is None else f"{amount:,.2f} {currency}".rstrip()


def lots_of(lots: float) -> str:
    """A volume as it is traded."""
    if lots == 0:
        return "0"
    return f"{lots:.2f}" if round(lots, 2) == lots else f"{lots:.10g}"


def ceiling(lots: float | None) -> str:
    """A ceiling in lots, never shown higher than it is."""
    if lots is None:
        return "no limit"
    if lots >= _BEYOND_COUNTING:
        return f"{lots:.4g}"
    return str(Decimal(repr(lots)).quantize(_DECIMALS, rounding=ROUND_FLOOR))


def short_ceiling(lots: float | None) -> str:
    """A ceiling without trailing zeros."""
    text = ceiling(lots)
    return text.rstrip("0").rstrip(".") if "." in text else text


def price(value: float) -> str:
    """A price with the digits it has."""
    return f"{value:.10g}"


def prices(*named: tuple[str, float | None]) -> str:
    """Prices of one symbol that are known, all with as many decimals as the longest has."""
    known = [(name, Decimal(price(value))) for name, value in named if value is not None]
    decimals = max((max(0, -int(value.as_tuple().exponent)) for _, value in known), default=0)
    return "   ".join(f"{name} {value:.{decimals}f}" for name, value in known)


def utc(moment_ms: int) -> str:
    """A moment in UTC, to the second."""
    return _moment(moment_ms).strftime("%Y-%m-%d %H:%M:%S UTC")


def minute_utc(moment_ms: int) -> str:
    """A moment in UTC, to the minute."""
    return _moment(moment_ms).strftime("%Y-%m-%d %H:%M UTC")


def minute_local(moment_ms: int) -> str:
    """A moment by this computer's time zone, to the minute."""
    return _moment(moment_ms).astimezone().strftime("%Y-%m-%d %H:%M local")


def age(milliseconds: int | None) -> str:
    """How old something is."""
    if milliseconds is None:
        return "none"
    if milliseconds < 10_000:
        return f"{milliseconds} ms"
    return duration(milliseconds)


def duration(milliseconds: int) -> str:
    """A length of time in its two largest units."""
    seconds = milliseconds // 1000
    for unit, name, part, part_name in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            return f"{seconds // unit} {name} {seconds % unit // part} {part_name}"
    return f"{seconds} s"


def _moment(moment_ms: int) -> datetime:
    # Unlike datetime.fromtimestamp this knows every moment on every system.
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment_ms)
