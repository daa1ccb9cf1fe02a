"""`lotbridge bench`: how fast the daemon answers, beside a bare pyzmq peer on this machine; or how fast replays are."""

import json
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer
from rich.table import Table

from bridge.bench.figures import Figures, figures
from bridge.bench.measure import Load, RoundTrips, Spread, engine, load, round_trips
from bridge.bench.positions import PositionFigures, position_figures
from bridge.cli.screen import screen


class Line(NamedTuple):
    """One figure against its target."""

    name: str
    value: float
    unit: str
    target: str
    met: bool | None


def bench(
    what: Annotated[
        Literal["daemon", "replay"], typer.Argument(help="Round trips to the daemon, or a replay of generated ticks.")
    ] = "daemon",
    *,
    count: Annotated[int, typer.Option(help="Decisions measured back to back.", min=100)] = 20_000,
    paced: Annotated[int, typer.Option(help="Decisions measured with 5 ms pauses.", min=100)] = 1_000,
    waves: Annotated[int, typer.Option(help="Waves of 64 simultaneous requests.", min=10)] = 150,
    ticks: Annotated[
        int, typer.Option(help="With replay: generated ticks, a decision for every 5,000.", min=100_000)
    ] = 10_000_000,
    repeat: Annotated[int, typer.Option(help="With replay: rounds, everything in turn in each.", min=1)] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure round trips on the sample market against a bare pyzmq exchange of the same bytes, in turn, in one run.

    With `replay`: both engines of a replay, the ticks on disk, the whole command and the odds, in turn, on one core.
    """
    say: Callable[[str], None] = (lambda _: None) if as_json else (lambda text: typer.echo(text, err=True))
    if what == "replay":
        _replay(ticks, repeat, say, as_json=as_json)
    else:
        _daemon(count, paced, waves, say, as_json=as_json)


def _replay(ticks: int, repeat: int, say: Callable[[str], None], *, as_json: bool) -> None:
    # Loads pyarrow and the whole of the replay.
    from bridge.cli.bench_replay import draw, replay_lines  # noqa: PLC0415

    lines = replay_lines(ticks, repeat, say)
    if as_json:
        typer.echo(json.dumps({"machine": _machine(), "figures": [line._asdict() for line in lines]}, indent=2))
    else:
        screen().print(draw(lines, _machine()))


def _daemon(count: int, paced: int, waves: int, say: Callable[[str], None], *, as_json: bool) -> None:
    say("engine alone ...")
    alone = _in_folder(lambda folder: engine(folder, count))
    say("statistics and the portfolio's solution ...")
    closed = figures(20)
    say("50 open positions under 20 rules ...")
    managed = position_figures(200)
    say(f"{count} round trips, everything on one core ...")
    trips = _in_folder(lambda folder: round_trips(folder, count))
    say(f"{paced} round trips with 5 ms pauses ...")
    slow = _in_folder(lambda folder: round_trips(folder, paced, pace_ms=5.0))
    say(f"{paced} round trips with journal.sync = full ...")
    synced = _in_folder(lambda folder: round_trips(folder, paced, sync="full"))
    say(f"{waves} waves of 64 clients ...")
    many = _in_folder(lambda folder: load(folder, waves))
    lines = _lines(alone, trips, slow, synced, many) + _closed_lines(closed) + _position_lines(managed)
    if as_json:
        typer.echo(json.dumps({"machine": _machine(), "figures": [line._asdict() for line in lines]}, indent=2))
        return
    _draw(lines)


def _in_folder(measure: Callable[[Path], Any]) -> Any:
    with tempfile.TemporaryDirectory(prefix="lotbridge-bench-", ignore_cleanup_errors=True) as folder:
        return measure(Path(folder))


def _lines(alone: Spread, trips: RoundTrips, slow: RoundTrips, synced: RoundTrips, many: Load) -> list[Line]:
    median, tail = trips.daemon.median / trips.echo.median, trips.daemon.p99 / trips.daemon.median
    extreme, share = trips.daemon.p999 / trips.echo.p999, many.daemon / many.echo
    return [
        Line("engine call alone, median", alone.median, "us", "at most 30", alone.median <= 30),
        Line("bare exchange, median", trips.echo.median, "us", "", None),
        Line("decision, median", trips.daemon.median, "us", "", None),
        Line("decision / bare exchange, medians", median, "x", "at most 2.0", median <= 2.0),
        Line("decision, 99th percentile", trips.daemon.p99, "us", "", None),
        Line("99th percentile / own median", tail, "x", "at most 2.5", tail <= 2.5),
        Line("decision, 99.9th percentile", trips.daemon.p999, "us", "", None),
        Line("99.9th / the bare exchange's 99.9th", extreme, "x", "at most 4", extreme <= 4),
        Line("5 ms pauses: bare exchange, median", slow.echo.median, "us", "", None),
        Line("5 ms pauses: decision, median", slow.daemon.median, "us", "", None),
        Line("5 ms pauses: ratio of medians", slow.daemon.median / slow.echo.median, "x", "", None),
        Line("journal.sync = full: decision, median", synced.daemon.median, "us", "", None),
        Line(f"{many.clients} clients: bare exchanges", many.echo, "/s", "", None),
        Line(f"{many.clients} clients: decisions", many.daemon, "/s", "", None),
        Line(f"{many.clients} clients: share of bare throughput", share, "x", "at least 0.25", share >= 0.25),
    ]


def _closed_lines(closed: Figures) -> list[Line]:
    """What happens when a bar closes, and where the portfolio's tail decides."""
    taken, solve, memory = closed
    return [
        Line("statistics of a symbol, 5,000 daily bars", taken, "ms", "at most 50", taken <= 50),
        Line("portfolio, 20 positions, 2,000 days: solution", solve, "us", "at most 60", solve <= 60),
        Line("memory of a symbol's statistics", memory, "KiB", "", None),
    ]


def _position_lines(managed: PositionFigures) -> list[Line]:
    """What `manage` evaluates: both together must stay within the target."""
    both = managed.share + managed.active
    return [
        Line("50 positions, 20 share rules", managed.share, "ms", "", None),
        Line("50 positions, active management", managed.active, "ms", "", None),
        Line("50 positions, both", both, "ms", "at most 2", both <= 2),
        Line("50 positions, 20 share rules that all hold", managed.all_hold, "ms", "at most 2", managed.all_hold <= 2),
    ]


def _draw(lines: list[Line]) -> None:
    table = Table(title=_machine(), title_justify="left", title_style="")
    for heading in ("figure", "value", "target", ""):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    for line in lines:
        digits = 2 if line.unit == "x" else 0 if line.unit == "/s" else 1
        verdict = "" if line.met is None else "met" if line.met else "MISSED"
        table.add_row(line.name, f"{line.value:,.{digits}f} {line.unit}", line.target, verdict)
    screen().print(table)


def _machine() -> str:
    return f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores"
