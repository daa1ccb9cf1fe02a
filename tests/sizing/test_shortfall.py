"""Value at risk and expected shortfall against known values, and what holds for every sample."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizing.stats.joint import euler_contributions, incremental, shortfall_of
from sizing.stats.shortfall import (
    MAX_SHAPE,
    Pareto,
    expected_shortfall,
    fit_pareto,
    peaks_over_threshold,
    tail_means,
    value_at_risk,
)
from tests.sizing.strategies import EXAMPLES, numbers

TEN_LOSSES = np.array([10.0, 8, 5, 3, 1, 0, -1, -2, -4, -6])
"""DESIGN, "Expected shortfall of a stop trade"."""
A = np.array([10.0, -2, 4, -6, 1])
B = np.array([-4.0, 10, 3.5, -5, 0])
"""Issue 3, "Must hold"."""


# Known values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "var", "shortfall"),
    [
        (0.80, 5.0, 9.0),  # (10 + 8) / 2
        (0.75, 5.0, 8.2),  # (10 + 8 + 5 / 2) / 2.5
        (0.90, 8.0, 10.0),
        (0.95, 10.0, 10.0),
        (0.70, 3.0, 23 / 3),
        (0.10, -6.0, 20 / 9),  # all but the last: (10 + 8 + 5 + 3 + 1 + 0 - 1 - 2 - 4) / 9
    ],
)
def test_the_ten_losses_have_their_fractional_shortfall(level: float, var: float, shortfall: float) -> None:
    # Source: DESIGN's example for Rockafellar and Uryasev (2002), proposition 8; the last observation counts in part.
    assert value_at_risk(TEN_LOSSES, level) == var
    assert expected_shortfall(TEN_LOSSES, level) == pytest.approx(shortfall, rel=1e-12)
    assert expected_shortfall(np.random.default_rng(1).permutation(TEN_LOSSES), level) == pytest.approx(shortfall)


def within_standard_errors(sample: Any, level: float, known: float) -> None:
    """The estimate lies within four of its own standard errors, which must be small enough to tell.

    The shortfall is `v + mean((loss - v)+) / (1 - level)`, flat in v at the value at risk, so its standard error is
    that of the mean: Trindade, Uryasev, Shapiro and Zrazhevsky (2007), "Financial prediction with constrained tail
    risk".
    """
    estimate, var = expected_shortfall(sample, level), value_at_risk(sample, level)
    error = float(np.std(np.maximum(sample - var, 0.0))) / (1.0 - level) / math.sqrt(len(sample))
    assert error < 0.01 * known
    assert abs(estimate - known) < 4 * error


@pytest.mark.parametrize(("level", "known"), [(0.95, 2.062713), (0.975, 2.337803), (0.99, 2.665214)])
def test_normal_losses_have_their_known_shortfall(level: float, known: float) -> None:
    # Source: density(z) / (1 - level) at the normal quantile z; McNeil, Frey and Embrechts, example 2.14.
    within_standard_errors(np.random.default_rng(3).standard_normal(500_000), level, known)


@pytest.mark.parametrize(("level", "known"), [(0.95, 3.2029), (0.975, 3.9936), (0.99, 5.2206)])
def test_students_t_of_four_degrees_has_its_known_shortfall(level: float, known: float) -> None:
    # Source: density(q) / (1 - level) * (4 + q^2) / 3 at the t4 quantile q; McNeil, Frey and Embrechts, example 2.15.
    within_standard_errors(np.random.default_rng(4).standard_t(4, 500_000), level, known)


def test_danish_fire_losses_have_mcneils_tail() -> None:
    # Source: McNeil (1997), "Estimating the tails of loss severity distributions using extreme value theory": Danish
    # fire insurance, 109 of 2,156 losses exceed 10 million kroner.
    tail = peaks_over_threshold(10.0, Pareto(shape=0.497, scale=6.975), 2156, 109, 0.99)
    assert tail == pytest.approx((27.368, 58.396), abs=0.006)


def test_a_tail_without_shape_is_exponential() -> None:
    # Of 1,000 losses 100 exceed 5, by 2 on average: P(loss > x) = 0.1 exp(-(x - 5) / 2), which is 0.01 at 5 + 2 ln 10.
    var, shortfall = peaks_over_threshold(5.0, Pareto(0.0, 2.0), 1000, 100, 0.99)
    assert (var, shortfall) == pytest.approx((5 + 2 * math.log(10), 7 + 2 * math.log(10)))
    near = peaks_over_threshold(5.0, Pareto(1e-7, 2.0), 1000, 100, 0.99)
    assert near == pytest.approx((var, shortfall), rel=1e-5)
    assert Pareto(0.5, 2.0).mean == 4.0


def test_two_losses_together_and_what_each_contributes() -> None:
    # Source: issue 3, "Must hold".
    alone, other, together = (shortfall_of(losses, 0.5) for losses in (A, B, A + B))
    assert (alone, other, together) == pytest.approx((5.8, 5.4, 7.4))
    assert incremental(A, B, 1.0, 0.5) == pytest.approx(1.6)
    assert euler_contributions(np.array([A, B]), 0.5) == pytest.approx([2.8, 4.6])
    for losses in (A, B, A + B):
        assert shortfall_of(losses, 0.5) == pytest.approx(expected_shortfall(losses, 0.5))


# Fitting -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("scale", [0.001, 3.0])
def test_the_fit_recovers_a_pareto_tail(shape: float, scale: float) -> None:
    uniform = np.random.default_rng(8).random(20_000)
    sample = -scale * np.log(uniform) if shape == 0 else scale / shape * (uniform**-shape - 1)
    fitted = fit_pareto(sample)
    assert fitted is not None
    # Asymptotic standard errors of maximum likelihood, (1 + xi) / sqrt(n) and beta sqrt(2 (1 + xi) / n): Smith (1987).
    assert abs(fitted.shape - shape) < 4 * (1 + shape) / math.sqrt(20_000)
    assert abs(fitted.scale - scale) < 4 * scale * math.sqrt(2 * (1 + shape) / 20_000)


def test_fifty_excesses_are_recovered_on_average() -> None:
    rng, shapes = np.random.default_rng(9), []
    for _ in range(300):
        fitted = fit_pareto(2.0 / 0.3 * (rng.random(50) ** -0.3 - 1))
        assert fitted is not None
        shapes.append(fitted.shape)
    # Zhang and Stephens (2009) report biases of a few hundredths at this size.
    assert abs(float(np.mean(shapes)) - 0.3) < 0.08


def test_a_shape_without_a_mean_is_not_believed() -> None:
    fitted = fit_pareto(1 / 1.5 * (np.random.default_rng(2).random(5_000) ** -1.5 - 1))
    assert fitted is not None
    assert fitted.shape == MAX_SHAPE
    assert math.isfinite(fitted.mean)


@pytest.mark.parametrize("excesses", [[], [1.0], [0.0, 0.0, 0.0], [-1.0, 1.0, 2.0], [1.0, float("nan")]], ids=str)
def test_excesses_that_tell_nothing_have_no_fit(excesses: list[float]) -> None:
    assert fit_pareto(np.array(excesses)) is None


@EXAMPLES
@given(st.lists(st.one_of(st.just(0.0), numbers(1e-6, 1e6)), min_size=2, max_size=80))
def test_a_fit_is_a_finite_tail_or_none(excesses: list[float]) -> None:
    fitted = fit_pareto(np.array(excesses))
    if fitted is not None:
        assert fitted.scale > 0
        assert fitted.shape <= MAX_SHAPE
        assert math.isfinite(fitted.mean)


@EXAMPLES
@given(numbers(-0.4, 0.9), numbers(0.1, 10.0), st.integers(50, 400), numbers(0.6, 0.999))
def test_the_fitted_shortfall_lies_beyond_its_value_at_risk(
    shape: float, scale: float, count: int, level: float
) -> None:
    if 1000 * (1 - level) > count:
        return
    var, shortfall = peaks_over_threshold(3.0, Pareto(shape, scale), 1000, count, level)
    assert shortfall > var >= 3.0 - 1e-9


# Every sample --------------------------------------------------------------------------------------------------------

SAMPLES = st.lists(numbers(-1e4, 1e4), min_size=1, max_size=60).map(np.array)
PAIRS = st.lists(st.tuples(numbers(-1e4, 1e4), numbers(-1e4, 1e4)), min_size=1, max_size=60).map(
    lambda rows: np.array(rows).T
)
LEVELS = st.one_of(numbers(0.01, 0.999), st.sampled_from((0.5, 0.75, 0.8, 0.9, 0.95, 0.975, 0.99)))
DUST = 1e-7
"""Of losses up to 10,000."""


@EXAMPLES
@given(SAMPLES, LEVELS)
def test_the_shortfall_lies_between_value_at_risk_and_the_worst_loss(losses: Any, level: float) -> None:
    shortfall = expected_shortfall(losses, level)
    assert value_at_risk(losses, level) - DUST <= shortfall <= losses.max() + DUST
    assert losses.mean() - DUST <= shortfall


@EXAMPLES
@given(SAMPLES, LEVELS)
def test_value_at_risk_is_exceeded_as_rarely_as_it_says_and_no_smaller_loss_is(losses: Any, level: float) -> None:
    var = value_at_risk(losses, level)
    assert var in losses
    assert np.mean(losses > var) <= (1 - level) + 1e-9
    smaller = losses[losses < var]
    assert not len(smaller) or np.mean(losses > smaller.max()) > (1 - level) - 1e-9


@EXAMPLES
@given(SAMPLES, LEVELS)
def test_the_shortfall_is_the_smallest_of_rockafellar_and_uryasevs_function(losses: Any, level: float) -> None:
    # Rockafellar and Uryasev (2000), theorem 1: the minimum over v of v + mean((loss - v)+) / (1 - level).
    at = losses[:, None]
    values = at[:, 0] + np.maximum(losses[None, :] - at, 0.0).mean(axis=1) / (1 - level)
    assert expected_shortfall(losses, level) == pytest.approx(values.min(), abs=DUST)


@EXAMPLES
@given(PAIRS, LEVELS, numbers(0.0, 1.0))
def test_the_shortfall_is_convex(pair: Any, level: float, part: float) -> None:
    mixed = expected_shortfall(part * pair[0] + (1 - part) * pair[1], level)
    apart = part * expected_shortfall(pair[0], level) + (1 - part) * expected_shortfall(pair[1], level)
    assert mixed <= apart + DUST


@EXAMPLES
@given(SAMPLES, LEVELS, numbers(0.0, 100.0), numbers(-1e4, 1e4))
def test_the_shortfall_grows_with_the_position_and_moves_with_a_sure_loss(
    losses: Any, level: float, factor: float, sure: float
) -> None:
    shortfall = expected_shortfall(losses, level)
    assert expected_shortfall(factor * losses, level) == pytest.approx(factor * shortfall, abs=100 * DUST)
    assert expected_shortfall(losses + sure, level) == pytest.approx(shortfall + sure, abs=DUST)


@EXAMPLES
@given(PAIRS, LEVELS)
def test_losing_more_on_any_day_never_lowers_either(pair: Any, level: float) -> None:
    worse = np.maximum(pair[0], pair[1])
    for measure in (value_at_risk, expected_shortfall):
        assert measure(worse, level) >= measure(pair[0], level) - DUST


@EXAMPLES
@given(st.lists(st.tuples(numbers(-1e4, 1e4), st.integers(1, 5)), min_size=1, max_size=30), LEVELS, numbers(0.01, 9.0))
def test_weights_count_as_repeats(rows: list[tuple[float, int]], level: float, factor: float) -> None:
    losses, weights = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=float)
    repeated = np.repeat(losses, weights.astype(int))
    weighted = expected_shortfall(losses, level, weights * factor)
    assert weighted == pytest.approx(expected_shortfall(repeated, level), abs=DUST)
    # Where the tail ends between two losses, a last digit decides which of them it is.
    total = weights.sum() * (1 - level)
    if abs(total - round(total)) > 1e-9:
        assert value_at_risk(losses, level, weights * factor) == value_at_risk(repeated, level)


def test_a_loss_without_weight_counts_for_nothing() -> None:
    losses, weights = np.array([100.0, 5.0, 3.0, 1.0]), np.array([0.0, 1.0, 1.0, 2.0])
    assert expected_shortfall(losses, 0.75, weights) == 5.0
    assert expected_shortfall(losses, 0.5, weights) == 4.0


@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 200), LEVELS)
def test_the_tails_of_many_rows_are_those_of_each(seed: int, rows: int, size: int, level: float) -> None:
    losses = np.random.default_rng(seed).standard_t(2, (rows, size))
    losses = np.round(losses, 1) if seed % 2 else losses  # with ties
    at_risk, shortfalls = tail_means(losses, level)
    assert shortfalls == pytest.approx([expected_shortfall(row, level) for row in losses], abs=1e-9)
    assert at_risk.tolist() == [value_at_risk(row, level) for row in losses]
    assert [shortfall_of(row, level) for row in losses] == pytest.approx(shortfalls.tolist(), abs=1e-9)


@pytest.mark.parametrize("measure", [value_at_risk, expected_shortfall])
@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 1.1, float("nan")])
def test_a_level_outside_0_to_1_is_refused(measure: Any, level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        measure(TEN_LOSSES, level)


@pytest.mark.parametrize("measure", [value_at_risk, expected_shortfall])
def test_an_empty_sample_is_refused(measure: Any) -> None:
    with pytest.raises(ValueError, match="at least one"):
        measure(np.array([]), 0.95)


@pytest.mark.parametrize("size", [1, 5, 19])
def test_fewer_losses_than_the_tail_is_wide_leave_the_worst(size: int) -> None:
    # Of 19 losses the worst one is more than 5 %: it is the whole tail.
    losses = np.random.default_rng(size).standard_normal(size)
    assert expected_shortfall(losses, 0.95) == value_at_risk(losses, 0.95) == losses.max()
    assert shortfall_of(losses, 0.95) == pytest.approx(losses.max())


def test_an_unknown_loss_is_never_passed_over() -> None:
    losses = np.array([1.0, float("nan"), 2.0])
    assert math.isnan(expected_shortfall(losses, 0.95))
    assert math.isnan(value_at_risk(losses, 0.95))
