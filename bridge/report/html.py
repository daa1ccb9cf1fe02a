"""A report as one HTML page, complete in itself."""

from collections.abc import Sequence
from html import escape

from bridge.report.page import Facts, Page, Part, Sheet, Text

_CSS = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1c1c1c; background: #fff; max-width: 62rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.35rem; } h2 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
svg { width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem .2rem 0; text-align: left; border-bottom: 1px solid #e4e4e4; }
.right { text-align: right; } .strong { font-weight: bold; } .quiet { color: #5a5a5a; }
.warning { font-weight: bold; border-left: .3rem solid #d55e00; padding-left: .6rem; }
.wide { overflow-x: auto; }
"""


def html_page(page: Page, svg: str) -> str:
    """The page with its picture, an SVG element, above the tables."""
    first = [part for part in page.parts if isinstance(part, Text) and part.kind in ("plain", "warning")]
    rest = [part for part in page.parts if part not in first]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(page.title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        f"<h1>{escape(page.title)}</h1>\n{_all(first)}\n{svg}\n{_all(rest)}\n</body>\n</html>\n"
    )


def _all(parts: Sequence[Part]) -> str:
    return "\n".join(map(_part, parts))


def _part(part: Part) -> str:
    match part:
        case Text(text, kind):
            return f'<p class="{kind}">{escape(text)}</p>'
        case Facts(rows):
            cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
            return f"<table>{cells}</table>"
        case Sheet():
            return _sheet(part)


def _sheet(sheet: Sheet) -> str:
    head = "".join(_cell("th", name, place in sheet.right) for place, name in enumerate(sheet.columns))
    rows = "".join(
        "<tr>" + "".join(_cell("td", text, place in sheet.right) for place, text in enumerate(row)) + "</tr>"
        for row in sheet.rows
    )
    return (
        f'<h2>{escape(sheet.title)}</h2>\n<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(tag: str, text: str, right: bool) -> str:
    kind = ' class="right"' if right else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"
