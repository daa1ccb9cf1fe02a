"""The package's named tuples as records of the wire, every value checked. Times stay the broker's wall clock."""

from collections.abc import Iterable
from typing import Any

import msgspec

from bridge.protocol.messages import (
    AccountInfo,
    CheckInfo,
    DealInfo,
    OrderInfo,
    PositionInfo,
    QuoteInfo,
    RateInfo,
    SymbolInfo,
)
from sizing.snapshot import Side

CREDIT = 3
"""ENUM_DEAL_TYPE: changes the credit, not the balance."""
_CLOSE_BY = 8
"""ENUM_ORDER_TYPE of an order that closes a position by another: it opens nothing."""
MOST_TICKS = 2**63 - 1
"""Of a bar, on the wire; the package counts in unsigned numbers."""
CHECK_DISTANCE = 0.01
"""How far from the touch price the terminal is asked for a loss, as a share of the price."""


def account_of(info: Any, terminal: Any) -> AccountInfo:
    """The account. Experts may trade only where the terminal's own switch is on as well."""
    return msgspec.convert(
        {**info._asdict(), "trade_expert": bool(info.trade_expert and terminal.trade_allowed)}, AccountInfo
    )


def symbol_of(info: Any, *, session_open: bool) -> SymbolInfo | None:
    """A symbol's figures; None for one that cannot be traded with such figures (a tick size of 0, for one)."""
    try:
        # MT5's own session_open is a price.
        found = msgspec.convert({**info._asdict(), "session_open": session_open}, SymbolInfo)
    except msgspec.ValidationError:
        return None
    return found if found.volume_min <= found.volume_max else None


def positions_of(rows: Iterable[Any]) -> list[PositionInfo]:
    """Every open position. One that cannot be read raises: it must never be left out."""
    return msgspec.convert([row._asdict() for row in rows], list[PositionInfo])


def orders_of(rows: Iterable[Any]) -> list[OrderInfo]:
    """Every order that may still open something; one that cannot be read raises."""
    return msgspec.convert([row._asdict() for row in rows if row.type != _CLOSE_BY], list[OrderInfo])


def deals_of(rows: Iterable[Any]) -> list[DealInfo]:
    """Every deal that changes the balance; one that cannot be read raises."""
    return msgspec.convert([row._asdict() for row in rows if row.type != CREDIT], list[DealInfo])


def quote_of(symbol: str, tick: Any) -> QuoteInfo | None:
    """A symbol's quote; None where there was none yet, or where bid and ask crossed."""
    if tick is None or not 0 < tick.bid <= tick.ask or tick.time_msc <= 0:
        return None
    return QuoteInfo(symbol=symbol, time_msc=int(tick.time_msc), bid=float(tick.bid), ask=float(tick.ask))


def rates_of(rows: Iterable[tuple[Any, ...]]) -> list[RateInfo]:
    """Rows of copy_rates, oldest first; those that cannot be bars are left out."""
    found: list[RateInfo] = []
    for row in rows:
        time_s, open_, high, low, close = int(row[0]), *map(float, row[1:5])
        whole = 0 < low <= min(open_, close) <= max(open_, close) <= high < float("inf")
        if whole and (not found or time_s > found[-1].time):
            ticks = min(int(row[5]), MOST_TICKS)
            found.append(RateInfo(time=time_s, open=open_, high=high, low=low, close=close, tick_volume=ticks))
    return found


def check_prices(side: Side, quote: QuoteInfo, digits: int) -> tuple[float, float]:
    """From the touch price of a side to where it has lost."""
    price, sign = (quote.ask, -1) if side == "buy" else (quote.bid, 1)
    return price, round(price * (1 + sign * CHECK_DISTANCE), digits)


def check_of(
    symbol: str, side: Side, prices: tuple[float, float], profit: float | None, margin: float | None
) -> CheckInfo:
    """What the terminal computes for one lot."""
    return CheckInfo(
        symbol=symbol,
        side=side,
        price_open=prices[0],
        price_close=prices[1],
        profit=None if profit is None else float(profit),
        margin=None if margin is None else float(margin),
    )
