"""What the replay's benchmark plays: generated ticks, a signal every so many of them, and FTMO's rules.

The risk of a trade is set so low that the account lives through all of them: a breach would end the run early, and a
refusal would be measured too fast.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.bench.ticks import DIGITS, SYMBOL
from bridge.market.recording import TickSeries
from bridge.replay.configure import Account, configured
from bridge.replay.engine import Replay
from bridge.replay.load import load_strategy
from bridge.replay.plan import BrokerWish, EngineName, Plan
from bridge.replay.run import RunInfo
from bridge.replay.ticks import DAY_MS, Span, SymbolHistory, TickSource
from bridge.settings import write_defaults

BALANCE = 100_000.0
EVERY = 5_000
"""Ticks from one signal to the next."""

_BASE_RISK_PCT, _CONFIDENCE = 0.05, 75
_STOP, _TARGET = 0.0010, 0.0015
"""Prices away from the touch price: near enough that most positions are closed before the next signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Spans in memory as a source: what they cost to read is not in what is measured."""

    name: str
    synthetic: bool
    notes: tuple[str, ...]
    symbols: dict[str, SymbolHistory]
    start_ms: int
    end_ms: int
    count: int
    held: Sequence[Span]

    def spans(self, from_ms: int = 0) -> Iterator[Span]:
        """All of them that end later."""
        return (span for span in self.held if span.end_ms > from_ms)


def held(source: TickSource, least: int | None = None) -> Held:
    """The source in memory: all of it, or whole days from its beginning with at least so many ticks."""
    spans: list[Span] = []
    count = 0
    for span in source.spans():
        missing = None if least is None else least - count
        kept = span if missing is None else _first_days(span, missing)
        spans.append(kept)
        count += len(kept.ticks[SYMBOL].time_ms)
        if least is not None and count >= least:
            break
    return Held(
        name=source.name,
        synthetic=source.synthetic,
        notes=source.notes,
        symbols=source.symbols,
        start_ms=source.start_ms,
        end_ms=int(spans[-1].ticks[SYMBOL].time_ms[-1]),
        count=count,
        held=spans,
    )


def write_signals(path: Path, spans: Iterable[Span]) -> int:
    """A signal at every `EVERY`th tick, stop and target at fixed distances; how many there are."""
    rows = ["time,symbol,side,stop,target,confidence"]
    passed = 0
    for span in spans:
        ticks = span.ticks[SYMBOL]
        size = len(ticks.time_ms)
        for at in range((EVERY // 2 - passed) % EVERY, size, EVERY):
            rows.append(_signal(ticks, at, buys=len(rows) * 7 % 13 < 7))
        passed += size
    path.write_text("\n".join(rows) + "\n", encoding="ascii", newline="\n")
    return len(rows) - 1


def write_configuration(folder: Path) -> Account:
    """The shipped policy with less risk to a trade, as a folder for the command and as read from it."""
    write_defaults(folder, "leveraged")
    path = folder / "policy.toml"
    text = path.read_text(encoding="utf-8")
    changed, count = re.subn(r"(?m)^base_risk_pct = .*$", f"base_risk_pct = {_BASE_RISK_PCT}", text)
    assert count == 1, path  # noqa: S101 - the shipped file says it once
    path.write_text(changed, encoding="utf-8", newline="\n")
    return configured(folder, None, BALANCE, news=False)


def play(source: TickSource, account: Account, signals: Path, out: Path, engine: EngineName = "fast") -> RunInfo:
    """One whole run, its folder written."""
    plan = Plan(
        name="benchmark",
        source=source,
        strategy=load_strategy(str(signals)),
        settings=account.settings,
        broker=BrokerWish(balance=account.balance),
        out=out,
        engine=engine,
    )
    return Replay(plan).play()


def command(ticks: Path, config: Path, signals: Path, out: Path, memory: Path) -> None:
    """The same as a command of its own, report included; `memory` gets its peak. Raises CalledProcessError."""
    arguments = ["replay", "--ticks", ticks, "--config", config, "--signals", signals, "--balance", BALANCE]
    words = [sys.executable, "-m", "bridge.bench.peak", memory, *arguments, "--out", out, "--json"]
    subprocess.run([str(word) for word in words], check=True, capture_output=True)  # noqa: S603


def _first_days(span: Span, least: int) -> Span:
    ticks = span.ticks[SYMBOL]
    if len(ticks.time_ms) <= least:
        return span
    end_ms = (int(ticks.time_ms[least - 1]) // DAY_MS + 1) * DAY_MS
    end = int(np.searchsorted(ticks.time_ms, end_ms))
    cut = TickSeries(time_ms=ticks.time_ms[:end], bid=ticks.bid[:end], ask=ticks.ask[:end])
    return Span(span.start_ms, end_ms, {SYMBOL: cut})


def _signal(ticks: TickSeries, at: int, *, buys: bool) -> str:
    """What a strategy that acts on this tick knows: the last one of its millisecond."""
    time_ms = int(ticks.time_ms[at])
    last = int(np.searchsorted(ticks.time_ms, time_ms, side="right")) - 1
    sign, side, prices = (1, "buy", ticks.ask) if buys else (-1, "sell", ticks.bid)
    stop, target = _price(prices, last, -sign * _STOP), _price(prices, last, sign * _TARGET)
    return f"{time_ms},{SYMBOL},{side},{stop},{target},{_CONFIDENCE}"


def _price(prices: NDArray[np.float64], at: int, away: float) -> str:
    return f"{float(prices[at]) + away:.{DIGITS}f}"
