"""The odds as they are told: shares with two intervals, that of the simulation and that of the source."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bridge.odds.batches import GROUP, Plan, Tally, Task, joined
from bridge.odds.days import Floats, Ints
from bridge.odds.spread import Answers
from bridge.proof.floors import FLOATING
from bridge.proof.wilson import wilson

_Z = 1.959964
_TAIL = (2.5, 97.5)


class Policy(NamedTuple):
    """One point of the grid; None where nothing is limited."""

    base_risk_pct: float
    daily_stop_pct: float | None
    max_trades: int | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A share (0 to 1) or a mean, with 95 % intervals.

    `low` and `high` are the simulation's: more challenges narrow it. `source_low` and `source_high` are what comes of
    having so few days to draw from: only a longer replay narrows that; None where it was not asked for.
    """

    value: float
    low: float
    high: float
    source_low: float | None
    source_high: float | None


@dataclass(frozen=True, slots=True)
class DaysNeeded:
    """Days until a challenge was passed, of those that were, with the simulation's interval of the mean."""

    mean: float
    mean_low: float
    mean_high: float
    percent_10: int
    median: int
    percent_90: int


@dataclass(frozen=True, slots=True)
class Row:
    """One policy. `breaches` are by rule; `profit` is the mean result of a challenge, money, whatever became of it.

    `passed` is None where the firm sets no target, `value` without a fee. `passed_by` is the share by day, from 1.
    """

    base_risk_pct: float
    daily_stop_pct: float | None
    max_trades: int | None
    passed: Figure | None
    out_of_days: Figure
    breached: Figure
    breaches: dict[str, Figure]
    days_needed: DaysNeeded | None
    passed_by: list[float]
    profit: Figure
    value: Figure | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn from. `mode` is trades or paths, `block` the days of a block."""

    run: str
    synthetic: bool
    complete: bool
    breached: str | None
    """The rule that the replayed account breached: days after that are not drawn."""
    strategy: str
    trades: int
    days: int
    traded_days: int
    base_risk_pct: float
    mode: str
    block: int


@dataclass(frozen=True, slots=True)
class OddsReport:
    """What was simulated, and what came of it. Money is in the account's currency."""

    firm: str
    title: str
    currency: str
    initial_balance: float
    target_pct: float | None
    min_days: int
    days: int
    challenges: int
    resamples: int
    seed: int
    fee: float | None
    source: Drawn
    rows: list[Row]


def rows_of(plan: Plan, policies: Sequence[Policy], tasks: Sequence[Task], answers: Answers) -> list[Row]:
    """A row for every variant of the plan."""
    rows = []
    for place, policy in enumerate(policies):
        main = [answer[place] for task, answer in zip(tasks, answers, strict=True) if task.kind == "odds"]
        spread = [answer[place] for task, answer in zip(tasks, answers, strict=True) if task.kind == "source"]
        rows.append(_row(plan, policy, joined(main, groups=False), joined(spread, groups=True) if spread else None))
    return rows


def _row(plan: Plan, policy: Policy, main: Tally, spread: Tally | None) -> Row:
    counts = main.outcomes[0]
    groups = None if spread is None else spread.outcomes

    def share(*places: int) -> Figure:
        return _share(int(counts[list(places)].sum()), plan.challenges, groups, list(places))

    names = [rule.name for rule in plan.firm.rules]
    if plan.firm.limits.floating_loss_pct is not None:
        names.append(FLOATING)
    ends = [place for place, rule in enumerate(plan.firm.rules) if rule.breach == "ends"]
    ends += range(len(plan.firm.rules), len(names))
    return Row(
        *policy,
        passed=None if plan.firm.target_pct is None else share(0),
        out_of_days=share(1),
        breached=share(*range(2, len(counts))),
        breaches={names[place]: share(place + 2) for place in ends},
        days_needed=_days_needed(main.passed_by[0]),
        passed_by=(np.cumsum(main.passed_by[0]) / plan.challenges).tolist(),
        profit=_mean(main.profit, None if spread is None else spread.profit, plan.challenges, -plan.initial),
        value=None
        if plan.deal is None
        else _mean(main.value, None if spread is None else spread.value, plan.challenges, -plan.deal.fee),
    )


def _share(hits: int, trials: int, groups: Ints | None, places: list[int]) -> Figure:
    value, found = hits / trials, wilson(hits, trials)
    if groups is None:
        return Figure(value, found.low, found.high, None, None)
    shares = groups[:, places].sum(axis=1) / GROUP
    low, high = _spread(value, shares, float(np.mean(shares * (1 - shares))) / (GROUP - 1))
    return Figure(value, found.low, found.high, max(0.0, low), min(1.0, high))


def _mean(sums: Floats, groups: Floats | None, trials: int, least: float) -> Figure:
    """From sums and sums of squares, (1, 2) of all and (groups, 2); no mean can be below `least`."""
    total, squares = sums[0].tolist()
    value = total / trials
    half = _Z * math.sqrt(max(0.0, squares / trials - value**2) / trials)
    if groups is None:
        return Figure(value, value - half, value + half, None, None)
    means = groups[:, 0] / GROUP
    noise = float(np.mean(groups[:, 1] / GROUP - means**2)) / (GROUP - 1)
    source_low, source_high = _spread(value, means, noise)
    return Figure(value, value - half, value + half, max(least, source_low), source_high)


def _spread(value: float, groups: Floats, noise: float) -> tuple[float, float]:
    """Where the value may lie for what the source may have been: the groups' quantiles, drawn in by their own noise.

    Each group is a source drawn anew, seen through a few challenges; `noise` is what those few add to the variance.
    """
    total = float(np.var(groups, ddof=1)) if len(groups) > 1 else 0.0
    share = math.sqrt(max(0.0, total - noise) / total) if total > 0 else 0.0
    low, high = np.percentile(groups, _TAIL) - groups.mean()
    return min(value, value + share * float(low)), max(value, value + share * float(high))


def _days_needed(passed_by: Ints) -> DaysNeeded | None:
    count = int(passed_by.sum())
    if not count:
        return None
    days = np.arange(1, len(passed_by) + 1)
    mean = float(days @ passed_by) / count
    half = _Z * math.sqrt(max(0.0, float(days**2 @ passed_by) / count - mean**2) / count)
    reached = np.cumsum(passed_by)
    tenth, middle, most = (int(np.searchsorted(reached, share * count)) + 1 for share in (0.1, 0.5, 0.9))
    return DaysNeeded(mean, mean - half, mean + half, tenth, middle, most)
