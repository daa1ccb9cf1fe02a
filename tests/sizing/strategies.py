"""Random but plausible questions: a signal, what was known at the moment, and the trader's policy."""

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from sizing.decision import Decision
from sizing.engine import size
from sizing.policy import Policy, TailPolicy
from sizing.prop.firm import Firm
from sizing.snapshot import (
    Account,
    AccountView,
    Book,
    Conversion,
    Exposure,
    FirmState,
    MarketStats,
    Performance,
    Quote,
    Signal,
    Snapshot,
    StopTail,
    SymbolView,
    TailAudit,
    TailModel,
)
from sizing.stats.stop_tail import stop_tail
from sizing.stats.windows import moves
from sizing.symbols import SymbolClass
from tests.builders import NOW_MS, make_spec
from tests.sizing.builders import ftmo, loss_rule, make_policy, state_of, total_rule
from tests.sizing.histories import wild

EXAMPLES = settings(max_examples=300, deadline=None, print_blob=True)

MARGIN_RATES = {"EURUSD": 1.1, "USDJPY": 1.0, "EURJPY": 1.1, "EURGBP": 1.1, "US30": 1.0, "XAUUSD": 1.0}
PROFIT_RATES = {"EURUSD": 1.0, "USDJPY": 1 / 150, "EURJPY": 1 / 150, "EURGBP": 1.26, "US30": 1.0, "XAUUSD": 1.0}
PRICES = {"EURUSD": 1.1, "USDJPY": 150.0, "EURJPY": 165.0, "EURGBP": 0.87, "US30": 40_000.0, "XAUUSD": 2_400.0}
DIGITS = {"EURUSD": 5, "USDJPY": 3, "EURJPY": 3, "EURGBP": 5, "US30": 0, "XAUUSD": 2}
OTHERS = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "US30", "USOIL")
NAMES = (*OTHERS, "EURJPY", "EURGBP")

FIRMS: tuple[Firm, ...] = (
    ftmo(),
    ftmo(rules=(loss_rule(of="anchor", amount_pct=3.0),)),
    ftmo(rules=(total_rule(measured_on="balance"),)),
    ftmo(rules=()),
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One question with all it takes to ask it again with something changed."""

    signal: Signal
    snapshot: Snapshot
    policy: Policy
    firm: Firm
    initial: float
    anchor: float

    def decide(self) -> Decision:
        return size(self.signal, self.snapshot, self.policy)

    def asking(self, **over: Any) -> "Case":
        """The same moment, another question."""
        return dataclasses.replace(self, signal=dataclasses.replace(self.signal, **over))

    def under(self, group: str, **keys: Any) -> "Case":
        """The same question under a policy with keys of one group changed."""
        changed = dataclasses.replace(getattr(self.policy, group), **keys)
        return dataclasses.replace(self, policy=dataclasses.replace(self.policy, **{group: changed}))

    def in_class(self, **over: Any) -> "Case":
        """The same question with other limits of the symbol's class."""
        view = self.snapshot.symbol
        return self.at(symbol=dataclasses.replace(view, symbol_class=dataclasses.replace(view.symbol_class, **over)))

    def with_spec(self, **over: Any) -> "Case":
        """The same question with other figures of the symbol."""
        view = self.snapshot.symbol
        return self.at(symbol=dataclasses.replace(view, spec=dataclasses.replace(view.spec, **over)))

    def with_exposures(self, *exposures: Exposure) -> "Case":
        """The same question with another book."""
        book = dataclasses.replace(self.snapshot.account.book, exposures=exposures)
        return self.at(account=dataclasses.replace(self.snapshot.account, book=book))

    @property
    def held(self) -> tuple[Exposure, ...]:
        """What is open."""
        return self.snapshot.account.book.exposures

    @property
    def promised(self) -> tuple[Exposure, ...]:
        """What is pending or reserved."""
        return self.snapshot.account.book.pending + self.snapshot.reserved

    def with_pending(self, *pending: Exposure) -> "Case":
        """The same question with other pending orders."""
        book = dataclasses.replace(self.snapshot.account.book, pending=pending)
        return self.at(account=dataclasses.replace(self.snapshot.account, book=book))

    def with_account(self, **over: Any) -> "Case":
        """The same question on another account, with the firm's rules worked out for it."""
        view = self.snapshot.account
        account = dataclasses.replace(view.account, **over)
        firm = state_of(self.firm, account, self.initial, self.anchor, self.snapshot.now_ms)
        return self.at(account=dataclasses.replace(view, account=account), firm=firm)

    def at(self, **over: Any) -> "Case":
        """The same question at a moment that differs in some fields of the snapshot."""
        return dataclasses.replace(self, snapshot=dataclasses.replace(self.snapshot, **over))


# Strategies are made once and drawn from in plain functions: making them anew for every example is what takes the time.


@cache
def numbers(least: float, most: float) -> st.SearchStrategy[float]:
    """Floats of a range."""
    return st.floats(least, most, allow_nan=False)


@cache
def maybe(least: float, most: float) -> st.SearchStrategy[float | None]:
    """Floats of a range, or None."""
    return st.one_of(st.none(), numbers(least, most))


@cache
def pick(*values: Any) -> st.SearchStrategy[Any]:
    """One of the values."""
    return st.sampled_from(values)


FLAG = st.booleans()
LOGIN = st.integers(1, 1_000)
FIRM = st.sampled_from(FIRMS)
SIDES = st.tuples(st.sampled_from(OTHERS), st.sampled_from(("buy", "sell")))
OPEN = st.lists(SIDES, unique=True, max_size=3)
PENDING = st.lists(SIDES, unique=True, max_size=1)
RESERVED = st.lists(SIDES, unique=True, max_size=2)
LOADINGS = st.lists(st.sampled_from((-0.9, -0.5, 0.0, 0.3, 0.8, 1.0)), min_size=8, max_size=8)
MISSING = st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=3)
SHARES = st.tuples(
    st.sampled_from((0.0, 0.001, 0.004, 0.012)),
    numbers(1.0, 1.5),
    numbers(0.01, 5.0),
    numbers(0.0, 0.2),
    st.sampled_from((0.0, 0.01)),
    st.sampled_from((1, 1, 2)),
)
"""Of one exposure: risk by equity, worst case by risk, lots, face value and margin by equity, positions."""


def policies(draw: st.DrawFn) -> Policy:
    """The defaults, or a policy with the models, tail and caps of another trader."""
    if draw(FLAG):
        return make_policy()
    return make_policy(
        budget={
            "model": draw(pick("fixed", "adaptive", "kelly")),
            "base_risk_pct": draw(numbers(0.1, 5.0)),
            "kelly_fraction": draw(numbers(0.05, 1.0)),
        },
        diversification={"method": draw(pick("signed", "tiers"))},
        dispersion={"max_reduction_pct": draw(pick(0.0, 15.0))},
        edge={"min_expected_return": 0.0},
        heat={"limit_pct": draw(numbers(1.0, 10.0)), "factor": draw(pick(0.5, 0.7, 1.0))},
        tail={"gap_probability": draw(numbers(0.0, 0.1)), "gap_excess_atr": draw(numbers(0.0, 3.0))},
        caps={
            "concentration_pct": draw(numbers(20.0, 100.0)),
            "portfolio_shortfall_pct": draw(numbers(3.0, 50.0)),
            "gross_exposure": draw(numbers(1.0, 50.0)),
            "net_exposure": draw(numbers(0.5, 50.0)),
            "max_positions": draw(pick(3, 6, 20)),
        },
    )


def exposures(draw: st.DrawFn, equity: float, keys: st.SearchStrategy[list[tuple[str, Any]]]) -> tuple[Exposure, ...]:
    """What several sides of several symbols hold, no side of a symbol twice."""
    return tuple(exposure_of(symbol, side, equity, draw(SHARES)) for symbol, side in draw(keys))


def exposure_of(symbol: str, side: Any, equity: float, shares: tuple[float, ...]) -> Exposure:
    """An exposure in proportion to equity."""
    risk, worst, lots, notional, margin, positions = shares
    return Exposure(
        symbol=symbol, side=side, positions=int(positions), lots=lots, risk=equity * risk, worst=equity * risk * worst,
        notional=equity * notional, margin=equity * margin,
    )  # fmt: skip


def correlation_tables(draw: st.DrawFn) -> dict[str, dict[str, float]]:
    """Correlations both ways round that one common factor explains, with some pairs missing."""
    loadings, missing = draw(LOADINGS), draw(MISSING)
    return {
        one: {
            other: of_one * of_other
            for other, of_other in zip(NAMES, loadings, strict=True)
            if other != one and (one, other) not in missing and (other, one) not in missing
        }
        for one, of_one in zip(NAMES, loadings, strict=True)
    }


@cache
def measured(seed: int, price: float) -> StopTail | None:
    """The tail of a wild history, as if the symbol stood at this price now."""
    path = moves(wild(seed, 480, week=5))
    return (
        None if path is None else stop_tail(dataclasses.replace(path, unit=0.006 * price), 0.008 * price, TailPolicy())
    )


def symbol_views(draw: st.DrawFn, name: str, price: float) -> SymbolView:
    step, least = draw(pick((0.01, 1), (0.05, 1), (0.1, 1), (1.0, 1), (0.29, 1), (0.01, 10), (0.1, 2)))
    spec = make_spec(name, **({"currency_profit": "GBP"} if name == "EURGBP" else {}))
    unit = spec.trade_contract_size * PROFIT_RATES[name]
    tick_value = 0.1 if name == "US30" else unit * spec.trade_tick_size * draw(pick(0.99, 1.0, 1.01))
    spec = make_spec(
        name,
        volume_step=step,
        volume_min=round(step * least, 8),
        volume_max=draw(pick(0.35, 7.77, 50.0, 500.0)) + round(step * least, 8),
        volume_limit=draw(pick(0.0, 0.0, 1.0, 15.0)),
        trade_tick_value=tick_value,
        currency_profit=spec.currency_profit,
        trade_stops_level=draw(pick(0, 10)),
        swap_mode=draw(pick(0, 1, 4)),
        swap_long=-2.0,
        swap_short=-1.0,
    )
    stats = None
    if draw(FLAG):
        atr_daily = price * draw(numbers(0.003, 0.02))
        stats = MarketStats(
            as_of_ms=NOW_MS - draw(pick(0, 3_600_000, 400_000_000)),
            bars=300,
            atr=atr_daily / 4,
            atr_daily=atr_daily,
            atr_percentile=draw(maybe(0.0, 100.0)),
            regime=draw(pick(None, "normal", "trending", "ranging", "volatile")),
            tail=TailModel(draw(numbers(0.0, 0.2)), price * draw(numbers(0.0, 0.02)), "drawn") if draw(FLAG) else None,
            measured=measured(draw(pick(1, 2, 3)), price) if draw(FLAG) else None,
        )
    limits = SymbolClass(
        patterns=(f"{name}*",),
        max_lots=draw(pick(0.5, 10.0, 1_000.0)),
        max_notional_pct=draw(pick(20.0, 100.0, 1_000.0)),
        commission_per_lot=draw(pick(0.0, 7.0)),
        slippage_points=draw(pick(0.0, 5.0)),
    )
    audit = TailAudit(draw(numbers(1.0, 3.0)), "drawn") if draw(pick(False, False, True)) else None
    return SymbolView(spec=spec, class_name="drawn", symbol_class=limits, stats=stats, audit=audit)


def signals(draw: st.DrawFn, name: str, quote: Quote, target: bool | None = None) -> Signal:
    side: Any = draw(pick("buy", "sell"))
    sign = 1 if side == "buy" else -1
    touch = quote.ask if sign > 0 else quote.bid
    pending = draw(FLAG)
    entry = round(touch * (1 + draw(numbers(-0.005, 0.005))), DIGITS[name]) if pending else None
    start = touch if entry is None else entry
    distance = start * draw(numbers(0.001, 0.02)) + (quote.ask - quote.bid)
    has_target = draw(FLAG) if target is None else target
    reward = distance * draw(numbers(1.0, 6.0)) if has_target else 0.0
    return Signal(
        id=f"q-{draw(LOGIN)}",
        symbol=name,
        side=side,
        order="pending" if pending else "market",
        entry=entry,
        stop_loss=round(start - sign * distance, DIGITS[name]),
        take_profit=round(start + sign * reward, DIGITS[name]) if has_target else None,
        confidence=draw(maybe(40.0, 100.0)),
        market_score=draw(maybe(0.0, 100.0)),
        regime=draw(pick(None, "trending", "ranging", "volatile")),
        horizon_minutes=draw(pick(None, 30, 10_000)),
        max_lots=draw(maybe(0.01, 20.0)),
        max_risk_pct=draw(maybe(0.05, 5.0)),
    )


@st.composite
def cases(draw: st.DrawFn, target: bool | None = None) -> Case:
    """A question that a healthy account asks; most get lots."""
    name = draw(pick(*PRICES))
    digits = DIGITS[name]
    price = PRICES[name]
    spread = draw(pick(0, 1, 5, 20)) * 10.0**-digits * (0.1 if digits == 0 else 1)
    quote = Quote(price, price + spread, NOW_MS)
    initial = draw(pick(20_000.0, 200_000.0, 2_000_000.0))
    balance = initial * draw(numbers(0.96, 1.2))
    equity = balance * draw(numbers(0.98, 1.03))
    account = Account(
        login=draw(LOGIN), currency="USD", balance=balance, equity=equity, margin=0.0,
        margin_free=equity * draw(pick(0.2, 0.5, 1.0)), leverage=draw(pick(10, 100, 500)),
    )  # fmt: skip
    firm = draw(FIRM)
    anchor = balance * draw(numbers(0.99, 1.01))
    state: FirmState = state_of(firm, account, initial, anchor, NOW_MS)
    snapshot = Snapshot(
        now_ms=NOW_MS,
        account=AccountView(
            account=account,
            peak_equity=max(equity, initial) * draw(numbers(1.0, 1.02)),
            book=Book(exposures=exposures(draw, equity, OPEN), pending=exposures(draw, equity, PENDING)),
            performance=Performance(10, draw(pick(0, 3, 5, 6, 10))),
        ),
        account_ms=NOW_MS,
        symbol=symbol_views(draw, name, price),
        spec_ms=NOW_MS,
        quote=quote,
        conversion=Conversion(PROFIT_RATES[name], MARGIN_RATES[name]),
        firm=state,
        correlation=correlation_tables(draw),
        reserved=exposures(draw, equity, RESERVED),
        next_rollover_ms=draw(pick(None, NOW_MS + 3_600_000)),
    )
    return Case(
        signal=signals(draw, name, quote, target),
        snapshot=snapshot,
        policy=policies(draw),
        firm=firm,
        initial=initial,
        anchor=anchor,
    )
