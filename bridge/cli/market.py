"""`lotbridge sample-market`: the synthetic market as files."""

import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer
from rich.console import Console

from bridge.cli.sample import sample_account
from bridge.cli.screen import NOTE, QUIET, line, screen, show, table
from bridge.errors import MarketError
from bridge.market import sample
from bridge.market.recording import TIMEFRAME_MS, RecordedMarket, RecordedSymbol
from bridge.market.store import HEADER, sample_market, save


def sample_market_command(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="Where to save it. Default: your cache folder, as the daemon does.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another number makes another market.")] = 7,
) -> None:
    """Generate the sample market and show what is in it. It is synthetic: no price in it was ever traded."""
    notes = screen(stderr=True)
    if folder is None:
        market = sample_market(seed=seed, progress=lambda text: line(notes, text, QUIET))
    else:
        _demand_room(folder, seed)
        market = sample.generate(seed)
        _save_whole(market, folder.absolute(), seed)
    console = screen()
    _show(console, market, seed)
    if folder is not None:
        line(console, "Saved. To play it, put into an account of bridge.toml:")
        line(console, '  terminal = "recorded"', wrap=False)
        line(console, f"  market = '{folder.absolute()}'", wrap=False)


def _save_whole(market: RecordedMarket, folder: Path, seed: int) -> None:
    """Write the folder beside its place and move it there: an interrupt or a full disk leaves nothing half-written."""
    try:
        if folder.exists() and any(folder.iterdir()):
            save(market, folder, seed=seed)  # the very same market; every file of it is replaced whole
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=folder.parent, prefix=".lotbridge-", ignore_cleanup_errors=True
        ) as workshop:
            made = Path(workshop) / "market"
            save(market, made, seed=seed)
            if folder.exists():
                folder.rmdir()
            made.rename(folder)
    except OSError as fault:
        raise MarketError(f"{folder} cannot be written: {fault.strerror or fault}.") from fault


class _Head(msgspec.Struct):
    """As much of `market.json` as tells whose market a folder holds."""

    synthetic: bool
    seed: int | None


def _demand_room(folder: Path, seed: int) -> None:
    """The folder must be new, empty, or hold this very market: a recording is never overwritten."""
    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return
        head = msgspec.json.decode((folder / HEADER).read_bytes(), type=_Head)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        head = None
    if head is None or not head.synthetic or head.seed != seed:
        raise MarketError(f"{folder} holds something else, and nothing is overwritten; name another folder.")


def _show(console: Console, market: RecordedMarket, seed: int) -> None:
    line(console, f"Synthetic market, seed {seed}: generated, not recorded.", f"bold {NOTE}")
    symbols = sample_account().symbols
    right = ("ticks", "days", "spread")
    made = table(console, "symbol", "class", "ticks", "days", "spread", "bars before and during", right=right)
    for name, symbol in market.symbols.items():
        found = symbols.find(name)
        made.add_row(
            name,
            "none" if found is None else found[0],
            f"{len(symbol.ticks.time_ms):,}",
            str(_days(symbol)),
            _spread(symbol),
            ", ".join(f"{timeframe} {len(bars):,}" for timeframe, bars in symbol.bars.items()),
        )
    show(console, made)


def _days(symbol: RecordedSymbol) -> int:
    """The market's own days that hold ticks: those whose daily bar ends after the first tick."""
    return int(np.count_nonzero(symbol.bars["D1"].time_ms + TIMEFRAME_MS["D1"] > symbol.ticks.time_ms[0]))


def _spread(symbol: RecordedSymbol) -> str:
    """The median spread in points."""
    points = float(np.median(symbol.ticks.ask - symbol.ticks.bid)) / symbol.spec.point
    return f"{points:.1f} pt"
