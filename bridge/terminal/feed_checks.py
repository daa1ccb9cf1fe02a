"""What a feed's message must satisfy beyond its types. All of it is checked before any of it is applied."""

from collections.abc import Iterable
from itertools import pairwise

from bridge.errors import LotbridgeError
from bridge.protocol.messages import BarsInfo, QuoteInfo, RateInfo, SnapshotRequest
from bridge.terminal.feed_clock import in_range, measured_offset_ms

MAX_TIME_S = 4_000_000_000
"""October 2096: later times are milliseconds mistaken for seconds, or garbage."""


class FeedError(LotbridgeError):
    """A message contradicts itself or the account. `field` is the path of the culprit, as "bars[0].rates[3].high"."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def check_message(message: SnapshotRequest, login: int, now_ms: int) -> None:
    """Raise FeedError for the first thing that is wrong."""
    info = message.account_info
    if info is not None and info.login != login:
        raise FeedError("account_info.login", f"{info.login} feeds the account {login}")
    server = message.time_trade_server
    if server is not None and not in_range(measured_offset_ms(server * 1000, now_ms)):
        raise FeedError("time_trade_server", f"{server} lies outside -12 h to +14 h of now")
    _unique("symbols", "name", (symbol.name for symbol in message.symbols or ()))
    for i, symbol in enumerate(message.symbols or ()):
        if symbol.volume_min > symbol.volume_max:
            raise FeedError(f"symbols[{i}].volume_max", f"below volume_min {symbol.volume_min}")
    _check_book(message)
    for i, quote in enumerate(message.quotes or ()):
        _check_quote(f"quotes[{i}]", quote)
    for i, bars in enumerate(message.bars or ()):
        _check_bars(f"bars[{i}]", bars)


def _check_book(message: SnapshotRequest) -> None:
    positions, orders, deals = message.positions or (), message.orders or (), message.deals or ()
    _unique("positions", "ticket", (position.ticket for position in positions))
    _unique("orders", "ticket", (order.ticket for order in orders))
    _unique("deals", "ticket", (deal.ticket for deal in deals))
    for i, position in enumerate(positions):
        _check_time(f"positions[{i}].time_msc", position.time_msc / 1000)
    for i, order in enumerate(orders):
        _check_time(f"orders[{i}].time_setup_msc", order.time_setup_msc / 1000)
    if message.deals_since is not None:
        _check_time("deals_since", message.deals_since / 1000)
    for i, deal in enumerate(deals):
        _check_time(f"deals[{i}].time_msc", deal.time_msc / 1000)
        if not 0 <= deal.entry <= 3:
            raise FeedError(f"deals[{i}].entry", f"{deal.entry} is not 0 to 3 (ENUM_DEAL_ENTRY)")


def _check_quote(path: str, quote: QuoteInfo) -> None:
    _check_time(f"{path}.time_msc", quote.time_msc / 1000)
    if quote.bid > quote.ask:
        raise FeedError(f"{path}.bid", f"bid {quote.bid} above ask {quote.ask}")


def _check_bars(path: str, bars: BarsInfo) -> None:
    for i, (before, after) in enumerate(pairwise(bars.rates), start=1):
        if after.time <= before.time:
            raise FeedError(f"{path}.rates[{i}].time", f"{after.time} does not follow {before.time}")
    for i, rate in enumerate(bars.rates):
        _check_time(f"{path}.rates[{i}].time", rate.time)
        wrong = _wrong_price(rate)
        if wrong is not None:
            raise FeedError(f"{path}.rates[{i}].{wrong}", "high and low do not enclose the bar's prices")


def _wrong_price(rate: RateInfo) -> str | None:
    if rate.high < rate.low:
        return "high"
    if not rate.low <= rate.open <= rate.high:
        return "open"
    return None if rate.low <= rate.close <= rate.high else "close"


def _check_time(path: str, seconds: float) -> None:
    if not 0 <= seconds <= MAX_TIME_S:
        raise FeedError(path, "not a time between 1970 and 2096")


def _unique(part: str, key: str, values: Iterable[object]) -> None:
    seen: set[object] = set()
    for i, value in enumerate(values):
        if value in seen:
            raise FeedError(f"{part}[{i}].{key}", f"{value} appears twice")
        seen.add(value)
