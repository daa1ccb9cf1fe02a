"""The audit drawn: for each symbol the losses against their forecasts, and how many lay beyond.

Needs matplotlib, which the extra `plot` installs.
"""

from itertools import groupby
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from bridge.report.audit import band
from bridge.report.audit_report import AuditReport, AuditSeries
from bridge.report.page import counted, percent
from bridge.report.picture import styled

_LOSS, _BEYOND, _VAR, _ES, _BAND = "#9aa5ae", "#d55e00", "#0072b2", "#7b3294", "#dcebf5"
_COUNTS: tuple[tuple[str, Literal["-", "--"]], ...] = (("#222222", "-"), ("#b8860b", "--"))
"""Line of the first and of the second count in a panel."""
_ACROSS = 3
_BAND_POINTS = 30
_REACH = 4.0
"""Median shortfalls up to which losses are drawn, if no forecast is higher."""


def draw_audit(report: AuditReport, series: list[AuditSeries]) -> Figure:
    """A cell for each symbol; of a replayed one both sides, sells upside down."""
    cells = _cells(report, series)
    across = min(_ACROSS, len(cells)) or 1
    down = -(-len(cells) // across) or 1
    with styled():
        figure = Figure(figsize=(11, 1.2 + down * (3.6 if across > 1 else 5.2)), layout="constrained")
        figure.suptitle(f"Forecasts of {report.source}", x=0.02, ha="left", weight="bold", size=13)
        if not cells:
            figure.text(0.5, 0.5, "Nothing has been compared yet.", ha="center", color="#5a5a5a")
            return figure
        grid = figure.add_gridspec(2 * down, across, height_ratios=(2.2, 1.2) * down)
        for index, cell in enumerate(cells):
            row, column = divmod(index, across)
            top = figure.add_subplot(grid[2 * row, column])
            _losses(top, report, cell, first=column == 0)
            _counts(figure.add_subplot(grid[2 * row + 1, column], sharex=top), cell, first=column == 0)
        figure.legend(handles=_handles(report, cells), loc="outside lower center", ncols=4, fontsize=9)
    return figure


Cell = list[AuditSeries]


def _cells(report: AuditReport, series: list[AuditSeries]) -> list[Cell]:
    """What is drawn together: a symbol's both sides; with several symbols only those without a stop."""
    known = [each for each in series if len(each.time_ms)]
    if report.kind == "journal":
        return [[each] for each in known]
    one = len({each.row.symbol for each in known}) == 1
    shown = [each for each in known if one or each.row.stop is None]
    return [list(cell) for _, cell in groupby(shown, lambda each: (each.row.symbol, each.row.stop))]


def _name(cell: Cell) -> str:
    row = cell[0].row
    stop = "" if row.stop is None else ", with a stop"
    account = f" ({row.account})" if row.account is not None else ""
    return f"{row.symbol}{stop}{account}"


def _losses(axes: Axes, report: AuditReport, cell: Cell, *, first: bool) -> None:
    """Losses over time, gains left out where the other side's losses stand there."""
    axes.set_title(_name(cell))
    both = len(cell) > 1
    for sign, each in zip((1, -1), cell, strict=False):
        days, beyond = each.time_ms.astype("datetime64[ms]"), each.losses > each.value_at_risk
        shown = ~beyond & ((each.losses > 0) if both else np.ones_like(beyond))
        _dots(axes, days[shown], sign * each.losses[shown], _LOSS, 1.5)
        axes.plot(days, sign * each.value_at_risk, color=_VAR, linewidth=1.3, drawstyle="steps-post")
        axes.plot(days, sign * each.shortfall, color=_ES, linewidth=1.3, drawstyle="steps-post")
        _dots(axes, days[beyond], sign * each.losses[beyond], _BEYOND, 3.5)
    _limit(axes, cell)
    axes.axhline(0, color="#222222", linewidth=0.6)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value) if both else value:g}"))
    axes.tick_params(labelbottom=False)
    if first:
        axes.set_ylabel(f"loss, {report.unit}" + ("\n(sell down, buy up)" if both else ""))


def _dots(axes: Axes, days: object, values: object, color: str, size: float) -> None:
    # Thousands of dots are drawn as one image within an SVG.
    axes.plot(days, values, "o", markersize=size, color=color, markeredgewidth=0, rasterized=True)  # type: ignore[arg-type]


def _limit(axes: Axes, cell: Cell) -> None:
    """Room for all but the wildest losses, whose number is said."""
    up = [1.1 * min(_highest(each), max(_REACH * float(np.median(each.shortfall)), _forecast(each))) for each in cell]
    down = up[1] if len(cell) > 1 else min(-1.1 * float(cell[0].losses.min()), up[0])
    axes.set_ylim(-max(down, 0.0), up[0])
    out = sum(int(np.count_nonzero(each.losses > high)) for each, high in zip(cell, up, strict=True))
    if out:
        axes.annotate(
            f"{counted(out, 'point')} beyond the chart", (0.99, 0.98), xycoords="axes fraction",
             ha="right", va="top", size=8, color=_BEYOND,
        )  # fmt: skip


def _highest(each: AuditSeries) -> float:
    return max(float(each.losses.max()), _forecast(each))


def _forecast(each: AuditSeries) -> float:
    return float(each.shortfall.max())


def _counts(axes: Axes, cell: Cell, *, first: bool) -> None:
    """How many losses lay beyond their value at risk by each day, against what was to be expected."""
    longest = max(cell, key=lambda each: len(each.time_ms))
    level, size = longest.row.level, len(longest.time_ms)
    days = longest.time_ms.astype("datetime64[ms]")
    at = np.unique(np.linspace(1, size, min(_BAND_POINTS, size)).astype(int))
    accepted = np.array([band(int(count), level) for count in at])
    axes.fill_between(days[at - 1], accepted[:, 0], accepted[:, 1], color=_BAND, linewidth=0)
    axes.plot(days, np.arange(1, size + 1) * (1 - level), color=_VAR, linewidth=1)
    for (color, style), each in zip(_COUNTS, cell, strict=False):
        beyond = np.cumsum(each.losses > each.value_at_risk)
        axes.plot(each.time_ms.astype("datetime64[ms]"), beyond, color=color, linestyle=style, linewidth=1.4)
    axes.set_ylim(bottom=0)
    locator = AutoDateLocator(maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    if first:
        axes.set_ylabel("losses\nbeyond")


def _handles(report: AuditReport, cells: list[Cell]) -> list[Line2D | Patch]:
    levels = " or ".join(sorted({percent(cell[0].row.level) for cell in cells}))
    names = (", buy", ", sell") if report.kind == "history" else ("",)
    return [
        Line2D([], [], color=_LOSS, linestyle="", marker="o", markersize=3, label="loss"),
        Line2D([], [], color=_BEYOND, linestyle="", marker="o", markersize=5, label="loss beyond the VaR"),
        Line2D([], [], color=_VAR, label=f"VaR {levels}; below: number expected beyond it"),
        Line2D([], [], color=_ES, label=f"ES {levels}"),
        *(
            Line2D([], [], color=color, linestyle=style, label=f"number beyond{name}")
            for name, (color, style) in zip(names, _COUNTS, strict=False)
        ),
        Patch(color=_BAND, label="accepted by Kupiec's test"),
    ]
