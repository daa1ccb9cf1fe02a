"""A decision in a few lines: the headline, the budget's waterfall, the tightest ceilings, what became of it."""

import math
import textwrap

from bridge.cli.screen import lots_of, minute_utc, money, price, short_ceiling
from bridge.demo.records import Asked
from bridge.protocol.messages import FactorInfo, SizeReply
from sizing.policy import BudgetPolicy

_CEILINGS = 3
_GLUE = "\x1f"
"""Stands for a space at which a line must not break."""
_AFTER_THE_CUT = ("heat", "dispersion")
"""Factors that apply after the others' product was cut to the most it may be."""


def compact(asked: Asked, policy: BudgetPolicy, width: int) -> list[str]:
    """The lines, the headline first, the others at most so wide where their words allow it."""
    reply = asked.reply
    details = [budget(reply, policy)] if reply.factors else []
    if reply.code is not None:
        details.append(reply.message or reply.code)
    else:
        details += [tightest(reply), fate(asked)]
    wrapped = (line for detail in details for line in textwrap.wrap(detail, width, break_on_hyphens=False))
    return [headline(asked), *(line.replace(_GLUE, " ") for line in wrapped)]


def headline(asked: Asked) -> str:
    """Which trade, when, and how much."""
    reply, idea = asked.reply, asked.idea
    answer = f"0 lots: {reply.code}"
    if reply.code is None:
        risk = reply.risk
        answer = f"{lots_of(reply.lots)} lots, risk {money(risk.amount, risk.currency)} ({risk.percent:.2f} %)"
    return f"#{asked.number} {minute_utc(asked.at_ms)} {idea.symbol} {idea.side} {answer}"


def budget(reply: SizeReply, policy: BudgetPolicy) -> str:
    """The money that one trade may lose, factor by factor; those that change nothing are left out."""
    shown = [f"{factor.name} {factor.value:.2f}" for factor in reply.factors if round(factor.value, 2) != 1]
    steps = [f"base {policy.base_risk_pct:g} %", *(f"x {factor}" for factor in shown)]
    if _is_cut(reply.factors, policy):
        steps.append(f"(factors cut to {policy.max_factor_product:.2f})")
    steps.append(f"= {reply.base_lots * reply.risk.per_lot:.2f}")
    return _unbroken(steps, " ")


def _is_cut(factors: list[FactorInfo], policy: BudgetPolicy) -> bool:
    product = math.prod(factor.value for factor in factors if factor.name not in _AFTER_THE_CUT)
    return product > policy.max_factor_product


def tightest(reply: SizeReply) -> str:
    """The lowest ceilings, in lots."""
    limits = sorted((cap.lots, place, cap.name) for place, cap in enumerate(reply.caps) if cap.lots is not None)
    return "caps: " + _unbroken([f"{name} {short_ceiling(lots)}" for lots, _, name in limits[:_CEILINGS]], ", ")


def fate(asked: Asked) -> str:
    """What became of the lots that were promised."""
    reply, outcome = asked.reply, asked.outcome
    if outcome.kind == "released":
        return f"reserved {reply.reservation}, {outcome.state}: the broker refused, {outcome.reason}"
    if outcome.kind == "filled" and outcome.price is not None:
        return f"reserved {reply.reservation}, now {outcome.state}: ticket {outcome.ticket} at {price(outcome.price)}"
    return "nothing reserved"


def _unbroken(pieces: list[str], between: str) -> str:
    """Pieces that a line may break between, but not within."""
    return between.join(piece.replace(" ", _GLUE) for piece in pieces)
