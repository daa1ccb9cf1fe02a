"""Everything that a run needs, from the names on the command line."""

from pathlib import Path
from typing import NamedTuple, TypeVar

from bridge.errors import ConfigError, MarketError
from bridge.proof.bars import SymbolBars, file_bars, sample_bars
from bridge.proof.history import Past, Say, past
from bridge.proof.prove import free_table
from bridge.settings import defaults_folder
from bridge.settings.field_checks import is_plain_name
from bridge.settings.schema import parse
from bridge.settings.source import read
from sizing.policy import Policy
from sizing.prop.firm import Firm
from sizing.symbols import SymbolTable

SAMPLE = "the sample market"

T = TypeVar("T")


class Ground(NamedTuple):
    """What is simulated on."""

    past: Past
    policy: Policy
    source: str
    synthetic: bool


def firm_of(name: str, initial: float, folder: Path | None = None) -> Firm:
    """A firm's rules, shipped or of a configuration folder, for a balance that it knows. Raises ConfigError."""
    folder = (defaults_folder() if folder is None else folder) / "firms"
    if not is_plain_name(name) or not (folder / f"{name}.toml").is_file():
        there = ", ".join(sorted(path.stem for path in folder.glob("*.toml"))) or "none"
        raise ConfigError(f"{folder} has no firm {name!r}. There are: {there}.")
    source = read(folder / f"{name}.toml", f"firms/{name}.toml")
    found, faults = parse(Firm, source, {**source.data, "name": name})
    if found is None:
        raise ConfigError("\n  ".join([f"{folder / name}.toml:", *(str(fault) for fault in faults)]))
    if lacking := found.lacks_size(initial):
        raise ConfigError(f"{name}: {lacking[0][1]}. Name one of them with --balance.")
    return found


def ground_of(bars: Path | None, say: Say) -> Ground:
    """The sample market, or a file of bars, under the shipped policy and table. Raises MarketError, ConfigError."""
    folder = defaults_folder()
    table = _packaged(folder / "symbols-leveraged.toml", SymbolTable)
    policy = _packaged(folder / "policy-leveraged.toml", Policy)
    found: dict[str, SymbolBars] = sample_bars() if bars is None else file_bars(bars)
    if not found:
        raise MarketError(f"{bars} holds no bars")
    name = SAMPLE if bars is None else bars.name
    return Ground(past(found, free_table(table), policy, say), policy, name, bars is None)


def _packaged(path: Path, kind: type[T]) -> T:
    source = read(path, path.name)
    instance, faults = parse(kind, source, source.data)
    if instance is None:
        raise ConfigError(f"The packaged {path.name} is damaged ({faults[0]}); install lotbridge again.")
    return instance
