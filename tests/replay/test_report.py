"""The report: figures against runs small enough to be worked out by hand, and a page that nothing can break out of."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bridge.cli import main
from bridge.errors import ReplayError
from bridge.replay.report import data
from bridge.replay.report.breach import tight_moments
from bridge.replay.report.compare import changes
from bridge.replay.report.curve import curve
from bridge.replay.report.data import page_data, run_data
from bridge.replay.report.drawdown import drawdowns
from bridge.replay.report.figures import Figures, figures_of
from bridge.replay.report.page import html_report
from bridge.replay.report.summary import summary_lines
from bridge.replay.run import BreachNote, Equity, Run, RunWriter, read_run
from tests.builders import NOW_MS
from tests.replay.runs import (
    BALANCE,
    DAILY,
    QUARTER_MS,
    TOTAL,
    breach,
    make_decision,
    make_equity,
    make_trade,
    write_run,
)
from tests.replay.sample_run import sample_run

HOSTILE = "</script><script>window.broken=1</script><img src=x onerror=window.broken=1>&amp;'\""


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    return RunWriter(tmp_path / "run")


def read(writer: RunWriter, **changed: Any) -> Run:
    return read_run(write_run(writer, **changed))


def figures(writer: RunWriter, **changed: Any) -> Figures:
    return figures_of(read(writer, **changed))


def test_the_figures_of_four_trades_are_those_worked_out_by_hand(writer: RunWriter) -> None:
    for number, net in enumerate((1_000.0, -500.0, -250.0, 500.0)):
        writer.trades.append(make_trade(net, ticket=number, decision=number, commission=-3.0, swap=-0.5))
        writer.decisions.append(make_decision(number))
    writer.trades.append(make_trade(0.0, ticket=9, decision=-1, risk_amount=0.0, r_multiple=None, reason="end"))
    writer.equity.append(make_equity(101_000.0, 100_500.0, 100_250.0, 100_750.0))
    found = figures(writer)
    assert (found.trades, found.wins, found.win_rate) == (5, 2, 0.4)
    assert found.profit_factor == 2.0  # 1,500 won, 750 lost
    assert found.expectancy_r == 0.375  # 2, -1, -0.5 and 1 R
    assert (found.median_r, found.best_r, found.worst_r) == (0.25, 2.0, -1.0)
    assert found.expectancy == 150.0
    assert (found.net, found.net_percent) == (750.0, 0.75)
    assert (found.max_drawdown, found.max_drawdown_ms) == (750.0, NOW_MS + 2 * QUARTER_MS)
    assert found.max_drawdown_percent == pytest.approx(750 / 101_000 * 100)
    assert (found.commission, found.swap) == (-12.0, -2.0)
    assert found.closed_by == {"sl": 2, "tp": 2, "end": 1}
    assert (found.target, found.days) == (10_000.0, 4 * 15 / 1440)


def test_decisions_are_counted_by_what_bound_and_what_refused(writer: RunWriter) -> None:
    writer.decisions.extend([
        make_decision(0, binding="margin"),
        make_decision(1, binding="risk_budget", outcome="refused_by_broker"),
        make_decision(2, binding="risk_budget"),
        make_decision(3, code="news_window", outcome="none"),
    ])  # fmt: skip
    found = figures(writer)
    assert found.bound == {"risk_budget": 2, "margin": 1}
    assert found.refused == {"news_window": 1}
    assert (found.decisions, found.granted, found.filled, found.refused_by_broker) == (4, 3, 2, 1)


def test_without_a_trade_there_is_nothing_to_divide_by(writer: RunWriter) -> None:
    found = figures(writer, target_pct=None)
    assert (found.win_rate, found.profit_factor, found.expectancy_r, found.target) == (None, None, None, None)
    assert (found.max_drawdown, found.max_drawdown_ms, found.least_headroom) == (0.0, None, {})
    assert found.outcome == "open"


def test_without_a_loss_there_is_no_profit_factor(writer: RunWriter) -> None:
    writer.trades.append(make_trade(10.0))
    assert figures(writer).profit_factor is None


@pytest.mark.parametrize(
    ("target_ms", "broken", "outcome"),
    [
        (None, None, "open"),
        (NOW_MS, None, "passed"),
        (None, breach(), "breached"),
        (NOW_MS - 1, breach(), "passed"),
        (NOW_MS, breach(), "breached"),
        (NOW_MS + 1, breach(), "breached"),
    ],
)
def test_what_came_first_decides(
    writer: RunWriter, target_ms: int | None, broken: BreachNote | None, outcome: str
) -> None:
    assert figures(writer, target_ms=target_ms, breach=broken).outcome == outcome


def test_the_least_headroom_is_that_of_the_worst_tick(writer: RunWriter) -> None:
    writer.equity.append(make_equity(100_000.0, 99_000.0, 99_500.0, low=[99_900.0, 98_000.0, 99_400.0]))
    least = figures(writer).least_headroom
    assert (least[DAILY].headroom, least[DAILY].time_ms) == (3_000.0, NOW_MS + QUARTER_MS)
    assert least[TOTAL].headroom == 8_000.0


def test_a_rule_whose_floor_was_never_known_has_no_headroom(writer: RunWriter) -> None:
    writer.equity.append(make_equity(100_000.0, 99_000.0))
    writer.equity[0].headrooms[DAILY][:] = np.nan
    writer.equity[0].headrooms[TOTAL][0] = np.nan
    assert {rule: least.headroom for rule, least in figures(writer).least_headroom.items()} == {TOTAL: 9_000.0}


def test_drawdowns_are_the_falls_between_peaks_deepest_first() -> None:
    equity = make_equity(100_000.0, 99_000.0, 101_000.0, 98_000.0, 100_900.0, 102_000.0, 101_500.0)
    found = drawdowns(equity, BALANCE, 5)
    assert [fall.amount for fall in found] == [3_000.0, 1_000.0, 500.0]
    assert found[0].peak_ms == NOW_MS + 2 * QUARTER_MS
    assert found[0].trough_ms == NOW_MS + 3 * QUARTER_MS
    assert found[0].recovered_ms == NOW_MS + 5 * QUARTER_MS
    assert found[2].recovered_ms is None
    assert len(drawdowns(equity, BALANCE, 2)) == 2


def test_a_fall_from_the_start_counts_from_the_initial_balance() -> None:
    assert drawdowns(make_equity(99_000.0, 98_500.0), BALANCE, 5)[0].amount == 1_500.0


def test_a_low_between_two_ends_is_a_drawdown() -> None:
    assert drawdowns(make_equity(100_000.0, 100_000.0, low=[100_000.0, 97_000.0]), BALANCE, 1)[0].amount == 3_000.0


def test_forecasts_are_compared_per_decision(writer: RunWriter) -> None:
    losses = {0: (-300.0, -200.005), 1: (-540.0,), 2: (-560.0,), 3: (-660.0,), 4: (80.0,)}
    for number, nets in losses.items():
        writer.decisions.append(make_decision(number))
        writer.trades.extend(make_trade(net, decision=number) for net in nets)
    writer.decisions.append(make_decision(5))  # not yet closed
    writer.trades.append(make_trade(-9_999.0, decision=-1))  # nobody decided it
    found = figures(writer).forecast
    assert (found.compared, found.losses) == (5, 4)
    # 500.005 is the money at the stop, to the cent; 550 is the shortfall, 600 the worst case.
    assert (found.beyond_stop, found.beyond_shortfall, found.beyond_worst_case) == (3, 2, 1)
    assert found.mean_excess == pytest.approx((560 / 550 + 660 / 550) / 2)


def test_what_added_to_a_netting_position_is_forecast_with_it(writer: RunWriter) -> None:
    """Two buys of one position, a sell that closed half of it, and one that turned what was left."""
    sides = ("buy", "buy", "sell", "sell", "sell")
    writer.decisions.extend(make_decision(number, side=side, ticket=7) for number, side in enumerate(sides))
    writer.decisions.append(make_decision(5, ticket=0, outcome="refused_by_broker"))
    writer.trades.extend(make_trade(net, decision=0, ticket=7) for net in (-500.0, -550.0))
    writer.trades.append(make_trade(-1_300.0, decision=3, ticket=7, side="sell"))
    run = read(writer)
    found = figures_of(run).forecast
    assert (found.compared, found.losses) == (2, 2)
    # Two decisions each: 1,000 at the stop, a shortfall of 1,100, a worst case of 1,200; 1,050 and 1,300 were lost.
    assert (found.beyond_stop, found.beyond_shortfall, found.beyond_worst_case) == (2, 1, 1)
    assert found.mean_excess == 1_300 / 1_100
    assert run_data(run)["forecasts"] == [[3, 1_100.0, 1_200.0, 1_300.0], [0, 1_100.0, 1_200.0, 1_050.0]]


def test_the_multiple_of_a_position_closed_in_parts_is_that_of_its_whole_risk(writer: RunWriter) -> None:
    writer.decisions.append(make_decision(0))
    writer.trades.extend(make_trade(-250.0, decision=0, risk_amount=250.0) for _ in range(2))
    told = run_data(read(writer))["decisions"][0]
    assert (told["net"], told["r"]) == (-500.0, -1.0)


def wave(rows: int, floors: int) -> Equity:
    """A random walk with a few spikes; its daily floor moves `floors` times."""
    draw = np.random.default_rng(1)
    level = BALANCE + np.cumsum(draw.normal(0, 20, rows))
    equity = make_equity(*level, low=list(level - draw.exponential(30, rows)))
    equity.low[rows // 3] -= 3_000
    equity.high[rows // 2] += 3_000
    equity.floors[DAILY][:] = 95_000 + 10.0 * (np.arange(rows) * (floors + 1) // rows)
    equity.headrooms[DAILY][:] = equity.low - equity.floors[DAILY]
    return equity


@pytest.mark.parametrize("rows", [1, 7, 50, 51, 10_007])
def test_the_curve_is_short_and_keeps_every_extreme(rows: int) -> None:
    equity = wave(rows, floors=9)
    made = curve(equity, BALANCE, points=50)
    assert len(made["t"]) <= 60
    for name, values in (("low", equity.low), ("rooms", equity.headrooms[DAILY])):
        drawn = made[name] if name == "low" else made[name][DAILY]
        assert min(drawn) == round(values.min(), 2)
    assert max(made["high"]) == round(equity.high.max(), 2)
    assert min(made["drawdown"]) == pytest.approx(-drawdowns(equity, BALANCE, 1)[0].amount, abs=0.01)
    assert made["t"][-1] == equity.time_ms[-1] + QUARTER_MS
    assert made["equity"][-1] == round(equity.equity[-1], 2)


def test_no_low_is_drawn_against_a_floor_that_came_later() -> None:
    equity = make_equity(*[96_000.0] * 40, *[99_000.0] * 60)
    equity.floors[DAILY][37:] = 97_500.0  # the day's reset, in the middle of what would be one group
    equity.low[37:40] = equity.equity[37:40] = 98_000.0
    made = curve(equity, BALANCE, points=10)
    assert all(low > floor for low, floor in zip(made["low"], made["floors"][DAILY], strict=True))


def test_a_floor_that_trails_every_tick_does_not_make_the_curve_long() -> None:
    assert len(curve(wave(5_000, floors=5_000), BALANCE, points=50)["t"]) == 50


def test_an_unknown_floor_is_left_out_of_the_curve() -> None:
    equity = make_equity(100_000.0, 100_000.0)
    equity.floors[DAILY][0] = equity.headrooms[DAILY][0] = np.nan
    made = curve(equity, BALANCE)
    assert (made["floors"][DAILY], made["rooms"][DAILY]) == ([None, 95_000.0], [None, 5_000.0])


def test_r_multiples_are_counted_in_bins_with_an_edge_at_nought(writer: RunWriter) -> None:
    multiples = [-1.0, -1.0, -0.05, 0.0, 0.04, 2.0]
    writer.trades.extend(make_trade(500 * each, r_multiple=each) for each in multiples)
    made = run_data(read(writer))["multiples"]
    assert made["mean"] == pytest.approx(sum(multiples) / 6)
    counted = {edge: count for edge, count in zip(made["edges"], made["counts"], strict=False) if count}
    assert counted == {-1.0: 2, -0.1: 1, 0.0: 2, 2.0: 1}


@pytest.mark.parametrize("multiples", [[1.0], [-3.0, 1e12], [0.1 + 0.2, 0.3]])
def test_every_r_multiple_is_in_a_bin_and_there_are_not_too_many(writer: RunWriter, multiples: list[float]) -> None:
    writer.trades.extend(make_trade(1.0, r_multiple=each) for each in multiples)
    made = run_data(read(writer))["multiples"]
    assert sum(made["counts"]) == len(multiples)
    assert len(made["edges"]) == len(made["counts"]) + 1 <= 43


def test_a_breach_names_what_was_open_and_the_day_before(writer: RunWriter) -> None:
    writer.equity.append(make_equity(*np.linspace(100_000, 94_990, 200)))
    when = int(writer.equity[0].time_ms[-1]) + 5_000
    for ticket, opened, closed in ((1, -9, -1), (2, -5, 0), (3, 0, 7), (4, 1, 7)):
        writer.trades.append(make_trade(-1.0, ticket=ticket, opened_ms=when + opened, closed_ms=when + closed))
    run = read(writer, breach=breach(time_ms=when))
    moments = tight_moments(run)
    assert [(each["rule"], each["breach"]) for each in moments] == [(DAILY, True), (TOTAL, False)]
    assert [trade["ticket"] for trade in moments[0]["open"]] == [2, 3]
    assert moments[0]["room"][-1] == -10.0
    assert len(moments[0]["room"]) == 96
    assert moments[1]["headroom"] == 4_990.0


def test_decisions_of_two_runs_are_matched_by_the_wish() -> None:
    same, other = make_decision(0), make_decision(1, lots=0.3)
    late = make_decision(2, time_ms=NOW_MS + 1)
    refused = make_decision(7, time_ms=NOW_MS + 1, code="news_window", lots=0.0, binding=None)
    sell = make_decision(3, side="sell", time_ms=NOW_MS + 2)
    found = changes([same, make_decision(1), late, sell], [same._replace(number=5, equity=1.0), other, refused])
    assert [(each.first, each.second) for each in found] == [(make_decision(1), other), (late, refused), (sell, None)]


def test_a_page_of_two_tells_what_differs(writer: RunWriter, tmp_path: Path) -> None:
    writer.decisions.append(make_decision(0))
    second = RunWriter(tmp_path / "other", decisions=[make_decision(4, lots=0.2, binding="margin")])
    told = page_data(read(writer), read(second))["changes"]
    assert told["count"] == 1
    assert told["rows"][0]["a"] == {"number": 0, "lots": 0.5, "why": "max_daily_loss_headroom"}
    assert told["rows"][0]["b"] == {"number": 4, "lots": 0.2, "why": "margin"}


def test_a_long_run_keeps_the_newest_decisions_and_the_extreme_lots(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "DECISIONS", 30)
    monkeypatch.setattr(data, "WATERFALLS", 10)
    monkeypatch.setattr(data, "DOTS", 20)
    lots = np.random.default_rng(3).uniform(0.1, 5.0, 200)
    writer.decisions.extend(make_decision(number, lots=float(lots[number])) for number in range(200))
    made = run_data(read(writer))
    assert (len(made["decisions"]), made["left_out"]) == (30, 170)
    assert list(made["waterfalls"]) == [str(number) for number in range(190, 200)]
    drawn = made["lots"]["EURUSD"]["lots"]
    assert len(drawn) <= 20
    assert (min(drawn), max(drawn)) == (lots.min(), lots.max())


def test_a_waterfall_is_the_reply_s(writer: RunWriter) -> None:
    reply = {
        "v": 1, "type": "size", "lots": 1.0,
        "factors": [{"name": "edge", "value": 0.8, "detail": "small"}],
        "caps": [{"name": "margin", "lots": None, "detail": "none"}],
    }  # fmt: skip
    writer.decisions.append(make_decision(0, reply=json.dumps(reply)))
    made = run_data(read(writer))["waterfalls"]["0"]
    assert made == {"factors": [["edge", 0.8, "small"]], "caps": [["margin", None, "none"]]}


def test_a_reply_that_is_none_is_told(writer: RunWriter) -> None:
    writer.decisions.append(make_decision(8, reply="no"))
    with pytest.raises(ReplayError, match=r"decisions\.parquet: the reply of decision 8"):
        html_report(read(writer))


def test_the_summary_says_it_in_lines(writer: RunWriter) -> None:
    writer.decisions.extend([make_decision(0), make_decision(1, code="news_window", lots=0.0)])
    writer.trades.append(make_trade(-510.0))
    writer.equity.append(make_equity(99_490.0))
    lines = summary_lines(read(writer))
    assert lines[0] == "Replay of a run: OPEN: no rule breached, target of 10,000.00 USD not reached"
    assert "  net                                   -510.00 USD (-0.51 %)" in lines
    assert "  max_daily_loss  4,490.00 USD, 2026-03-04 10:00 UTC" in lines
    assert lines[-4:] == [
        "  max_daily_loss_headroom  1  ########################",
        "",
        "refused",
        "  news_window  1  ########################",
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"target_ms": NOW_MS}, "PASSED on 2026-03-04 10:00 UTC"),
        (
            {"target_ms": NOW_MS - 60_000, "breach": breach()},
            "PASSED on 2026-03-04 09:59 UTC; after it, 2026-03-04 10:00 UTC, max_daily_loss was breached",
        ),
        (
            {"breach": breach()},
            "BREACHED max_daily_loss on 2026-03-04 10:00 UTC: equity 94,990.00 at the floor 95,000.00 USD",
        ),
        ({"target_pct": None}, "OPEN: no rule breached; the firm sets no target"),
        (
            {"target_pct": None, "complete": False},
            "OPEN: no rule breached; the firm sets no target (INTERRUPTED: what is here ends at 2026-03-04 10:15 UTC)",
        ),
    ],
)
def test_the_verdict_is_one_sentence(writer: RunWriter, changed: dict[str, Any], said: str) -> None:
    assert summary_lines(read(writer, **changed))[0] == f"Replay of a run: {said}"


def hostile(folder: Path) -> Run:
    """A run all of whose names try to break out of the page."""
    writer = RunWriter(folder)
    reply = {"factors": [{"name": HOSTILE, "value": 0.5, "detail": HOSTILE}],
             "caps": [{"name": HOSTILE, "lots": 1.0, "detail": HOSTILE}]}  # fmt: skip
    names = {"symbol": HOSTILE, "message": HOSTILE, "binding": HOSTILE, "reply": json.dumps(reply)}
    writer.decisions.append(make_decision(0, **names))
    writer.decisions.append(make_decision(1, code=HOSTILE, **names))
    writer.trades.append(make_trade(-700.0, symbol=HOSTILE, reason=HOSTILE))
    writer.equity.append(make_equity(99_000.0, 98_000.0))
    return read(writer, name=HOSTILE, firm_title=HOSTILE, strategy=HOSTILE, symbols=(HOSTILE,), currency="<b>")


def test_a_hostile_name_stays_text(tmp_path: Path) -> None:
    page = html_report(hostile(tmp_path))
    assert page.count("<script") == 2
    assert page.count("</script") == 2
    assert "<img" not in page
    assert "<b>" not in page
    embedded = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert embedded is not None
    assert json.loads(embedded[1])["runs"][0]["decisions"][0]["symbol"] == HOSTILE


def test_the_page_refers_to_nowhere_and_allows_only_its_own_script_and_style(tmp_path: Path) -> None:
    page = html_report(read_run(sample_run(tmp_path)))
    addresses = set(re.findall(r"[a-z]+://[^\s\"']+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, which nothing is loaded from
    assert not re.search(r"\b(?:src|@import|url)\s*[=(]", page)
    for tag in ("style", "script"):
        body = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert body is not None
        digest = base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in page


def run_command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["report", *arguments])
    return int(ended.value.code or 0)


def test_the_command_writes_page_and_figures_beside_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sample_run(tmp_path / "run")
    assert run_command(str(folder)) == 0
    told = json.loads((folder / "report.json").read_text("utf-8"))
    assert told["trades"] == 200
    assert (folder / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    printed = capsys.readouterr()
    assert printed.out.startswith("Replay of sample: ")
    assert "report.html" in printed.err


def test_the_command_compares_two_runs_and_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = sample_run(tmp_path / "a", name="one"), sample_run(tmp_path / "b", name="two", seed=8)
    page = tmp_path / "both.html"
    assert run_command(str(first), str(second), "--out", str(page), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in told] == ["one", "two"]
    assert json.loads(page.with_suffix(".json").read_text("utf-8")) == told
    assert "B less A" in page.read_text("utf-8")
    assert not (first / "report.html").exists()


@pytest.mark.parametrize(
    ("out", "code", "said"), [("page.txt", 2, "end with .html"), ("no/page.html", 1, "is not a folder")]
)
def test_a_place_that_cannot_be_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, code: int, said: str
) -> None:
    folder = sample_run(tmp_path / "run")
    assert run_command(str(folder), "--out", str(tmp_path / out)) == code
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_is_no_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(str(tmp_path)) == 1
    assert "is not the folder of a run" in capsys.readouterr().err
