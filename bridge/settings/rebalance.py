"""`positions/rebalance.toml`: how a portfolio is rebalanced and watched."""

from pathlib import Path

from bridge.errors import ConfigError
from bridge.settings.schema import parse_file
from bridge.settings.source import Fault, report
from sizing.positions.rebalance.rules import Rebalance


def read_rebalance(path: Path, name: str) -> tuple[Rebalance | None, list[Fault]]:
    """The rules of a file, called `name` in what is said of it; or None, and every problem with its key and line."""
    return parse_file(Rebalance, path, name)


def load_rebalance(path: Path) -> Rebalance:
    """The rules of a file. Raises `ConfigError` that lists every problem with its place."""
    rules, faults = read_rebalance(path, path.name)
    if rules is None:
        raise ConfigError(report(path, faults))
    return rules
