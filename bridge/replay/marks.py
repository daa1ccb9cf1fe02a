"""Floating profit of open positions at one tick or at many: the same float operations in the same order.

So both engines see the very same equity. It is not rounded; the terminal's figures are.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market.broker_money import BY_TICK_VALUE, PAIRS, TerminalMoney
from bridge.market.broker_types import Holding, sign

Floats = NDArray[np.float64]


class Leg(NamedTuple):
    """One pair that money is converted through."""

    symbol: str
    inverse: bool
    """Quoted the other way round: the money is divided by its price."""


class Mark(NamedTuple):
    """One open position, ready to be valued. `unit` is money per 1.0 of price for the whole position, signed."""

    ticket: int
    symbol: str
    buy: bool
    open: float
    unit: float
    own_base: bool
    """Account currency is the pair's base: profit is divided by the closing price."""
    legs: tuple[Leg, ...]
    swap: float

    @property
    def linear(self) -> bool:
        """Whether profit is a straight line over one price."""
        return not self.legs and not self.own_base


class Book(NamedTuple):
    """Bid and ask of one symbol: two floats, or two arrays (n,)."""

    bid: Floats
    ask: Floats


def mark(held: Holding, money: TerminalMoney) -> Mark:
    """A position as of now. Raises MarketError where its profit does not convert."""
    spec = money.specs[held.symbol]
    lots = sign(held.side) * float(held.volume)
    by_tick = spec.trade_calc_mode in BY_TICK_VALUE
    own_base = not by_tick and spec.trade_calc_mode in PAIRS and spec.currency_base == money.currency
    unit = lots * (spec.trade_tick_value / spec.trade_tick_size if by_tick else spec.trade_contract_size)
    way = () if by_tick or own_base else money.way(spec.currency_profit)
    if way is None:
        raise MarketError(f"{held.symbol}: no quote converts its profit into {money.currency}")
    legs = tuple(Leg(*each) for each in way)
    return Mark(held.ticket, held.symbol, held.side == "buy", held.price_open, unit, own_base, legs, held.swap)


def symbols_of(marks: Iterable[Mark]) -> list[str]:
    """Every symbol whose price moves one of the positions, sorted."""
    found = {each.symbol for each in marks}
    found.update(leg.symbol for each in marks for leg in each.legs)
    return sorted(found)


def floating(each: Mark, bids: Mapping[str, float], asks: Mapping[str, float]) -> float:
    """Profit and swap of one position at one moment, account currency."""
    price = bids[each.symbol] if each.buy else asks[each.symbol]
    gain = (price - each.open) * each.unit
    if each.own_base:
        gain /= price
    for name, inverse in each.legs:
        if inverse:
            gain /= asks[name] if gain > 0 else bids[name]
        else:
            gain *= bids[name] if gain > 0 else asks[name]
    return gain + each.swap


def floatings(each: Mark, books: Mapping[str, Book]) -> Floats:
    """The same at many moments; arrays (n,)."""
    book = books[each.symbol]
    price = book.bid if each.buy else book.ask
    gain = (price - each.open) * each.unit
    if each.own_base:
        gain /= price
    for name, inverse in each.legs:
        pair = books[name]
        if inverse:
            gain /= np.where(gain > 0, pair.ask, pair.bid)
        else:
            gain *= np.where(gain > 0, pair.bid, pair.ask)
    gain += each.swap
    return gain
