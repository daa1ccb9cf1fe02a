"""`positions/rebalance.toml`: how a portfolio is rebalanced and watched."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bridge.errors import ConfigError
from bridge.settings.schema import parse_known
from bridge.settings.source import Fault, Source, SourceError, read, report
from sizing.positions.rebalance.rules import Rebalance


def read_rebalance(path: Path, name: str, classes: Sequence[str] | None = None) -> tuple[Rebalance | None, list[Fault]]:
    """The rules of a file, called `name` in what is said of it; or None, and every problem with its key and line.

    `classes` are the asset classes of the account's symbols; None: not checked.
    """
    try:
        source = read(path, name)
    except SourceError as error:
        return None, [error.fault]
    rules, faults = parse_known(Rebalance, source, source.data)
    faults = [*source.faults, *faults, *([] if classes is None else _unknown_classes(source, classes))]
    return (None if faults else rules), faults


def load_rebalance(path: Path) -> Rebalance:
    """The rules of a file. Raises `ConfigError` that lists every problem with its place."""
    rules, faults = read_rebalance(path, path.name)
    if rules is None:
        raise ConfigError(report(path, faults))
    return rules


def _unknown_classes(source: Source, known: Sequence[str]) -> list[Fault]:
    """A class that no symbol has would leave the one that was meant with the limits of any other."""
    written: Any = source.data.get("classes")
    return [
        source.fault(("classes", name), _no_class(name, known))
        for name in (written if isinstance(written, dict) else ())
        if name not in known
    ]


def _no_class(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"it has {', '.join(known)}."
    return f"is no class in the account's symbols file; {hint} Correct the name or remove the table"
