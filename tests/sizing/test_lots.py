"""The lot lattice: exact, and rounding only ever goes down."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizing.engine import size
from sizing.lots import lattice
from tests.builders import make_spec
from tests.sizing.builders import NO_FIRM, loose_policy, make_signal, make_snapshot

STEPS = ("0.01", "0.05", "0.1", "1.0", "0.29", "0.001", "0.03", "5.0")


def test_floor_is_exact_on_all_ten_thousand_two_decimal_lots() -> None:
    grid = lattice(0.01, 100.0, 0.01)
    wrong = [hundredths for hundredths in range(10_000) if grid.floor(hundredths / 100) != hundredths]
    assert wrong == []


def test_binary_floats_would_lose_a_step_on_many_of_them() -> None:
    # The reason for the lattice: this is what `floor(v / 0.01)` does.
    assert sum(int((n / 100) / 0.01) != n for n in range(10_000)) > 500
    assert int(0.29 / 0.01) == 28
    assert lattice(0.01, 100.0, 0.01).floor(0.29) == 29


@pytest.mark.parametrize("step", STEPS)
def test_every_multiple_of_the_step_is_its_own_floor(step: str) -> None:
    grid = lattice(float(step), 10_000.0, float(step))
    for count in range(2_000):
        exact = Decimal(step) * count
        assert grid.floor(float(exact)) == count
        assert grid.lots(count) == float(exact)


@pytest.mark.parametrize("step", STEPS)
def test_just_below_a_multiple_falls_to_the_one_before(step: str) -> None:
    grid = lattice(float(step), 10_000.0, float(step))
    for count in range(1, 500):
        assert grid.floor(float(Decimal(step) * count - Decimal("1e-9"))) == count - 1


@pytest.mark.parametrize(
    ("least", "most", "step", "min_steps", "max_steps"),
    [
        (0.01, 50.0, 0.01, 1, 5_000),
        (0.1, 0.35, 0.1, 1, 3),  # volume_max off the lattice: the multiple below it
        (0.05, 1.02, 0.05, 1, 20),
        (1.0, 7.9, 1.0, 1, 7),
        (0.29, 1.0, 0.29, 1, 3),
        (0.58, 1.0, 0.29, 2, 3),
        (0.3, 100.0, 0.1, 3, 1_000),  # 0.3 is no binary multiple of 0.1
        (0.2, 0.1, 0.1, 2, 1),  # nothing between
    ],
)
def test_the_lattice_counts_steps_from_volume_min_to_volume_max(
    least: float, most: float, step: float, min_steps: int, max_steps: int
) -> None:
    grid = lattice(least, most, step)
    assert (grid.min_steps, grid.max_steps) == (min_steps, max_steps)


@pytest.mark.parametrize(("least", "step"), [(0.03, 0.02), (0.01, 0.1), (0.25, 0.1), (1.0, 0.29)])
def test_a_volume_min_that_is_no_multiple_of_the_step_leaves_no_volume(least: float, step: float) -> None:
    grid = lattice(least, 100.0, step)
    assert grid.max_steps < grid.min_steps


def test_the_engine_sends_nothing_where_no_volume_is_valid_both_ways() -> None:
    spec = make_spec(volume_min=0.03, volume_step=0.02)
    decision = size(make_signal(), make_snapshot(spec=spec, firm=NO_FIRM), loose_policy())
    assert (decision.code, decision.lots) == ("below_volume_min", 0.0)


@pytest.mark.parametrize("figures", [(0.0, 1.0, 0.1), (0.1, 0.0, 0.1), (0.1, 1.0, 0.0), (-0.1, 1.0, 0.1)])
def test_figures_that_are_not_positive_are_an_error(figures: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        lattice(*figures)


@settings(max_examples=500, deadline=None, print_blob=True)
@given(st.floats(0.0, 1e12), st.sampled_from(STEPS))
def test_floor_never_exceeds_and_never_wastes_a_step(lots: float, step: str) -> None:
    steps = lattice(float(step), 1e15, float(step)).floor(lots)
    exact = Decimal(repr(lots))
    assert Decimal(step) * steps <= exact < Decimal(step) * (steps + 1)


@settings(max_examples=300, deadline=None, print_blob=True)
@given(st.sampled_from(STEPS), st.integers(1, 20), st.floats(0.0, 50.0), st.floats(0.001, 60.0))
def test_the_answer_is_the_largest_valid_volume_that_the_request_allows(
    step: str, least: int, above: float, asked: float
) -> None:
    unit = Decimal(step)
    spec = make_spec(volume_min=float(unit * least), volume_max=float(unit * least) + above, volume_step=float(step))
    # A huge budget: only the request's ceiling and the broker's volumes limit.
    snapshot = make_snapshot(spec=spec, firm=NO_FIRM)
    policy = loose_policy(budget={"base_risk_pct": 10.0})
    decision = size(make_signal(max_lots=asked, stop_loss=1.0999, take_profit=1.11), snapshot, policy)
    allowed = min(Decimal(repr(asked)), Decimal(repr(spec.volume_max)))
    expected = allowed // unit * unit
    assert decision.lots == (float(expected) if expected >= unit * least else 0.0)
