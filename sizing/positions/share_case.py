"""One share rule at one symbol: what both kinds of actions need to know of it."""

from typing import NamedTuple

from sizing.lots import Lattice, lattice
from sizing.positions.conditions import Figure
from sizing.positions.figures import Figures, known
from sizing.positions.rulesets import ReadyRule, RuleSet, ShareRule, ShareRules
from sizing.positions.state import Held, Market

_DIGITS = 9
"""Lots are rounded so before they are floored: 0.05 computed as 0.04999999999999 is 0.05."""


class Case(NamedTuple):
    """One rule that holds for one symbol, or cannot be judged there: `unknown` are the conditions without figures."""

    rules: ShareRules
    rule_set: RuleSet
    ready: ReadyRule
    symbol: str
    figures: Figures
    unknown: tuple[str, ...]

    @property
    def rule(self) -> ShareRule:
        """The rule as written."""
        return self.ready.rule

    @property
    def label(self) -> str:
        """The rule's name with that of its file."""
        return f"{self.rules.name}/{self.rule.name}"

    def key(self, ticket: int) -> str:
        """Names what is done."""
        return f"share/{self.label}/{self.symbol}/{ticket}"

    def because(self, words: str) -> str:
        """The reason of an instruction: what is wanted, and the conditions with their figures."""
        conditions = ((each, self.figures[each.key]) for each in (*self.ready.all, *self.ready.any))
        hold = [_shown(each.text, figure) for each, figure in conditions if each.holds(figure)]
        return f"{words}: {', '.join(hold)}"


def positive(value: float | None) -> float | None:
    """The value, if it is a finite number above 0."""
    return value if (value := known(value)) is not None and value > 0 else None


def grid_of(market: Market) -> Lattice | None:
    """The symbol's lattice; None where its figures are no lattice."""
    spec = market.spec
    try:
        grid = lattice(spec.volume_min, spec.volume_max, spec.volume_step)
    except (ValueError, ArithmeticError):
        return None
    return grid if grid.max_steps >= grid.min_steps else None


def no_grid(market: Market) -> str:
    """Why nothing can be traded in steps."""
    spec = market.spec
    return f"volumes from {spec.volume_min} to {spec.volume_max} in steps of {spec.volume_step} cannot be traded"


def whole_steps(grid: Lattice, lots: float) -> int:
    """Steps in so many lots, rounded down."""
    return grid.floor(max(round(lots, _DIGITS), 0.0))


def unknown_share(case: Case) -> str:
    """Why the share is not known."""
    if case.figures.virtual_equity is None:
        balance = case.figures.state.balance
        return f"virtual equity must be greater than 0 to have shares of; the balance is {balance:.2f}"
    return f"the {case.figures.measure} of a position is not known, and so neither is the share"


def by_age(held: Held) -> tuple[int, int]:
    """Oldest first."""
    return held.opened_ms, held.ticket


def _shown(text: str, figure: Figure) -> str:
    return text if isinstance(figure, bool | str | None) else f"{text} (it is {figure:.2f})"
