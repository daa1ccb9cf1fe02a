"""Currency conversion through the symbols at hand, always on the side that makes a cost larger."""

from collections.abc import Callable
from typing import NamedTuple

from sizing.snapshot import Quote


class Pair(NamedTuple):
    """A forex symbol that can convert."""

    symbol: str
    base: str
    profit: str


Route = tuple[tuple[str, bool], ...]
"""Symbols to convert through, in order; True where the amount is in the symbol's base currency."""


def find_route(source: str, target: str, pairs: tuple[Pair, ...]) -> Route | None:
    """The shortest way from one currency to another, over at most two pairs; None where there is none."""
    if source == target:
        return ()
    steps = [(pair.symbol, forward, *ends) for pair in pairs for forward, ends in _ends(pair)]
    for symbol, forward, start, end in steps:
        if (start, end) == (source, target):
            return ((symbol, forward),)
    for symbol, forward, start, middle in steps:
        if start == source:
            for second, second_forward, second_start, end in steps:
                if (second_start, end) == (middle, target):
                    return ((symbol, forward), (second, second_forward))
    return None


def convert(route: Route | None, quote_of: Callable[[str], Quote | None]) -> float | None:
    """Units of the target currency that one unit of the source costs; None without a route or a quote."""
    if route is None:
        return None
    rate = 1.0
    for symbol, forward in route:
        quote = quote_of(symbol)
        if quote is None:
            return None
        # Owing one unit of the base costs the ask; owing one unit of the profit currency is bought with base at bid.
        rate *= quote.ask if forward else 1.0 / quote.bid
    return rate


def _ends(pair: Pair) -> tuple[tuple[bool, tuple[str, str]], ...]:
    return (True, (pair.base, pair.profit)), (False, (pair.profit, pair.base))
