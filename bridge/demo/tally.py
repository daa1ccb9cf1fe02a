"""Figures over a whole run, from what was asked and from the broker's own deals."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bridge.demo.records import Asked, Record
from bridge.market.broker import SimulatedBroker
from sizing.snapshot import Deal

RISK_BUDGET = "risk_budget"


@dataclass(slots=True)
class SymbolTally:
    """One symbol's run. `profit` is realised money after costs, in account currency."""

    signals: int = 0
    sized: int = 0
    refused: int = 0
    lots: float = 0.0
    closed: int = 0
    won: int = 0
    profit: float = 0.0


class RoundTrips(NamedTuple):
    """Times from question to answer, in microseconds."""

    median_us: float
    p99_us: float


@dataclass(frozen=True, slots=True)
class Tally:
    """The whole run in numbers."""

    symbols: dict[str, SymbolTally]
    bound: dict[str, int]
    """How often each ceiling decided a size, most often first."""
    refusals: dict[str, int]
    open_positions: int
    balance: float
    equity: float
    round_trips: RoundTrips | None

    @property
    def total(self) -> SymbolTally:
        """All symbols together."""
        every = self.symbols.values()
        return SymbolTally(
            signals=sum(each.signals for each in every),
            sized=sum(each.sized for each in every),
            refused=sum(each.refused for each in every),
            lots=math.fsum(each.lots for each in every),
            closed=sum(each.closed for each in every),
            won=sum(each.won for each in every),
            profit=math.fsum(each.profit for each in every),
        )


def tally(record: Record, broker: SimulatedBroker) -> Tally:
    """Add everything up."""
    symbols = {name: SymbolTally() for name in broker.specs}
    for asked in record.asked:
        each = symbols[asked.idea.symbol]
        each.signals += 1
        each.sized += asked.reply.lots > 0
        each.refused += asked.reply.lots <= 0
        each.lots += asked.reply.lots
    _add_deals(symbols, broker.deals(), {position.ticket for position in broker.positions()})
    account = broker.account()
    sized = [asked.reply.binding or RISK_BUDGET for asked in record.asked if asked.reply.lots > 0]
    refused = [asked.reply.code or "unknown" for asked in record.asked if asked.reply.lots <= 0]
    return Tally(
        symbols,
        dict(Counter(sized).most_common()),
        dict(Counter(refused).most_common()),
        len(broker.positions()),
        account.balance,
        account.equity,
        _round_trips(record.asked),
    )


def _add_deals(symbols: dict[str, SymbolTally], deals: Sequence[Deal], still_open: set[int]) -> None:
    earned: dict[int, float] = {}
    symbol_of: dict[int, str] = {}
    for deal in deals:
        if deal.symbol in symbols:
            symbols[deal.symbol].profit += deal.net
            symbol_of[deal.position_id] = deal.symbol
            earned[deal.position_id] = earned.get(deal.position_id, 0.0) + deal.net
    for position, net in earned.items():
        if position not in still_open:
            symbols[symbol_of[position]].closed += 1
            symbols[symbol_of[position]].won += net > 0


def _round_trips(asked: Sequence[Asked]) -> RoundTrips | None:
    """Nearest-rank percentiles; None if nothing was asked."""
    times = sorted(each.round_trip_us for each in asked)
    if not times:
        return None
    return RoundTrips(*(times[math.ceil(share * len(times)) - 1] for share in (0.5, 0.99)))
