"""What must hold after every step, whatever has happened; floors and worst cases are the model's own."""

import math
from typing import Any

from sizing.ledger import Ledger
from tests.bridge.builders import recomputed
from tests.bridge.model_broker import COMMISSION, Statement, stopped
from tests.bridge.model_daemon import plain
from tests.bridge.model_rules import INITIAL, Text, next_basis
from tests.bridge.model_world import World, closing_price

EPSILON = 0.05
"""Cents of rounding."""
DRIFT = 0.05
"""How much of all that is at risk may be added by gaps and rates that follow the price, in one move."""
RATES = 1.0
"""The book values a floating profit in yen at the rate of the stop: of a win of 2 % it misses a fiftieth."""


class Checks(World):
    """The invariants."""

    def check(self) -> None:
        """After each step."""
        self.daemon.settle()
        self._check_ledger()
        self._check_cover()
        self._check_worst()
        self.hidden = self.hidden or (self.effect != "none" and not self._is_told())
        self.effect = "none"

    def _check_ledger(self) -> None:
        ledger = self.ledger
        assert set(ledger.reservations) <= set(self.grants), "a reservation that nobody was told of"
        rebuilt = Ledger()
        for each in ledger.reservations.values():
            assert each.held_lots > 0
            assert min(each.risk_cents, each.worst_cents, each.rest_lots) >= 0
            rebuilt = rebuilt.replace(each)
        assert rebuilt.sums == ledger.sums
        whole = sum(each.held_cents(each.worst_cents) for each in ledger.reservations.values())
        assert ledger.worst_cents() == whole
        assert math.isclose(sum(each.worst for each in ledger.exposures()) * 100, whole, abs_tol=1e-6)

    def _check_cover(self) -> None:
        """Whatever an EA has opened or may open is counted: by the book once it was told, by the ledger before."""
        for grant in self.grants.values():
            uncovered = grant.uncovered(self.now_ms)
            reservation = self.ledger.get(grant.id)
            held = 0.0 if reservation is None else reservation.held_lots
            assert held >= uncovered - 1e-9, f"{uncovered - held:.2f} lots of {grant} are counted nowhere"

    def check_answer(self, reply: dict[str, Any]) -> None:
        """With everything stopped out at once, no floor is reached: now, past the reset, or with winners closed."""
        told = self.rules.told
        for rule in self.rules.firm.rules:
            basis = self.rules.basis(rule)
            for what, worst, counted in self._scenarios(told, rule, basis):
                least = rule.least(counted)
                assert worst >= least - EPSILON, (
                    f"{rule.name} {what}: {worst:.2f} after all stops, at least {least:.2f} is needed: {reply}"
                )
        self._check_limits(told, reply)

    def _scenarios(self, told: Statement, rule: Text, basis: float | None) -> list[tuple[str, float, float]]:
        worst = self.worst(told)
        found = [] if basis is None else [("now", worst, basis)]
        basis = INITIAL if basis is None else basis
        found.append(("after the reset", worst, next_basis(rule, basis, told.balance, told.equity)))
        winners = [each for each in told.positions if self.floating(told, each) > 0]
        balance = told.balance + sum(self.floating(told, each) - COMMISSION * each.lots for each in winners)
        closed = self.worst(told, without=winners)
        found.append(("with winners closed", closed, next_basis(rule, basis, balance, max(balance, told.equity))))
        if rule.basis == "best equity":
            found.append(("after a gain", worst, max(basis, told.equity + self.gain(told))))
        return found

    def _check_limits(self, told: Statement, reply: dict[str, Any]) -> None:
        firm = self.rules.firm
        promised = [(each, each.uncovered(self.now_ms)) for each in self.grants.values()]
        if firm.max_lots is not None:
            lots = sum(each.lots for each in (*told.positions, *told.orders)) + sum(lots for _, lots in promised)
            assert lots <= firm.max_lots + 1e-6, f"{lots:.2f} lots of {firm.max_lots:g}: {reply}"
        if firm.max_floating is not None:
            shown = 0.0
            for held in told.positions:
                start = closing_price(told, held.symbol, held.side)
                loss = stopped(held.symbol, held.side, held.lots, held.opened, held.sl, start, told.bids)
                shown += max(0.0, -loss - held.swap - COMMISSION * held.lots)
            for grant, lots in promised:
                loss = stopped(grant.symbol, grant.side, lots, grant.entry, grant.sl, grant.entry, told.bids)
                shown += max(0.0, -loss - COMMISSION * lots)
            assert shown < firm.max_floating, f"{shown:.2f} may float of {firm.max_floating:g}: {reply}"

    def _check_worst(self) -> None:
        """Only hands, payouts, swaps and markets beyond the model may push the worst case below a floor."""
        now = self.broker.statement()
        at_risk = now.equity - self.worst(now, true=True)
        self.rules.true_best_equity = max(self.rules.true_best_equity, now.equity)
        aimless = any(not each.tp for each in now.positions)
        for rule in self.rules.firm.rules:
            basis = self.rules.true_basis(rule)
            if basis is None or math.isinf(at_risk):
                self.allowed[rule.name] = -math.inf
                continue
            floors = [rule.least(basis)]
            if "balance" in rule.basis:
                floors.append(rule.least(next_basis(rule, basis, now.balance, now.equity)))
            margin = now.equity - at_risk - max(floors)
            drift = {"none": EPSILON, "market": EPSILON + DRIFT * at_risk, "other": math.inf}[self.effect]
            if rule.basis == "best equity" and self.effect == "market" and aimless:
                drift = math.inf  # The floor follows it for as long as it gains.
            allowed = min(0.0, self.allowed[rule.name]) - drift
            assert margin >= allowed, f"{rule.name}: {margin:.2f} with every stop hit, {allowed:.2f} was allowed"
            self.allowed[rule.name] = min(0.0, margin)

    def check_told(self) -> None:
        """Where the daemon knows the account, its floors are the model's, and nothing that is open is left out."""
        reply, told = self.ask_rules(), self.rules.told
        assert reply["resets_ms"] == self.rules.firm.next_reset(self.now_ms), reply
        assert reply["day_from_ms"] == self.rules.firm.last_reset(self.now_ms), reply
        if not math.isinf(worst := self.worst(told)):
            assert reply["at_risk"] >= (told.equity - worst) * RATES - EPSILON, (reply["at_risk"], told.equity - worst)
        for shown, rule in zip(reply["rules"], self.rules.firm.rules, strict=True):
            assert shown["name"] == rule.name
            basis = self.rules.basis(rule)
            if shown["missing"] is not None or basis is None:
                continue
            assert math.isclose(shown["floor"], rule.floor(basis), abs_tol=EPSILON), (shown, basis, rule)
        halted = {each["code"] for each in reply["halts"]}
        if self.rules.breached():
            assert "rule_breached" in halted, (reply, self.rules.breached())

    def ask_rules(self) -> dict[str, Any]:
        """The daemon's table of rules."""
        return self.daemon.ask(type="rules")

    def check_restart(self, *, clean: bool) -> None:
        """Given the same report, the daemon says the same before and after a restart."""
        self.wait(1)  # The book is priced anew when its quotes are new, not when only other figures are.
        self.feed(full=True)
        self.daemon.settle()
        before = [self._shown(kind) for kind in ("rules", "status")], self.ledger
        self.daemon.restart(clean=clean)
        assert self.ledger == before[1]
        self.feed(full=True)
        after = [self._shown(kind) for kind in ("rules", "status")]
        assert after == before[0]

    def _shown(self, kind: str) -> dict[str, Any]:
        shown = plain(self.daemon.ask(type=kind))
        if shown.get("progress"):
            del shown["progress"]["since_ms"]  # Days without a trade come back from the journal.
        return shown

    def repeat(self, which: int) -> None:
        """An old message arrives once more."""
        raw, reply = self.daemon.sent[which % len(self.daemon.sent)]
        ledger = self.ledger
        assert self.daemon.send(raw) == reply
        assert self.ledger == ledger

    def finish(self) -> None:
        """Every decision can be made again from the journal."""
        try:
            recomputed(self.daemon.path)
        finally:
            self.daemon.close()
