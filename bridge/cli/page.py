"""A report's page on the console."""

from rich.console import Console

from bridge.cli.screen import NOTE, QUIET, facts, line
from bridge.cli.sheet import draw_sheet
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
                draw_sheet(console, part)
