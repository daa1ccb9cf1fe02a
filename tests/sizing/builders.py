"""Signals, snapshots and policies with good defaults: name only what the test is about."""

import dataclasses
from typing import Any

from sizing.decision import Cap, Decision, Factor
from sizing.policy import Policy
from sizing.prop.anchors import RuleState
from sizing.prop.calendar import day_bounds
from sizing.prop.evaluate import Kept, firm_state
from sizing.prop.firm import Firm
from sizing.prop.rules import LossRule
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
    Side,
    Signal,
    Snapshot,
    SymbolSpec,
    SymbolView,
    TailModel,
)
from sizing.symbols import SymbolClass
from tests.builders import NOW_MS, make_account, make_spec

NO_GAP = TailModel(0.0, 0.0, "none")
"""A tail that adds nothing, so that figures per lot are the stop's alone."""
NO_FIRM = FirmState(name="none")
FREE_CLASS = SymbolClass(patterns=("*",), max_lots=1e9, max_notional_pct=1e9)
"""A class that neither limits nor costs anything."""

LOOSE: dict[str, dict[str, Any]] = {
    "caps": {
        "daily_distance_share_pct": 100.0,
        "total_distance_share_pct": 100.0,
        "concentration_pct": 100.0,
        "daily_budget_share_pct": 100.0,
        "daily_budget_without_rule_pct": 100.0,
        "portfolio_shortfall_pct": 100.0,
        "margin_use_pct": 100.0,
        "gross_exposure": 1e6,
        "net_exposure": 1e6,
        "max_positions": 1000,
        "max_positions_per_symbol": 1000,
    }
}
"""Caps that stay out of the way, for tests of something else."""


def make_policy(**groups: dict[str, Any]) -> Policy:
    """The default policy with some keys of some groups changed: `make_policy(budget={"model": "fixed"})`."""
    policy = Policy()
    return dataclasses.replace(
        policy, **{name: dataclasses.replace(getattr(policy, name), **keys) for name, keys in groups.items()}
    )


def loose_policy(**groups: dict[str, Any]) -> Policy:
    """`make_policy` with caps that stay out of the way."""
    merged = {**LOOSE, **groups}
    merged["caps"] = {**LOOSE["caps"], **groups.get("caps", {})}
    return make_policy(**merged)


def make_signal(**over: Any) -> Signal:
    """Buy EURUSD at the ask with the stop 50 pips below 1.1 and a target 150 pips above, confidence 75."""
    values: dict[str, Any] = {
        "id": "q-1",
        "symbol": "EURUSD",
        "side": "buy",
        "stop_loss": 1.095,
        "take_profit": 1.115,
        "confidence": 75.0,
    }
    return Signal(**{**values, **over})


def make_stats(**over: Any) -> MarketStats:
    """Fresh statistics that say nothing but that there is no gap beyond the stop."""
    return MarketStats(**{"as_of_ms": NOW_MS, "bars": 300, "tail": NO_GAP, **over})


def make_exposure(symbol: str = "EURUSD", side: Side = "buy", risk: float = 1_000.0, **over: Any) -> Exposure:
    """One position of one lot with 1,000 at risk: what one trade may risk by default, about."""
    values: dict[str, Any] = {
        "symbol": symbol, "side": side, "positions": 1, "lots": 1.0, "risk": risk, "worst": risk, "notional": 0.0,
        "margin": 0.0,
    }  # fmt: skip
    return Exposure(**{**values, **over})


def loss_rule(**over: Any) -> LossRule:
    """FTMO's daily rule: 5 % of the initial balance below the balance at the last reset."""
    values: dict[str, Any] = {
        "name": "daily", "scope": "daily", "amount_pct": 5.0, "of": "initial", "anchor": "balance", "sampled": "reset",
        "measured_on": "equity", "source": "test", "as_of": "2026-11-20",
    }  # fmt: skip
    return LossRule(**{**values, **over})


def total_rule(**over: Any) -> LossRule:
    """FTMO's total rule: 10 % of the initial balance below it."""
    values = {
        "name": "total", "scope": "total", "amount_pct": 10.0, "anchor": "initial", "sampled": "inception",
    }  # fmt: skip
    return loss_rule(**{**values, **over})


def ftmo(**over: Any) -> Firm:
    """FTMO's two-step rules."""
    values: dict[str, Any] = {
        "name": "ftmo", "title": "FTMO", "timezone": "Europe/Prague", "reset": "00:00",
        "rules": (loss_rule(), total_rule()),
    }  # fmt: skip
    return Firm(**{**values, **over})


def ftmo_state(account: Account, initial: float | None = None, anchor: float | None = None) -> FirmState:
    """FTMO's rules for an account that began with `initial` and had `anchor` at midnight (its balance, if not said)."""
    initial = account.balance if initial is None else initial
    return state_of(ftmo(), account, initial, account.balance if anchor is None else anchor, NOW_MS)


def state_of(
    firm: Firm, account: Account, initial: float | None, day_anchor: float | None, now_ms: int, **over: Any
) -> FirmState:
    """The firm's state with this anchor for its daily rules; None: it is not known."""
    day_ms = day_bounds(firm, now_ms)[0]
    states = {
        rule.name: RuleState(rule.name, rule.kind, initial if rule.scope == "total" else day_anchor, day_ms, now_ms)
        for rule in firm.rules
    }
    return firm_state(firm, account, initial, Kept(states), now_ms, **over)


def make_view(**over: Any) -> SymbolView:
    """EURUSD with fresh statistics, in a class of its own that neither limits nor costs anything."""
    values: dict[str, Any] = {
        "spec": make_spec(), "class_name": "forex", "symbol_class": FREE_CLASS, "stats": make_stats(),
    }  # fmt: skip
    return SymbolView(**{**values, **over})


def make_snapshot(
    *,
    account: Account | None = None,
    exposures: tuple[Exposure, ...] = (),
    pending: tuple[Exposure, ...] = (),
    peak_equity: float | None = None,
    performance: Performance | None = None,
    unpriceable: str | None = None,
    view: SymbolView | None = None,
    spec: SymbolSpec | None = None,
    **over: Any,
) -> Snapshot:
    """A fresh moment of a 100,000 USD account under FTMO's rules, EURUSD quoted 1.1 without a spread."""
    account = account or make_account()
    view = view or make_view()
    values: dict[str, Any] = {
        "now_ms": NOW_MS,
        "account": AccountView(
            account=account,
            peak_equity=account.equity if peak_equity is None else peak_equity,
            book=Book(exposures=exposures, pending=pending, unpriceable=unpriceable),
            performance=performance or Performance(0, 0),
        ),
        "account_ms": NOW_MS,
        "symbol": view if spec is None else dataclasses.replace(view, spec=spec),
        "spec_ms": NOW_MS,
        "quote": Quote(1.1, 1.1, NOW_MS),
        "conversion": Conversion(1.0, 1.1),
        "firm": ftmo_state(account),
        "correlation": {},
    }
    return Snapshot(**{**values, **over})


def factor_of(decision: Decision, name: str) -> Factor:
    """The one factor of that name."""
    (found,) = [each for each in decision.factors if each.name == name]
    return found


def cap_of(decision: Decision, name: str) -> Cap:
    """The one cap of that name."""
    (found,) = [each for each in decision.caps if each.name == name]
    return found


def cap_lots(decision: Decision, name: str) -> float:
    """The ceiling of that name, which must limit."""
    lots = cap_of(decision, name).lots
    assert lots is not None
    return lots
