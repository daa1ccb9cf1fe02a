"""Options of the commands that make reports, and whose policy holds where there is no configuration."""

from pathlib import Path
from typing import Annotated

import typer

from bridge.report.sources import account_of
from bridge.settings import AccountSettings, Settings, defaults_folder, load

BarsFile = Annotated[
    Path | None,
    typer.Option(
        "--bars",
        metavar="FILE",
        help="Daily bars, .csv or .parquet: time, open, high, low, close (or bo, bh, bl, bc), and symbol if several.",
        show_default=False,
    ),
]
PlotFile = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", help="Draw it too: .png, .svg or .html.", show_default=False),
]


def account_for_file(settings: Settings | None, login: int | None) -> AccountSettings:
    """By whose policy and symbol table a file is looked at: a configured account, else what `init` writes."""
    if settings is not None:
        return account_of(settings, login)
    if login is not None:
        raise typer.BadParameter("There is no configuration, so there are no accounts.", param_hint="--account")
    return load(defaults_folder()).accounts[0]
