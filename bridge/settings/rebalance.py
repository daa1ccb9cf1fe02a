"""`positions/rebalance.toml`: how a portfolio is rebalanced and watched."""

from pathlib import Path

from bridge.errors import ConfigError
from bridge.settings.schema import parse
from bridge.settings.source import Fault, Source, SourceError, read
from sizing.positions.rebalance.rules import Rebalance


def load_rebalance(path: Path) -> Rebalance:
    """The rules of a file. Raises `ConfigError` that lists every problem with its place."""
    try:
        source = read(path, path.name)
    except SourceError as error:
        raise ConfigError(str(error.fault)) from None
    rules, faults = parse(Rebalance, source, source.data)
    faults = [*source.faults, *faults, *([] if rules is None else _contradictions(source, rules))]
    if rules is None or faults:
        lines = [str(fault) for fault in sorted(faults, key=lambda fault: fault.line or 0)]
        raise ConfigError("\n  ".join([f"{len(lines)} problem{'s' * (len(lines) > 1)} in {path}:", *lines]))
    return rules


def _contradictions(source: Source, rules: Rebalance) -> list[Fault]:
    """What no single key shows."""
    faults: list[Fault] = []
    checks = rules.validation
    if checks.scale_sum < checks.warn_sum:
        problem = f"must not be less than warn_sum, which is {checks.warn_sum:g}; it is {checks.scale_sum:g}"
        faults.append(source.fault(("validation", "scale_sum"), problem))
    if checks.scaled_to > checks.scale_sum:
        problem = f"must not exceed scale_sum, which is {checks.scale_sum:g}; it is {checks.scaled_to:g}"
        faults.append(source.fault(("validation", "scaled_to"), problem))
    owner: dict[str, str] = {}
    for sector, patterns in rules.sectors.items():
        for pattern in patterns:
            if not pattern.rstrip("*"):
                faults.append(source.fault(("sectors", sector), f"names no symbol: {pattern!r}"))
            elif pattern in owner:
                problem = f"{pattern!r} stands in sector {owner[pattern]!r} already; a symbol has one sector"
                faults.append(source.fault(("sectors", sector), problem))
            owner.setdefault(pattern, sector)
    return faults
