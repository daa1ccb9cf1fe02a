"""How the last trades went."""

from collections.abc import Sequence

from sizing.snapshot import Deal, Performance

_OUT = (1, 2, 3)


def recent_performance(deals: Sequence[Deal], trades: int) -> Performance:
    """Wins among the last `trades` closed positions, by what all deals of each position earned after costs.

    A position counts once, when its volume is all out. Balance operations have no position and do not count.
    """
    net: dict[int, float] = {}
    volume: dict[int, float] = {}
    closed: dict[int, None] = {}
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
    last = list(closed)[-trades:]
    return Performance(len(last), sum(net[key] > 0 for key in last))
