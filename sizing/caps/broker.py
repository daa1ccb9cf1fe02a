"""What the broker's margin, counts and volume figures allow."""

from sizing.caps.ratio import money_cap
from sizing.decision import Cap
from sizing.trade import Trade


def margin(trade: Trade) -> tuple[Cap, ...]:
    """A share of the free margin, less what pending orders and reservations will take of it."""
    share, free = trade.policy.caps.margin_use_pct, trade.account.margin_free
    taken = 0.0
    for each in trade.exposures:
        taken += each.margin
    detail = f"{share:g} % of {free:.2f} free less {taken:.2f} promised, {trade.margin_per_lot:.2f} a lot"
    return (money_cap(trade, "margin", free * share / 100 - taken, trade.margin_per_lot, detail),)


def positions(trade: Trade) -> tuple[Cap, ...]:
    """How many positions may be open, pending or reserved: no limit below the count, 0 lots at it."""
    policy = trade.policy.caps
    total = here = 0
    for each in trade.exposures:
        total += each.positions
        if each.symbol == trade.signal.symbol:
            here += each.positions
    return (
        Cap("positions", 0.0 if total >= policy.max_positions else None, f"{total} of {policy.max_positions}"),
        Cap(
            "symbol_positions",
            0.0 if here >= policy.max_positions_per_symbol else None,
            f"{here} of {policy.max_positions_per_symbol}",
        ),
    )


def volumes(trade: Trade) -> tuple[Cap, ...]:
    """The broker's largest volume per order, and per side of the symbol with pendings counted."""
    spec = trade.snapshot.symbol.spec
    largest = Cap("volume_max", spec.volume_max, "broker's largest order")
    if spec.volume_limit <= 0:
        return (largest,)
    used = 0.0
    for each in trade.exposures:
        if each.symbol == trade.signal.symbol and each.side == trade.signal.side:
            used += each.lots
    room = max(0.0, spec.volume_limit - used)
    return largest, Cap("volume_limit", room, f"{spec.volume_limit:g} per side less {used:g}")
