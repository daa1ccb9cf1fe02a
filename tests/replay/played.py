"""Whole replays of hand-made ticks: what is wished at which moment, and the run that came of it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.market.recording import RecordedMarket, RecordedSymbol
from bridge.replay.engine import Replay
from bridge.replay.plan import BrokerWish, Plan
from bridge.replay.run import Run, RunInfo, read_run
from bridge.replay.strategy import Entry, Exit, View
from bridge.replay.ticks import TickSource, source_of
from bridge.settings import AccountSettings
from sizing.prop.firm import Firm
from sizing.symbols import SymbolClass, SymbolTable
from tests.bridge.builders import NO_RULES, account_settings, roomy_policy
from tests.builders import make_market, make_symbol

SPREAD = 0.0001
BALANCE = 100_000.0


def quotes(*rows: tuple[int, float], spread: float = SPREAD) -> list[tuple[int, float, float]]:
    """Ticks from (UTC ms, bid)."""
    return [(ms, bid, round(bid + spread, 5)) for ms, bid in rows]


def eurusd(rows: Sequence[tuple[int, float, float]], **over: Any) -> RecordedMarket:
    """EURUSD alone, with these ticks."""
    return make_market(make_symbol(rows, **over))


def market_of(*symbols: RecordedSymbol) -> RecordedMarket:
    """Several symbols."""
    return make_market(*symbols)


class Script:
    """Wishes by moment, UTC ms."""

    timeframe: str | None = None
    name = "script"

    def __init__(self, wishes: Mapping[int, Iterable[Entry | Exit]]) -> None:
        self._wishes = {moment: tuple(each) for moment, each in sorted(wishes.items())}
        self.seen: list[int] = []
        """The moments at which it was asked."""

    def times(self) -> NDArray[np.int64]:
        return np.array(list(self._wishes), dtype=np.int64)

    def on_time(self, view: View) -> tuple[Entry | Exit, ...]:
        self.seen.append(view.now_ms)
        return self._wishes[view.now_ms]


def one_lot(firm: Firm = NO_RULES, lots: float = 1.0, **policy: dict[str, Any]) -> AccountSettings:
    """An account that gets so many lots for whatever it asks, as long as its floors allow it."""
    policy = {"budget": {"base_risk_pct": 10.0, "model": "fixed"}, "edge": {"min_expected_return": 0.0}, **policy}
    names = ("EURUSD*", "GBPUSD*", "USDJPY*")
    table = SymbolTable(classes={"all": SymbolClass(patterns=names, max_lots=lots, max_notional_pct=100_000.0)})
    return account_settings(firm=firm, policy=roomy_policy(**policy), symbols=table)


def plan_of(
    out: Path,
    market: RecordedMarket | TickSource,
    wishes: Mapping[int, Iterable[Entry | Exit]] | Any,
    settings: AccountSettings | None = None,
    *,
    engine: Any = "fast",
    **broker: Any,
) -> Plan:
    """A replay without latency and slippage, unless `broker` says otherwise."""
    return Plan(
        name="a test",
        source=source_of(market) if isinstance(market, RecordedMarket) else market,
        strategy=Script(wishes) if isinstance(wishes, Mapping) else wishes,
        settings=one_lot() if settings is None else settings,
        broker=BrokerWish(**{"balance": BALANCE, "latency_ms": 0, **broker}),
        out=out,
        engine=engine,
    )


def play(*given: Any, **named: Any) -> Run:
    """`plan_of` played and read back."""
    plan = plan_of(*given, **named)
    info: RunInfo = Replay(plan).play()
    assert info.complete
    return read_run(plan.out)
