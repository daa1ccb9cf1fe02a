"""A tiny market of three symbols whose money reaches the account in three ways, and both engines over it."""

from collections.abc import Sequence

import numpy as np

from bridge.market.recording import RecordedMarket, RecordedSymbol, TickSeries
from bridge.replay.judge import Judge
from bridge.replay.jumping import JumpingAccount
from bridge.replay.paper import NO_TICKS, PaperAccount
from bridge.replay.plan import BrokerWish
from bridge.replay.sheet import BUCKET_MS, Last, Sheet
from bridge.replay.ticking import TickingAccount
from sizing.prop.firm import Firm
from sizing.snapshot import Quote, SymbolSpec

START_MS = 1_700_000_100_000 // BUCKET_MS * BUCKET_MS
BALANCE = 10_000.0
LOGIN = 77


def spec(name: str, base: str, profit: str, digits: int) -> SymbolSpec:
    """A pair of 100,000, tick value in dollars left at 1: nothing here rests on it."""
    return SymbolSpec(
        name=name, trade_calc_mode=0, digits=digits, point=10.0**-digits, trade_tick_size=10.0**-digits,
        trade_tick_value=1.0, trade_tick_value_profit=1.0, trade_tick_value_loss=1.0, trade_contract_size=100_000.0,
        volume_min=0.01, volume_max=50.0, volume_step=0.01, currency_base=base, currency_profit=profit,
        currency_margin=base, swap_mode=1, swap_long=-7.0, swap_short=-3.0, swap_rollover3days=3,
    )  # fmt: skip


SPECS = {
    "EURGBP": spec("EURGBP", "EUR", "GBP", 5),
    "EURUSD": spec("EURUSD", "EUR", "USD", 5),
    "GBPUSD": spec("GBPUSD", "GBP", "USD", 5),
    "USDJPY": spec("USDJPY", "USD", "JPY", 3),
}
FIRST = {"EURGBP": 0.86, "EURUSD": 1.1, "GBPUSD": 1.28, "USDJPY": 150.0}


def ticks(name: str, steps: Sequence[tuple[int, int, int]], start_ms: int = START_MS) -> TickSeries:
    """Ticks from (milliseconds later, points up, spread in points), the first at `start_ms`."""
    point, digits = SPECS[name].point, SPECS[name].digits
    waits, moves, spreads = (np.array(column, dtype=np.int64) for column in zip((0, 0, 5), *steps, strict=True))
    bid = np.round(FIRST[name] + np.cumsum(moves) * point, digits)
    return TickSeries(time_ms=start_ms + np.cumsum(waits), bid=bid, ask=np.round(bid + spreads * point, digits))


def market(tapes: dict[str, TickSeries]) -> RecordedMarket:
    """These ticks, with a commission."""
    return RecordedMarket(
        name="tiny",
        synthetic=True,
        symbols={
            name: RecordedSymbol(spec=SPECS[name], ticks=tapes.get(name, NO_TICKS), commission_per_lot=7.0)
            for name in SPECS
        },
    )


def account(
    engine: str, tapes: dict[str, TickSeries], firm: Firm, end_ms: int, *, hedging: bool = True, leverage: int = 100
) -> PaperAccount:
    """An account of 10,000 dollars on these ticks."""
    judge = Judge(firm, BALANCE)
    sheet = Sheet(START_MS, end_ms, judge, Last.beginning(judge, BALANCE))
    kind = JumpingAccount if engine == "fast" else TickingAccount
    first = {name: Quote(float(each.bid[0]), float(each.ask[0]), int(each.time_ms[0])) for name, each in tapes.items()}
    return kind(
        market(tapes),
        first,
        judge,
        sheet,
        BrokerWish(balance=BALANCE, leverage=leverage, hedging=hedging, slippage_points=2.0),
        login=LOGIN,
    )
