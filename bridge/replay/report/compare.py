"""Two runs of the same ticks: which decisions differ, and how."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bridge.replay.run import DecisionRow

Key = tuple[int, str, str, int]


class Change(NamedTuple):
    """One wish that two runs answered differently; a run that never was asked has None."""

    time_ms: int
    symbol: str
    side: str
    first: DecisionRow | None
    second: DecisionRow | None


def changes(first: Iterable[DecisionRow], second: Iterable[DecisionRow]) -> list[Change]:
    """Wishes whose lots, refusal or binding cap differ, in the order of time.

    Decisions are the same wish if moment, symbol and side are; several such are taken in their order.
    """
    ours, theirs = dict(_keyed(first)), dict(_keyed(second))
    found = [Change(*key[:3], ours.get(key), theirs.get(key)) for key in sorted(ours | theirs)]
    return [each for each in found if _gist(each.first) != _gist(each.second)]


def _keyed(decisions: Iterable[DecisionRow]) -> Iterator[tuple[Key, DecisionRow]]:
    seen: Counter[tuple[int, str, str]] = Counter()
    for each in decisions:
        wish = (each.time_ms, each.symbol, each.side)
        yield (*wish, seen[wish]), each
        seen[wish] += 1


def _gist(decision: DecisionRow | None) -> tuple[float, str | None, str | None] | None:
    return None if decision is None else (decision.lots, decision.code, decision.binding)
