"""How sure a rate is."""

import math
from typing import NamedTuple


class Interval(NamedTuple):
    """Both ends, 0 to 1."""

    low: float
    high: float


def wilson(hits: int, trials: int, z: float = 1.959964) -> Interval:
    """The 95 % interval of a probability after so many hits (Wilson, 1927); it holds for 0 hits too."""
    if trials == 0:
        return Interval(0.0, 1.0)
    share, square = hits / trials, z * z
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    half = z / (1 + square / trials) * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return Interval(0.0 if hits == 0 else middle - half, 1.0 if hits == trials else middle + half)
