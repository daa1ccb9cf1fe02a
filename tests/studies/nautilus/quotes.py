"""The other side: run by a Python that has nautilus_trader, `python quotes.py TICKS.npz EVERY`; prints JSON.

A subscribed strategy counts its quote ticks, buys at one in EVERY and closes half as many later: one trade for each
of the replay's decisions, and no sizing. Timed is `BacktestEngine.run` alone: ticks are wrangled and added before, its
log and the analysis at its end are off.
"""

import json
import sys
import time
from decimal import Decimal
from importlib.metadata import version

import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.persistence.wranglers import QuoteTickDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy


class Trivial(Strategy):
    """In, and out again."""

    def __init__(self, instrument, every):
        super().__init__()
        self.instrument, self.every, self.seen = instrument, every, 0

    def on_start(self):
        self.subscribe_quote_ticks(self.instrument.id)

    def on_quote_tick(self, tick):
        self.seen += 1
        if self.seen % self.every == self.every // 2:
            lots = self.instrument.make_qty(Decimal(10_000))
            self.submit_order(self.order_factory.market(self.instrument.id, OrderSide.BUY, lots))
        elif self.seen % self.every == 0:
            self.close_all_positions(self.instrument.id)


def main(path, every):
    """One run."""
    ticks = np.load(path)
    venue = Venue("SIM")
    instrument = TestInstrumentProvider.default_fx_ccy("EUR/USD", venue)
    prices = pd.DataFrame(
        {"bid_price": ticks["bid"], "ask_price": ticks["ask"]},
        index=pd.to_datetime(ticks["time_ms"], unit="ms", utc=True),
    )
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
    engine.add_venue(
        venue, OmsType.HEDGING, AccountType.MARGIN, [Money(1_000_000, USD)], base_currency=USD,
        default_leverage=Decimal(30),
    )  # fmt: skip
    engine.add_instrument(instrument)
    engine.add_data(QuoteTickDataWrangler(instrument).process(prices), sort=False)
    strategy = Trivial(instrument, every)
    engine.add_strategy(strategy)
    begun = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - begun
    assert strategy.seen == len(prices)
    trades = engine.cache.positions_closed_count()
    print(json.dumps({"version": version("nautilus_trader"), "seconds": seconds, "trades": trades}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
