"""`lotbridge report`: a replay's run as one page for the browser, as figures, and as a summary."""

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.screen import line, note, print_json, screen
from bridge.replay.report.figures import figures_of
from bridge.replay.report.files import write_report
from bridge.replay.report.summary import summary_lines
from bridge.replay.run import read_run

_PAGE = "report.html"


def report(
    *,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that `replay` wrote.")],
    other: Annotated[
        Path | None, typer.Argument(metavar="OTHER", help="A second run, to compare.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The page, .html; the figures go beside it as .json. Default: report.html in RUN.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show what came of a replay: would it have passed, what bound, how near each rule came.

    Writes one HTML page that needs no network, and its figures as JSON; prints the summary. With a second run both
    stand beside each other, with the decisions that differ.
    """
    page = out or run / _PAGE
    if page.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter("It must end with .html.", param_hint="--out")
    runs = [read_run(folder) for folder in (run, other) if folder is not None]
    figures = [figures_of(each) for each in runs]
    told = figures[0] if len(figures) == 1 else figures
    beside = write_report(runs, page)
    if as_json:
        print_json(told)
        return
    for each in runs:
        for text in summary_lines(each):
            line(screen(), text, wrap=False)
        line(screen())
    note(f"Written: {page}, {beside}")
