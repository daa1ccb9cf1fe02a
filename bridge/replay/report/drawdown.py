"""How far equity fell below its highest before, and for how long."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.replay.run import Equity, Floats


class Drawdown(NamedTuple):
    """A fall from a peak, in money and in percent of the peak; `recovered_ms` is None where it was not made good."""

    peak_ms: int
    trough_ms: int
    recovered_ms: int | None
    amount: float
    percent: float


def peaks(equity: Equity, initial_balance: float) -> Floats:
    """The highest equity up to the end of each quarter of an hour, at least the initial balance. Shape (n,).

    A quarter's own high counts as before its low, so that no drawdown is understated.
    """
    return np.maximum(np.maximum.accumulate(equity.high), initial_balance)


def drawdowns(equity: Equity, initial_balance: float, most: int) -> list[Drawdown]:
    """The deepest `most` falls in money, deepest first. A fall lasts until a higher peak is made."""
    if not len(equity):
        return []
    peak = peaks(equity, initial_balance)
    starts = np.flatnonzero(np.diff(peak, prepend=-np.inf) > 0)
    ends = np.append(starts[1:], len(equity))
    found = [
        _fall(equity, peak, int(start), int(end)) for start, end in _deepest(equity.low - peak, starts, ends, most)
    ]
    return [fall for fall in found if fall.amount > 0]


def _deepest(
    depth: Floats, starts: NDArray[np.intp], ends: NDArray[np.intp], most: int
) -> list[tuple[np.intp, np.intp]]:
    order = np.argsort(np.minimum.reduceat(depth, starts), kind="stable")[:most]
    return [(starts[place], ends[place]) for place in order]


def _fall(equity: Equity, peak: Floats, start: int, end: int) -> Drawdown:
    trough = start + int(np.argmin(equity.low[start:end]))
    amount = float(peak[start] - equity.low[trough])
    return Drawdown(
        peak_ms=int(equity.time_ms[start]),
        trough_ms=int(equity.time_ms[trough]),
        recovered_ms=int(equity.time_ms[end]) if end < len(equity) else None,
        amount=amount,
        percent=amount / float(peak[start]) * 100,
    )
