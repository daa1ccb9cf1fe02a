"""How many lots? Read top to bottom: refuse, price, multiply, cap, round down, prove."""

import math

from sizing import gates, prices, risk
from sizing.caps import refusal_code
from sizing.caps.book import PORTFOLIO
from sizing.caps.joint import joint_room, may_be_joint
from sizing.caps.limits import request
from sizing.caps.prop import trail_room
from sizing.decision import Decision, Factor
from sizing.factors.account import dispersion, recovery
from sizing.factors.book import heat
from sizing.factors.market import given_regime, market_score
from sizing.factors.signal import edge, expect
from sizing.gates import Refusal
from sizing.lots import lattice
from sizing.policy import Policy
from sizing.rooms import LOTS, Room
from sizing.snapshot import Signal, Snapshot
from sizing.standing import Standing, fresh_stats, stand
from sizing.trade import Trade


def size(signal: Signal, snapshot: Snapshot, policy: Policy, standing: Standing | None = None) -> Decision:
    """The largest volume that every limit allows, or 0 and the reason.

    Pure: the same values always give the same Decision. Never raises on values within their types' ranges. `standing`
    spares work where the caller has kept what `stand` returned before; it changes no answer.
    """
    if standing is None or not _holds(standing, signal, snapshot, policy):
        standing = stand(snapshot, signal.side, policy, signal.magic)
    trade = Trade(signal, snapshot, policy, standing)
    refusal = (
        gates.evidence_refusal(signal, snapshot, policy.freshness)
        or standing.refusal
        or gates.calendar_refusal(snapshot)
        or prices.resolve(trade)
        or risk.price(trade)
        or expect(trade)
    )
    if refusal is not None:
        return _refuse(trade, refusal)
    factors, budget = _budget(trade)
    base_lots = budget / trade.risk_per_lot
    rooms = _rooms(trade, budget, base_lots)
    shares = 1.0, trade.risk_per_lot, trade.worst_per_lot, trade.notional_per_lot, trade.margin_per_lot
    ceilings, binding, runner_up = _ceilings(rooms, shares)
    if rooms[binding].name == PORTFOLIO and may_be_joint(trade):
        rooms = joint_room(trade, rooms, ceilings)
        ceilings, binding, runner_up = _ceilings(rooms, shares)
    lots = _round_down(trade, budget, rooms, shares, ceilings[binding] or 0.0)
    if lots == 0:
        refusal = _too_small(trade, rooms[binding], ceilings[binding] or 0.0)
    amount = lots * trade.loss_per_lot
    return Decision(
        code=None if refusal is None else refusal[0],
        message=None if refusal is None else refusal[1],
        lots=lots,
        entry=trade.entry,
        stop_loss=trade.stop_loss,
        take_profit=signal.take_profit,
        stop_loss_per_lot=trade.loss_per_lot,
        shortfall_per_lot=trade.shortfall_per_lot,
        value_at_risk_per_lot=trade.value_at_risk_per_lot,
        risk_per_lot=trade.risk_per_lot,
        worst_per_lot=trade.worst_per_lot,
        notional_per_lot=trade.notional_per_lot,
        margin_per_lot=trade.margin_per_lot,
        reach_per_lot=trade.reach_per_lot,
        money_per_price=trade.unit,
        budget=budget,
        risk_amount=amount,
        worst_case=lots * trade.worst_per_lot,
        risk_percent=amount / trade.account.equity * 100,
        base_lots=base_lots,
        binding=rooms[binding].name,
        runner_up=None if runner_up is None else rooms[runner_up].name,
        factors=factors,
        rooms=rooms,
        ceilings=ceilings,
    )


def _holds(standing: Standing, signal: Signal, snapshot: Snapshot, policy: Policy) -> bool:
    """Whether what was worked out before is about this symbol, this side and these statistics."""
    return (
        standing.side == signal.side
        and standing.symbol == snapshot.symbol.spec.name
        and standing.magic in (None, signal.magic)
        and standing.stats is fresh_stats(snapshot, policy)
    )


def _budget(trade: Trade) -> tuple[tuple[Factor, ...], float]:
    """Every multiplier, and the money this trade may lose."""
    signal, policy, account, standing = trade.signal, trade.policy, trade.account, trade.standing
    regime = standing.regime if signal.regime is None else given_regime(policy.regime, signal.regime)
    factors = (edge(trade), regime, market_score(policy.market_score, signal.market_score), *standing.factors)
    product = 1.0
    # The fixed model shows these factors but is not scaled by them; heat, dispersion and recovery still reduce it.
    if policy.budget.model != "fixed":
        for factor in factors:
            product *= factor.value
    percent = policy.budget.base_risk_pct
    if policy.budget.model == "kelly":
        percent = min(percent, _kelly_pct(trade))
    budget = min(account.balance, account.equity) * percent / 100 * min(policy.budget.max_factor_product, product)
    warm = heat(policy.heat, account.equity, standing.open_risk, budget)
    spread = dispersion(policy.dispersion, account.login, signal.id)
    budget *= warm.value * spread.value
    if (since := trade.snapshot.firm.recovery) is None:
        return (*factors, warm, spread), budget
    smaller = recovery(since)
    return (*factors, warm, spread, smaller), budget * smaller.value


def _kelly_pct(trade: Trade) -> float:
    """A fraction of the growth-optimal percentage, `p - (1 - p) / reward_risk` (Kelly, 1956); not below 0."""
    probability = trade.win_probability
    return max(0.0, trade.policy.budget.kelly_fraction * (probability - (1 - probability) / trade.reward_risk) * 100)


def _rooms(trade: Trade, budget: float, base_lots: float) -> tuple[Room, ...]:
    """The risk budget, the request's own limits, and those that stood before it."""
    detail = (
        f"{budget:.2f} at {trade.risk_per_lot:.2f} a lot: stop {trade.loss_per_lot:.2f}, "
        f"shortfall {trade.shortfall_per_lot:.2f} ({trade.tail_source})"
    )
    return (
        Room("risk_budget", LOTS, base_lots, detail),
        *request(trade.signal, trade.account.equity),
        *_standing_rooms(trade),
        *(trail_room(trail, trade.worst_per_lot, trade.reach_per_lot) for trail in trade.standing.trails),
    )


def _standing_rooms(trade: Trade) -> tuple[Room, ...]:
    """What stood before the request. An addition that shares a netting position's stop and target is no second one."""
    rooms = trade.standing.rooms
    if trade.signal.adds_to is None:
        return rooms
    detail = f"added to position {trade.signal.adds_to}"
    return tuple(
        room._replace(amount=None, detail=detail) if room.name == "symbol_positions" else room for room in rooms
    )


def _ceilings(rooms: tuple[Room, ...], shares: tuple[float, ...]) -> tuple[tuple[float | None, ...], int, int | None]:
    """Every room in lots, where the tightest stands, and where the next; of equals the one named first binds.

    `shares` are what one lot uses up, by unit.
    """
    ceilings: list[float | None] = []
    binding, runner_up = 0, None
    lowest = second = math.inf
    for index, (_, unit, amount, _) in enumerate(rooms):
        if amount is None:
            ceilings.append(None)
            continue
        lots = amount if unit == LOTS else amount / shares[unit] if amount > 0 else 0.0
        ceilings.append(lots)
        if lots < lowest:
            runner_up, second = (binding if index else None), lowest
            binding, lowest = index, lots
        elif lots < second:
            runner_up, second = index, lots
    return tuple(ceilings), binding, runner_up


def _round_down(
    trade: Trade, budget: float, rooms: tuple[Room, ...], shares: tuple[float, ...], ceiling: float
) -> float:
    """The largest volume on the lattice that the ceiling and every room allow; 0 if that is less than the smallest.

    A quotient of floats may round up, so every product is proved again, and a step given up where one fails.
    """
    spec = trade.snapshot.symbol.spec
    grid = lattice(spec.volume_min, spec.volume_max, spec.volume_step)
    steps = min(grid.floor(ceiling), grid.max_steps)
    while steps >= grid.min_steps:
        lots = grid.lots(steps)
        if lots * trade.risk_per_lot <= budget and _fits(lots, rooms, shares):
            return lots
        steps -= 1
    return 0.0


def _fits(lots: float, rooms: tuple[Room, ...], shares: tuple[float, ...]) -> bool:
    for _, unit, amount, _ in rooms:  # noqa: SIM110 - a generator would cost twice as much
        if amount is not None and lots * shares[unit] > amount:
            return False
    return True


def _too_small(trade: Trade, binding: Room, ceiling: float) -> Refusal:
    spec = trade.snapshot.symbol.spec
    least = spec.volume_min
    grid = lattice(spec.volume_min, spec.volume_max, spec.volume_step)
    if grid.max_steps < grid.min_steps:
        figures = f"volume_min {least:g}, volume_step {spec.volume_step:g}, volume_max {spec.volume_max:g}"
        return "below_volume_min", f"No volume of {spec.name} is valid: {figures}."
    room = f"{binding.name} leaves {ceiling:.4f} lots ({binding.detail})"
    return refusal_code(trade.snapshot, binding.name), f"{room}; the smallest volume is {least:g}."


def _refuse(trade: Trade, refusal: Refusal) -> Decision:
    """A refusal before there is a size: only what has been derived by then is shown."""
    return Decision(
        code=refusal[0],
        message=refusal[1],
        entry=trade.entry if trade.entry > 0 else None,
        stop_loss=trade.stop_loss if trade.stop_loss > 0 else None,
        take_profit=trade.signal.take_profit,
        stop_loss_per_lot=trade.loss_per_lot,
        shortfall_per_lot=trade.shortfall_per_lot,
        risk_per_lot=trade.risk_per_lot,
        worst_per_lot=trade.worst_per_lot,
    )
