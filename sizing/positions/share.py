"""Share rules evaluated: which rules hold for which symbols, and what they lead to.

Reductions are worked out first and wait for nothing. Increases follow by priority; they share the free margin, stay
within the least target of the reductions that hold for their symbol, and wait where a rule before them cannot be
judged.
"""

from collections.abc import Iterator

from sizing.positions.figures import Figures, known
from sizing.positions.instruction import Advice, Instruction, Memory, Skipped
from sizing.positions.rulesets import DECREASE, ReadyRule, RuleSet, ShareRules
from sizing.positions.share_case import Case
from sizing.positions.share_decrease import decrease
from sizing.positions.share_increase import Limit, increase
from sizing.positions.state import Held, State
from sizing.symbols import matches


def evaluate(rules: ShareRules, state: State, memory: Memory) -> Advice:
    """What the rules say of a state. `memory` is by the keys of instructions: those in their cool-down are skipped."""
    # Those of open positions come first where priorities are equal.
    cases = [*_cases(rules, rules.open_positions, state, True), *_cases(rules, rules.enter_market, state, False)]
    cases.sort(key=lambda case: -case.rule.priority)
    orders = _Orders(state, memory)
    reductions: dict[str, list[Case]] = {}
    for case in cases:
        if case.unknown:
            orders.skip(case, f"not known: {', '.join(case.unknown)}")
        elif case.rule.action == DECREASE:
            reductions.setdefault(case.symbol, []).append(case)
    for of_symbol in reductions.values():
        orders.reduce(of_symbol)
    doubtful: dict[str, Case] = {}
    for case in cases:
        if case.unknown:
            doubtful.setdefault(case.symbol, case)
        elif case.rule.action != DECREASE and case.symbol in doubtful:
            orders.skip(case, f"{doubtful[case.symbol].label} comes before it and cannot be judged")
        elif case.rule.action != DECREASE:
            orders.increase(case)
    orders.instructions.sort(key=lambda each: -each.priority)
    return Advice(tuple(orders.instructions), tuple(orders.skipped))


class _Orders:
    """What the rules have led to so far. What is in its cool-down counts as if it were on its way."""

    def __init__(self, state: State, memory: Memory) -> None:
        self.instructions: list[Instruction] = []
        self.skipped: list[Skipped] = []
        self._now_ms = state.now_ms
        self._memory = memory
        self._margin_left = known(state.margin_free)
        self._reductions: dict[str, tuple[Case, ...]] = {}
        self._planned: dict[str, float] = {}

    def skip(self, case: Case, reason: str) -> None:
        self.skipped.append(Skipped(case.label, case.symbol, reason))

    def reduce(self, cases: list[Case]) -> None:
        """Order the reductions of one symbol that close most; the others would close the same lots again."""
        self._reductions[cases[0].symbol] = tuple(cases)
        plans: list[tuple[Case, list[Instruction]]] = []
        for case in self._furthest(cases):
            found = decrease(case)
            if isinstance(found, str):
                self.skip(case, found)
            else:
                plans.append((case, found))
        if not plans:
            return
        best, instructions = max(plans, key=lambda plan: sum(each.lots for each in plan[1]))
        for case, _ in plans:
            if case is not best:
                self.skip(case, f"{best.label} closes as much, or more")
        for each in instructions:
            self._order(best, each)

    def _furthest(self, cases: list[Case]) -> list[Case]:
        """Of each rule set the case with the least target; the first of equal ones."""
        least: dict[int, Case] = {}
        for case in cases:
            kept = least.setdefault(id(case.figures), case)
            if case.rule.target_percent < kept.rule.target_percent:
                least[id(case.figures)] = case
        for case in cases:
            if case is not (kept := least[id(case.figures)]):
                self.skip(case, f"{kept.label} holds, too, and its target is as low, or lower")
        return list(least.values())

    def increase(self, case: Case) -> None:
        planned = self._planned.get(case.symbol, 0.0)
        found = increase(case, Limit(self._reductions.get(case.symbol, ()), planned, self._margin_left))
        if isinstance(found, str):
            self.skip(case, found)
            return
        self._planned[case.symbol] = planned + found.lots
        if self._margin_left is not None and case.figures.market is not None:
            self._margin_left -= found.lots * case.figures.market.margin_per_lot
        self._order(case, found)

    def _order(self, case: Case, instruction: Instruction) -> None:
        done = self._memory.get(instruction.key)
        minutes = case.rule.cooldown_minutes
        if done is not None and self._now_ms - done.last_ms < minutes * 60_000:
            self.skip(case, f"it was done less than {minutes:g} minutes ago")
            return
        self.instructions.append(instruction)


def _cases(rules: ShareRules, rule_set: RuleSet, state: State, of_held: bool) -> Iterator[Case]:
    """The rules of a set that hold or cannot be judged, symbol by symbol in the order of names."""
    if not rule_set.rules:
        return
    held = _held(rules, state)
    equity = known(state.balance * rules.virtual_equity_pct / 100)
    equity = equity if equity is not None and equity > 0 else None
    for symbol in sorted(held if of_held else state.opinions):
        if rules.symbols and not any(matches(symbol, pattern) for pattern in rules.symbols):
            continue
        figures = Figures(state, symbol, tuple(held.get(symbol, ())), rule_set.measure, equity)
        for ready in rule_set.ready:
            unknown = _unknown(ready, figures)
            if unknown is None:
                continue
            yield Case(rules, rule_set, ready, symbol, figures, unknown)
            if not unknown and rule_set.match == "first":
                break


def _held(rules: ShareRules, state: State) -> dict[str, list[Held]]:
    """The strategy's positions by symbol."""
    found: dict[str, list[Held]] = {}
    for each in state.held:
        if rules.magic is None or each.magic == rules.magic:
            found.setdefault(each.symbol, []).append(each)
    return found


def _unknown(ready: ReadyRule, figures: Figures) -> tuple[str, ...] | None:
    """None if the rule does not hold, nothing if it does; else the conditions that it hangs on without a figure."""
    unknown: tuple[str, ...] = ()
    for each in ready.all:
        figure = figures[each.key]
        if figure is None:
            unknown += (each.text,)
        elif not each.compare(figure, each.value):  # not each.holds: this runs a thousand times
            return None
    if not ready.any:
        return unknown
    undecided: tuple[str, ...] = ()
    for each in ready.any:
        figure = figures[each.key]
        if figure is None:
            undecided += (each.text,)
        elif each.compare(figure, each.value):
            return unknown
    return unknown + undecided if undecided else None
