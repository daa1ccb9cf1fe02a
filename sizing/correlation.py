"""How the new position's profit and loss moves with what is open, pending or reserved."""

import math

from sizing.snapshot import Exposure
from sizing.trade import Trade


def measure(trade: Trade) -> None:
    """Fill in the signed P/L correlation of the new position with each exposure."""
    table, symbol, side = trade.snapshot.correlation, trade.signal.symbol, trade.signal.side
    trade.correlations = [_signed(table, symbol, side, each) for each in trade.exposures]


def with_book(trade: Trade) -> float:
    """Correlation, -1 to 1, of the new position's P/L with that of the whole book, exposures weighted by risk.

    `cov(new, book) / sd(book)` with unit risk for the new position: the definition of correlation for a weighted sum.
    0 for an empty or a perfectly hedged book.
    """
    exposures, table = trade.exposures, trade.snapshot.correlation
    covariance = variance = 0.0
    for index, exposure in enumerate(exposures):
        risk = exposure.risk
        covariance += risk * trade.correlations[index]
        variance += risk * risk
        for other in exposures[:index]:
            variance += 2 * risk * other.risk * _signed(table, exposure.symbol, exposure.side, other)
    if variance <= 0:
        return 0.0
    return max(-1.0, min(1.0, covariance / math.sqrt(variance)))


def _signed(table: dict[str, dict[str, float]], symbol: str, side: str, other: Exposure) -> float:
    """P/L correlation of a side of one symbol with an exposure. A pair nobody knows is taken to lose together."""
    if symbol == other.symbol:
        return 1.0 if side == other.side else -1.0
    row = table.get(symbol)
    value = None if row is None else row.get(other.symbol)
    if value is None:
        return 1.0
    return value if side == other.side else -value
