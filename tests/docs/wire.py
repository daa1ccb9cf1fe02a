"""What the pages must say about the wire, derived from the message types themselves."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from msgspec import inspect

from bridge.protocol import messages as wire

REPLY_TYPES: dict[str, type[wire.Reply]] = {
    "size": wire.SizeReply,
    "fill": wire.ReservationReply,
    "release": wire.ReservationReply,
    "snapshot": wire.SnapshotReply,
    "status": wire.StatusReply,
    "rules": wire.RulesReply,
    "halt": wire.HaltReply,
    "resume": wire.HaltReply,
    "anchor": wire.AnchorReply,
    "manage": wire.ManageReply,
    "report": wire.ReportReply,
    "positions": wire.PositionsReply,
    "rebalance": wire.RebalanceReply,
    "ping": wire.Reply,
}


class Field(NamedTuple):
    """One row of a table: `default` is "required", or the default as JSON; empty in replies, where all are present."""

    type: str
    default: str


def tables() -> dict[str, dict[str, Field]]:
    """Every table the protocol page must have: its title, and its rows by field name."""
    common_request, common_reply = _rows(wire.Request), _rows(wire.Reply, defaults=False)
    found = {
        "every request": {"v": common_request["v"], "type": Field("text", "required"), **common_request},
        "every reply": common_reply,
        "error reply": _less(_rows(wire.ErrorReply, defaults=False), common_reply),
    }
    for kind, request in wire.REQUEST_TYPES.items():
        if own := _less(_rows(request), common_request):
            found[f"{kind} request"] = own
        found.update(dict(_records(request, defaults=True)))
    for kind, reply in REPLY_TYPES.items():
        if own := _less(_rows(reply, defaults=False), common_reply):
            found[f"{kind} reply"] = own
        found.update(dict(_records(reply, defaults=False)))
    return found


def tables_of(page: str) -> dict[str, dict[str, list[str]]]:
    """The tables of a page by the first cell of their head; a head such as "fill, release reply" is two tables."""
    found: dict[str, dict[str, list[str]]] = {}
    rows: list[list[str]] = []
    for line in [*page.splitlines(), ""]:
        if line.startswith("|"):
            rows.append(_cells(line))
        elif rows:
            body = {row[0].strip("`"): row[1:] for row in rows[2:]}
            found.update(dict.fromkeys(_titles(rows[0][0]), body))
            rows = []
    return found


def titles_of(head: str) -> list[str]:
    """The titles of the table with this line as its head."""
    return _titles(_cells(head)[0])


def _titles(cell: str) -> list[str]:
    names, _, kind = cell.rpartition(" ")
    return [f"{name} {kind}".strip() for name in names.split(", ")]


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _rows(kind: type[msgspec.Struct], *, defaults: bool = True) -> dict[str, Field]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: Field(_text(field.type), _default(field) if defaults else "") for field in info.fields}


def _less(rows: dict[str, Field], common: dict[str, Field]) -> dict[str, Field]:
    return {name: row for name, row in rows.items() if name not in common}


def _records(kind: type[msgspec.Struct], *, defaults: bool) -> Iterator[tuple[str, dict[str, Field]]]:
    """Tables of the records inside a message, however deep."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        for inner in _inside(field.type):
            yield f"{_NAMED.get(inner, field.encode_name)} record", _rows(inner, defaults=defaults)
            yield from _records(inner, defaults=defaults)


def _inside(info: inspect.Type) -> Iterator[type[msgspec.Struct]]:
    if isinstance(info, inspect.UnionType):
        for each in info.types:
            yield from _inside(each)
    elif isinstance(info, inspect.ListType):
        yield from _inside(info.item_type)
    elif isinstance(info, inspect.StructType):
        yield info.cls


def _default(field: inspect.Field) -> str:
    return "required" if field.required else msgspec.json.encode(field.default).decode()


def _text(info: inspect.Type) -> str:
    """A type and its range in words, as they stand in the page's second column."""
    match info:
        case inspect.UnionType(types=types):
            rest = [each for each in types if not isinstance(each, inspect.NoneType)]
            return " or ".join(map(_text, rest)) + (" or null" if len(rest) < len(types) else "")
        case inspect.LiteralType(values=values):
            return " / ".join(msgspec.json.encode(value).decode() for value in sorted(values, key=_order))
        case inspect.ListType():
            return "list"
        case inspect.StructType():
            return "object"
        case inspect.BoolType():
            return "true / false"
        case inspect.StrType(min_length=low, max_length=high, pattern=pattern):
            letters = "printable ASCII characters" if pattern else "characters"
            return "text" if high is None else f"text, {low or 0} to {high:,} {letters}"
        case inspect.IntType():
            return "integer" + _range(info)
        case inspect.FloatType():
            return "number" + _range(info)
    raise AssertionError(f"no words for {info}")


def _range(info: inspect.IntType | inspect.FloatType) -> str:
    """The bounds, but for those that every integer (64 bits) and every number (1e15) has."""
    low = info.ge if info.ge is not None and info.ge > -1e15 else None
    high = info.le if info.le is not None and info.le not in (_LARGEST, 1e15) else None
    if info.gt is not None:
        return f", above {info.gt:g}" + ("" if high is None else f", at most {_number(high)}")
    if low is not None:
        return f", at least {_number(low)}" if high is None else f", {_number(low)} to {_number(high)}"
    return "" if high is None else f", at most {_number(high)}"


def _number(value: float) -> str:
    named = {2**53: "2^53", 2**31 - 1: "2^31 - 1"}
    if value in named:
        return named[int(value)]
    return f"{value:g}".replace("e+", "e") if 0 < value < 1e-6 or value >= 1e12 else f"{value:,.15g}"


_NAMED: dict[type[msgspec.Struct], str] = {
    wire.RuleInfo: "status rules", wire.HeldInfo: "held", wire.PastInfo: "past instruction", wire.SumInfo: "sums",
}  # fmt: skip
"""Records whose field has the name of another record's."""
_LARGEST = 2**63 - 1
_ORDER = (
    "buy", "sell", "trending", "ranging", "volatile", "market", "pending", "ok", "reject", "error",
    "M1", "M5", "M15", "M30", "H1", "H4", "D1", "daily", "total", "ends", "pauses", "weekend", "break", "news",
    "bullish", "bearish", "high", "medium", "low", "done", "partial", "failed",
    "open", "close", "close_partial", "modify_stop", "cancel", "limit", "stop", "stop_limit",
)  # fmt: skip


def _order(value: str | int | None) -> int:
    return value if isinstance(value, int) else _ORDER.index(str(value))
