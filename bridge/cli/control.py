"""`lotbridge halt`, `lotbridge resume` and `lotbridge anchor set`: what a person may change while the daemon runs.

None of them asks back, so that scripts can call them; each says what holds after it.
"""

from typing import Annotated

import typer
from rich.console import Console

from bridge.cli import options
from bridge.cli.connection import connected
from bridge.cli.holding import REASONED, breach_text, halt_text, printable, recovery_text, why_halted
from bridge.cli.moments import until_here
from bridge.cli.screen import BAD, GOOD, NOTE, QUIET, line, money, print_json, screen
from bridge.client import Client
from bridge.protocol.codes import CODES
from bridge.protocol.messages import AnchorReply, HaltReply, RuleDetail

Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the journal, the log and whoever looks next.")]

anchor = typer.Typer(
    no_args_is_help=True,
    help="Say what a loss rule counts from, where the daemon cannot know it.",
    context_settings={"help_option_names": ["--help", "-h"]},
)


def halt(
    *,
    reason: Reason = "by hand",
    minutes: Annotated[
        int | None,
        typer.Option(min=1, max=525_600, help="For so many minutes. Default: until it is lifted.", show_default=False),
    ] = None,
    until_reset: Annotated[bool, typer.Option("--until-reset", help="Until the firm's next day begins.")] = False,
    account: options.Account = None,
    address: options.Address = None,
    config: options.Config = None,
    key: options.KeyFile = None,
    server_key: options.ServerKey = None,
    user: options.User = None,
    password: options.Password = None,
    as_json: options.Json = False,
) -> None:
    """Stop entries: every question is answered with 0 lots. Nothing that is open is touched."""
    if minutes is not None and until_reset:
        raise typer.BadParameter("give one of the two.", param_hint="'--minutes' / '--until-reset'")
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
        reply = client.halt(reason=reason, minutes=minutes, until_reset=until_reset)
    if as_json:
        print_json(reply)
    else:
        _draw_halt(screen(), reply)


def resume(
    *,
    reason: Reason = "by hand",
    factor: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Multiply sizes by this for some days. Default: as the policy says.", show_default=False
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, max=365, help="For so many days. Default: as the policy says.", show_default=False),
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
    """Lift every halt, and size smaller for some days after losses.

    What a halt stood for may halt again at once: a rule that is still breached does.
    """
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
        reply = client.resume(reason=reason, factor=factor, days=days)
        if as_json:
            print_json(reply)
            return
        console = screen()
        _draw_resume(console, reply)
        _draw_verdict(console, client)


@anchor.command("set")
def anchor_set(
    *,
    rule: Annotated[
        str, typer.Argument(metavar="RULE", help="Name of the rule, as `lotbridge rules` shows it.", show_default=False)
    ],
    value: Annotated[
        float, typer.Argument(metavar="VALUE", help="What it counts from, in account currency.", show_default=False)
    ],
    reason: Reason = "by hand",
    force: Annotated[bool, typer.Option("--force", help="Also where the daemon knows of a higher figure.")] = False,
    account: options.Account = None,
    address: options.Address = None,
    config: options.Config = None,
    key: options.KeyFile = None,
    server_key: options.ServerKey = None,
    user: options.User = None,
    password: options.Password = None,
    as_json: options.Json = False,
) -> None:
    """Set what a loss rule counts from: the figure that the firm's own dashboard shows.

    A figure that is too low leaves more room than the firm does.
    """
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
        reply = client.set_anchor(rule, value, reason=reason, force=force)
    if as_json:
        print_json(reply)
    else:
        _draw_anchor(screen(), reply)


def _draw_halt(console: Console, reply: HaltReply) -> None:
    *others, latest = reply.halts
    if latest.until_ms is None:
        line(console, "Halted: no entries until `lotbridge resume` lifts it.", f"bold {NOTE}")
    else:
        line(console, f"Halted: no entries until {until_here(latest.until_ms, reply.server_ms)}.", f"bold {NOTE}")
    line(console, f"Reason: {printable(latest.reason)}. What is open stays open.")
    for each in others:
        line(console, f"And from before: {halt_text(each, reply.server_ms)}")


def _draw_resume(console: Console, reply: HaltReply) -> None:
    if reply.halts:
        line(console, "A pause of the firm's own stays until its time:", f"bold {NOTE}")
        for each in reply.halts:
            line(console, halt_text(each, reply.server_ms))
        return
    line(console, "Every halt is lifted.", f"bold {GOOD}")
    if reply.recovery is None or reply.recovery.factor == 1:
        line(console, "Sizes are whole.")
    else:
        line(console, f"For now: {recovery_text(reply.recovery, reply.server_ms)}.", NOTE)


def _draw_verdict(console: Console, client: Client) -> None:
    """Whether the account is halted again at once."""
    status = client.status()
    if status.halted is None:
        line(console, f"Account {status.account} may trade.")
        return
    line(console, f"But account {status.account} may not trade: {status.halted}.", BAD)
    if status.halted in REASONED:
        found = client.rules()
        for why in why_halted(status.halted, found.halts, found.rules, found.server_ms):
            line(console, why, BAD)
        for rule in found.rules:
            if rule.breached:
                line(console, breach_text(rule), BAD)
    line(console, f"What to do: {CODES.get(status.halted, 'see the daemon log')}", BAD)


def _draw_anchor(console: Console, reply: AnchorReply) -> None:
    rule = reply.rule
    if rule.anchor is None or rule.headroom is None or rule.used_percent is None:
        line(
            console, f"The anchor of {rule.name} is set, but {printable(rule.missing or 'it does not count yet')}", BAD
        )
        return
    line(console, f"{rule.name} counts from {money(rule.anchor)} now.", f"bold {GOOD}")
    figures = (
        f"Floor {money(rule.floor)}, headroom {money(rule.headroom)} ({rule.used_percent:.1f} % used){_after(rule)}."
    )
    line(console, figures, BAD if rule.headroom <= 0 else "")
    if rule.breached:
        line(console, breach_text(rule), BAD)
    line(console, "Compare the floor with the one that your firm shows.", QUIET)


def _after(rule: RuleDetail) -> str:
    later = rule.headroom_after_reset
    return (
        "" if later is None or rule.headroom is None or later >= rule.headroom else f", {money(later)} after the reset"
    )
