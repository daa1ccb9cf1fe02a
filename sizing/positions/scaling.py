"""Scaling in: adding to a young position that wins, with momentum and volume behind it."""

import math
from collections.abc import Sequence

from sizing.positions.active_rules import ActiveRules
from sizing.positions.instruction import Instruction, Memory, Skipped
from sizing.positions.levels import MINUTE_MS, View, average_price, exact, plausible
from sizing.positions.profits import amount, has_taken, is_new, level_key, skip
from sizing.positions.state import Held, State
from sizing.positions.stops import nearness

PRIORITY = 0
RULE = "scaling_profit"


def add(
    rules: ActiveRules, state: State, view: View, family: Sequence[Held], memory: Memory, stop: float | None
) -> Instruction | Skipped | None:
    """The next addition, if the position asks for one. `stop` is the one it has, or the one it is just given.

    What was scaled in is not scaled itself, so all additions together stay within `scaling_max_share`.
    """
    if rules.scaling_profit_threshold == 0 or view.held.added_to or has_taken(view, memory):
        return None
    level, share = _next(rules, view, memory)
    if share <= 0 or not 0 <= view.age_ms < rules.scaling_max_age_minutes * MINUTE_MS:
        return None
    if level > 1 and not _is_seen(view, family, memory, level - 1):
        return None
    asked = _asked(rules, view, level)
    if isinstance(asked, str):
        return skip(RULE, view, asked)
    if not asked:
        return None
    lots = _lots(view, share)
    obstacle = _obstacle(state, view, stop, lots)
    if obstacle is not None or stop is None or isinstance(lots, str):
        return skip(RULE, view, obstacle or "it has no stop, and nothing is added without one")
    held, reason = view.held, _reason(rules, view, family, level, share, lots)
    return Instruction(
        key=level_key(RULE, level, held.ticket),
        kind="open",
        symbol=held.symbol,
        side=held.side,
        rule=RULE,
        reason=reason,
        lots=lots,
        stop_loss=stop,
        take_profit=view.tp,
        magic=held.magic,
        priority=PRIORITY,
        adds_to=held.ticket,
    )


def _next(rules: ActiveRules, view: View, memory: Memory) -> tuple[int, float]:
    """Number of the next addition from 1, and its percent of the original lots: what all may be, less those done."""
    level = 1
    while level_key(RULE, level, view.held.ticket) in memory:
        level += 1
    return level, min(rules.scaling_share, rules.scaling_max_share - (level - 1) * rules.scaling_share)


def _is_seen(view: View, family: Sequence[Held], memory: Memory, level: int) -> bool:
    """Whether an addition that was done is in the state, and with it in the average price."""
    volume = math.fsum(each.volume for each in family)
    return volume > view.held.initial_volume and not is_new(view, memory, level_key(RULE, level, view.held.ticket))


def _asked(rules: ActiveRules, view: View, level: int) -> bool | str:
    """Whether profit, momentum and volume ask for the addition; a text where one of them is not known."""
    gain = view.gain(rules.unit_of(RULE))
    if gain is None:
        return "what its profit is in R or ATR is not known"
    if gain < level * rules.scaling_profit_threshold:
        return False
    momentum, volume = view.market.momentum_pct, view.market.volume_ratio
    if momentum is None:
        return "the symbol's momentum is not known"
    if volume is None:
        return "the symbol's volume is not known"
    return momentum * view.sign > rules.scaling_momentum_threshold and volume > rules.scaling_volume_threshold


def _obstacle(state: State, view: View, stop: float | None, lots: float | str) -> str | None:
    """Why what is asked for is not ordered."""
    if state.entries_halted is not None:
        return f"nothing is added now: {state.entries_halted}"
    if isinstance(lots, str):
        return lots
    if stop is not None and (problem := nearness(view, stop)) is not None:
        return problem
    return None if plausible(_touch(view)) else "the price to add at is not known"


def _touch(view: View) -> float:
    """What an addition is opened at."""
    return view.market.quote.ask if view.sign > 0 else view.market.quote.bid


def _lots(view: View, share: float) -> float | str:
    if not plausible(view.held.initial_volume):
        return "what it was opened with is not known"
    wanted = exact(view.held.initial_volume) * exact(share) / 100
    steps = min(int(wanted // view.grid.step), view.grid.max_steps)
    if steps < view.grid.min_steps:
        return f"{share:g} % of {view.held.initial_volume:g} lots is below the least order"
    return view.grid.lots(steps)


def _reason(rules: ActiveRules, view: View, family: Sequence[Held], level: int, share: float, lots: float) -> str:
    unit = rules.unit_of(RULE)
    average = average_price([*((each.volume, each.price_open) for each in family), (lots, _touch(view))])
    return (
        f"Profit of {amount(view.gain(unit) or 0.0, unit)} is at least {level * rules.scaling_profit_threshold:g} "
        f"after {view.age_ms // MINUTE_MS} minutes, momentum {view.market.momentum_pct:.6g} %, volume "
        f"{view.market.volume_ratio:.6g} times the usual: {share:g} % of {view.held.initial_volume:g} lots, {lots:g}, "
        f"are added to position {view.held.ticket}; its average price goes from {float(view.average):.10g} to "
        f"{float(average):.10g}."
    )
