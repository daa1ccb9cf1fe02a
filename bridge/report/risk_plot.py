"""The risk report drawn: where losses lie, how volatility came to be what it is, and what moves together.

Needs matplotlib, which the extra `plot` installs.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from bridge.market.recording import TIMEFRAME_MS
from bridge.report.correlation_row import Pair
from bridge.report.page import counted, percent
from bridge.report.picture import styled
from bridge.report.risk_report import RiskReport, RiskSeries, SideRisk
from sizing.snapshot import Floats
from sizing.stats.volatility import VOLATILITY_REGIMES

_INK, _LOSS, _GAIN, _STOP, _VAR, _ES, _SIZING = (
    "#222222", "#d55e00", "#b8c4ce", "#222222", "#0072b2", "#d55e00", "#7b3294",
)  # fmt: skip
_REGIMES = ("#dcebf5", "#b7d5e8", "#e9e3c4", "#f3b562", "#d9722e", "#97291d")
"""From calm to wild also from light to dark, for eyes and printers without colours."""
_MOST_BINS = 80
_DAY_MS = TIMEFRAME_MS["D1"]
_FARTHEST = 4.0
"""Stops up to which losses are drawn; what lies beyond is said in words."""
_HEIGHTS = (3.7, 2.2, 0.45)
"""Inches of losses, volatility and its regimes."""


def draw_risk(report: RiskReport, series: RiskSeries) -> Figure:
    """The whole picture: three panels, the first with a part for each side."""
    others = len(report.correlations)
    low = 0.9 + 0.24 * max(others, 1)
    with styled():
        figure = Figure(figsize=(11, sum(_HEIGHTS) + low), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)  # type: ignore[union-attr, call-arg]
        figure.suptitle(f"{report.symbol}: what a stop trade loses", x=0.02, ha="left", weight="bold", size=13)
        grid = figure.add_gridspec(4, len(report.sides), height_ratios=(*_HEIGHTS, low))
        _distributions(figure, grid, report, series)
        axes = figure.add_subplot(grid[1, :])
        _volatility(axes, report, series)
        _regimes(figure.add_subplot(grid[2, :], sharex=axes), series)
        _correlations(figure.add_subplot(grid[3, :]), report.correlations)
    return figure


# Losses --------------------------------------------------------------------------------------------------------------


def _distributions(figure: Figure, grid: GridSpec, report: RiskReport, series: RiskSeries) -> None:
    first: Axes | None = None
    for column, side in enumerate(report.sides):
        axes = figure.add_subplot(grid[0, column], sharey=first)
        first = first or axes
        losses = series.losses.get(side.side)
        axes.set_title(f"{side.side}, held up to {counted(report.days, 'day')}")
        if losses is None or side.sample is None:
            _say(axes, "Too little history for a distribution:\nwhat sizing takes is assumed.")
        else:
            _distribution(axes, report, side, losses / side.stop.price)


def _distribution(axes: Axes, report: RiskReport, side: SideRisk, losses: Floats) -> None:
    """A histogram of losses in stops, with the figures as lines; what is lost beyond it counts in its last bar."""
    edges = _edges(side, losses)
    inside = np.minimum(losses, np.nextafter(edges[-1], 0))
    counts, _ = np.histogram(inside, edges)
    middle = (edges[:-1] + edges[1:]) / 2
    colors = [_LOSS if at >= 1 else _GAIN for at in middle]
    axes.bar(edges[:-1], counts / len(losses) * 100, np.diff(edges), align="edge", color=colors, linewidth=0)
    axes.set_yscale("log")
    axes.set_ylim(50 / len(losses), 100)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel(f"loss, multiples of the stop ({side.stop.price:.{report.history.digits}f}); gains are negative")
    axes.set_ylabel("share of paths, %")
    _marks(axes, report, side)
    beyond = int(np.count_nonzero(losses > edges[-1]))
    if beyond:
        axes.annotate(
            f"{counted(beyond, 'path')} beyond, up to {losses.max():.1f}", (0.995, 0.97), xycoords="axes fraction",
            ha="right", va="top", size=8, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )  # fmt: skip


def _edges(side: SideRisk, losses: Floats) -> Floats:
    """Bins with an edge right at the stop, without the largest gains."""
    figures = [each.shortfall.stops for each in side.counted]
    high = min(max(1.5, 1.04 * float(losses.max()), 1.1 * max(figures)), _FARTHEST)
    low = max(float(np.quantile(losses, 0.005)), -3.0)
    width = (high - low) / min(_MOST_BINS, 2 * np.sqrt(len(losses)))
    edges: Floats = 1.0 + width * np.arange(np.floor((low - 1) / width), np.ceil((high - 1) / width) + 1)
    return edges


def _marks(axes: Axes, report: RiskReport, side: SideRisk) -> None:
    sample, level = side.sample, percent(report.level)
    if sample is None:
        return
    axes.axvline(1, color=_STOP, linewidth=1.2, label="stop: 1")
    axes.axvline(
        sample.value_at_risk.stops, color=_VAR, linestyle=(0, (4, 2)), linewidth=1.6,
        label=f"VaR {level}: {sample.value_at_risk.stops:.2f}",
    )  # fmt: skip
    axes.axvline(
        sample.shortfall.stops, color=_ES, linewidth=1.6,
        label=f"ES {level}: {sample.shortfall.stops:.2f}",
    )  # fmt: skip
    axes.axvspan(
        sample.lower.stops, sample.upper.stops, color=_ES, alpha=0.2, linewidth=0,
        label=f"ES, {percent(report.interval)} interval: {sample.lower.stops:.2f} to {sample.upper.stops:.2f}",
    )  # fmt: skip
    for index, each in enumerate(side.counted):
        at = each.shortfall.stops
        axes.axvline(
            at, color=_SIZING, linestyle=(0, (1, 1 + 2 * index)), linewidth=1.8,
            label=f"sizing{', ' * bool(each.when)}{each.when}: {at:.2f}{' (off the chart)' * (at > _FARTHEST)}",
        )  # fmt: skip
    axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.21), ncols=2, borderaxespad=0, columnspacing=1.2)


# Volatility ----------------------------------------------------------------------------------------------------------


def _volatility(axes: Axes, report: RiskReport, series: RiskSeries) -> None:
    axes.set_title("Volatility")
    axes.set_ylabel("EWMA, % per day")
    if not len(series.time_ms):
        _say(axes, "Too little history for volatility.")
        return
    days = series.time_ms.astype("datetime64[ms]")
    axes.plot(days, series.volatility_pct, color=_INK, linewidth=1.1)
    axes.set_ylim(0, float(series.volatility_pct.max()) * 1.12)
    axes.set_xlim(days[0], days[-1])
    axes.tick_params(labelbottom=False)
    axes.annotate(
        f"now {series.volatility_pct[-1]:.2f} %, {report.volatility.regime or 'regime unknown'}",
        (1, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", ha="right", size=9,
    )  # fmt: skip


def _regimes(axes: Axes, series: RiskSeries) -> None:
    """A colour for each stretch of one regime, and what the colours mean."""
    if not series.regimes:
        _say(axes, "Too little history for the regimes of volatility.")
        return
    kinds = np.array([VOLATILITY_REGIMES.index(name) for name in series.regimes])
    days = np.append(series.regime_ms, series.regime_ms[-1] + _DAY_MS).astype("datetime64[ms]")
    starts = np.flatnonzero(np.diff(kinds, prepend=-1))
    ends = np.append(starts[1:], len(kinds))
    for start, end in zip(starts, ends, strict=True):
        axes.axvspan(days[start], days[end], color=_REGIMES[kinds[start]], linewidth=0)
    axes.set_yticks([])
    axes.set_ylabel("regime", rotation=0, ha="right", va="center")
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    patches = [Patch(color=color, label=name) for name, color in zip(VOLATILITY_REGIMES, _REGIMES, strict=True)]
    axes.legend(handles=patches, ncols=6, loc="upper center", bbox_to_anchor=(0.5, -0.85), borderaxespad=0)


# Correlation ---------------------------------------------------------------------------------------------------------


def _correlations(axes: Axes, pairs: list[Pair]) -> None:
    axes.set_title("Correlation of daily returns")
    if not pairs:
        _say(axes, "No other symbol is at hand.")
        return
    places = np.arange(len(pairs))[::-1]
    values = [pair.used if pair.used is not None else 0.0 for pair in pairs]
    axes.barh(places, values, height=0.62, color=[_VAR if value >= 0 else "#e69f00" for value in values])
    axes.set_yticks(places, [pair.symbol for pair in pairs])
    axes.set_xlim(-1.05, 1.05)
    axes.set_ylim(-0.6, len(pairs) - 0.4)
    axes.axvline(0, color=_INK, linewidth=0.8)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("correlation used for sizing (ring: as measured, tick: prior)")
    for place, pair in zip(places.tolist(), pairs, strict=True):
        _pair(axes, place, pair)


def _pair(axes: Axes, place: int, pair: Pair) -> None:
    if pair.measured is not None:
        axes.plot([pair.measured], [place], "o", markersize=5, markerfacecolor="white", color=_INK)
    if pair.prior is not None:
        axes.plot([pair.prior], [place], "|", markersize=12, markeredgewidth=2, color=_LOSS)
    ends = [0.0, *(each for each in (pair.used, pair.measured, pair.prior) if each is not None)]
    negative = (pair.used or 0.0) < 0
    _beside(axes, place, min(ends) if negative else max(ends), left=negative, text=_used(pair))
    if pair.broken is not None:
        text = f"BROKEN: {pair.broken[0]:+.2f} lately, was {pair.broken[1]:+.2f}"
        _beside(axes, place, max(ends) if negative else min(ends), left=not negative, text=text, color="#a33c00")


def _used(pair: Pair) -> str:
    return "unknown" if pair.used is None else f"{pair.used:+.2f}"


def _beside(axes: Axes, place: int, at: float, *, left: bool, text: str, color: str = _INK) -> None:
    axes.annotate(
        text, (at, place), (-8 if left else 8, 0), textcoords="offset points", ha="right" if left else "left",
        va="center", size=8, color=color,
    )  # fmt: skip


def _say(axes: Axes, text: str) -> None:
    """Words where there is nothing to draw."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#5a5a5a")
