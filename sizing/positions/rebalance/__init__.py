"""Bring a portfolio to its target weights in orders that survive a restart, and watch its limits.

`step` goes on with a plan, `watch` looks at the whole portfolio, `emergency_plan` is what a breach may lead to.
"""

from sizing.positions.rebalance.given import Event, Given, Guard
from sizing.positions.rebalance.monitor import Metrics, Watched, measure, resume, watch
from sizing.positions.rebalance.plan import Line, Order, Outcome, Plan, Report, begin, cancel
from sizing.positions.rebalance.quality import Attribution, Entry, Quality, attribution, quality
from sizing.positions.rebalance.rules import Rebalance
from sizing.positions.rebalance.step import Stepped, emergency_plan, step
from sizing.positions.rebalance.targets import Target

__all__ = [
    "Attribution",
    "Entry",
    "Event",
    "Given",
    "Guard",
    "Line",
    "Metrics",
    "Order",
    "Outcome",
    "Plan",
    "Quality",
    "Rebalance",
    "Report",
    "Stepped",
    "Target",
    "Watched",
    "attribution",
    "begin",
    "cancel",
    "emergency_plan",
    "measure",
    "quality",
    "resume",
    "step",
    "watch",
]
