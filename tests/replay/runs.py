"""Runs with good defaults for tests: name only what the test is about."""

from pathlib import Path
from typing import Any

import numpy as np

from bridge.replay.run import (
    AccountNote,
    BreachNote,
    ConfigNote,
    DecisionRow,
    Equity,
    MarketNote,
    ResultNote,
    RuleNote,
    RunInfo,
    RunWriter,
    TradeRow,
)
from tests.builders import LOGIN, NOW_MS

DAILY, TOTAL = "max_daily_loss", "max_loss"
RULES = (
    RuleNote(name=DAILY, scope="daily", strict=True, measured_on="equity"),
    RuleNote(name=TOTAL, scope="total", strict=True, measured_on="equity"),
)
QUARTER_MS = 900_000
BALANCE = 100_000.0


def make_decision(number: int = 0, **changed: Any) -> DecisionRow:
    """One that was granted and filled."""
    values: dict[str, Any] = {
        "number": number, "time_ms": NOW_MS, "symbol": "EURUSD", "side": "buy", "code": None, "message": None,
        "lots": 0.5, "base_lots": 0.8, "binding": "max_daily_loss_headroom", "runner_up": "risk_budget",
        "entry": 1.1, "stop_loss": 1.09, "take_profit": 1.12, "confidence": 75.0, "market_score": None,
        "risk_amount": 500.0, "risk_percent": 0.5, "worst_case": 600.0, "expected_shortfall": 550.0,
        "equity": BALANCE, "ticket": number + 1, "outcome": "filled", "request": "{}", "reply": "{}",
    }  # fmt: skip
    return DecisionRow(**values | changed)


def make_trade(net: float = 0.0, **changed: Any) -> TradeRow:
    """One of a risk of 500 that was closed an hour later."""
    values: dict[str, Any] = {
        "ticket": 1, "decision": 0, "symbol": "EURUSD", "side": "buy", "lots": 0.5, "opened_ms": NOW_MS,
        "open_price": 1.1, "closed_ms": NOW_MS + 3_600_000, "close_price": 1.1, "profit": net, "swap": 0.0,
        "commission": 0.0, "net": net, "reason": "sl" if net < 0 else "tp", "stop_loss": 1.09, "risk_amount": 500.0,
        "r_multiple": net / 500.0, "worst": min(net, 0.0), "best": max(net, 0.0), "magic": 7,
    }  # fmt: skip
    return TradeRow(**values | changed)


def make_equity(*levels: float, low: list[float] | None = None, start_ms: int = NOW_MS) -> Equity:
    """A quarter of an hour per level, nothing open at its end; floors 95,000 and 90,000."""
    equity = np.array(levels)
    least = equity if low is None else np.array(low)
    return Equity(
        time_ms=start_ms + QUARTER_MS * np.arange(len(levels), dtype=np.int64),
        balance=equity,
        equity=equity,
        low=least,
        high=np.maximum(equity, least),
        floors={DAILY: np.full(len(levels), 95_000.0), TOTAL: np.full(len(levels), 90_000.0)},
        headrooms={DAILY: least - 95_000.0, TOTAL: least - 90_000.0},
    )


def make_info(writer: RunWriter, **changed: Any) -> RunInfo:
    """What is told of a run of the sample account; `changed` goes to the part that has a field of that name."""

    def part(kind: type, **values: Any) -> Any:
        own = set(kind.__struct_fields__) & set(changed) - ({"name"} if kind is MarketNote else set())
        return kind(**values | {name: changed[name] for name in own})

    last = writer.equity[-1] if writer.equity else make_equity(BALANCE)
    return part(
        RunInfo,
        name="a run",
        version="0.1.0",
        engine="fast",
        complete=True,
        market=part(
            MarketNote,
            name="made up",
            synthetic=True,
            symbols=("EURUSD",),
            start_ms=NOW_MS,
            end_ms=int(last.time_ms[-1]) + QUARTER_MS,
            ticks=1_000,
        ),
        account=part(AccountNote, login=LOGIN, currency="USD", initial_balance=BALANCE, leverage=100, hedging=True),
        broker={"latency_ms": 50, "slippage_points": 0.0},
        strategy="moving averages",
        config=part(
            ConfigNote,
            policy_hash="abc",
            preset="standard",
            firm="ftmo-2step",
            firm_title="FTMO Challenge",
            target_pct=10.0,
            min_days=4,
        ),
        rules=RULES,
        result=part(
            ResultNote,
            balance=float(last.balance[-1]),
            equity=float(last.equity[-1]),
            end_ms=int(last.time_ms[-1]) + QUARTER_MS,
            breach=None,
            target_ms=None,
            days_traded=1,
            decisions=len(writer.decisions),
            granted=sum(each.code is None for each in writer.decisions),
            trades=len(writer.trades),
            seconds=0.1,
        ),
    )


def breach(equity: float = 94_990.0, floor: float = 95_000.0, time_ms: int = NOW_MS) -> BreachNote:
    return BreachNote(rule=DAILY, time_ms=time_ms, equity=equity, floor=floor)


def write_run(writer: RunWriter, **changed: Any) -> Path:
    """The folder, written."""
    writer.write(make_info(writer, **changed))
    return writer.folder
