"""One account's desk: its terminal, its evidence, its ledger, and what must be remembered across restarts."""

import dataclasses
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from bridge.auditor import Auditor
from bridge.deals import known_already
from bridge.evidence import Evidence
from bridge.joint import JointEvidence
from bridge.journal.records import Changes, PolicyPart
from bridge.kept import Issued, PositionKeeper
from bridge.rulekeeper import RuleKeeper
from bridge.settings import AccountSettings, policy_hash
from bridge.terminal.base import AccountReport, Execution, Terminal
from sizing.audit import Forecast, Outcome
from sizing.gates import Refusal
from sizing.ledger import Ledger, Reservation, leg_of
from sizing.prop.evaluate import Frame, Kept, firm_state
from sizing.prop.rules import LossRule
from sizing.reconcile import reconcile
from sizing.shown import Shown
from sizing.snapshot import (
    AccountView,
    Deal,
    Exposure,
    FirmState,
    Recovery,
    Side,
    Signal,
    Snapshot,
    SymbolView,
)
from sizing.standing import Standing, stand
from sizing.stats.joint import Leg

_ENDED_REMEMBERED = 1_000
_STANDINGS_KEPT = 1_000
_NETTING = (0, 1)
"""ENUM_ACCOUNT_MARGIN_MODE: retail netting, exchange."""
_REFRESH_S = 0.003
"""How long statistics may be worked out between two requests."""

PartNumbers = tuple[int, int, int, int]
"""Account, symbol, correlation and policy."""
_RestsOn = tuple[AccountView, SymbolView, FirmState, dict[str, dict[str, float]], tuple[Exposure, ...]]


class Desk:
    """Gathers what one account's requests are answered from. Holds state; decides nothing."""

    def __init__(self, settings: AccountSettings, terminal: Terminal) -> None:
        self.settings = settings
        self.login = settings.login
        self.terminal = terminal
        self.auditor = Auditor(settings.policy)
        self.evidence = Evidence(settings, terminal, self.auditor.audits)
        self.joint = JointEvidence(settings.policy.tail)
        self._joint_wanted = False
        self.policy_hash = policy_hash(settings)
        self.policy_part = PolicyPart(settings.policy)
        self.ledger = Ledger()
        self._ended: OrderedDict[str, Reservation] = OrderedDict()
        self._peak_equity = settings.initial_balance or 0.0
        self._last_operation: int | None = None
        self._followed: tuple[Deal, ...] = ()
        self._peak_written: tuple[float, int | None] = self._peak_equity, self._last_operation
        self.rules = RuleKeeper(settings)
        self.positions = PositionKeeper()
        self._firm_key: tuple[AccountView, Kept, Frame] | None = None
        self._firm: FirmState | None = None
        self.part_numbers: dict[str, tuple[tuple[object, ...], PartNumbers]] = {}
        """By symbol: the pieces of evidence that the journal holds, and their numbers there."""
        self._standings: dict[tuple[str, str, int | None], tuple[_RestsOn, Standing]] = {}

    def restore(self, changes: Iterable[bytes]) -> None:
        """Take over the state that the journal's changes lead to, oldest first; whatever was here before is dropped."""
        self.ledger = Ledger()
        self._ended.clear()
        self.auditor.clear()
        self.rules.clear()
        self.positions.clear()
        decode = msgspec.msgpack.Decoder(Changes).decode
        for body in changes:
            change = decode(body)
            for reservation in change.reservations:
                self.put(reservation, self.ledger.replace(reservation))
            if change.peak_equity is not None:
                self._peak_equity, self._last_operation = change.peak_equity, change.last_operation
                self._peak_written = self._peak_equity, self._last_operation
            if change.rules is not None:
                self.rules.restore(change.rules)
            if change.positions is not None:
                self.positions.restore(change.positions)
            for forecast in change.forecasts:
                self.auditor.add(forecast)
            self.auditor.take(change.outcomes)

    def put(self, reservation: Reservation, ledger: Ledger) -> None:
        """Replace a reservation by its next state; `ledger` holds it already."""
        self.ledger = ledger
        self._ended.pop(reservation.id, None)
        if reservation.state in ("released", "lapsed"):
            self.auditor.forget(reservation)
        if reservation.held_lots == 0:
            self._ended[reservation.id] = reservation
            if len(self._ended) > _ENDED_REMEMBERED:
                self._ended.popitem(last=False)

    def reservation(self, name: str) -> Reservation | None:
        """A reservation, ended ones included; None if the id was never given (or very long ago)."""
        return self.ledger.get(name) or self._ended.get(name)

    def every_reservation(self) -> Iterator[Reservation]:
        """Those that hold money, and the newest of those that have ended."""
        yield from self.ledger.reservations.values()
        yield from self._ended.values()

    def poll(self, now_ms: int, refresh_s: float = _REFRESH_S) -> None:
        """Bring terminal and derived figures up to now, with `refresh_s` seconds for statistics."""
        self.terminal.poll(now_ms)
        self.evidence.now_ms = now_ms
        self.evidence.refresh(refresh_s)
        self.rules.poll(now_ms, self.terminal.utc_offset_ms())
        self.note_account(now_ms)
        report = self.terminal.account()
        if self._joint_wanted and report is not None:
            # Playing the book through takes longer than an answer should: it is done before anybody asks again.
            self.account_view(report)
            self.joint.held(self.evidence.legs, self.evidence.day_moves())

    def note_account(self, now_ms: int) -> None:
        """Follow peak equity and whatever the firm's rules rest on in what the terminal last reported."""
        self.rules.follow_day(now_ms, self.terminal.utc_offset_ms())
        report = self.terminal.account()
        if report is None:
            return
        self._follow_peak(report)
        if self.rules.note(report, self._peak_equity, now_ms):
            self._peak_equity = report.account.equity

    @contextmanager
    def undone_on_failure(self) -> Iterator[None]:
        """What a person changes counts only once it is journalled."""
        peak, rules, positions = self._peak_equity, self.rules.checkpoint(), self.positions.kept
        try:
            yield
        except BaseException:
            self._peak_equity, self.positions.kept = peak, positions
            self.rules.undo(rules)
            raise

    def resume(self, wish: Recovery | None, now_ms: int) -> None:
        """Lift every halt. After one for the drawdown the peak counts from here."""
        report = self.terminal.account()
        account = None if report is None else report.account
        if self.rules.resume(account, self._peak_equity, wish, now_ms) and account is not None:
            self._peak_equity = account.equity

    def give_anchor(self, rule: LossRule, anchor: float) -> bool:
        """Let the trader say what a rule counts from; False before the account has been reported."""
        return self.rules.give(rule, anchor)

    def _follow_peak(self, report: AccountReport) -> None:
        """Raise the peak with equity, and lower it by what was paid out: a payout is no drawdown.

        Payouts are deals without a symbol that took money. Those of the first history ever seen are older than the
        peak and do not count, nor do older deals that follow in later pieces: their tickets are lower.
        """
        unseen = report.deals is not self._followed or self._last_operation is None
        if report.deals_since_ms is not None and unseen:
            last = self._last_operation
            new = report.deals[known_already(self._followed, report.deals) :]
            self._followed = report.deals
            if last is not None:
                fresh = (deal.net for deal in new if not deal.symbol and deal.ticket > last)
                self._peak_equity += sum(min(0.0, net) for net in fresh)
            self._last_operation = max(last or 0, max((deal.ticket for deal in new), default=0))
        self._peak_equity = max(self._peak_equity, report.account.equity, report.highest_equity or 0.0)

    def state_changes(
        self,
        reservation: Reservation | None = None,
        forecast: Forecast | None = None,
        outcomes: tuple[Outcome, ...] = (),
    ) -> bytes | None:
        """What the journal does not hold yet, encoded; None if there is nothing."""
        peak = self._peak_equity if self._peak_written != (self._peak_equity, self._last_operation) else None
        rules, positions = self.rules.change(), self.positions.change()
        if reservation is None and peak is None and rules is None and positions is None and not outcomes:
            return None
        return msgspec.msgpack.encode(
            Changes(
                reservations=() if reservation is None else (reservation,),
                peak_equity=peak,
                last_operation=self._last_operation,
                rules=rules,
                forecasts=() if forecast is None else (forecast,),
                outcomes=outcomes,
                positions=positions,
            )
        )

    def whole_state(self) -> bytes:
        """Everything that must outlive the process, encoded; ended reservations come first, as the older ones."""
        return msgspec.msgpack.encode(
            Changes(
                reservations=(*self._ended.values(), *self.ledger.reservations.values()),
                peak_equity=self._peak_equity,
                last_operation=self._last_operation,
                rules=self.rules.change(whole=True),
                forecasts=self.auditor.forecasts(),
                outcomes=self.auditor.outcomes(),
                positions=self.positions.change(whole=True),
            )
        )

    def state_written(self) -> None:
        """The last `state_changes` are in the journal."""
        self._peak_written = self._peak_equity, self._last_operation
        self.rules.written()
        self.positions.written()

    def snapshot(self, signal: Signal, now_ms: int) -> Snapshot | Refusal:
        """Everything about this moment, or why there is no such thing. The symbol must be known to the terminal."""
        terminal = self.terminal
        if not terminal.connected(now_ms):
            return "terminal_unavailable", f"The terminal of account {self.login} ({terminal.source}) does not answer."
        report, symbol, quote = terminal.account(), terminal.symbol(signal.symbol), terminal.quote(signal.symbol)
        if report is None:
            return "stale_account", f"Account {self.login} has not been reported yet."
        self.evidence.now_ms = now_ms
        view = self.evidence.symbol_view(signal.symbol)
        if symbol is None or isinstance(view, str):
            return "terminal_unavailable", str(view)
        if quote is None:
            return "stale_quote", f"{signal.symbol} has had no quote yet, or the broker's clock is not known."
        account = self.account_view(report)
        return Snapshot(
            now_ms=now_ms,
            account=account,
            account_ms=report.received_ms,
            symbol=view,
            spec_ms=symbol.received_ms,
            quote=quote,
            conversion=self.evidence.conversion(view.spec, fresh=True),
            firm=self.firm_state(account, now_ms),
            correlation=self.evidence.correlations.table,
            reserved=self.ledger.exposures(),
            next_rollover_ms=self.evidence.next_rollover_ms(),
        )

    def with_portfolio(self, snapshot: Snapshot, side: Side) -> Snapshot | None:
        """The snapshot with the book's joint scenarios; None where its symbol has too little history for that."""
        self._joint_wanted = True
        portfolio = self.joint.portfolio(
            snapshot.symbol.spec.name, side, self.evidence.legs, self._reserved_legs(), self.evidence.day_moves()
        )
        return None if portfolio is None else dataclasses.replace(snapshot, portfolio=portfolio)

    def _reserved_legs(self) -> list[Leg]:
        return [leg_of(reservation) for reservation in self.ledger.reservations.values()]

    def standing(self, snapshot: Snapshot, side: Side, magic: int = 0) -> Standing:
        """What requests for this symbol and side have in common; kept until what it rests on changes."""
        key = snapshot.symbol.spec.name, side, magic if self.settings.policy.performance.per_strategy else None
        rests_on = snapshot.account, snapshot.symbol, snapshot.firm, snapshot.correlation, snapshot.reserved
        cached = self._standings.get(key)
        if cached is not None and _same(cached[0], rests_on):
            return cached[1]
        standing = stand(snapshot, side, self.settings.policy, magic)
        if len(self._standings) >= _STANDINGS_KEPT:
            self._standings.clear()
        self._standings[key] = rests_on, standing
        return standing

    def knows(self, symbol: str) -> bool:
        """Whether a symbol can be sized at all. Before the terminal has reported, every name may yet turn out known."""
        return self.evidence.knows(symbol) or self.terminal.account() is None

    def exposures(self, view: AccountView | None) -> tuple[Exposure, ...]:
        """Everything that is open, pending and reserved."""
        held = () if view is None else view.book.exposures + view.book.pending
        return held + self.ledger.exposures()

    def account_view(self, report: AccountReport) -> AccountView:
        """The account as the engine sees it."""
        return self.evidence.account_view(report, self._peak_equity)

    def executed(self, reservation: Reservation, ticket: int, lots: float, price: float) -> None:
        """Pass a reported fill on to the terminal: a recorded one has no position of its own yet."""
        self.terminal.executed(
            Execution(
                ticket=ticket,
                symbol=reservation.symbol,
                side=reservation.side,
                lots=lots,
                price=price,
                stop_loss=reservation.stop_loss,
                take_profit=reservation.take_profit,
                magic=reservation.magic,
            )
        )

    def carried_out(self, issued: Issued, lots: float, price: float | None, reservation: Reservation | None) -> None:
        """Pass what an EA has done on to the terminal: a recorded one has to do it on paper.

        `lots` are those that the last report has added.
        """
        done = issued.standing == "done"
        if price is None and lots > 0:
            price = self._touch(issued)
        if issued.kind == "modify_stop" and done:
            self.terminal.modified(issued.ticket, issued.stop_loss, issued.take_profit)
        elif issued.kind == "cancel" and done:
            self.terminal.cancelled(issued.ticket)
        elif lots > 0 and price is not None and issued.kind in ("close", "close_partial"):
            self.terminal.closed(issued.ticket, lots, price)
        elif lots > 0 and price is not None and reservation is not None:
            self.executed(reservation, issued.fill_ticket, lots, price)

    def _touch(self, issued: Issued) -> float | None:
        """What an order fills at that is reported without its price."""
        quote = self.terminal.quote(issued.symbol)
        buys = (issued.side == "buy") == (issued.kind == "open")
        return None if quote is None else quote.ask if buys else quote.bid

    def firm_state(self, view: AccountView, now_ms: int) -> FirmState:
        """The firm's rules now; worked out anew when the account or the day has changed."""
        rules = self.rules
        if not rules.frame.holds(now_ms):
            self.note_account(now_ms)
        key = view, rules.kept, rules.frame
        known = self._firm_key
        if self._firm is None or known is None or known[0] is not view or known != key:
            self._firm = firm_state(
                self.settings.firm, view.account, self.settings.initial_balance, rules.kept, now_ms,
                winning=view.book.winning, frame=rules.frame,
            )  # fmt: skip
            self._firm_key = key
        return self._firm

    def due(self, now_ms: int) -> list[Reservation]:
        """Reservations that the terminal's last report or the passing of time has changed, in their new state."""
        report = self.terminal.account()
        if report is None or not self.terminal.connected(now_ms):
            return []
        netting = report.account.margin_mode in _NETTING
        shown = Shown(report.positions, report.orders, report.deals, report.received_ms, netting)
        return reconcile(self.ledger.reservations.values(), self._ended.values, shown, now_ms)

    def answered(self, most: int | None) -> tuple[Outcome, ...]:
        """Forecasts that the market has answered, at most so many at once."""
        report = self.terminal.account()
        return () if report is None else tuple(self.auditor.due(self.terminal, report, self.reservation, most))


def _same(first: _RestsOn, second: _RestsOn) -> bool:
    """Whether two sets of evidence are the very same objects, and hold the same reservations."""
    return (
        first[0] is second[0]
        and first[1] is second[1]
        and first[2] is second[2]
        and first[3] is second[3]
        and first[4] == second[4]
    )
