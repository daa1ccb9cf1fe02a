"""What it costs to look at open positions: 50 of them under 20 share rules, and under active management."""

import statistics
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from sizing.positions import active, share
from sizing.positions.active_rules import ActiveRules
from sizing.positions.rulesets import RuleSet, ShareRule, ShareRules
from sizing.positions.state import Held, Market, Opinion, State
from sizing.snapshot import Quote, SymbolSpec

_POSITIONS, _SYMBOLS, _RULES = 50, 50, 20
_NOW_MS = 1_772_618_400_000
_HOUR_MS = 3_600_000


class PositionFigures(NamedTuple):
    """Medians, milliseconds."""

    share: float
    """Rules of several conditions, of which a few hold."""
    all_hold: float
    """Every rule holds for every symbol, and all are followed."""
    active: float


def position_figures(rounds: int) -> PositionFigures:
    """Measure on seeded positions, half of them in profit, each in a symbol of its own."""
    state, rules, every = scene(), share_rules(), share_rules(every=True)
    thresholds = ActiveRules(unit="percent", partial_profit_threshold=0.5, aggressive_profit_threshold=2.0,
                             breakeven_threshold=0.3, breakeven_buffer=0.1)  # fmt: skip
    ways: tuple[Callable[[], object], ...] = (
        lambda: share.evaluate(rules, state, {}),
        lambda: share.evaluate(every, state, {}),
        lambda: active.evaluate(thresholds, state, {}),
    )
    taken: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for place, way in enumerate(ways):
            begun = time.perf_counter_ns()
            way()
            taken[place].append((time.perf_counter_ns() - begun) / 1e6)
    return PositionFigures(*map(statistics.median, taken))


def scene() -> State:
    """An account of 100,000 with 50 positions and an opinion on each symbol."""
    rng = np.random.default_rng(7)
    markets = {f"S{number}": _market(f"S{number}", rng) for number in range(_SYMBOLS)}
    held = tuple(_held(ticket, markets[f"S{ticket % _SYMBOLS}"], rng) for ticket in range(_POSITIONS))
    opinions = {
        name: Opinion(direction="bullish", confidence=float(rng.uniform(0, 100)), risk_grade="medium")
        for name in markets
    }
    return State(
        now_ms=_NOW_MS, balance=100_000.0, equity=100_500.0, margin_free=80_000.0, leverage=100, hedging=True,
        drawdown_pct=1.0, held=held, markets=markets, opinions=opinions, headroom_pct={"daily": 80.0, "total": 90.0},
    )  # fmt: skip


def _market(name: str, rng: np.random.Generator) -> Market:
    bid = round(float(rng.uniform(0.8, 1.5)), 5)
    spec = SymbolSpec(
        name=name, trade_calc_mode=0, digits=5, point=1e-5, trade_tick_size=1e-5, trade_tick_value=1.0,
        trade_contract_size=1e5, volume_min=0.01, volume_max=50.0, volume_step=0.01, currency_base="EUR",
        currency_profit="USD", currency_margin="EUR",
    )  # fmt: skip
    return Market(
        spec=spec, quote=Quote(bid, round(bid + 1e-4, 5), _NOW_MS - 100), money_per_price=1e5,
        notional_per_lot=bid * 1e5, margin_per_lot=bid * 1e3, fresh=True, atr=0.002, volatility_pct=0.6,
        volatility_percentile=float(rng.uniform(0, 100)), regime="trending", momentum_pct=0.1, volume_ratio=1.0,
        asset_class="forex",
    )  # fmt: skip


def _held(ticket: int, market: Market, rng: np.random.Generator) -> Held:
    opened = round(market.quote.bid * float(1 + rng.normal(0, 0.006)), 5)
    volume = round(float(rng.integers(1, 6)) / 100, 2)
    return Held(
        ticket=ticket + 1, symbol=market.spec.name, side="buy", volume=volume, price_open=opened,
        price=market.quote.bid, sl=round(opened * 0.99, 5), tp=None,
        profit=round((market.quote.bid - opened) * 1e5 * volume, 2), magic=7,
        opened_ms=_NOW_MS - int(rng.integers(1, 72)) * _HOUR_MS, initial_volume=volume,
        initial_sl=round(opened * 0.99, 5), notional=volume * market.notional_per_lot,
        margin=volume * market.margin_per_lot, stop_risk=volume * 1_000.0,
    )  # fmt: skip


def share_rules(*, every: bool = False) -> ShareRules:
    """Twenty rules, half for entries and half for what is open; with `every` all of them hold and are followed."""
    conditions = ("confidence >= 0",) if every else ("confidence > 60", "regime == trending", "drawdown < 5")

    def rule(number: int, what: str) -> ShareRule:
        grows = what == "enter"
        bound = f"instrument_account_share {'<' if grows else '>'} {3 + number / 10 if not every else 1e4 * grows}"
        return ShareRule(
            name=f"{what} {number}", action="increase_instrument_share" if grows else "decrease_instrument_share",
            target_percent=4.0 if grows else 2.0, priority=number, all=(*conditions, bound),
        )  # fmt: skip

    half = range(_RULES // 2)
    match: Literal["first", "all"] = "all" if every else "first"
    return ShareRules(
        name="bench", title="Bench",
        enter_market=RuleSet(match=match, rules=tuple(rule(number, "enter") for number in half)),
        open_positions=RuleSet(match=match, rules=tuple(rule(number, "cut") for number in half)),
    )  # fmt: skip
