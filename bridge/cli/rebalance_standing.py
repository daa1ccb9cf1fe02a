"""Why a plan that runs may stand still, as far as the daemon's replies show it."""

from collections.abc import Sequence

from rich.console import Console

from bridge.cli.holding import printable
from bridge.cli.plan_screen import ENDED
from bridge.cli.positions_past import draw_past
from bridge.cli.screen import BAD, NOTE, duration, line
from bridge.protocol.codes import CODES
from bridge.protocol.messages import PlanInfo, PositionsReply
from sizing.positions.rebalance.step import EMERGENCY, RULE

HISTORY = 500
"""Ended instructions that are to be asked for."""
_QUIET_MS = 60_000
_SYMBOLS_SHOWN = 10


def draw_standing(console: Console, reply: PositionsReply, halted: str | None, why: Sequence[str] = ()) -> None:
    """What holds the plan of a reply with history. `halted` is status's code, `why` what stands behind it."""
    plan = reply.plan
    if plan is None or plan.phase in ENDED:
        return
    if halted is not None:
        line(console)
        line(console, _halted(halted), BAD)
        for each in why:
            line(console, each, BAD)
        line(console, f"What to do: {CODES.get(halted, 'see the daemon log')}", BAD)
    _in_play(console, plan, reply)
    quiet_ms = reply.server_ms - _fetched_ms(plan, reply)
    if quiet_ms > _QUIET_MS:
        line(console)
        line(
            console,
            f"No instruction of the plan was fetched for {duration(quiet_ms)}. It goes on only as an EA asks `manage` "
            f"for its symbols: does one run for {_names([each.symbol for each in plan.lines])}? "
            "If so, the replies to it say what was skipped, and why.",
            NOTE,
        )


def _halted(code: str) -> str:
    match code:
        case "terminal_unavailable":
            return f"The terminal does not answer ({code}): until it does, the plan orders nothing."
        case "stale_account":
            return (
                f"Entries are refused now ({code}): the plan adds nothing, and as long as the terminal's report is too "
                "old it reduces nothing either."
            )
        case _:
            return f"Entries are refused now ({code}): the plan adds nothing, reductions go on."


def _in_play(console: Console, plan: PlanInfo, reply: PositionsReply) -> None:
    own = [each for each in reply.pending if each.rule in (RULE, EMERGENCY)]
    named = {each.symbol for each in plan.lines}
    others = sorted({
        each.symbol
        for each in reply.pending
        if each not in own and each.symbol in named and each.kind not in ("modify_stop", "cancel")
    })  # fmt: skip
    if others:
        line(console)
        line(console, f"The plan waits: other instructions are in play in {_names(others)}.", NOTE)
    if own:
        line(console)
        line(console, f"An EA was given, and the terminal has not shown the end of: {len(own)}", "bold")
        draw_past(console, own, reply.server_ms)
    if (rest := plan.in_play - len(own)) > 0:
        line(console)
        line(console, f"In play, but with no EA: {rest}. Not fetched yet, or ended since the plan last went on.", NOTE)


def _fetched_ms(plan: PlanInfo, reply: PositionsReply) -> int:
    """When an EA last fetched an instruction of the plan; when it began where no reply shows one."""
    told = [*reply.pending, *reply.history]
    own = [each.given_ms for each in told if each.rule in (RULE, EMERGENCY)]
    past = [each.given_ms for each in reply.history]
    if len(past) >= HISTORY and min(past) >= plan.created_ms:
        own.append(max(past))  # what of the plan has ended before these is not shown
    return max([plan.created_ms, *own])


def _names(symbols: Sequence[str]) -> str:
    more = len(symbols) - _SYMBOLS_SHOWN
    shown = ", ".join(printable(each) for each in symbols[:_SYMBOLS_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown
