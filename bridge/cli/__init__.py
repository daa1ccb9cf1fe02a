"""The command line. Each command is a module; what goes wrong becomes one message and an exit code, here."""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from bridge.cli.audit import audit
from bridge.cli.bench import bench
from bridge.cli.codes import codes
from bridge.cli.config import check, init
from bridge.cli.control import anchor, halt, resume
from bridge.cli.demo import demo
from bridge.cli.doctor import doctor
from bridge.cli.explain import explain
from bridge.cli.install_ea import install_ea
from bridge.cli.keys import keys
from bridge.cli.market import sample_market_command
from bridge.cli.odds import odds
from bridge.cli.output import FAILURE_EXIT, complain, lost_output
from bridge.cli.pack import pack
from bridge.cli.prove import prove
from bridge.cli.record import record
from bridge.cli.regress import regress
from bridge.cli.replay import replay
from bridge.cli.report import report
from bridge.cli.risk import risk
from bridge.cli.rules import rules
from bridge.cli.serve import serve
from bridge.cli.size import size
from bridge.cli.status import status
from bridge.errors import ConfigError, LotbridgeError

USAGE_EXIT, INTERRUPTED_EXIT = 2, 130

app = typer.Typer(
    name="lotbridge",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command()(serve)
app.command()(size)
app.command()(status)
app.command()(rules)
app.command()(halt)
app.command()(resume)
app.add_typer(anchor, name="anchor")
app.command()(explain)
app.command()(risk)
app.command()(audit)
app.command()(prove)
app.command()(replay)
app.command()(odds)
app.command()(regress)
app.command()(report)
app.command()(check)
app.command()(init)
app.command("install-ea")(install_ea)
app.command()(doctor)
app.command()(record)
app.command()(pack)
app.command("sample-market")(sample_market_command)
app.command()(keys)
app.command()(codes)
app.command()(demo)
app.command()(bench)


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
