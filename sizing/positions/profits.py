"""Taking part of a profit: how many lots, and what becomes of a position that is too small to be split."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from sizing.lots import Lattice
from sizing.positions.active_rules import ActiveRules, Rest, Unit
from sizing.positions.instruction import Instruction, Memory, Skipped
from sizing.positions.levels import MINUTE_MS, View, exact

PRIORITY = 2
_NAMES: dict[Unit, str] = {"percent": "%", "r": "R", "atr": "ATR"}


class Level(NamedTuple):
    """One rule that takes profit."""

    rule: str
    threshold: float
    unit: Unit
    age_minutes: float
    share: float


def level_key(rule: str, level: int, ticket: int) -> str:
    """What an action is remembered by."""
    return f"active/{rule}/{level}/{ticket}"


def amount(value: float, unit: Unit) -> str:
    """An amount with its unit, for a reason."""
    return f"{value:.6g} {_NAMES[unit]}"


def skip(rule: str, view: View, why: str) -> Skipped:
    """A rule that applied to a position and orders nothing."""
    return Skipped(rule, view.held.symbol, f"Position {view.held.ticket}: {why}.")


def has_taken(view: View, memory: Memory) -> bool:
    """Whether some of the position's profit was taken before."""
    return any(key in memory for key in _keys(view))


def is_taking(view: View, memory: Memory) -> bool:
    """Whether profit was taken this moment, so that the state cannot show it yet."""
    return any(is_new(view, memory, key) for key in _keys(view))


def is_new(view: View, memory: Memory, key: str) -> bool:
    """Whether a key was done this moment or, by another clock, later: the state is from before."""
    found = memory.get(key)
    return found is not None and found.last_ms >= view.now_ms


def _keys(view: View) -> tuple[str, str]:
    ticket = view.held.ticket
    return level_key("partial_profit", 1, ticket), level_key("aggressive_profit", 1, ticket)


def take(
    rules: ActiveRules, levels: Sequence[Level], view: View, memory: Memory
) -> tuple[Instruction | None, list[Skipped]]:
    """The close that the highest of the levels reached asks for, if any; it takes the lower one with it."""
    skipped: list[Skipped] = []
    for place, level in enumerate(levels):
        key = level_key(level.rule, 1, view.held.ticket)
        if key in memory:
            return None, skipped
        if level.threshold == 0 or view.age_ms < level.age_minutes * MINUTE_MS:
            continue
        gain = view.gain(level.unit)
        if gain is None:
            skipped.append(skip(level.rule, view, f"what 1 {_NAMES[level.unit]} is for it is not known"))
        elif gain >= level.threshold:
            lots = "the price is within the freeze level" if view.frozen else part(view, level.share, rules.rest)
            if not isinstance(lots, str):
                lower = tuple(level_key(other.rule, 1, view.held.ticket) for other in levels[place + 1 :])
                return _close(view, level, gain, lots, key, lower), skipped
            skipped.append(skip(level.rule, view, lots))
    return None, skipped


def levels_of(rules: ActiveRules) -> tuple[Level, ...]:
    """The highest first."""
    return (
        Level(
            "aggressive_profit",
            rules.aggressive_profit_threshold,
            rules.unit_of("aggressive_profit"),
            0.0,
            rules.aggressive_profit_share,
        ),
        Level(
            "partial_profit",
            rules.partial_profit_threshold,
            rules.unit_of("partial_profit"),
            rules.partial_profit_age_minutes,
            rules.partial_profit_share,
        ),
    )


def part(view: View, share: float, rest: Rest) -> float | str:
    """Lots to close of so many percent of a position, all of it included; or why none are."""
    volume, grid = exact(view.held.volume), view.grid
    if grid.max_steps == 0:
        return "its symbol has no valid volume"
    least = grid.step * grid.min_steps
    wanted = volume * exact(share) / 100
    steps = min(int(wanted // grid.step), grid.max_steps)
    left = volume - grid.step * steps
    if steps >= grid.min_steps and left >= least:
        return grid.lots(steps)
    if left <= 0:
        return view.held.volume
    if steps < grid.min_steps and volume - wanted >= least:
        return f"{share:g} % of {view.held.volume:g} lots is below the least order of {grid.lots(grid.min_steps):g}"
    return _unsplit(view, grid, share, rest, volume)


def _unsplit(view: View, grid: Lattice, share: float, rest: Rest, volume: Decimal) -> float | str:
    if rest == "close" and volume <= grid.step * grid.max_steps:
        return view.held.volume
    what = f"{view.held.volume:g} lots cannot be split {share:g} to {100 - share:g}"
    return f"{what} with a rest of at least {grid.lots(grid.min_steps):g}, so it is left whole"


def _close(view: View, level: Level, gain: float, lots: float, key: str, lower: tuple[str, ...]) -> Instruction:
    held = view.held
    whole = lots == held.volume
    age = f" after {view.age_ms // MINUTE_MS} minutes" if level.age_minutes else ""
    what = "all of it, as it cannot be split" if whole and level.share < 100 else f"{lots:g} lots"
    return Instruction(
        key=key,
        kind="close" if whole else "close_partial",
        symbol=held.symbol,
        side=held.side,
        rule=level.rule,
        reason=(
            f"Profit of {amount(gain, level.unit)} is at least {level.threshold:g}{age}: {level.share:g} % of "
            f"{held.volume:g} lots are to be closed, {what}."
        ),
        ticket=held.ticket,
        lots=lots,
        magic=held.magic,
        priority=PRIORITY,
        covers=lower,
    )
