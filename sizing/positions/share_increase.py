"""Increasing a share: how many lots are missing, and what bounds them."""

from typing import NamedTuple

from sizing.lots import Lattice
from sizing.positions.figures import known
from sizing.positions.instruction import Instruction
from sizing.positions.share_case import Case, by_age, grid_of, no_grid, positive, unknown_share, whole_steps
from sizing.positions.state import Held, Market
from sizing.snapshot import Side


class Limit(NamedTuple):
    """What else bears on an increase: the reductions that hold for the symbol, lots that this advice opens there
    already, and the free margin that it has left."""

    reductions: tuple[Case, ...]
    planned_lots: float
    margin_left: float | None


def increase(case: Case, limit: Limit) -> Instruction | str:
    """What to open: the lots that are missing to the target, within the most per instrument and the free margin."""
    equity, market = case.figures.virtual_equity, case.figures.market
    if equity is None:
        return unknown_share(case)
    if market is None or not market.fresh:
        return "there is no fresh quote in an open session"
    side, fault = _side(case)
    if side is None:
        return fault
    stop = _stop(case, market, side)
    per_lot = _per_lot(case, market, side, stop)
    grid = grid_of(market)
    if per_lot is None or grid is None:
        return no_grid(market) if grid is None else f"the {case.figures.measure} of one lot is not known"
    share = _share_with_orders(case, per_lot, limit.planned_lots)
    if share is None:
        return unknown_share(case)
    target, bound = _target(case, limit.reductions)
    if target is None:
        return bound
    if share >= target:
        return f"the share of {share:.2f} % is at or above the target of {target:g} %{bound}"
    if case.figures.state.entries_halted is not None:
        return f"entries are halted: {case.figures.state.entries_halted}"
    lots = _open_lots(market, grid, (target - share) / 100 * equity / per_lot, limit.margin_left)
    if isinstance(lots, str):
        return lots
    return Instruction(
        key=case.key(0),
        kind="open",
        symbol=case.symbol,
        side=side,
        rule=case.label,
        reason=case.because(f"the share of {share:.2f} % is to be {target:g} %{bound}"),
        lots=lots,
        stop_loss=stop,
        magic=_magic(case),
        priority=case.rule.priority,
    )


def _side(case: Case) -> tuple[Side | None, str]:
    """Which side an increase is on; None where it has none, and why."""
    direction = case.figures.opinion.direction
    side: Side | None = None if direction is None else "buy" if direction == "bullish" else "sell"
    sides = {each.side for each in _there(case)}
    if len(sides) > 1:
        return None, "positions are held both ways, so that an increase has no side"
    held = next(iter(sides), None)
    if held is None:
        return side, "there is neither a position nor a direction"
    if side is not None and side != held:
        return None, f"the opinion is {direction} and the position a {held}: an increase would work against it"
    return held, ""


def _there(case: Case) -> tuple[Held, ...]:
    """The positions that are added to: in a netting account whoever's, since an order becomes part of it."""
    state = case.figures.state
    return case.figures.held if state.hedging else tuple(each for each in state.held if each.symbol == case.symbol)


def _stop(case: Case, market: Market, side: Side) -> float | None:
    """The stop of what is opened: that of the positions there, the nearest to the price; else by the rule set's ATRs.

    An addition never brings another stop to a position: in netting accounts it would move the position's own.
    """
    if there := _there(case):
        stops = [stop for each in there if (stop := known(each.sl)) is not None]
        return None if not stops else max(stops) if side == "buy" else min(stops)
    multiple, atr, tick = case.rule_set.stop_atr, known(market.atr), known(market.spec.trade_tick_size)
    if multiple is None or atr is None or tick is None or not (atr > 0 and tick > 0):
        return None
    price = market.quote.ask - multiple * atr if side == "buy" else market.quote.bid + multiple * atr
    if known(price) is None or known(ticks := price / tick) is None:
        return None
    return known(round(round(ticks) * tick, 10))


def _per_lot(case: Case, market: Market, side: Side, stop: float | None) -> float | None:
    """What one more lot is worth by the rule set's measure, greater than 0; None if that is not known."""
    if case.figures.measure == "notional":
        return positive(market.notional_per_lot)
    if case.figures.measure == "margin":
        return positive(market.margin_per_lot)
    if stop is None:
        return None
    distance = market.quote.ask - stop if side == "buy" else stop - market.quote.bid
    return positive(distance * market.money_per_price) if distance > 0 else None


def _share_with_orders(case: Case, per_lot: float, planned_lots: float) -> float | None:
    """The share as it will be once pending orders and what this advice opens are filled; None if it is not known."""
    value, equity, magic = case.figures.value, case.figures.virtual_equity, case.rules.magic
    if value is None or equity is None:
        return None
    waiting = sum(
        abs(each.volume_current)
        for each in case.figures.state.orders
        if each.symbol == case.symbol and (magic is None or each.magic == magic)
    )
    return known((value + (waiting + planned_lots) * per_lot) / equity * 100)


def _target(case: Case, reductions: tuple[Case, ...]) -> tuple[float | None, str]:
    """The target within its bounds, and which of them cut it; None where there cannot be one, and why."""
    wanted = target = case.rule.target_percent
    bound, most = "", case.rules.max_virtual_equity_per_instrument_percent
    if target > most:
        target, bound = most, f" (capped from {wanted:g} % by max_virtual_equity_per_instrument_percent)"
    for each in reductions:
        if each.figures.measure != case.figures.measure:
            return None, f"{each.label} holds for the same symbol and measures another thing"
        if each.rule.target_percent < target:
            target, bound = each.rule.target_percent, f" (cut from {wanted:g} % by {each.label})"
    return target, bound


def _open_lots(market: Market, grid: Lattice, wanted: float, margin_left: float | None) -> float | str:
    """Lots on the lattice, or why there are none."""
    margin = positive(market.margin_per_lot)
    if margin is None or margin_left is None:
        return "the free margin, or the margin of one lot, is not known"
    affordable = max(margin_left, 0.0) / margin
    steps = whole_steps(grid, min(wanted, affordable, market.spec.volume_max))
    if steps >= grid.min_steps:
        return grid.lots(steps)
    what = "free margin allows" if affordable < wanted else "target is short of"
    lots, least = min(wanted, affordable), market.spec.volume_min
    return f"the {what} {lots:.4f} lots, less than the smallest volume of {least:g}"


def _magic(case: Case) -> int:
    """The strategy's number; without one that of the oldest position that is added to."""
    if case.rules.magic is not None:
        return case.rules.magic
    return min(case.figures.held, key=by_age).magic if case.figures.held else 0
