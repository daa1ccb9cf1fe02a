"""How the profit and loss of one position moves with that of others."""

import math

from sizing.snapshot import Exposure, Side

Table = dict[str, dict[str, float]]


def signed_correlations(table: Table, symbol: str, side: Side, exposures: tuple[Exposure, ...]) -> tuple[float, ...]:
    """P/L correlation, -1 to 1, of a side of one symbol with each exposure."""
    return tuple(_signed(table, symbol, side, each) for each in exposures)


def with_book(table: Table, exposures: tuple[Exposure, ...], correlations: tuple[float, ...]) -> float:
    """Correlation, -1 to 1, of a position's P/L with that of the whole book, exposures weighted by risk.

    `correlations` are the position's with each exposure. `cov(position, book) / sd(book)` with unit risk for the
    position: the definition of correlation for a weighted sum. 0 for an empty or a perfectly hedged book.
    """
    covariance, variance = _moments(table, exposures, correlations)
    return _ratio(covariance, variance, 0.0)


def with_promise(
    table: Table, held: tuple[Exposure, ...], correlations: tuple[float, ...], promise: Exposure, correlation: float
) -> float:
    """The largest correlation of a position's P/L with the book and any part of one promise, from none to all of it.

    A promise may be filled in part or not at all, so it counts with the part that makes the position look most like
    the book: a larger promise never looks better than a smaller one. `correlations` are the position's with each held
    exposure, `correlation` with the promise.
    """
    if promise.risk <= 0:
        return with_book(table, held, correlations)
    covariance, variance = _moments(table, held, correlations)
    if variance <= 0:
        return max(0.0, correlation)
    between = sum(each.risk * _signed(table, promise.symbol, promise.side, each, 0.0) for each in held)
    # The derivative of (covariance + x * correlation) / sqrt(variance + 2 x * between + x^2) by the part x of the
    # promise's risk has the sign of rise + x * bend, so the largest value is at an end or where that is 0.
    rise, bend = correlation * variance - covariance * between, correlation * between - covariance
    parts = [0.0, promise.risk]
    if bend < 0 < rise:
        parts.append(min(promise.risk, -rise / bend))
    return max(
        _ratio(covariance + part * correlation, variance + 2 * part * between + part * part, max(0.0, correlation))
        for part in parts
    )


def _ratio(covariance: float, variance: float, without: float) -> float:
    if variance <= 0:
        # A hedged book has no direction of its own; a table that contradicts itself is read on the careful side.
        return 1.0 if covariance > 0 else without
    return _clip(covariance / math.sqrt(variance))


def _moments(table: Table, exposures: tuple[Exposure, ...], correlations: tuple[float, ...]) -> tuple[float, float]:
    """Covariance of a position of unit risk with the book, and the book's variance.

    How two exposures of the book move together may be unknown. Then they are taken to be independent where that makes
    the position look more like the book, and to move together where that makes it look less of a hedge.
    """
    covariance = sum(exposure.risk * each for exposure, each in zip(exposures, correlations, strict=True))
    unknown = 0.0 if covariance > 0 else 1.0
    variance = 0.0
    for index, exposure in enumerate(exposures):
        variance += exposure.risk * exposure.risk
        for other in exposures[:index]:
            pair = _signed(table, exposure.symbol, exposure.side, other, unknown)
            variance += 2 * exposure.risk * other.risk * pair
    return covariance, variance


def _clip(correlation: float) -> float:
    return max(-1.0, min(1.0, correlation))


def _signed(table: Table, symbol: str, side: Side, other: Exposure, unknown: float = 1.0) -> float:
    """P/L correlation of a side of one symbol with an exposure; `unknown` for a pair that nobody knows."""
    if symbol == other.symbol:
        return 1.0 if side == other.side else -1.0
    row = table.get(symbol)
    value = None if row is None else row.get(other.symbol)
    if value is None:
        return unknown
    return value if side == other.side else -value
