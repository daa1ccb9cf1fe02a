"""What the decisions forecast against what their trades lost."""

from collections import defaultdict
from typing import NamedTuple

import msgspec

from bridge.replay.run import DecisionRow, Run

_CENT = 0.01
"""By more than this a loss is beyond what was forecast: both are rounded."""


class Forecast(msgspec.Struct, frozen=True):
    """Counts of the decided trades that are closed.

    `losses` lost money; of those, so many lost more than the money at the stop, than the expected shortfall, and than
    the worst case that was reserved. `mean_excess` is the mean loss over the expected shortfall of those beyond it.
    """

    compared: int
    losses: int
    beyond_stop: int
    beyond_shortfall: int
    beyond_worst_case: int
    mean_excess: float | None


class Realised(NamedTuple):
    """A decision and the net result of the trades that came of it."""

    decision: DecisionRow
    net: float
    closed_ms: int


def realised(run: Run) -> list[Realised]:
    """Every decision that became trades, in the order of the decisions."""
    nets: defaultdict[int, float] = defaultdict(float)
    closed: dict[int, int] = {}
    for trade in run.trades:
        nets[trade.decision] += trade.net
        closed[trade.decision] = max(closed.get(trade.decision, 0), trade.closed_ms)
    return [Realised(each, nets[each.number], closed[each.number]) for each in run.decisions if each.number in closed]


def forecast_of(run: Run) -> Forecast:
    """The counts."""
    pairs = realised(run)
    beyond = [-each.net / each.decision.expected_shortfall for each in pairs if _beyond(each)]
    return Forecast(
        compared=len(pairs),
        losses=sum(each.net < 0 for each in pairs),
        beyond_stop=sum(-each.net > each.decision.risk_amount + _CENT for each in pairs if each.net < 0),
        beyond_shortfall=len(beyond),
        beyond_worst_case=sum(-each.net > each.decision.worst_case + _CENT for each in pairs if each.net < 0),
        mean_excess=sum(beyond) / len(beyond) if beyond else None,
    )


def _beyond(each: Realised) -> bool:
    return 0 < each.decision.expected_shortfall < -each.net - _CENT
