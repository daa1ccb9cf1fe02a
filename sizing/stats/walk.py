"""The tail's forecasts replayed over history: each day judged by what was known the day before."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sizing.snapshot import Side
from sizing.stats.shortfall import tail_means
from sizing.stats.windows import Moves, step

Floats = NDArray[np.float64]


class Walk(NamedTuple):
    """One day's loss, and what was forecast for it: three arrays (n,), in volatilities of the day's start."""

    time_ms: NDArray[np.int64]
    losses: Floats
    value_at_risk: Floats
    shortfall: Floats


def walk_forward(path: Moves, side: Side, level: float, least: int, stop: float | None = None) -> Walk:
    """Forecast each day after the first `least` from all days before it. Empty where there are no more days.

    Without a `stop` the trade is closed at the day's end; with one, in volatilities, it ends there or at the day's
    landing beyond it. Forecasts are the sample's own, not the upper end of their interval.
    """
    bar = step(path, side, 0)
    losses = bar.close
    if stop is not None:
        losses = np.where(bar.reached >= stop, np.maximum(stop, bar.landing), bar.close)
    days = range(least, len(path))
    forecasts = [tail_means(losses[None, :day], level) for day in days]
    return Walk(
        time_ms=path.time_ms[least:],
        losses=losses[least:],
        value_at_risk=np.array([float(value[0]) for value, _ in forecasts]),
        shortfall=np.array([float(value[0]) for _, value in forecasts]),
    )
