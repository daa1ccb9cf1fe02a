"""Drawing a size reply: the headline, what scaled the risk, what limited the lots, and the outcome in one sentence."""

from rich.console import Console
from rich.text import Text

from bridge.cli.screen import BAD, GOOD, NOTE, QUIET, ceiling, line, lots_of, money, prices, short_ceiling, show, table
from bridge.protocol.codes import CODES
from bridge.protocol.messages import CapInfo, FactorInfo, SizeReply

_BUDGET = "risk_budget"
_HALF = 5
"""Cells of a factor's bar on either side of 1; a cell is 0.1."""


def draw(console: Console, symbol: str, side: str, reply: SizeReply) -> None:
    """The whole answer. Whatever the daemon did not get to is left out."""
    _headline(console, symbol, side, reply)
    known = prices(("entry", reply.entry), ("stop", reply.stop_loss), ("target", reply.take_profit))
    if known:
        line(console, known)
    if reply.factors:
        _factors(console, reply.factors)
    if reply.caps:
        _budget(console, reply)
        _caps(console, reply)
    if reply.binding is not None:
        line(console, outcome(reply), "bold" if reply.code is None else BAD)


def outcome(reply: SizeReply) -> str:
    """The answer in one sentence."""
    limits = {cap.name: cap.lots for cap in reply.caps}
    parts = []
    if reply.binding is not None:
        parts.append(f"bound by {_limit(reply.binding, limits)}")
    if reply.runner_up is not None:
        parts.append(f"next {_limit(reply.runner_up, limits)}")
    if not parts:
        parts.append(reply.message or "no limit")
    return f"{lots_of(reply.lots)} lots: {', '.join(parts)}"


def _limit(name: str, limits: dict[str, float | None]) -> str:
    return f"{name} ({short_ceiling(limits.get(name))})"


def _headline(console: Console, symbol: str, side: str, reply: SizeReply) -> None:
    if reply.code is None:
        share = f"{reply.risk.percent:.2f} % of equity"
        risk = f"risk {money(reply.risk.amount, reply.risk.currency)} ({share})"
        line(console, f"{lots_of(reply.lots)} lots {side} {symbol}, {risk}", f"bold {GOOD}")
        return
    line(console, f"0 lots {side} {symbol}: {reply.code}", f"bold {BAD}")
    line(console, reply.message or "", BAD)
    if reply.code in CODES:
        line(console, f"What to do: {CODES[reply.code]}")


def _factors(console: Console, factors: list[FactorInfo]) -> None:
    made = table(console, "factor", "times", "", "why", right=("times",))
    for factor in factors:
        made.add_row(factor.name, f"{factor.value:.2f}", _bar(console, factor.value), factor.detail)
    show(console, made)


def _bar(console: Console, value: float) -> Text:
    """Left of the middle less risk, right of it more."""
    less, axis, more = ("-", "|", "+") if console.options.ascii_only else ("█", "│", "█")
    # A visible change fills a cell at least.
    cells = 0 if round(value, 2) == 1 else min(_HALF, max(1, round(abs(value - 1) * 10)))
    left, right = (cells, 0) if value < 1 else (0, cells)
    return Text.assemble(
        " " * (_HALF - left), (less * left, BAD), (axis, QUIET), (more * right, GOOD), " " * (_HALF - right)
    )


def _budget(console: Console, reply: SizeReply) -> None:
    budget = next((cap for cap in reply.caps if cap.name == _BUDGET), None)
    detail = "" if budget is None else f"{budget.detail}: "
    line(console, f"budget: {detail}{short_ceiling(reply.base_lots)} lots before the caps")


def _caps(console: Console, reply: SizeReply) -> None:
    made = table(console, "cap", "lots", "", "why", right=("lots",))
    for cap in reply.caps:
        mark, style = _mark(cap, reply)
        detail = "the budget above" if cap.name == _BUDGET else cap.detail
        made.add_row(cap.name, ceiling(cap.lots), mark, detail, style=style)
    show(console, made)


def _mark(cap: CapInfo, reply: SizeReply) -> tuple[str, str]:
    if cap.name == reply.binding:
        return "binds", f"bold {NOTE if reply.code is None else BAD}"
    if cap.name == reply.runner_up:
        return "next", "bold"
    return "", QUIET if cap.lots is None else ""
