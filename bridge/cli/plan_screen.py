"""A rebalancing plan on the console."""

from rich.console import Console
from rich.text import Text

from bridge.cli.holding import printable
from bridge.cli.last_column import fits
from bridge.cli.positions_figures import cents
from bridge.cli.screen import BAD, GOOD, NOTE, duration, facts, line, lots_of, money, table
from bridge.protocol.messages import PlanInfo, PlanLineInfo

ENDED = ("done", "failed", "cancelled")
"""Phases in which a plan orders nothing more."""
_STYLES = {"done": GOOD, "failed": BAD, "cancelled": NOTE}
_NONE = "-"
_LEAST_NOTE = 24
"""Columns of the console that a note must have."""


def draw_plan(console: Console, plan: PlanInfo, now_ms: int) -> None:
    """Where it stands, what it wants, and what it has come to."""
    why = f": {printable(plan.why)}" if plan.why else ""
    begun = f"begun {duration(max(0, now_ms - plan.created_ms))} ago"
    style = _STYLES.get(plan.phase, "")
    line(console, f"Plan {printable(plan.id)}: {printable(plan.phase)}, {begun}{why}", f"bold {style}".rstrip())
    for violation in plan.violations:
        line(console, f"Still beyond its limit: {printable(violation)}", BAD)
    rows = [("instructions", f"{plan.in_play} in play, {plan.past} ended"), ("traded today", money(plan.turnover))]
    if plan.untracked_pct is not None:
        rows.append(("not reached", f"{plan.untracked_pct:.2f} % of equity"))
    if plan.tracking_error_pct is not None:
        rows.append(("tracking error", f"{plan.tracking_error_pct:.2f} % a day"))
    facts(console, rows)
    if plan.lines:
        _lines(console, plan.lines)


def _lines(console: Console, wanted: list[PlanLineInfo]) -> None:
    right = ("weight %", "fitted %", "lots\nwanted", "lots\nnow")
    made = table(console, "symbol", *right, "note", right=right)
    for each in wanted:
        figures = (_percent(each.weight), _percent(each.fitted), _lots(each.lots), _lots(each.shown))
        made.add_row(Text(printable(each.symbol)), *figures, Text(printable(each.note), style=NOTE))
    if fits(console, made, _LEAST_NOTE):
        line(console)
        console.print(made)
        return
    for each in wanted:
        _block(console, each)


def _block(console: Console, each: PlanLineInfo) -> None:
    line(console)
    line(console, printable(each.symbol), "bold")
    fitted = "not fitted yet" if each.fitted is None else f"fitted {_percent(each.fitted)} %"
    line(console, f"weight {_percent(each.weight)} %, {fitted}")
    line(console, f"lots wanted {_lots(each.lots)}, now {_lots(each.shown)}")
    if each.note:
        line(console, printable(each.note), NOTE)


def _percent(weight: float | None) -> str:
    return _NONE if weight is None else f"{cents(weight * 100):.2f}"


def _lots(lots: float | None) -> str:
    """Net lots; a sign says short."""
    return _NONE if lots is None else f"{'-' * (lots < 0)}{lots_of(abs(lots))}"
