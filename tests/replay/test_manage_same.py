"""Under rules, too, both engines give the same run, and one that was interrupted becomes the run it would have been."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.errors import ReplayError
from bridge.market.recording import RecordedSymbol
from bridge.replay.engine import Replay
from bridge.replay.plan import Plan
from bridge.replay.run import CHECKPOINT_FILE, INSTRUCTIONS_FILE, read_run
from bridge.replay.strategy import Entry, Exit, Stance
from bridge.settings import PositionFiles
from tests.builders import at
from tests.replay.managed import DIGITS, FIRST, MANY, managed, symbol, written
from tests.replay.played import one_lot
from tests.replay.test_replay_continue import entries
from tests.replay.test_replay_same import assert_same

EVENING_MS = at("2024-03-05 23:40")
"""Twenty minutes before a day, and a span, ends."""

SHARE = """
title = "Everything"
max_virtual_equity_per_instrument_percent = 40.0
reduce_first = "largest"
[enter_market]
measure = "notional"
match = "all"
stop_atr = 1.0
[[enter_market.rules]]
name = "in"
action = "increase_instrument_share"
target_percent = 8.0
priority = 10
cooldown_minutes = 1
all = ["confidence >= 30"]
any = ["bullish", "bearish"]
[open_positions]
measure = "notional"
match = "first"
[[open_positions.rules]]
name = "more"
action = "increase_instrument_share"
target_percent = 30.0
priority = 30
cooldown_minutes = 1
all = ["profit_loss_percent >= 0.05", "instrument_account_share < 20", "confidence >= 10"]
[[open_positions.rules]]
name = "out"
action = "decrease_instrument_share"
target_percent = 0.0
priority = 20
cooldown_minutes = 1
all = ["highrisk"]
[[open_positions.rules]]
name = "less"
action = "decrease_instrument_share"
target_percent = 3.0
priority = 10
cooldown_minutes = 2
all = ["profit_loss_percent <= -0.05", "instrument_account_share > 3"]
"""
ACTIVE = """
enable_active_management = true
unit = "percent"
rest = "close"
partial_profit_threshold = 0.1
partial_profit_age_minutes = 1.0
partial_profit_share = 50.0
aggressive_profit_threshold = 0.2
aggressive_profit_share = 75.0
scaling_profit_threshold = 0.03
scaling_momentum_threshold = 0.0
scaling_volume_threshold = 0.0
scaling_max_age_minutes = 15.0
scaling_share = 25.0
scaling_max_share = 50.0
breakeven_threshold = 0.06
breakeven_buffer = 0.01
volatility_threshold = 0.01
volatility_tightening = 0.02
time_based_tightening = 0.01
time_tightening_age_hours = 0.05
time_tightening_max_hours = 24
"""

Wish = Entry | Exit | Stance


class Story(NamedTuple):
    """Prices, wishes by moment, and the broker."""

    symbols: list[RecordedSymbol]
    wishes: dict[int, list[Wish]]
    which: str
    every_s: int
    broker: dict[str, Any]


def walk(name: str, seed: int, step_s: float) -> RecordedSymbol:
    """Forty minutes of ticks that wander by some points each, now and then by many."""
    numbers = np.random.default_rng(seed)
    minutes = np.arange(0, 40, step_s / 60)
    share = numbers.normal(0, 0.00012, len(minutes)) + numbers.choice(
        [0, 0.0015, -0.0015], len(minutes), p=[0.98, 0.01, 0.01]
    )
    points = [(float(m), FIRST[name] * float(1 + each)) for m, each in zip(minutes, np.cumsum(share), strict=True)]
    return symbol([*points, (40.0, points[-1][1])], name, start_ms=EVENING_MS, step_s=step_s)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Wishes that open, close and expect things both ways."""
    names = draw(st.lists(st.sampled_from(sorted(FIRST)), min_size=1, max_size=3, unique=True))
    symbols = [walk(name, draw(st.integers(0, 10_000)), draw(st.sampled_from([2.0, 3.0, 20.0]))) for name in names]
    wishes: dict[int, list[Wish]] = {}
    for _ in range(draw(st.integers(1, 8))):
        name = draw(st.sampled_from(names))
        side = draw(st.sampled_from(["buy", "sell"]))
        away = draw(st.sampled_from([0.001, 0.004])) * (1 if side == "sell" else -1)
        wish = draw(st.sampled_from([
            Stance(name, "bullish" if side == "buy" else "bearish", 50.0, "low"), Stance(name, "bearish", 20.0, "high"),
            Stance(name, None), Exit(name, 3),
            Entry(name, side, stop_loss=round(FIRST[name] * (1 + away), DIGITS[name]), magic=3),
            Entry(name, side, stop_loss=round(FIRST[name] * (1 + away), DIGITS[name]), magic=3, reverse=True),
        ]))  # fmt: skip
        wishes.setdefault(EVENING_MS + draw(st.integers(1, 2_300)) * 1000, []).append(wish)
    broker = {
        "latency_ms": draw(st.sampled_from([0, 100, 20_000])), "slippage_points": draw(st.sampled_from([0.0, 4.0])),
        "hedging": draw(st.booleans()),
    }  # fmt: skip
    return Story(
        symbols, wishes, draw(st.sampled_from(["share", "active", "both"])), draw(st.sampled_from([5, 60])), broker
    )


def rules(folder: Path, which: str) -> PositionFiles:
    share, active = written(folder, "share-all", SHARE), written(folder, "active-all", ACTIVE)
    kept = PositionFiles(share=share.share, active=active.active, folder=share.folder)
    return {"share": share, "active": active, "both": kept}[which]


def play(out: Path, story: Story, engine: str) -> Any:
    settings_ = one_lot(lots=0.2, caps={**MANY, "daily_budget_without_rule_pct": 100.0})
    plan = managed(
        out, story.symbols, story.wishes, rules(out.parent / "config", story.which), settings_, engine=engine,
        every_s=story.every_s, **story.broker,
    )  # fmt: skip
    Replay(plan).play()
    return read_run(out)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=stories())
def test_both_engines_give_the_same_run_under_rules_of_every_kind(
    tmp_path_factory: pytest.TempPathFactory, story: Story
) -> None:
    folder = tmp_path_factory.mktemp("story")
    fast, plain = play(folder / "fast", story, "fast"), play(folder / "events", story, "events")
    assert_same(fast, plain)
    assert fast.instructions == plain.instructions
    assert entries(folder / "fast") == entries(folder / "events")


def test_such_a_story_has_every_kind_of_instruction(tmp_path: Path) -> None:
    wishes: dict[int, list[Wish]] = {
        EVENING_MS + 61_000: [Stance("EURUSD", "bullish", 50.0, "low"), Stance("GBPUSD", "bearish", 50.0, "low")],
        EVENING_MS + 62_000: [Entry("USDJPY", "buy", stop_loss=149.4, magic=3)],
        EVENING_MS + 1_500_000: [Stance("GBPUSD", "bearish", 20.0, "high")],
    }
    story = Story(
        [walk(name, 3, 3.0) for name in FIRST], wishes, "both", 5, {"latency_ms": 2000, "slippage_points": 4.0}
    )
    run = play(tmp_path / "run", story, "fast")
    done = {each.kind for each in run.instructions if each.status == "done"}
    assert done == {"open", "close", "close_partial", "modify_stop"}
    assert any(each.status == "failed" for each in run.instructions)


def broken_off(out: Path, engine: str, **more: Any) -> Plan:
    """Stances, positions and an instruction that is on its way when the day ends."""
    midnight = EVENING_MS + 20 * 60_000
    wishes: dict[int, Iterable[Wish]] = {
        EVENING_MS + 61_000: [Stance("EURUSD", "bullish", 80.0, "low")],
        midnight - 10_000: [Stance("GBPUSD", "bearish", 40.0, "low"), Stance("EURUSD", "bullish", 81.0, "low")],
        midnight + 400_000: [Stance("USDJPY", "bullish", 60.0)],
    }
    rising = [(0, 1.1), (21, 1.1), (40, 1.103)]
    flat = [symbol([(0, FIRST[name]), (40, FIRST[name])], name, start_ms=EVENING_MS) for name in ("GBPUSD", "USDJPY")]
    rules_ = rules(out.parent / "config", "both")
    market = [symbol(rising, start_ms=EVENING_MS), *flat]
    return managed(out, market, wishes, rules_, engine=engine, latency_ms=20_000, **more)


@pytest.mark.parametrize("engine", ["fast", "events"])
def test_interrupted_at_midnight_it_becomes_the_same_run(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.replay.ticks.SPAN_TICKS", 1)
    monkeypatch.setattr("bridge.replay.engine.SAVE_EVERY_S", 0.0)
    Replay(broken_off(tmp_path / "whole", engine)).play()
    whole = read_run(tmp_path / "whole")
    assert not Replay(broken_off(tmp_path / "parts", engine), stop=lambda: True).play().complete
    stopped = read_run(tmp_path / "parts")
    assert [each.status for each in stopped.instructions].count("given") >= 1
    assert (tmp_path / "parts" / CHECKPOINT_FILE).exists()
    assert Replay(broken_off(tmp_path / "parts", engine)).play(go_on=True).complete
    parts = read_run(tmp_path / "parts")
    assert_same(whole, parts)
    assert parts.instructions == whole.instructions
    assert entries(tmp_path / "whole") == entries(tmp_path / "parts")
    pending = [each for each in stopped.instructions if each.status == "given"]
    assert {each.id for each in whole.instructions if each.status == "done"} >= {each.id for each in pending}
    # What was expected on the first day adds on the second.
    later = [each for each in whole.instructions if each.time_ms > EVENING_MS + 21 * 60_000]
    assert any(each.symbol == "EURUSD" and each.rule.endswith("/more") for each in later)


def test_it_does_not_go_on_with_other_rules_or_without_its_instructions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.replay.ticks.SPAN_TICKS", 1)
    monkeypatch.setattr("bridge.replay.engine.SAVE_EVERY_S", 0.0)
    out = tmp_path / "run"
    Replay(broken_off(out, "fast"), stop=lambda: True).play()
    with pytest.raises(ReplayError, match="was replayed with another configuration"):
        Replay(broken_off(out, "fast", every_s=30)).play(go_on=True)
    changed = broken_off(out, "fast")
    changed.settings.positions.paths[0].write_text(
        SHARE.replace("cooldown_minutes = 2", "cooldown_minutes = 3"), "utf-8"
    )
    with pytest.raises(ReplayError, match="was replayed with another configuration"):
        Replay(changed).play(go_on=True)
    (out / INSTRUCTIONS_FILE).unlink()
    with pytest.raises(ReplayError, match=r"instructions.parquet is missing"):
        Replay(broken_off(out, "fast")).play(go_on=True)


def test_rules_that_change_meanwhile_end_the_run(tmp_path: Path) -> None:
    share = written(tmp_path / "config", "share-all", SHARE)

    class Meddler:
        name, timeframe = "meddler", None

        def times(self) -> Any:
            return EVENING_MS + 60_000 * np.arange(1, 30)

        def on_time(self, view: Any) -> list[Stance]:
            if view.now_ms == EVENING_MS + 600_000:
                share.paths[0].write_text(SHARE.replace("8.0", "7.0"), "utf-8")
            return [Stance("EURUSD", "bullish", 80.0)]

    wishes: Any = Meddler()
    plan = managed(tmp_path / "run", [symbol([(0, 1.1), (40, 1.1)], start_ms=EVENING_MS)], wishes, share)
    with pytest.raises(ReplayError, match=r"A file of rules was changed while the replay went on: .*share-all"):
        Replay(plan).play()
