"""Replies to `positions` with good defaults: name only what the test is about."""

from typing import Any

from bridge.protocol.messages import HeldInfo, PastInfo, PlanInfo, PlanLineInfo, PortfolioInfo, PositionsReply
from tests.cli.replies import HOUR_MS, NOW_MS

MINUTE_MS = 60_000


def make_held(**over: Any) -> HeldInfo:
    """Half of a lot of EURUSD left, bought at 1.1 five hours ago, 45 pips in profit."""
    values: dict[str, Any] = {
        "ticket": 7001, "symbol": "EURUSD", "side": "buy", "volume": 0.5, "initial_volume": 1.0, "price_open": 1.1,
        "price": 1.1045, "sl": 1.098, "tp": 1.12, "profit": 225.0, "gain_pct": 0.41, "r": 0.9,
        "opened_ms": NOW_MS - 5 * HOUR_MS, "share_pct": 54.2, "stop_risk": 325.0, "magic": 7, "added_to": 0,
        "actions": ["partial_profit"],
    }  # fmt: skip
    return HeldInfo(**{**values, **over})


def make_past(**over: Any) -> PastInfo:
    """Half of a lot closed a minute ago."""
    values: dict[str, Any] = {
        "id": "i12-3", "kind": "close_partial", "ticket": 7001, "symbol": "EURUSD", "side": "buy", "lots": 0.5,
        "stop_loss": None, "rule": "partial_profit", "reason": "profit of 16.20 % is at or above 15 %",
        "given_ms": NOW_MS - MINUTE_MS, "expires_ms": NOW_MS - 5_000, "state": "done", "filled": 0.5, "price": 1.1042,
        "retcode": 10_009, "slippage_bps": 1.3, "latency_ms": 340, "cost": 3.2,
    }  # fmt: skip
    return PastInfo(**{**values, **over})


def make_line(**over: Any) -> PlanLineInfo:
    """EURUSD at 4 % of equity."""
    values: dict[str, Any] = {
        "symbol": "EURUSD", "weight": 0.04, "fitted": 0.04, "lots": 0.12, "shown": 0.5, "note": "",
    }  # fmt: skip
    return PlanLineInfo(**{**values, **over})


def make_plan(*lines: PlanLineInfo, **over: Any) -> PlanInfo:
    """A plan that reduces since a quarter of an hour."""
    values: dict[str, Any] = {
        "id": "p3", "phase": "reduce", "created_ms": NOW_MS - 15 * MINUTE_MS, "why": "",
        "lines": list(lines or (make_line(),)), "in_play": 1, "past": 2, "turnover": 4_200.0, "untracked_pct": None,
        "tracking_error_pct": None, "violations": [],
    }  # fmt: skip
    return PlanInfo(**{**values, **over})


def make_portfolio(**over: Any) -> PortfolioInfo:
    """Within all limits."""
    values: dict[str, Any] = {
        "mode": "normal", "reason": "", "gross": 0.54, "net": 0.54, "var_95_pct": 0.4, "drawdown_pct": 0.1,
        "breaches": [], "unknown": [],
    }  # fmt: skip
    return PortfolioInfo(**{**values, **over})


def make_positions(*held: HeldInfo, **over: Any) -> PositionsReply:
    """An account of 100,000 USD with these positions."""
    values: dict[str, Any] = {
        "v": 1, "type": "positions", "id": "q", "status": "ok", "code": None, "message": None, "server_ms": NOW_MS,
        "account": 1_000_001, "currency": "USD", "balance": 100_000.0, "equity": 100_225.0, "rules": ["active.toml"],
        "problems": [], "positions": list(held), "pending": [], "history": [], "symbols": [], "by_rule": [],
        "strategies": [], "plan": None, "portfolio": None,
    }  # fmt: skip
    return PositionsReply(**{**values, **over})
