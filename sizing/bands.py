"""Step functions: a value picks the multiplier of the band it falls into."""

from bisect import bisect_right


def band(value: float, upper_ends: tuple[float, ...], multipliers: tuple[float, ...]) -> float:
    """The multiplier of the first band whose upper end lies above `value`; the last one when none does.

    `multipliers` has one element more than `upper_ends`, which ascend. A value on an upper end is in the next band.
    """
    return multipliers[bisect_right(upper_ends, value)]
