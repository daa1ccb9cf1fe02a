"""From lots wanted and positions held to what is ordered: reductions by ticket, additions by symbol."""

from typing import NamedTuple

from sizing.positions.rebalance.exposure import floor_lots, net_lots, sign
from sizing.positions.rebalance.rules import ExecutionRules
from sizing.positions.state import Held, Market


class Cut(NamedTuple):
    """Lots to take off one position."""

    held: Held
    lots: float

    @property
    def whole(self) -> bool:
        return self.lots >= self.held.volume


class Cuts(NamedTuple):
    """What to take off, and what cannot be, in words."""

    cuts: tuple[Cut, ...]
    left: str = ""


def excess(net: float, target: float) -> float:
    """Lots that are too many before anything may be added: all of them where the target is on the other side."""
    if net * target < 0:
        return abs(net)
    return max(0.0, round(abs(net) - abs(target), 8))


def lacking(net: float, target: float) -> float:
    """Lots that are missing, signed; 0 where something must be taken off first."""
    if net * target < 0 or abs(net) >= abs(target):
        return 0.0
    return round(target - net, 8)


def cuts(held: tuple[Held, ...], target: float, market: Market | None, rules: ExecutionRules) -> Cuts:
    """What brings positions, oldest first, to a target not larger than they are.

    A target of 0 closes every one of them. Else only the side that is too much is cut, and buys that sells of the same
    symbol lock stay: closing one of the two would open the other.
    """
    if not held:
        return Cuts(())
    if target == 0:
        return Cuts(tuple(_whole(each, market) for each in held))
    net = net_lots(held)
    left = excess(net, target)
    if left == 0 or market is None:
        return Cuts((), "" if left == 0 else "the symbol is not known")
    found: list[Cut] = []
    why = ""
    for each in held:
        if left > 0 and sign(each) * net > 0:
            lots = each.volume if each.volume <= left else _part(each, left, net * target > 0, market, rules)
            lots = min(lots, floor_lots(lots, market)) if lots > market.spec.volume_max else lots
            why = why if lots > 0 else f"{left:g} of {each.volume:g} lots cannot be closed in part"
            found += [Cut(each, lots)] if lots > 0 else []
            left = round(left - lots, 8)
    return Cuts(tuple(found), why)


def _whole(held: Held, market: Market | None) -> Cut:
    """All of a position, or as much as one order may have."""
    if market is None or not market.spec.volume_max < held.volume:
        return Cut(held, held.volume)
    return Cut(held, floor_lots(held.volume, market) or held.volume)


def _part(held: Held, wanted: float, may_close: bool, market: Market, rules: ExecutionRules) -> float:
    """Lots to close of a position that is larger than what is wanted; 0 where no part of it can be closed."""
    lots = floor_lots(wanted, market)
    rest = round(held.volume - lots, 8)
    if lots == 0 or rest >= market.spec.volume_min:
        return lots
    if rules.small_rest == "close" and may_close:
        return held.volume
    return floor_lots(held.volume - market.spec.volume_min, market)
