"""Were the forecasts right? Tests of value at risk and expected shortfall against what was lost."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KUPIEC_CRITICAL = 3.841458820694124
"""95th percentile of chi-squared with one degree of freedom."""
_Z2_CRITICAL = -0.70
_Z2_EXPECTED = 6.25
"""Acerbi and Szekely's critical value at 5 %, for 250 forecasts at 97.5 %: 6.25 expected exceedances."""


class Verdict(NamedTuple):
    """What the tests say of so many forecasts."""

    forecasts: int
    exceedances: int
    expected: float
    kupiec: float
    """Likelihood ratio; above KUPIEC_CRITICAL the number of exceedances is no accident."""
    z2: float
    """0 where the shortfall is right, negative where losses were larger: 1 - z2 is realised tail loss over forecast."""
    unbiased: float
    """The same from the minimally biased test, which also holds where many trades end at the very value at risk."""
    critical: float
    """Of either statistic."""

    @property
    def realised(self) -> float:
        """Realised tail loss over forecast."""
        return 1.0 - min(self.z2, self.unbiased)

    @property
    def too_many(self) -> bool:
        """More losses beyond the value at risk than chance explains."""
        return self.exceedances > self.expected and self.kupiec > KUPIEC_CRITICAL

    @property
    def too_large(self) -> bool:
        """Tail losses larger than the shortfall that was forecast, beyond chance."""
        return min(self.z2, self.unbiased) < self.critical

    @property
    def rejected(self) -> bool:
        """The model understates: too many or too large losses. Too few reject nothing, a stop makes them rare."""
        return self.too_many or self.too_large


def kupiec(forecasts: int, exceedances: int, level: float) -> float:
    """Likelihood ratio of so many exceedances against the share `1 - level`; chi-squared with one degree of freedom.

    Source: Kupiec (1995), "Techniques for verifying the accuracy of risk measurement models".
    """
    share, observed = 1.0 - level, exceedances / forecasts if forecasts else 0.0

    def likelihood(probability: float) -> float:
        hit = exceedances * math.log(probability) if exceedances else 0.0
        rest = forecasts - exceedances
        return hit + (rest * math.log1p(-probability) if rest else 0.0)

    return max(0.0, 2.0 * (likelihood(observed) - likelihood(share)))


def accepted_exceedances(forecasts: int, level: float) -> tuple[int, int]:
    """The smallest and the largest number of exceedances that Kupiec's test accepts at 5 %."""
    accepted = [count for count in range(forecasts + 1) if kupiec(forecasts, count, level) <= KUPIEC_CRITICAL]
    return accepted[0], accepted[-1]


def acerbi_szekely(losses: Floats, value_at_risk: Floats, shortfall: Floats, level: float) -> float:
    """The second statistic for expected shortfall, of losses and forecasts (n,); negative is too much lost.

    Source: Acerbi and Szekely (2014), "Backtesting expected shortfall", test 2; its expectation is 0. Forecast
    shortfalls are positive.
    """
    beyond = losses > value_at_risk
    return 1.0 - float(np.sum(losses[beyond] / shortfall[beyond])) / (len(losses) * (1.0 - level))


def minimally_biased(losses: Floats, value_at_risk: Floats, shortfall: Floats, level: float) -> float:
    """As the second statistic, but its expectation is 0 with a share of losses that equals the value at risk, too.

    That is how a stop trade ends most often. Source: Acerbi and Szekely (2019), "The minimally biased backtest for ES".
    """
    tail = value_at_risk + np.maximum(losses - value_at_risk, 0.0) / (1.0 - level)
    return 1.0 - float(np.mean(tail / shortfall))


def critical_value(forecasts: int, level: float) -> float:
    """Below this the statistics of shortfall reject, the second one at 5 %.

    Acerbi and Szekely find about -0.70 for 250 forecasts at 97.5 %, whatever the tails; the statistic's spread goes
    with the inverse root of the expected number of exceedances.
    """
    return _Z2_CRITICAL * math.sqrt(_Z2_EXPECTED / (forecasts * (1.0 - level)))


def judge(losses: Floats, value_at_risk: Floats, shortfall: Floats, level: float) -> Verdict:
    """Both tests over losses and forecasts (n,), n at least 1."""
    count = len(losses)
    exceedances = int(np.count_nonzero(losses > value_at_risk))
    return Verdict(
        forecasts=count,
        exceedances=exceedances,
        expected=count * (1.0 - level),
        kupiec=kupiec(count, exceedances, level),
        z2=acerbi_szekely(losses, value_at_risk, shortfall, level),
        unbiased=minimally_biased(losses, value_at_risk, shortfall, level),
        critical=critical_value(count, level),
    )
