"""How one symbol moves with every other at hand."""

from dataclasses import dataclass

from bridge.report.sources import Source
from sizing.stats.correlation import RECENT, WINDOW, broken, common_returns, measure, shrink
from sizing.symbols import SymbolTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One correlation of daily returns. `used` is what sizing takes; None is unknown, which it takes as 1."""

    symbol: str
    measured: float | None
    observations: int
    error: float | None
    """Standard error of `measured`."""
    prior: float | None
    used: float | None
    broken: tuple[float, float] | None
    """The newest correlation and the one before, where they differ beyond chance."""


def correlation_row(source: Source, symbol: str) -> list[Pair]:
    """The symbol with every other of the source, the largest first."""
    pairs = [_pair(source, symbol, other) for other in source.bars if other != symbol]
    return sorted(pairs, key=lambda pair: (-(pair.used if pair.used is not None else -2.0), pair.symbol))


def _pair(source: Source, symbol: str, other: str) -> Pair:
    own, bars = source.bars[symbol], source.bars[other]
    first, second = common_returns(own.time_ms, own.close, bars.time_ms, bars.close, WINDOW + RECENT)
    found, measured = broken(first, second), measure(first[-WINDOW:], second[-WINDOW:])
    prior = _prior(source.account.symbols, symbol, other)
    return Pair(
        symbol=other,
        measured=None if measured is None else measured.value,
        observations=len(first[-WINDOW:]),
        error=None if measured is None else measured.error,
        prior=prior,
        used=shrink(measured, prior),
        broken=None if found is None else (found.recent, found.before),
    )


def _prior(table: SymbolTable, first: str, second: str) -> float | None:
    one, two = table.find(first), table.find(second)
    return None if one is None or two is None else table.prior(one[1], two[1])
