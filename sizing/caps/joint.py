"""The portfolio's room where the book and the trade are looked at on the same days."""

import math

from sizing.caps.book import PORTFOLIO, portfolio_budget
from sizing.rooms import LOTS, Room
from sizing.snapshot import Floats, Portfolio, Snapshot
from sizing.stats.joint import Leg, incremental, largest, leg_losses
from sizing.stats.tail import days_of
from sizing.trade import Trade


def may_be_joint(trade: Trade) -> bool:
    """Whether the book's scenarios are at hand and hold for this trade: they are of one day."""
    minutes = trade.signal.horizon_minutes or trade.policy.cost.horizon_minutes
    return trade.snapshot.portfolio is not None and days_of(minutes) == 1


def joint_room(trade: Trade, rooms: tuple[Room, ...], ceilings: tuple[float | None, ...]) -> tuple[Room, ...]:
    """The rooms with the portfolio's own in lots: what its joint scenarios of one day leave.

    Only asked for where adding up all tails leaves the least; otherwise the answer would be the same. It is more than
    that sum leaves, unless the newest days are worse than the whole history that the sum rests on.
    """
    portfolio = trade.snapshot.portfolio
    if portfolio is None:
        return rooms
    at = next(index for index, room in enumerate(rooms) if room.name == PORTFOLIO)
    others = min((lots for index, lots in enumerate(ceilings) if index != at and lots is not None), default=math.inf)
    solved = _solve(trade, trade.snapshot, portfolio, others)
    return (*rooms[:at], solved, *rooms[at + 1 :])


def _solve(trade: Trade, snapshot: Snapshot, portfolio: Portfolio, others: float) -> Room:
    """The room in lots; None where the other ceilings are reached first."""
    budget, level = portfolio_budget(snapshot, trade.policy.caps), trade.policy.tail.level
    detail = f"{budget:.2f}, of which {portfolio.shortfall:.2f} open ({portfolio.source})"
    if portfolio.shortfall >= budget:
        return Room(PORTFOLIO, LOTS, 0.0, detail)
    losses = _losses(trade, portfolio)
    lots = largest(portfolio.losses, losses, budget, level, others)
    if lots is None:
        added = incremental(portfolio.losses, losses, others, level)
        detail = f"{detail}, {added:.2f} more with {others:.4f} lots"
    return Room(PORTFOLIO, LOTS, lots, detail)


def _losses(trade: Trade, portfolio: Portfolio) -> Floats:
    """What one lot of the trade loses on each day of the portfolio's.

    It counts no gains: the order may not be filled, and until the terminal shows it the book will not count any either.
    """
    leg = Leg(
        symbol=trade.signal.symbol,
        side=trade.signal.side,
        lots=1.0,
        stop=trade.distance,
        near=trade.near,
        target=None,
        money=trade.unit,
        costs=trade.loss_per_lot - trade.distance * trade.unit,
        worst=trade.worst_per_lot,
        promised=True,
    )
    losses = leg_losses(leg, portfolio.own)
    audit = trade.snapshot.symbol.audit
    return losses if audit is None else losses * audit.multiplier
