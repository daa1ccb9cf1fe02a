"""Whether the terminal's margin grows with volume and price as it is taken to: one rate for every size.

A margin rate that is derived from the margin of one lot agrees with that margin, whatever it is. So the terminal is
asked at other volumes and prices too, and what the daemon's own figure is compared with is the margin per lot where it
is farthest from that of one lot. Brokers with tiers (more margin for larger positions) are refused by that.
"""

import math

from bridge.protocol.messages import SymbolInfo
from bridge.terminal.mt5.calls import Calls
from bridge.terminal.mt5.wire import MarginSeen
from sizing.money import apart
from sizing.snapshot import Side

STRAIGHT = 0.001
"""Margins per lot that differ by less are equal."""
_SHIFT = 0.01
_FOREX, _FUTURES = (0, 5), (1, 33)


def see_margin(calls: Calls, info: SymbolInfo, side: Side, price: float, unit: float) -> MarginSeen | None:
    """A side's margin of one lot, and where it is another; None where the terminal tells none.

    `unit` is the smallest amount of the account's currency, to which the terminal rounds.
    """
    action = 0 if side == "buy" else 1

    def asked(volume: float, at: float) -> float | None:
        found = calls.maybe("order_calc_margin", action, info.name, volume, at)
        return None if found is None else float(found)

    one = asked(1.0, price)
    if one is None:
        return None
    worst, where = one, ""
    for volume in volumes(info):
        worst, where = _farther(
            one, worst, where, _per_lot(asked(volume, price), volume, one, unit), f"{volume:g} lots"
        )
    for sign in (-1, 1):
        at = round(price * (1 + sign * _SHIFT), info.digits)
        found = _at_first_price(asked(1.0, at), info, one, at / price, unit)
        worst, where = _farther(one, worst, where, found, f"a price of {at:g}")
    return MarginSeen(symbol=info.name, side=side, price=price, one_lot=one, worst=worst, where=where)


def volumes(info: SymbolInfo) -> list[float]:
    """The least volume, ten times it, and the largest on the symbol's steps."""
    step = info.volume_step
    largest = round(math.floor(info.volume_max / step + 1e-9) * step, 8) if step > 0 else info.volume_max
    wanted = (info.volume_min, 10 * info.volume_min, largest)
    return [volume for volume in dict.fromkeys(wanted) if 0 < volume <= info.volume_max and volume != 1.0]


def _per_lot(found: float | None, volume: float, one: float, unit: float) -> float:
    """Margin per lot at another volume; 0, which agrees with nothing, where the terminal tells none."""
    if found is None:
        return 0.0
    rounding = unit * (volume + 1) / 2
    return one if abs(found - volume * one) <= rounding else found / volume


def _at_first_price(found: float | None, info: SymbolInfo, one: float, ratio: float, unit: float) -> float:
    """Margin of one lot at another price, brought back to the first as the calc mode has it.

    Margin of a pair is in its base currency: whether it is converted at the asked price or at the market's, either will
    do. Fixed margins ignore the price, all others follow it.
    """
    if found is None:
        return 0.0
    if info.trade_calc_mode in _FUTURES or info.margin_initial > 0:
        shares = [1.0]
    else:
        shares = [1.0, ratio] if info.trade_calc_mode in _FOREX else [ratio]
    share = min(shares, key=lambda share: abs(found - one * share))
    return one if abs(found - one * share) <= unit else found / share


def _farther(one: float, worst: float, where: str, found: float, place: str) -> tuple[float, str]:
    if apart(found, one) > max(STRAIGHT, apart(worst, one)):
        return found, place
    return worst, where
