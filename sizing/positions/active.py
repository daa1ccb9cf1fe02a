"""Active management of every open position: taking profit, scaling in, moving stops; each level once per position."""

from collections.abc import Sequence

from sizing.positions.active_rules import ActiveRules
from sizing.positions.instruction import Advice, Instruction, Memory, Skipped
from sizing.positions.levels import families, view
from sizing.positions.profits import Level, is_taking, levels_of, take
from sizing.positions.scaling import add
from sizing.positions.state import Held, State
from sizing.positions.stops import tighten

RULE = "active"
"""Of what is said about a position that no rule can judge."""


def evaluate(rules: ActiveRules, state: State, memory: Memory) -> Advice:
    """What to do with each open position now: closes first, then stops, then additions.

    Total: a position whose figures are missing or make no sense is skipped with the reason. The order in which
    positions stand in the state does not matter. An instruction's `key` and `covers` belong into the memory once it is
    done, even in part.
    """
    if not rules.enable_active_management:
        return Advice(())
    instructions: list[Instruction] = []
    skipped: list[Skipped] = []
    levels = levels_of(rules)
    for family in families(state.held).values():
        for held in family:
            _judge(rules, levels, state, memory, held, family, instructions, skipped)
    instructions.sort(key=lambda each: -each.priority)
    return Advice(tuple(instructions), tuple(skipped))


def _judge(
    rules: ActiveRules,
    levels: Sequence[Level],
    state: State,
    memory: Memory,
    held: Held,
    family: Sequence[Held],
    instructions: list[Instruction],
    skipped: list[Skipped],
) -> None:
    """Append what one position asks for."""
    seen = view(state, held, family)
    if isinstance(seen, str):
        skipped.append(Skipped(RULE, held.symbol, f"Position {held.ticket}: {seen}."))
        return
    if is_taking(seen, memory):
        return
    close, why = take(rules, levels, seen, memory)
    skipped += why
    if close is not None:
        instructions.append(close)
        if close.kind == "close":
            return
    move, why = tighten(rules, seen, memory)
    skipped += why
    if move is not None:
        instructions.append(move)
    if close is None:
        stop = seen.sl if move is None else move.stop_loss
        addition = add(rules, state, seen, family, memory, stop)
        if isinstance(addition, Skipped):
            skipped.append(addition)
        elif addition is not None:
            instructions.append(addition)
