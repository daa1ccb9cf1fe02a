"""The correlations of an account's symbols: worked out one symbol at a time, and watched for breaks."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from bridge.market.recording import BarSeries
from sizing.stats.correlation import RECENT, WINDOW, Break, broken, common_returns, measure, shrink

_BREAKS_KEPT = 1_000


class BrokenPair(NamedTuple):
    """Two symbols that have begun to move together unlike before."""

    symbols: tuple[str, str]
    found: Break


class Correlations:
    """The table by broker symbol, both ways round. It is replaced, never changed."""

    def __init__(self, daily: Callable[[str], BarSeries | None], prior: Callable[[str, str], float | None]) -> None:
        self.table: dict[str, dict[str, float]] = {}
        self.breaks: deque[BrokenPair] = deque(maxlen=_BREAKS_KEPT)
        """Pairs that have broken since somebody last took them out."""
        self._daily = daily
        self._prior = prior
        self._broken: set[tuple[str, str]] = set()

    def update(self, name: str, others: Iterable[str]) -> None:
        """Correlate one symbol with others, by their daily bars."""
        own = self._daily(name)
        table = {key: dict(row) for key, row in self.table.items()}
        for other in others:
            value = self._measure(name, own, other)
            if value is not None:
                table.setdefault(name, {})[other] = value
                table.setdefault(other, {})[name] = value
        self.table = table

    def _measure(self, name: str, own: BarSeries | None, other: str) -> float | None:
        bars, prior = self._daily(other), self._prior(name, other)
        if own is None or bars is None:
            return prior
        first, second = common_returns(own.time_ms, own.close, bars.time_ms, bars.close, WINDOW + RECENT)
        self._watch((min(name, other), max(name, other)), broken(first, second))
        return shrink(measure(first[-WINDOW:], second[-WINDOW:]), prior)

    def _watch(self, pair: tuple[str, str], found: Break | None) -> None:
        """Note a break the first time it shows."""
        if found is None:
            self._broken.discard(pair)
        elif pair not in self._broken:
            self._broken.add(pair)
            self.breaks.append(BrokenPair(pair, found))
