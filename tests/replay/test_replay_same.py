"""Both engines give the same run, to the last bit: on the sample market, and on the real ticks beside the project."""

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bridge.market.store import sample_market
from bridge.replay.configure import shipped
from bridge.replay.engine import Replay
from bridge.replay.load import load_strategy
from bridge.replay.plan import BrokerWish, Plan
from bridge.replay.run import Run, read_run
from bridge.replay.strategy import Entry
from bridge.replay.ticks import TickSource, open_source, source_of
from tests.builders import at, make_market, make_symbol
from tests.replay.played import one_lot, play
from tests.sizing.builders import ftmo

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded data is not at {DATA}")

SAMPLE: list[tuple[str, str, str, dict[str, Any]]] = [
    ("ftmo-2step", "leveraged", "ma-cross", {}),
    ("apex-intraday", "leveraged", "ma-cross:fast=4,slow=12,stop=1.2", {"slippage_points": 30.0, "latency_ms": 0}),
    ("topstep", "guide", "day-breakout:end=3,stop=1", {"hedging": False, "latency_ms": 2500}),
    ("e8-one", "leveraged", "ma-cross:timeframe=M5,fast=3,slow=9,stop=1",
     {"slippage_points": 80.0, "zone": "new-york-close", "leverage": 10}),
    ("own-account", "leveraged", "ma-cross:timeframe=M30", {"hedging": False, "zone": "Europe/Athens"}),
]  # fmt: skip
REAL: list[tuple[str, str, str, dict[str, Any]]] = [
    ("ftmo-2step", "leveraged", "ma-cross:fast=5,slow=15,stop=1.5", {"zone": "new-york-close"}),
    ("fundingpips-zero", "leveraged", "ma-cross:timeframe=M5,fast=5,slow=20",
     {"slippage_points": 3.0, "hedging": False}),
]  # fmt: skip


@cache
def sample() -> TickSource:
    """Three symbols whose profit reaches dollars in three ways."""
    market = sample_market()
    names = ("EURGBP.sim", "EURUSD.sim", "GBPUSD.sim", "USDJPY.sim")
    kept = {name: symbol for name, symbol in market.symbols.items() if name in names}
    return source_of(type(market)(name=market.name, synthetic=True, symbols=kept))


def both(folder: Path, source: TickSource, firm: str, preset: Any, signals: str, broker: dict[str, Any]) -> list[Run]:
    """The run of each engine."""
    made = shipped(firm, preset, 100_000.0)
    runs = []
    for engine in ("fast", "events"):
        plan = Plan(
            name="compared",
            source=source,
            strategy=load_strategy(signals),
            settings=made.settings,
            broker=BrokerWish(**{"balance": made.balance, **broker}),
            out=folder / engine,
            engine=engine,  # type: ignore[arg-type]  # one of the two
        )
        Replay(plan).play()
        runs.append(read_run(plan.out))
    return runs


def assert_same(one: Run, other: Run) -> None:
    """Every row of every file, and the result but for the time that it took."""
    assert one.decisions == other.decisions
    assert one.trades == other.trades
    for name, value in asdict(one.equity).items():
        columns = value if isinstance(value, dict) else {name: value}
        others = getattr(other.equity, name)
        for rule, column in columns.items():
            np.testing.assert_array_equal(column, others[rule] if isinstance(value, dict) else others, f"{name} {rule}")
    assert one.bars.keys() == other.bars.keys()
    results = [msgspec.structs.asdict(each.info.result) | {"seconds": None} for each in (one, other)]
    assert results[0] == results[1]


@pytest.mark.parametrize(("firm", "preset", "signals", "broker"), SAMPLE, ids=[each[0] for each in SAMPLE])
def test_on_the_sample_market(tmp_path: Path, firm: str, preset: str, signals: str, broker: dict[str, Any]) -> None:
    fast, events = both(tmp_path, sample(), firm, preset, signals, broker)
    assert_same(fast, events)
    assert len(fast.trades) > 5
    assert fast.info.engine != events.info.engine


@needs_data
@pytest.mark.parametrize(("firm", "preset", "signals", "broker"), REAL, ids=[each[0] for each in REAL])
def test_on_recorded_ticks(tmp_path: Path, firm: str, preset: str, signals: str, broker: dict[str, Any]) -> None:
    fast, events = both(tmp_path, open_source(DATA), firm, preset, signals, broker)
    assert_same(fast, events)
    assert len(fast.trades) > 20


@pytest.mark.parametrize("engine", ["fast", "events"])
def test_spans_of_any_size_give_the_same_run(tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held at a time is no part of the result: one span, or a day each."""
    source, made = sample(), shipped("e8-one", "leveraged", 100_000.0)
    runs = []
    for size in (1_000_000, 1):
        monkeypatch.setattr("bridge.replay.ticks.SPAN_TICKS", size)
        plan = Plan(
            name="compared", source=source, strategy=load_strategy("ma-cross:timeframe=H1,fast=3,slow=8"),
            settings=made.settings, broker=BrokerWish(balance=made.balance, latency_ms=3_600_000),
            out=tmp_path / str(size), engine=engine,  # type: ignore[arg-type]  # one of the two
        )  # fmt: skip
        Replay(plan).play()
        runs.append(read_run(plan.out))
    assert_same(*runs)
    assert runs[0].trades


@pytest.mark.parametrize("engine", ["fast", "events"])
def test_tick_values_are_restated_at_the_same_moments_wherever_a_span_ends(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked 89 seconds before midnight and 20 after it, while the yen moves: due by then is one look."""
    midnight = at("2026-03-05 00:00:00")
    rows = [(midnight + 1000 * s, 150 - s / 500, 150.01 - s / 500) for s in range(-200, 100)]
    market = make_market(make_symbol([(ms, 1.1, 1.1001) for ms, _, _ in rows]), make_symbol(rows, name="USDJPY"))
    wish = Entry("USDJPY", "buy", 148.0, 155.0, 90.0)
    wishes = {midnight - 89_000: [wish], midnight + 20_000: [wish]}
    whole = play(tmp_path / "whole", market, wishes, one_lot(ftmo()), engine=engine)
    for name in ("bridge.replay.ticks.SPAN_TICKS", "bridge.replay.ticks.ROWS", "bridge.market.packed.ROWS"):
        monkeypatch.setattr(name, 1)
    assert len(list(source_of(market).spans())) == 2
    days = play(tmp_path / "days", market, wishes, one_lot(ftmo()), engine=engine)
    assert_same(whole, days)
    assert [each.outcome for each in days.decisions] == ["filled"] * 2
