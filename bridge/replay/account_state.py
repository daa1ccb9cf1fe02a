"""The replayed account as it is kept between two spans."""

import msgspec

from bridge.market.broker_types import Holding
from sizing.snapshot import Deal, Quote, SymbolSpec


class AccountState(msgspec.Struct, kw_only=True):
    """The replayed account: what its broker keeps, and the last quote of each symbol with the ticks before it."""

    now_ms: int
    restated_ms: int
    balance: float
    next_ticket: int
    changes: int
    known: list[int]
    deals: list[Deal]
    holdings: list[Holding]
    specs: dict[str, SymbolSpec]
    quotes: dict[str, tuple[Quote | None, int]]
    extremes: dict[int, tuple[float, float]]
    highest: float
