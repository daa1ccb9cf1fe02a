"""The odds drawn: outcomes by policy, the way to passing, and the value.

Needs matplotlib, which the extra `plot` installs.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import MaxNLocator

from bridge.odds.figures import Figure, OddsReport, Row
from bridge.odds.page import ASSUMES, policy_name
from bridge.report.picture import styled

_PASSED, _OUT, _INK, _SOURCE = "#009e73", "#c9cfd4", "#222222", "#7b3294"
_BREACHES = ("#d55e00", "#e69f00", "#cc79a7", "#8c510a", "#f0e442")
_LINES = ("#0072b2", "#009e73", "#e69f00", "#d55e00", "#7b3294", "#56b4e9", "#8c510a", "#222222")
_ROOM_FOR_WORDS = 0.12
"""Share whose bar holds its figure."""


def draw_odds(report: OddsReport) -> Picture:
    """Outcomes on the left; days and money on the right."""
    right = [_by_day, _money] if report.target_pct is not None else [_money]
    with styled():
        high = max(5.6, 2.2 + 0.56 * len(report.rows))
        picture = Picture(figsize=(11, high), layout="constrained")
        title = f"Challenge odds: {report.title}, {report.challenges:,} challenges of {report.days} days"
        picture.suptitle(title, x=0.02, ha="left", weight="bold", size=13)
        grid = picture.add_gridspec(len(right), 2, width_ratios=(1.15, 1))
        _outcomes(picture.add_subplot(grid[:, 0]), report)
        for place, panel in enumerate(right):
            panel(picture.add_subplot(grid[place, 1]), report)
        picture.supxlabel(_foot(report), x=0.02, ha="left", size=8, color="#5a5a5a")
    return picture


def _foot(report: OddsReport) -> str:
    source = report.source
    made = " Synthetic market: no odds of any real challenge." if source.synthetic else ""
    return f"Drawn from {source.trades:,} trades of {source.days:,} days in blocks of {source.block}. {ASSUMES}{made}"


def _outcomes(axes: Axes, report: OddsReport) -> None:
    """A bar for each policy, from passed to breached, with both intervals of the first share."""
    rows, places = report.rows, np.arange(len(report.rows))[::-1]
    left = np.zeros(len(rows))
    first = "passed" if report.target_pct is not None else f"stands after {report.days} days"
    parts = [(first, _PASSED, [_main(row).value for row in rows])]
    if report.target_pct is not None:
        parts.append(("out of days", _OUT, [row.out_of_days.value for row in rows]))
    colors = iter(_BREACHES * 9)
    parts += [(rule, next(colors), [row.breaches[rule].value for row in rows]) for rule in rows[0].breaches]
    for name, color, values in parts:
        wide = np.array(values) * 100
        axes.barh(places, wide, left=left, height=0.62, color=color, label=name)
        left += wide
    for place, row in zip(places.tolist(), rows, strict=True):
        _whiskers(axes, place, _main(row))
    axes.set_yticks(places, [policy_name(row) for row in rows])
    axes.set_ylabel("base risk")
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of challenges, %")
    axes.grid(visible=False, axis="y")
    axes.set_title("How challenges end")
    axes.plot([], [], color=_INK, linewidth=3, label="95 % interval, simulation")
    axes.plot([], [], color=_SOURCE, linewidth=1.4, label="95 % interval, so few days to draw from")
    axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.12), ncols=2, borderaxespad=0, columnspacing=1.2)


def _whiskers(axes: Axes, place: int, figure: Figure) -> None:
    axes.plot([figure.low * 100, figure.high * 100], [place, place], color=_INK, linewidth=3, solid_capstyle="butt")
    if figure.source_low is not None and figure.source_high is not None:
        ends = [figure.source_low * 100, figure.source_high * 100]
        axes.plot(ends, [place - 0.18] * 2, color="white", linewidth=3.2, solid_capstyle="butt")
        axes.plot(ends, [place - 0.18] * 2, color=_SOURCE, linewidth=1.6, marker="|", markersize=6)
    if figure.value > _ROOM_FOR_WORDS:
        axes.annotate(
            f"{figure.value * 100:.1f} %", (1.2, place + 0.15), size=8, color="white", weight="bold", va="center"
        )


def _by_day(axes: Axes, report: OddsReport) -> None:
    axes.set_title("Passed by day")
    days = np.arange(report.days + 1)
    for color, row in zip(_LINES, report.rows, strict=False):
        shares = np.concatenate([[0.0], row.passed_by]) * 100
        axes.plot(days, shares, color=color, linewidth=1.5, drawstyle="steps-post", label=policy_name(row))
    axes.set_xlim(0, report.days)
    axes.set_ylim(0, None)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    many = f" (the first {len(_LINES)} policies)" if len(report.rows) > len(_LINES) else ""
    axes.set_xlabel(f"day{many}; colours as below")
    axes.set_ylabel("share, %")


def _money(axes: Axes, report: OddsReport) -> None:
    """What a challenge comes to, by policy, with both intervals."""
    figures, places = [_worth(row) for row in report.rows], np.arange(len(report.rows))[::-1]
    colors = (*_LINES, *["#9aa5ae"] * len(figures)) if report.target_pct is not None else (_INK,) * len(figures)
    axes.axvline(0, color=_INK, linewidth=0.8)
    for place, each, color in zip(places.tolist(), figures, colors, strict=False):
        if each.source_low is not None and each.source_high is not None:
            axes.plot([each.source_low, each.source_high], [place, place], color=_SOURCE, linewidth=1.4, marker="|")
        axes.plot([each.low, each.high], [place, place], color=_INK, linewidth=3, solid_capstyle="butt")
        axes.plot([each.value], [place], "o", color=color, markersize=7, markeredgecolor="white")
    axes.set_yticks(places, [policy_name(row) for row in report.rows])
    axes.set_ylim(-0.7, len(figures) - 0.3)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel(report.currency)
    axes.set_title("Mean result of a challenge" if report.fee is None else "Value of a challenge, after its fee")


def _worth(row: Row) -> Figure:
    return row.profit if row.value is None else row.value


def _main(row: Row) -> Figure:
    return row.out_of_days if row.passed is None else row.passed
