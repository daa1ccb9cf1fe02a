"""Signed correlation of daily returns: measured over common days, shrunk by its error, and watched for breaks."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

WINDOW = 252
PRIOR_WEIGHT = 60.0
"""Observations that a prior is worth at least: with 60 common returns, data and prior count half each."""
RECENT = 60
"""The newest returns, compared with those before them."""
BREAK, HEALED = 3.0, 2.0
"""Standard errors between them from which a break begins, and below which it has ended."""
_REACH = 2
"""Bars looked at per common bar wanted: markets with other holidays share fewer."""


class Measured(NamedTuple):
    """Pearson correlation of log returns, how many they were, and its standard error."""

    value: float
    observations: int
    error: float


class Break(NamedTuple):
    """The correlation of the newest returns, that of those before them, and their distance in standard errors."""

    recent: float
    before: float
    distance: float


def common_returns(
    first_times: Times, first_close: Floats, second_times: Times, second_close: Floats, window: int = WINDOW
) -> tuple[Floats, Floats]:
    """Log returns over the bars both series have, the newest `window` of them: two arrays of one length.

    Times are bar openings (ascending), closes are positive.
    """
    reach = slice(-_REACH * window, None)
    first_times, first_close = first_times[reach], first_close[reach]
    second_times, second_close = second_times[reach], second_close[reach]
    if not np.array_equal(first_times, second_times):
        _, first, second = np.intersect1d(first_times, second_times, assume_unique=True, return_indices=True)
        first_close, second_close = first_close[first], second_close[second]
    return np.diff(np.log(first_close[-window - 1 :])), np.diff(np.log(second_close[-window - 1 :]))


def measure(first: Floats, second: Floats) -> Measured | None:
    """The correlation of two series of returns (n,); None with fewer than 3, or where one does not move.

    The standard error is that of the mean of the products of standardized returns: Schäfer and Strimmer (2005), "A
    shrinkage approach to large-scale covariance matrix estimation", appendix A.
    """
    count = len(first)
    if count < 3:
        return None
    x, y = first - first.mean(), second - second.mean()
    spread = math.sqrt(float(x @ x) * float(y @ y))
    if not spread > 0:
        return None
    products = x * y * (count / spread)
    value = float(products.mean())
    variance = float(np.sum(np.square(products - value))) * count / (count - 1) ** 3
    return Measured(max(-1.0, min(1.0, value)), count, math.sqrt(variance))


def shrink(measured: Measured | None, prior: float | None) -> float | None:
    """The measured correlation, drawn to the prior; None if too little is known to say anything.

    The prior's share is the larger of two: its worth in observations, 60 of n + 60, and the share that makes the
    expected squared error smallest, `error^2 / (value - prior)^2` (Ledoit and Wolf 2003, in the form of Schäfer and
    Strimmer 2005). Without a prior a positive value stands, for 0 would make twins look independent, and a negative one
    is drawn to 0: a hedge must be certain. Then fewer than 60 returns say nothing.
    """
    if measured is None:
        return prior
    if prior is None and measured.observations < PRIOR_WEIGHT:
        return None
    if prior is None and measured.value >= 0:
        return measured.value
    target = 0.0 if prior is None else prior
    share = 0.0 if prior is None else PRIOR_WEIGHT / (measured.observations + PRIOR_WEIGHT)
    distance = (measured.value - target) ** 2
    if distance > 0:
        share = max(share, min(1.0, measured.error**2 / distance))
    return (1.0 - share) * measured.value + share * target


def compare(first: Floats, second: Floats) -> Break | None:
    """How the newest returns (n,) move together, and how those before; None where there are too few to say.

    Source: Fisher (1921), the z-transformation, whose values have the standard error `1 / sqrt(n - 3)`.
    """
    recent, before = measure(first[-RECENT:], second[-RECENT:]), measure(first[:-RECENT], second[:-RECENT])
    if recent is None or before is None or min(recent.observations, before.observations) < RECENT:
        return None
    error = math.sqrt(1 / (recent.observations - 3) + 1 / (before.observations - 3))
    return Break(recent.value, before.value, (_z(recent.value) - _z(before.value)) / error)


def broken(first: Floats, second: Floats) -> Break | None:
    """`compare`, where the two lie BREAK standard errors apart or more; None otherwise."""
    found = compare(first, second)
    return found if found is not None and abs(found.distance) >= BREAK else None


def _z(value: float) -> float:
    return math.atanh(max(-0.999999, min(0.999999, value)))
