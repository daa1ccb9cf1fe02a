"""Wanted weights cut to the limits; the higher a symbol's alpha, the later it is cut."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from sizing.positions.rebalance.exposure import NOTHING, Weight, class_of, clusters, sector_of
from sizing.positions.rebalance.given import Event, Given
from sizing.positions.rebalance.monitor import limits_now
from sizing.positions.rebalance.rules import ClassLimits, Rebalance
from sizing.positions.state import State

Weights = dict[str, float]
"""Signed, by symbol, as a share of equity."""


class Fitted(NamedTuple):
    """What is left of the wanted weights, and what cut them."""

    weights: Weights
    events: tuple[Event, ...]


def fit(
    wanted: Mapping[str, float],
    fixed: Mapping[str, Weight],
    alphas: Mapping[str, float],
    rules: Rebalance,
    state: State,
    given: Given,
) -> Fitted:
    """As much of `wanted` as fits into the limits beside `fixed`. A weight only ever shrinks, and keeps its sign."""
    limits = limits_now(rules.limits, given.guard, state.now_ms)
    symbols = sorted({*wanted, *fixed})
    kinds = {symbol: class_of(symbol, state) for symbol in symbols}
    room = _Room(dict(wanted), fixed, alphas)
    for symbol in symbols:
        room.cut("position", (symbol,), limits.position_pct / 100)
    for name, group in _grouped(symbols, lambda symbol: kinds[symbol] or "unknown"):
        held = rules.classes.get(name, ClassLimits())
        room.cut(f"leverage of {name}", group, held.max_leverage)
        room.cut(f"margin of {name}", group, held.margin_pct / 100, {each: _margin_rate(each, state) for each in group})
    for name, group in _grouped(symbols, lambda symbol: sector_of(symbol, rules, kinds[symbol])):
        room.cut(f"sector {name}", group, limits.sector_pct / 100)
    for group in clusters(symbols, given.correlations, limits.cluster_correlation):
        room.cut(f"cluster {' '.join(group)}", group, limits.cluster_pct / 100)
    room.cut("gross", symbols, limits.gross)
    room.cut_net(limits.net)
    return Fitted(room.wanted, tuple(room.events))


def spread(sizes: Mapping[str, float], alphas: Mapping[str, float], room: float) -> Weights:
    """`room` dealt out over sizes (not negative): the highest alpha first, equal ones in proportion.

    Endless or missing room: nothing for anybody.
    """
    left = room if math.isfinite(room) and room > 0 else 0.0
    dealt: Weights = {}
    for alpha in sorted({alphas.get(symbol, 0.0) for symbol in sizes}, reverse=True):
        tier = {symbol: sizes[symbol] for symbol in sorted(sizes) if alphas.get(symbol, 0.0) == alpha}
        total = sum(tier.values())
        factor = 1.0 if total <= left else left / total
        dealt.update({symbol: size * factor for symbol, size in tier.items()})
        left = max(0.0, left - total)
    return dealt


class _Room:
    """The weights on their way through the limits."""

    def __init__(self, wanted: Weights, fixed: Mapping[str, Weight], alphas: Mapping[str, float]) -> None:
        self.wanted = wanted
        self.events: list[Event] = []
        self._fixed = fixed
        self._alphas = alphas

    def cut(self, name: str, group: Iterable[str], limit: float, rates: Mapping[str, float] | None = None) -> None:
        """Hold a group to a limit. `rates` are what 1 of weight uses of it; else all of it."""
        group = tuple(group)
        rate = dict.fromkeys(group, 1.0) if rates is None else rates
        used = sum(self._fixed.get(each, NOTHING).gross * rate[each] for each in group)
        uses = {each: abs(self.wanted[each]) * rate[each] for each in group if self.wanted.get(each)}
        if sum(uses.values()) + used <= limit + 1e-12:
            return
        dealt = spread(uses, self._alphas, limit - used)
        for symbol in uses:
            self._shrink(name, symbol, dealt[symbol] / rate[symbol] if rate[symbol] > 0 else abs(self.wanted[symbol]))

    def cut_net(self, limit: float) -> None:
        """Hold long less short to a limit, either sign, by cutting the side that is too much."""
        net = sum(each.net for each in self._fixed.values()) + sum(self.wanted.values())
        if abs(net) <= limit + 1e-12:
            return
        side = {each: abs(weight) for each, weight in self.wanted.items() if weight * net > 0}
        if math.isnan(net):
            side = {each: abs(weight) for each, weight in self.wanted.items() if weight}
        dealt = spread(side, self._alphas, sum(side.values()) - (abs(net) - limit))
        for symbol in sorted(side):
            self._shrink("net", symbol, dealt[symbol])

    def _shrink(self, name: str, symbol: str, size: float) -> None:
        before = self.wanted[symbol]
        if size >= abs(before):
            return
        self.wanted[symbol] = math.copysign(size, before) if size > 0 else 0.0
        detail = f"{abs(before) * 100:.2f} % to {size * 100:.2f} % of equity by the limit: {name}"
        self.events.append(Event("limited", detail, symbol))


def _grouped(symbols: Iterable[str], name_of: Callable[[str], str]) -> list[tuple[str, tuple[str, ...]]]:
    groups: dict[str, list[str]] = {}
    for symbol in symbols:
        groups.setdefault(name_of(symbol), []).append(symbol)
    return [(name, tuple(groups[name])) for name in sorted(groups)]


def _margin_rate(symbol: str, state: State) -> float:
    """Margin per notional; endless where it is not known, so that nothing fits."""
    market = state.markets.get(symbol)
    if market is None or not market.notional_per_lot > 0:
        return math.inf
    return market.margin_per_lot / market.notional_per_lot
