"""What the terminal shows against what the plan believes, symbol by symbol."""

from dataclasses import replace
from typing import NamedTuple

from sizing.positions.rebalance.exposure import LARGEST_LOTS, net_lots
from sizing.positions.rebalance.given import Event, Given
from sizing.positions.rebalance.plan import Line, Order, Plan, Report, Spent
from sizing.positions.rebalance.rules import Rebalance
from sizing.positions.state import Held, State

_DAY_MS = 86_400_000
_HAIR = 5e-9
"""Lots: no symbol's volume_step is smaller."""


class Settled(NamedTuple):
    plan: Plan
    events: tuple[Event, ...]


def positions(plan: Plan, state: State, symbol: str) -> tuple[Held, ...]:
    """The positions in a symbol that the plan moves, oldest first."""
    mine = (each for each in state.of(symbol) if not plan.magics or each.magic in plan.magics)
    real = (each for each in mine if 0 < each.volume <= LARGEST_LOTS)
    return tuple(sorted(real, key=lambda each: (each.opened_ms, each.ticket)))


def take_reports(plan: Plan, reports: tuple[Report, ...], now_ms: int) -> Plan:
    """The plan with what the EA said. A report may come twice, late, or for an order that nobody gave."""
    orders = plan.orders
    for report in reports:
        orders = tuple(_told(order, report, now_ms) if order.key == report.key else order for order in orders)
    return plan if orders == plan.orders else replace(plan, orders=orders)


def _told(order: Order, report: Report, now_ms: int) -> Order:
    known = order.report
    # Nobody fills more than was asked; what is no number is nothing.
    lots = min(report.lots, order.lots) if report.lots >= 0 else 0.0
    if known is None:
        return replace(order, report=replace(report, lots=lots), heard_ms=now_ms)
    told = replace(order, report=replace(report, lots=max(lots, known.lots)), heard_ms=now_ms)
    # The first final word stands. Before it, reports come again and in any order: more lots or later news count.
    news = (told.final, lots, report.time_ms) > (False, known.lots, known.time_ms)
    return told if news and not order.final else order


def settle(plan: Plan, rules: Rebalance, state: State, given: Given) -> Settled:
    """Take every order out of play whose end the terminal shows, and tell what it shows that nobody ordered."""
    events: list[Event] = []
    plan = replace(plan, spent=_today(plan.spent, state, given))
    for line in plan.lines:
        if line.base is not None:
            plan, told = _settle_line(plan, line, line.base, rules, state)
            events += told
    return Settled(plan, tuple(events))


def _settle_line(plan: Plan, line: Line, base: float, rules: Rebalance, state: State) -> tuple[Plan, list[Event]]:
    orders = plan.in_play(line.symbol)
    shown = net_lots(positions(plan, state, line.symbol))
    settle_ms = rules.execution.settle_s * 1000
    reach = [sorted(each.moves * lots for lots in each.reach(state.now_ms, settle_ms)) for each in orders]
    low, high = base + sum(least for least, _ in reach), base + sum(most for _, most in reach)
    events: list[Event] = []
    if not low - _HAIR <= shown <= high + _HAIR:
        off = shown - (low if shown < low else high)
        believed = f"{low:g}" if high - low < _HAIR else f"{low:g} to {high:g}"
        detail = f"the terminal shows {shown:g} lots net, the plan believes {believed}"
        events.append(Event("drift", detail, line.symbol, "warning"))
        base = round(base + off, 8)
        aside = line.aside or ("changed by somebody else" if plan.phase in ("reduce", "add") else "")
        line = replace(line, base=base, aside=aside)
        plan = plan.with_line(line)
    if orders and _over(orders, base, shown, state.now_ms, settle_ms):
        plan = _archive(plan, line, orders, base, shown, rules, state)
        events += _ends(plan, line.symbol, len(orders), rules)
    return plan, events


def _ends(plan: Plan, symbol: str, count: int, rules: Rebalance) -> list[Event]:
    """What to say of the orders that have just gone out of play."""
    events = [
        Event("ended", f"{each.kind} {each.key}: {each.filled:g} of {each.lots:g} lots", symbol)
        for each in plan.past[-count:]
    ]
    line = plan.line(symbol)
    if line is not None and line.attempts >= rules.execution.attempts:
        events.append(Event("given_up", f"{line.attempts} attempts in a row changed nothing", symbol, "alert"))
    return events


def _over(orders: tuple[Order, ...], base: float, shown: float, now_ms: int, settle_ms: int) -> bool:
    """Whether nothing more can come: all is reported and shown, or the time for it is over."""
    if all(each.final for each in orders):
        reported = sum(each.moves * each.report.lots for each in orders if each.report is not None)
        if abs(base + reported - shown) < _HAIR:
            return True
    return all(each.silent(now_ms, settle_ms) for each in orders)


def _archive(
    plan: Plan, line: Line, orders: tuple[Order, ...], base: float, shown: float, rules: Rebalance, state: State
) -> Plan:
    left = shown - base - sum(each.moves * _reported(each) for each in orders)
    ended: list[Order] = []
    for each in orders:
        # What was filled without a word goes to those that could have been, in the order they were given.
        more = 0.0 if each.final else min(max(0.0, each.moves * left), each.lots - _reported(each))
        left -= each.moves * more
        ended.append(replace(each, filled=round(_reported(each) + more, 8)))
    progress = any(each.filled for each in ended)
    line = replace(
        line,
        base=shown,
        attempts=0 if progress else line.attempts + 1,
        retry_ms=state.now_ms if progress else state.now_ms + rules.execution.retry_s * 1000,
    )
    traded = sum((each.filled or 0.0) * each.notional_per_lot for each in ended)
    keys = {each.key for each in ended}
    return replace(
        plan.with_line(line),
        orders=tuple(each for each in plan.orders if each.key not in keys),
        past=(*plan.past, *ended),
        spent=plan.spent._replace(notional=plan.spent.notional + traded),
    )


def _reported(order: Order) -> float:
    return 0.0 if order.report is None else order.report.lots


def _today(spent: Spent, state: State, given: Given) -> Spent:
    day = state.now_ms - state.now_ms % _DAY_MS if given.day_start_ms is None else given.day_start_ms
    return spent if day <= spent.day_ms else Spent(day)
