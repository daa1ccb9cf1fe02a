"""What is wrong with a wish to trade or a stance, before anybody is asked: the protocol's own limits."""

import math
from typing import NamedTuple

from bridge.replay.strategy import Entry, Stance
from sizing.snapshot import Side

_LEAST_PRICE, _MOST_PRICE = 1e-12, 1e12
_MOST_MAGIC = 2**63
_LONGEST_SYMBOL, _LONGEST_STRATEGY = 64, 32


class Fault(NamedTuple):
    """The field of an `Entry`, and what is wrong with it in a sentence's end: "is 120, not 0 to 100"."""

    field: str
    text: str


def entry_faults(entry: Entry, now_ms: int) -> list[Fault]:
    """Everything that is wrong with an entry made at `now_ms`."""
    faults = [*_name_faults(entry), *_price_faults(entry)]
    for name in ("confidence", "market_score"):
        value = getattr(entry, name)
        if value is not None and not 0 <= value <= 100:
            faults.append(Fault(name, f"is {value}, not 0 to 100"))
    if entry.exit_ms is not None and entry.exit_ms <= now_ms:
        faults.append(Fault("exit_ms", "is not later than the entry"))
    return faults


def stance_faults(stance: Stance) -> list[Fault]:
    """Everything that is wrong with a stance."""
    faults = []
    if not 0 < len(stance.symbol) <= _LONGEST_SYMBOL:
        faults.append(Fault("symbol", f"is {stance.symbol!r}, not 1 to {_LONGEST_SYMBOL} characters"))
    if stance.direction not in (None, "bullish", "bearish"):
        faults.append(Fault("direction", f"is {stance.direction!r}, neither bullish nor bearish nor None"))
    if stance.confidence is not None and not 0 <= stance.confidence <= 100:
        faults.append(Fault("confidence", f"is {stance.confidence}, not 0 to 100"))
    if stance.risk not in (None, "high", "medium", "low"):
        faults.append(Fault("risk", f"is {stance.risk!r}, neither high nor medium nor low nor None"))
    return faults


def _name_faults(entry: Entry) -> list[Fault]:
    faults = []
    if not 0 < len(entry.symbol) <= _LONGEST_SYMBOL:
        faults.append(Fault("symbol", f"is {entry.symbol!r}, not 1 to {_LONGEST_SYMBOL} characters"))
    if entry.side not in ("buy", "sell"):
        faults.append(Fault("side", f"is {entry.side!r}, neither buy nor sell"))
    if not -_MOST_MAGIC <= entry.magic < _MOST_MAGIC:
        faults.append(Fault("magic", f"is {entry.magic}, which has more than 64 bits"))
    if len(entry.strategy) > _LONGEST_STRATEGY:
        faults.append(Fault("strategy", f"has more than {_LONGEST_STRATEGY} characters"))
    return faults


def _price_faults(entry: Entry) -> list[Fault]:
    faults = []
    for name in ("stop_loss", "take_profit"):
        price = getattr(entry, name)
        if price is not None and not (math.isfinite(price) and _LEAST_PRICE <= price <= _MOST_PRICE):
            faults.append(Fault(name, f"is {price}, not a positive price"))
    if not faults and (wrong := _wrong_side(entry.side, entry.stop_loss, entry.take_profit)):
        faults.append(Fault("stop_loss", wrong))
    return faults


def _wrong_side(side: Side, stop: float | None, target: float | None) -> str | None:
    """A buy loses downwards. Against the price itself the sizer checks, when it knows the quote."""
    if stop is None or target is None:
        return None
    if side == "buy" and stop >= target:
        return f"is {stop}, not below the target {target} as a buy needs"
    if side == "sell" and stop <= target:
        return f"is {stop}, not above the target {target} as a sell needs"
    return None
