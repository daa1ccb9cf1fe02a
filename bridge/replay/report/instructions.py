"""What the rules about open positions told the EA, as the page draws it: marks on the price of each symbol."""

from collections import Counter
from typing import Any

import numpy as np

from bridge.market.recording import TIMEFRAME_MS, BarSeries
from bridge.replay.report.curve import POINTS
from bridge.replay.run import BAR_TIMEFRAME, InstructionRow, Run

ROWS = 5_000
"""Instructions of the page, the newest."""
MARKS = 1_000
"""Of a symbol's chart, the newest."""


def instructions_data(run: Run) -> dict[str, Any] | None:
    """Rows, and by symbol its price and where the rows are marked on it; None where no rules were asked."""
    if run.info.result.instructions is None:
        return None
    left_out = max(0, len(run.instructions) - ROWS)
    rows = run.instructions[left_out:]
    counts = Counter(each.symbol for each in rows)
    symbols = sorted(counts, key=lambda symbol: (-counts[symbol], symbol))
    return {
        "rows": [{name: value for name, value in each._asdict().items() if value is not None} for each in rows],
        "left_out": left_out,
        "symbols": {symbol: _chart(rows, symbol, run.bars.get(symbol)) for symbol in symbols},
    }


def _chart(rows: list[InstructionRow], symbol: str, bars: BarSeries | None) -> dict[str, Any]:
    own = [(number, each) for number, each in enumerate(rows) if each.symbol == symbol]
    places = [(number, each, _price(each, bars)) for number, each in own[-MARKS:]]
    marks = [
        {"row": number, "t": each.time_ms if each.done_ms is None else each.done_ms, "y": price, "as": _look(each)}
        for number, each, price in places
        if price is not None
    ]
    return {**_thinned(bars), "marks": sorted(marks, key=lambda mark: mark["t"])}


def _look(each: InstructionRow) -> str:
    """What it is drawn as."""
    if each.status != "done":
        return "undone"
    return f"open_{each.side}" if each.kind == "open" else each.kind


def _price(each: InstructionRow, bars: BarSeries | None) -> float | None:
    """Where it is drawn: at its fill, at the new stop, or at the price of its moment."""
    if each.fill_price is not None:
        return each.fill_price
    if each.kind == "modify_stop" and each.status == "done" and each.stop_loss is not None:
        return each.stop_loss
    if each.price is not None or bars is None or not len(bars):
        return each.price
    at = int(np.searchsorted(bars.time_ms, each.time_ms, side="right")) - 1
    return float(bars.close[max(0, at)])


def _thinned(bars: BarSeries | None) -> dict[str, list[Any]]:
    """Close, low and high of groups of neighbouring bars, about POINTS of them; `t` is each group's end."""
    if bars is None or not len(bars):
        return {"t": [], "close": [], "low": [], "high": []}
    starts = np.arange(0, len(bars), -(-len(bars) // POINTS))
    last = np.append(starts[1:], len(bars)) - 1
    return {
        "t": (bars.time_ms[last] + TIMEFRAME_MS[BAR_TIMEFRAME]).tolist(),
        "close": bars.close[last].tolist(),
        "low": np.minimum.reduceat(bars.low, starts).tolist(),
        "high": np.maximum.reduceat(bars.high, starts).tolist(),
    }
