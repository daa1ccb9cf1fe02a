"""The summary of a run as text: the same lines in the terminal and on the page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bridge.replay.report.figures import Figures, figures_of
from bridge.replay.run import Run
from bridge.report.page import counted

_BAR = 24
"""Letters of the longest bar."""


class Line(NamedTuple):
    """One figure: its name, how it is written, and its number where two runs can be subtracted."""

    name: str
    text: str
    number: float | None = None


def summary_lines(run: Run) -> list[str]:
    """The summary for a terminal, plain ASCII if the names in it are."""
    figures = figures_of(run)
    lines = [f"Replay of {figures.name}: {verdict(figures)}"]
    lines += _pairs([(line.name, line.text) for line in summary(figures)])
    lines += ["", "least headroom"]
    lines += _pairs([(rule, text) for rule, text, _ in headrooms(figures)])
    for title, counts in (("bound by", figures.bound), ("refused", figures.refused)):
        if counts:
            lines += ["", title, *_bars(counts)]
    return lines


def verdict(figures: Figures) -> str:
    """Passed, breached or open, in one sentence."""
    told = _verdict(figures)
    return told if figures.complete else f"{told} (INTERRUPTED: what is here ends at {moment(figures.end_ms)})"


def _verdict(figures: Figures) -> str:
    breach = figures.breach
    if figures.outcome == "passed":
        later = "" if breach is None else f"; after it, {moment(breach.time_ms)}, {breach.rule} was breached"
        return f"PASSED on {moment(figures.target_ms)}{later}"
    if breach is not None:
        return (
            f"BREACHED {breach.rule} on {moment(breach.time_ms)}: equity {breach.equity:,.2f} "
            f"at the floor {breach.floor:,.2f} {figures.currency}"
        )
    if figures.target is None:
        return "OPEN: no rule breached; the firm sets no target"
    return f"OPEN: no rule breached, target of {figures.target:,.2f} {figures.currency} not reached"


def summary(figures: Figures) -> list[Line]:
    """The figures, most wanted first."""
    return [
        Line("firm", figures.firm_title),
        Line("policy", f"{figures.preset or 'own'}, hash {figures.policy_hash[:12]}"),
        Line("strategy", figures.strategy),
        Line("market", figures.market + (" (synthetic)" if figures.synthetic else "")),
        Line("period", f"{moment(figures.start_ms)} to {moment(figures.end_ms)}"),
        Line("days", f"{figures.days:,.1f}, traded on {figures.days_traded} (minimum {figures.min_days})"),
        Line("profit target", _target(figures)),
        *_results(figures),
        *_trades(figures),
        *_decisions(figures),
        Line("replayed", f"{figures.ticks:,} ticks in {figures.seconds:,.2f} s, engine {figures.engine}"),
    ]


def _target(figures: Figures) -> str:
    if figures.target is None:
        return "none"
    reached = "not reached" if figures.target_ms is None else f"reached {moment(figures.target_ms)}"
    return f"{figures.target:,.2f} {figures.currency}, {reached}"


def _results(figures: Figures) -> Iterator[Line]:
    money = figures.currency
    yield Line("initial balance", f"{figures.initial_balance:,.2f} {money}", figures.initial_balance)
    yield Line("closing equity", f"{figures.equity:,.2f} {money}", figures.equity)
    yield Line("net", f"{figures.net:+,.2f} {money} ({figures.net_percent:+.2f} %)", figures.net)
    fall = f"{figures.max_drawdown:,.2f} {money} ({figures.max_drawdown_percent:.2f} % of the peak)"
    # From the highest of a quarter of an hour to its lowest, in whichever order they came.
    yield Line("max drawdown, at most", fall, figures.max_drawdown)


def _trades(figures: Figures) -> Iterator[Line]:
    money = figures.currency
    yield Line("trades", f"{figures.trades:,}", figures.trades)
    rate = None if figures.win_rate is None else figures.win_rate * 100
    yield Line("win rate", "-" if rate is None else f"{rate:.1f} % ({counted(figures.wins, 'winner')})", rate)
    factor = figures.profit_factor
    yield Line("profit factor", "-" if factor is None else f"{factor:.2f}", factor)
    yield Line("expectancy", signed(figures.expectancy_r, "R"), figures.expectancy_r)
    yield Line("mean net of a trade", signed(figures.expectancy, money), figures.expectancy)
    yield Line("median / best / worst", " / ".join(map(_r, (figures.median_r, figures.best_r, figures.worst_r))))
    yield Line("commission", f"{figures.commission:,.2f} {money}", figures.commission)
    yield Line("swap", f"{figures.swap:,.2f} {money}", figures.swap)


def _decisions(figures: Figures) -> Iterator[Line]:
    yield Line("decisions", f"{figures.decisions:,}", figures.decisions)
    yield Line("granted", f"{figures.granted:,}", figures.granted)
    yield Line("refused by the broker", f"{figures.refused_by_broker:,}", figures.refused_by_broker)
    forecast = figures.forecast
    yield Line("losses beyond the stop", f"{forecast.beyond_stop:,} of {forecast.losses:,}", forecast.beyond_stop)
    beyond = f"{forecast.beyond_shortfall:,} of {forecast.losses:,}"
    yield Line("losses beyond the forecast shortfall", beyond, forecast.beyond_shortfall)
    beyond = f"{forecast.beyond_worst_case:,} of {forecast.losses:,}"
    yield Line("losses beyond the worst case", beyond, forecast.beyond_worst_case)
    if figures.instructions is not None:
        told = f"{figures.instructions:,}, of these carried out {figures.instructions_done:,}"
        yield Line("instructions of rules", told, figures.instructions)
    if figures.plans is not None:
        yield Line("plans of rebalancing", f"{figures.plans:,}, of {figures.targets_file}", figures.plans)


def headrooms(figures: Figures) -> list[tuple[str, str, float]]:
    """Rule, its least headroom with the moment, and the number."""
    return [
        (rule, f"{least.headroom:,.2f} {figures.currency}, {moment(least.time_ms)}", least.headroom)
        for rule, least in figures.least_headroom.items()
    ]


def moment(time_ms: int | None) -> str:
    """A moment to the minute, UTC."""
    if time_ms is None:
        return "never"
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)).strftime("%Y-%m-%d %H:%M UTC")


def signed(value: float | None, unit: str) -> str:
    """A number that may be negative, or a dash."""
    return "-" if value is None else f"{value:+,.2f} {unit}"


def _r(value: float | None) -> str:
    return signed(value, "R")


def _pairs(rows: list[tuple[str, str]]) -> list[str]:
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {name:<{width}}  {text}" for name, text in rows]


def _bars(counts: dict[str, int]) -> list[str]:
    width, most = max(map(len, counts)), max(counts.values())
    digits = len(f"{most:,}")
    return [
        f"  {name:<{width}}  {count:>{digits},}  {'#' * max(1, round(count / most * _BAR))}"
        for name, count in counts.items()
    ]
