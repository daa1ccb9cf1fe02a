"""`lotbridge audit`: forecasts of the tail against what happened."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import folders, options
from bridge.cli.folders import find_config, settings_of
from bridge.cli.page import draw_page
from bridge.cli.report_options import BarsFile, PlotFile, account_for_file
from bridge.cli.sample import sample_account
from bridge.cli.screen import print_json, screen
from bridge.journal.reader import JournalReader
from bridge.report.audit import history_audit, journal_audit
from bridge.report.audit_page import audit_page
from bridge.report.audit_report import Audited
from bridge.report.bars_file import read_bars
from bridge.report.picture import demand_place, save
from bridge.settings import AccountSettings, Settings, load
from sizing.policy import Policy


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
    folder = find_config(config)
    settings = None if folder is None else load(folder)
    if bars is None:
        report, series = _from_journal(settings, journal, account, symbol)
    else:
        policy = account_for_file(settings, account).policy
        report, series = history_audit(bars.name, read_bars(bars, symbol or bars.stem), policy, symbol)
    page = audit_page(report)
    if plot is not None:
        from bridge.report.audit_plot import draw_audit  # noqa: PLC0415 - needs the extra `plot`

        save(plot, draw_audit(report, series), page)
    if as_json:
        print_json(report)
    else:
        draw_page(screen(), page)


def _from_journal(settings: Settings | None, journal: Path | None, login: int | None, symbol: str | None) -> Audited:
    path, accounts = _journal(settings, journal)
    with closing(JournalReader(path)) as reader:
        policies = {each.login: each.policy for each in accounts}
        return journal_audit(path.name, reader.changes(login), policies, Policy(), symbol)


def _journal(settings: Settings | None, given: Path | None) -> tuple[Path, tuple[AccountSettings, ...]]:
    """The journal that was named, else the configured one, else the sample's; and the accounts that may be in it."""
    if settings is None and given is None and not folders.sample_journal().is_file():
        settings = settings_of(None)  # says what is missing
    accounts = (sample_account(),) if settings is None else settings.accounts
    if given is not None:
        return given, accounts
    return (folders.sample_journal() if settings is None else settings.journal.path), accounts
