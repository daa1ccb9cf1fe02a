"""What became different between two runs of the same wishes: which decisions, and by which factor or cap."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from bridge.replay.golden import Choice, Golden, Head, Order
from sizing.snapshot import Side

ABSENT = "absent"
"""Stands in a difference for a value that one side does not have."""
OUTCOME = ("code", "binding", "lots")
Key = tuple[int, str, str, int, int]


class Difference(NamedTuple):
    """One value of a decision: `factor:regime`, `cap:max_lots`, `asked:stop_loss`, `price:entry`, or its plain name."""

    name: str
    before: Any
    after: Any


class Change(NamedTuple):
    """A decision that differs. Its differences stand in the order of the waterfall: the first one is the cause."""

    kind: Literal["outcome", "waterfall"]
    """Lots, code or binding differ, or only the way to them."""
    time_ms: int
    symbol: str
    side: Side
    magic: int
    lots_before: float
    lots_after: float
    cause: str
    differences: tuple[Difference, ...]


class OrderChange(NamedTuple):
    """An instruction of rules about open positions that differs, or that only one run has (`word`)."""

    word: Literal["differs", "gone", "new"]
    order: Order
    differences: tuple[Difference, ...] = ()


class Cause(NamedTuple):
    """How many decisions differ first by this, and by how many lots on average."""

    name: str
    outcomes: int
    waterfalls: int
    mean_lots: float
    """Of the changed outcomes; 0 without."""


class Comparison(NamedTuple):
    """Two runs. `heads` are differences of what was replayed: they explain, and are no changes by themselves."""

    before: int
    after: int
    """Decisions of each."""
    changes: tuple[Change, ...]
    gone: tuple[Choice, ...]
    new: tuple[Choice, ...]
    heads: tuple[Difference, ...]
    orders: tuple[OrderChange, ...] = ()

    @property
    def same(self) -> bool:
        """Every decision and every instruction is there and equal, and no other."""
        return not (self.changes or self.gone or self.new or self.orders)


def compare(before: Golden, after: Golden, tolerance: float = 0.0) -> Comparison:
    """Decisions belong together by time, symbol, side and magic; several alike by their order.

    `tolerance` is relative: numbers that are nearer to each other than this share of the larger are the same.
    """
    old, new = _keyed(before.choices), _keyed(after.choices)
    changes = [_change(each, new[key], tolerance) for key, each in old.items() if key in new]
    return Comparison(
        before=len(before.choices),
        after=len(after.choices),
        changes=tuple(each for each in changes if each is not None),
        gone=tuple(each for key, each in old.items() if key not in new),
        new=tuple(each for key, each in new.items() if key not in old),
        heads=tuple(_head_differences(before.head, after.head)),
        orders=tuple(_order_changes(before.orders, after.orders, tolerance)),
    )


def causes(changes: Sequence[Change]) -> list[Cause]:
    """The most frequent first; of equals by name."""
    by_name: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        by_name[change.cause].append(change)
    made = [_cause(name, each) for name, each in by_name.items()]
    return sorted(made, key=lambda cause: (-cause.outcomes, -cause.waterfalls, cause.name))


def differences(before: Choice, after: Choice, tolerance: float = 0.0) -> tuple[Difference, ...]:
    """Every value that differs, in the order in which a size is made: what was asked, prices, factors, caps, outcome.

    Equity stands before everything that is money, and after the factors. Where one of the two was refused before there
    was a size, it has no waterfall to compare, and the code comes first.
    """

    def unequal(*each: Difference) -> list[Difference]:
        return [one for one in each if not _equal(one.before, one.after, tolerance)]

    asked = unequal(*_pairs("asked:", before.asked.items(), after.asked.items()))
    outcome = unequal(*(Difference(name, getattr(before, name), getattr(after, name)) for name in OUTCOME))
    equity = unequal(Difference("equity", before.equity, after.equity))
    if outcome and bool(before.caps) != bool(after.caps):
        return (*asked, *outcome, *equity)
    return (
        *asked,
        *unequal(*_pairs("price:", before.prices.items(), after.prices.items())),
        *unequal(*_pairs("factor:", before.factors, after.factors)),
        *equity,
        *unequal(Difference("base_lots", before.base_lots, after.base_lots)),
        *unequal(*_pairs("cap:", before.caps, after.caps)),
        *outcome,
        *unequal(Difference("runner_up", before.runner_up, after.runner_up)),
    )


def _change(before: Choice, after: Choice, tolerance: float) -> Change | None:
    found = differences(before, after, tolerance)
    if not found:
        return None
    return Change(
        kind="outcome" if any(each.name in OUTCOME for each in found) else "waterfall",
        time_ms=after.time_ms,
        symbol=after.symbol,
        side=after.side,
        magic=after.magic,
        lots_before=before.lots,
        lots_after=after.lots,
        cause=found[0].name,
        differences=found,
    )


def _order_changes(before: Iterable[Order], after: Iterable[Order], tolerance: float) -> list[OrderChange]:
    """Instructions belong together by time, kind, symbol, side and rule; several alike by their order."""
    old, new = _keyed_orders(before), _keyed_orders(after)
    found = [OrderChange("new", each) for key, each in new.items() if key not in old]
    for key, each in old.items():
        if key not in new:
            found.append(OrderChange("gone", each))
            continue
        pairs = ((name, getattr(each, name), getattr(new[key], name)) for name in each.__struct_fields__)
        differ = tuple(Difference(*pair) for pair in pairs if not _equal(pair[1], pair[2], tolerance))
        if differ:
            found.append(OrderChange("differs", new[key], differ))
    return sorted(found, key=lambda change: change.order.time_ms)


def _keyed_orders(orders: Iterable[Order]) -> dict[tuple[int, str, str, str, str, int], Order]:
    seen: Counter[tuple[int, str, str, str, str]] = Counter()
    keyed = {}
    for each in orders:
        key = each.time_ms, each.instruction, each.symbol, each.side, each.rule
        keyed[(*key, seen[key])] = each
        seen[key] += 1
    return keyed


def _cause(name: str, changes: Sequence[Change]) -> Cause:
    lots = [each.lots_after - each.lots_before for each in changes if each.kind == "outcome"]
    return Cause(name, len(lots), len(changes) - len(lots), math.fsum(lots) / len(lots) if lots else 0.0)


def _keyed(choices: Iterable[Choice]) -> dict[Key, Choice]:
    seen: Counter[tuple[int, str, str, int]] = Counter()
    keyed: dict[Key, Choice] = {}
    for each in choices:
        key = each.time_ms, each.symbol, each.side, each.magic
        keyed[(*key, seen[key])] = each
        seen[key] += 1
    return keyed


def _pairs(prefix: str, before: Iterable[tuple[str, Any]], after: Iterable[tuple[str, Any]]) -> list[Difference]:
    """Values by name, in the order of the newer side, those that only the older has at the end."""
    old, new = _numbered(before), _numbered(after)
    return [
        Difference(prefix + name, old.get(name, ABSENT), new.get(name, ABSENT)) for name in dict.fromkeys((*new, *old))
    ]


def _numbered(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """By name; a name that is there again gets its number."""
    found: dict[str, Any] = {}
    seen: Counter[str] = Counter()
    for name, value in pairs:
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name}#{seen[name]}"] = value
    return found


def _equal(before: Any, after: Any, tolerance: float) -> bool:
    if isinstance(before, int | float) and isinstance(after, int | float):
        return math.isclose(before, after, rel_tol=tolerance)
    return bool(before == after)


def _head_differences(before: Head, after: Head) -> list[Difference]:
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in before.__struct_fields__)
    return [Difference(name, old, new) for name, old, new in pairs if old != new]
