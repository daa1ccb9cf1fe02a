"""`lotbridge demo`: the daemon, a simulated terminal and an example EA, for a few trading days."""

import math
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.screen import screen
from bridge.settings.defaults import Preset, defaults_folder

_SEED = 7


def demo(
    *,
    ticks: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Recorded ticks to play. Default: the sample market (synthetic).", show_default=False
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Trading days to play.")] = 3,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help=f"Another number makes another sample market. Default: {_SEED}.", show_default=False),
    ] = None,
    balance: Annotated[float, typer.Option(min=1, help="What the account starts with, in USD.")] = 100_000.0,
    firm: Annotated[
        str, typer.Option(help="Whose loss rules hold: a file of firms/, such as ftmo-2step.")
    ] = "ftmo-2step",
    preset: Annotated[
        Preset,
        typer.Option(
            case_sensitive=False,
            help="leveraged: notional limits as multiples of equity. guide: as shares of it, "
            "which then decide nearly every size.",
        ),
    ] = "leveraged",
    full: Annotated[bool, typer.Option("--full", help="Draw every decision in full, not only the first.")] = False,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep configuration and journal in this new folder, for `explain`.", show_default=False
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """See lotbridge at work: a daemon, a market and an example EA that asks it how many lots.

    The daemon is a process of its own and is asked over its real socket; nothing is installed, and nothing is traded.
    """
    # The other commands, and the daemon itself, need none of this.
    from bridge.demo.machine import MachineReport  # noqa: PLC0415
    from bridge.demo.printer import Printer  # noqa: PLC0415
    from bridge.demo.scene import Wish  # noqa: PLC0415
    from bridge.demo.stage import run  # noqa: PLC0415
    from bridge.interrupts import Interrupts  # noqa: PLC0415

    firms = sorted(path.stem for path in (defaults_folder() / "firms").glob("*.toml"))
    if firm not in firms:
        raise typer.BadParameter(f"{firm!r} is not among {', '.join(firms)}.", param_hint="--firm")
    if not math.isfinite(balance):
        raise typer.BadParameter("It must be a finite number.", param_hint="--balance")
    if ticks is not None and seed is not None:
        raise typer.BadParameter("A recording has no seed; leave it out, or leave out --ticks.", param_hint="--seed")
    if full and as_json:
        raise typer.BadParameter("JSON is always in full; leave one of them out.", param_hint="--full")
    wish = Wish(
        ticks=ticks,
        days=days,
        seed=_SEED if seed is None else seed,
        balance=balance,
        firm=firm,
        preset=preset,
        keep=keep,
    )
    show = MachineReport() if as_json else Printer(screen(), full=full)
    with Interrupts() as interrupts:
        try:
            run(wish, show, interrupts)
        except KeyboardInterrupt:
            show.note("Stopped before there was anything to show.")
        finally:
            show.close()
    if interrupts.number is not None:
        raise typer.Exit(interrupts.exit_code)
