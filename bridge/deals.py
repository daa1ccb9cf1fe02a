"""Deals as a terminal reports them: a tuple that is made anew with each new deal, and mostly only grows at its end."""

from collections.abc import Sequence

from sizing.snapshot import Deal


def known_already(before: Sequence[Deal], now: Sequence[Deal]) -> int:
    """How many of `now` are those of `before`, object by object: all of them, or none where that is not plain.

    A terminal that changes a deal, or learns of an older one, makes every object anew; so a few of them tell.
    """
    count = len(before)
    if not 0 < count <= len(now):
        return 0
    return count if all(now[at] is before[at] for at in (0, count // 2, count - 1)) else 0


class NetSum:
    """The sum of what deals made, kept along as they are added."""

    def __init__(self) -> None:
        self._deals: Sequence[Deal] = ()
        self._sum = 0.0

    def of(self, deals: Sequence[Deal]) -> float:
        """What all of them made, account currency."""
        if deals is not self._deals:
            count = known_already(self._deals, deals)
            self._sum = (self._sum if count else 0.0) + sum(deal.net for deal in deals[count:])
            self._deals = deals
        return self._sum
