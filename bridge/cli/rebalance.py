"""`lotbridge rebalance`: target weights for the whole portfolio: computed, begun, looked at, cancelled."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bridge.cli import options
from bridge.cli.connection import connected
from bridge.cli.holding import REASONED, printable, why_halted
from bridge.cli.plan_screen import ENDED, draw_plan
from bridge.cli.rebalance_compute import compute
from bridge.cli.rebalance_standing import HISTORY, draw_standing
from bridge.cli.screen import GOOD, NOTE, QUIET, line, print_json, screen
from bridge.cli.targets_screen import draw_targets
from bridge.client import Client
from bridge.protocol.messages import PositionsReply, RebalanceReply, TargetInfo
from bridge.rebalance_targets import read_targets, target_infos

Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the journal, the log and whoever looks next.")]
_WHOLE = 2**63

rebalance = typer.Typer(
    no_args_is_help=True,
    help="Bring the portfolio to target weights, step by step, inside its limits.",
    context_settings={"help_option_names": ["--help", "-h"]},
)


@rebalance.command("start")
def start(
    *,
    targets: Annotated[
        Path,
        typer.Argument(
            metavar="TARGETS",
            help=".toml or .csv: symbol, weight (share of equity, negative for short), alpha, strategy.",
            show_default=False,
        ),
    ],
    reason: Reason = "by hand",
    magic: Annotated[
        int, typer.Option(metavar="N", min=-_WHOLE, max=_WHOLE - 1, help="Magic number of the positions it opens.")
    ] = 0,
    manage_magic: Annotated[
        list[int] | None,
        typer.Option(
            "--manage-magic",
            metavar="N",
            min=-_WHOLE,
            max=_WHOLE - 1,
            help="It may move positions of this magic number; may be given several times. Default: all positions.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Start without asking.")] = False,
    account: options.Account = None,
    address: options.Address = None,
    config: options.Config = None,
    key: options.KeyFile = None,
    server_key: options.ServerKey = None,
    user: options.User = None,
    password: options.Password = None,
    as_json: options.Json = False,
) -> None:
    """Begin a plan: show the weights, ask, and start. It replaces a plan that runs.

    The EA carries the plan out; what is held and has no target is left alone.
    """
    if as_json and not yes:
        raise typer.BadParameter("Nobody can be asked with --json: add --yes.", param_hint="--json")
    wanted = target_infos(read_targets(targets))
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
        if not as_json:
            _confirm(screen(), wanted, client.positions(), manage_magic, ask=not yes)
        reply = client.rebalance(reason, wanted, magic=magic, magics=manage_magic)
    if as_json:
        print_json(reply)
    else:
        _draw_started(screen(), reply)


@rebalance.command("cancel")
def cancel(
    *,
    reason: Reason = "by hand",
    account: options.Account = None,
    address: options.Address = None,
    config: options.Config = None,
    key: options.KeyFile = None,
    server_key: options.ServerKey = None,
    user: options.User = None,
    password: options.Password = None,
    as_json: options.Json = False,
) -> None:
    """End the plan that runs: it orders nothing more. What was done stays done."""
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
        reply = client.rebalance(reason, cancel=True)
    if as_json:
        print_json(reply)
        return
    console = screen()
    line(console, "Cancelled: the plan orders nothing more. What was done stays done.", f"bold {NOTE}")
    if reply.plan is not None:
        if reply.plan.in_play:
            line(console, f"Instructions still in play, whose end the terminal will show: {reply.plan.in_play}.", NOTE)
        draw_plan(console, reply.plan, reply.server_ms)


@rebalance.command("status")
def status(
    *,
    account: options.Account = None,
    address: options.Address = None,
    config: options.Config = None,
    key: options.KeyFile = None,
    server_key: options.ServerKey = None,
    user: options.User = None,
    password: options.Password = None,
    as_json: options.Json = False,
) -> None:
    """Show the plan: its phase, each symbol's target and lots, what is in play and what it has come to."""
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
        reply = client.positions(0 if as_json else HISTORY)
        halted = None if as_json else client.status().halted
        why = _why(client, halted)
    if as_json:
        print_json({"account": reply.account, "server_ms": reply.server_ms, "plan": reply.plan})
    elif reply.plan is None:
        line(screen(), f"Account {reply.account} has no plan. `lotbridge rebalance start TARGETS` begins one.")
    else:
        console = screen()
        draw_plan(console, reply.plan, reply.server_ms)
        draw_standing(console, reply, halted, why)


def _why(client: Client, code: str | None) -> list[str]:
    """What stands behind the code with which entries are refused."""
    if code not in REASONED:
        return []
    found = client.rules()
    return why_halted(code, found.halts, found.rules, found.server_ms)


def _confirm(
    console: Console, wanted: list[TargetInfo], now: PositionsReply, magics: list[int] | None, *, ask: bool
) -> None:
    """Show what would be begun. Exits with 1 unless the answer is yes."""
    line(console, f"Account {now.account}: target weights, in percent of equity", "bold")
    draw_targets(console, wanted, now)
    if magics:
        line(console, f"It moves positions of magic {', '.join(map(str, magics))} only.")
    if now.plan is not None and now.plan.phase not in ENDED:
        line(console, f"Plan {printable(now.plan.id)} runs ({printable(now.plan.phase)}): it is replaced.", NOTE)
    if ask and not _yes():
        line(console, "Nothing was started. --yes starts without asking.", NOTE)
        raise typer.Exit(1)


def _yes() -> bool:
    try:
        return typer.confirm("Start?")
    except typer.Abort:  # nobody there to ask, or Ctrl-C
        typer.echo()
        return False


def _draw_started(console: Console, reply: RebalanceReply) -> None:
    line(console, "Started. The EA carries it out as it asks what to do.", f"bold {GOOD}")
    if reply.plan is not None:
        draw_plan(console, reply.plan, reply.server_ms)
    line(console, "`lotbridge rebalance status` shows how far it is; `lotbridge rebalance cancel` ends it.", QUIET)


rebalance.command("compute")(compute)
