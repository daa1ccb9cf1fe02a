"""The report as one HTML file, complete in itself: it loads nothing and refers to nowhere."""

import base64
import hashlib
import json
from html import escape
from importlib.resources import files
from typing import Any

from bridge.replay.report.data import page_data
from bridge.replay.report.figures import Figures, figures_of
from bridge.replay.report.summary import Line, headrooms, summary, verdict
from bridge.replay.run import Run

_INSTRUCTIONS = (
    "instructions",
    "Instructions",
    "What the rules about open positions told the EA to do, and what became of it.",
)
"""Only where such rules were asked."""
_SECTIONS = (
    ("equity", "Equity", ""),
    ("headroom", "Headroom", "How far equity stayed above each loss rule's floor."),
    ("drawdown", "Drawdown", ""),
    ("breach", "Breach, or nearest to it", "What was open when a rule was breached or had its least headroom."),
    (
        "decisions",
        "Decisions",
        "Every answer of the sizer. A row's button opens its waterfall: what scaled the risk, what limited the lots.",
    ),
    ("caps", "What decided the lots", ""),
    ("lots", "Lots by symbol", ""),
    ("multiples", "R-multiples", "Net result of each trade in multiples of the money at its stop."),
    (
        "forecast",
        "Forecast against losses",
        "The expected shortfall that each decision forecast, and what its trade then lost; decisions that added to one "
        "position of a netting account count as one, with the sum of their forecasts.",
    ),
)


def html_report(first: Run, second: Run | None = None) -> str:
    """The page of one run, or of two beside each other."""
    style, script = _resource("page.css"), _resource("chart.js") + _resource("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    runs = [figures_of(run) for run in (first, second) if run is not None]
    title = "Replay: " + " against ".join(figures.name for figures in runs)
    sections = _sections_of(runs)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"{_top(title, runs, sections)}\n{_drawn(len(runs), sections)}\n"
        f'<script type="application/json" id="data">{_embedded(page_data(first, second))}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _sections_of(runs: list[Figures]) -> list[tuple[str, str, str]]:
    asked = any(figures.instructions is not None for figures in runs)
    return [_SECTIONS[0], *([_INSTRUCTIONS] if asked else []), *_SECTIONS[1:]]


def _top(title: str, runs: list[Figures], sections: list[tuple[str, str, str]]) -> str:
    verdicts = "".join(
        f'<p class="verdict {figures.outcome}">{escape(_named(place, runs))}{escape(verdict(figures))}</p>'
        for place, figures in enumerate(runs)
    )
    hint = "Point at a chart, or focus it and use the arrow keys, to read its values. Times are UTC."
    links = "".join(f'<a href="#{name}-title">{heading}</a>' for name, heading, _ in sections)
    return (
        f"<header><h1>{escape(title)}</h1>{verdicts}"
        "<noscript><p>The charts and the decisions are drawn by a script, which is off here.</p></noscript></header>\n"
        f'<nav aria-label="Sections">{links}</nav>\n<p class="quiet">{hint}</p>\n'
        f'<main>\n<section aria-label="Summary">{_summary(runs)}</section>'
    )


def _named(place: int, runs: list[Figures]) -> str:
    return f"{'AB'[place]}: {runs[place].name}: " if len(runs) > 1 else ""


def _summary(runs: list[Figures]) -> str:
    """One run's figures in two tables beside each other, two runs' in one."""
    told = [_lines(figures) for figures in runs]
    names = list(dict.fromkeys(line.name for lines in told for line in lines))
    if len(runs) > 1:
        return f'<div class="scroll" tabindex="0" role="region" aria-label="Summary">{_table(runs, told, names)}</div>'
    middle = (len(names) + 1) // 2
    return f'<div class="pair two">{_table(runs, told, names[:middle])}{_table(runs, told, names[middle:])}</div>'


def _table(runs: list[Figures], told: list[list[Line]], names: list[str]) -> str:
    by_name = [{line.name: line for line in lines} for lines in told]
    rows = "".join(_row(name, [lines.get(name) for lines in by_name]) for name in names)
    head = ""
    if len(runs) > 1:
        columns = ("", *(f"{'AB'[place]}: {figures.name}" for place, figures in enumerate(runs)), "B less A")
        head = "<thead><tr>" + "".join(f'<th scope="col">{escape(each)}</th>' for each in columns) + "</tr></thead>"
    return f'<table class="summary">{head}<tbody>{rows}</tbody></table>'


def _lines(figures: Figures) -> list[Line]:
    rooms = [Line(f"least headroom: {rule}", text, number) for rule, text, number in headrooms(figures)]
    return summary(figures) + rooms


def _row(name: str, lines: list[Line | None]) -> str:
    cells = "".join(f"<td>{escape('-' if line is None else line.text)}</td>" for line in lines)
    if len(lines) > 1:
        cells += f'<td class="number">{escape(_difference(lines[0], lines[1]))}</td>'
    return f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'


def _difference(first: Line | None, second: Line | None) -> str:
    if first is None or second is None:
        return ""
    if first.number is None or second.number is None:
        return "" if first.text == second.text else "differs"
    less = second.number - first.number
    return "0" if less == 0 else f"{less:+,}" if isinstance(less, int) else f"{less:+,.2f}"


def _drawn(runs: int, sections: list[tuple[str, str, str]]) -> str:
    pair = "pair two" if runs > 1 else "pair"
    both = '<section aria-labelledby="both"><h2 id="both">Both</h2><div id="compared"></div></section>\n'
    return (
        (both if runs > 1 else "")
        + "\n".join(
            f'<section aria-labelledby="{name}-title"><h2 id="{name}-title">{heading}</h2>'
            f'{f"<p class=quiet>{told}</p>" if told else ""}<div id="{name}" class="{pair}"></div></section>'
            for name, heading, told in sections
        )
        + "\n</main>"
    )


def _embedded(data: Any) -> str:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _resource(name: str) -> str:
    return files("bridge.replay.report").joinpath(name).read_text(encoding="utf-8")
