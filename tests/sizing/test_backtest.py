"""Tests of forecasts against known values, and against models that are right or wrong by construction."""

from typing import Any

import numpy as np
import pytest

from sizing.stats.backtest import (
    KUPIEC_CRITICAL,
    accepted_exceedances,
    acerbi_szekely,
    critical_value,
    judge,
    kupiec,
    minimally_biased,
)

NORMAL = {0.95: (1.644854, 2.062713), 0.975: (1.959964, 2.337803)}
"""Value at risk and expected shortfall of a standard normal loss, by level."""


# Kupiec --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "accepted"), [(0.95, (7, 19)), (0.975, (3, 11)), (0.99, (1, 6))])
def test_kupiecs_acceptance_of_250_days(level: float, accepted: tuple[int, int]) -> None:
    # Source: Kupiec (1995), table 3, for 255 days; issue 3, "Must hold", for 250.
    assert accepted_exceedances(250, level) == accepted


@pytest.mark.parametrize(
    ("forecasts", "exceedances", "level", "ratio"),
    [
        # -2 ln of the likelihoods' ratio, worked out by hand; 250 days at 99 % are in every textbook's table, such as
        # Christoffersen, "Elements of Financial Risk Management", chapter 13.
        (250, 4, 0.99, 0.7691), (250, 5, 0.99, 1.9568), (250, 0, 0.99, 5.0252), (100, 5, 0.95, 0.0),
        (4, 4, 0.5, 5.5452), (0, 0, 0.95, 0.0),
    ],
)  # fmt: skip
def test_kupiecs_ratio(forecasts: int, exceedances: int, level: float, ratio: float) -> None:
    assert kupiec(forecasts, exceedances, level) == pytest.approx(ratio, abs=5e-5)


def test_the_ratio_grows_away_from_the_expected_number() -> None:
    ratios = [kupiec(500, count, 0.95) for count in range(501)]
    assert int(np.argmin(ratios)) == 25
    assert ratios[:26] == sorted(ratios[:26], reverse=True)
    assert ratios[25:] == sorted(ratios[25:])


def test_kupiec_rejects_a_right_model_about_once_in_twenty() -> None:
    counts = np.random.default_rng(1).binomial(1_000, 0.05, 20_000)
    rejected = np.array([kupiec(1_000, count, 0.95) > KUPIEC_CRITICAL for count in range(1_001)])
    assert 0.04 < rejected[counts].mean() < 0.06


# Shortfall -----------------------------------------------------------------------------------------------------------


def test_the_second_statistic_by_hand() -> None:
    # Two of ten losses exceed a value at risk of 2, at 80 %: 1 - (3 / 4 + 5 / 4) / (10 * 0.2) = 0.
    losses = np.array([3.0, 5.0, 2.0, 1, 0, -1, -2, 1, 1, 0])
    var, shortfall = np.full(10, 2.0), np.full(10, 4.0)
    assert acerbi_szekely(losses, var, shortfall, 0.8) == pytest.approx(0.0)
    assert acerbi_szekely(2 * losses, 2 * var, shortfall, 0.8) == pytest.approx(-1.0)
    assert acerbi_szekely(np.zeros(10), var, shortfall, 0.8) == 1.0
    # The shortfall is 2 + (1 + 3) / 10 / 0.2 = 4, which is what was forecast.
    assert minimally_biased(losses, var, shortfall, 0.8) == pytest.approx(0.0)
    assert minimally_biased(losses, var, shortfall / 2, 0.8) == pytest.approx(-1.0)


def test_forecasts_that_differ_from_day_to_day_are_each_compared_with_their_own() -> None:
    losses, var, shortfall = np.array([4.0, 30.0, 0.0, 0.0]), np.array([3.0, 20, 5, 5]), np.array([4.0, 30, 6, 6])
    assert acerbi_szekely(losses, var, shortfall, 0.5) == pytest.approx(1 - 2 / 2)
    tail = np.array([(3 + 1 / 0.5) / 4, (20 + 10 / 0.5) / 30, 5 / 6, 5 / 6])
    assert minimally_biased(losses, var, shortfall, 0.5) == pytest.approx(1 - tail.mean())


def test_the_critical_value_of_acerbi_and_szekely() -> None:
    # Source: Acerbi and Szekely (2014), table 4: -0.70 at 5 %, for 250 days at 97.5 %, whatever the tails.
    assert critical_value(250, 0.975) == pytest.approx(-0.70)
    assert critical_value(1_000, 0.975) == pytest.approx(-0.35)


@pytest.mark.parametrize(("forecasts", "level"), [(250, 0.975), (250, 0.95), (500, 0.95), (60, 0.95)])
def test_the_second_test_rejects_a_right_model_about_once_in_twenty(forecasts: int, level: float) -> None:
    var, shortfall = NORMAL[level]
    losses = np.random.default_rng(forecasts).standard_normal((4_000, forecasts))
    beyond = np.where(losses > var, losses, 0.0).sum(axis=1) / shortfall
    z2 = 1 - beyond / (forecasts * (1 - level))
    ones = np.ones(forecasts)
    assert acerbi_szekely(losses[0], var * ones, shortfall * ones, level) == pytest.approx(z2[0])
    assert abs(z2.mean()) < 4 * z2.std() / 4_000**0.5
    assert 0.02 < np.mean(z2 < critical_value(forecasts, level)) < 0.08


def judged(losses: Any, level: float = 0.95, factor: float = 1.0) -> Any:
    """The verdict on forecasts for normal losses, times a factor."""
    ones = np.ones(len(losses))
    var, shortfall = NORMAL[level]
    return judge(losses, factor * var * ones, factor * shortfall * ones, level)


def test_a_right_model_is_seldom_rejected_and_a_wrong_one_nearly_always() -> None:
    rng = np.random.default_rng(6)
    samples = rng.standard_normal((300, 500))
    assert np.mean([judged(losses).rejected for losses in samples]) < 0.12
    assert np.mean([judged(losses, factor=0.6).rejected for losses in samples]) > 0.95
    # Fatter tails than were forecast: as many exceedances, but larger.
    heavy = rng.standard_t(3, (300, 500))
    heavy = heavy * NORMAL[0.95][0] / 2.353363  # the quantile of t3 at 95 %
    verdicts = [judged(losses) for losses in heavy]
    assert np.mean([verdict.too_large for verdict in verdicts]) > 0.4
    assert np.mean([verdict.too_many for verdict in verdicts]) < 0.1


def test_a_model_that_overstates_is_not_rejected() -> None:
    losses = np.random.default_rng(7).standard_normal(500)
    verdict = judged(losses, factor=3.0)
    assert verdict.kupiec > KUPIEC_CRITICAL
    assert not verdict.too_many
    assert not verdict.too_large
    assert not verdict.rejected
    assert 0.0 <= verdict.realised < 1.0


def test_a_verdict_says_what_it_counted() -> None:
    losses = np.concatenate((np.full(30, 4.0), np.zeros(70)))
    verdict = judged(losses)
    assert (verdict.forecasts, verdict.exceedances) == (100, 30)
    assert verdict.expected == pytest.approx(5.0)
    assert verdict.kupiec == kupiec(100, 30, 0.95)
    assert verdict.too_many
    assert verdict.rejected
    assert verdict.realised == pytest.approx(1 - min(verdict.z2, verdict.unbiased))
    assert verdict.realised > 5


def test_a_loss_at_the_very_value_at_risk_is_no_exceedance_and_yet_no_gift() -> None:
    # A stop trade ends at its stop most often, which is its value at risk: 10 of 100 do, and the shortfall is the stop.
    losses = np.concatenate((np.full(10, 1.0), np.zeros(90)))
    ones = np.ones(100)
    verdict = judge(losses, ones, ones, 0.95)
    assert verdict.exceedances == 0
    assert verdict.unbiased == pytest.approx(0.0)
    assert not verdict.rejected
    # The same trades gapped twice as far: no exceedance counts as much as what was lost.
    gapped = judge(np.concatenate((np.full(10, 2.0), np.zeros(90))), ones, ones, 0.95)
    assert gapped.realised == pytest.approx(4.0)
    assert gapped.rejected


@pytest.mark.parametrize("size", [1, 2, 60])
def test_a_short_row_of_forecasts_is_judged_too(size: int) -> None:
    verdict = judged(np.zeros(size))
    assert (verdict.exceedances, verdict.rejected) == (0, False)
