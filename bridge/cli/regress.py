"""`lotbridge regress`: which decisions of a replay changed since its golden file was made, and by what."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bridge.cli import options
from bridge.cli.output import complain
from bridge.cli.screen import BAD, GOOD, NOTE, QUIET, line, lots_of, note, print_json, screen, show, table, utc
from bridge.errors import LotbridgeError
from bridge.replay.golden import Choice, Golden, golden_of, read_golden, write_golden
from bridge.replay.regress import Change, Comparison, Difference, OrderChange, causes, compare
from bridge.replay.run import read_run

CHANGED_EXIT, ERROR_EXIT = 1, 2


def regress(
    *,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that `lotbridge replay --out` has written.")],
    golden: Annotated[Path, typer.Argument(metavar="GOLDEN", help="Golden file; a name in .gz is compressed.")],
    update: Annotated[bool, typer.Option("--update", help="Write GOLDEN from RUN, and say what changes.")] = False,
    tolerance: Annotated[
        float, typer.Option(metavar="SHARE", min=0.0, max=0.5, help="Relative difference of numbers that is none.")
    ] = 0.0,
    details: Annotated[int, typer.Option(metavar="N", min=0, help="Changed decisions to show in full.")] = 10,
    as_json: options.Json = False,
) -> None:
    """Say which decisions of a replay differ from a golden file, and by which factor or cap.

    Ends with 0 if all are the same, with 1 if any changed, is gone or is new, and with 2 for an error.
    """
    try:
        found = golden_of(read_run(run))
        kept = _kept(golden, update)
        result = compare(kept, found, tolerance) if kept is not None else None
        if update:
            write_golden(golden, found)
    except LotbridgeError as error:
        complain(str(error))
        raise typer.Exit(ERROR_EXIT) from error
    if update:
        note(f"Written: {golden}, {_count(len(found.choices))}")
    if result is None:
        return
    if as_json:
        print_json(_as_json(result, details))
    else:
        _draw(screen(), result, details)
    if not (result.same or update):
        raise typer.Exit(CHANGED_EXIT)


def _kept(golden: Path, update: bool) -> Golden | None:
    """What is to be compared with; None where the file is to be made for the first time."""
    return None if update and not golden.exists() else read_golden(golden)


def _draw(console: Console, result: Comparison, details: int) -> None:
    for head in result.heads:
        line(console, f"{head.name}: {_value(head)}", NOTE)
    if result.same:
        line(console, f"The same: {_count(result.after)}", f"bold {GOOD}")
        return
    outcomes = sum(change.kind == "outcome" for change in result.changes)
    line(console, f"{_count(result.before)} before, {result.after} now", "bold")
    line(console, f"{outcomes} with other lots, code or binding cap", BAD if outcomes else QUIET)
    line(console, f"{len(result.changes) - outcomes} with the same answer by another waterfall")
    line(console, f"{len(result.gone)} gone, {len(result.new)} new")
    if result.changes:
        _draw_causes(console, result.changes)
    for change in result.changes[:details]:
        _draw_change(console, change)
    for word, choices in (("gone", result.gone), ("new", result.new)):
        for choice in choices[:details]:
            line(console, f"{_place(choice)}: {word}, {choice.code or lots_of(choice.lots) + ' lots'}")
    _draw_orders(console, result.orders, details)


def _draw_orders(console: Console, orders: tuple[OrderChange, ...], details: int) -> None:
    if not orders:
        return
    counts = Counter(each.word for each in orders)
    told = f"{counts['differs']} differ, {counts['gone']} gone, {counts['new']} new"
    line(console, f"Instructions: {told}", "bold")
    for change in orders[:details]:
        order = change.order
        place = f"{utc(order.time_ms)} {order.instruction} {order.side} {order.symbol} ({order.rule})"
        line(console, f"{place}: {change.word}, {lots_of(order.lots)} lots, {order.status}")
        for difference in change.differences:
            line(console, f"    {difference.name}: {_value(difference)}")


def _draw_causes(console: Console, changes: tuple[Change, ...]) -> None:
    made = table(console, "first difference", "answers", "waterfalls", "mean change in lots", right=("answers",))
    for cause in causes(changes):
        made.add_row(cause.name, str(cause.outcomes), str(cause.waterfalls), f"{cause.mean_lots:+.4f}")
    show(console, made)


def _draw_change(console: Console, change: Change) -> None:
    line(console, f"{_place(change)}: {lots_of(change.lots_before)} -> {lots_of(change.lots_after)} lots", "bold")
    for difference in change.differences:
        line(console, f"    {difference.name}: {_value(difference)}")


def _place(each: Change | Choice) -> str:
    return f"{utc(each.time_ms)} {each.symbol} {each.side} (magic {each.magic})"


def _value(difference: Difference) -> str:
    before, after = ("none" if each is None else each for each in (difference.before, difference.after))
    return f"{before} -> {after}"


def _count(decisions: int) -> str:
    return "1 decision" if decisions == 1 else f"{decisions} decisions"


def _as_json(result: Comparison, details: int) -> dict[str, Any]:
    return {
        "same": result.same,
        "before": result.before,
        "after": result.after,
        "heads": [each._asdict() for each in result.heads],
        "causes": [each._asdict() for each in causes(result.changes)],
        "changed": len(result.changes),
        "gone": len(result.gone),
        "new": len(result.new),
        "instructions": len(result.orders),
        "details": {
            "changes": [_with_differences(each) for each in result.changes[:details]],
            "instructions": [_with_differences(each) for each in result.orders[:details]],
            "gone": result.gone[:details],
            "new": result.new[:details],
        },
    }


def _with_differences(change: Change | OrderChange) -> dict[str, Any]:
    return {**change._asdict(), "differences": [one._asdict() for one in change.differences]}
