"""Every command, option, log event and halting code is explained."""

import ast
import importlib
import inspect

import typer
from typer.core import TyperCommand, TyperGroup

from bridge import answers, server, service
from bridge.cli import app
from bridge.manager import manager
from bridge.protocol.codes import CODES
from sizing import gates
from tests.docs.pages import OPERATIONS, text
from tests.docs.wire import tables_of


def _commands() -> dict[str, set[str]]:
    """Every command with its options; a group of commands with those of all of them."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    found: dict[str, set[str]] = {"": _options(group)}
    for name, command in group.commands.items():
        parts = command.commands.values() if isinstance(command, TyperGroup) else (command,)
        found[name] = set()
        for part in parts:
            assert isinstance(part, TyperCommand)
            found[name] |= _options(part)
    return found


def _options(command: TyperCommand | TyperGroup) -> set[str]:
    return {
        option
        for parameter in command.params
        if parameter.param_type_name == "option"
        for option in (*parameter.opts, *parameter.secondary_opts)
    }


def test_every_command_has_its_row_and_every_row_a_command() -> None:
    rows = {name.split()[0] for name in tables_of(text(OPERATIONS))["command"]}
    assert rows == _commands().keys() - {""}


def test_every_option_is_named_in_the_row_of_its_command() -> None:
    page = text(OPERATIONS)
    start = page.index("To connect:")
    shared = {word for word in page[start : page.index("\n\n", start)].split("`") if word.startswith("--")}
    rows = {name.split()[0]: " ".join(cells) for name, cells in tables_of(page)["command"].items()}
    for name, options in _commands().items():
        row = rows.get(name, page)
        named = {word for word in row.split("`") if word.startswith("-")}
        if "those to connect" in row:
            named |= shared
        assert options - {"--help", "-h"} <= named | ({"--version"} if not name else set()), name
        assert not name or named <= options, name


def test_every_event_of_the_log_is_explained() -> None:
    explained = {word for row in tables_of(text(OPERATIONS))["event"] for word in row.replace("`", "").split(", ")}
    written = _named(service, "Event", 1) | _named(server, "_log", 1) | _named(manager, "_tell", 1)
    names = ("construction", "monitor", "settlement", "step", "targets")
    steps = [importlib.import_module(f"sizing.positions.rebalance.{name}") for name in names]
    written |= {f"portfolio_{kind}" for each in steps for kind in _named(each, "Event", 0)}
    assert written <= explained


def test_every_code_that_halts_has_its_advice() -> None:
    ages, account = (
        inspect.getsource(gates.age_refusal),
        [
            inspect.getsource(getattr(gates, name))
            for name in gates.account_refusal.__code__.co_names
            if name.startswith("_")
        ],
    )
    halting = _constants("\n".join([inspect.getsource(answers._halted), ages, *account])) & CODES.keys()
    assert halting
    assert set(tables_of(text(OPERATIONS))["code"]) == halting


def _named(module: object, callee: str, position: int) -> set[str]:
    """The texts that a module passes to a call at one position."""
    names = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):  # type: ignore[arg-type]
        if isinstance(node, ast.Call) and callee in (getattr(node.func, "id", ""), getattr(node.func, "attr", "")):
            argument = node.args[position] if len(node.args) > position else None
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                names.add(argument.value)
    return names


def _constants(source: str) -> set[str]:
    nodes = ast.walk(ast.parse(source))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
