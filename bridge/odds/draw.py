"""Days drawn in blocks: what follows each other in the replay stays together."""

import math

import numpy as np

from bridge.odds.days import Floats, Ints

_QUIET = 2.0
"""Autocorrelations within so many standard deviations are none (on the scale of Politis and White, 2004)."""


def draw_days(rng: np.random.Generator, days: int, block: int, rows: int, length: int) -> Ints:
    """Places of days (rows, length), in blocks of so many that begin anywhere; after the last day comes the first."""
    first = rng.integers(0, days, (rows, -(-length // block), 1))
    places: Ints = ((first + np.arange(block)) % days).reshape(rows, -1)[:, :length]
    return places


def block_length(sums: Floats) -> int:
    """Days of a block that suit what each day booked: the longer of those for the results and for their sizes."""
    return max(_politis_white(sums), _politis_white(np.abs(sums)))


def _politis_white(values: Floats) -> int:
    """The length for a circular block bootstrap of the mean (Politis and White, 2004; Patton and others, 2009)."""
    count = len(values)
    centred = values - values.mean() if count else values
    if count < 8 or not np.any(np.abs(centred) > 1e-12 * np.abs(values).max()):
        return 1
    run = max(5, math.ceil(math.log10(count)))
    reach = min(math.ceil(math.sqrt(count)) + run, count - 1)
    covariance = np.array([centred[lag:] @ centred[: count - lag] for lag in range(reach + 1)]) / count
    loud = np.abs(covariance[1:] / covariance[0]) >= _QUIET * math.sqrt(math.log10(count) / count)
    last = next((lag for lag in range(reach) if not loud[lag : lag + run].any()), reach)
    if last == 0:
        return 1
    width = min(2 * last, reach)
    lags = np.arange(1, width + 1)
    weights = np.minimum(1.0, 2 * (1 - lags / width))
    spectrum = covariance[0] + 2 * float(weights @ covariance[1 : width + 1])
    slope = 2 * float(weights @ (lags * covariance[1 : width + 1]))
    longest = math.ceil(min(3 * math.sqrt(count), count / 3))
    if spectrum <= 0:
        return longest
    best = (2 * slope**2 / (4 / 3 * spectrum**2) * count) ** (1 / 3)
    return min(longest, max(1, round(float(best))))
