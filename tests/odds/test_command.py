"""`lotbridge odds` as somebody runs it: its page, its JSON, its picture, and what it refuses."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure as Picture
from typer.testing import CliRunner, Result

from bridge.cli import app
from bridge.errors import LotbridgeError
from bridge.odds.batches import Deal, Plan, Task
from bridge.odds.figures import Figure, OddsReport
from bridge.odds.odds import Wish, odds_of, without_target
from bridge.odds.page import ASSUMES, odds_page
from bridge.odds.plot import draw_odds
from bridge.odds.spread import Answers, run_all
from bridge.proof.source import firm_of
from bridge.replay.run import Run, read_run
from bridge.report.page import Sheet
from tests.odds.builders import DAY_MS, INITIAL, START_MS, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("odds") / "run", days=60)


def odds(run: Path, *arguments: str) -> Result:
    wanted = ["odds", str(run), "--run-risk", "0.5", "--challenges", "500", "--resamples", "25", *arguments]
    return CliRunner().invoke(app, wanted, env={"COLUMNS": "100"})


def told(run: Path, *arguments: str) -> dict[str, Any]:
    found = odds(run, "--json", *arguments)
    assert found.exit_code == 0, found.output
    report: dict[str, Any] = json.loads(found.stdout)
    return report


def report_of(run: Path, **wish: Any) -> OddsReport:
    firm = wish.pop("firm", firm_of("ftmo-2step", INITIAL))
    wanted = Wish(firm, INITIAL, 30, 500, 7, 25, **{"run_risk": 0.5, **wish})
    return odds_of(read_run(run), wanted, lambda plan, tasks: run_all(plan, tasks, lambda _: None, jobs=1))


def one_process(plan: Plan, tasks: list[Task]) -> Answers:
    return run_all(plan, tasks, lambda _: None, jobs=1)


GIVEN: dict[str, Any] = {
    "initial": INITIAL, "days": 10, "challenges": 100, "seed": 7, "resamples": 0, "run_risk": 0.5, "base_risks": (0.5,),
}  # fmt: skip


def test_the_page_tells_odds_and_what_they_assume(run: Path) -> None:
    found = odds(run, "--fee", "500")
    assert found.exit_code == 0, found.output
    words = " ".join(found.output.split())
    for part in (
        "Challenge odds: FTMO 2-step, 500 challenges of 30 days", ASSUMES, "The replayed market is synthetic",
        "300 trades of 60 days with market", "passed %", "max_daily_loss", "max_loss", "Days needed", "Value of a",
        "more --challenges narrow it", "Near a floor lotbridge would give fewer lots or none",
    ):  # fmt: skip
        assert part in words, part


def test_the_grid_is_every_base_risk_with_every_other_value(run: Path) -> None:
    report = told(run, "--base-risk", "0.25, 1", "--daily-stop", "none,1.5", "--max-trades", "none,2")
    rows = [(row["base_risk_pct"], row["daily_stop_pct"], row["max_trades"]) for row in report["rows"]]
    assert len(rows) == 8
    assert set(rows) == {(risk, stop, most) for risk in (0.25, 1.0) for stop in (None, 1.5) for most in (None, 2)}
    by_policy = dict(zip(rows, report["rows"], strict=True))
    assert by_policy[1.0, 1.5, None]["breaches"]["max_daily_loss"]["value"] == 0.0
    assert by_policy[1.0, None, None]["breaches"]["max_daily_loss"]["value"] > 0.0
    assert by_policy[0.25, None, 2]["passed"]["value"] < by_policy[0.25, None, None]["passed"]["value"]


def test_the_usual_grid_is_around_the_replays_own_base_risk(run: Path) -> None:
    assert [row["base_risk_pct"] for row in told(run)["rows"]] == [0.25, 0.5, 0.75, 1.0]


def test_more_risk_at_the_runs_own_size_is_told_as_it_was(run: Path) -> None:
    same = told(run, "--base-risk", "0.5")["rows"][0]
    doubled = told(run, "--base-risk", "1", "--run-risk", "1")["rows"][0]
    assert {**same, "base_risk_pct": 0} == {**doubled, "base_risk_pct": 0}


def test_a_seed_gives_the_same_figures_again(run: Path) -> None:
    assert told(run) == told(run)
    assert told(run) != told(run, "--seed", "8")


def test_paths_and_trades_that_never_overlap_give_nearly_the_same_odds(run: Path) -> None:
    by_trades, by_paths = (told(run, *more, "--challenges", "4000") for more in ((), ("--paths",)))
    assert by_paths["source"]["mode"] == "paths"
    for one, other in zip(by_trades["rows"], by_paths["rows"], strict=True):
        assert one["passed"]["value"] == pytest.approx(other["passed"]["value"], abs=0.06)


def test_another_target_balance_and_firm_are_taken(run: Path) -> None:
    report = told(run, "--firm", "topstep", "--balance", "50000", "--target", "3", "--block", "4", "--days", "10")
    assert (report["firm"], report["initial_balance"], report["target_pct"]) == ("topstep", 50_000.0, 3.0)
    assert (report["source"]["block"], report["days"]) == (4, 10)
    assert len(report["rows"][0]["passed_by"]) == 10


def held(run: Path, folder: Path) -> Run:
    """The run with one trade that was held until the next day."""
    made = read_run(run)
    rows = list(made.trades)
    rows[4] = rows[4]._replace(closed_ms=rows[5].opened_ms)
    return dataclasses.replace(made, trades=rows, folder=folder)


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"paths": True, "daily_stops": (None, 1.0)}, r"has 1 trades that were open when a day .* Omit --paths"),
        ({"firm": firm_of("topstep", INITIAL)}, r"has 1 trades .* topstep pauses an account .* before the day ends"),
        (
            {"deal": Deal(500.0, 0.0, 0.8, without_target(firm_of("topstep", INITIAL)), 10)},
            "topstep pauses an account for the rest of a day",
        ),
    ],
)
def test_what_would_book_a_trade_on_two_days_is_refused(
    run: Path, tmp_path: Path, wish: dict[str, Any], why: str
) -> None:
    wanted = Wish(**{"firm": firm_of("ftmo-2step", INITIAL), **GIVEN, **wish})
    with pytest.raises(LotbridgeError, match=why):
        odds_of(held(run, tmp_path), wanted, one_process)
    assert odds_of(read_run(run), wanted, one_process).rows  # every trade closed on its day


def test_a_daily_stop_is_drawn_with_trades_that_are_held(run: Path, tmp_path: Path) -> None:
    wanted = Wish(**{"firm": firm_of("ftmo-2step", INITIAL), **GIVEN, "daily_stops": (None, 1.0)})
    plain, stopped = (row for row in odds_of(held(run, tmp_path), wanted, one_process).rows)
    assert plain.profit.value != stopped.profit.value


def test_a_firm_without_a_target_has_odds_of_standing(run: Path) -> None:
    found = odds(run, "--firm", "ftmo-2step-funded")
    assert found.exit_code == 0, found.output
    assert "stood %" in found.output
    assert "Days needed" not in found.output


def test_few_trades_and_an_unfinished_replay_are_said(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", days=10, per_day=3)
    whole = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**whole, "complete": False}))
    words = " ".join(odds(run).output.split())
    assert "Only 30 trades: see how wide the source's interval is." in words
    assert "The replay is not complete: it was interrupted." in words


def test_a_replay_that_breached_is_said(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", days=10)
    whole = json.loads((run / "run.json").read_text())
    breach = {"rule": "max_loss", "time_ms": START_MS + 8 * DAY_MS, "equity": 1.0, "floor": 2.0}
    changed = {**whole, "result": {**whole["result"], "breach": breach}}
    (run / "run.json").write_text(json.dumps(changed))
    assert "The replayed account breached max_loss" in " ".join(odds(run).output.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--base-risk", "0.5,-1"), "It must be numbers above 0, with commas between; '-1' is not."),
        (("--base-risk", "none"), "'none' is not"),
        (("--max-trades", "1.5"), 'numbers above 0 or "none"'),
        (("--daily-stop", "nan"), "'nan' is not"),
        (("--paths", "--max-trades", "2"), "A path cannot be had without some of its trades."),
        (("--resamples", "3"), "It must be 0 or at least 25."),
        (("--target", "-3"), "It must be above 0 and at most 1000."),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Path, arguments: tuple[str, ...], said: str) -> None:
    found = odds(run, *arguments)
    assert found.exit_code == 2
    assert said in " ".join(found.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--firm", "nobody"), "has no firm 'nobody'"),
        (("--out", "odds.pdf"), "odds.pdf is none of .png, .svg, .html"),
        (("--balance", "123", "--firm", "topstep"), "has no entry for the initial balance 123"),
    ],
)
def test_what_is_not_there_is_said(run: Path, arguments: tuple[str, ...], said: str) -> None:
    found = odds(run, *arguments)
    assert isinstance(found.exception, LotbridgeError)
    assert said in str(found.exception)


def test_the_picture_is_drawn_with_the_page(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "odds.html"
    found = odds(run, "--out", str(path))
    assert found.exit_code == 0, found.output
    body = path.read_text(encoding="utf-8")
    assert "<svg" in body
    assert ASSUMES in body


def words_of(figure: Picture) -> str:
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        legend = axes.get_legend()
        found += [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
        found += [label.get_text() for label in (*axes.get_yticklabels(), *axes.get_xticklabels())]
        found += [text.get_text() for text in legend.get_texts()] if legend else []
    return "\n".join(found)


def test_the_picture_names_outcomes_units_and_what_is_assumed(run: Path) -> None:
    firm = firm_of("ftmo-2step", INITIAL)
    said = words_of(draw_odds(report_of(run, deal=Deal(500.0, 0.0, 0.8, without_target(firm), 30))))
    for part in (
        "How challenges end", "share of challenges, %", "passed", "out of days", "max_daily_loss", "max_loss", "0.75 %",
        "95 % interval, simulation", "Passed by day", "Value of a challenge, after its fee", "USD",
    ):  # fmt: skip
        assert part in said, part


def test_the_bars_of_a_policy_fill_the_whole(run: Path) -> None:
    report = report_of(run)
    bars = draw_odds(report).axes[0].patches
    ends = [patch.get_x() + patch.get_width() for patch in bars]  # type: ignore[attr-defined]
    assert ends[-len(report.rows) :] == pytest.approx([100.0] * len(report.rows))


def test_a_picture_without_a_target_has_no_days(run: Path) -> None:
    said = words_of(draw_odds(report_of(run, firm=firm_of("ftmo-2step-funded", INITIAL))))
    assert "stands after 30 days" in said
    assert "Passed by day" not in said


def test_small_shares_keep_their_digits(run: Path) -> None:
    report = report_of(run, base_risks=(0.5,))
    rare = dataclasses.replace(report.rows[0], breached=Figure(0.0042, 0.001, 0.01, None, None))
    sheet = next(part for part in odds_page(dataclasses.replace(report, rows=[rare])).parts if isinstance(part, Sheet))
    assert sheet.rows[0][sheet.columns.index("breached %")] == "0.42"


def test_without_draws_of_the_source_its_interval_is_not_told(run: Path) -> None:
    found = odds(run, "--resamples", "0")
    assert found.exit_code == 0, found.output
    assert "only a longer replay" not in found.output
    assert told(run, "--resamples", "0")["rows"][0]["passed"]["source_low"] is None
