"""A hand-made past, accounts and orders for tests of the simulation: name only what the test is about."""

from typing import Any

import numpy as np

from bridge.proof.account import Account, Order, terms_of
from bridge.proof.floors import Floors
from bridge.proof.history import Past
from bridge.proof.instruments import Instrument, instrument_of, rate_of
from bridge.settings import defaults_folder
from bridge.settings.schema import parse
from bridge.settings.source import read
from sizing.prop.firm import Firm
from sizing.symbols import SymbolTable
from tests.builders import NOW_MS
from tests.sizing.builders import ftmo

EURUSD, USDJPY, EURGBP, GBPUSD = range(4)
BIDS = [1.1, 150.0, 0.85, 1.25]
"""Of the four symbols, in this order."""


def table() -> SymbolTable:
    """The shipped table."""
    source = read(defaults_folder() / "symbols-leveraged.toml", "symbols.toml")
    found, faults = parse(SymbolTable, source, source.data)
    assert found is not None, faults
    return found


def instruments() -> list[Instrument]:
    """EURUSD, USDJPY, EURGBP and GBPUSD as the sample market's broker has them."""
    found = [instrument_of(name, table()) for name in ("EURUSD", "USDJPY", "EURGBP", "GBPUSD")]
    return [each for each in found if isinstance(each, Instrument)]


def make_past(**over: Any) -> Past:
    """Ten days on which nothing moves."""
    made = instruments()
    rates = [rate_of(each.spec.currency_profit, made) for each in made]
    still = np.zeros((10, len(made)))
    values: dict[str, Any] = {
        "instruments": made, "rates": rates, "dates": np.arange(20_000, 20_010), "open": still, "high": still,
        "low": still, "close": still, "hours": None, "eras": [],
    }  # fmt: skip
    return Past(**{**values, **over})


def make_account(firm: Firm | None = None, *, cut: bool = False, balance: float = 100_000.0, **over: Any) -> Account:
    """A fresh account of 100,000 under FTMO's rules, without commission and slippage unless the test gives them."""
    rules = ftmo() if firm is None else firm
    floors, shadow = (Floors(rules, 100_000.0, 100_000.0, balance, NOW_MS) for _ in range(2))
    terms = terms_of(make_past())
    free = [0.0] * len(terms.spreads)
    costs = terms.costs._replace(half_commission=over.get("half", free), slippage=over.get("slippage", free))
    return Account(terms._replace(costs=costs, spreads=over.get("spreads", free)), floors, shadow, balance, cut=cut)


def make_order(**over: Any) -> Order:
    """Buy one lot of EURUSD with the stop 50 pips below 1.1 and the gain taken 100 pips above it."""
    values: dict[str, Any] = {
        "symbol": EURUSD, "sign": 1, "lots": 1.0, "sl": 1.095, "target": 1.11, "tp": 1.11, "close_ms": NOW_MS * 2,
        "worst": 1e9, "margin": 1_000.0,
    }  # fmt: skip
    return Order(**{**values, **over})


def with_price(symbol: int, bid: float) -> list[float]:
    """All bids, one of them changed."""
    return [bid if index == symbol else each for index, each in enumerate(BIDS)]
