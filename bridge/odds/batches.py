"""The work in fixed pieces, each with its own random numbers: whoever does them, in any order, the same comes out.

A task of the first kind lives through challenges drawn from the replay's days. One of the second kind first draws the
days themselves anew, in blocks, as often as it has groups: how far the groups differ tells what so few days can tell.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np

from bridge.odds.challenge import OUT_OF_DAYS, PASSED, Outcomes, simulate
from bridge.odds.days import Days, Floats, Ints
from bridge.odds.draw import draw_days
from sizing.prop.firm import Firm

BATCH = 2_500
"""Challenges of a task."""
GROUP = 100
"""Challenges drawn from one new draw of the days."""
Kind = Literal["odds", "source"]
_KINDS: tuple[Kind, ...] = ("odds", "source")


class Deal(NamedTuple):
    """What a challenge costs and brings, money. After passing, an account is traded for `days` under `firm`.

    If it stands at the end, `share` (0 to 1) of its profit is paid out. `refund` comes with passing.
    """

    fee: float
    refund: float
    share: float
    firm: Firm
    days: int


class Plan(NamedTuple):
    """What to simulate. `variants` are the days under each policy, as many in each; `groups` is for the source."""

    firm: Firm
    initial: float
    variants: tuple[Days, ...]
    length: int
    block: int
    seed: int
    challenges: int
    groups: int
    deal: Deal | None = None


class Task(NamedTuple):
    """One piece: `rows` challenges, the `number`th of its kind."""

    kind: Kind
    number: int
    rows: int


class Tally(NamedTuple):
    """What came of the challenges of one variant, by group (rows).

    `outcomes` counts passed, out of days, then each rule and the floating loss; `passed_by` those that passed on each
    day, 1 to `length`. `value` and `profit` hold the sum over the challenges and that of the squares.
    """

    outcomes: Ints
    passed_by: Ints
    value: Floats
    profit: Floats


def tasks_of(plan: Plan) -> list[Task]:
    """Every piece of a plan."""
    sizes: dict[Kind, int] = {"odds": plan.challenges, "source": plan.groups * GROUP}
    return [
        Task(kind, number, min(BATCH, size - first))
        for kind, size in sizes.items()
        for number, first in enumerate(range(0, size, BATCH))
    ]


def run_task(plan: Plan, task: Task) -> list[Tally]:
    """One piece, for every variant on the same draws. The answer depends on nothing but plan and task."""
    seed = np.random.SeedSequence(plan.seed, spawn_key=(_KINDS.index(task.kind), task.number))
    rng = np.random.default_rng(seed)
    groups = 1 if task.kind == "odds" else task.rows // GROUP
    days = plan.variants[0].size
    pool = np.arange(days)[np.newaxis] if task.kind == "odds" else draw_days(rng, days, plan.block, groups, days)

    def drawn(length: int) -> Ints:
        places = draw_days(rng, days, plan.block, task.rows, length)
        group = np.arange(task.rows) // (task.rows // groups)
        found: Ints = pool[group[:, np.newaxis], places]
        return found

    challenge = drawn(plan.length)
    later = None if plan.deal is None else drawn(plan.deal.days)
    return [_tally(plan, variant, challenge, later, groups) for variant in plan.variants]


def joined(parts: Iterable[Tally], *, groups: bool) -> Tally:
    """Tallies as one: with `groups` their groups one after the other, else all as one group."""
    columns = zip(*parts, strict=True)
    if groups:
        return Tally(*(np.concatenate(column) for column in columns))
    return Tally(*(np.sum(np.concatenate(column), axis=0, keepdims=True) for column in columns))


def _tally(plan: Plan, days: Days, challenge: Ints, later: Ints | None, groups: int) -> Tally:
    found = simulate(plan.firm, plan.initial, days, challenge)
    place = found.code + 2  # passed, out of days, then the rules
    kinds = len(plan.firm.rules) + 3
    group = np.arange(len(place)) // (len(place) // groups)
    passed = found.code == PASSED
    value = np.zeros(len(place)) if later is None else _values(plan, days, found, later)
    return Tally(
        _counts(group[:, np.newaxis] * kinds + place[:, np.newaxis], groups, kinds),
        _counts(group[passed] * plan.length + found.day[passed] - 1, groups, plan.length),
        _sums(group, value, groups),
        _sums(group, found.balance - plan.initial, groups),
    )


def _values(plan: Plan, days: Days, found: Outcomes, later: Ints) -> Floats:
    """What each challenge brings in the end, less its fee. Without a target there is nothing to pass: profit counts."""
    deal = plan.deal
    if deal is None:
        raise AssertionError("only a plan with a deal draws later days")
    value = np.full(len(found.code), -deal.fee)
    if plan.firm.target_pct is None:
        standing, profit = found.code == OUT_OF_DAYS, found.balance - plan.initial
        value[standing] += deal.share * np.maximum(profit[standing], 0.0)
        return value
    passed = np.flatnonzero(found.code == PASSED)
    funded = simulate(deal.firm, plan.initial, days, later[passed])
    profit = np.where(funded.code == OUT_OF_DAYS, funded.balance - plan.initial, 0.0)
    value[passed] += deal.refund + deal.share * np.maximum(profit, 0.0)
    return value


def _counts(places: Ints, groups: int, kinds: int) -> Ints:
    found: Ints = np.bincount(places.ravel(), minlength=groups * kinds).reshape(groups, kinds)
    return found


def _sums(group: Ints, values: Floats, groups: int) -> Floats:
    """Sums of values and of their squares, (groups, 2)."""
    return np.stack([np.bincount(group, each, minlength=groups) for each in (values, values**2)], axis=1)
