"""`lotbridge pack`: recorded ticks in 2 to 3 bytes each, read at the speed that replays want."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.screen import GOOD, line, note, screen, show, table
from bridge.market.pack import Packed
from bridge.market.pack import pack as pack_folder

_TELL_EVERY_S = 2.0


def pack(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Recorded ticks: Parquet, or MetaTrader's exports.", show_default=False),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where to write.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace what was packed into OUT before.")] = False,
) -> None:
    """Pack recorded ticks into small files that `replay --ticks OUT` and a recorded terminal read quickly.

    FOLDER stays as it is. Ctrl-C leaves no broken file; the same command begins anew.
    """
    files, notes = pack_folder(folder, out, _progress(), force=force)
    for text in notes:
        note(text)
    console = screen()
    columns = ("Symbol", "Ticks", "MB", "Bytes a tick")
    made = table(console, *columns, right=columns[1:])
    for each in [*files, *([_total(files)] if len(files) > 1 else [])]:
        made.add_row(each.symbol, f"{each.ticks:,}", f"{each.size / 1e6:.1f}", f"{each.size / each.ticks:.2f}")
    show(console, made)
    line(console, f"Packed into {out}", GOOD, wrap=False)


def _total(files: list[Packed]) -> Packed:
    return Packed("all", Path(), sum(each.ticks for each in files), sum(each.size for each in files))


def _progress() -> Callable[[str, float], None]:
    """Tell of every symbol when it is done, and every two seconds how far it is."""
    told = time.monotonic()

    def tell(symbol: str, share: float) -> None:
        nonlocal told
        if share == 1 or time.monotonic() - told >= _TELL_EVERY_S:
            told = time.monotonic()
            note(f"{symbol}: {share * 100:.0f} % packed")

    return tell
