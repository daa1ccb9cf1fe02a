"""`lotbridge size`: one question to a running daemon."""

from typing import Annotated, Literal

import typer
from rich.console import Console

from bridge.cli import options
from bridge.cli.connection import connected
from bridge.cli.screen import QUIET, line, print_json, screen, utc
from bridge.cli.waterfall import draw
from bridge.protocol.messages import SizeReply
from sizing.snapshot import OrderKind, Regime, Side


def size(
    *,
    symbol: Annotated[str, typer.Argument(help="The broker's name, as in Market Watch.", show_default=False)],
    side: Annotated[Side, typer.Argument(case_sensitive=False, help="Which way.", show_default=False)],
    stop: Annotated[
        float | None,
        typer.Option(help="Price of the stop. Without it the policy's ATR stop is asked for.", show_default=False),
    ] = None,
    target: Annotated[float | None, typer.Option(help="Price of the target.", show_default=False)] = None,
    entry: Annotated[
        float | None, typer.Option(help="Price of the entry. Default: the current quote.", show_default=False)
    ] = None,
    confidence: Annotated[
        float | None, typer.Option(help="How sure the strategy is, in percent, 0 to 100.", show_default=False)
    ] = None,
    market_score: Annotated[
        float | None, typer.Option(help="How good the market is for it, 0 to 100.", show_default=False)
    ] = None,
    regime: Annotated[
        Regime | None,
        typer.Option(case_sensitive=False, help="The market's state. Default: classified.", show_default=False),
    ] = None,
    max_lots: Annotated[float | None, typer.Option(help="At most so many lots.", show_default=False)] = None,
    max_risk_pct: Annotated[
        float | None, typer.Option(help="At most so many percent of equity at risk.", show_default=False)
    ] = None,
    order: Annotated[
        OrderKind, typer.Option(case_sensitive=False, help="A market order, or one that waits for its price.")
    ] = "market",
    reserve: Annotated[
        bool,
        typer.Option(
            "--reserve/--dry-run",
            help="Set the risk aside for a trade you are about to make, or only look.",
        ),
    ] = False,
    account: options.Account = None,
    address: options.Address = None,
    config: options.Config = None,
    key: options.KeyFile = None,
    server_key: options.ServerKey = None,
    user: options.User = None,
    password: options.Password = None,
    as_json: options.Json = False,
) -> None:
    """Ask a running daemon how many lots a trade may have, and see why.

    This is a dry run unless you say --reserve: nothing is set aside, and nothing is ever traded.
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
        reply = client.size(
            symbol,
            side,
            stop_loss=stop,
            take_profit=target,
            entry=entry,
            confidence=confidence,
            market_score=market_score,
            regime=regime,
            max_lots=max_lots,
            max_risk_pct=max_risk_pct,
            order=order,
            dry_run=not reserve,
        )
    if as_json:
        print_json(reply)
        return
    console = screen()
    draw(console, symbol, side, reply)
    _footer(console, reply, "reserve" if reserve else "dry run")


def _footer(console: Console, reply: SizeReply, mode: Literal["reserve", "dry run"]) -> None:
    """What was reserved, and where the decision can be looked up."""
    if reply.reservation is not None and reply.expires_ms is not None:
        line(
            console, f"Reserved as {reply.reservation} until {utc(reply.expires_ms)}, unless it is filled or released."
        )
    elif mode == "dry run":
        line(console, "A dry run: nothing is reserved. Add --reserve to set the risk aside.", QUIET)
    else:
        line(console, "Nothing is reserved.", QUIET)
    if reply.decision is not None:
        line(console, f"Decision {reply.decision}; see it again with: lotbridge explain {reply.decision}", QUIET)
