"""Conditions of share rules: what each asks for, how they are joined, and what is said of those that are wrong."""

import re
from dataclasses import replace

import pytest

from sizing.positions.conditions import CONDITIONS, check_conditions, parse_condition
from sizing.positions.figures import Figures
from sizing.positions.rulesets import ShareRule
from sizing.positions.share import evaluate
from sizing.positions.state import Opinion, State
from sizing.prop.formats import FieldsError
from tests.builders import NOW_MS
from tests.sizing.positions.share_scene import DAY_MS, down, held, market, reasons, rules, state

FULL = replace(
    state(held(1, 0.04, profit=30.0), held(2, 0.02, profit=-12.0, opened_ms=NOW_MS - 3 * DAY_MS)),
    drawdown_pct=2.5,
    markets={"EURUSD": market(regime="ranging", volatility_percentile=40.0)},
    opinions={"EURUSD": Opinion(direction="bearish", confidence=70.0, risk_grade="medium")},
)
"""6 % held for up to three days, with 18 of profit on 6,000."""


def holds(text: str, scene: State = FULL) -> bool:
    """Whether a rule with this one condition acts on what is held."""
    return bool(evaluate(rules(down(0, text)), scene, {}).instructions)


@pytest.mark.parametrize(
    "text",
    [
        "instrument_account_share == 6", "instrument_account_share > 5.9", "instrument_account_share <= 6",
        "confidence >= 70", "confidence < 70.1", "profit_loss_percent > 0.29", "profit_loss_percent < 0.31",
        "days_opened >= 3", "days_opened < 3.1", "bearish", "bullish == false", "has_position",
        "has_no_position == false", "mediumrisk", "highrisk == false", "lowrisk == false", "regime == ranging",
        "volatility_percentile == 40", "drawdown == 2.5", "headroom == 80", "headroom(daily) == 80",
        "headroom( total )>=90", "  confidence>=70 ",
    ],
)  # fmt: skip
def test_condition_that_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "instrument_account_share > 6", "instrument_account_share < 6", "confidence > 70", "profit_loss_percent < 0.3",
        "days_opened < 3", "bullish", "bearish == false", "has_no_position", "highrisk", "lowrisk",
        "mediumrisk == false", "regime == volatile", "volatility_percentile < 40", "drawdown > 2.5", "headroom < 80",
        "headroom(total) < 90",
    ],
)  # fmt: skip
def test_condition_that_does_not_hold(text: str) -> None:
    assert not holds(text)
    assert not evaluate(rules(down(0, text)), FULL, {}).skipped


UNKNOWN = replace(
    state(held(notional=float("nan"))), markets={}, opinions={}, headroom_pct={}, drawdown_pct=float("nan")
)


@pytest.mark.parametrize(
    "text",
    [
        "instrument_account_share > 1", "confidence < 50", "profit_loss_percent < 0", "bullish", "bearish",
        "bullish == false", "highrisk", "mediumrisk", "lowrisk", "regime == volatile", "volatility_percentile > 1",
        "drawdown > 1", "headroom < 50", "headroom(daily) < 50",
    ],
)  # fmt: skip
def test_condition_without_its_figure_does_nothing_and_says_so(text: str) -> None:
    advice = evaluate(rules(down(0, text)), UNKNOWN, {})

    assert not advice.instructions
    assert reasons(advice) == f"EURUSD test/d0: not known: {text}"


def test_every_condition_was_looked_at() -> None:
    assert set(CONDITIONS) == {
        "instrument_account_share", "confidence", "profit_loss_percent", "days_opened", "bullish", "bearish",
        "has_position", "has_no_position", "highrisk", "mediumrisk", "lowrisk", "regime", "volatility_percentile",
        "drawdown", "headroom",
    }  # fmt: skip


def test_without_a_position_the_share_is_zero_and_nothing_else_of_it_holds() -> None:
    figures = Figures(state(), "EURUSD", (), "notional", 100_000.0)

    assert figures["instrument_account_share"] == 0
    for name in ("profit_loss_percent", "days_opened"):
        for sign in (">", ">=", "<", "<=", "=="):
            condition = parse_condition(f"{name} {sign} 0")
            assert not condition.holds(figures[condition.key])


def test_one_unknown_loss_rule_leaves_the_least_headroom_unknown() -> None:
    scene = state(held(), headroom_pct={"daily": 10.0, "total": float("nan")})

    assert not holds("headroom < 50", scene)
    assert holds("headroom(daily) < 50", scene)


@pytest.mark.parametrize(
    ("every", "one", "acts"),
    [
        (("bearish", "drawdown > 1"), (), True),
        (("bearish", "drawdown > 9"), (), False),
        ((), ("bullish", "drawdown > 1"), True),
        ((), ("bullish", "drawdown > 9"), False),
        (("bearish",), ("bullish", "drawdown > 1"), True),
        (("bullish",), ("bearish",), False),
        (("bearish",), ("bullish", "headroom(none) > 9"), None),
        (("bearish", "headroom(none) > 9"), (), None),
        (("bullish", "headroom(none) > 9"), (), False),
        (("bearish",), ("headroom(none) > 9", "drawdown > 1"), True),
        (("headroom(none) > 9",), ("bullish",), False),
    ],
)
def test_all_and_any_are_joined_and_an_unknown_figure_counts_only_where_it_decides(
    every: tuple[str, ...], one: tuple[str, ...], acts: bool | None
) -> None:
    only = ShareRule(name="r", action="decrease_instrument_share", target_percent=0.0, all=every, any=one)

    advice = evaluate(rules(only), FULL, {})

    assert bool(advice.instructions) is (acts is True)
    assert ("not known: headroom(none) > 9" in reasons(advice)) is (acts is None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("confidense > 5", "'confidense' is not a known condition; did you mean \"confidence\"?"),
        ("Bullish", "'Bullish' is not a known condition; did you mean \"bullish\"?"),
        ("xyz", "'xyz' is not a known condition; known are bearish, "),
        ("confidence", "confidence must be compared"),
        ("confidence != 5", "with one of > >= < <= =="),
        ("confidence = 5", "with one of > >= < <= =="),
        ("confidence => 5", "with one of > >= < <= =="),
        ("confidence > high", "confidence must be compared with a number; it is 'high'"),
        ("confidence > nan", "confidence must be compared with a number; it is 'nan'"),
        ("bullish > 1", "bullish holds or does not"),
        ("bullish == yes", "bullish holds or does not"),
        ("regime == wild", "one of trending, ranging, volatile, normal; it is == wild"),
        ("regime > trending", "regime must be compared by =="),
        ("confidence(daily) > 5", "only headroom takes a name"),
        ("headroom() > 5", "only headroom takes a name"),
        ("", "must be a condition such as"),
    ],
)
def test_wrong_condition_is_explained(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        parse_condition(text)


def test_all_wrong_conditions_are_told_at_once_with_their_places() -> None:
    with pytest.raises(FieldsError) as error:
        check_conditions(["bulish", "bullish", "drawdawn > 5"])

    assert [key for key, _ in error.value.faults] == [(0,), (2,)]
