"""The command line. Each command is a module; what goes wrong becomes one message and an exit code, here."""

import sys
from collections import UserDict
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import typer
import typer.main
from typer.core import TyperGroup

from bridge.cli.output import FAILURE_EXIT, complain, lost_output
from bridge.errors import ConfigError, LotbridgeError

USAGE_EXIT, INTERRUPTED_EXIT = 2, 130

_PLACES = {
    "serve": "serve:serve",
    "size": "size:size",
    "status": "status:status",
    "rules": "rules:rules",
    "positions": "positions:positions",
    "rebalance": "rebalance:rebalance",
    "halt": "control:halt",
    "resume": "control:resume",
    "anchor": "control:anchor",
    "explain": "explain:explain",
    "risk": "risk:risk",
    "audit": "audit:audit",
    "prove": "prove:prove",
    "replay": "replay:replay",
    "odds": "odds:odds",
    "regress": "regress:regress",
    "report": "report:report",
    "check": "config:check",
    "init": "config:init",
    "install-ea": "install_ea:install_ea",
    "doctor": "doctor:doctor",
    "record": "record:record",
    "pack": "pack:pack",
    "sample-market": "market:sample_market_command",
    "keys": "keys:keys",
    "codes": "codes:codes",
    "demo": "demo:demo",
    "bench": "bench:bench",
}
"""Every command, and where it is: a module of this package and the function or group in it."""


class _Commands(UserDict[str, Any]):
    """Commands by name. What one of them needs is loaded when that one is wanted: all of it takes half a second."""

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if isinstance(found, str):
            found = self[name] = _loaded(name, found)
        return found


def _loaded(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    what = getattr(import_module(f"bridge.cli.{module}"), attribute)
    if isinstance(what, typer.Typer):
        group = typer.main.get_group(what)
        group.name = name
        return group
    alone = typer.Typer(add_completion=False)
    alone.command(name)(what)
    return typer.main.get_command(alone)


class _Lotbridge(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        self.commands = _Commands(_PLACES)


app = typer.Typer(
    name="lotbridge",
    cls=_Lotbridge,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lotbridge {version('lotbridge')}")
        raise typer.Exit


@app.callback()
def _lotbridge(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """How many lots? A daemon that sizes every trade of MetaTrader 5 inside the loss limits of your account.

    It never trades itself. Start it with `serve`, ask it with `size`, and look a decision up with `explain`.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit: 0, 2 for the configuration or the command line, 1 for anything else."""
    for stream in (sys.stdout, sys.stderr):
        # A console that lacks a letter of a path or a symbol shows a question mark instead.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    try:
        code = _run(None if arguments is None else list(arguments))
        sys.stdout.flush()
    except OSError as fault:
        code = lost_output(fault)
    sys.exit(code)


def _run(arguments: list[str] | None) -> int | str | None:
    try:
        app(args=arguments, prog_name="lotbridge")
    except SystemExit as ended:
        return ended.code
    except LotbridgeError as error:
        complain(str(error))
        return USAGE_EXIT if isinstance(error, ConfigError) else FAILURE_EXIT
    except KeyboardInterrupt:
        return INTERRUPTED_EXIT
    return 0
