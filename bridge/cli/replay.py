"""`lotbridge replay`: recorded ticks through the daemon's own service, and a report of what came of it."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bridge.cli import options
from bridge.cli.output import FAILURE_EXIT
from bridge.cli.progress import progress
from bridge.cli.screen import line, note, print_json, screen
from bridge.settings.defaults import Preset

if TYPE_CHECKING:
    from bridge.replay.configure import Account, Terms
    from bridge.replay.plan import Plan
    from bridge.replay.run import RunInfo
    from bridge.replay.ticks import TickSource

_FIRM, _STRATEGY = "ftmo-2step", "ma-cross"

_PACED = {
    "ticks",
    "config",
    "account",
    "firm",
    "preset",
    "balance",
    "leverage",
    "currency",
    "news",
    "out",
    "pace",
    "bind",
}
"""What `--pace` heeds."""

Engine = Literal["fast", "events"]


def replay(
    ctx: typer.Context,
    *,
    ticks: Annotated[
        Path | None,
        typer.Option(
            "--ticks",
            metavar="DIR",
            help="Recorded ticks, as `record` or `pack` wrote them. Default: the sample market (synthetic).",
            show_default=False,
        ),
    ] = None,
    symbols: Annotated[
        str | None,
        typer.Option("--symbols", metavar="NAMES", help="Only these, with commas between.", show_default=False),
    ] = None,
    signals: Annotated[
        str | None,
        typer.Option(
            "--signals",
            metavar="WHAT",
            help="FILE.csv, FILE.parquet, an example such as ma-cross:fast=10,slow=40, module:function of your own, or "
            "none. Default: ma-cross; with --targets none.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        list[Path] | None,
        typer.Option(
            "--config",
            metavar="DIR",
            help="Configuration folder; given twice, both are replayed and compared. Default: as shipped.",
            show_default=False,
        ),
    ] = None,
    account: options.Account = None,
    firm: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"Without --config: whose rules. Default: {_FIRM}.", show_default=False),
    ] = None,
    preset: Annotated[
        Preset | None,
        typer.Option(help="Without --config: the shipped policy. Default: leveraged.", show_default=False),
    ] = None,
    balance: Annotated[
        float | None,
        typer.Option(
            metavar="MONEY", min=1.0, help="Initial balance. Default: as configured, else 100000.", show_default=False
        ),
    ] = None,
    leverage: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Default: as configured, else 100.", show_default=False)
    ] = None,
    currency: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help="Account currency; the recording's tick values must be in it. Default: as configured, else USD.",
            show_default=False,
        ),
    ] = None,
    netting: Annotated[
        bool, typer.Option("--netting", help="One position for each symbol, instead of hedging.")
    ] = False,
    latency_ms: Annotated[int, typer.Option(min=0, max=60_000, help="From sending an order to its fill.")] = 100,
    slippage: Annotated[
        float, typer.Option(min=0, max=10_000, help="Points lost on every market fill and stop.")
    ] = 0.0,
    zone: Annotated[
        str,
        typer.Option(
            help="The broker's clock: UTC, new-york-close, +02:00 or Europe/Athens. Swaps and days follow it."
        ),
    ] = "UTC",
    news: Annotated[
        bool, typer.Option("--news", help="Keep the rule about news; its calendar must hold the recorded days.")
    ] = False,
    manage_every: Annotated[
        int,
        typer.Option(
            "--manage-every",
            metavar="SECONDS",
            min=0,
            max=86_400,
            help="How often the configuration's rules about open positions are asked, in market time; 0: never.",
        ),
    ] = 60,
    targets: Annotated[
        Path | None,
        typer.Option(
            "--targets",
            metavar="FILE",
            help="Begin a plan of rebalancing to the weights of this .toml or .csv file.",
            show_default=False,
        ),
    ] = None,
    rebalance_every: Annotated[
        int,
        typer.Option(
            "--rebalance-every",
            metavar="DAYS",
            min=0,
            max=3_650,
            help="With --targets: begin it anew after so many days of market time; 0: only once.",
        ),
    ] = 0,
    engine: Annotated[Engine, typer.Option(help="fast, or events: tick by tick, to check the fast one by.")] = "fast",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="New folder for the run. Default: replay-<date>-<time>.", show_default=False),
    ] = None,
    go_on: Annotated[bool, typer.Option("--continue", help="Go on with the interrupted run in --out.")] = False,
    pace: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1_000_000,
            help="Serve the recording to live EAs instead, so many times as fast as it was; 60: a minute per second.",
            show_default=False,
        ),
    ] = None,
    bind: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="With --pace: where to listen, tcp://127.0.0.1:5757 by default.", show_default=False
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Replay recorded ticks through the very same sizer: would this account have passed?

    A strategy's signals ask the daemon's own service for lots, message by message; a simulated broker fills them. The
    run's folder holds every decision and trade, a journal for `explain`, and report.html. Ends with 1 if a loss rule
    was breached. Ctrl-C stops it after the days at hand; --continue goes on from there.
    """
    # Markets, strategies and reports are not needed by the other commands.
    from bridge.interrupts import Interrupts  # noqa: PLC0415
    from bridge.replay.configure import terms_of  # noqa: PLC0415

    folders = config or []
    _check(folders, account, firm, preset, out, pace, go_on=go_on)
    _check_plan(targets, rebalance_every, manage_every)
    if currency is not None and re.fullmatch("[A-Z]{3}", currency) is None:
        raise typer.BadParameter("It must be a code of three letters, such as EUR.", param_hint="--currency")
    if balance is not None and not math.isfinite(balance):
        raise typer.BadParameter("It must be a finite number.", param_hint="--balance")
    if news and not folders:
        raise typer.BadParameter("Only with --config, whose folder holds the calendar.", param_hint="--news")
    if pace is not None:
        _check_paced(ctx)
    elif bind is not None:
        raise typer.BadParameter("Only with --pace.", param_hint="--bind")
    wanted = None if symbols is None else [name.strip() for name in symbols.split(",") if name.strip()]
    accounts = _accounts(folders, account, firm, preset, balance, news=news)
    root = out or Path(f"replay-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    if pace is not None:
        from bridge.cli.paced import serve_recording  # noqa: PLC0415
        from bridge.replay.folder import new_folder  # noqa: PLC0415

        new_folder(root)
        serve_recording(
            ticks, accounts[0], terms_of(accounts[0], currency, leverage), pace, root / "journal.sqlite", bind
        )
        return
    source = _source(ticks, wanted)
    plans = [
        _plan(
            source, each, signals, root if len(accounts) == 1 else root / "ab"[number], engine,
            terms=terms_of(each, currency, leverage), netting=netting, latency_ms=latency_ms, slippage=slippage,
            zone=zone, manage_every=manage_every, targets=targets, rebalance_every=rebalance_every,
        )
        for number, each in enumerate(accounts)
    ]  # fmt: skip
    # The first signal waits for the end of the days at hand; a strategy that never returns is ended by a second one.
    with Interrupts(insisting=True) as interrupts:
        interrupts.held = True
        infos = []
        for plan in plans:
            # Of two runs the second may not have begun when the first was stopped.
            begun = go_on and (len(plans) == 1 or plan.out.exists())
            infos.append(_run(plan, lambda: interrupts.number is not None, go_on=begun))
            if interrupts.number is not None and (not infos[-1].complete or len(infos) < len(plans)):
                line(
                    screen(stderr=True),
                    f"Stopped. Go on with the same command and --out {root} --continue",
                    wrap=False,
                )
                raise typer.Exit(interrupts.exit_code)
    _show(plans, root, as_json=as_json)
    if any(info.result.breach is not None for info in infos):
        raise typer.Exit(FAILURE_EXIT)


def _check(
    folders: list[Path],
    account: int | None,
    firm: str | None,
    preset: Preset | None,
    out: Path | None,
    pace: float | None,
    *,
    go_on: bool,
) -> None:
    """Options that do not go together."""
    if len(folders) > 2:
        raise typer.BadParameter("At most two are compared.", param_hint="--config")
    if folders and (firm is not None or preset is not None):
        raise typer.BadParameter("The folder of --config says it; leave this out.", param_hint="--firm or --preset")
    if account is not None and not folders:
        raise typer.BadParameter("Only with --config.", param_hint="--account")
    if go_on and out is None:
        raise typer.BadParameter("Say which run with --out.", param_hint="--continue")
    if pace is not None and len(folders) > 1:
        raise typer.BadParameter("One configuration can be served.", param_hint="--pace")


def _check_plan(targets: Path | None, rebalance_every: int, manage_every: int) -> None:
    """Options about plans of rebalancing."""
    if targets is None and rebalance_every:
        raise typer.BadParameter("Only with --targets.", param_hint="--rebalance-every")
    if targets is not None and not manage_every:
        raise typer.BadParameter("A plan needs somebody who asks: not with --manage-every 0.", param_hint="--targets")


def _check_paced(context: typer.Context) -> None:
    """EAs trade themselves, on a broker of the daemon's: what is simulated here does not reach them."""
    for parameter in context.command.params:
        source = None if parameter.name in _PACED else context.get_parameter_source(str(parameter.name))
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter("Not with --pace.", param_hint=parameter.opts[0])


def _accounts(
    folders: list[Path],
    login: int | None,
    firm: str | None,
    preset: Preset | None,
    balance: float | None,
    *,
    news: bool,
) -> "list[Account]":
    from bridge.replay.configure import configured, shipped  # noqa: PLC0415

    if folders:
        return [configured(folder, login, balance, news=news) for folder in folders]
    return [shipped(firm or _FIRM, preset or "leveraged", balance)]


def _source(ticks: Path | None, symbols: list[str] | None) -> "TickSource":
    from bridge.market.files import selected  # noqa: PLC0415
    from bridge.market.store import sample_market  # noqa: PLC0415
    from bridge.replay.ticks import open_source, source_of  # noqa: PLC0415

    if ticks is None:
        return source_of(selected(sample_market(progress=note), Path("the sample market"), symbols))
    source = open_source(ticks, symbols)
    for each in source.notes:
        note(each)
    return source


def _plan(
    source: "TickSource",
    account: "Account",
    signals: str | None,
    out: Path,
    engine: Engine,
    *,
    terms: "Terms",
    netting: bool,
    latency_ms: int,
    slippage: float,
    zone: str,
    manage_every: int,
    targets: Path | None,
    rebalance_every: int,
) -> "Plan":
    from bridge.market.broker_zone import zone_of  # noqa: PLC0415
    from bridge.replay.load import NOTHING, left_out, load_strategy, strategy_text, unheard  # noqa: PLC0415
    from bridge.replay.plan import BrokerWish, Plan  # noqa: PLC0415
    from bridge.replay.rebalancing import read_rebalancing  # noqa: PLC0415

    try:
        zone_of(zone)
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint="--zone") from None
    if signals is None:
        signals = _STRATEGY if targets is None else NOTHING
    strategy = load_strategy(signals)
    notes = (*account.notes, *([terms.note] if terms.note else []), *left_out(strategy, source))
    plan = Plan(
        name=f"{source.name}, {account.settings.firm.title}{account.told}",
        source=source,
        strategy=strategy,
        settings=account.settings,
        broker=BrokerWish(
            balance=account.balance,
            currency=terms.currency,
            leverage=terms.leverage,
            hedging=not netting,
            latency_ms=latency_ms,
            slippage_points=slippage,
            zone=zone,
        ),
        out=out,
        engine=engine,
        preset=account.preset,
        notes=notes,
        said=strategy_text(signals),
        manage_every_s=manage_every,
        rebalancing=None if targets is None else read_rebalancing(targets, rebalance_every, source, account.settings),
    )
    if not plan.manages:
        plan = replace(plan, notes=(*notes, *unheard(strategy)))
    for each in plan.notes:
        note(each)
    return plan


def _run(plan: "Plan", stopped: Callable[[], bool], *, go_on: bool) -> "RunInfo":
    from bridge.replay.engine import Replay  # noqa: PLC0415

    return Replay(plan, stop=stopped, tell=progress(5.0)).play(go_on=go_on)


def _show(plans: "list[Plan]", root: Path, *, as_json: bool) -> None:
    """The report beside the run, and its summary."""
    from bridge.replay.report.figures import figures_of  # noqa: PLC0415
    from bridge.replay.report.files import write_report  # noqa: PLC0415
    from bridge.replay.report.summary import summary_lines  # noqa: PLC0415
    from bridge.replay.run import read_run  # noqa: PLC0415

    runs = [read_run(plan.out) for plan in plans]
    page = root / "report.html"
    write_report(runs, page)
    if as_json:
        figures = [figures_of(each) for each in runs]
        print_json(figures[0] if len(figures) == 1 else figures)
        return
    console = screen()
    for each in runs:
        for text in summary_lines(each):
            line(console, text, wrap=False)
        line(console)
    line(console, f"Report: {page}", wrap=False)
