"""The moments that decided: the breach, else for each rule the quarter of an hour with the least headroom."""

from typing import Any

import numpy as np

from bridge.replay.report.curve import QUARTER_MS, cents
from bridge.replay.report.figures import figures_of
from bridge.replay.run import Run, TradeRow

HOUR_MS = 3_600_000
_BEFORE_MS, _AFTER_MS = 24 * HOUR_MS, 2 * HOUR_MS


def tight_moments(run: Run) -> list[dict[str, Any]]:
    """The breach first, then each rule's least headroom: what was open then, and how the day before it went."""
    breach = run.info.result.breach
    found = []
    if breach is not None:
        told = {"rule": breach.rule, "breach": True, "equity": breach.equity, "floor": breach.floor}
        found.append(told | _around(run, breach.rule, breach.time_ms, breach.time_ms))
    for rule, least in figures_of(run).least_headroom.items():
        if breach is None or breach.rule != rule:
            told = {"rule": rule, "breach": False, "headroom": least.headroom}
            found.append(told | _around(run, rule, least.time_ms, least.time_ms + QUARTER_MS - 1))
    return found


def _around(run: Run, rule: str, from_ms: int, to_ms: int) -> dict[str, Any]:
    equity = run.equity
    first, end = np.searchsorted(equity.time_ms, (from_ms - _BEFORE_MS, to_ms + _AFTER_MS))
    part = slice(int(first), int(end))
    return {
        "t": from_ms,
        "open": [_position(each) for each in run.trades if each.opened_ms <= to_ms and each.closed_ms >= from_ms],
        "times": (equity.time_ms[part] + QUARTER_MS).tolist(),
        "room": cents(equity.headrooms[rule][part]) if rule in equity.headrooms else [],
    }


def _position(trade: TradeRow) -> dict[str, Any]:
    names = ("ticket", "decision", "symbol", "side", "lots", "opened_ms", "closed_ms", "worst", "net", "reason")
    return {name: getattr(trade, name) for name in names}
