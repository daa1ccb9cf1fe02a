"""Everything the page draws of a run, as JSON values: small enough for a browser, no extreme lost."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from bridge.errors import ReplayError
from bridge.protocol.messages import CapInfo, FactorInfo
from bridge.replay.report.breach import tight_moments
from bridge.replay.report.compare import changes
from bridge.replay.report.curve import curve
from bridge.replay.report.drawdown import drawdowns
from bridge.replay.report.figures import figures_of
from bridge.replay.report.forecast import Realised, realised
from bridge.replay.report.instructions import instructions_data
from bridge.replay.report.summary import verdict
from bridge.replay.run import DECISIONS_FILE, DecisionRow, Run, TradeRow

DECISIONS = 20_000
"""Rows of the table of decisions, the newest."""
WATERFALLS = 4_000
"""Decisions with their waterfall, the newest."""
CHANGES = 5_000
DOTS = 2_000
"""Points of a symbol's lots, and of the forecasts."""
_DRAWDOWNS = 5
_BINS = 40
_BIN_WIDTHS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 25, 100, 1_000, 10_000)


class _Waterfall(msgspec.Struct):
    """What a `size` reply tells of its reckoning; other fields are not looked at."""

    factors: list[FactorInfo] = []
    caps: list[CapInfo] = []


def run_data(run: Run) -> dict[str, Any]:
    """One run."""
    figures = figures_of(run)
    initial = run.info.account.initial_balance
    return {
        "figures": msgspec.to_builtins(figures),
        "verdict": verdict(figures),
        "rules": [msgspec.to_builtins(rule) for rule in run.info.rules],
        "curve": curve(run.equity, initial),
        "drawdowns": [fall._asdict() for fall in drawdowns(run.equity, initial, _DRAWDOWNS)],
        "decisions": _decisions(run),
        "left_out": max(0, len(run.decisions) - DECISIONS),
        "waterfalls": {str(each.number): _waterfall(each) for each in run.decisions[-WATERFALLS:]},
        "lots": _lots(run.decisions),
        "multiples": _multiples([each.r_multiple for each in run.trades if each.r_multiple is not None]),
        "forecasts": _forecasts(realised(run)),
        "moments": tight_moments(run),
        "instructions": instructions_data(run),
    }


def page_data(first: Run, second: Run | None = None) -> dict[str, Any]:
    """One run or two beside each other."""
    if second is None:
        return {"runs": [run_data(first)], "changes": None}
    found = changes(first.decisions, second.decisions)
    rows = [
        {
            "t": each.time_ms,
            "symbol": each.symbol,
            "side": each.side,
            "a": _answer(each.first),
            "b": _answer(each.second),
        }
        for each in found[:CHANGES]
    ]
    return {"runs": [run_data(first), run_data(second)], "changes": {"count": len(found), "rows": rows}}


def _answer(decision: DecisionRow | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {"number": decision.number, "lots": decision.lots, "why": decision.code or decision.binding}


def _decisions(run: Run) -> list[dict[str, Any]]:
    left_out = {"request", "reply"}
    trades: defaultdict[int, list[TradeRow]] = defaultdict(list)
    for trade in run.trades:
        trades[trade.decision].append(trade)
    return [
        {name: value for name, value in each._asdict().items() if name not in left_out and value is not None}
        | _result(trades.get(each.number))
        for each in run.decisions[-DECISIONS:]
    ]


def _result(trades: Sequence[TradeRow] | None) -> dict[str, float]:
    if not trades:
        return {}
    net = sum(each.net for each in trades)
    risk = sum(each.risk_amount for each in trades)
    return {"net": round(net, 2)} | ({"r": round(net / risk, 3)} if risk else {})


def _waterfall(decision: DecisionRow) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(decision.reply, type=_Waterfall)
    except msgspec.DecodeError as fault:
        raise ReplayError(
            f"{DECISIONS_FILE}: the reply of decision {decision.number} is none ({fault}): replay again"
        ) from fault
    return {
        "factors": [[each.name, each.value, each.detail] for each in told.factors],
        "caps": [[each.name, each.lots, each.detail] for each in told.caps],
    }


def _lots(decisions: Sequence[DecisionRow]) -> dict[str, dict[str, list[Any]]]:
    """Per symbol, the most often traded first: moments and lots of what was granted."""
    granted: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for each in decisions:
        if each.code is None:
            granted[each.symbol].append((each.time_ms, each.lots))
    order = sorted(granted, key=lambda symbol: (-len(granted[symbol]), symbol))
    return {symbol: _thinned(granted[symbol]) for symbol in order}


def _thinned(points: Sequence[tuple[int, float]]) -> dict[str, list[Any]]:
    """At most DOTS points: of each group of neighbours the least and the most lots."""
    size = -(-len(points) // (DOTS // 2)) if len(points) > DOTS else 1
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    kept = [each for group in groups for each in sorted({_least(group), _most(group)})]
    return {"t": [time_ms for time_ms, _ in kept], "lots": [lots for _, lots in kept]}


def _least(points: Sequence[tuple[int, float]]) -> tuple[int, float]:
    return min(points, key=lambda each: each[1])


def _most(points: Sequence[tuple[int, float]]) -> tuple[int, float]:
    return max(points, key=lambda each: each[1])


def _multiples(values: Sequence[float]) -> dict[str, Any]:
    """A histogram: `counts[i]` trades from `edges[i]` up to, but not with, `edges[i + 1]`; 0 is an edge."""
    if not values:
        return {"edges": [], "counts": [], "mean": None}
    spread = max(values) - min(values)
    width = next((each for each in _BIN_WIDTHS if spread / each <= _BINS), spread / _BINS)
    bins = np.floor(np.array(values) / width).astype(int)
    counts = np.bincount(bins - bins.min())
    edges = (np.arange(len(counts) + 1) + bins.min()) * width
    return {"edges": np.round(edges, 6).tolist(), "counts": counts.tolist(), "mean": sum(values) / len(values)}


def _forecasts(pairs: Sequence[Realised]) -> list[list[Any]]:
    """Decision, forecast shortfall, worst case and loss of what lost; beyond DOTS only the larger shares of losses."""
    losses = [each for each in pairs if each.net < 0]
    losses.sort(key=lambda each: each.net / (each.expected_shortfall or math.inf))
    return [
        [each.decision.number, each.expected_shortfall, each.worst_case, round(-each.net, 2)] for each in losses[:DOTS]
    ]
