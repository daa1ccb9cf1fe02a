"""The lot lattice: volumes are an integer number of steps, and rounding only ever goes down.

Binary floats make `floor(0.29 / 0.01)` 28. Here every float stands for the decimal number it prints as, and the
lattice is counted in integers.
"""

from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple


class Lattice(NamedTuple):
    """Valid volumes of a symbol: `step * k` for integer k from `min_steps` to `max_steps`.

    A broker may count from zero or from `volume_min`; only volumes valid both ways are on the lattice, so it is empty
    (`max_steps` 0) where `volume_min` is no multiple of `volume_step`.
    """

    step: Decimal
    min_steps: int
    max_steps: int

    def floor(self, lots: float) -> int:
        """Steps in the largest multiple of the step that does not exceed `lots` (not negative, finite)."""
        return int(Decimal(repr(lots)) // self.step)

    def lots(self, steps: int) -> float:
        """The volume of so many steps, as the float nearest to the decimal number."""
        return float(self.step * steps)


@lru_cache(maxsize=1024)
def lattice(volume_min: float, volume_max: float, volume_step: float) -> Lattice:
    """The lattice of a symbol's volume figures. Raises ValueError if a figure is not positive."""
    if not (volume_min > 0 and volume_max > 0 and volume_step > 0):
        raise ValueError(
            f"volume_min {volume_min}, volume_max {volume_max} and volume_step {volume_step} must be positive"
        )
    step, least = Decimal(repr(volume_step)), Decimal(repr(volume_min))
    if least % step:
        return Lattice(step, 1, 0)
    return Lattice(step, int(least // step), int(Decimal(repr(volume_max)) // step))
