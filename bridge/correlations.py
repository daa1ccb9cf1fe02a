"""The correlations of an account's symbols: worked out one symbol at a time, and watched for breaks."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from bridge.market.recording import BarSeries
from sizing.stats.correlation import BREAK, HEALED, RECENT, WINDOW, Break, common_returns, compare, measure, shrink

_BREAKS_KEPT = 1_000
_NEWS_MS = 10 * 86_400_000


class BrokenPair(NamedTuple):
    """Two symbols that have begun to move together unlike before."""

    symbols: tuple[str, str]
    found: Break


class Correlations:
    """The table by broker symbol, both ways round. It is replaced, never changed."""

    def __init__(
        self,
        daily: Callable[[str], BarSeries | None],
        prior: Callable[[str, str], float | None],
        now_ms: Callable[[], int],
    ) -> None:
        self.table: dict[str, dict[str, float]] = {}
        self.breaks: deque[BrokenPair] = deque(maxlen=_BREAKS_KEPT)
        """Pairs that have broken since somebody last took them out."""
        self._daily = daily
        self._prior = prior
        self._now_ms = now_ms
        self._broken: set[tuple[str, str]] = set()
        self._watched: dict[tuple[str, str], int] = {}
        """The newest day that each pair was compared on."""

    def update(self, name: str, others: Iterable[str]) -> None:
        """Correlate one symbol with others, by their daily bars."""
        own = self._daily(name)
        table = {key: dict(row) for key, row in self.table.items()}
        for other in others:
            value = self._measure(name, own, other)
            if value is None:  # what was known once is not known any more
                table.get(name, {}).pop(other, None)
                table.get(other, {}).pop(name, None)
            else:
                table.setdefault(name, {})[other] = value
                table.setdefault(other, {})[name] = value
        self.table = table

    def _measure(self, name: str, own: BarSeries | None, other: str) -> float | None:
        bars, prior = self._daily(other), self._prior(name, other)
        if own is None or bars is None or not len(own) or not len(bars):
            return prior
        first, second = common_returns(own.time_ms, own.close, bars.time_ms, bars.close, WINDOW + RECENT)
        newest_ms = min(int(own.time_ms[-1]), int(bars.time_ms[-1]))
        self._watch((min(name, other), max(name, other)), newest_ms, compare(first, second))
        return shrink(measure(first[-WINDOW:], second[-WINDOW:]), prior)

    def _watch(self, pair: tuple[str, str], newest_ms: int, found: Break | None) -> None:
        """Note a break the first time it shows.

        Only what happens now is news: history that comes in later, or anew from a feed that starts over, is not.
        """
        if found is None or newest_ms < self._watched.get(pair, 0) or self._now_ms() - newest_ms > _NEWS_MS:
            return
        self._watched[pair] = newest_ms
        if abs(found.distance) < HEALED:
            self._broken.discard(pair)
        elif abs(found.distance) >= BREAK and pair not in self._broken:
            self._broken.add(pair)
            self.breaks.append(BrokenPair(pair, found))
