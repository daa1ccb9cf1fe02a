"""The lines of `lotbridge bench replay`."""

from collections.abc import Callable
from typing import NamedTuple

from rich.table import Table

from bridge.bench.replay import Several, replay_figures
from bridge.odds.speed import TARGET_S

FAST_M, EVENTS_M, READ_M = 30.0, 0.4, 100.0
"""Targets, in millions of ticks a second."""
COMMAND_S, PEAK_MB, BYTES = 3.0, 400.0, 3.0


class Line(NamedTuple):
    """One figure against its target: met or not by its median. `best` is None for what is measured once."""

    name: str
    median: float | None
    best: float | None
    unit: str
    target: str
    met: bool | None


def replay_lines(ticks: int, rounds: int, say: Callable[[str], None]) -> list[Line]:
    """Measure, and judge."""
    found = replay_figures(ticks, rounds, say)
    return [
        Line("ticks", found.ticks, None, "", "", None),
        Line("decisions", found.decisions, None, "", "", None),
        Line("trades", found.trades, None, "", "", None),
        _least("fast engine, in memory", found.fast, FAST_M),
        Line("fast engine, from disk", *_both(found.streamed), "M/s", "", None),
        Line("ticks, event by event", found.part, None, "", "", None),
        _least("event by event, in memory", found.events, EVENTS_M),
        _least("packed ticks decoded", found.read, READ_M),
        _most("packed ticks on disk", found.bytes_per_tick, None, "bytes/tick", BYTES),
        _most("lotbridge replay, start to end", *_both(found.command_s), "s", COMMAND_S),
        _most("its peak memory", found.peak_mb, None, "MB", PEAK_MB),
        _most("odds of 10,000 challenges", *_both(found.odds_s), "s", TARGET_S),
    ]


def draw(lines: list[Line], machine: str) -> Table:
    """A table for the screen."""
    table = Table(title=machine, title_justify="left", title_style="")
    for heading in ("figure", "median", "best", "target", ""):
        table.add_column(heading, justify="right" if heading in ("median", "best") else "left")
    for line in lines:
        verdict = "" if line.met is None else "met" if line.met else "MISSED"
        value = "not measured" if line.median is None else _shown(line.median, line.unit)
        table.add_row(line.name, value, "" if line.best is None else _shown(line.best, line.unit), line.target, verdict)
    return table


def _least(name: str, rate: Several, target: float) -> Line:
    return Line(name, rate.median, rate.best, "M/s", f"at least {target:g}", rate.median >= target)


def _most(name: str, value: float | None, best: float | None, unit: str, target: float) -> Line:
    return Line(name, value, best, unit, f"at most {target:g}", None if value is None else value <= target)


def _both(several: Several) -> tuple[float, float]:
    return several.median, several.best


def _shown(value: float, unit: str) -> str:
    digits = 0 if unit in ("", "MB") else 2
    return f"{value:,.{digits}f} {unit}".rstrip()
