"""Reading a preset of the active rules, with everything that is wrong in it at once."""

from pathlib import Path

from bridge.errors import ConfigError
from bridge.settings.schema import parse
from bridge.settings.source import Fault, SourceError, read
from sizing.positions.active_rules import ActiveRules


def read_active(path: Path, name: str) -> tuple[ActiveRules | None, list[Fault]]:
    """The rules of a file, called `name` in what is said of it; or None, and every problem with its key and line."""
    try:
        source = read(path, name)
    except SourceError as error:
        return None, [error.fault]
    rules, faults = parse(ActiveRules, source, source.data)
    # A number beyond 64 bits is reported already; what stands in its place is not the trader's.
    replaced = {fault.loc for fault in source.faults}
    faults = [*source.faults, *(fault for fault in faults if fault.loc not in replaced)]
    return (None if faults else rules), faults


def load_active(path: Path) -> ActiveRules:
    """The rules of a file. Raises `ConfigError` that lists every problem of it."""
    rules, faults = read_active(path, path.name)
    if rules is None:
        count = "1 problem" if len(faults) == 1 else f"{len(faults)} problems"
        in_order = sorted(faults, key=lambda fault: fault.line or 0)
        raise ConfigError("\n  ".join([f"{count} in {path}:", *map(str, in_order)]))
    return rules
