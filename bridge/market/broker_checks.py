"""What a broker looks at before it accepts an order. Each check gives the refusal, or None where all is well."""

import math
from decimal import Decimal

from bridge.market.broker_types import PendingKind, Refusal, exact
from sizing.snapshot import Quote, Side, SymbolSpec

STALE_MS = 300_000
"""A symbol without a tick for this long is closed. Recordings hold no session table."""


def check_symbol(symbol: str, spec: SymbolSpec | None, side: Side) -> Refusal | None:
    """Whether the symbol exists and may be opened on this side."""
    if spec is None:
        return Refusal("unknown_symbol", f"{symbol} is not among the broker's symbols")
    allowed = {1: ("buy",), 2: ("sell",), 4: ("buy", "sell")}.get(spec.trade_mode, ())
    if side not in allowed:
        return Refusal("trade_disabled", f"{symbol} does not accept a new {side} (trade_mode {spec.trade_mode})")
    return None


def check_volume(spec: SymbolSpec, volume: float, taken: Decimal = Decimal(0)) -> Refusal | None:
    """Whether a volume lies on the lattice and within the limits; `taken` is what the side holds already, in lots."""
    low, high, step = exact(spec.volume_min), exact(spec.volume_max), exact(spec.volume_step)
    lots = exact(volume) if math.isfinite(volume) else Decimal(0)
    if not low <= lots <= high or lots % step != 0:
        return Refusal("invalid_volume", f"{volume} lots are not a multiple of {step} between {low} and {high}")
    limit = exact(spec.volume_limit)
    if limit > 0 and taken + lots > limit:
        return Refusal("volume_limit", f"{taken} + {lots} lots on one side exceed the limit of {limit}")
    return None


def check_quote(symbol: str, quote: Quote | None, now_ms: int) -> Refusal | None:
    """Whether the symbol trades at this moment."""
    if quote is None or now_ms - quote.time_ms > STALE_MS:
        return Refusal("market_closed", f"{symbol} has no quote of the last {STALE_MS // 60_000} minutes")
    return None


def check_stops(spec: SymbolSpec, side: Side, price: float, *, sl: float | None, tp: float | None) -> Refusal | None:
    """Whether stop and target lie on their sides of the price, at least the stops level away.

    `price` is what they are measured from: the bid for a buy, the ask for a sell, a pending order's own price.
    """
    low, high = (sl, tp) if side == "buy" else (tp, sl)
    if low is not None and not far_enough(spec, price - low):
        return Refusal("invalid_stops", f"{low} is not {spec.trade_stops_level} points or more below {price}")
    if high is not None and not far_enough(spec, high - price):
        return Refusal("invalid_stops", f"{high} is not {spec.trade_stops_level} points or more above {price}")
    return None


def far_enough(spec: SymbolSpec, distance: float) -> bool:
    """Whether a distance in price is at least the stops level, and one point; in whole points, as floats won't do."""
    return round(distance / spec.point) >= max(1, spec.trade_stops_level)


def check_pending_price(spec: SymbolSpec, side: Side, kind: PendingKind, price: float, quote: Quote) -> Refusal | None:
    """Whether a pending order lies on its side of the market, at least the stops level away."""
    market = quote.ask if side == "buy" else quote.bid
    below = (side == "buy") == (kind == "limit")
    if far_enough(spec, market - price if below else price - market):
        return None
    where = "below" if below else "above"
    return Refusal(
        "invalid_price", f"a {side} {kind} at {price} must lie {where} {market}, by the stops level at least"
    )
