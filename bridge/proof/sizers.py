"""The three sizers that meet the same requests on the same paths: lotbridge, and two ways to do without it."""

import dataclasses
from typing import NamedTuple, Protocol

from bridge.answers import reserve
from bridge.proof.account import Account, Order
from bridge.proof.asks import Ask
from bridge.proof.evidence import Evidence, Moment, legs_of, priced, unpriced
from bridge.replies import signal_of
from sizing.book import Assessment
from sizing.decision import Decision
from sizing.engine import size
from sizing.ledger import Ledger
from sizing.money import loss_per_lot
from sizing.policy import Policy
from sizing.snapshot import FirmState, Side, Snapshot
from sizing.stats.tail import assumed_tail, crosses_weekend, days_of, measured_tail

_FIXED_PCT = 1.0
_MINUTE_MS, _HOLD_MS = 60_000, 30_000


class Grant(NamedTuple):
    """An order, what it loses at its stop, and what bound its size."""

    order: Order
    risk: float
    binding: str


class Sizer(Protocol):
    """Answers the requests of one moment, in order. None is a refusal. `sizes` counts calls of the engine."""

    name: str
    sizes: int

    def answer(self, asks: list[Ask], account: Account, moment: Moment) -> list[Grant | None]: ...


class Lotbridge:
    """The engine as the daemon calls it: the book priced, the firm's state, a reservation for each order in flight."""

    name = "lotbridge"

    def __init__(self, evidence: Evidence, policy: Policy) -> None:
        self._evidence, self._policy = evidence, policy
        self.sizes = 0

    def answer(self, asks: list[Ask], account: Account, moment: Moment) -> list[Grant | None]:
        """Every request sees what was answered before it as reserved; no fill is reported in between."""
        evidence = self._evidence
        reported = evidence.account(account, moment)
        book = evidence.book(account, reported, moment)
        view = priced(reported, book)
        firm = evidence.firm_state(account.floors, reported, book.book.winning, moment)
        ledger = Ledger()
        grants: list[Grant | None] = []
        self.sizes += len(asks)
        for number, ask in enumerate(asks):
            request, target = evidence.request(ask, moment, name=f"q-{number}")
            snapshot = evidence.snapshot(ask.symbol, view, firm, ledger.exposures(), moment)
            decision = self._scaled(size(signal_of(request), snapshot, self._policy))
            if decision.lots <= 0:
                grants.append(None)
                continue
            ledger = ledger.replace(reserve(request.id, request, decision, moment.now_ms, _HOLD_MS))
            grants.append(_grant(ask, decision, decision.lots, target, moment))
        if any(grants):
            _hold_to(account, book, moment)
        return grants

    def _scaled(self, decision: Decision) -> Decision:
        return decision


class FixedPercent:
    """One percent of equity at the stop, to the nearest step, whatever the rules say."""

    name = "fixed 1 %"

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self.sizes = 0

    def answer(self, asks: list[Ask], account: Account, moment: Moment) -> list[Grant | None]:
        """Each request by itself."""
        evidence = self._evidence
        reported = evidence.account(account, moment)
        firm = FirmState(name="none")
        grants: list[Grant | None] = []
        for ask in asks:
            request, target = evidence.request(ask, moment, name="q")
            snapshot = evidence.snapshot(ask.symbol, unpriced(reported), firm, (), moment)
            spec, quote = snapshot.symbol.spec, snapshot.quote
            entry, stop = quote.ask if ask.sign > 0 else quote.bid, request.stop_loss or 0.0
            loss = loss_per_lot(spec, reported.currency, snapshot.conversion, entry, stop) or 0.0
            lots = nearest(reported.equity * _FIXED_PCT / 100 / loss if loss > 0 else 0.0, spec.volume_step)
            lots = min(lots, spec.volume_max)
            if lots < spec.volume_min:
                grants.append(None)
                continue
            worst = loss / abs(entry - stop) * _worst_distance(evidence, snapshot, ask, abs(entry - stop))
            worst += snapshot.symbol.symbol_class.commission_per_lot
            close_ms = moment.now_ms + ask.horizon_minutes * _MINUTE_MS
            order = Order(ask.symbol, ask.sign, lots, stop, target, request.take_profit, close_ms, worst * lots, 0.0)
            grants.append(Grant(order, lots * loss, "risk_budget"))
        return grants


class Careless:
    """What weak bridges do: the policy's budget and caps, but each trade judged alone, the day begun at the server's
    midnight, the size rounded to the nearest step, and lifted to the smallest volume after the caps."""

    name = "nearest step"

    def __init__(self, evidence: Evidence, policy: Policy) -> None:
        self._evidence, self._policy = evidence, policy
        self.sizes = 0

    def answer(self, asks: list[Ask], account: Account, moment: Moment) -> list[Grant | None]:
        """Each request as if nothing were open, pending or reserved."""
        evidence = self._evidence
        reported = evidence.account(account, moment)
        account.shadow.day_ms = account.floors.day_ms  # the anchors are those of the server's day all the same
        state = evidence.firm_state(account.shadow, reported, 0.0, moment)
        rules = tuple(
            rule._replace(floor_after_reset=rule.floor, headroom_after_reset=rule.headroom, trails=False)
            for rule in state.rules
        )
        firm = dataclasses.replace(state, rules=rules)
        self.sizes += len(asks)
        grants: list[Grant | None] = []
        for ask in asks:
            request, target = evidence.request(ask, moment, name="q")
            snapshot = evidence.snapshot(ask.symbol, unpriced(reported), firm, (), moment)
            decision = size(signal_of(request), snapshot, self._policy)
            spec = snapshot.symbol.spec
            raw = min((lots for lots in decision.ceilings if lots is not None), default=0.0)
            lots = 0.0 if raw <= 0 else max(spec.volume_min, nearest(raw, spec.volume_step))
            grants.append(None if lots <= 0 else _grant(ask, decision, lots, target, moment))
        return grants


def nearest(lots: float, step: float) -> float:
    """A volume rounded to the nearest step."""
    return round(round(lots / step) * step, 8)


def _grant(ask: Ask, decision: Decision, lots: float, target: float, moment: Moment) -> Grant:
    order = Order(
        symbol=ask.symbol,
        sign=ask.sign,
        lots=lots,
        sl=decision.stop_loss or 0.0,
        target=target,
        tp=decision.take_profit,
        close_ms=moment.now_ms + ask.horizon_minutes * _MINUTE_MS,
        worst=lots * decision.worst_per_lot,
        margin=lots * decision.margin_per_lot,
    )
    return Grant(order, lots * decision.stop_loss_per_lot, decision.binding or "")


def _hold_to(account: Account, book: Assessment, moment: Moment) -> None:
    """A size was given on these figures: from here on each position is taken to lose no more than they say."""
    for holding, worst in legs_of(account, book):
        holding.least = max(holding.least, account.floating(holding, moment.bids) - worst)


def _worst_distance(evidence: Evidence, snapshot: Snapshot, ask: Ask, distance: float) -> float:
    """What the engine takes such a trade to lose at worst, in price: for a sizer that does not ask it."""
    stats, policy = snapshot.symbol.stats, evidence.policy.tail
    assumed = assumed_tail(policy, stats, snapshot.quote.bid)
    if stats is None or stats.measured is None:
        return distance + assumed.gap_excess
    weekend = crosses_weekend(snapshot.now_ms, ask.horizon_minutes)
    side: Side = "buy" if ask.sign > 0 else "sell"
    figures = measured_tail(stats.measured, side, distance, days_of(ask.horizon_minutes), weekend=weekend)
    return max(distance + max(assumed.gap_excess, figures.gap), figures.shortfall)
