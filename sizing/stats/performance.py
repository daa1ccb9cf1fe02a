"""How the last trades went."""

import math
from collections.abc import Iterable, Sequence
from itertools import islice

from sizing.snapshot import NO_TRADES, Deal, Performance

_OUT = (1, 2, 3)


def recent_performance(deals: Iterable[Deal], trades: int) -> Performance:
    """The last `trades` closed positions, by what all deals of each position earned after costs."""
    log = TradeLog()
    log.add(deals)
    return log.recent(trades)


class TradeLog:
    """Closed positions in the order in which they were closed, kept along as deals are added in order of time.

    A position counts once, when its volume is all out. Balance operations have no position and do not count.
    """

    def __init__(self) -> None:
        self._net: dict[int, float] = {}
        self._volume: dict[int, float] = {}
        self._closed: dict[int, None] = {}

    def add(self, deals: Iterable[Deal]) -> None:
        """Take in what was dealt after all that was added before."""
        net, volume, closed = self._net, self._volume, self._closed
        for deal in deals:
            if not deal.symbol or not deal.position_id:
                continue
            key = deal.position_id
            net[key] = net.get(key, 0.0) + deal.net
            change = -deal.volume if deal.entry in _OUT else deal.volume
            volume[key] = volume.get(key, 0.0) + change
            # Half a hundredth of a lot is below every broker's step: what is left is float dust, or history cut short.
            if deal.entry in _OUT and volume[key] < 0.005:
                closed.pop(key, None)
                closed[key] = None

    def recent(self, trades: int) -> Performance:
        """How the last `trades` of them went."""
        newest = list(islice(reversed(self._closed), trades))
        return _summed([self._net[key] for key in reversed(newest)])


def performance_by_magic(deals: Sequence[Deal], trades: int) -> tuple[tuple[int, Performance], ...]:
    """`recent_performance` of each magic number that opened positions, ascending.

    A position belongs to the number of its first deal: closed by hand it has another one in its last.
    """
    owner: dict[int, int] = {}
    own: dict[int, list[Deal]] = {}
    for deal in deals:
        if deal.symbol and deal.position_id:
            own.setdefault(owner.setdefault(deal.position_id, deal.magic), []).append(deal)
    return tuple((magic, recent_performance(own[magic], trades)) for magic in sorted(own))


def _summed(results: Sequence[float]) -> Performance:
    count = len(results)
    if count == 0:
        return NO_TRADES
    mean, lost = math.fsum(results) / count, -math.fsum(result for result in results if result < 0)
    deviation = math.sqrt(math.fsum((result - mean) ** 2 for result in results) / (count - 1)) if count > 1 else 0.0
    return Performance(
        trades=count,
        wins=sum(result > 0 for result in results),
        mean=mean,
        # Results that are all alike still differ by the dust of their sums.
        sharpe=mean / deviation if deviation > 1e-9 * abs(mean) else None,
        profit_factor=math.fsum(result for result in results if result > 0) / lost if lost > 0 else None,
    )
