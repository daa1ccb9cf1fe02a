"""Decreasing a share: how many lots of which positions are closed, and which orders must not open it again."""

from decimal import Decimal

from sizing.lots import Lattice
from sizing.positions.figures import worth
from sizing.positions.instruction import Instruction
from sizing.positions.share_case import Case, by_age, grid_of, no_grid, positive, unknown_share, whole_steps
from sizing.positions.state import Held, Market
from sizing.snapshot import PendingOrder


def decrease(case: Case) -> list[Instruction] | str:
    """What to close: everything for target 0; else as many whole steps as lie above it, keeping `volume_min`."""
    held, target = [each for each in case.figures.held if positive(each.volume)], case.rule.target_percent
    if not held:
        return "there is no position to reduce"
    in_order = sorted(held, key=by_age)
    if case.rules.reduce_first == "largest":
        in_order.sort(key=lambda each: -(worth(each, case.figures.measure) or 0.0))
    if target == 0:
        reason = case.because("the share is to be 0 %")
        closes = [_close(case, each, each.volume, reason) for each in in_order]
        return [*closes, *(_cancel(case, each, reason) for each in _waiting(case))]
    share, value, equity = case.figures.share, case.figures.value, case.figures.virtual_equity
    if share is None or value is None or equity is None:
        return unknown_share(case)
    if share <= target:
        return f"the share of {share:.2f} % is at or below the target of {target:g} %"
    market = case.figures.market
    if market is None or not market.fresh:
        return "there is no fresh quote in an open session, by which to tell how much lies above the target"
    if (grid := grid_of(market)) is None:
        return no_grid(market)
    try:
        taken = _take(case, grid, market, in_order, value - target / 100 * equity)
    except ArithmeticError:  # volumes beyond what decimals divide
        return no_grid(market)
    if not taken:
        least = market.spec.volume_min
        return f"what lies above {target:g} % of the share of {share:.2f} % cannot be closed: {least:g} lots are kept"
    reason = case.because(f"the share of {share:.2f} % is to be {target:g} %")
    return [_close(case, each, lots, reason) for each, lots in taken]


def _take(case: Case, grid: Lattice, market: Market, in_order: list[Held], excess: float) -> list[tuple[Held, float]]:
    """Positions and the lots to close of each: whole ones while the excess holds them, then a part of the next."""
    least = Decimal(repr(market.spec.volume_min))
    left = sum((Decimal(repr(each.volume)) for each in in_order), Decimal(0))
    taken: list[tuple[Held, float]] = []
    for each in in_order:
        value, volume = worth(each, case.figures.measure), Decimal(repr(each.volume))
        if value is None or value <= 0 or excess <= 0:
            continue
        if excess >= value and left - volume >= least:
            lots = each.volume
        else:
            wanted = min(excess / value, 1.0) * each.volume
            steps = min(whole_steps(grid, wanted), int(max(volume - least, Decimal(0)) // grid.step))
            if steps < grid.min_steps:
                continue
            lots = grid.lots(min(steps, grid.max_steps))
        taken.append((each, lots))
        left -= Decimal(repr(lots))
        excess -= lots / each.volume * value
    return taken


def _waiting(case: Case) -> list[PendingOrder]:
    """The strategy's pending orders in the symbol: filled, they would open again what is closed."""
    magic = case.rules.magic
    mine = (each for each in case.figures.state.orders if each.symbol == case.symbol and magic in (None, each.magic))
    by_ticket = {each.ticket: each for each in mine}
    return [by_ticket[ticket] for ticket in sorted(by_ticket)]


def _cancel(case: Case, order: PendingOrder, reason: str) -> Instruction:
    return Instruction(
        key=case.key(order.ticket),
        kind="cancel",
        symbol=case.symbol,
        side=order.side,
        rule=case.label,
        reason=reason,
        ticket=order.ticket,
        magic=order.magic,
        priority=case.rule.priority,
    )


def _close(case: Case, held: Held, lots: float, reason: str) -> Instruction:
    return Instruction(
        key=case.key(held.ticket),
        kind="close" if lots == held.volume else "close_partial",
        symbol=case.symbol,
        side=held.side,
        rule=case.label,
        reason=reason,
        ticket=held.ticket,
        lots=lots,
        magic=held.magic,
        priority=case.rule.priority,
    )
