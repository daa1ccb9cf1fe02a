"""Reservations through their whole life, and money that adds up at every moment of it."""

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from sizing.ledger import Fill, Ledger, Reservation, cents, end, fill, found, seen
from tests.builders import NOW_MS


def make_reservation(**over: Any) -> Reservation:
    """One lot of EURUSD bought, 500 at risk and 600 at worst."""
    lots = over.get("lots", 1.0)
    values: dict[str, Any] = {
        "id": "r-1", "symbol": "EURUSD", "side": "buy", "lots": lots, "rest_lots": lots, "risk_cents": 50_000,
        "worst_cents": 60_000, "notional_cents": 11_000_000, "margin_cents": 110_000, "created_ms": NOW_MS,
        "expires_ms": NOW_MS + 30_000, "stop_loss": 1.095,
    }  # fmt: skip
    return Reservation(**{**values, **over})


def held(reservation: Reservation) -> tuple[float, int]:
    """Lots and risk that still count."""
    return reservation.held_lots, reservation.held_cents(reservation.risk_cents)


def tickets(reservation: Reservation) -> tuple[int, ...]:
    """Every ticket that was reported."""
    return tuple(each.ticket for each in reservation.fills)


# Transitions -------------------------------------------------------------------------------------------------------


def test_a_new_reservation_holds_everything() -> None:
    assert held(make_reservation()) == (1.0, 50_000)


def test_a_fill_opens_it_and_its_money_is_held_until_the_terminal_shows_it() -> None:
    filled = fill(make_reservation(), 7, 1.0, NOW_MS)
    assert (filled.state, filled.rest_lots) == ("open", 0.0)
    assert filled.fills == (Fill(7, 1.0, NOW_MS),)
    assert held(filled) == (1.0, 50_000)
    assert held(seen(filled, 7)) == (0.0, 0)
    assert tickets(seen(filled, 7)) == (7,), "the ticket stays known"


def test_partial_fills_hold_what_is_promised_and_what_is_not_shown_yet() -> None:
    first = fill(make_reservation(), 7, 0.3, NOW_MS)
    assert (first.state, first.rest_lots) == ("partly_open", 0.7)
    assert held(first) == (1.0, 50_000)
    shown = seen(first, 7)
    assert held(shown) == (0.7, 35_000)
    second = fill(shown, 8, 0.7, NOW_MS)
    assert (second.state, second.rest_lots, tickets(second)) == ("open", 0.0, (7, 8))
    assert held(second) == (0.7, 35_000)
    assert held(seen(second, 8)) == (0.0, 0)


def test_ten_tenths_are_one_whole() -> None:
    reservation = make_reservation()
    for ticket in range(10):
        assert reservation.state in ("reserved", "partly_open")
        reservation = fill(reservation, ticket, 0.1, NOW_MS)
    assert (reservation.state, reservation.rest_lots) == ("open", 0.0)
    assert held(reservation) == (1.0, 50_000)


def test_an_over_fill_holds_more_than_was_promised() -> None:
    filled = fill(make_reservation(), 7, 1.5, NOW_MS)
    assert (filled.state, filled.rest_lots) == ("open", 0.0)
    assert held(filled) == (1.5, 75_000)


def test_the_same_ticket_twice_changes_nothing() -> None:
    filled = fill(make_reservation(), 7, 0.4, NOW_MS)
    assert fill(filled, 7, 0.4, NOW_MS + 5) == filled
    assert fill(seen(filled, 7), 7, 0.4, NOW_MS + 5) == seen(filled, 7), "also after the terminal has shown it"


def test_a_ticket_that_grows_is_filled_by_what_is_new() -> None:
    # A position that one order fills in parts keeps its ticket; its volume so far is reported.
    grown = fill(fill(make_reservation(), 7, 0.3, NOW_MS), 7, 0.5, NOW_MS + 5)
    assert (grown.state, grown.rest_lots, tickets(grown)) == ("partly_open", 0.5, (7,))
    assert held(grown) == (1.0, 50_000)
    full = fill(grown, 7, 1.0, NOW_MS + 9)
    assert (full.state, held(full)) == ("open", (1.0, 50_000))
    assert held(seen(full, 7)) == (0.0, 0)


def test_a_report_of_less_than_is_known_changes_nothing() -> None:
    filled = fill(make_reservation(), 7, 0.5, NOW_MS)
    assert fill(filled, 7, 0.3, NOW_MS + 5) == filled


def test_what_a_shown_ticket_has_grown_by_is_held_until_it_is_shown_too() -> None:
    # The terminal has shown 0.4 lots. The other 0.6 are neither in the book nor promised any more: they are held here.
    shown = seen(fill(make_reservation(), 7, 0.4, NOW_MS), 7)
    assert held(shown) == (0.6, 30_000)
    grown = fill(shown, 7, 1.0, NOW_MS + 5)
    assert (grown.state, held(grown)) == ("open", (0.6, 30_000))
    assert held(seen(grown, 7)) == (0.0, 0)


@pytest.mark.parametrize("how", ["released", "lapsed"])
def test_given_back_or_timed_out_it_holds_nothing(how: Any) -> None:
    ended = end(make_reservation(), how)
    assert (ended.state, held(ended)) == (how, (0.0, 0))


@pytest.mark.parametrize("how", ["released", "lapsed"])
def test_ending_after_a_partial_fill_keeps_the_filled_part(how: Any) -> None:
    ended = end(fill(make_reservation(), 7, 0.4, NOW_MS), how)
    assert (ended.state, ended.rest_lots) == ("open", 0.0)
    assert held(ended) == (0.4, 20_000)
    assert held(seen(ended, 7)) == (0.0, 0)


@pytest.mark.parametrize("how", ["released", "lapsed"])
def test_a_late_fill_after_the_end_counts_all_the_same(how: Any) -> None:
    late = fill(end(make_reservation(), how), 7, 0.6, NOW_MS)
    assert late.state == "open"
    assert held(late) == (0.6, 30_000)


def test_ending_what_has_ended_changes_nothing() -> None:
    for reservation in (
        end(make_reservation(), "lapsed"),
        end(make_reservation(), "released"),
        fill(make_reservation(), 7, 1.0, NOW_MS),
    ):
        assert end(reservation, "released") == reservation
        assert end(reservation, "lapsed") == reservation


def test_a_ticket_that_is_not_waited_for_changes_nothing() -> None:
    filled = fill(make_reservation(), 7, 0.4, NOW_MS)
    assert seen(filled, 8) == filled


def test_what_the_terminal_shows_and_nobody_reported_is_filled_and_shown_at_once() -> None:
    once = found(make_reservation(), 7, 0.4, NOW_MS)
    assert (once.state, once.fills, held(once)) == ("partly_open", (Fill(7, 0.4, NOW_MS, 0.4),), (0.6, 30_000))
    assert fill(once, 7, 0.4, NOW_MS + 5) == once, "its late report is no news"
    twice = found(once, 8, 0.6, NOW_MS)
    assert (twice.state, tickets(twice), held(twice)) == ("open", (7, 8), (0.0, 0))


def test_what_is_found_of_a_reported_ticket_does_not_show_what_was_reported() -> None:
    grown = found(fill(make_reservation(), 7, 0.3, NOW_MS, report_ms=NOW_MS - 5), 7, 0.5, NOW_MS + 9)
    assert grown.fills == (Fill(7, 0.8, NOW_MS, 0.5, NOW_MS - 5),)
    assert held(grown) == (0.5, 25_000)


@pytest.mark.parametrize(
    ("money", "expected"),
    [
        (0.0, 0),
        (0.01, 1),
        (0.011, 2),
        (1.1, 110),
        (2.675, 268),
        (378.0, 37_800),
        (0.29, 29),
        (1e9 + 0.005, 100_000_000_001),
    ],
)
def test_money_is_rounded_up_to_cents(money: float, expected: int) -> None:
    assert cents(money) == expected


def test_cents_are_exact_on_every_two_decimal_amount() -> None:
    assert [cents(amount / 100) for amount in range(100_000)] == list(range(100_000))


def test_a_part_of_the_money_is_rounded_up() -> None:
    reservation = seen(fill(make_reservation(lots=0.3, risk_cents=100), 7, 0.2, NOW_MS), 7)
    assert reservation.held_cents(reservation.risk_cents) in (34, 35)


# The ledger --------------------------------------------------------------------------------------------------------


def test_an_empty_ledger_promises_nothing() -> None:
    assert Ledger().exposures() == ()
    assert Ledger().worst_cents() == 0
    assert Ledger().get("r-1") is None


def test_what_is_promised_is_summed_by_symbol_and_side() -> None:
    ledger = Ledger()
    for reservation in (
        make_reservation(id="a"),
        make_reservation(id="b", lots=0.5, risk_cents=20_001, worst_cents=20_002, notional_cents=5, margin_cents=7),
        make_reservation(id="c", side="sell"),
        make_reservation(id="d", symbol="XAUUSD"),
    ):
        ledger = ledger.replace(reservation)
    both = {(each.symbol, each.side): each for each in ledger.exposures()}
    assert set(both) == {("EURUSD", "buy"), ("EURUSD", "sell"), ("XAUUSD", "buy")}
    sums = both["EURUSD", "buy"]
    assert (sums.positions, sums.lots) == (2, 1.5)
    assert (sums.risk, sums.worst, sums.notional, sums.margin) == (700.01, 800.02, 110_000.05, 1_100.07)
    assert ledger.worst_cents() == 3 * 60_000 + 20_002


def test_what_holds_nothing_leaves_the_ledger() -> None:
    ledger = Ledger().replace(make_reservation())
    gone = ledger.replace(end(make_reservation(), "released"))
    assert (gone.exposures(), gone.get("r-1"), gone.worst_cents()) == ((), None, 0)
    assert ledger.get("r-1") is not None, "the ledger before is as it was"
    assert ledger.worst_cents() == 60_000


def test_a_late_fill_comes_back_into_the_ledger() -> None:
    lapsed = end(make_reservation(), "lapsed")
    ledger = Ledger().replace(make_reservation()).replace(lapsed).replace(fill(lapsed, 7, 1.0, NOW_MS))
    (exposure,) = ledger.exposures()
    assert (exposure.lots, exposure.risk) == (1.0, 500.0)


def test_replacing_by_the_same_state_changes_no_sum() -> None:
    ledger = Ledger().replace(make_reservation())
    assert ledger.replace(make_reservation()).exposures() == ledger.exposures()


def test_the_ledger_is_oldest_first_also_after_a_partial_fill() -> None:
    # As its docstring promises.
    ledger = Ledger().replace(make_reservation(id="old")).replace(make_reservation(id="new"))
    ledger = ledger.replace(fill(make_reservation(id="old"), 7, 0.4, NOW_MS))
    assert list(ledger.reservations) == ["old", "new"]


HUNDREDTHS = st.integers(1, 1_000).map(lambda steps: steps / 100)
CENTS = st.integers(0, 5_000_000)


class LedgerLife(RuleBasedStateMachine):
    """Reservations come, are filled, shown, given back and forgotten in any order; the sums must follow.

    `promised` and `reported` are what each reservation must hold, kept apart from it in exact numbers: lots still
    promised, and by ticket the lots reported and those of them that the terminal has shown.
    """

    known = Bundle("known")

    @initialize()
    def begin(self) -> None:
        self.ledger = Ledger()
        self.states: dict[str, Reservation] = {}
        self.promised: dict[str, Fraction] = {}
        self.reported: dict[str, dict[int, tuple[Fraction, Fraction]]] = {}
        self.ticket = 0
        self.before: tuple[Ledger, tuple[Any, ...]] = (self.ledger, ())

    def put(self, reservation: Reservation) -> None:
        self.before = self.ledger, self.ledger.exposures()
        self.ledger = self.ledger.replace(reservation)
        self.states[reservation.id] = reservation

    def report(self, name: str, ticket: int, lots: float) -> None:
        self.put(fill(self.states[name], ticket, lots, NOW_MS))
        before, shown = self.reported[name].get(ticket, (Fraction(0), Fraction(0)))
        more = max(Fraction(0), Fraction(str(lots)) - before)
        self.reported[name][ticket] = before + more, shown
        self.promised[name] = max(Fraction(0), self.promised[name] - more)

    @rule(
        target=known,
        lots=HUNDREDTHS,
        money=st.tuples(CENTS, CENTS, CENTS, CENTS),
        symbol=st.sampled_from(("EURUSD", "XAUUSD")),
        side=st.sampled_from(("buy", "sell")),
    )
    def reserve(self, lots: float, money: tuple[int, int, int, int], symbol: str, side: Any) -> str:
        name = f"r-{len(self.states)}"
        risk, worst, notional, margin = money
        self.promised[name], self.reported[name] = Fraction(str(lots)), {}
        self.put(
            make_reservation(
                id=name, lots=lots, symbol=symbol, side=side, risk_cents=risk, worst_cents=worst,
                notional_cents=notional, margin_cents=margin,
            )
        )  # fmt: skip
        return name

    @rule(name=known, lots=HUNDREDTHS)
    def fill_some(self, name: str, lots: float) -> None:
        self.ticket += 1
        self.report(name, self.ticket, lots)

    @rule(name=known)
    def fill_the_rest(self, name: str) -> None:
        rest = self.states[name].rest_lots
        if rest > 0:
            self.ticket += 1
            self.report(name, self.ticket, rest)
            assert self.states[name].state == "open"

    @rule(name=known, index=st.integers(0, 9), lots=HUNDREDTHS)
    def report_a_ticket_again(self, name: str, index: int, lots: float) -> None:
        if self.reported[name]:
            names = list(self.reported[name])
            self.report(name, names[index % len(names)], lots)

    @rule(name=known, index=st.integers(0, 9))
    def show(self, name: str, index: int) -> None:
        if self.reported[name]:
            names = list(self.reported[name])
            ticket = names[index % len(names)]
            self.put(seen(self.states[name], ticket))
            lots, _ = self.reported[name][ticket]
            self.reported[name][ticket] = lots, lots

    @rule(name=known, lots=HUNDREDTHS, index=st.integers(0, 9))
    def find(self, name: str, lots: float, index: int) -> None:
        names = [*self.reported[name]][: index + 1] or [self.ticket + 1]
        self.ticket += not self.reported[name]
        self.put(found(self.states[name], names[-1], lots, NOW_MS))
        before, shown = self.reported[name].get(names[-1], (Fraction(0), Fraction(0)))
        more = Fraction(str(lots))
        self.reported[name][names[-1]] = before + more, shown + more
        self.promised[name] = max(Fraction(0), self.promised[name] - more)

    @rule(name=known, how=st.sampled_from(("released", "lapsed")))
    def finish(self, name: str, how: Any) -> None:
        self.put(end(self.states[name], how))
        self.promised[name] = Fraction(0)

    @invariant()
    def each_holds_what_is_promised_or_reported_and_not_shown(self) -> None:
        for name, each in self.states.items():
            unseen = sum((lots - shown for lots, shown in self.reported[name].values()), Fraction(0))
            assert Fraction(str(each.rest_lots)) == self.promised[name]
            assert Fraction(str(each.held_lots)) == self.promised[name] + unseen
            exact = each.risk_cents * (self.promised[name] + unseen) / Fraction(str(each.lots))
            assert exact <= each.held_cents(each.risk_cents) <= exact + 2

    @invariant()
    def the_sum_is_that_of_the_parts(self) -> None:
        holding = [each for each in self.states.values() if each.held_lots > 0]
        assert {each.id for each in holding} == set(self.ledger.reservations)
        exposures = {(each.symbol, each.side): each for each in self.ledger.exposures()}
        assert set(exposures) == {(each.symbol, each.side) for each in holding}
        for key, exposure in exposures.items():
            parts = [each for each in holding if (each.symbol, each.side) == key]
            assert exposure.positions == len(parts)
            assert exposure.lots == pytest.approx(math.fsum(each.held_lots for each in parts), abs=1e-8)
            for figure in ("risk", "worst", "notional", "margin"):
                total = sum(each.held_cents(getattr(each, f"{figure}_cents")) for each in parts)
                assert getattr(exposure, figure) == total / 100
        assert self.ledger.worst_cents() == sum(each.held_cents(each.worst_cents) for each in holding)

    @invariant()
    def no_money_is_negative(self) -> None:
        for exposure in self.ledger.exposures():
            assert exposure.lots > 0
            assert min(exposure.risk, exposure.worst, exposure.notional, exposure.margin) >= 0
        assert all(each.rest_lots >= 0 for each in self.states.values())

    @invariant()
    def the_ledger_before_is_as_it_was(self) -> None:
        ledger, exposures = self.before
        assert ledger.exposures() == exposures


TestLedgerLife = LedgerLife.TestCase
TestLedgerLife.settings = settings(max_examples=150, stateful_step_count=30, deadline=None, print_blob=True)
