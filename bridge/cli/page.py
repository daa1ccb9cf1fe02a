"""A report's page on the console."""

from rich.console import Console

from bridge.cli.screen import NOTE, QUIET, facts, line, show, table
from bridge.report.page import Facts, Page, Sheet, Text

_STYLES = {"plain": "", "strong": "bold", "warning": f"bold {NOTE}", "quiet": QUIET}


def draw_page(console: Console, page: Page) -> None:
    """All of a page, top to bottom."""
    line(console, page.title, "bold")
    for part in page.parts:
        match part:
            case Text(text, kind):
                line(console, text, _STYLES[kind])
            case Facts(rows):
                facts(console, list(rows))
            case Sheet():
                _draw_sheet(console, part)


def _draw_sheet(console: Console, sheet: Sheet) -> None:
    made = table(console, *sheet.columns)
    for place in sheet.right:
        made.columns[place].justify = "right"
    for place in {0, *sheet.right}:  # names and numbers stay whole; words may wrap
        made.columns[place].no_wrap = True
    made.title, made.title_justify, made.title_style = sheet.title, "left", "bold"
    for row in sheet.rows:
        made.add_row(*row)
    show(console, made)
