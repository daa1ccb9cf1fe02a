"""A plausible run, drawn at random: 3 symbols, 300 decisions, 200 trades, 100 days, rules as FTMO has them.

Run as a program it writes runs to a folder, to be looked at: python -m tests.replay.sample_run FOLDER
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bridge.market.recording import BarSeries
from bridge.replay.run import BreachNote, DecisionRow, Equity, Floats, RunWriter, TradeRow
from tests.builders import at
from tests.replay.runs import BALANCE, DAILY, QUARTER_MS, TOTAL, make_decision, make_trade, write_run

START_MS = at("2026-01-05 00:00:00")
DAYS, DECISIONS, TRADES = 100, 300, 200
SYMBOLS = {"EURUSD": (1.1, 1.0), "XAUUSD": (2400.0, 0.4), "US30": (39_000.0, 3.0)}
"""Price and typical lots."""
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
_CAPS = {
    "risk_budget": (1.0, 1.6), "symbol_max_lots": (20.0, 20.1), "notional": (4.0, 6.0),
    "max_daily_loss_share": (0.8, 1.5), "max_daily_loss_headroom": (0.7, 4.0), "max_loss_share": (1.0, 2.5),
    "max_loss_headroom": (2.0, 8.0), "concentration": (0.9, 1.9), "portfolio_shortfall": (1.2, 4.0),
    "margin": (10.0, 30.0), "gross_exposure": (6.0, 9.0),
}  # fmt: skip
_REFUSALS = ("edge_too_small", "news_window", "below_min_lot", "quote_stale")


def sample_run(
    folder: Path, *, seed: int = 7, luck: float = 0.12, name: str = "sample", risk: float = 500.0, **changed: Any
) -> Path:
    """Write a run. `luck` is the mean R-multiple; with a bad one it ends in a breach."""
    draw = np.random.default_rng(seed)
    writer = RunWriter(folder)
    moments = np.sort(draw.choice(np.arange(DAYS * 24), DECISIONS, replace=False)) * HOUR_MS + START_MS
    granted = np.sort(draw.choice(DECISIONS, TRADES + 10, replace=False))
    for number, time_ms in enumerate(moments.tolist()):
        writer.decisions.append(_decision(draw, number, time_ms, risk, granted=number in granted))
    for decision in [each for each in writer.decisions if each.code is None][:TRADES]:
        writer.trades.append(_trade(draw, decision, luck))
    writer.equity.append(_equity(writer.trades))
    breach = _cut_at_breach(writer)
    for symbol, (price, _) in SYMBOLS.items():
        writer.bars[symbol] = _bars(draw, price)
    balance = writer.equity[0].balance
    target = np.flatnonzero(balance >= BALANCE * 1.10)
    days = len({trade.opened_ms // DAY_MS for trade in writer.trades})
    return write_run(
        writer, name=name, breach=breach, days_traded=days, seconds=0.41, ticks=9_876_543,
        symbols=tuple(SYMBOLS), start_ms=START_MS, firm_title="FTMO Challenge, 2 steps",
        target_ms=int(writer.equity[0].time_ms[target[0]]) + QUARTER_MS if len(target) else None,
        **changed,
    )  # fmt: skip


def _decision(draw: np.random.Generator, number: int, time_ms: int, risk: float, *, granted: bool) -> DecisionRow:
    symbol = list(SYMBOLS)[int(draw.choice(3, p=(0.5, 0.3, 0.2)))]
    price, typical = SYMBOLS[symbol]
    side = str(draw.choice(["buy", "sell"]))
    if not granted:
        return make_decision(
            number, time_ms=time_ms, symbol=symbol, side=side, code=str(draw.choice(_REFUSALS)), lots=0.0,
            message="The trade is refused: an example of a message.", binding=None, runner_up=None, base_lots=0.0,
            risk_amount=0.0, risk_percent=0.0, worst_case=0.0, expected_shortfall=0.0, ticket=0, outcome="none",
        )  # fmt: skip
    factors = [
        {"name": each, "value": round(float(value), 3), "detail": "why this factor is what it is"}
        for each, value in zip(
            ("edge", "regime", "market_score", "diversification", "performance", "volatility", "drawdown", "heat"),
            (*draw.uniform(0.6, 1.2, 6), 1.0, 1.0),
            strict=True,
        )
    ]
    caps = [
        {"name": each, "lots": typical * float(draw.uniform(*span)), "detail": "5000.00 less 1234.56 at risk"}
        for each, span in _CAPS.items()
    ]
    order = sorted(caps, key=lambda cap: float(str(cap["lots"])))
    lots = float(np.floor(float(str(order[0]["lots"])) * 100) / 100)
    amount = risk * lots / typical
    caps.append({"name": "positions", "lots": None, "detail": "1 of 10"})
    distance = price * 0.005 * (1 if side == "buy" else -1)
    return make_decision(
        number, time_ms=time_ms, symbol=symbol, side=side, lots=lots, base_lots=caps[0]["lots"],
        binding=order[0]["name"], runner_up=order[1]["name"], entry=price, stop_loss=price - distance,
        take_profit=price + 2 * distance, confidence=round(float(draw.uniform(50, 90)), 1), risk_amount=amount,
        risk_percent=amount / BALANCE * 100, worst_case=amount * 1.9, expected_shortfall=amount * 1.15,
        reply=msgspec.json.encode({"v": 1, "type": "size", "factors": factors, "caps": caps}).decode(),
    )  # fmt: skip


def _trade(draw: np.random.Generator, decision: DecisionRow, luck: float) -> TradeRow:
    won = draw.random() < (1 + luck) / 2.9
    multiple = float(draw.normal(1.9, 0.15) if won else -draw.choice([1.0, 0.6, 1.35], p=(0.8, 0.15, 0.05)))
    net = multiple * decision.risk_amount + float(draw.normal(0, 6))
    end_ms = decision.time_ms + int(draw.exponential(9) * HOUR_MS) + QUARTER_MS
    return make_trade(
        net, ticket=decision.ticket, decision=decision.number, symbol=decision.symbol, side=decision.side,
        lots=decision.lots, opened_ms=decision.time_ms, closed_ms=min(end_ms, START_MS + DAYS * DAY_MS - 1),
        risk_amount=decision.risk_amount, r_multiple=net / decision.risk_amount, profit=net + 3.5, commission=-3.5,
        reason="tp" if won else "sl", worst=min(net, -0.4 * decision.risk_amount), best=max(net, 50.0),
    )  # fmt: skip


def _equity(trades: list[TradeRow]) -> Equity:
    """Straight lines between opening and close, with some noise around them."""
    times = START_MS + QUARTER_MS * np.arange(DAYS * 96, dtype=np.int64)
    ends = times + QUARTER_MS
    balance = np.full(len(times), BALANCE)
    floating = np.zeros(len(times))
    for trade in trades:
        balance += np.where(ends > trade.closed_ms, trade.net, 0.0)
        share = (ends - trade.opened_ms) / (trade.closed_ms - trade.opened_ms)
        inside = (share > 0) & (ends <= trade.closed_ms)
        floating += np.where(inside, share * trade.net + 120 * np.sin(share * 25), 0.0)
    equity = balance + floating
    noise = np.where(floating != 0, 90.0, 0.0)
    low, high = np.minimum(equity - noise, balance), np.maximum(equity + noise, balance)
    daily = np.repeat(balance.reshape(DAYS, 96)[:, 0], 96) - BALANCE * 0.05
    total = np.full(len(times), BALANCE * 0.9)
    return Equity(
        time_ms=times, balance=balance, equity=equity, low=low, high=high,
        floors={DAILY: daily, TOTAL: total}, headrooms={DAILY: low - daily, TOTAL: low - total},
    )  # fmt: skip


def _cut_at_breach(writer: RunWriter) -> BreachNote | None:
    equity = writer.equity[0]
    worst = np.minimum(equity.headrooms[DAILY], equity.headrooms[TOTAL])
    below = np.flatnonzero(worst <= 0)
    if not len(below):
        return None
    place = int(below[0])
    rule = min((DAILY, TOTAL), key=lambda each: equity.headrooms[each][place])
    end_ms = int(equity.time_ms[place]) + QUARTER_MS

    def cut(values: Floats) -> Floats:
        return values[: place + 1]

    writer.equity[0] = Equity(
        time_ms=equity.time_ms[: place + 1], balance=cut(equity.balance), equity=cut(equity.equity),
        low=cut(equity.low), high=cut(equity.high),
        floors={each: cut(values) for each, values in equity.floors.items()},
        headrooms={each: cut(values) for each, values in equity.headrooms.items()},
    )  # fmt: skip
    writer.decisions[:] = [each for each in writer.decisions if each.time_ms < end_ms]
    writer.trades[:] = [
        each._replace(closed_ms=min(each.closed_ms, end_ms), reason="end" if each.closed_ms > end_ms else each.reason)
        for each in writer.trades
        if each.opened_ms < end_ms
    ]
    return BreachNote(
        rule=rule, time_ms=end_ms - 60_000, equity=float(equity.low[place]), floor=float(equity.floors[rule][place])
    )


def _bars(draw: np.random.Generator, price: float) -> BarSeries:
    close = price * np.exp(np.cumsum(draw.normal(0, 0.001, DAYS * 24)))
    before = np.append(price, close[:-1])
    return BarSeries(
        timeframe="H1", time_ms=START_MS + HOUR_MS * np.arange(len(close), dtype=np.int64), open=before,
        high=np.maximum(before, close) * 1.0005, low=np.minimum(before, close) * 0.9995, close=close,
    )  # fmt: skip


if __name__ == "__main__":
    target = Path(sys.argv[1])
    sample_run(target / "good", name="standard 0.5 %")
    sample_run(target / "passed", name="lucky", seed=3, luck=0.5)
    sample_run(target / "bad", name="bold 0.9 %", luck=-0.25, risk=900.0, policy_hash="0badc0de")
