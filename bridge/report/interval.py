"""How far the expected shortfall of a sample can be trusted: both ends of its interval."""

import math

import numpy as np

from sizing.snapshot import Floats
from sizing.stats.resampling import BLOCK, REPLICATES, block_counts


def shortfall_interval(losses: Floats, level: float, confidence: float, block: int = BLOCK) -> tuple[float, float]:
    """The block-bootstrap interval of the expected shortfall of losses (n,), given in their order of time.

    Each replicate draws blocks of `block` losses, a month of days, in place of the sample's own; its shortfall is the
    exact one of the losses so weighted. Sizing's upper end is a bound of this one that can be tabled for all stops.
    """
    order = np.argsort(losses)[::-1]
    mass = block_counts(math.ceil(len(losses) / block))[order // block]
    mass /= mass.sum(axis=0)
    beyond = np.cumsum(mass, axis=0) - mass
    share = np.clip(1.0 - level - beyond, 0.0, mass)
    means = np.sort(losses[order] @ share / share.sum(axis=0))
    rank = math.ceil((1.0 + confidence) / 2 * REPLICATES) - 1
    return float(means[REPLICATES - 1 - rank]), float(means[rank])
