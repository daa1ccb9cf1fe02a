"""The rebalancing plan and the watch over the portfolio's limits, between what is kept and the pure steps."""

import math
from dataclasses import replace
from typing import NamedTuple

from bridge.desk import Desk
from bridge.kept import Day, Issued, Kept
from bridge.manager.offers import Asked
from sizing.positions.instruction import Instruction, Skipped
from sizing.positions.rebalance import (
    Event,
    Given,
    Guard,
    Metrics,
    Plan,
    Rebalance,
    Report,
    Watched,
    emergency_plan,
    measure,
    step,
    watch,
)
from sizing.positions.rebalance.plan import Status
from sizing.positions.rebalance.settlement import take_reports
from sizing.positions.state import State

RULE = "rebalance"


class Turn(NamedTuple):
    """The state after a step of the plan, what it skipped, and what to tell the log."""

    kept: Kept
    skipped: tuple[Skipped, ...] = ()
    events: tuple[Event, ...] = ()


def running(kept: Kept) -> Plan | None:
    """The plan, while anything may still come of it."""
    plan = kept.plan
    return None if plan is None or (plan.ended and not plan.orders) else plan


def symbols_of(kept: Kept) -> set[str]:
    """What the plan that runs is about."""
    plan = running(kept)
    return set() if plan is None else {each.symbol for each in plan.lines}


def given_of(desk: Desk, kept: Kept) -> Given:
    """What the steps are told beside the state."""
    day = kept.day
    return Given(
        correlations=desk.evidence.correlations.table,
        day_start_ms=desk.rules.bounds[0],
        day_start_equity=None if day is None else day.equity,
        guard=kept.guard,
    )


def follow_day(kept: Kept, desk: Desk, equity: float) -> Kept:
    """The state with the equity that the firm's day began with."""
    day_ms = desk.rules.bounds[0]
    return kept if kept.day is not None and kept.day.day_ms == day_ms else replace(kept, day=Day(day_ms, equity))


def go_on(kept: Kept, rules: Rebalance, state: State, given: Given) -> Turn:
    """One step of the plan. While other instructions are in play in its symbols, it waits."""
    plan = running(kept)
    if plan is None:
        return Turn(kept)
    kept = _without_expired(kept, state.now_ms)
    named = symbols_of(kept)
    others = sorted({each.symbol for each in kept.issued.values() if _moves_lots(each)} & named)
    if others:
        return Turn(kept, tuple(Skipped(RULE, each, "another instruction is in play") for each in others))
    stepped = step(kept.plan or plan, rules, state, (), given)
    kept = replace(kept, plan=stepped.plan, waiting=(*kept.waiting, *stepped.advice.instructions))
    return Turn(kept, stepped.advice.skipped, stepped.events)


def _moves_lots(issued: Issued) -> bool:
    """Whether another's instruction may change what the plan counts. Stops that follow the price would never let it go
    on."""
    return issued.source != "rebalance" and issued.kind not in ("modify_stop", "cancel")


def _without_expired(kept: Kept, now_ms: int) -> Kept:
    """What no EA has fetched in time was certainly not carried out.

    For an emergency that is no attempt: else it would be over before the EA that is to close is back.
    """
    over = [each for each in kept.waiting if each.expires_ms is not None and now_ms >= each.expires_ms]
    if not over:
        return kept
    keys = {each.key for each in over}
    if kept.plan is not None and not kept.plan.adds:
        kept = replace(kept, plan=_without_orders(kept.plan, keys))
    else:
        for each in over:
            kept = tell(kept, each.key, "failed", 0.0, None, 0, now_ms)
    return replace(kept, waiting=tuple(each for each in kept.waiting if each.key not in keys))


def _without_orders(plan: Plan, keys: set[str]) -> Plan:
    """The plan with these orders out of play, nothing having come of them."""
    void = tuple(replace(each, filled=0.0) for each in plan.orders if each.key in keys)
    return replace(plan, orders=tuple(each for each in plan.orders if each.key not in keys), past=(*plan.past, *void))


def tell(kept: Kept, key: str, status: Status, lots: float, price: float | None, retcode: int, now_ms: int) -> Kept:
    """The state after the plan has heard what became of one of its orders."""
    if kept.plan is None:
        return kept
    report = Report(key=key, status=status, time_ms=now_ms, lots=lots, price=price, retcode=retcode)
    return replace(kept, plan=take_reports(kept.plan, (report,), now_ms))


def fetch(kept: Kept, asked: Asked, most: int, now_ms: int) -> tuple[Kept, list[Instruction]]:
    """What the plan has ordered for an EA, at most so many at once, taken out of what waits."""
    kept = _without_expired(kept, now_ms)
    mine = [each for each in kept.waiting if asked.covers(each)][:most]
    keys = {each.key for each in mine}
    if not mine:
        return kept, []
    return replace(kept, waiting=tuple(each for each in kept.waiting if each.key not in keys)), mine


def unpriced(state: State) -> tuple[str, ...]:
    """Symbols of positions whose worth is not known now."""
    return tuple(sorted({each.symbol for each in state.held if not math.isfinite(each.notional)}))


class Looked(NamedTuple):
    """What a look at the portfolio has led to. `halt`: why nothing may be opened any more, said once."""

    kept: Kept
    events: tuple[Event, ...]
    metrics: Metrics
    halt: str | None = None


def look(kept: Kept, rules: Rebalance, state: State, given: Given, plan_id: str) -> Looked:
    """Compare the portfolio with its limits. A breach may halt entries and replace the plan by one that reduces.

    What cannot be priced is left out: limits that need no price, such as the day's drawdown, are judged all the same,
    and no breach ends meanwhile.
    """
    missing = unpriced(state)
    priced = replace(state, held=tuple(each for each in state.held if each.symbol not in missing))
    watched = watch(kept.guard, rules, priced, given, sorted(symbols_of(kept)))
    if missing:
        watched = _lasting(watched, kept.guard)
    halt = None
    if watched.guard.mode == "halted" and kept.guard.mode != "halted":
        halt = watched.guard.reason
    after = replace(kept, guard=watched.guard)
    if watched.wants != "none":
        # What was ordered and not fetched is void: an emergency orders anew.
        for each in after.waiting:
            after = tell(after, each.key, "failed", 0.0, None, 0, state.now_ms)
        plan = emergency_plan(plan_id, rules, state, watched.wants, after.plan)
        after = replace(after, plan=plan, waiting=())
    return Looked(after, watched.events, watched.metrics, halt)


def _lasting(watched: Watched, before: Guard) -> Watched:
    """What was seen of a part of the portfolio: a breach that is not seen may still be there."""
    active = tuple(dict.fromkeys((*before.active, *watched.guard.active)))
    guard = watched.guard._replace(active=active, accepted=before.accepted)
    events = tuple(each for each in watched.events if each.kind != "breach_ended")
    return watched._replace(guard=guard, events=events)


def metrics_of(rules: Rebalance, state: State, given: Given, kept: Kept) -> Metrics:
    """The figures that have limits, as of now."""
    return measure(state, rules, given, sorted(symbols_of(kept)))


def report_of(issued: Issued) -> tuple[str, Status, float, float | None, int]:
    """What an instruction's standing says to the plan."""
    status: Status = "done" if issued.standing == "done" else "partial" if issued.standing == "partial" else "failed"
    if status == "done" and not issued.final:
        status = "partial"  # it does not say how much: what the terminal shows by its end counts
    return issued.key, status, issued.filled, issued.fill_price, issued.retcode
