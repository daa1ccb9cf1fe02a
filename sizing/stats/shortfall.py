"""Value at risk and expected shortfall of a sample of losses, and of a fitted tail. Losses are positive."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_SHAPE = 0.9
"""Shapes from 1 on have no mean at all; an estimate near it is not believed."""


def value_at_risk(losses: Floats, level: float, weights: Floats | None = None) -> float:
    """The smallest loss that is not exceeded with probability `level`: losses (n,), weights (n,) of any positive sum.

    Raises ValueError for an empty sample or a level outside 0 to 1.
    """
    ordered, mass = _descending(losses, level, weights)
    beyond = np.cumsum(mass) - mass
    # Sums of floats may miss the tail's end by some ulps.
    return float(ordered[np.searchsorted(beyond, (1.0 - level) * (1 + 1e-12), side="right") - 1])


def expected_shortfall(losses: Floats, level: float, weights: Floats | None = None) -> float:
    """Mean of the worst `1 - level` of the losses; the last one counts with the fraction that fills the tail.

    Losses (n,), weights (n,) of any positive sum. Source: Rockafellar and Uryasev (2002), "Conditional value-at-risk
    for general loss distributions", proposition 8. Raises ValueError as `value_at_risk` does.
    """
    ordered, mass = _descending(losses, level, weights)
    tail = 1.0 - level
    beyond = np.cumsum(mass) - mass
    share = np.clip(tail - beyond, 0.0, mass)
    return float(np.sum(ordered * share) / np.sum(share))


def tail_means(losses: Floats, level: float) -> tuple[Floats, Floats]:
    """Value at risk and expected shortfall of each row of losses (m, n), equally weighted: two arrays (m,)."""
    size = losses.shape[-1]
    wanted = (1.0 - level) * size
    at = size - 1 - min(int(wanted * (1 + 1e-12)), size - 1)
    tail = np.partition(losses, at, axis=-1)[..., at:]
    at_risk = tail[..., 0]
    # v + mean((loss - v)+) / (1 - level), which fills the tail up with the fraction of v that is missing.
    return at_risk, at_risk + (tail - at_risk[..., None]).sum(axis=-1) / wanted


class Pareto(NamedTuple):
    """A generalized Pareto distribution of what lies beyond a threshold."""

    shape: float
    """xi: positive for heavy tails."""
    scale: float
    """beta, in the unit of the losses."""

    @property
    def mean(self) -> float:
        """Mean excess over the threshold; needs a shape below 1."""
        return self.scale / (1.0 - self.shape)


def peaks_over_threshold(
    threshold: float, tail: Pareto, observations: int, exceedances: int, level: float
) -> tuple[float, float]:
    """Value at risk and expected shortfall at `level`, where a fitted tail lies above `threshold`.

    Holds for `1 - level` up to the share of exceedances. Source: McNeil, Frey and Embrechts, "Quantitative Risk
    Management", equations 7.18 and 7.19.
    """
    ratio = observations / exceedances * (1.0 - level)
    shape, scale = tail
    beyond = scale * -math.log(ratio) if abs(shape) < 1e-9 else scale / shape * (ratio**-shape - 1.0)
    return threshold + beyond, threshold + beyond + (scale + shape * beyond) / (1.0 - shape)


def fit_pareto(excesses: Floats) -> Pareto | None:
    """The generalized Pareto distribution of excesses (n,) over a threshold; None where they do not tell.

    Source: Zhang and Stephens (2009), "A new and efficient estimation method for the generalized Pareto distribution":
    the mean of a profile likelihood over `30 + sqrt(n)` points. Shapes above MAX_SHAPE are cut to it.
    """
    ordered = np.sort(excesses)
    size = len(ordered)
    if size < 2 or not ordered[0] >= 0 or not ordered[-1] > 0:
        return None
    points = 30 + int(math.sqrt(size))
    quartile = max(float(ordered[int(size / 4 + 0.5) - 1]), float(ordered[-1]) * 1e-6)
    steps = np.arange(1, points + 1) - 0.5
    theta = 1.0 / ordered[-1] + (1.0 - np.sqrt(points / steps)) / (3.0 * quartile)
    # With k the negative shape: the profile likelihood of theta = k / scale.
    k = -np.mean(np.log1p(-theta[:, None] * ordered[None, :]), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        likelihood = size * (np.log(theta / k) + k - 1.0)
    likelihood = np.where(np.isfinite(likelihood), likelihood, -np.inf)
    if not np.isfinite(likelihood.max()):
        return None
    weight = np.exp(likelihood - likelihood.max())
    best = float(np.sum(weight * theta) / np.sum(weight))
    shape = float(np.mean(np.log1p(-best * ordered)))
    if abs(shape) < 1e-9 or abs(best) < 1e-300:
        return Pareto(0.0, float(np.mean(ordered)))
    scale = -shape / best
    return Pareto(min(shape, MAX_SHAPE), scale) if scale > 0 and math.isfinite(scale) else None


def _descending(losses: Floats, level: float, weights: Floats | None) -> tuple[Floats, Floats]:
    """Losses from the worst on, and the share of each."""
    if not len(losses):
        raise ValueError("losses: at least one is needed")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level {level}: must lie between 0 and 1")
    order = np.argsort(losses)[::-1]
    mass = np.full(len(losses), 1.0 / len(losses)) if weights is None else weights[order] / np.sum(weights)
    return losses[order], mass
