"""Reading a preset of the active rules, with everything that is wrong in it at once."""

from pathlib import Path

from bridge.errors import ConfigError
from bridge.settings.schema import parse_file
from bridge.settings.source import Fault, report
from sizing.positions.active_rules import ActiveRules


def read_active(path: Path, name: str) -> tuple[ActiveRules | None, list[Fault]]:
    """The rules of a file, called `name` in what is said of it; or None, and every problem with its key and line."""
    return parse_file(ActiveRules, path, name)


def load_active(path: Path) -> ActiveRules:
    """The rules of a file. Raises `ConfigError` that lists every problem of it."""
    rules, faults = read_active(path, path.name)
    if rules is None:
        raise ConfigError(report(path, faults))
    return rules
