"""`lotbridge replay` and what reads its runs: whole commands, real processes, folders with spaces and umlauts."""

import contextlib
import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bridge.client import Client
from bridge.journal.reader import JournalReader
from bridge.market import store
from bridge.market.store import sample_market
from bridge.recompute import recompute
from bridge.replay.run import read_run
from tests.builders import at, make_market, make_symbol
from tests.cli.conftest import Run
from tests.cli.processes import DEADLINE_S, await_ready, finish, free_address, interrupt, priced, settled, start
from tests.market.test_files import EURUSD, write_specs
from tests.replay.played import quotes
from tests.replay.test_replay_same import assert_same

T = at("2026-03-04 10:00:00")
MINUTE = 60_000
BUY = "time,symbol,side,stop,target,confidence\n2026-03-04T10:00:00Z,EURUSD,buy,1.095,1.13,90\n"


def recording(folder: Path, *bids: float) -> Path:
    """EURUSD with a tick each minute, saved; the daily bars before it are quiet."""
    rows = quotes(*((T + i * MINUTE, bid) for i, bid in enumerate(bids)))
    store.save(make_market(make_symbol(rows)), folder)
    return folder


def signals(folder: Path, text: str = BUY) -> Path:
    path = folder / "my signals.csv"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two symbols of the sample market as files."""
    folder, market = tmp_path_factory.mktemp("two symbols ä"), sample_market()
    kept = {name: market.symbols[name] for name in ("EURUSD.sim", "XAUUSD.sim")}
    store.save(type(market)(name="two symbols", synthetic=True, symbols=kept), folder)
    return folder


@pytest.fixture(scope="module")
def played(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the example strategy on them."""
    out = tmp_path_factory.mktemp("runs ö") / "a run"
    code, _, err = finish(
        start("replay", "--ticks", str(sample_folder), "--out", str(out), "--signals", "ma-cross:slow=24")
    )
    assert code == 0, err
    return out


# The run -------------------------------------------------------------------------------------------------------------


def test_a_run_says_what_came_of_it_and_leaves_its_folder(run: Run, tmp_path: Path) -> None:
    ticks = recording(tmp_path / "ticks ä", 1.1, 1.11, 1.12, 1.131, 1.131)
    out = tmp_path / "runs" / "ein Lauf"
    outcome = run("replay", "--ticks", ticks, "--signals", signals(tmp_path), "--out", out, "--latency-ms", "0")
    assert outcome.code == 0, outcome.err
    assert "OPEN: no rule breached" in outcome.out
    assert "my signals.csv" in outcome.out
    assert outcome.out.rstrip().endswith(f"Report: {out / 'report.html'}")
    names = {path.name for path in out.iterdir()}
    assert names >= {
        "run.json", "decisions.parquet", "trades.parquet", "equity.parquet", "bars.parquet", "journal.sqlite",
        "report.html", "report.json",
    }  # fmt: skip
    assert "checkpoint.msgpack" not in names
    (trade,) = read_run(out).trades
    assert (trade.reason, trade.open_price, trade.close_price) == ("tp", 1.1001, 1.131)


def test_a_breach_ends_with_1_and_names_rule_and_moment(run: Run, tmp_path: Path) -> None:
    ticks = recording(tmp_path / "ticks", 1.1, 1.1, 0.4, 1.1)
    outcome = run("replay", "--ticks", ticks, "--signals", signals(tmp_path), "--out", tmp_path / "run")
    assert outcome.code == 1
    assert "BREACHED" in outcome.out
    breach = read_run(tmp_path / "run").info.result.breach
    assert breach is not None
    assert breach.time_ms == T + 2 * MINUTE
    assert breach.equity < breach.floor


def test_json_is_all_that_is_printed(run: Run, tmp_path: Path) -> None:
    ticks = recording(tmp_path / "ticks", 1.1, 1.11)
    outcome = run("replay", "--ticks", ticks, "--signals", signals(tmp_path), "--out", tmp_path / "run", "--json")
    figures = json.loads(outcome.out)
    assert figures == json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))
    assert (figures["decisions"], figures["trades"]) == (1, 1)


def test_a_rule_about_news_is_left_out_and_said_so(run: Run, tmp_path: Path) -> None:
    """The calendar of today knows nothing of the recorded days: with it every answer would be 0 lots."""
    ticks = recording(tmp_path / "ticks", 1.1, 1.11)
    command = ("replay", "--ticks", ticks, "--signals", signals(tmp_path), "--firm", "ftmo-2step-funded")
    outcome = run(*command, "--out", tmp_path / "run")
    assert outcome.code == 0
    assert "its rule about news is left out" in outcome.err
    assert any("its rule about news" in each for each in read_run(tmp_path / "run").info.market.notes)


def test_without_out_it_makes_a_new_folder_beside(run: Run, tmp_path: Path) -> None:
    ticks = recording(tmp_path / "ticks", 1.1, 1.11)
    assert run("replay", "--ticks", ticks, "--signals", signals(tmp_path)).code == 0
    (made,) = tmp_path.glob("replay-*")
    assert (made / "run.json").is_file()


def test_what_is_there_is_never_written_over(run: Run, tmp_path: Path) -> None:
    ticks, out = recording(tmp_path / "ticks", 1.1, 1.11), tmp_path / "run"
    command = ("replay", "--ticks", ticks, "--signals", signals(tmp_path), "--out", out)
    assert run(*command).code == 0
    outcome = run(*command)
    assert (outcome.code, outcome.out) == (1, "")
    assert "is not empty: name a new folder with --out, or go on with --continue" in " ".join(outcome.err.split())
    assert run(*command, "--continue").code == 0
    outcome = run(*command, "--continue", "--netting")
    assert outcome.code == 1
    assert "was replayed with another account" in " ".join(outcome.err.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--config", "a", "--config", "b", "--config", "c"), "At most two are compared"),
        (("--config", "a", "--firm", "topstep"), "leave this out"),
        (("--account", "5"), "Only with --config"),
        (("--continue",), "Say which run with --out"),
        (("--news",), "Only with --config"),
        (("--zone", "Mars/Olympus"), "is no broker's time zone"),
        (("--pace", "60", "--netting"), "Not with --pace"),
        (("--pace", "60", "--signals", "day-breakout"), "Not with --pace"),
        (("--pace", "60", "--latency-ms", "100"), "Not with --pace"),
        (("--bind", "tcp://127.0.0.1:5757"), "Only with --pace"),
    ],
)
def test_options_that_do_not_go_together(run: Run, tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    outcome = run("replay", "--ticks", recording(tmp_path / "ticks", 1.1, 1.1), *options)
    assert outcome.code == 2
    assert said in " ".join(outcome.err.replace("│", " ").split())


# Signals and ticks that do not fit -----------------------------------------------------------------------------------


def test_a_symbol_that_is_not_recorded_is_named_with_its_line_before_anything_is_played(
    run: Run, tmp_path: Path
) -> None:
    ticks = recording(tmp_path / "ticks", 1.1, 1.11)
    given = signals(tmp_path, BUY + "2026-03-04T10:01:00Z,GBPUSD,buy,1.2,1.3,90\n")
    outcome = run("replay", "--ticks", ticks, "--signals", given, "--out", tmp_path / "run")
    assert outcome.code == 1
    assert "my signals.csv, line 3: GBPUSD is not replayed, there are EURUSD" in " ".join(outcome.err.split())
    assert not (tmp_path / "run").exists()


def test_signals_of_another_time_are_told(run: Run, tmp_path: Path) -> None:
    ticks = recording(tmp_path / "ticks", 1.1, 1.11)
    given = signals(tmp_path, BUY + "2027-03-04T10:01:00Z,EURUSD,buy,1.0,1.3,90\n")
    outcome = run("replay", "--ticks", ticks, "--signals", given, "--out", tmp_path / "run")
    assert outcome.code == 0
    told = "my signals.csv: of 2 moments 1 lie outside the recording"
    assert told in " ".join(outcome.err.split())
    assert any(told in each for each in read_run(tmp_path / "run").info.market.notes)
    given = signals(tmp_path, BUY.replace("2026", "2025"))
    outcome = run("replay", "--ticks", ticks, "--signals", given, "--out", tmp_path / "other")
    assert outcome.code == 1
    assert "every signal lies outside the recording, 2026-03-04 10:00 UTC to" in " ".join(outcome.err.split())


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [("time_msc", 700, T), ("bid", 321, float("nan")), ("ask", 5, 1.0), ("bid", 999, -1.1)],
    ids=["unsorted", "nan", "crossed", "negative"],
)
def test_a_tick_that_is_wrong_is_named_by_file_and_row(
    run: Run, tmp_path: Path, column: str, row: int, value: float
) -> None:
    folder = ticks_folder(tmp_path / "ticks", column, row, value)
    outcome = run("replay", "--ticks", folder, "--signals", signals(tmp_path), "--out", tmp_path / "run")
    told = " ".join(outcome.err.split())
    assert outcome.code == 1
    assert "ticks_oanda_EURUSD_2026.parquet" in told
    assert f"row {row}" in told
    assert "Error" in told
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_tick_file_that_is_cut_short_is_named(run: Run, tmp_path: Path) -> None:
    folder = ticks_folder(tmp_path / "ticks", "bid", 0, 1.1)
    path = folder / "ticks_oanda_EURUSD_2026.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    outcome = run("replay", "--ticks", folder, "--signals", signals(tmp_path), "--out", tmp_path / "run")
    assert outcome.code == 1
    assert path.name in " ".join(outcome.err.split())


def test_packed_ticks_give_the_same_run(run: Run, tmp_path: Path) -> None:
    plain = ticks_folder(tmp_path / "ticks", "bid", 900, 1.09)
    assert run("pack", plain, tmp_path / "packed").code == 0
    given = ("--signals", signals(tmp_path, BUY.replace("10:00:00", "10:05:00")), "--latency-ms", "250", "--out")
    for name in ("ticks", "packed"):
        assert run("replay", "--ticks", tmp_path / name, *given, tmp_path / f"run of {name}").code == 0
    runs = [read_run(tmp_path / f"run of {name}") for name in ("ticks", "packed")]
    assert_same(*runs)
    assert [each.reason for each in runs[0].trades] == ["sl"]


def ticks_folder(folder: Path, column: str, row: int, value: float) -> Path:
    """A thousand ticks of a second each, one cell of which is replaced."""
    folder.mkdir()
    write_specs(folder, EURUSD)
    columns: dict[str, Any] = {
        "time_msc": T + 1000 * np.arange(1000), "bid": np.full(1000, 1.1), "ask": np.full(1000, 1.1001),
    }  # fmt: skip
    columns[column][row] = value
    pq.write_table(pa.table(columns), folder / "ticks_oanda_EURUSD_2026.parquet")
    return folder


# Two configurations --------------------------------------------------------------------------------------------------


def test_two_configurations_are_replayed_and_compared(run: Run, tmp_path: Path) -> None:
    run("init", tmp_path / "one")
    run("init", tmp_path / "other one", "--preset", "leveraged")
    ticks, out = recording(tmp_path / "ticks", 1.1, 1.11, 1.12), tmp_path / "runs"
    command = ("replay", "--ticks", ticks, "--signals", signals(tmp_path), "--out", out)
    both = ("--config", tmp_path / "one", "--config", tmp_path / "other one")
    outcome = run(*command, *both, "--balance", "50000")
    assert outcome.code == 0, outcome.err
    runs = [read_run(out / name) for name in "ab"]
    assert [each.info.account.initial_balance for each in runs] == [50_000.0] * 2
    assert runs[0].info.config.policy_hash != runs[1].info.config.policy_hash
    assert runs[0].decisions[0].lots != runs[1].decisions[0].lots
    assert outcome.out.count("Replay of") == 2
    assert (out / "report.html").is_file()
    assert len(json.loads((out / "report.json").read_text("utf-8"))) == 2
    # What is complete is left as it is.
    assert run(*command, *both, "--balance", "50000", "--continue").code == 0


# Ctrl-C --------------------------------------------------------------------------------------------------------------

GATED = '''
import pathlib, time
from bridge.replay.examples import MovingAverageCross

HERE, GO = pathlib.Path("here"), pathlib.Path("go")


class Gated:
    """Waits in the middle until somebody lets it go on."""

    name = "gated"
    timeframe = "M15"
    inner = MovingAverageCross(fast=4, slow=16)

    def times(self):
        return None

    def on_time(self, view):
        if view.now_ms > 1_709_640_000_000 and not GO.exists():
            HERE.touch()
            while not GO.exists():
                time.sleep(0.001)
        return self.inner.on_time(view)


def make():
    return Gated()
'''


def stopped(tmp_path: Path, *command: str) -> tuple[int, str, str]:
    """A run that gets Ctrl-C in the middle of its first span, while the strategy thinks."""
    (tmp_path / "gated.py").write_text(GATED, "utf-8")
    process = start(*command)
    deadline = time.monotonic() + DEADLINE_S
    while not (tmp_path / "here").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
    process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))
    (tmp_path / "go").touch()
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


def test_ctrl_c_stops_it_and_continue_gives_the_very_same_run(run: Run, tmp_path: Path) -> None:
    command = ("replay", "--signals", "gated.py:make", "--zone", "new-york-close", "--out")
    code, out, err = stopped(tmp_path, *command, "parts ü")
    assert (code, out) == (130, "")
    assert "Stopped. Go on with the same command and --out parts ü --continue" in err
    half = read_run(tmp_path / "parts ü")
    assert not half.info.complete
    assert "interrupted" in " ".join(run("report", "parts ü").out.split()).lower()
    outcome = run(*command, "parts ü", "--continue")
    assert outcome.code == 0, outcome.err
    assert run(*command, "whole").code == 0
    runs = [read_run(tmp_path / name) for name in ("whole", "parts ü")]
    assert_same(*runs)
    assert len(runs[0].decisions) > len(half.decisions) > 0


def test_ctrl_c_while_the_last_days_are_played_leaves_a_complete_run(tmp_path: Path, sample_folder: Path) -> None:
    """Two symbols are one span, so there was nothing left to stop."""
    code, out, err = stopped(
        tmp_path, "replay", "--ticks", str(sample_folder), "--signals", "gated.py:make", "--out", "run"
    )
    assert code == 0, err
    assert "Stopped" not in err
    assert "Report:" in out
    assert read_run(tmp_path / "run").info.complete


def test_of_two_runs_the_second_begins_only_when_the_first_was_not_stopped(run: Run, tmp_path: Path) -> None:
    for name in ("one", "other"):
        run("init", tmp_path / name)
    command = ("replay", "--signals", "gated.py:make", "--config", "one", "--config", "other", "--out", "runs")
    code, _, _ = stopped(tmp_path, *command)
    assert code == 130
    assert not (tmp_path / "runs" / "b").exists()
    outcome = run(*command, "--continue")
    assert outcome.code == 0, outcome.err
    assert_same(*(read_run(tmp_path / "runs" / name) for name in "ab"))


# Live EAs ------------------------------------------------------------------------------------------------------------


def test_pace_serves_the_recording_and_its_journal_recomputes(run: Run, tmp_path: Path, sample_folder: Path) -> None:
    address, out = free_address(), tmp_path / "paced ä"
    process = start(
        "replay", "--ticks", str(sample_folder), "--pace", "60", "--bind", address, "--out", str(out),
        log=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await_ready(process, address)
        with Client(address) as client:
            reply = priced(client, dry_run=False)
            client.fill(str(reply.reservation), ticket=77, lots=reply.lots, price=reply.entry)
            last = priced(client, "XAUUSD.sim")
            deadline = time.monotonic() + DEADLINE_S
            while not (status := client.status()).open_risk:
                assert time.monotonic() < deadline, "the reported fill never became a position"
            assert status.reserved_risk == 0.0
        settled(out / "journal.sqlite", last.decision)
    finally:
        code, _, _ = interrupt(process)
    assert code in (0, 130)
    reader = JournalReader(out / "journal.sqlite")
    results = [recompute(reader, entry) for entry in reader.latest("size", 100)]
    reader.close()
    assert len(results) >= 2
    assert all(each.identical for each in results)
    outcome = run("explain", str(reply.decision), "--journal", out / "journal.sqlite")
    assert "recomputed: identical" in outcome.out
    assert run("replay", "--ticks", sample_folder, "--pace", "60", "--out", out).code == 1


# What reads a run ----------------------------------------------------------------------------------------------------


def test_explain_recomputes_the_decisions_of_a_run(run: Run, played: Path) -> None:
    newest = read_run(played).decisions[-1]
    outcome = run("explain", "--journal", played / "journal.sqlite")
    assert outcome.code == 0
    assert newest.symbol in outcome.out
    assert "recomputed: identical" in outcome.out


def test_report_is_made_again_and_of_two_runs(run: Run, played: Path, tmp_path: Path) -> None:
    outcome = run("report", played, "--out", tmp_path / "again.html", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["decisions"] == len(read_run(played).decisions)
    assert (tmp_path / "again.html").read_bytes() == (played / "report.html").read_bytes()
    assert run("report", played, played, "--out", tmp_path / "both.html").code == 0


def test_regress_finds_the_same_run_the_same_and_names_what_another_policy_changed(
    run: Run, played: Path, sample_folder: Path, tmp_path: Path
) -> None:
    golden = tmp_path / "golden.jsonl.gz"
    assert run("regress", played, golden, "--update").code == 0
    replay = ("replay", "--ticks", sample_folder, "--signals", "ma-cross:slow=24", "--out")
    assert run(*replay, tmp_path / "events", "--engine", "events").code == 0
    outcome = run("regress", tmp_path / "events", golden)
    assert outcome.code == 0, outcome.out
    assert run(*replay, tmp_path / "guide", "--preset", "guide").code == 0
    outcome = run("regress", tmp_path / "guide", golden, "--json")
    assert outcome.code == 1
    assert "policy" in outcome.out


def test_odds_of_a_run(run: Run, played: Path, tmp_path: Path) -> None:
    outcome = run(
        "odds", played, "--challenges", "500", "--resamples", "25", "--jobs", "1", "--base-risk", "0.5,1",
        "--out", tmp_path / "odds.html", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "odds.html").is_file()
    found = json.loads(outcome.out)
    assert [row["base_risk_pct"] for row in found["rows"]] == [0.5, 1.0]
    assert found["source"]["trades"] == len(read_run(played).trades)
    paths = run("odds", played, "--challenges", "200", "--resamples", "0", "--jobs", "1", "--paths", "--json")
    assert paths.code == 0, paths.err


def test_a_strategy_that_never_returns_is_ended_by_a_second_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "gated.py").write_text(GATED, "utf-8")
    process = start("replay", "--signals", "gated.py:make", "--out", "run")
    deadline = time.monotonic() + DEADLINE_S
    while not (tmp_path / "here").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
    stop = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT)
    # Signals that come at once may be told as one; a third one would hit Python on its way out.
    for patience_s in (0.5, DEADLINE_S / 4, DEADLINE_S / 4):
        process.send_signal(stop)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience_s)
            break
    assert process.communicate(timeout=DEADLINE_S)[1].count("Traceback") == 0
    assert process.returncode == 130


def test_what_the_configuration_does_not_say_of_the_account_is_told_and_not_silently_assumed(
    run: Run, tmp_path: Path, sample_folder: Path
) -> None:
    run("init", tmp_path / "mine")
    command = ("replay", "--ticks", str(sample_folder), "--config", str(tmp_path / "mine"), "--out")
    told = run(*command, "assumed")
    assert "currency is taken to be USD (--currency), its leverage to be 1:100 (--leverage)" in " ".join(
        told.err.split()
    )
    assert read_run(tmp_path / "assumed").info.market.notes[-1].startswith("The configuration does not say")
    said = run(*command, "said", "--currency", "EUR", "--leverage", "30")
    assert "does not say" not in said.err
    info = read_run(tmp_path / "said").info
    assert (info.account.currency, info.account.leverage) == ("EUR", 30)
    # The recording's tick values are in dollars: nothing is sized rather than by the wrong money.
    assert {each.code for each in read_run(tmp_path / "said").decisions} == {"money_mismatch"}
    assert "code of three letters" in run(*command, "bad", "--currency", "euro").err
