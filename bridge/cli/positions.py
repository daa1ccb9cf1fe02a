"""`lotbridge positions`: what is open, what was done with it, and what is being done."""

import math
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from bridge.cli import options
from bridge.cli.connection import connected
from bridge.cli.holding import printable
from bridge.cli.plan_screen import draw_plan
from bridge.cli.positions_figures import cents
from bridge.cli.positions_past import attribution, draw_past
from bridge.cli.positions_table import held_table
from bridge.cli.screen import BAD, NOTE, QUIET, facts, line, money, print_json, screen
from bridge.cli.watching import Watch
from bridge.protocol.messages import PortfolioInfo, PositionsReply

_HISTORY = 20
_MOST_HISTORY = 500


def positions(
    count: Annotated[
        int | None,
        typer.Argument(
            metavar="N",
            min=1,
            max=_MOST_HISTORY,
            help=f"With --history: so many instructions. Default: {_HISTORY}.",
            show_default=False,
        ),
    ] = None,
    *,
    history: Annotated[
        bool, typer.Option("--history", help="Also what was told, why, what came of it, and who earned what.")
    ] = False,
    watch: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", min=0.2, max=3600, help="Draw it anew every so often, until Ctrl-C.", show_default=False
        ),
    ] = None,
    account: options.Account = None,
    address: options.Address = None,
    config: options.Config = None,
    key: options.KeyFile = None,
    server_key: options.ServerKey = None,
    user: options.User = None,
    password: options.Password = None,
    as_json: options.Json = False,
) -> None:
    """Show every open position: profit, age, share, risk, stop and what was done; then limits, plan, instructions."""
    if count is not None and not history:
        raise typer.BadParameter("is for --history: `positions --history 50`.", param_hint="N")
    if watch is not None and as_json:
        raise typer.BadParameter("give one of the two.", param_hint="'--watch' / '--json'")
    past = (count or _HISTORY) if history else 0
    with connected(
        config=config,
        address=address,
        account=account,
        as_json=as_json,
        key=key,
        server_key=server_key,
        user=user,
        password=password,
    ) as client:
        if watch is not None:
            Watch(screen(), lambda: client.positions(past), partial(draw_positions, history=history), watch).run()
            return
        reply = client.positions(past)
    if as_json:
        print_json(reply)
    else:
        draw_positions(screen(), reply, history=history)


def draw_positions(console: Console, reply: PositionsReply, *, history: bool = False) -> None:
    """Everything on one screen: what is wrong first, then the sums, the plan, what is in play, the positions."""
    count = len(reply.positions)
    line(console, f"Account {reply.account}: {count or 'no'} open position{'s' * (count != 1)}", "bold")
    for problem in reply.problems:
        line(console, printable(problem), BAD)
    if reply.problems and reply.rules:
        line(console, "The rules that were read before hold on.", BAD)
    if reply.portfolio is not None:
        _warnings(console, reply.portfolio)
    facts(console, _sums(reply))
    if reply.plan is not None:
        line(console)
        draw_plan(console, reply.plan, reply.server_ms)
    if reply.pending:
        line(console)
        line(console, f"Instructions in play: {len(reply.pending)}", "bold")
        draw_past(console, reply.pending, reply.server_ms)
    if reply.positions:
        held_table(console, reply)
    if history:
        _history(console, reply)


def _warnings(console: Console, found: PortfolioInfo) -> None:
    if found.mode != "normal":
        why = f": {printable(found.reason)}" if found.reason else ""
        line(console, f"The portfolio is {printable(found.mode)}{why}", BAD if found.mode == "halted" else NOTE)
    for breach in found.breaches:
        line(console, f"Beyond its limit: {printable(breach)}", BAD)


def _sums(reply: PositionsReply) -> list[tuple[str, str]]:
    currency = reply.currency or ""
    rows = [("equity", money(reply.equity, currency)), ("balance", money(reply.balance, currency))]
    if reply.positions:
        total = cents(math.fsum(each.profit for each in reply.positions))
        rows += [("P/L", money(total, currency)), ("open risk", _risk(reply))]
    rows.append(("rules", ", ".join(map(printable, reply.rules)) or "none"))
    return rows + ([] if reply.portfolio is None else _portfolio(reply.portfolio))


def _risk(reply: PositionsReply) -> str:
    """What is lost from here at the stops; a sum without some of its parts says so."""
    known = [each.stop_risk for each in reply.positions if each.stop_risk is not None]
    bare = sum(each.stop_risk is None and each.sl is None for each in reply.positions)
    unknown = len(reply.positions) - len(known) - bare
    parts = [f"{money(math.fsum(known), reply.currency or '')} at the stops" if known else "unknown"]
    parts += [f"{bare} without a stop"] if bare else []
    return ", ".join([*parts, *([f"{unknown} whose risk is unknown"] if unknown else [])])


def _portfolio(found: PortfolioInfo) -> list[tuple[str, str]]:
    figures = (
        f"gross {_figure(found.gross)}, net {_figure(found.net)} of equity, VaR 95 {_figure(found.var_95_pct, ' %')}, "
        f"day's loss {_figure(found.drawdown_pct, ' %')}"
    )
    rows = [("portfolio", figures)]
    return rows + ([("not known", "; ".join(map(printable, found.unknown)))] if found.unknown else [])


def _figure(value: float | None, unit: str = "") -> str:
    return "unknown" if value is None else f"{cents(value):.2f}{unit}"


def _history(console: Console, reply: PositionsReply) -> None:
    line(console)
    if not reply.history:
        line(console, "No instruction has ended yet.", QUIET)
    else:
        line(console, f"Instructions that have ended, the newest first: {len(reply.history)}", "bold")
        draw_past(console, reply.history, reply.server_ms)
    attribution(console, reply)
