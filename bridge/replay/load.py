"""What stands behind `--signals`: a file, an example's name, or the user's own code."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import ReplayError
from bridge.replay.digest import digest
from bridge.replay.examples import EXAMPLES, make_example
from bridge.replay.signal_table import SUFFIXES
from bridge.replay.signals import Signals, read_signals
from bridge.replay.strategy import Entry, Exit, Stance, Strategy, View
from bridge.replay.ticks import TickSource
from bridge.replay.user_code import file_of, load_user_code

NOTHING = "none"
"""In place of a strategy: what is open is managed, and a plan of rebalancing carried out, by themselves."""


class Nothing:
    """Never wishes for anything."""

    name, timeframe = NOTHING, None

    def times(self) -> NDArray[np.int64]:
        return np.empty(0, np.int64)

    def on_time(self, view: View) -> tuple[Entry | Exit | Stance, ...]:  # noqa: ARG002 - as every strategy
        return ()


def load_strategy(text: str) -> Strategy:
    """`FILE.csv`, `FILE.parquet`, `ma-cross:fast=10`, `module:function`, `file.py:function` or `none`.

    Raises ReplayError.
    """
    if text == NOTHING:
        return Nothing()
    if Path(text).suffix.lower() in SUFFIXES:
        return read_signals(Path(text))
    if text.partition(":")[0] in EXAMPLES:
        return make_example(text)
    if ":" in text:
        return load_user_code(text)
    raise ReplayError(
        f"{text} is no strategy: give a file of signals (.csv, .parquet), {' or '.join(EXAMPLES)}, "
        f"your own as module:function or file.py:function, or {NOTHING}"
    )


def strategy_text(text: str) -> str:
    """What `load_strategy` was given, with a digest of the file behind it: of another strategy it is another text.

    Folders are left out. Raises ReplayError.
    """
    example = Path(text).suffix.lower() not in SUFFIXES and text.partition(":")[0] in EXAMPLES
    if example or text == NOTHING:
        return text
    path = Path(text) if Path(text).suffix.lower() in SUFFIXES else file_of(text)
    if path is None:
        return text
    named = text if path == Path(text) else text.rpartition(":")[0]
    return f"{Path(named).name}{text.removeprefix(named)} ({digest(path)})"


def left_out(strategy: Strategy, source: TickSource) -> tuple[str, ...]:
    """What of a file of signals lies outside the recording, one sentence each.

    Raises ReplayError where that is all of it, or where a symbol is not recorded.
    """
    if not isinstance(strategy, Signals):
        return ()
    for symbol, place in strategy.first_rows.items():
        if symbol not in source.symbols:
            there = ", ".join(source.symbols)
            raise ReplayError(
                f"{strategy.name}, {place}: {symbol} is not replayed, there are {there}; write it as the recording "
                "does, or remove its rows"
            )
    times = strategy.times()
    outside = int(((times < source.start_ms) | (times > source.end_ms)).sum())
    if not outside:
        return ()
    period = f"{_utc(source.start_ms)} to {_utc(source.end_ms)}"
    if outside == len(times):
        raise ReplayError(
            f"{strategy.name}: every signal lies outside the recording, {period}; are the times UTC, and of that year?"
        )
    told = f"of {len(times)} moments {outside} lie outside the recording, {period}, and are left out"
    return (f"{strategy.name}: {told}",)


def unheard(strategy: Strategy) -> tuple[str, ...]:
    """What of a file of signals nobody listens to where no rules about open positions are asked."""
    if isinstance(strategy, Signals) and strategy.has_stances:
        return (f"{strategy.name}: its rows of side bullish, bearish or neutral change nothing, as no rules are asked",)
    return ()


def _utc(moment_ms: int) -> str:
    return f"{datetime.fromtimestamp(moment_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
