"""Replays of small recordings under rules about open positions: prices that go where a test wants them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bridge.market.recording import BarSeries, RecordedMarket, RecordedSymbol
from bridge.replay.engine import Replay
from bridge.replay.plan import Plan
from bridge.replay.run import InstructionRow, Run, read_run
from bridge.replay.strategy import Entry, Exit, Stance
from bridge.settings import AccountSettings, PositionFiles
from tests.builders import at, make_bars, make_symbol
from tests.replay.played import BALANCE, market_of, one_lot, plan_of
from tests.replay.test_replay_same import assert_same

CONFIG = Path(__file__).resolve().parents[2] / "config"
START_MS = at("2024-03-05 10:00")
MINUTE_MS = 60_000
SPREADS = {"EURUSD": 0.0001, "GBPUSD": 0.0001, "USDJPY": 0.01}
DIGITS = {"EURUSD": 5, "GBPUSD": 5, "USDJPY": 3}
BASES = {"GBPUSD": {"currency_base": "GBP", "currency_margin": "GBP"}}
FIRST = {"EURUSD": 1.1, "GBPUSD": 1.28, "USDJPY": 150.0}

MANY = {"max_positions_per_symbol": 20, "max_positions": 50}
"""Caps that let a share be built of many positions."""

Wishes = Mapping[int, Iterable[Entry | Exit | Stance]]


def minute(number: float) -> int:
    """So many minutes after the recording's first tick."""
    return START_MS + round(number * MINUTE_MS)


def symbol(
    points: Sequence[tuple[float, float]], name: str = "EURUSD", *, start_ms: int = START_MS, step_s: float = 10.0,
    **over: Any,
) -> RecordedSymbol:  # fmt: skip
    """Ticks every `step_s` along a line through (minute, bid), with enough bars before them for an ATR."""
    minutes = np.arange(points[0][0], points[-1][0], step_s / 60)
    bids = np.interp(minutes, [each[0] for each in points], [each[1] for each in points])
    digits, spread = DIGITS[name], SPREADS[name]
    rows = [
        (start_ms + round(m * MINUTE_MS), round(float(bid), digits), round(float(bid) + spread, digits))
        for m, bid in zip(minutes, bids, strict=True)
    ]
    over = {**BASES.get(name, {}), **over}
    return make_symbol(rows, name=name, bars=_history(name, points[0][1], start_ms), **over)


def _history(name: str, price: float, start_ms: int) -> list[BarSeries]:
    """Bars that go up and down by 0.2 % and end at the price."""
    made = []
    for timeframe, count, length in (("M15", 400, 900_000), ("H1", 400, 3_600_000), ("D1", 300, 86_400_000)):
        wave = 1 + 0.002 * np.sin(np.arange(count, 0, -1))
        end_ms = start_ms // length * length
        made.append(make_bars(timeframe, end_ms, np.round(price * wave, DIGITS[name]).tolist(), [100] * count))
    return made


def files(*names: str, active: str | None = None, folder: Path = CONFIG / "positions") -> PositionFiles:
    """Files of share rules and of active management, shipped ones if no folder is named."""
    return PositionFiles(
        share=tuple(folder / f"{name}.toml" for name in names),
        active=None if active is None else folder / f"{active}.toml",
        folder=folder.parent,
    )


def written(folder: Path, name: str, text: str) -> PositionFiles:
    """One file of the test's own: share rules, or active management if its name begins so."""
    place = folder / "positions"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.toml").write_text(text, "utf-8")
    return files(active=name, folder=place) if name.startswith("active") else files(name, folder=place)


def shipped_text(name: str) -> str:
    """A shipped file, to be changed."""
    return (CONFIG / "positions" / f"{name}.toml").read_text("utf-8")


def managed(
    out: Path, market: RecordedMarket | Sequence[RecordedSymbol], wishes: Wishes, positions: PositionFiles,
    settings: AccountSettings | None = None, *, engine: Any = "fast", every_s: int = 60, **broker: Any,
) -> Plan:  # fmt: skip
    """A replay under rules, with the latency of an order 100 ms unless told otherwise."""
    market = market if isinstance(market, RecordedMarket) else market_of(*market)
    settings = replace(one_lot(lots=50.0, caps=MANY) if settings is None else settings, positions=positions)
    broker = {"latency_ms": 100, **broker}
    plan = plan_of(out, market, wishes, settings, engine=engine, **broker)
    return replace(plan, manage_every_s=every_s)


def play_both(out: Path, *given: Any, **named: Any) -> Run:
    """The run of the fast engine, after both were found the same."""
    runs = []
    for engine in ("fast", "events"):
        plan = managed(out / engine, *given, engine=engine, **named)
        assert Replay(plan).play().complete
        runs.append(read_run(plan.out))
    assert_same(*runs)
    assert runs[0].instructions == runs[1].instructions
    return runs[0]


def did(run: Run, kind: str = "", symbol: str = "") -> list[InstructionRow]:
    """Instructions that were carried out."""
    rows = [each for each in run.instructions if each.status == "done"]
    return [each for each in rows if each.kind.startswith(kind) and each.symbol.startswith(symbol)]


def share_pct(rows: Iterable[InstructionRow], price: float, balance: float = BALANCE) -> float:
    """What opened lots of 100,000 units at a price are of the balance, percent."""
    return sum(each.filled for each in rows) * 100_000 * price / balance * 100
