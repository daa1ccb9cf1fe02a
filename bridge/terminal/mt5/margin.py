"""Margin rates, which the package does not know, out of its OrderCalcMargin, which applies them.

MQL5 has SymbolInfoMarginRate; the Python package has nothing of the kind. Brokers use rates other than 1 for gold,
indices and crypto, and without them every such symbol would be refused as a contradiction.
"""

from collections.abc import Callable, Iterable

from sizing.currency import Pair, convert, find_route
from sizing.money import apart, margin_per_lot
from sizing.snapshot import Conversion, MoneyCheck, Quote, SymbolSpec

SAME = 0.01
"""Rates that differ by less are one rate: conversion moves between two looks."""
_LEAST, _MOST = 1e-4, 1e4


def pairs_of(specs: Iterable[SymbolSpec]) -> tuple[Pair, ...]:
    """The symbols that can convert: forex by their calc mode."""
    return tuple(
        Pair(spec.name, spec.currency_base, spec.currency_profit) for spec in specs if spec.trade_calc_mode in (0, 5)
    )


def rate_from(
    spec: SymbolSpec,
    check: MoneyCheck,
    leverage: int,
    currency: str,
    pairs: tuple[Pair, ...],
    quote_of: Callable[[str], Quote | None],
) -> float | None:
    """The margin rate of the check's side; None where nothing converts, or the figure is absurd."""
    if not check.margin:
        return None
    conversion = Conversion(
        convert(find_route(spec.currency_profit, currency, pairs), quote_of),
        convert(find_route(spec.currency_margin, currency, pairs), quote_of),
    )
    at_one = margin_per_lot(spec, check.side, conversion, check.price_open, leverage)
    if not at_one:
        return None
    rate = check.margin / at_one
    if apart(rate, 1.0) < SAME:
        return 1.0
    return rate if _LEAST <= rate <= _MOST else None
