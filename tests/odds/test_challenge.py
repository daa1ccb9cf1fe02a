"""Challenges in bulk equal one challenge at a time, on every firm's rules; and known odds come out."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bridge.odds.challenge import OUT_OF_DAYS, PASSED, Outcomes, simulate
from bridge.odds.days import Days, Ints, Step, days_of
from bridge.proof.floors import FLOATING
from bridge.proof.source import firm_of
from bridge.proof.wilson import wilson
from bridge.settings import defaults_folder
from sizing.prop.firm import Consistency, Firm, FirmLimits
from sizing.prop.rules import LossRule
from tests.odds import scalar
from tests.odds.builders import INITIAL, coins, random_days
from tests.sizing.builders import ftmo, loss_rule, total_rule

FIRMS = sorted(path.stem for path in Path(defaults_folder() / "firms").glob("*.toml"))
NEVER = total_rule(amount_pct=100.0)


def named(firm: Firm, code: int) -> str:
    """An outcome as the plain simulator calls it."""
    if code == PASSED:
        return scalar.PASSED
    if code == OUT_OF_DAYS:
        return scalar.STOOD
    return FLOATING if code == len(firm.rules) else firm.rules[code].name


def compare(firm: Firm, days: Days, drawn: Ints) -> Counter[str]:
    """Hold every challenge against the plain simulator; how often each outcome came."""
    found = simulate(firm, INITIAL, days, drawn)
    seen = Counter[str]()
    for place, row in enumerate(drawn.tolist()):
        expected = scalar.Challenge(firm, INITIAL).live(days, row)
        assert (named(firm, int(found.code[place])), int(found.day[place])) == expected[:2], (place, row)
        assert found.balance[place] == pytest.approx(expected.balance, abs=1e-4)
        seen[expected.how] += 1
    return seen


@pytest.mark.parametrize("name", FIRMS)
def test_bulk_equals_one_by_one_on_every_firms_rules(name: str) -> None:
    firm = firm_of(name, INITIAL)
    seen = Counter[str]()
    for seed in range(8):
        rng = np.random.default_rng([seed, 5])
        days = random_days(rng, size=(0.1, 0.3, 0.8, 2.0)[seed % 4])
        seen += compare(firm, days, rng.integers(0, days.size, (60, 25)))
    ends = {rule.name for rule in firm.rules if rule.breach == "ends"}
    assert ends <= set(seen) | {"own_total_limit"}
    assert (firm.target_pct is None) == (seen[scalar.PASSED] == 0)


@pytest.mark.parametrize("seed", range(40))
def test_bulk_equals_one_by_one_on_made_up_rules(seed: int) -> None:
    rng = np.random.default_rng([seed, 6])
    firm = made_up(rng)
    days = random_days(rng, size=float(rng.choice([0.2, 0.5, 1.0])))
    compare(firm, days, rng.integers(0, days.size, (60, 25)))


def made_up(rng: np.random.Generator) -> Firm:
    """Any rule that a firm's file can hold, two or three of them."""
    rules = tuple(made_up_rule(rng, f"rule {number}") for number in range(int(rng.integers(1, 4))))
    target = float(rng.choice([2.0, 6.0]))
    consistency = Consistency(
        best_day_pct=float(rng.choice([30.0, 60.0])),
        of="target",
        when_reached="pause" if rng.random() < 0.5 else "tell",
        source="made up",
        as_of="2026-11-20",
    )
    if rng.random() < 0.3:
        consistency = dataclasses.replace(consistency, of="winning_days", when_reached="tell")
    return ftmo(
        rules=rules,
        target_pct=target,
        min_days=int(rng.integers(0, 6)),
        min_day_profit_pct=0.0,
        consistency=consistency if rng.random() < 0.7 else None,
        limits=FirmLimits(floating_loss_pct=2.0 if rng.random() < 0.5 else None),
    )


def made_up_rule(rng: np.random.Generator, name: str) -> LossRule:
    """A daily or total rule with any anchor."""
    daily = bool(rng.random() < 0.5)
    sampled = str(rng.choice(["reset", "close", "tick"] if daily else ["inception", "reset", "close", "tick"]))
    anchor = {
        "inception": ["initial"], "reset": ["balance", "equity", "higher"], "close": ["balance"],
        "tick": ["equity", "higher"],
    }[sampled]  # fmt: skip
    ratchet = sampled in ("close", "tick") or (sampled == "reset" and not daily)
    return (loss_rule if daily else total_rule)(
        name=name,
        amount_pct=float(rng.choice([2.0, 4.0])),
        of=str(rng.choice(["initial", "anchor"])),
        anchor=str(rng.choice(anchor)),
        sampled=sampled,
        ratchet=ratchet,
        lock_pct=100.0 if ratchet and rng.random() < 0.5 else None,
        strict=bool(rng.random() < 0.5),
        measured_on=str(rng.choice(["equity", "balance"])),
        breach="pauses" if daily and rng.random() < 0.5 else "ends",
    )


def gamble(days: Days, chance: float, count: int, length: int, **firm: object) -> Outcomes:
    """Many players of a game of two days: a win with this chance, else a loss."""
    rng = np.random.default_rng(3)
    drawn = (rng.random((count, length)) >= chance).astype(np.int64)
    rules = ftmo(**{"min_days": 0, "consistency": None, "limits": FirmLimits(), **firm})
    return simulate(rules, INITIAL, days, drawn)


@pytest.mark.parametrize("chance", [0.45, 0.5, 0.55])
def test_the_gamblers_ruin_is_as_in_the_textbook(chance: float) -> None:
    win = 1.0
    loss = -win / (1 + win / 100)  # so that a win and a loss end where they began
    up, down = 8, 8
    target = ((1 + win / 100) ** up - 1) * 100 - 1e-4
    floor = (1 - (1 + loss / 100) ** down) * 100 - 1e-4
    found = gamble(
        coins((win,), (loss,)), chance, 20_000, 1_500, target_pct=target, rules=(total_rule(amount_pct=floor),)
    )
    odds = (1 - chance) / chance
    expected = down / (up + down) if odds == 1 else (1 - odds**down) / (1 - odds ** (up + down))
    assert not (found.code == OUT_OF_DAYS).any()
    low, high = wilson(int((found.code == PASSED).sum()), len(found.code), z=3.5)
    assert low < expected < high


def test_days_needed_are_the_walks_mean_time() -> None:
    found = gamble(
        coins((1.0,), (-1 / 1.01,)), 0.5, 20_000, 2_000, target_pct=(1.01**6 - 1) * 100 - 1e-4,
        rules=(total_rule(amount_pct=(1 - 1.01**-6) * 100 - 1e-4),),
    )  # fmt: skip
    error = found.day.std() / np.sqrt(len(found.day))
    assert abs(found.day.mean() - 36) < 3.5 * error


def test_a_target_without_its_days_is_not_passed_before_they_are_over() -> None:
    days = coins((10.0,), (0.0,))
    found = simulate(ftmo(target_pct=10.0, min_days=4), INITIAL, days, np.array([[0, 1, 1, 1, 1]]))
    assert (found.code[0], found.day[0]) == (PASSED, 4)


def test_a_breach_that_pauses_costs_the_rest_of_the_day_only() -> None:
    rule = loss_rule(amount_pct=2.0, breach="pauses")
    days = coins((-1.0, -1.5, 9.0), (1.0,))
    found = simulate(ftmo(rules=(rule, NEVER), min_days=0), INITIAL, days, np.array([[0, 1]]))
    assert found.code[0] == OUT_OF_DAYS
    assert found.balance[0] == pytest.approx(97_500 * 1.01)


@pytest.mark.parametrize(("strict", "code"), [(True, OUT_OF_DAYS), (False, 0)])
def test_touching_a_floor_breaches_where_the_rule_says_so(strict: bool, code: int) -> None:
    firm = ftmo(rules=(total_rule(amount_pct=5.0, strict=strict),))
    assert simulate(firm, INITIAL, coins((-5.0,)), np.array([[0]])).code[0] == code


def test_a_balance_below_the_floor_counts_where_the_rule_says_so_though_equity_is_above() -> None:
    days = days_of([[Step(0.0, 0.0, -6.0, 4.0, traded=True)]], [0.0])
    for measured_on, code in (("equity", OUT_OF_DAYS), ("balance", 0)):
        firm = ftmo(rules=(total_rule(amount_pct=5.0, measured_on=measured_on),))
        assert simulate(firm, INITIAL, days, np.array([[0]])).code[0] == code


def test_a_rule_that_ends_wins_over_one_that_pauses_at_the_same_low() -> None:
    rules = (loss_rule(amount_pct=2.0, breach="pauses"), total_rule(amount_pct=2.0))
    found = simulate(ftmo(rules=rules), INITIAL, coins((-5.0,)), np.array([[0]]))
    assert found.code[0] == 1


def test_a_floor_follows_the_high_before_the_low_is_measured() -> None:
    rule = total_rule(amount_pct=4.0, anchor="equity", sampled="tick", ratchet=True)
    days = days_of([[Step(2.0, -2.5, 0.0, 0.0, traded=True)]], [0.0])
    assert simulate(ftmo(rules=(rule,)), INITIAL, days, np.array([[0]])).code[0] == 0
    assert simulate(ftmo(rules=(total_rule(amount_pct=4.0),)), INITIAL, days, np.array([[0]])).code[0] == OUT_OF_DAYS


def test_what_floats_at_a_reset_counts_where_the_anchor_says_so() -> None:
    days = days_of([[], [Step(0.0, -4.0, -4.0, 0.0, traded=True)]], [0.0, 2.0])
    for anchor, code in (("balance", OUT_OF_DAYS), ("higher", 0)):
        rule = loss_rule(amount_pct=5.0, anchor=anchor)
        assert simulate(ftmo(rules=(rule,)), INITIAL, days, np.array([[0, 1]])).code[0] == code


def test_losing_positions_may_not_show_more_than_the_firm_allows() -> None:
    firm = ftmo(limits=FirmLimits(floating_loss_pct=1.0))
    days = days_of([[Step(0.0, -1.0, 0.5, 0.0, traded=True)]], [0.0])
    assert simulate(firm, INITIAL, days, np.array([[0]])).code[0] == len(firm.rules)


def test_a_best_day_that_is_too_large_needs_more_profit() -> None:
    rule = Consistency(best_day_pct=50.0, of="profit", source="made up", as_of="2026-11-20")
    firm = ftmo(target_pct=6.0, min_days=0, consistency=rule)
    found = simulate(firm, INITIAL, coins((6.0,), (2.0,)), np.array([[0, 1, 1], [0, 1, 0]]))
    assert found.code.tolist() == [OUT_OF_DAYS, PASSED]  # the second had two large days
    found = simulate(firm, INITIAL, coins((6.0,), (2.0,)), np.array([[0, 1, 1, 1]]))
    assert (found.code[0], found.day[0]) == (PASSED, 4)
