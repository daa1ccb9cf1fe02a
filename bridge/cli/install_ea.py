"""`lotbridge install-ea`: the MQL5 files into MetaTrader 5, and the clicks that remain."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bridge.cli import options
from bridge.cli.screen import BAD, GOOD, NOTE, line, lines, print_json, screen
from bridge.errors import ConfigError, LotbridgeError
from bridge.install_ea.faults import InstallError
from bridge.install_ea.places import Place, looked_in, places
from bridge.install_ea.plan import Item, Plan, State, make_plan
from bridge.install_ea.sources import mql5_folder, shipped_files
from bridge.install_ea.terminals import Terminal, find_terminals, named_terminal
from bridge.install_ea.transaction import carry_out

_COUNTED: tuple[State, ...] = ("added", "upgraded", "replaced", "unchanged", "kept")
_NONE_FOUND = (
    "No MetaTrader 5 terminal was found in {}. Start it once, so that it makes its data folder; or name that with "
    "--terminal: the terminal shows it under File > Open Data Folder."
)
_BRIEF_CLICKS = (
    "If it is still to do: allow the daemon's address under Tools > Options > Expert Advisors, compile with F7 in "
    "MetaEditor, and drag the EA onto a chart."
)
_SEVERAL = "There are several terminals: name one with --terminal, or take --all."


class _SeveralError(ConfigError):
    """The user has to choose."""


def install_ea(
    *,
    terminal: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The terminal: the folder of terminal64.exe, its data folder, an MQL5 folder, or a Wine prefix. "
            "Default: looked for in %APPDATA% and Program Files; on Linux in WINEPREFIX, else in ~/.wine and ~/.mt5.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Install into every terminal that is found.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files you changed too; a backup is kept.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")] = False,
    as_json: options.Json = False,
) -> None:
    """Copy the MQL5 files into MetaTrader 5. Files that you changed are kept. The terminal may be running."""
    if terminal is not None and every:
        raise typer.BadParameter("goes without --terminal", param_hint="--all")
    looked_at = places(sys.platform, os.environ, Path.home())
    found: list[Terminal] = []
    try:
        found = find_terminals(looked_at) if terminal is None else [named_terminal(terminal, looked_at)]
        if not found:
            raise InstallError(_NONE_FOUND.format(_looked_in(looked_at)))
        plans = _plans(found, every=every, force=force)
        if not dry_run:
            carry_out([step for plan in plans for step in plan.steps])
    except LotbridgeError as error:
        _refuse(error, found, as_json=as_json)
    else:
        if as_json:
            print_json(_plain(plans, dry_run=dry_run))
        else:
            _show(screen(), plans, dry_run=dry_run)


def _looked_in(looked_at: list[Place]) -> str:
    from_environment = sys.platform != "win32" and os.environ.get("WINEPREFIX")
    return f"{looked_in(looked_at)}{' (from WINEPREFIX)' if from_environment else ''}"


def _plans(found: list[Terminal], *, every: bool, force: bool) -> list[Plan]:
    if len(found) > 1 and not every:
        raise _SeveralError(_SEVERAL)
    sources = shipped_files(mql5_folder())
    return [make_plan(each, sources, version("lotbridge"), force=force) for each in found]


def _refuse(error: LotbridgeError, found: list[Terminal], *, as_json: bool) -> None:
    if as_json:
        print_json({"ok": False, "problem": str(error), "terminals": [_facts(each) for each in found]})
    elif isinstance(error, _SeveralError):
        _list(screen(stderr=True), found)
    else:
        raise error
    raise typer.Exit(2 if isinstance(error, ConfigError) else 1) from error


def _list(console: Console, found: list[Terminal]) -> None:
    line(console, f"Error: {_SEVERAL}", BAD)
    for each in found:
        line(console)
        line(console, _title(each), "bold", wrap=False)
        lines(console, f'lotbridge install-ea --terminal "{_argument(each)}"')


def _argument(terminal: Terminal) -> Path:
    return terminal.mql5 if terminal.portable else terminal.folder


def _title(terminal: Terminal) -> str:
    name = terminal.installation or "a terminal whose installation is not known"
    return f"{name} (portable, or never started)" if terminal.portable else name


def _facts(terminal: Terminal) -> dict[str, Any]:
    return {
        "folder": str(terminal.folder),
        "mql5": str(terminal.mql5),
        "installation": terminal.installation,
        "portable": terminal.portable,
    }


def _plain(plans: list[Plan], *, dry_run: bool) -> dict[str, Any]:
    return {
        "ok": True,
        "dry_run": dry_run,
        "version": version("lotbridge"),
        "terminals": [
            {
                **_facts(plan.terminal),
                "files": [
                    {"name": item.name, "state": item.state, "beside": item.beside and str(item.beside)}
                    for item in plan.items
                ],
            }
            for plan in plans
        ],
        "to_do": _clicks(plans),
    }


def _show(console: Console, plans: list[Plan], *, dry_run: bool) -> None:
    for plan in plans:
        line(console, _title(plan.terminal), "bold", wrap=False)
        lines(console, str(plan.terminal.mql5))
        _tell(console, plan.items)
        line(console)
    if dry_run:
        line(console, "Nothing was written (--dry-run).", NOTE)
        return
    if all(item.state == "unchanged" for plan in plans for item in plan.items):
        line(console, f"All files of lotbridge {version('lotbridge')} are there and up to date.", GOOD)
        line(console, _BRIEF_CLICKS)
        return
    line(console, "What remains, in each terminal:", GOOD)
    for number, text in enumerate(_clicks(plans), 1):
        line(console, f"{number}. {text}")


def _tell(console: Console, items: list[Item]) -> None:
    states = [item.state for item in items]
    counts = ", ".join(f"{states.count(state)} {state}" for state in _COUNTED if state in states)
    line(console, f"Files: {counts}.", GOOD)
    if "removed" in states:
        text = f"Removed: {states.count('removed')} files (.lotbridge-*.tmp) of an installation that was broken off."
        line(console, text, NOTE)
    for item in items:
        if item.state == "kept" and item.beside is not None:
            line(console, f"Kept, since you changed it: {item.name}. The new one: {item.beside.name}", NOTE, wrap=False)
        elif item.state == "replaced" and item.beside is not None:
            line(console, f"Replaced: {item.name}. Yours is now {item.beside.name}", NOTE, wrap=False)
        elif item.state == "obsolete":
            line(console, f"No longer part of lotbridge, and left: {item.name}", NOTE, wrap=False)
    if "kept" in states:
        text = "Old and new files may not compile together: bring your changes into the new ones, or take --force."
        line(console, text, NOTE)


def _clicks(plans: list[Plan]) -> list[str]:
    """What only a person can do."""
    programs = sorted({item.name for plan in plans for item in plan.items if item.name.endswith(".mq5")})
    named = ", ".join(programs) or "your EA"
    return [
        'Tools > Options > Expert Advisors: tick "Allow WebRequest for listed URL", and add 127.0.0.1, or the address '
        "of the computer that runs the daemon.",
        f"Press F4 for MetaEditor; open and compile (F7): {named}.",
        "Back in the terminal, right-click in the Navigator (Ctrl+N) and choose Refresh; then drag the EA onto a chart "
        "and switch Algo Trading on.",
    ]
