"""Moving a stop towards the profit: the tightest of the rules that apply, if the broker would take it."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from sizing.positions.active_rules import ActiveRules, Unit
from sizing.positions.instruction import Instruction, Memory, Skipped
from sizing.positions.levels import HOUR_MS, View, exact, plausible
from sizing.positions.profits import amount, is_new, level_key, skip

PRIORITY = 1


class _Candidate(NamedTuple):
    rule: str
    key: str
    stop: float
    """On the tick grid."""
    why: str


def tighten(rules: ActiveRules, view: View, memory: Memory) -> tuple[Instruction | None, list[Skipped]]:
    """The new stop, if any. Rules that ask for less than the tightest are done with it."""
    skipped: list[Skipped] = []
    valid: list[_Candidate] = []
    for find in (_breakeven, _volatility, _time):
        found = find(rules, view, memory)
        if isinstance(found, Skipped):
            skipped.append(found)
        elif found is not None:
            problem = fault(view, found.stop)
            if problem is None:
                valid.append(found)
            else:
                skipped.append(skip(found.rule, view, problem))
    if not valid:
        return None, skipped
    # max keeps the first of equals: break-even before volatility before time.
    best = max(valid, key=lambda each: each.stop * view.sign)
    return _move(view, best, [each for each in valid if each is not best]), skipped


def fault(view: View, stop: float) -> str | None:
    """Why a stop may not replace the position's own; None if it may."""
    if view.frozen:
        return "the price is within the freeze level of its stop or target"
    if view.sl is not None and (exact(stop) - exact(view.sl)) * view.sign <= 0:
        return f"its stop is at {view.sl:.10g} already, {stop:.10g} is not nearer to profit"
    return nearness(view, stop)


def nearness(view: View, stop: float) -> str | None:
    """Why the broker would not take a stop now; None if it would."""
    if not plausible(stop) or (view.price - exact(stop)) * view.sign < view.least:
        return f"a stop at {stop:.10g} is nearer to the price {float(view.price):.10g} than {float(view.least):.10g}"
    return None


def _on_tick(view: View, stop: Decimal) -> float:
    """The nearest tick away from the price, so that no distance gets too small; 0 for what is no price."""
    if not plausible(float(stop)):
        return 0.0
    tick = exact(view.market.spec.trade_tick_size)
    ticks = (stop / tick).to_integral_value(ROUND_FLOOR if view.sign > 0 else ROUND_CEILING)
    return float(ticks * tick)


def _breakeven(rules: ActiveRules, view: View, memory: Memory) -> _Candidate | Skipped | None:
    rule, unit = "breakeven", rules.unit_of("breakeven")
    key = level_key(rule, 1, view.held.ticket)
    if rules.breakeven_threshold == 0 or key in memory:
        return None
    gain, span = view.gain(unit), view.span(unit)
    if gain is None or span is None:
        return _unknown_unit(rule, view, unit)
    if gain < rules.breakeven_threshold:
        return None
    stop = view.average + view.sign * exact(rules.breakeven_buffer) * span
    why = (
        f"profit of {amount(gain, unit)} is at least {rules.breakeven_threshold:g}: break-even at "
        f"{float(view.average):.10g} and {amount(rules.breakeven_buffer, unit)} beyond"
    )
    return _Candidate(rule, key, _on_tick(view, stop), why)


def _volatility(rules: ActiveRules, view: View, memory: Memory) -> _Candidate | Skipped | None:
    rule, unit = "volatility", rules.unit_of("volatility")
    key = level_key(rule, 1, view.held.ticket)
    if rules.volatility_threshold == 0 or rules.volatility_tightening == 0 or key in memory:
        return None
    volatility = view.market.volatility_pct
    if volatility is None:
        return skip(rule, view, "the symbol's volatility is not known")
    if not volatility > rules.volatility_threshold:
        return None
    if view.sl is None:
        return skip(rule, view, "it has no stop to tighten")
    span = view.span(unit)
    if span is None:
        return _unknown_unit(rule, view, unit)
    stop = exact(view.sl) + view.sign * exact(rules.volatility_tightening) * span
    why = (
        f"volatility of {volatility:.6g} % is above {rules.volatility_threshold:g}: "
        f"{amount(rules.volatility_tightening, unit)} tighter"
    )
    return _Candidate(rule, key, _on_tick(view, stop), why)


def _time(rules: ActiveRules, view: View, memory: Memory) -> _Candidate | Skipped | None:
    rule, unit = "time", rules.unit_of("time")
    hours = min(
        int((view.age_ms - rules.time_tightening_age_hours * HOUR_MS) // HOUR_MS), rules.time_tightening_max_hours
    )
    if rules.time_based_tightening == 0 or hours < 1 or (view.price - view.average) * view.sign <= 0:
        return None
    ticket = view.held.ticket
    done = _last_hour(memory, hours, ticket) if memory else 0
    if done == hours or is_new(view, memory, level_key(rule, done, ticket)):
        return None
    if view.sl is None:
        return skip(rule, view, "it has no stop to tighten")
    span = view.span(unit)
    if span is None:
        return _unknown_unit(rule, view, unit)
    step = exact(rules.time_based_tightening) * span
    # Hours there is no room for now stay open: the tightest stop that is valid, not the tightest that was asked for.
    room = (view.price - exact(view.sl)) * view.sign - view.least
    fitting = max(1, min(hours - done, int(room / step)))
    stop = exact(view.sl) + view.sign * fitting * step
    tighter = amount(fitting * rules.time_based_tightening, unit)
    why = f"in profit {view.age_ms // HOUR_MS} hours after it was opened: {tighter} tighter"
    return _Candidate(rule, level_key(rule, done + fitting, ticket), _on_tick(view, stop), why)


def _last_hour(memory: Memory, hours: int, ticket: int) -> int:
    """The newest of so many hours that was counted for a position; 0 for none."""
    for hour in range(hours, 0, -1):
        if level_key("time", hour, ticket) in memory:
            return hour
    return 0


def _unknown_unit(rule: str, view: View, unit: Unit) -> Skipped:
    return skip(rule, view, f"what 1 {'R' if unit == 'r' else 'ATR'} is for it is not known")


def _move(view: View, best: _Candidate, rest: list[_Candidate]) -> Instruction:
    held = view.held
    start = "no stop" if view.sl is None else f"{view.sl:.10g}"
    less = "".join(f"; {each.rule} would have been content with {each.stop:.10g}" for each in rest)
    return Instruction(
        key=best.key,
        kind="modify_stop",
        symbol=held.symbol,
        side=held.side,
        rule=best.rule,
        reason=f"Stop from {start} to {best.stop:.10g}, {best.why}{less}.",
        ticket=held.ticket,
        stop_loss=best.stop,
        # The terminal sets both at once: a target left out would be removed.
        take_profit=view.tp,
        magic=held.magic,
        priority=PRIORITY,
        covers=tuple(each.key for each in rest),
    )
