"""`lotbridge audit`: forecasts of the tail against what happened."""

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.folders import find_config
from bridge.cli.journals import find_journal, opened
from bridge.cli.page import draw_page
from bridge.cli.report_options import BarsFile, PlotFile, account_for_file
from bridge.cli.sample import sample_account
from bridge.cli.screen import note, print_json, screen
from bridge.report.audit import history_audit, journal_audit
from bridge.report.audit_page import audit_page
from bridge.report.audit_report import Audited
from bridge.report.bars_file import read_bars
from bridge.report.picture import demand_place, save
from bridge.settings import AccountSettings, Settings, load
from sizing.policy import Policy

_MANY = 50
"""Symbols, of which each takes a tenth of a second and more."""


def audit(
    *,
    symbol: Annotated[
        str | None,
        typer.Option("--symbol", metavar="SYMBOL", help="Only this symbol. Default: all.", show_default=False),
    ] = None,
    bars: BarsFile = None,
    account: options.Account = None,
    config: options.Config = None,
    journal: options.JournalFile = None,
    plot: PlotFile = None,
    as_json: options.Json = False,
) -> None:
    """Compare what was forecast of losses with what was lost, and say whether the model holds.

    Reads the journal beside a running daemon; nothing is asked or changed. With --bars every day of a file is forecast
    from the days before it instead, long and short, without a stop and with one.
    """
    if bars is not None and journal is not None:
        raise typer.BadParameter("Either --bars or --journal, not both.", param_hint="--bars")
    if plot is not None:
        demand_place(plot)
    if bars is None:
        report, series = _from_journal(config, journal, account, symbol)
    else:
        report, series = _from_history(config, bars, account, symbol)
    page = audit_page(report)
    if plot is not None:
        from bridge.report.audit_plot import draw_audit  # noqa: PLC0415 - needs the extra `plot`

        save(plot, draw_audit(report, series), page)
        note(f"Drawn: {plot}")
    if as_json:
        print_json(report)
    else:
        draw_page(screen(), page)


def _from_journal(config: Path | None, named: Path | None, login: int | None, symbol: str | None) -> Audited:
    path, accounts = find_journal(config) if named is None else (named, _accounts(config))
    policies = {each.login: each.policy for each in accounts}
    with opened(path, named=named is not None) as reader:
        return journal_audit(path.name, reader.changes(login), policies, Policy(), symbol)


def _accounts(config: Path | None) -> tuple[AccountSettings, ...]:
    """Those that may be in a journal that was named."""
    settings = _settings(config)
    return (sample_account(),) if settings is None else settings.accounts


def _from_history(config: Path | None, bars: Path, login: int | None, symbol: str | None) -> Audited:
    policy = account_for_file(_settings(config), login).policy
    return history_audit(bars.name, read_bars(bars, symbol or bars.stem), policy, symbol, _progress)


def _progress(done: int, symbols: int) -> None:
    if symbols > _MANY and done % _MANY == 0:
        note(f"Replaying: {done} of {symbols} symbols")


def _settings(config: Path | None) -> Settings | None:
    folder = find_config(config)
    return None if folder is None else load(folder)
