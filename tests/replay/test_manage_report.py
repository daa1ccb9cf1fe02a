"""Instructions in a run's folder, on the page of its report, and in a regression."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bridge.cli import main
from bridge.errors import ReplayError
from bridge.market import store
from bridge.market.recording import BarSeries
from bridge.replay.golden import golden_of, read_golden, write_golden
from bridge.replay.regress import compare
from bridge.replay.report import instructions as shown
from bridge.replay.report.data import page_data, run_data
from bridge.replay.report.figures import figures_of
from bridge.replay.report.instructions import instructions_data
from bridge.replay.report.page import html_report
from bridge.replay.report.summary import summary_lines
from bridge.replay.run import INSTRUCTIONS_FILE, InstructionRow, Run, RunWriter, read_run
from bridge.settings import write_defaults
from tests.builders import NOW_MS, make_market
from tests.replay.chromium import Page, chromium
from tests.replay.managed import minute, symbol
from tests.replay.runs import make_equity, write_run
from tests.replay.test_report import HOSTILE
from tests.replay.test_report_browser import OUTSIDE, show

HOUR_MS = 3_600_000
BEGIN_MS = NOW_MS // HOUR_MS * HOUR_MS


def make_instruction(number: int = 0, **changed: Any) -> InstructionRow:
    """An entry that was carried out a hundred milliseconds later."""
    values: dict[str, Any] = {
        "time_ms": BEGIN_MS + number * HOUR_MS, "id": f"i{number}-1", "kind": "open", "ticket": 100 + number,
        "symbol": "EURUSD", "side": "buy", "lots": 0.5, "price": 1.1, "stop_loss": 1.09, "take_profit": None,
        "rule": "share-mine/entry", "reason": "the share is to be 5 %", "status": "done",
        "done_ms": BEGIN_MS + number * HOUR_MS + 100, "filled": 0.5, "fill_price": 1.1001, "note": "",
    }  # fmt: skip
    return InstructionRow(**values | changed)


def bars(count: int) -> BarSeries:
    close = 1.1 + 0.001 * np.sin(np.arange(count))
    time_ms = BEGIN_MS + HOUR_MS * np.arange(count, dtype=np.int64)
    return BarSeries(timeframe="H1", time_ms=time_ms, open=close, high=close + 0.001, low=close - 0.001, close=close)


EVERY = [
    make_instruction(0),
    make_instruction(1, side="sell", stop_loss=1.11),
    make_instruction(2, kind="close_partial", filled=0.2, lots=0.2, stop_loss=None),
    make_instruction(3, kind="modify_stop", filled=0.0, lots=0.0, fill_price=None, stop_loss=1.0995, rule="breakeven"),
    make_instruction(4, kind="close", stop_loss=None),
    make_instruction(5, kind="cancel", filled=0.0, lots=0.0, fill_price=None, stop_loss=None, price=None),
    make_instruction(6, status="failed", filled=0.0, fill_price=None, note="it has expired", ticket=0),
    make_instruction(7, status="given", filled=0.0, fill_price=None, done_ms=None, price=None),
    make_instruction(8, symbol="GBPUSD", kind="close"),
]


def run_of(folder: Path, rows: list[InstructionRow] = EVERY, **changed: Any) -> Run:
    writer = RunWriter(folder, equity=[make_equity(100_000.0)], bars={"EURUSD": bars(30)}, instructions=list(rows))
    return read_run(write_run(writer, **{"instructions": len(rows), **changed}))


def test_instructions_are_read_as_they_were_written(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    assert run.instructions == EVERY
    with pytest.raises(ReplayError, match=r"instructions.parquet has 9 rows, but run.json tells of 8"):
        run_of(tmp_path / "fewer", instructions=8)
    (tmp_path / "run" / INSTRUCTIONS_FILE).unlink()
    with pytest.raises(ReplayError, match=r"instructions.parquet is missing"):
        read_run(tmp_path / "run")


def test_each_is_marked_where_it_happened(tmp_path: Path) -> None:
    told = instructions_data(run_of(tmp_path))
    assert told is not None
    assert list(told["symbols"]) == ["EURUSD", "GBPUSD"]  # the most often managed first
    marks = told["symbols"]["EURUSD"]["marks"]
    looks = ["open_buy", "open_sell", "close_partial", "modify_stop", "close", "cancel", "undone", "undone"]
    assert [mark["as"] for mark in marks] == looks
    close = bars(30).close
    places = [1.1001, 1.1001, 1.1001, 1.0995, 1.1001, close[5], 1.1, close[7]]
    assert [mark["y"] for mark in marks] == pytest.approx(places)
    assert [mark["t"] for mark in marks[:7]] == [BEGIN_MS + number * HOUR_MS + 100 for number in range(7)]
    assert marks[7]["t"] == BEGIN_MS + 7 * HOUR_MS
    assert told["rows"][marks[3]["row"]]["rule"] == "breakeven"
    assert told["symbols"]["GBPUSD"]["t"] == []
    assert len(told["symbols"]["GBPUSD"]["marks"]) == 1


def test_a_long_run_keeps_the_newest_and_the_extremes_of_the_price(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "ROWS", 6)
    monkeypatch.setattr(shown, "MARKS", 3)
    monkeypatch.setattr(shown, "POINTS", 7)
    told = instructions_data(run_of(tmp_path))
    assert told is not None
    assert (told["left_out"], len(told["rows"])) == (3, 6)
    chart = told["symbols"]["EURUSD"]
    assert [mark["as"] for mark in chart["marks"]] == ["cancel", "undone", "undone"]
    assert told["rows"][chart["marks"][0]["row"]]["kind"] == "cancel"
    assert len(chart["t"]) <= 7
    assert (min(chart["low"]), max(chart["high"])) == (bars(30).low.min(), bars(30).high.max())
    assert chart["t"][-1] == BEGIN_MS + 30 * HOUR_MS


def test_without_rules_the_page_says_nothing_of_them(tmp_path: Path) -> None:
    run = read_run(write_run(RunWriter(tmp_path, equity=[make_equity(100_000.0)])))
    assert not (tmp_path / INSTRUCTIONS_FILE).exists()
    assert instructions_data(run) is None
    assert 'id="instructions"' not in html_report(run)
    assert figures_of(run).instructions is None
    assert not any("instructions" in text for text in summary_lines(run))


def test_the_page_and_the_summary_tell_how_many(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    assert 'id="instructions"' in html_report(run)
    assert any("instructions of rules" in text and "9, of these carried out 7" in text for text in summary_lines(run))
    assert (figures_of(run).instructions, figures_of(run).instructions_done) == (9, 7)
    assert len(page_data(run, run)["runs"]) == 2
    assert run_data(run)["instructions"]["rows"][6]["note"] == "it has expired"


def test_a_golden_file_holds_instructions_and_a_regression_tells_what_became_different(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    golden = golden_of(run)
    path = tmp_path / "golden.jsonl"
    write_golden(path, golden)
    kept = read_golden(path)
    assert kept == golden
    assert len(kept.orders) == len(EVERY)
    assert b'"id"' not in path.read_bytes()
    assert compare(kept, golden).same

    changed = [EVERY[0]._replace(filled=0.4, lots=0.4), *EVERY[2:], make_instruction(9)]
    result = compare(kept, golden_of(run_of(tmp_path / "other", changed)))
    assert not result.same
    assert [(each.word, each.order.time_ms) for each in result.orders] == [
        ("differs", BEGIN_MS), ("gone", BEGIN_MS + HOUR_MS), ("new", BEGIN_MS + 9 * HOUR_MS)
    ]  # fmt: skip
    assert [(each.name, each.before, each.after) for each in result.orders[0].differences] == [
        ("lots", 0.5, 0.4), ("filled", 0.5, 0.4)
    ]  # fmt: skip
    near = [EVERY[0]._replace(fill_price=1.1001 * (1 + 1e-12)), *EVERY[1:]]
    assert compare(kept, golden_of(run_of(tmp_path / "near", near)), tolerance=1e-9).same


def test_the_command_tells_of_instructions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golden = tmp_path / "golden.jsonl"
    write_golden(golden, golden_of(run_of(tmp_path / "run")))
    run_of(tmp_path / "other", EVERY[1:])
    for more, said in (([], "Instructions: 0 differ, 1 gone, 0 new"), (["--json"], '"instructions": 1')):
        with pytest.raises(SystemExit) as ended:
            main(["regress", str(tmp_path / "other"), str(golden), *more])
        assert ended.value.code == 1
        assert said in capsys.readouterr().out


def configured(folder: Path) -> Path:
    """A configuration whose account names two files of rules."""
    write_defaults(folder, "leveraged")
    path = folder / "bridge.toml"
    text = path.read_text("utf-8").replace('# share_rules = ["positions/share-gradual.toml"]',
                                           'share_rules = ["positions/share-confidence.toml"]')  # fmt: skip
    text = text.replace('# active = "positions/active.toml"', 'active = "positions/active-forex-day.toml"')
    path.write_text(text, "utf-8")
    return folder


def test_a_file_of_stances_drives_share_rules_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.save(make_market(symbol([(0, 1.1), (180, 1.1)])), tmp_path / "ticks")
    signals = tmp_path / "stances.csv"
    signals.write_text(
        "time,symbol,side,confidence,risk\n"
        f"{minute(1)},EURUSD,bullish,90,low\n{minute(60)},EURUSD,bullish,55,\n{minute(120)},EURUSD,neutral,,\n",
        "utf-8",
    )
    command = ["replay", "--ticks", str(tmp_path / "ticks"), "--signals", str(signals), "--balance", "100000"]
    config = ["--config", str(configured(tmp_path / "config")), "--currency", "USD", "--leverage", "100"]
    with pytest.raises(SystemExit) as ended:
        main([*command, *config, "--manage-every", "30", "--out", str(tmp_path / "run")])
    told = capsys.readouterr()
    assert ended.value.code == 0, told.err
    assert "instructions of rules" in told.out
    run = read_run(tmp_path / "run")
    assert run.info.config.manage_every_s == 30
    assert [each.partition(" (")[0] for each in run.info.config.rules_files] == [
        "positions/share-confidence.toml", "positions/active-forex-day.toml"
    ]  # fmt: skip
    rules = [each.rule for each in run.instructions if each.status == "done"]
    assert rules[0] == "share-confidence/very_sure"
    assert "share-confidence/weak" in rules
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "share-confidence/weak" in page

    with pytest.raises(SystemExit):
        main([*command, "--out", str(tmp_path / "without")])
    assert "change nothing, as no rules are asked" in capsys.readouterr().err
    assert not (tmp_path / "without" / INSTRUCTIONS_FILE).exists()


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with chromium() as page:
        yield page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_draws_each_kind_with_a_mark_of_its_own(
    browser: Page, tmp_path: Path, width: int, dark: bool
) -> None:
    show(browser, tmp_path, run_of(tmp_path / "run"), width=width, dark=dark)
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value("document.querySelectorAll('#instructions figure').length") == 2
    assert browser.value(OUTSIDE % "instructions") == []
    first = "document.querySelector('#instructions figure')"
    legend = browser.value(f"[...{first}.querySelectorAll('.legend li')].map((each) => each.textContent)")
    assert legend == [
        "lowest to highest bid", "bid", "stop moved to here (1)", "opened long (1)", "opened short (1)", "closed (1)",
        "closed in part (1)", "order withdrawn (1)", "not carried out (2)",
    ]  # fmt: skip
    marks = f"[...{first}.querySelectorAll('.mark')]"
    shape = "each.getAttribute('d').replace(/[0-9.-]+/g, '')"
    colours = "each.getAttribute('fill') + each.getAttribute('stroke')"
    looks = browser.value(f"{marks}.map((each) => {shape} + {colours})")
    assert len(looks) == 8
    assert len(set(looks)) == 7
    titles = browser.value(f"[...{first}.querySelectorAll('svg[role=img] title')].map((each) => each.textContent)")
    assert any(
        "modify stop buy EURUSD, stop 1.0995, done. breakeven: the share is to be 5 %" in each for each in titles
    )
    assert any("failed (it has expired)" in each for each in titles)


def test_a_browser_reads_marks_by_keys_and_searches_the_table(browser: Page, tmp_path: Path) -> None:
    many = [make_instruction(number % 24, rule=f"rule-{number}") for number in range(50)]
    show(browser, tmp_path, run_of(tmp_path / "run", many))
    browser.value("document.querySelector('#instructions .plot').focus()")
    browser.press("Home")
    told = "document.querySelector('#instructions .readout').textContent"
    assert "rule-0: the share is to be 5 %" in browser.value(told)
    browser.press("End")
    assert "rule-47:" in browser.value(told)
    status = "document.querySelector('#instructions [role=status]').textContent"
    assert browser.value(status) == "1 to 20 of 50"
    browser.value("document.querySelectorAll('#instructions .tools button')[1].click()")
    assert browser.value(status) == "21 to 40 of 50"
    browser.value("document.querySelector('#instructions input').focus()")
    for letter in "rule-49":
        browser.press(letter)
    assert browser.value(status) == "1 to 1 of 1"
    assert "rule-49" in browser.value("document.querySelector('#instructions tbody').textContent")


def test_a_browser_shows_hostile_reasons_as_text(browser: Page, tmp_path: Path) -> None:
    row = make_instruction(0, rule=HOSTILE, reason=HOSTILE, symbol=HOSTILE, note=HOSTILE)
    show(browser, tmp_path, run_of(tmp_path / "run", [row]), width=390)
    assert browser.value("window.broken === undefined && document.images.length === 0")
    assert HOSTILE in browser.value("document.querySelector('#instructions svg[role=img] title').textContent")
    assert browser.value("document.documentElement.scrollWidth") <= 390


def test_a_browser_says_where_nothing_was_ordered(browser: Page, tmp_path: Path) -> None:
    show(browser, tmp_path, run_of(tmp_path / "run", []))
    assert "The rules ordered nothing." in browser.value("document.querySelector('#instructions').textContent")
    assert browser.value("document.querySelector('nav').textContent").count("Instructions") == 1
