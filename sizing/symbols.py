"""What kind of instrument a broker's symbol name stands for. A name that matches nothing is refused, never guessed."""

from dataclasses import dataclass, field

from sizing.params import param
from sizing.policy import Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolClass(Checked):
    """Limits and costs that hold for every symbol of one class.

    A pattern is a name stem with an optional trailing `*` for the broker's suffix (`EURUSD*` finds `EURUSD.sim`).
    """

    patterns: tuple[str, ...]
    max_lots: float = param(10.0, "lots per position", gt=0)
    max_notional_pct: float = param(20.0, "percent of equity, notional per position in account currency", gt=0)
    commission_per_lot: float = param(0.0, "account currency per lot, round trip", ge=0)
    slippage_points: float = param(0.0, "points lost beyond the stop when it is executed", ge=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolTable:
    """The classes, other names of the same instrument, and correlations assumed where data is thin.

    `aliases` maps a stem to the canonical name (`WS30` to `US30`); `correlations` holds canonical pairs `"A/B"`.
    """

    classes: dict[str, SymbolClass] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    correlations: dict[str, float] = field(default_factory=dict)

    def find(self, symbol: str) -> tuple[str, str] | None:
        """Class name and canonical instrument of a broker's symbol; the longest stem wins. None if unknown."""
        best: tuple[int, str, str] | None = None
        for name, symbol_class in self.classes.items():
            for pattern in symbol_class.patterns:
                stem = pattern.rstrip("*")
                if matches(symbol, pattern) and (best is None or len(stem) > best[0]):
                    best = (len(stem), name, stem)
        return None if best is None else (best[1], self.aliases.get(best[2], best[2]))

    def prior(self, first: str, second: str) -> float | None:
        """Assumed correlation of two canonical instruments: 1 for the same, None where the table says nothing."""
        if first == second:
            return 1.0
        return self.correlations.get(f"{first}/{second}", self.correlations.get(f"{second}/{first}"))


def matches(symbol: str, pattern: str) -> bool:
    """Whether a symbol is a stem, or the stem and a broker's suffix if the pattern ends in `*`.

    A suffix never continues a number: `US30*` finds `US30.cash` and `US30F26`, not `US300`.
    """
    stem = pattern.rstrip("*")
    if symbol == stem:
        return True
    if stem == pattern or not symbol.startswith(stem):
        return False
    return not (stem[-1:].isdigit() and symbol[len(stem)].isdigit())
