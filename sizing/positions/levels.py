"""What the active rules measure on one position: its profit in percent, R or ATR, its age, its family's average."""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, TypeGuard

from sizing.lots import Lattice, lattice
from sizing.positions.active_rules import Unit
from sizing.positions.state import Held, Market, State

MINUTE_MS = 60_000
HOUR_MS = 3_600_000

_SMALLEST, _LARGEST = 1e-12, 1e12
"""Beyond these no volume or price is one, and decimals lose digits."""

Families = Mapping[tuple[int, str, str], Sequence[Held]]


class View(NamedTuple):
    """One position that can be judged: every figure in it is finite and positive."""

    held: Held
    market: Market
    grid: Lattice
    sign: int
    """1 for a buy, -1 for a sell."""
    price: Decimal
    """What closes it: the worse of its own price and the quote."""
    average: Decimal
    """Opening price by volume, over the position and what was scaled into it."""
    r: Decimal | None
    """Price distance of 1 R; None without a first stop on its losing side."""
    sl: float | None
    tp: float | None
    least: Decimal
    """The nearest that a stop may be to the price: stops and freeze level, and never on the price itself."""
    now_ms: int
    age_ms: int

    def span(self, unit: Unit) -> Decimal | None:
        """Price distance of 1 percent, 1 R or 1 ATR; None where that is not known."""
        if unit == "percent":
            return self.average / 100
        if unit == "r":
            return self.r
        return exact(self.market.atr) if plausible(self.market.atr) else None

    def gain(self, unit: Unit) -> float | None:
        """Profit of the price alone, without swap and commission, in units; negative is a loss."""
        span = self.span(unit)
        return None if span is None else float((self.price - self.average) * self.sign / span)

    @property
    def frozen(self) -> bool:
        """Whether the price is so near to stop or target that the broker lets nothing be changed."""
        spec = self.market.spec
        if spec.trade_freeze_level <= 0:
            return False
        freeze = spec.trade_freeze_level * exact(spec.point)
        return any(abs(self.price - exact(level)) <= freeze for level in (self.sl, self.tp) if level is not None)


@lru_cache(maxsize=4096)
def exact(figure: float) -> Decimal:
    """The decimal number that a float prints as."""
    return Decimal(repr(float(figure)))


def plausible(figure: float | None) -> TypeGuard[float]:
    """Whether a price, volume or distance is there, finite, positive and no nonsense."""
    return figure is not None and math.isfinite(figure) and _SMALLEST < figure < _LARGEST


def average_price(lots_and_prices: Iterable[tuple[float, float]]) -> Decimal:
    """Opening price by volume. Every volume must be positive, and there must be one."""
    parts = [(exact(lots), exact(price)) for lots, price in lots_and_prices]
    if len(parts) == 1:
        return parts[0][1]
    return sum((lots * price for lots, price in parts), Decimal()) / sum(lots for lots, _ in parts)


def families(held: Iterable[Held]) -> Families:
    """Positions with what was scaled into them, by the first one's ticket, symbol and side; the first one first.

    A ticket that stands twice counts once.
    """
    found: dict[tuple[int, str, str], list[Held]] = {}
    seen: set[int] = set()
    for each in sorted(held, key=lambda each: (each.ticket, each.symbol, each.side)):
        if each.ticket in seen:
            continue
        seen.add(each.ticket)
        found.setdefault((each.added_to or each.ticket, each.symbol, each.side), []).append(each)
    for (root, _, _), members in found.items():
        members.sort(key=lambda each: (each.ticket != root, each.opened_ms, each.ticket))
    return found


def view(state: State, held: Held, family: Sequence[Held]) -> View | str:
    """What the rules see of a position; or why it cannot be judged."""
    market = state.markets.get(held.symbol)
    if market is None:
        return "nothing is known of its symbol"
    if not market.fresh:
        return "the quote is old or the session closed"
    spec = market.spec
    if not all(map(plausible, (spec.volume_min, spec.volume_max, spec.volume_step, spec.point, spec.trade_tick_size))):
        return "volume, point or tick size of its symbol is not known"
    sign = 1 if held.side == "buy" else -1
    touch = market.quote.bid if sign > 0 else market.quote.ask
    if not (plausible(touch) and plausible(held.price)):
        return "its price is not known"
    if not all(plausible(each.volume) and plausible(each.price_open) for each in family):
        return "its volume or opening price is not known"
    # The terminal writes "none" as 0.
    sl, tp = held.sl or None, held.tp or None
    if not all(plausible(level) for level in (sl, tp) if level is not None):
        return "its stop or target makes no sense"
    first = family[0]
    return View(
        held=held,
        market=market,
        grid=lattice(spec.volume_min, spec.volume_max, spec.volume_step),
        sign=sign,
        price=exact(min(touch * sign, held.price * sign) * sign),
        average=average_price((each.volume, each.price_open) for each in family),
        r=_risk_distance(first, sign),
        sl=sl,
        tp=tp,
        least=max(
            max(spec.trade_stops_level, spec.trade_freeze_level, 0) * exact(spec.point), exact(spec.trade_tick_size)
        ),
        now_ms=state.now_ms,
        age_ms=state.now_ms - first.opened_ms,
    )


def _risk_distance(first: Held, sign: int) -> Decimal | None:
    start = first.price_open if first.initial_price is None else first.initial_price
    if not (plausible(start) and plausible(first.initial_sl)):
        return None
    distance = (exact(start) - exact(first.initial_sl)) * sign
    return distance if distance > 0 else None
