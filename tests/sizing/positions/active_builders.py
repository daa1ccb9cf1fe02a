"""A position at 100 with its stop at 95, in a market of two digits: name only what the test is about."""

from collections.abc import Iterable
from typing import Any

from sizing.positions.active import evaluate
from sizing.positions.active_rules import ActiveRules
from sizing.positions.instruction import Advice, Done, Instruction, Kind, Memory
from sizing.positions.levels import MINUTE_MS
from sizing.positions.state import Held, Market, State
from sizing.snapshot import Quote, SymbolSpec
from tests.builders import NOW_MS, make_spec

SYMBOL = "GOLD"
OFF = {
    "partial_profit_threshold": 0.0,
    "aggressive_profit_threshold": 0.0,
    "scaling_profit_threshold": 0.0,
    "breakeven_threshold": 0.0,
    "volatility_threshold": 0.0,
    "time_based_tightening": 0.0,
}
"""Every rule switched off."""


def make_rules(*only: str, **over: Any) -> ActiveRules:
    """The defaults with some keys changed; with names of thresholds, every other rule is off."""
    off = {name: value for name, value in OFF.items() if name not in only} if only else {}
    return ActiveRules(**{**off, **over})


def gold(**over: Any) -> SymbolSpec:
    """Prices in steps of 0.01, lots in steps of 0.01."""
    return make_spec(
        SYMBOL, **{"digits": 2, "point": 0.01, "trade_tick_size": 0.01, "trade_contract_size": 100.0, **over}
    )


def make_market(price: float, spec: SymbolSpec | None = None, **over: Any) -> Market:
    """Bid and ask at one price."""
    values: dict[str, Any] = {
        "spec": spec or gold(),
        "quote": Quote(price, price, NOW_MS),
        "money_per_price": 100.0,
        "notional_per_lot": 100 * price,
        "margin_per_lot": price,
        "fresh": True,
        "volatility_pct": 1.0,
        "momentum_pct": 0.0,
        "volume_ratio": 1.0,
    }
    return Market(**{**values, **over})


def make_held(price: float, *, minutes: float = 0, **over: Any) -> Held:
    """A buy of 1 lot at 100, so many minutes old."""
    values: dict[str, Any] = {
        "ticket": 4711,
        "symbol": SYMBOL,
        "side": "buy",
        "volume": 1.0,
        "price_open": 100.0,
        "price": price,
        "sl": 95.0,
        "tp": 150.0,
        "profit": 0.0,
        "magic": 7,
        "opened_ms": NOW_MS - round(minutes * MINUTE_MS),
        "initial_volume": 1.0,
        "initial_sl": 95.0,
        "notional": 10_000.0,
        "margin": 100.0,
        "stop_risk": 500.0,
    }
    return Held(**{**values, **over})


def make_state(*held: Held, market: Market | None = None, **over: Any) -> State:
    """An account with these positions; the market stands at the first one's price."""
    values: dict[str, Any] = {
        "now_ms": NOW_MS,
        "balance": 100_000.0,
        "equity": 100_000.0,
        "margin_free": 90_000.0,
        "leverage": 30,
        "hedging": True,
        "drawdown_pct": 0.0,
        "held": held,
        "markets": {SYMBOL: market or make_market(held[0].price)},
    }
    return State(**{**values, **over})


def at(
    price: float,
    *rules: str,
    minutes: float = 0,
    market: dict[str, Any] | None = None,
    keys: dict[str, Any] | None = None,
    memory: Memory | None = None,
    **held: Any,
) -> Advice:
    """What the rules named say of one position at this price."""
    state = make_state(make_held(price, minutes=minutes, **held), market=make_market(price, **(market or {})))
    return evaluate(make_rules(*rules, **(keys or {})), state, memory or {})


def only(advice: Advice, kind: Kind) -> Instruction:
    """The one instruction there is, which is of this kind."""
    assert [each.kind for each in advice.instructions] == [kind], advice
    return advice.instructions[0]


def done(*keys: str) -> dict[str, Done]:
    """A memory in which these were done before now."""
    return {key: Done(1, NOW_MS - 1) for key in keys}


def done_with(instructions: Iterable[Instruction], now_ms: int = NOW_MS) -> dict[str, Done]:
    """A memory in which these instructions are done this moment."""
    return {key: Done(1, now_ms) for each in instructions for key in (each.key, *each.covers)}
