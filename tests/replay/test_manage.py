"""The rules about open positions in a replay: shipped files do what they say, and the broker does what they order."""

import sqlite3
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bridge.journal.reader import JournalReader
from bridge.recompute import recompute
from bridge.replay.configure import shipped
from bridge.replay.engine import Replay
from bridge.replay.load import load_strategy
from bridge.replay.plan import BrokerWish, Plan
from bridge.replay.run import INSTRUCTIONS_FILE, Run, read_run
from bridge.replay.strategy import Entry, Stance
from bridge.replay.ticks import TickSource, open_source
from tests.builders import at, make_market, make_symbol
from tests.replay.managed import (
    FIRST,
    did,
    files,
    managed,
    minute,
    play_both,
    share_pct,
    shipped_text,
    symbol,
    written,
)
from tests.replay.played import one_lot
from tests.replay.test_replay_same import DATA, assert_same, needs_data, sample

SURE = Stance("EURUSD", "bullish", 80.0, "low")
RISE = [(0, 1.1), (330, 1.111)]
"""One percent up in five and a half hours."""


def test_a_share_is_built_from_0_to_12_percent_in_steps_each_after_the_last_has_earned(tmp_path: Path) -> None:
    text = shipped_text("share-gradual").replace("per_instrument_percent = 10.0", "per_instrument_percent = 12.0")
    run = play_both(tmp_path, [symbol(RISE)], {minute(1): [SURE]}, written(tmp_path, "share-twelve", text))
    steps = did(run, "open")
    assert [each.rule.rpartition("/")[2] for each in steps] == ["first_step", "second_step", "third_step", "last_step"]
    assert all(later.time_ms - earlier.time_ms >= 60 * 60_000 for earlier, later in pairwise(steps))
    for count, target in enumerate((3.0, 6.0, 9.0, 12.0), 1):
        share = share_pct(steps[:count], FIRST["EURUSD"])
        assert target - 1.2 < share <= target
    assert len(run.trades) == 4
    assert all(trade.net > 0 for trade in run.trades[:3])
    assert {trade.decision for trade in run.trades} == {-1}
    assert all(trade.r_multiple is not None for trade in run.trades)


def test_the_shipped_file_stops_at_the_largest_share_of_an_instrument(tmp_path: Path) -> None:
    run = play_both(tmp_path, [symbol(RISE)], {minute(1): [SURE]}, files("share-gradual"))
    assert 8.8 < share_pct(did(run, "open"), FIRST["EURUSD"]) <= 10.0
    assert "10" in did(run, "open")[-1].reason


REDUCE = """
title = "Cut to 5"
max_virtual_equity_per_instrument_percent = 20.0
[open_positions]
measure = "notional"
match = "first"
[[open_positions.rules]]
name = "cut"
action = "decrease_instrument_share"
target_percent = 5.0
priority = 10
cooldown_minutes = 60
all = ["profit_loss_percent <= -0.1", "instrument_account_share > 5"]
"""


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_share_is_cut_from_15_to_5_percent_in_part(tmp_path: Path, side: Any) -> None:
    way = -1 if side == "buy" else 1
    wishes = {minute(1): [Entry("EURUSD", side, stop_loss=1.1 + way * 0.02)]}
    against = [(0, 1.1), (60, 1.1 + way * 0.004)]
    run = play_both(
        tmp_path, [symbol(against)], wishes, written(tmp_path, "share-cut", REDUCE), one_lot(lots=0.14),
        slippage_points=3.0,
    )  # fmt: skip
    (cut,) = did(run)
    assert (cut.kind, cut.lots, cut.filled) == ("close_partial", 0.09, 0.09)
    part, rest = run.trades
    assert (part.lots, part.reason, part.close_price) == (0.09, "rule", cut.fill_price)
    assert (rest.lots, rest.reason) == (0.05, "end")
    assert part.ticket == rest.ticket == cut.ticket
    assert part.decision == rest.decision == 1
    # At the touch price of its moment, a latency after the question, with the slippage against the trader.
    assert cut.done_ms == cut.time_ms + 100
    assert cut.price is not None
    assert part.close_price == pytest.approx(cut.price + way * 0.00003, abs=1e-9)


def test_of_several_positions_the_oldest_are_cut_first(tmp_path: Path) -> None:
    wishes = {minute(1 + number): [Entry("EURUSD", "buy", stop_loss=1.08)] for number in range(3)}
    run = play_both(
        tmp_path, [symbol([(0, 1.1), (60, 1.096)])], wishes, written(tmp_path, "share-cut", REDUCE), one_lot(lots=0.05)
    )
    assert [each.kind for each in did(run)] == ["close", "close"]
    closed = [trade for trade in run.trades if trade.reason == "rule"]
    assert [trade.ticket for trade in closed] == sorted(trade.ticket for trade in run.trades)[:2]


def test_several_instruments_long_and_short_get_the_same_small_share(tmp_path: Path) -> None:
    flat = [symbol([(0, FIRST[name]), (30, FIRST[name])], name) for name in FIRST]
    wishes = {
        minute(1): [Stance("EURUSD", "bullish", 70.0), Stance("GBPUSD", "bearish", 70.0)],
        minute(5): [Stance("USDJPY", "bearish", 65.0)],
        minute(10): [Stance("GBPUSD", "bearish", 99.0)],
    }
    run = play_both(tmp_path, flat, wishes, files("share-diversification"))
    opened = {each.symbol: each for each in did(run, "open")}
    assert {name: each.side for name, each in opened.items()} == {"EURUSD": "buy", "GBPUSD": "sell", "USDJPY": "sell"}
    assert opened["EURUSD"].time_ms == minute(1)  # a stance is heard at once
    assert opened["USDJPY"].time_ms == minute(5)
    assert 1.0 < share_pct([opened["EURUSD"]], 1.1) <= 2.0
    assert len(run.instructions) == len(run.trades) == 3


def test_profits_are_taken_in_steps_and_losers_closed(tmp_path: Path) -> None:
    up = [(0, 1.1), (240, 1.1), (600, 1.14)]
    down = [(0, 1.28), (240, 1.28), (600, 1.25)]
    wishes = {minute(1): [SURE, Stance("GBPUSD", "bullish", 80.0)], minute(2): [Stance("GBPUSD", None)]}
    wide = one_lot(lots=50.0, stop={"atr_multiple": 20.0})
    run = play_both(
        tmp_path, [symbol(up), symbol(down, "GBPUSD")], wishes, files("share-profit-ladder"), wide, every_s=300
    )
    names = [each.rule.rpartition("/")[2] for each in did(run, "close", "EURUSD")]
    assert names == ["first_rung", "second_rung", "top"]
    (loser,) = did(run, "close", "GBPUSD")
    assert loser.rule.endswith("stop_losing")
    assert next(trade for trade in run.trades if trade.symbol == "GBPUSD").reason == "rule"


def test_the_surer_the_signal_the_larger_the_share_and_a_doubt_takes_it_away(tmp_path: Path) -> None:
    confidence = {1: 80.0, 40: 90.0, 80: 55.0, 120: 40.0}
    wishes = {minute(at): [Stance("EURUSD", "bullish", value)] for at, value in confidence.items()}
    run = play_both(tmp_path, [symbol([(0, 1.1), (180, 1.1)])], wishes, files("share-confidence"))
    told = dict.fromkeys((each.time_ms, each.rule.rpartition("/")[2]) for each in did(run))
    rules = ("sure", "very_sure", "weak", "gone")
    assert list(told) == [(minute(at), rule) for at, rule in zip(confidence, rules, strict=True)]
    assert [each.lots for each in did(run, "close_partial")] == [0.01]
    assert sum(each.filled for each in did(run, "open")) == pytest.approx(sum(e.filled for e in did(run, "close")))


def test_the_risk_grade_decides_the_share(tmp_path: Path) -> None:
    flat = [symbol([(0, FIRST[name]), (90, FIRST[name])], name) for name in FIRST]
    wishes = {
        minute(1): [SURE, Stance("GBPUSD", "bullish", 80.0, "medium"), Stance("USDJPY", "bullish", 80.0, "high")],
        minute(40): [Stance("EURUSD", "bullish", 80.0, "high")],
    }
    run = play_both(tmp_path, flat, wishes, files("share-risk-grades"))
    first = {each.symbol: each.rule.rpartition("/")[2] for each in did(run, "open")}
    assert first == {"EURUSD": "low_risk", "GBPUSD": "medium_risk", "USDJPY": "high_risk"}
    (cut,) = did(run, "close")
    assert (cut.symbol, cut.rule.rpartition("/")[2], cut.time_ms) == ("EURUSD", "high_risk_now", minute(40))


def test_nothing_to_manage_is_not_asked_and_without_a_balance_nothing_is_ordered(tmp_path: Path) -> None:
    run = play_both(tmp_path, [symbol(RISE)], {minute(1): [SURE]}, files("share-gradual"), balance=0.0)
    assert run.instructions == []
    assert run.trades == []
    assert run.info.result.equity == 0.0


def test_without_files_of_rules_or_every_0_seconds_there_are_no_instructions(tmp_path: Path) -> None:
    for name, positions, every_s in (("none", files(), 60), ("never", files("share-gradual"), 0)):
        plan = managed(tmp_path / name, [symbol(RISE)], {minute(1): [SURE]}, positions, every_s=every_s)
        info = Replay(plan).play()
        assert info.result.instructions is None
        assert info.config.rules_files == ()
        assert not (tmp_path / name / INSTRUCTIONS_FILE).exists()
        assert read_run(tmp_path / name).instructions == []


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_profit_is_taken_and_the_stop_that_was_lifted_closes_the_rest(tmp_path: Path, side: Any) -> None:
    """The percent thresholds of active.toml: 10 lifts the stop, 15 takes half, 25 most of the rest."""
    way = 1 if side == "buy" else -1
    path = [(0, 0.0), (2, 0.0), (8, 0.08), (40, 0.18), (60, 0.2), (90, 0.3), (100, 0.23), (130, -0.1)]
    market = [symbol([(at_minute, 1.1 + way * move) for at_minute, move in path])]
    wishes = {minute(1): [Entry("EURUSD", side, stop_loss=1.1 - way * 0.06, magic=5)]}
    run = play_both(tmp_path, market, wishes, files(active="active"), one_lot(lots=0.1))
    assert {"partial_profit", "aggressive_profit", "breakeven"} <= {each.rule for each in did(run)}
    *parts, last = run.trades
    assert [trade.lots for trade in parts] == [each.filled for each in did(run, "close_partial")] == [0.05, 0.03]
    assert {trade.reason for trade in parts} == {"rule"}
    assert last.lots == pytest.approx(0.02)
    moved = [each.stop_loss for each in did(run, "modify_stop") if each.stop_loss is not None]
    assert moved == sorted(moved, reverse=way < 0)
    assert (last.reason, last.stop_loss) == ("sl", moved[-1])
    assert (moved[-1] - last.close_price) * way >= 0
    assert last.net > 0
    assert all(trade.decision == 1 for trade in run.trades)


def test_a_winner_is_added_to_within_the_policy(tmp_path: Path) -> None:
    way = [(0, 1.1), (2, 1.1), (6, 1.17), (30, 1.18)]
    text = shipped_text("active").replace("scaling_volume_threshold = 1.5", "scaling_volume_threshold = 0")
    wishes = {minute(1): [Entry("EURUSD", "buy", stop_loss=1.08, magic=5)]}
    run = play_both(tmp_path, [symbol(way)], wishes, written(tmp_path, "active-all", text), one_lot(lots=0.1))
    (added,) = did(run, "open")
    assert (added.rule, added.side, added.filled) == ("scaling_profit", "buy", 0.02)
    trade = next(trade for trade in run.trades if trade.ticket == added.ticket)
    assert (trade.magic, trade.decision, trade.lots) == (5, -1, 0.02)
    assert trade.risk_amount > 0


SAMPLES = [
    ("share-adaptive-sizing", "active-forex-day", "ma-cross:timeframe=M15,fast=4,slow=12,stop=1.5"),
    ("share-risk-adjusted", "active-forex-swing", "ma-cross:timeframe=H1,fast=3,slow=8,stop=1.2"),
]


class Both:
    """Trades as an example does, and says in which direction the last day has gone."""

    name = "both"

    def __init__(self, inner: Any) -> None:
        self._inner, self.timeframe = inner, inner.timeframe

    def times(self) -> None:
        return None

    def on_time(self, view: Any) -> Any:
        yield from self._inner.on_time(view)
        for name in [*view.symbols][-2:]:
            bars = view.bars(name, "H1")
            if bars is not None and len(bars) > 24:
                rises = bars.close[-1] > bars.close[-24]
                yield Stance(name, "bullish" if rises else "bearish", 82.0, "low" if rises else "medium")


@pytest.mark.parametrize(("share", "active", "signals"), SAMPLES, ids=[each[0] for each in SAMPLES])
def test_rule_sets_and_presets_on_the_sample_market(tmp_path: Path, share: str, active: str, signals: str) -> None:
    run = under_rules(tmp_path, sample(), share, active, signals)
    assert any(each.kind == "close_partial" for each in run.instructions)


@needs_data
@pytest.mark.parametrize(("share", "active", "signals"), SAMPLES, ids=[each[0] for each in SAMPLES])
def test_rule_sets_and_presets_on_recorded_ticks(tmp_path: Path, share: str, active: str, signals: str) -> None:
    run = under_rules(tmp_path, open_source(DATA), share, active, signals, zone="new-york-close")
    assert {each.symbol for each in run.instructions} >= {"EURUSD", "NZDUSD"}


def under_rules(folder: Path, source: TickSource, share: str, active: str, signals: str, **broker: Any) -> Run:
    """The run of both engines, which are the same; every size in it recomputes."""
    runs = []
    made = shipped("ftmo-2step", "leveraged", 100_000.0)
    settings = replace(made.settings, positions=files(share, active=active))
    for engine in ("fast", "events"):
        plan = Plan(
            name="managed", source=source, strategy=Both(load_strategy(signals)), settings=settings,
            broker=BrokerWish(balance=100_000.0, slippage_points=2.0, **broker), out=folder / engine,
            engine=engine, manage_every_s=600,
        )  # fmt: skip
        Replay(plan).play()
        runs.append(read_run(plan.out))
    assert_same(*runs)
    assert runs[0].instructions == runs[1].instructions
    run = runs[0]
    by_kind = {kind: did(run, kind) for kind in ("open", "close", "modify_stop")}
    assert all(by_kind.values())
    assert any(each.rule.startswith(share) for each in by_kind["open"])
    carried = {each.ticket for each in by_kind["open"]}
    assert carried <= {trade.ticket for trade in run.trades}
    assert run.info.result.instructions == len(run.instructions)
    reader = JournalReader(folder / "fast" / "journal.sqlite")
    sizes = [entry for entry in reader.latest("size", 10_000) if entry.inputs is not None]
    assert len(sizes) >= len(by_kind["open"]) + run.info.result.granted
    assert all(recompute(reader, entry).identical for entry in sizes)
    reader.close()
    return run


def asked(folder: Path) -> list[int]:
    """When the service was asked what to do, from the journal."""
    db = sqlite3.connect(folder / "journal.sqlite")
    found = db.execute("SELECT at_ms FROM entries WHERE type IN ('manage', 'idle') ORDER BY seq").fetchall()
    db.close()
    return [each for (each,) in found]


def test_it_is_asked_at_full_minutes_after_ticks_and_never_over_a_weekend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.replay.session.KEEP_HOURS", 1000.0)
    friday, monday = at("2024-03-08 20:00"), at("2024-03-11 00:00")
    rows = [(friday + 7_000 + number * 240_000, 1.1, 1.1001) for number in range(15)]
    rows += [(monday + 1 + number * 20_000, 1.1, 1.1001) for number in range(6)]
    wishes = {
        friday + 60_500: [Stance("EURUSD", "bullish", 10.0)],
        friday + 86_400_000: [Stance("EURUSD", "bullish", 20.0)],
        friday + 87_400_000: [Stance("EURUSD", "bearish", 20.0)],
    }
    market = make_market(make_symbol(rows))
    Replay(managed(tmp_path, market, wishes, files("share-diversification"))).play()
    moments = asked(tmp_path)
    # At the stance, then at the minute after each of the other ticks; the second tick of a minute adds nothing.
    minutes = dict.fromkeys(-(-ms // 60_000) * 60_000 for ms, _, _ in rows[1:])
    assert moments == [friday + 60_500, *(each for each in minutes if each <= rows[-1][0])]


def test_answers_without_anything_to_do_are_forgotten_after_a_day(tmp_path: Path) -> None:
    market = [symbol([(0, 1.1), (3 * 1440, 1.1)], step_s=600)]
    Replay(managed(tmp_path, market, {minute(1): [Stance("EURUSD", "bullish", 10.0)]}, files("share-gradual"))).play()
    moments = asked(tmp_path)
    assert minute(2 * 1440 - 20) < moments[0] < minute(2 * 1440 + 20)
    assert len(moments) == pytest.approx(24 * 6, abs=3)


def test_nobody_is_asked_while_there_is_neither_a_position_nor_a_stance(tmp_path: Path) -> None:
    wishes = {
        minute(10.5): [Stance("EURUSD", "bullish", 10.0)],
        minute(12.25): [Stance("EURUSD", None)],
        minute(20.5): [Entry("EURUSD", "buy", stop_loss=1.099)],
        minute(20.6): [Stance("EURUSD", None)],
    }
    path = [(0, 1.1), (22, 1.1), (22.2, 1.098), (30, 1.098)]
    Replay(managed(tmp_path, [symbol(path)], wishes, files("share-diversification"), one_lot())).play()
    assert asked(tmp_path) == [minute(each) for each in (10.5, 11, 12, 21, 22)]


def test_a_run_does_not_depend_on_its_spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start_ms = at("2024-03-05 22:00")
    market = make_market(symbol([(0, 1.1), (240, 1.115)], start_ms=start_ms))
    wishes = {start_ms + 60_000: [SURE], start_ms + 7_190_500: [Stance("EURUSD", "bullish", 90.0)]}
    runs = []
    for ticks in (20_000, 1):
        monkeypatch.setattr("bridge.replay.ticks.SPAN_TICKS", ticks)
        plan = managed(tmp_path / str(ticks), market, wishes, files("share-gradual"), latency_ms=15_000, every_s=10)
        Replay(plan).play()
        runs.append(read_run(plan.out))
    assert_same(*runs)
    assert runs[0].instructions == runs[1].instructions
    assert len(runs[0].instructions) >= 2


def test_with_a_latency_beyond_its_time_an_instruction_is_refused_and_offered_again_later(tmp_path: Path) -> None:
    run = play_both(tmp_path, [symbol(RISE)], {minute(1): [SURE]}, files("share-gradual"), latency_ms=40_000)
    assert {each.status for each in run.instructions} == {"failed"}
    assert {each.note for each in run.instructions} == {"it has expired"}
    assert run.trades == []
    gaps = [b.time_ms - a.time_ms for a, b in pairwise(run.instructions)]
    assert gaps == sorted(gaps)  # it waits longer each time
    assert len(run.instructions) > 3
