"""An account where one lot of anything is 1 % of equity, and a broker that carries out instructions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sizing.positions.instruction import Instruction
from sizing.positions.rebalance import Given, Plan, Rebalance, Report, Stepped, Target, begin, step
from sizing.positions.rebalance.rules import ClassLimits, Limits
from sizing.positions.state import Held, Market, State
from sizing.snapshot import Quote, Side
from tests.builders import NOW_MS, make_spec

WIDE = Limits(
    position_pct=1000.0, sector_pct=1000.0, cluster_pct=1000.0, gross=100.0, net=100.0, turnover_pct=1000.0,
    var_95_pct=100.0,
)  # fmt: skip
"""Limits that stay out of the way, for tests of something else."""
FREE = {"stocks": ClassLimits(max_leverage=1000.0, margin_pct=100.0)}


def make_rules(**over: Any) -> Rebalance:
    return Rebalance(**{"limits": WIDE, "classes": FREE, **over})


def make_market(symbol: str = "A", **over: Any) -> Market:
    """Bid 9.99, ask 10.00; a lot is 1,000 of notional and 100 of margin."""
    values: dict[str, Any] = {
        "spec": make_spec(symbol, volume_max=100.0),
        "quote": Quote(9.99, 10.0, NOW_MS),
        "money_per_price": 100.0,
        "notional_per_lot": 1_000.0,
        "margin_per_lot": 100.0,
        "fresh": True,
        "volatility_pct": 1.0,
        "asset_class": "stocks",
    }
    return Market(**{**values, **over})


def make_held(symbol: str = "A", volume: float = 1.0, side: Side = "buy", **over: Any) -> Held:
    values: dict[str, Any] = {
        "ticket": 1, "symbol": symbol, "side": side, "volume": volume, "price_open": 10.0, "price": 10.0, "sl": None,
        "tp": None, "profit": 0.0, "magic": 0, "opened_ms": NOW_MS - 3_600_000, "initial_volume": volume,
        "initial_sl": None, "notional": volume * 1_000.0, "margin": volume * 100.0, "stop_risk": None,
    }  # fmt: skip
    return Held(**{**values, **over})


def make_state(*held: Held, symbols: str = "ABCD", **over: Any) -> State:
    values: dict[str, Any] = {
        "now_ms": NOW_MS, "balance": 100_000.0, "equity": 100_000.0, "margin_free": 100_000.0, "leverage": 10,
        "hedging": True, "drawdown_pct": 0.0, "held": held, "markets": {name: make_market(name) for name in symbols},
    }  # fmt: skip
    return State(**{**values, **over})


def unrelated(symbols: str = "ABCD") -> dict[str, dict[str, float]]:
    """Correlations of 0 between all."""
    return {one: {other: 0.0 for other in symbols if other != one} for one in symbols}


GIVEN = Given(correlations=unrelated(), day_start_equity=100_000.0)


def targets(**weights: float) -> tuple[Target, ...]:
    return tuple(Target(symbol, weight) for symbol, weight in weights.items())


@dataclass
class Broker:
    """Positions as a terminal has them; `by_hand` counts lots that somebody else closed."""

    hedging: bool = True
    markets: Mapping[str, Market] = field(default_factory=lambda: {name: make_market(name) for name in "ABCD"})
    held: list[Held] = field(default_factory=list)
    opened: dict[str, float] = field(default_factory=dict)
    now_ms: int = NOW_MS
    _tickets: int = 100

    def put(self, symbol: str, lots: float) -> None:
        """A position that stood there before."""
        self._tickets += 1
        side: Side = "buy" if lots > 0 else "sell"
        self.held.append(make_held(symbol, abs(lots), side, ticket=self._tickets))

    def net(self, symbol: str) -> float:
        lots = [each.volume if each.side == "buy" else -each.volume for each in self.held if each.symbol == symbol]
        return round(sum(lots), 8)

    def state(self, **over: Any) -> State:
        return make_state(
            *self.held, **{"now_ms": self.now_ms, "markets": self.markets, "hedging": self.hedging, **over}
        )

    def carry_out(self, order: Instruction, lots: float) -> None:
        """Fill so many lots of an instruction."""
        if order.kind == "open":
            self.opened[order.symbol] = round(self.opened.get(order.symbol, 0.0) + lots, 8)
            mine = [each for each in self.held if each.symbol == order.symbol]
            if self.hedging or not mine:
                self.put(order.symbol, lots if order.side == "buy" else -lots)
            else:
                assert mine[0].side == order.side, "an addition to the other side of a netted position"
                self.change(mine[0].ticket, lots)
        else:
            self.change(order.ticket, -lots)

    def change(self, ticket: int, lots: float) -> None:
        """Add to a position or take off it."""
        found = next(each for each in self.held if each.ticket == ticket)
        volume = round(found.volume + lots, 8)
        assert volume >= 0, "more closed than was open"
        place = self.held.index(found)
        self.held[place : place + 1] = (
            [replace(found, volume=volume, notional=volume * 1_000.0, margin=volume * 100.0)] if volume else []
        )


def run(
    plan: Plan, broker: Broker, rules: Rebalance | None = None, given: Given = GIVEN, cycles: int = 20
) -> tuple[Plan, list[Stepped]]:
    """Carry out everything in full, and report it, until the plan has ended."""
    rules = rules or make_rules()
    steps: list[Stepped] = []
    reports: tuple[Report, ...] = ()
    for _ in range(cycles):
        done = step(plan, rules, broker.state(), reports, given)
        steps.append(done)
        plan = done.plan
        if plan.ended:
            break
        broker.now_ms += 10_000
        for each in done.advice.instructions:
            broker.carry_out(each, each.lots)
        reports = tuple(
            Report(key=each.key, status="done", time_ms=broker.now_ms, lots=each.lots, price=10.0)
            for each in done.advice.instructions
        )
    return plan, steps


def new_plan(broker: Broker, wanted: tuple[Target, ...], **over: Any) -> Plan:
    return begin("p1", wanted, broker.now_ms, **over)
