"""Correlation of daily returns: measured over common days, shrunk by its error, and watched for breaks."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizing.stats.correlation import (
    BREAK,
    PRIOR_WEIGHT,
    RECENT,
    WINDOW,
    Measured,
    broken,
    common_returns,
    measure,
    shrink,
)
from tests.sizing.strategies import EXAMPLES, numbers

# Common returns ------------------------------------------------------------------------------------------------------


def random_walks(length: int = 300) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(11)
    common, own, other = rng.normal(size=(3, length)) * 0.01
    return (
        np.arange(length) * 86_400_000,
        1.1 * np.exp(np.cumsum(common + own)),
        40_000 * np.exp(np.cumsum(common - other)),
    )


def correlate(*series: Any) -> Measured | None:
    return measure(*common_returns(*series))


def close_to(result: Measured | None, value: float, observations: int) -> bool:
    return result is not None and result.value == pytest.approx(value) and result.observations == observations


def test_correlation_is_numpys_over_log_returns() -> None:
    times, first, second = random_walks()
    expected = np.corrcoef(np.diff(np.log(first)), np.diff(np.log(second)))[0, 1]
    assert close_to(correlate(times, first, times, second, 1_000), expected, 299)


def test_only_the_newest_window_counts() -> None:
    times, first, second = random_walks()
    expected = np.corrcoef(np.diff(np.log(first))[-252:], np.diff(np.log(second))[-252:])[0, 1]
    assert close_to(correlate(times, first, times, second), expected, 252)
    assert WINDOW == 252


def test_only_bars_that_both_have_count() -> None:
    times, first, second = random_walks()
    some, others = np.flatnonzero(np.arange(300) % 3), np.flatnonzero(np.arange(300) % 5)
    both = np.intersect1d(some, others)
    expected = np.corrcoef(np.diff(np.log(first[both])), np.diff(np.log(second[both])))[0, 1]
    result = correlate(times[some], first[some], times[others], second[others])
    assert close_to(result, expected, len(both) - 1)


def test_a_series_that_began_later_shares_its_own_days() -> None:
    times, first, second = random_walks()
    expected = np.corrcoef(np.diff(np.log(first[-100:])), np.diff(np.log(second[-100:])))[0, 1]
    assert close_to(correlate(times, first, times[-100:], second[-100:]), expected, 99)
    assert close_to(correlate(times[-100:], first[-100:], times, second), expected, 99)


def test_a_mirror_image_is_minus_one_and_itself_is_one() -> None:
    times, first, _ = random_walks()
    assert close_to(correlate(times, first, times, 1 / first), -1.0, 252)
    assert close_to(correlate(times, first, times, first * 3), 1.0, 252)


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_too_few_common_bars_have_no_correlation(length: int) -> None:
    times, first, second = random_walks(length)
    assert correlate(times, first, times, second) is None


def test_series_that_do_not_meet_or_do_not_move_have_no_correlation() -> None:
    times, first, second = random_walks(50)
    assert correlate(times, first, times + 1, second) is None
    assert correlate(times, first, times, np.full(50, 5.0)) is None


# The error -----------------------------------------------------------------------------------------------------------


def pairs(correlation: float, count: int, length: int, seed: int = 1) -> Any:
    """Pairs of normal returns: (2, count, length)."""
    first, own = np.random.default_rng(seed).standard_normal((2, count, length))
    return first, correlation * first + math.sqrt(1 - correlation**2) * own


def test_the_error_is_schaefer_and_strimmers() -> None:
    # Schäfer and Strimmer (2005), appendix A: n / (n - 1)^3 times the sum of squares of w - mean(w), where w are the
    # products of the standardized returns.
    first, second = (series[0] for series in pairs(0.4, 1, 100))
    products = (first - first.mean()) / first.std() * (second - second.mean()) / second.std()
    expected = math.sqrt(100 / 99**3 * np.sum((products - products.mean()) ** 2))
    result = measure(first, second)
    assert result is not None
    assert result.error == pytest.approx(expected)


@pytest.mark.parametrize("length", [60, 252])
def test_the_error_is_how_far_independent_returns_stray(length: int) -> None:
    found = [measure(*pair) for pair in zip(*pairs(0.0, 1_000, length), strict=True)]
    values, errors = zip(*[(each.value, each.error) for each in found if each is not None], strict=True)
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.1)
    assert np.std(values) == pytest.approx(1 / math.sqrt(length), rel=0.1)


@pytest.mark.parametrize("correlation", [-0.8, 0.3, 0.8])
def test_the_error_is_never_smaller_than_how_far_correlated_returns_stray(correlation: float) -> None:
    found = [measure(*pair) for pair in zip(*pairs(correlation, 500, 252), strict=True)]
    values, errors = zip(*[(each.value, each.error) for each in found if each is not None], strict=True)
    assert np.std(values) <= np.mean(errors)
    assert abs(np.mean(values) - correlation) < 0.02


def test_an_unknown_return_has_no_correlation() -> None:
    first, second = (series[0] for series in pairs(0.5, 1, 100))
    second = second.copy()
    second[5] = float("nan")
    assert measure(first, second) is None


# Shrinking -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measured", "prior", "expected"),
    [
        (None, None, None), (None, 0.7, 0.7), ((0.5, 60), 0.7, 0.6), ((0.5, 60), None, 0.5),
        ((0.9, 59), None, None), ((0.5, 0), 0.7, 0.7),
        ((0.9, 540), 0.0, 0.81), ((-0.4, 180), 0.4, -0.2),
    ],
)  # fmt: skip
def test_thin_data_leans_on_the_prior(measured: Any, prior: float | None, expected: float | None) -> None:
    assert PRIOR_WEIGHT == 60
    found = None if measured is None else Measured(*measured, error=0.0)
    assert shrink(found, prior) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("value", "error", "prior", "expected"),
    [
        # Share of the prior by the error: (0.1 / 0.2)^2 = 1/4, more than 60 / 600.
        (0.5, 0.1, 0.7, 0.75 * 0.5 + 0.25 * 0.7),
        (0.5, 0.02, 0.7, 0.9 * 0.5 + 0.1 * 0.7),
        (0.6, 0.1, 0.7, 0.7),
        (0.69, 0.1, 0.7, 0.7),
        (0.7, 0.1, 0.7, 0.7),
        # Without a prior a positive value stands and a hedge is drawn to nothing: (0.1 / 0.4)^2 = 1/16.
        (0.4, 0.1, None, 0.4), (0.0, 0.1, None, 0.0), (-0.4, 0.1, None, -0.375), (-0.1, 0.1, None, 0.0),
        (-0.05, 0.1, None, 0.0),
    ],
)  # fmt: skip
def test_what_is_uncertain_leans_on_the_prior_more(
    value: float, error: float, prior: float | None, expected: float
) -> None:
    assert shrink(Measured(value, 540, error), prior) == pytest.approx(expected)


@EXAMPLES
@given(numbers(-1, 1), st.integers(3, 2_000), numbers(0, 1), st.none() | numbers(-1, 1), numbers(1, 5))
def test_the_shrunk_correlation_lies_between_measurement_and_prior(
    value: float, observations: int, error: float, prior: float | None, factor: float
) -> None:
    result = shrink(Measured(value, observations, error), prior)
    less_certain = shrink(Measured(value, observations, error * factor), prior)
    if prior is None:
        assert (result is None) == (observations < 60)
        if result is not None:
            assert value - 1e-12 <= result <= max(value, 0.0) + 1e-12, "nothing makes twins look independent"
            assert less_certain is not None
            assert less_certain >= result - 1e-12, "nor an uncertain hedge a better one"
        return
    assert result is not None
    assert less_certain is not None
    assert min(value, prior) - 1e-12 <= result <= max(value, prior) + 1e-12
    assert abs(result - prior) <= abs(value - prior) * observations / (observations + 60) + 1e-12
    assert abs(less_certain - prior) <= abs(result - prior) + 1e-12


def test_shrinking_to_a_right_prior_errs_less_than_the_measurement() -> None:
    found = [measure(*pair) for pair in zip(*pairs(0.7, 400, 60), strict=True)]
    measured = np.array([each.value for each in found if each is not None])
    shrunk = np.array([shrink(each, 0.7) for each in found])
    assert np.mean((shrunk - 0.7) ** 2) < 0.5 * np.mean((measured - 0.7) ** 2)


# Breaks --------------------------------------------------------------------------------------------------------------


def test_a_pair_that_turns_round_is_broken() -> None:
    first, second = (series[0] for series in pairs(0.8, 1, 312))
    assert broken(first, second) is None
    turned = np.append(second[:-RECENT], -second[-RECENT:])
    found = broken(first, turned)
    assert found is not None
    assert found.before > 0.7
    assert found.recent < -0.7
    assert found.distance < -BREAK
    assert broken(first, np.append(-second[:-RECENT], second[-RECENT:])) is not None


def test_the_distance_is_fishers() -> None:
    # Fisher (1921): atanh of a correlation of n pairs has the standard error 1 / sqrt(n - 3).
    first, second = (series[0] for series in pairs(0.6, 1, 160))
    second = np.append(second[:-60], 0.3 * second[-60:] - 0.5 * first[-60:])
    found = broken(first, second)
    assert found is not None
    recent, before = np.corrcoef(first[-60:], second[-60:])[0, 1], np.corrcoef(first[:-60], second[:-60])[0, 1]
    expected = (math.atanh(recent) - math.atanh(before)) / math.sqrt(1 / 57 + 1 / 97)
    assert (found.recent, found.before) == pytest.approx((recent, before))
    assert found.distance == pytest.approx(expected)


@pytest.mark.parametrize("correlation", [0.0, 0.5, -0.8])
def test_pairs_that_stay_as_they_were_are_seldom_called_broken(correlation: float) -> None:
    # Three standard errors both ways: 0.27 % by the normal distribution, about 4 of 1,500; at most four errors more.
    alarms = sum(broken(*pair) is not None for pair in zip(*pairs(correlation, 1_500, 312, seed=3), strict=True))
    assert alarms <= 4 + 4 * 2


@pytest.mark.parametrize(("correlation", "later"), [(0.8, 0.0), (0.0, 0.7), (0.7, -0.3)])
def test_a_break_is_seen_within_a_quarter(correlation: float, later: float) -> None:
    before, after = pairs(correlation, 200, 252, seed=4), pairs(later, 200, RECENT, seed=5)
    first, second = (np.concatenate(parts, axis=1) for parts in zip(before, after, strict=True))
    assert np.mean([broken(*pair) is not None for pair in zip(first, second, strict=True)]) > 0.9


@pytest.mark.parametrize(("length", "told"), [(0, False), (60, False), (119, False), (120, True)])
def test_a_break_needs_two_quarters(length: int, told: bool) -> None:
    first = np.random.default_rng(1).standard_normal(length)
    second = np.append(first[:-RECENT], -first[-RECENT:]) if length > RECENT else -first
    assert (broken(first, second) is not None) == told


def test_perfect_correlation_has_a_finite_distance() -> None:
    first = np.random.default_rng(1).standard_normal(200)
    assert broken(first, first) is None
    found = broken(first, np.append(first[:-RECENT], -first[-RECENT:]))
    assert found is not None
    assert math.isfinite(found.distance)


def test_a_market_that_stands_still_is_not_broken() -> None:
    first = np.random.default_rng(1).standard_normal(200)
    assert broken(first, np.append(first[:-RECENT], np.zeros(RECENT))) is None
