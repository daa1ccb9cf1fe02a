"""Small runs of the whole proof. The command runs a hundred thousand days."""

import dataclasses
import importlib
import json
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import pytest

from bridge import cli
from bridge.proof.account import Account
from bridge.proof.asks import Ask
from bridge.proof.evidence import Evidence, Moment
from bridge.proof.prove import SIZERS, MakeSizer, Proof, Setting, Wish, prove
from bridge.proof.report import report_of
from bridge.proof.sizers import Grant, Lotbridge
from bridge.proof.source import Ground, firm_of, ground_of
from bridge.proof.wilson import wilson
from sizing.decision import Decision
from sizing.snapshot import FirmState

FIRMS = {
    "ftmo-2step": 100_000.0,
    "ftmo-1step": 100_000.0,
    "the5ers-high-stakes": 100_000.0,
    "apex-intraday": 100_000.0,
    "e8-one": 100_000.0,
    "topstep": 50_000.0,
    "fundingpips-zero": 100_000.0,
    "fundednext-stellar-2step": 100_000.0,
}


class Doubled(Lotbridge):
    """A sizer with a fault: it answers with twice the lots, and reserves what it answered."""

    def _scaled(self, decision: Decision) -> Decision:
        return decision._replace(lots=2 * decision.lots, worst_case=2 * decision.worst_case)


class Forgetful(Lotbridge):
    """A sizer with another: of orders in flight it knows nothing."""

    def answer(self, asks: list[Ask], account: Account, moment: Moment) -> list[Grant | None]:
        """Each request by itself."""
        return [grant for ask in asks for grant in super(Forgetful, self).answer([ask], account, moment)]


def doubled(setting: Setting) -> Lotbridge:
    return Doubled(setting.evidence, setting.policy)


def forgetful(setting: Setting) -> Lotbridge:
    return Forgetful(setting.evidence, setting.policy)


@cache
def ground() -> Ground:
    return ground_of(None, print)


def run(firm: str, days: int, seed: int = 3, sizers: Sequence[MakeSizer] = SIZERS) -> Proof:
    wish = Wish(firm_of(firm, FIRMS[firm]), FIRMS[firm], days, seed)
    return prove(wish, ground().past, ground().policy, sizers=sizers)


def figures(proof: Proof) -> list[tuple[object, ...]]:
    return [dataclasses.astuple(each) for each in proof.figures]


@pytest.mark.parametrize("firm", FIRMS)
def test_sizing_breaches_nothing_while_gaps_stay_within_the_allowance(firm: str) -> None:
    own = run(firm, 400, sizers=SIZERS[:1]).figures[0]
    assert own.cut.breaches == 0, own.cut.by_rule
    assert own.cut.exposed == 0
    assert own.cut.days == own.drawn.days == 400
    assert own.cut.granted > 400


@pytest.mark.parametrize(
    ("firm", "broken"), [("ftmo-2step", doubled), ("fundingpips-zero", doubled), ("e8-one", forgetful)]
)
def test_a_broken_sizer_is_caught(firm: str, broken: MakeSizer) -> None:
    found = run(firm, 800, sizers=[broken]).figures[0]
    assert found.cut.breaches > 0
    assert found.cut.breaches == found.cut.by_rule.total()


@pytest.mark.parametrize(
    ("firm", "over"),
    [
        ("ftmo-2step", {"blind_to_resets": True}),
        ("the5ers-high-stakes", {"blind_to_trails": True}),
        ("apex-intraday", {"blind_to_trails": True}),
    ],
)
def test_a_sizer_that_looks_at_the_present_only_is_caught_before_it_breaches(
    firm: str, over: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is open could breach after the reset, or after a gain; that it has not yet done so makes no difference."""
    real = Evidence.firm_state

    def blind(*given: Any) -> FirmState:
        state = real(*given)
        rules = tuple(
            rule._replace(trails=False)
            if "blind_to_trails" in over
            else rule._replace(floor_after_reset=rule.floor, headroom_after_reset=rule.headroom)
            for rule in state.rules
        )
        return dataclasses.replace(state, rules=rules)

    monkeypatch.setattr(Evidence, "firm_state", blind)
    assert run(firm, 400, sizers=SIZERS[:1]).figures[0].cut.exposed > 0


def test_the_same_seed_gives_the_same_figures_and_another_one_others() -> None:
    first, again, other = run("ftmo-2step", 200), run("ftmo-2step", 200), run("ftmo-2step", 200, seed=4)
    assert [dataclasses.astuple(each) for each in first.figures] == [
        dataclasses.astuple(each) for each in again.figures
    ]
    assert [dataclasses.astuple(each) for each in first.figures] != [
        dataclasses.astuple(each) for each in other.figures
    ]


def test_a_firms_rules_are_what_binds_and_the_careless_pay_for_it() -> None:
    found = run("ftmo-2step", 600)
    report = report_of(Wish(firm_of("ftmo-2step", 100_000.0), 100_000.0, 600, 3), found, "test", synthetic=True)
    own, fixed, careless = report.within_allowance
    assert report.bound_by_rules > 0.9
    assert report.resets_with_positions > 300
    assert own.risk_pct_per_day > 1.0
    assert own.breaches == 0 < fixed.breaches < careless.breaches
    assert careless.refused_share < own.refused_share


def test_positions_are_gapped_and_losses_cut() -> None:
    own = run("ftmo-2step", 1_000, sizers=SIZERS[:1]).figures[0]
    assert own.cut.gaps > own.cut.cuts > 0
    assert own.drawn.cuts == 0


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(0, 100, 0.0, 0.03699), (10, 100, 0.05523, 0.17437), (100, 100, 0.96301, 1.0), (1, 10, 0.01788, 0.40415)],
)
def test_wilsons_interval(hits: int, trials: int, low: float, high: float) -> None:
    # Values of the formula in Newcombe (1998), "Two-sided confidence intervals for the single proportion", method 3.
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-5)


def outcome(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(["prove", *arguments])
    written = capsys.readouterr()
    return int(ended.value.code or 0), written.out, written.err


def test_the_command_fits_80_columns_and_says_what_was_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = outcome(capsys, "--days", "100")
    assert code == 0
    assert "0 breaches in 100 account-days" in out
    assert all(len(line) <= 80 for line in out.splitlines())
    for name in ("lotbridge", "fixed 1 %", "nearest step"):
        assert out.count(f"\n{name} ") == 2


def test_the_command_gives_the_same_numbers_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "--days", "100", "--json", "--firm", "topstep", "--balance", "50000")
    report = json.loads(out)
    assert code == 0
    assert report["proved"] is True
    assert [row["sizer"] for row in report["as_drawn"]] == ["lotbridge", "fixed 1 %", "nearest step"]
    assert report["within_allowance"][0]["days"] == 100


def test_the_command_fails_where_a_rule_is_breached(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = importlib.import_module("bridge.cli.prove")
    monkeypatch.setattr(command, "simulate", partial(prove, sizers=[doubled]))
    code, out, _ = outcome(capsys, "--days", "800", "--seed", "3")
    assert code == 1
    assert "NOT PROVED" in out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--firm", "nobody"), "There are: apex-eod"),
        (("--firm", "../policy"), "has no firm"),
        (("--firm", "topstep", "--balance", "77"), "50000"),
        (("--bars", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_the_command_says_what_is_wrong(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], text: str
) -> None:
    code, out, err = outcome(capsys, "--days", "100", *arguments)
    assert code in (1, 2)
    assert out == ""
    assert text in " ".join(err.split())
