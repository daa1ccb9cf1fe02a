"""Values with good defaults for tests: name only what the test is about."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bridge.market.broker import SimulatedBroker
from bridge.market.recording import TIMEFRAME_MS, BarSeries, RecordedMarket, RecordedSymbol, TickSeries
from sizing.snapshot import Account, Deal, PendingOrder, Position, Quote, SymbolSpec


def at(text: str) -> int:
    """Milliseconds of a UTC time such as "2026-03-04 10:00:00"."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW_MS = at("2026-03-04 10:00:00")
"""A Wednesday morning."""
LOGIN = 555_001

PAIRS: dict[str, dict[str, Any]] = {
    "EURUSD": {"currency_base": "EUR", "currency_profit": "USD", "currency_margin": "EUR"},
    "USDJPY": {
        "currency_base": "USD",
        "currency_profit": "JPY",
        "currency_margin": "USD",
        "digits": 3,
        "point": 0.001,
        "trade_tick_size": 0.001,
        "trade_tick_value": 0.6667,
    },
    "EURJPY": {
        "currency_base": "EUR",
        "currency_profit": "JPY",
        "currency_margin": "EUR",
        "digits": 3,
        "point": 0.001,
        "trade_tick_size": 0.001,
        "trade_tick_value": 0.6667,
    },
    "US30": {
        "trade_calc_mode": 3,
        "digits": 0,
        "point": 1.0,
        "trade_tick_size": 1.0,
        "trade_tick_value": 0.1,
        "trade_contract_size": 1.0,
        "currency_base": "USD",
        "currency_profit": "USD",
        "currency_margin": "USD",
    },
    "XAUUSD": {
        "trade_calc_mode": 4,
        "digits": 2,
        "point": 0.01,
        "trade_tick_size": 0.01,
        "trade_contract_size": 100.0,
        "currency_base": "XAU",
        "currency_profit": "USD",
        "currency_margin": "USD",
    },
}
"""What sets the well-known symbols apart from the defaults of make_spec."""


def make_spec(name: str = "EURUSD", **over: Any) -> SymbolSpec:
    """A five-digit forex pair with lots of 0.01 to 50, unless `PAIRS` or the test says otherwise."""
    values: dict[str, Any] = {
        "name": name,
        "trade_calc_mode": 0,
        "digits": 5,
        "point": 0.00001,
        "trade_tick_size": 0.00001,
        "trade_tick_value": 1.0,
        "trade_contract_size": 100_000.0,
        "volume_min": 0.01,
        "volume_max": 50.0,
        "volume_step": 0.01,
        **PAIRS.get(name, PAIRS["EURUSD"]),
        **over,
    }
    values.setdefault("trade_tick_value_profit", values["trade_tick_value"])
    values.setdefault("trade_tick_value_loss", values["trade_tick_value"])
    return SymbolSpec(**values)


def make_account(**over: Any) -> Account:
    """A hedging account with 100,000 USD and nothing open."""
    balance = over.get("balance", 100_000.0)
    equity = over.get("equity", balance)
    values: dict[str, Any] = {
        "login": LOGIN,
        "currency": "USD",
        "balance": balance,
        "equity": equity,
        "margin": 0.0,
        "margin_free": equity - over.get("margin", 0.0),
        "leverage": 100,
    }
    return Account(**{**values, **over})


def make_position(**over: Any) -> Position:
    """One lot of EURUSD bought at 1.10 with its stop 50 pips below."""
    values: dict[str, Any] = {
        "ticket": 1,
        "symbol": "EURUSD",
        "side": "buy",
        "volume": 1.0,
        "price_open": 1.1,
        "price_current": 1.1,
        "sl": 1.095,
    }
    return Position(**{**values, **over})


def make_order(**over: Any) -> PendingOrder:
    """A buy limit of one lot of EURUSD at 1.09 with its stop 50 pips below."""
    values: dict[str, Any] = {
        "ticket": 2,
        "symbol": "EURUSD",
        "side": "buy",
        "volume_current": 1.0,
        "price_open": 1.09,
        "sl": 1.085,
    }
    return PendingOrder(**{**values, **over})


def make_deal(**over: Any) -> Deal:
    """A closing deal of one lot that gained 100."""
    values: dict[str, Any] = {
        "ticket": 10,
        "position_id": 1,
        "symbol": "EURUSD",
        "entry": 1,
        "volume": 1.0,
        "price": 1.101,
        "profit": 100.0,
        "time_ms": NOW_MS,
    }
    return Deal(**{**values, **over})


def make_quote(bid: float = 1.1, ask: float | None = None, time_ms: int = NOW_MS) -> Quote:
    """A quote one pip wide."""
    return Quote(bid, round(bid + 0.0001, 5) if ask is None else ask, time_ms)


def make_ticks(rows: Sequence[tuple[int, float, float]]) -> TickSeries:
    """Ticks from rows of (time in ms, bid, ask)."""
    columns = list(zip(*rows, strict=True))
    return TickSeries(
        time_ms=np.array(columns[0], dtype=np.int64),
        bid=np.array(columns[1], dtype=np.float64),
        ask=np.array(columns[2], dtype=np.float64),
    )


def make_bars(timeframe: str, end_ms: int, closes: Sequence[float], ticks: Sequence[int] | None = None) -> BarSeries:
    """Bars that follow each other, the last of them closing at `end_ms`; each opens at the close before it."""
    length = TIMEFRAME_MS[timeframe]
    close = np.array(closes, dtype=np.float64)
    opens = np.concatenate([close[:1], close[:-1]])
    return BarSeries(
        timeframe=timeframe,
        time_ms=end_ms - length * np.arange(len(close), 0, -1, dtype=np.int64),
        open=opens,
        high=np.maximum(opens, close),
        low=np.minimum(opens, close),
        close=close,
        tick_volume=None if ticks is None else np.array(ticks, dtype=np.int64),
    )


def make_symbol(
    rows: Sequence[tuple[int, float, float]],
    name: str = "EURUSD",
    bars: Sequence[BarSeries] = (),
    commission_per_lot: float = 0.0,
    **over: Any,
) -> RecordedSymbol:
    """A recorded symbol from rows of (time in ms, bid, ask)."""
    return RecordedSymbol(
        spec=make_spec(name, **over),
        ticks=make_ticks(rows),
        bars={series.timeframe: series for series in bars},
        commission_per_lot=commission_per_lot,
    )


def make_market(*symbols: RecordedSymbol) -> RecordedMarket:
    """A market of these symbols, or of EURUSD and USDJPY quoted once a second for two minutes, with some bars."""
    if not symbols:
        seconds = range(120)
        hour = NOW_MS
        symbols = (
            make_symbol(
                [
                    (hour + 1000 * i, round(1.1 + 0.00001 * (i % 7), 5), round(1.1001 + 0.00001 * (i % 7), 5))
                    for i in seconds
                ],
                bars=[
                    make_bars("M1", hour + 180_000, [1.1, 1.1002, 1.1001, 1.1003, 1.1002], [61, 62, 60, 60, 60]),
                    make_bars("H1", hour + 3_600_000, [1.1, 1.102, 1.101, 1.103]),
                ],
            ),
            make_symbol([(hour + 1000 * i, 150.0, 150.01) for i in seconds], name="USDJPY"),
        )
    return RecordedMarket(name="hand-made", synthetic=True, symbols={each.spec.name: each for each in symbols})


def make_broker(*symbols: RecordedSymbol, **over: Any) -> SimulatedBroker:
    """A broker with 100,000 USD over make_market(*symbols)."""
    values: dict[str, Any] = {"login": LOGIN, "balance": 100_000.0}
    return SimulatedBroker(make_market(*symbols), **{**values, **over})
