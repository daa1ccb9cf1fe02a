"""How many lots? Read top to bottom: refuse, price, multiply, cap, round down, prove."""

import math

from sizing import correlation, prices, risk
from sizing.caps import CAPS, refusal_code
from sizing.decision import Cap, Decision, Factor
from sizing.factors import FACTORS, dispersion
from sizing.factors.book import heat
from sizing.factors.signal import expect
from sizing.gates import GATES, Refusal
from sizing.lots import lattice
from sizing.policy import Policy
from sizing.snapshot import Signal, Snapshot
from sizing.trade import Trade

STEPS = (*GATES, prices.resolve, risk.price, expect)
"""Everything that may refuse before there is a size, in order."""


def size(signal: Signal, snapshot: Snapshot, policy: Policy) -> Decision:
    """The largest volume that every limit allows, or 0 and the reason.

    Pure: the same three values always give the same Decision. Never raises on values that satisfy their types' ranges.
    """
    trade = Trade(signal, snapshot, policy)
    for step in STEPS:
        refusal = step(trade)
        if refusal is not None:
            return _refuse(trade, refusal)
    correlation.measure(trade)
    factors = _budget(trade)
    trade.base_lots = trade.budget / trade.risk_per_lot
    caps = _caps(trade)
    binding, runner_up = _tightest(caps)
    spec = snapshot.symbol.spec
    grid = lattice(spec.volume_min, spec.volume_max, spec.volume_step)
    ceiling = binding.lots
    steps = 0 if ceiling is None else min(grid.floor(ceiling), grid.max_steps)
    # A quotient of floats may round up: prove every product again, and give up a step where one fails.
    while steps > 0 and not _proven(trade, caps, grid.lots(steps)):
        steps -= 1
    if steps < grid.min_steps:
        why = f"{binding.name} leaves {ceiling or 0.0:.4f} lots, the smallest volume is {spec.volume_min:g}: {binding.detail}."
        return _decide(trade, (refusal_code(trade, binding.name), why), 0.0, factors, caps, binding, runner_up)
    return _decide(trade, None, grid.lots(steps), factors, caps, binding, runner_up)


def _budget(trade: Trade) -> tuple[Factor, ...]:
    """Fill in the money this trade may lose, and name every multiplier that made it."""
    policy, account = trade.policy.budget, trade.account
    factors = [factor(trade) for factor in FACTORS]
    percent = policy.base_risk_pct
    if policy.model == "kelly":
        probability = trade.win_probability
        kelly = policy.kelly_fraction * (probability - (1 - probability) / trade.reward_risk) * 100
        percent = min(percent, max(0.0, kelly))
    base = min(account.balance, account.equity) * percent / 100
    # The fixed model shows the factors but does not let them scale the risk.
    product = 1.0 if policy.model == "fixed" else math.prod(factor.value for factor in factors)
    product = min(policy.max_factor_product, product)
    factors.append(heat(trade, base * product))
    factors.append(dispersion(trade))
    trade.budget = base * product * factors[-2].value * factors[-1].value
    return tuple(factors)


def _caps(trade: Trade) -> tuple[Cap, ...]:
    trade.rooms.append((trade.budget, trade.risk_per_lot))
    tail = trade.snapshot.symbol.stats.tail if trade.snapshot.symbol.stats else None
    detail = (
        f"{trade.budget:.2f} at {trade.risk_per_lot:.2f} a lot (stop {trade.loss_per_lot:.2f}, "
        f"shortfall {trade.shortfall_per_lot:.2f}, {tail.source if tail else 'assumed'})"
    )
    caps = [Cap("risk_budget", trade.base_lots, detail)]
    for cap in CAPS:
        caps.extend(cap(trade))
    return tuple(caps)


def _tightest(caps: tuple[Cap, ...]) -> tuple[Cap, Cap | None]:
    """The two lowest ceilings; of equals the one named first."""
    binding, runner_up = caps[0], None
    lowest, second = caps[0].lots, None
    for cap in caps[1:]:
        lots = cap.lots
        if lots is None:
            continue
        if lowest is None or lots < lowest:
            binding, runner_up, lowest, second = cap, binding, lots, lowest
        elif second is None or lots < second:
            runner_up, second = cap, lots
    return binding, runner_up


def _proven(trade: Trade, caps: tuple[Cap, ...], lots: float) -> bool:
    return all(cap.lots is None or lots <= cap.lots for cap in caps) and all(
        lots * per_lot <= room for room, per_lot in trade.rooms
    )


def _decide(
    trade: Trade,
    refusal: Refusal | None,
    lots: float,
    factors: tuple[Factor, ...],
    caps: tuple[Cap, ...],
    binding: Cap,
    runner_up: Cap | None,
) -> Decision:
    amount = lots * trade.risk_per_lot
    return Decision(
        code=refusal[0] if refusal else None,
        message=refusal[1] if refusal else None,
        lots=lots,
        entry=trade.entry,
        stop_loss=trade.stop_loss,
        take_profit=trade.take_profit,
        stop_loss_per_lot=trade.loss_per_lot,
        shortfall_per_lot=trade.shortfall_per_lot,
        risk_per_lot=trade.risk_per_lot,
        worst_per_lot=trade.worst_per_lot,
        notional_per_lot=trade.notional_per_lot,
        margin_per_lot=trade.margin_per_lot,
        budget=trade.budget,
        risk_amount=amount,
        worst_case=lots * trade.worst_per_lot,
        risk_percent=amount / trade.account.equity * 100,
        base_lots=trade.base_lots,
        binding=binding.name,
        runner_up=runner_up.name if runner_up else None,
        factors=factors,
        caps=caps,
    )


def _refuse(trade: Trade, refusal: Refusal) -> Decision:
    """A refusal before there is a size: only what has been derived by then is shown."""
    known = trade.entry > 0
    return Decision(
        code=refusal[0],
        message=refusal[1],
        entry=trade.entry if known else None,
        stop_loss=trade.stop_loss if trade.stop_loss > 0 else None,
        take_profit=trade.take_profit,
        stop_loss_per_lot=trade.loss_per_lot,
        shortfall_per_lot=trade.shortfall_per_lot,
        risk_per_lot=trade.risk_per_lot,
        worst_per_lot=trade.worst_per_lot,
    )
