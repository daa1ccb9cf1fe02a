"""A report as text: what the terminal and an HTML page show alike."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple


class Text(NamedTuple):
    """A sentence or two. A `warning` is seen first."""

    text: str
    kind: Literal["plain", "strong", "warning", "quiet"] = "plain"


class Facts(NamedTuple):
    """Names and values below each other."""

    rows: Sequence[tuple[str, str]]


class Sheet(NamedTuple):
    """A table; the columns at the places `right` hold numbers."""

    title: str
    columns: tuple[str, ...]
    right: tuple[int, ...]
    rows: Sequence[tuple[str, ...]]


Part = Text | Facts | Sheet


class Page(NamedTuple):
    """A whole report."""

    title: str
    parts: Sequence[Part]


def day(moment_ms: int) -> str:
    """The day of a moment, UTC."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment_ms)).strftime("%Y-%m-%d")


def counted(number: int, thing: str) -> str:
    """A number with its noun: 1 day, 2 days."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def percent(share: float) -> str:
    """A share of 1 in percent."""
    return f"{share * 100:g} %"
