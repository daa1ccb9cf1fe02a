"""Who is how large: weights by symbol, and the groups that limits are about."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sizing.correlation import Table
from sizing.lots import Lattice, lattice
from sizing.positions.rebalance.given import Given
from sizing.positions.rebalance.rules import Rebalance
from sizing.positions.state import Held, Market, State
from sizing.snapshot import SymbolSpec
from sizing.symbols import matches

SMALLEST_LOTS, LARGEST_LOTS = 1e-8, 1e9
"""Beyond these, a figure is not a volume."""


class Weight(NamedTuple):
    """Notional of one symbol as a share of equity, 1.0 being all of it."""

    long: float = 0.0
    short: float = 0.0

    @property
    def gross(self) -> float:
        return self.long + self.short

    @property
    def net(self) -> float:
        return self.long - self.short


NOTHING = Weight()


def share(notional: float, equity: float) -> float:
    """Notional as a share of equity; endless where equity is gone or a figure is none."""
    value = abs(notional) / equity if math.isfinite(equity) and equity > 0 else math.inf
    return 0.0 if notional == 0 else value if math.isfinite(value) else math.inf


def weights(state: State) -> dict[str, Weight]:
    """Every symbol that is held, by name."""
    found: dict[str, Weight] = {}
    for each in sorted(state.held, key=lambda held: (held.symbol, held.ticket)):
        before, size = found.get(each.symbol, NOTHING), share(each.notional, state.equity)
        found[each.symbol] = (
            Weight(before.long + size, before.short) if each.side == "buy" else Weight(before.long, before.short + size)
        )
    return found


def sign(held: Held) -> float:
    """1 for a buy, -1 for a sell."""
    return 1.0 if held.side == "buy" else -1.0


def net_lots(held: Iterable[Held]) -> float:
    """Lots bought less lots sold."""
    return round(sum(sign(each) * each.volume for each in held), 8) + 0.0


def usable(market: Market | None) -> str | None:
    """Why no order can be made from a symbol's figures; None if one can."""
    if market is None:
        return "the symbol is not known"
    figures = (market.quote.bid, market.quote.ask, market.notional_per_lot, market.money_per_price)
    if not all(math.isfinite(each) and each > 0 for each in figures) or market.quote.ask < market.quote.bid:
        return "its prices or its value per lot are not known"
    if not (math.isfinite(market.margin_per_lot) and market.margin_per_lot >= 0):
        return "its margin is not known"
    return None if _steps(market.spec) is not None else "its lot steps are not known"


def _steps(spec: SymbolSpec) -> Lattice | None:
    """The symbol's lattice, if its figures make one."""
    sizes = (spec.volume_min, spec.volume_max, spec.volume_step)
    if not all(SMALLEST_LOTS <= each <= LARGEST_LOTS for each in sizes):
        return None
    found = lattice(*sizes)
    return found if found.max_steps >= found.min_steps else None


def floor_lots(lots: float, market: Market, most: bool = True) -> float:
    """The largest volume on the symbol's lattice that does not exceed `lots`; 0 below volume_min.

    `most` holds it to volume_max, too, which is of one order: a position may be larger. What is no volume is 0, too.
    """
    steps = _steps(market.spec)
    if steps is None or not 0 < lots <= LARGEST_LOTS:
        return 0.0
    # A difference of two volumes is a hair off the decimal number it stands for.
    count = steps.floor(round(lots, 8))
    count = min(count, steps.max_steps) if most else count
    return steps.lots(count) if count >= steps.min_steps else 0.0


def sector_of(symbol: str, rules: Rebalance, asset_class: str) -> str:
    """The sector of the longest pattern that the symbol matches; else its asset class is its sector."""
    found = [
        (len(pattern.rstrip("*")), name)
        for name, patterns in rules.sectors.items()
        for pattern in patterns
        if matches(symbol, pattern)
    ]
    return max(found)[1] if found else asset_class or "unknown"


def class_of(symbol: str, state: State) -> str:
    market = state.markets.get(symbol)
    return market.asset_class if market is not None else ""


def correlation(table: Table, first: str, second: str) -> float | None:
    """Of the daily returns of two symbols, whichever way the table holds them; None where it does not."""
    if first == second:
        return 1.0
    for one, other in ((first, second), (second, first)):
        value = table.get(one, {}).get(other)
        if value is not None and math.isfinite(value):
            return max(-1.0, min(1.0, value))
    return None


def clusters(symbols: Iterable[str], table: Table, least: float) -> tuple[tuple[str, ...], ...]:
    """Symbols that move together, each in one cluster: those linked, also by way of others, from `least` on.

    A pair whose correlation is not known counts as linked.
    """
    left = sorted(set(symbols))
    found: list[tuple[str, ...]] = []
    while left:
        linked = [left.pop(0)]
        for each in linked:
            near = [other for other in left if _linked(correlation(table, each, other), least)]
            linked += near
            left = [other for other in left if other not in near]
        found.append(tuple(sorted(linked)))
    return tuple(found)


def _linked(value: float | None, least: float) -> bool:
    return value is None or abs(value) >= least


def volatility(symbol: str, state: State, given: Given) -> float | None:
    """Daily volatility in percent: as given, else the daily ATR; None if neither is known."""
    market = state.markets.get(symbol)
    for value in (given.volatility_pct.get(symbol), market.volatility_pct if market is not None else None):
        if value is not None and math.isfinite(value) and value >= 0:
            return value
    return None


def deviation(net: Mapping[str, float], state: State, given: Given) -> float | None:
    """Standard deviation of a day's profit, in the unit of the weights; None where a volatility is not known.

    Pairs whose correlation is not known count as adding up.
    """
    held = [(symbol, weight) for symbol, weight in sorted(net.items()) if weight]
    moves = [(symbol, weight, volatility(symbol, state, given)) for symbol, weight in held]
    risks = [(symbol, weight * daily / 100) for symbol, weight, daily in moves if daily is not None]
    if len(risks) < len(held) or not all(math.isfinite(risk) for _, risk in risks):
        return None
    variance = 0.0
    for place, (symbol, risk) in enumerate(risks):
        variance += risk * risk
        for other, second in risks[place + 1 :]:
            known = correlation(given.correlations, symbol, other)
            variance += 2 * (abs(risk * second) if known is None else known * risk * second)
    return math.sqrt(max(0.0, variance)) if math.isfinite(variance) else None
