"""What the portfolio shall be, and whether that is sane."""

import math
from collections import Counter
from typing import NamedTuple

from sizing.positions.rebalance.exposure import usable
from sizing.positions.rebalance.given import Event
from sizing.positions.rebalance.rules import ValidationRules
from sizing.positions.state import State


class Target(NamedTuple):
    """One symbol's notional as a share of equity, negative for short. A higher `alpha` gets room first."""

    symbol: str
    weight: float
    alpha: float = 0.0
    strategy: str = ""


class SaneTargets(NamedTuple):
    """The weights to go on with; or none of them, and why."""

    targets: tuple[Target, ...]
    events: tuple[Event, ...]
    fault: str | None = None


def sane_weights(targets: tuple[Target, ...], rules: ValidationRules) -> SaneTargets:
    """Warns of a large sum of absolute weights, scales a too large one; refuses what is no number or stands twice."""
    wrong = sorted({each.symbol for each in targets if not math.isfinite(each.weight) or not math.isfinite(each.alpha)})
    twice = sorted(symbol for symbol, times in Counter(each.symbol for each in targets).items() if times > 1)
    if wrong or twice:
        parts = [f"weight or alpha of {', '.join(wrong)} is no number"] if wrong else []
        parts += [f"{', '.join(twice)} stands there twice"] if twice else []
        return SaneTargets((), (), "; ".join(parts))
    total = sum(abs(each.weight) for each in targets)
    if not math.isfinite(total):
        return SaneTargets((), (), "the weights add up to no number")
    if total > rules.scale_sum:
        detail = f"absolute weights add up to {total:.3f}, more than {rules.scale_sum:g}: scaled to {rules.scaled_to:g}"
        factor = rules.scaled_to / total
        scaled = tuple(each._replace(weight=each.weight * factor) for each in targets)
        return SaneTargets(scaled, (Event("weights_scaled", detail, level="warning"),))
    if total > rules.warn_sum:
        detail = f"absolute weights add up to {total:.3f}, more than {rules.warn_sum:g}"
        return SaneTargets(targets, (Event("weights_large", detail, level="warning"),))
    return SaneTargets(targets, ())


def stale(symbols: tuple[str, ...], state: State) -> dict[str, str]:
    """Symbols that nothing can be planned in now, each with why."""
    found: dict[str, str] = {}
    for symbol in symbols:
        market = state.markets.get(symbol)
        why = usable(market)
        if why is None and market is not None and not market.fresh:
            why = "its price is stale or its session closed"
        if why is not None:
            found[symbol] = why
    return found
