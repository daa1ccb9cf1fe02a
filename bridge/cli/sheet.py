"""A report's table on the console. Every figure stays whole: words wrap, and where that is too wide, rows stack."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console

from bridge.cli.screen import line, show, table
from bridge.report.page import Sheet

_GAP = 2
_INDENT = "  "


def draw_sheet(console: Console, sheet: Sheet) -> None:
    """A table if the console is wide enough for its figures, else each row as a few lines."""
    widths = column_widths(sheet, console.width)
    if widths is None:
        _stack(console, sheet)
        return
    made = table(console, *sheet.columns)
    for place, (column, width) in enumerate(zip(made.columns, widths, strict=True)):
        column.width, column.justify = width, "right" if place in sheet.right else "left"
    made.title, made.title_justify, made.title_style = sheet.title, "left", "bold"
    for row in sheet.rows:
        made.add_row(*row)
    show(console, made)


def column_widths(sheet: Sheet, room: int) -> list[int] | None:
    """How wide each column is drawn, the widest texts wrapped first; None where words and figures do not fit."""
    ranges = [_range(sheet, place) for place in range(len(sheet.columns))]
    widths = [most for _, most in ranges]
    excess = sum(widths) + _GAP * (len(widths) - 1) - room
    for place in sorted(range(len(widths)), key=lambda each: ranges[each][0] - ranges[each][1]):
        cut = max(0, min(excess, widths[place] - ranges[place][0]))
        widths[place] -= cut
        excess -= cut
    return widths if excess <= 0 else None


def _range(sheet: Sheet, place: int) -> tuple[int, int]:
    """The least width of a column that cuts neither word nor number, and the width that wraps nothing."""
    name, cells = sheet.columns[place], [row[place] for row in sheet.rows]
    whole = cells if place in sheet.right else [word for cell in cells for word in cell.split()]
    return _longest([*name.split(), *whole]), _longest([name, *cells])


def _longest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts), default=1) or 1


def _stack(console: Console, sheet: Sheet) -> None:
    console.print()
    line(console, sheet.title, "bold")
    for row in sheet.rows:
        line(console, row[0].strip())
        parts = (f"{name} {cell}".strip() for name, cell in zip(sheet.columns[1:], row[1:], strict=True) if cell)
        for text in _packed(parts, console.width - len(_INDENT)):
            line(console, _INDENT + text)
    console.print()


def _packed(parts: Iterator[str], room: int) -> Iterator[str]:
    """The parts in as few lines as hold them whole."""
    text = ""
    for part in parts:
        if text and cell_len(text) + len(_INDENT) + cell_len(part) > room:
            yield text
            text = ""
        text += _INDENT * bool(text) + part
    if text:
        yield text
