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
    """A decision and the net result of the trades that came of it, with what was forecast of them, money.

    On a netting account others may have added to its position: their forecasts are summed with its own.
    """

    decision: DecisionRow
    risk_amount: float
    expected_shortfall: float
    worst_case: float
    net: float
    closed_ms: int


def realised(run: Run) -> list[Realised]:
    """Every decision that opened a position of closed trades, in the order of the decisions."""
    nets: defaultdict[int, float] = defaultdict(float)
    closed: dict[int, int] = {}
    for trade in run.trades:
        nets[trade.decision] += trade.net
        closed[trade.decision] = max(closed.get(trade.decision, 0), trade.closed_ms)
    own: defaultdict[int, list[DecisionRow]] = defaultdict(list)
    holder: dict[int, DecisionRow] = {}
    for each in run.decisions:
        first = holder.get(each.ticket)
        if each.number in closed:
            first = holder[each.ticket] = each
        # One of the other side has closed some of it, or all.
        if first is not None and each.outcome == "filled" and each.side == first.side:
            own[first.number].append(each)
    return [_realised(own[number], nets[number], closed[number]) for number in own]


def forecast_of(run: Run) -> Forecast:
    """The counts."""
    pairs = realised(run)
    losses = [each for each in pairs if each.net < 0]
    beyond = [-each.net / each.expected_shortfall for each in pairs if _beyond(each)]
    return Forecast(
        compared=len(pairs),
        losses=len(losses),
        beyond_stop=sum(-each.net > each.risk_amount + _CENT for each in losses),
        beyond_shortfall=len(beyond),
        beyond_worst_case=sum(-each.net > each.worst_case + _CENT for each in losses),
        mean_excess=sum(beyond) / len(beyond) if beyond else None,
    )


def _realised(decisions: list[DecisionRow], net: float, closed_ms: int) -> Realised:
    risk, shortfall, worst = (
        sum(getattr(each, name) for each in decisions) for name in ("risk_amount", "expected_shortfall", "worst_case")
    )
    return Realised(decisions[0], risk, shortfall, worst, net, closed_ms)


def _beyond(each: Realised) -> bool:
    return 0 < each.expected_shortfall < -each.net - _CENT
