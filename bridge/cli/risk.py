"""`lotbridge risk`: what a stop trade on a symbol loses in its worst days, from data."""

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from bridge.cli import options
from bridge.cli.folders import CONFIG_FILE, find_config
from bridge.cli.page import draw_page
from bridge.cli.report_options import BarsFile, PlotFile, account_for_file
from bridge.cli.sample import SAMPLE_LOGIN, sample_account
from bridge.cli.screen import note, print_json, screen
from bridge.report.picture import demand_place, save
from bridge.report.risk import Wish, risk_of
from bridge.report.risk_page import risk_page
from bridge.report.sources import NothingKeptError, Source, from_daemon, from_file, from_sample
from bridge.settings import load


def risk(
    *,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="As the broker calls it, such as EURUSD.")],
    side: Annotated[
        Literal["buy", "sell"] | None,
        typer.Option(case_sensitive=False, help="Only this side. Default: both.", show_default=False),
    ] = None,
    stop: Annotated[
        float | None,
        typer.Option(
            metavar="DISTANCE",
            help="Distance of the stop, in price. Default: the policy's multiple of the daily ATR, not of the EA's.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=250, help="Daily bars a trade lives. Default: the policy's.", show_default=False
        ),
    ] = None,
    bars: BarsFile = None,
    account: options.Account = None,
    config: options.Config = None,
    plot: PlotFile = None,
    as_json: options.Json = False,
) -> None:
    """Show what a stop trade on a symbol loses in its worst days: measured, with its uncertainty.

    The bars are those of a file, else those that the daemon keeps, else the sample market's, which is synthetic. A file
    that names no symbol is taken to hold SYMBOL.
    """
    if stop is not None and not (math.isfinite(stop) and stop > 0):
        raise typer.BadParameter("It must be a finite number above 0.", param_hint="--stop")
    if plot is not None:
        demand_place(plot)
    source = _source(symbol, bars, config, account)
    for text in source.notes:
        note(text)
    report, series = risk_of(source, Wish(symbol, side, stop, days))
    page = risk_page(report)
    if plot is not None:
        from bridge.report.risk_plot import draw_risk  # noqa: PLC0415 - needs the extra `plot`

        save(plot, draw_risk(report, series), page)
        note(f"Drawn: {plot}")
    if as_json:
        print_json(report)
    else:
        draw_page(screen(), page)


def _source(symbol: str, bars: Path | None, config: Path | None, login: int | None) -> Source:
    folder = find_config(config)
    settings = None if folder is None else load(folder)
    if bars is not None:
        return from_file(bars, symbol, account_for_file(settings, login))
    if settings is None:
        if login not in (None, SAMPLE_LOGIN):
            raise typer.BadParameter(f"Without a configuration there is only {SAMPLE_LOGIN}.", param_hint="--account")
        return _sample()
    try:
        return from_daemon(settings, symbol, login)
    except NothingKeptError:
        if config is not None or login not in (None, SAMPLE_LOGIN):
            raise
    note(f"The daemon of {folder}/{CONFIG_FILE} has kept no bars yet: these are the sample market's.")
    return _sample()


def _sample() -> Source:
    return from_sample(sample_account(), note)
