"""Ceilings of the request itself and of the symbol's class."""

from sizing.caps.ratio import money_cap
from sizing.decision import Cap
from sizing.trade import Trade


def request(trade: Trade) -> tuple[Cap, ...]:
    """The EA's own ceilings; they only ever lower."""
    signal = trade.signal
    caps: list[Cap] = []
    if signal.max_lots is not None:
        caps.append(Cap("request_max_lots", signal.max_lots, "asked for by the request"))
    if signal.max_risk_pct is not None:
        room = trade.account.equity * signal.max_risk_pct / 100
        detail = f"{signal.max_risk_pct:g} % of equity is {room:.2f}"
        caps.append(money_cap(trade, "request_max_risk", room, trade.risk_per_lot, detail))
    return tuple(caps)


def symbol(trade: Trade) -> tuple[Cap, ...]:
    """Lots and notional per position, by class."""
    view = trade.snapshot.symbol
    limits = view.symbol_class
    room = trade.account.equity * limits.max_notional_pct / 100
    return (
        Cap("symbol_max_lots", limits.max_lots, f"class {view.class_name}"),
        money_cap(
            trade,
            "notional",
            room,
            trade.notional_per_lot,
            f"{limits.max_notional_pct:g} % of equity is {room:.0f}, one lot {trade.notional_per_lot:.0f}",
        ),
    )
