"""Margin rates, which the package does not know, out of its OrderCalcMargin, which applies them.

MQL5 has SymbolInfoMarginRate; the Python package has nothing of the kind. Brokers use rates other than 1 for gold,
indices and crypto, and without them every such symbol would be refused as a contradiction. A derived rate agrees with
what it is derived from, so it proves nothing by itself: `margin_shape` looks at other volumes and prices, and the log
and `doctor` tell every such rate.
"""

from collections.abc import Callable, Iterable
from dataclasses import fields

from bridge.protocol.messages import SymbolInfo
from bridge.terminal.mt5.wire import MarginSeen
from sizing.currency import Pair, convert, find_route
from sizing.money import apart, margin_per_lot
from sizing.snapshot import Conversion, Quote, SymbolSpec

SAME = 0.01
"""Rates that differ by less are one rate: conversion moves between two looks."""
_LEAST, _MOST = 1e-4, 1e4
_SPEC_FIELDS = tuple(field.name for field in fields(SymbolSpec))


def pairs_of(specs: Iterable[SymbolSpec]) -> tuple[Pair, ...]:
    """The symbols that can convert: forex by their calc mode."""
    return tuple(
        Pair(spec.name, spec.currency_base, spec.currency_profit) for spec in specs if spec.trade_calc_mode in (0, 5)
    )


def plain_spec(info: SymbolInfo) -> SymbolSpec:
    """The figures as the terminal gave them, with rates of 1."""
    return SymbolSpec(**{name: getattr(info, name) for name in _SPEC_FIELDS})


def rate_from(
    spec: SymbolSpec,
    seen: MarginSeen,
    leverage: int,
    currency: str,
    pairs: tuple[Pair, ...],
    quote_of: Callable[[str], Quote | None],
) -> float | None:
    """The margin rate of one side, for `spec` with rates of 1; None where nothing converts, or it is absurd."""
    conversion = Conversion(
        convert(find_route(spec.currency_profit, currency, pairs), quote_of),
        convert(find_route(spec.currency_margin, currency, pairs), quote_of),
    )
    at_one = margin_per_lot(spec, seen.side, conversion, seen.price, leverage)
    if not at_one or not seen.one_lot:
        return None
    rate = seen.one_lot / at_one
    if apart(rate, 1.0) < SAME:
        return 1.0
    return rate if _LEAST <= rate <= _MOST else None
