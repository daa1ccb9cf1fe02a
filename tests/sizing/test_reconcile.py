"""Reservations against what terminals show: which fill, position, order or deal is whose, and what is held."""

import dataclasses
import itertools
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sizing.ledger import Ledger, Reservation, end, fill
from sizing.reconcile import reconcile
from sizing.shown import SETTLED_MS, Shown
from sizing.snapshot import Deal, PendingOrder, Position, Side
from tests.builders import NOW_MS, make_deal, make_order, make_position
from tests.sizing.test_ledger import make_reservation

HOLD_MS = 30_000
OVER_MS = NOW_MS + HOLD_MS + SETTLED_MS
"""When a reservation made now ends."""
LATE_MS = OVER_MS + SETTLED_MS
"""When it ends at the latest, where deals speak of a position that is not shown."""
MAGIC = 5
IN, OUT, IN_OUT = 0, 1, 2


def promised(name: str = "r1", lots: float = 1.0, **over: Any) -> Reservation:
    """One lot of EURUSD to be bought by the EA with magic 5."""
    return make_reservation(**{"id": name, "lots": lots, "magic": MAGIC, **over})


def position(ticket: int = 7, volume: float = 1.0, **over: Any) -> Position:
    """A position of that EA, opened a second after the reservation."""
    return make_position(**{"ticket": ticket, "volume": volume, "magic": MAGIC, "time_ms": NOW_MS + 1_000, **over})


def order(ticket: int = 8, volume: float = 1.0, **over: Any) -> PendingOrder:
    """A pending order of that EA with the reservation's stop."""
    values = {"magic": MAGIC, "time_setup_ms": NOW_MS + 1_000, "sl": 1.095, **over}
    return make_order(ticket=ticket, volume_current=volume, **values)


def deal(ticket: int, position_id: int, volume: float = 1.0, entry: int = IN, **over: Any) -> Deal:
    """A deal of that EA, a second after the reservation."""
    values = {"magic": MAGIC, "time_ms": NOW_MS + 1_000, **over}
    return make_deal(ticket=ticket, position_id=position_id, volume=volume, entry=entry, **values)


def seen_by(*found: Position | PendingOrder | Deal, at_ms: int = OVER_MS, netting: bool = False) -> Shown:
    """A terminal's report of so much."""
    return Shown(
        tuple(each for each in found if isinstance(each, Position)),
        tuple(each for each in found if isinstance(each, PendingOrder)),
        tuple(each for each in found if isinstance(each, Deal)),
        at_ms,
        netting,
    )


def after(
    reservations: Iterable[Reservation], shown: Shown, now_ms: int | None = None, ended: Iterable[Reservation] = ()
) -> dict[str, Reservation]:
    """All reservations after a report, whatever the order it lists things in."""
    before, others = list(reservations), list(ended)
    now_ms = shown.at_ms if now_ms is None else now_ms
    changed = reconcile(before, lambda: others, shown, now_ms)
    turned = shown._replace(positions=shown.positions[::-1], orders=shown.orders[::-1], deals=shown.deals[::-1])
    assert reconcile(before[::-1], lambda: others[::-1], turned, now_ms) == changed
    result = {each.id: each for each in before} | {each.id: each for each in changed}
    again = reconcile(result.values(), lambda: others, shown, now_ms)
    # Once one has ended, a netting account's deals may explain another's fill.
    assert again == [] or shown.netting, "a report tells its news once"
    return result


def one(reservation: Reservation, shown: Shown, **over: Any) -> tuple[str, float, tuple[int, ...]]:
    """State, held lots and tickets of one reservation after a report."""
    (result,) = after([reservation], shown, **over).values()
    return result.state, result.held_lots, result.tickets


def many(reservations: Iterable[Reservation], shown: Shown, **over: Any) -> dict[str, tuple[str, tuple[int, ...]]]:
    """State and tickets by id."""
    return {name: (each.state, each.tickets) for name, each in after(reservations, shown, **over).items()}


# Reported fills ------------------------------------------------------------------------------------------------------

FILLED = fill(promised(), 7, 1.0, NOW_MS + 1_000, report_ms=NOW_MS)


def test_nothing_changes_where_nothing_happens() -> None:
    assert reconcile([], list, seen_by(), NOW_MS) == []
    assert reconcile([promised()], list, seen_by(at_ms=NOW_MS), NOW_MS) == []


@pytest.mark.parametrize(
    ("found", "held"),
    [
        pytest.param([position()], 0.0, id="the position"),
        pytest.param([position(volume=1.5)], 0.0, id="a larger position"),
        pytest.param([position(volume=0.9)], 1.0, id="not all of it yet"),
        pytest.param([position(magic=0)], 0.0, id="the ticket tells, not the magic"),
        pytest.param([position(symbol="XAUUSD")], 1.0, id="another symbol"),
        pytest.param([position(side="sell")], 1.0, id="another side"),
        pytest.param([position(ticket=6)], 1.0, id="another ticket"),
        pytest.param([], 1.0, id="nothing yet"),
        pytest.param([deal(1, 7)], 1.0, id="opened, but the position is not listed yet"),
        pytest.param([deal(1, 7), deal(2, 7, entry=OUT)], 0.0, id="opened and closed"),
        pytest.param([deal(1, 7, 0.4), deal(2, 7, 0.4, OUT)], 1.0, id="a part opened and closed"),
        pytest.param([deal(1, 7, 0.6), deal(2, 7, 0.6, OUT)], 1.0, id="a larger part opened and closed"),
        pytest.param([deal(1, 7), deal(2, 7, 0.4, OUT), position(volume=0.6)], 0.0, id="closed in part"),
        pytest.param([deal(1, 7), position(volume=0.6)], 1.0, id="deals and position of different moments"),
        pytest.param([deal(2, 7, entry=OUT)], 1.0, id="a history without its beginning"),
    ],
)
def test_a_fill_is_held_until_it_is_certainly_shown(found: list[Any], held: float) -> None:
    assert one(FILLED, seen_by(*found, at_ms=NOW_MS + 1_500))[1] == held


@pytest.mark.parametrize(
    ("at_ms", "now_ms", "report_ms", "held"),
    [
        (NOW_MS + 2_999, NOW_MS + 2_999, NOW_MS, 1.0),
        (NOW_MS + 3_000, NOW_MS + 3_000, NOW_MS, 0.0),
        (NOW_MS + 9_000, NOW_MS + 9_000, NOW_MS + 9_000, 1.0),
        (NOW_MS + 9_000, NOW_MS + 8_999, NOW_MS, 1.0),
    ],
    ids=["soon after", "2 s later: it is gone again", "the report that was current then", "the clock was set back"],
)
def test_a_fill_that_is_not_shown_is_let_go_by_a_later_report(
    at_ms: int, now_ms: int, report_ms: int, held: float
) -> None:
    filled = fill(promised(), 7, 1.0, NOW_MS + 1_000, report_ms=report_ms)
    assert one(filled, seen_by(at_ms=at_ms), now_ms=now_ms)[1] == held


def test_several_fills_are_shown_one_by_one() -> None:
    both = fill(fill(promised(), 7, 0.4, NOW_MS + 500), 9, 0.6, NOW_MS + 1_000)
    assert one(both, seen_by(position(7, 0.4), at_ms=NOW_MS + 1_500)) == ("open", 0.6, (7, 9))
    assert one(both, seen_by(position(7, 0.4), position(9, 0.6), at_ms=NOW_MS + 1_500)) == ("open", 0.0, (7, 9))


def test_two_reservations_do_not_share_one_positions_volume() -> None:
    first, second = (fill(promised(name, 0.5), 7, 0.5, NOW_MS + 1_000) for name in ("r1", "r2"))
    half = after([first, second], seen_by(position(volume=0.5), at_ms=NOW_MS + 1_500))
    assert [each.held_lots for each in half.values()] == [0.5, 0.5]
    whole = after([first, second], seen_by(position(volume=1.0), at_ms=NOW_MS + 1_500))
    assert [each.held_lots for each in whole.values()] == [0.0, 0.0]
    ended = first._replace(fills=(first.fills[0]._replace(shown=0.5),))
    assert after([second], seen_by(position(volume=0.5), at_ms=NOW_MS + 1_500), ended=[ended])["r2"].held_lots == 0.5


@pytest.mark.parametrize("how", ["released", "lapsed"])
def test_a_fill_after_the_end_is_held_until_it_is_shown(how: Any) -> None:
    late = fill(end(promised(), how), 7, 1.0, NOW_MS + 1_000)
    assert one(late, seen_by(at_ms=NOW_MS + 1_500)) == ("open", 1.0, (7,))
    assert one(late, seen_by(position(), at_ms=NOW_MS + 1_500)) == ("open", 0.0, (7,))


# Reported fills on netting accounts ----------------------------------------------------------------------------------

OLD = deal(1, 7, 2.0, time_ms=NOW_MS - 3_600_000)
"""Two lots of long ago."""


@pytest.mark.parametrize(
    ("found", "held"),
    [
        pytest.param([OLD, position(volume=2.0)], 1.0, id="the position of before is not ours"),
        pytest.param([OLD, deal(2, 7), position(volume=3.0)], 0.0, id="it has grown by our deal"),
        pytest.param([OLD, deal(2, 7), deal(3, 0, symbol=""), position(volume=3.0)], 0.0, id="and there was a deposit"),
        pytest.param([OLD, deal(2, 7, 0.4), deal(3, 7, 0.6), position(volume=3.0)], 0.0, id="in two deals"),
        pytest.param([OLD, deal(2, 7, 0.4), position(volume=2.4)], 1.0, id="a part of it"),
        pytest.param([OLD, deal(2, 7), position(volume=2.0)], 1.0, id="the position was listed before the deal"),
        pytest.param([OLD, deal(2, 7, magic=0), position(volume=3.0)], 1.0, id="it has grown by a manual deal"),
        pytest.param([deal(2, 7), position(volume=3.0)], 1.0, id="a history without its beginning"),
        pytest.param([position(volume=3.0)], 1.0, id="no history"),
        pytest.param(
            [OLD, deal(2, 7, entry=OUT), position(volume=1.0, side="sell")], 0.0, id="a sold one has shrunk by our deal"
        ),
        pytest.param(
            [OLD, deal(2, 7, entry=OUT), position(volume=1.0)], 1.0, id="a bought one has shrunk: that was a sale"
        ),
        pytest.param([deal(2, 7), position(symbol="XAUUSD")], 1.0, id="another symbol"),
        pytest.param([OLD, deal(2, 7, 2.0, OUT)], 0.0, id="the position is closed, and all deals are known"),
        pytest.param([deal(2, 7, 1.0, OUT)], 1.0, id="it is not listed, and not all deals are known"),
    ],
)
def test_on_netting_accounts_the_deals_show_a_fill(found: list[Any], held: float) -> None:
    assert one(FILLED, seen_by(*found, at_ms=NOW_MS + 1_500, netting=True))[1] == held


def test_a_deal_that_turns_the_position_round_is_wholly_the_fills() -> None:
    sold = deal(1, 7, 0.4, time_ms=NOW_MS - 60_000)
    shown = seen_by(sold, deal(2, 7, 1.0, IN_OUT), position(7, 0.6), at_ms=NOW_MS + 1_500, netting=True)
    assert one(FILLED, shown)[1] == 0.0


def test_what_was_made_on_the_other_side_before_the_turn_is_not_ours() -> None:
    found = [deal(1, 7, 0.4), deal(2, 7, 0.6), deal(3, 7, 1.2, IN_OUT, magic=0), position(7, 0.2)]
    assert one(FILLED, seen_by(*found, at_ms=NOW_MS + 1_500, netting=True))[1] == 1.0


def test_several_fills_go_into_one_position() -> None:
    first, second = (fill(promised(name, 0.5), 7, 0.5, NOW_MS + 1_000) for name in ("r1", "r2"))
    other = fill(promised("r3", 0.3, magic=6), 7, 0.3, NOW_MS + 1_000)
    found = [OLD, deal(2, 7, 0.5), deal(3, 7, 0.3, magic=6)]
    shown = seen_by(*found, position(volume=2.8), at_ms=NOW_MS + 1_500, netting=True)
    assert [each.held_lots for each in after([first, second, other], shown).values()] == [0.5, 0.5, 0.0]
    shown = seen_by(*found, deal(4, 7, 0.5), position(volume=3.3), at_ms=NOW_MS + 1_500, netting=True)
    assert [each.held_lots for each in after([first, second, other], shown).values()] == [0.0, 0.0, 0.0]


def test_deals_that_no_fill_explains_leave_it_open_whether_ours_is_among_them() -> None:
    found = [OLD, deal(2, 7, 1.2), position(volume=3.2)]
    assert one(FILLED, seen_by(*found, at_ms=NOW_MS + 1_500, netting=True))[1] == 1.0
    shown = seen_by(OLD, deal(2, 7), position(volume=3.0), at_ms=NOW_MS + 1_500, netting=True)
    earlier = after([FILLED], shown)["r1"]
    second = fill(promised("r2", created_ms=NOW_MS + 100), 7, 1.0, NOW_MS + 1_200)
    assert after([second], shown, ended=[earlier])["r2"].held_lots == 1.0, "the deal was the first one's"


def test_a_deal_that_may_be_another_reservations_shows_nothing_yet() -> None:
    shown = seen_by(OLD, deal(2, 7), position(volume=3.0), at_ms=NOW_MS + 1_500, netting=True)
    assert after([FILLED, promised("r2")], shown)["r1"].held_lots == 1.0
    assert after([FILLED, promised("r2", magic=6)], shown)["r1"].held_lots == 0.0


# The end of a reservation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at_ms", "now_ms", "state"),
    [
        (OVER_MS - 1, OVER_MS, "reserved"),
        (OVER_MS, OVER_MS, "lapsed"),
        (OVER_MS + 5, OVER_MS + 4, "reserved"),
    ],
    ids=["the report is too old", "time is over", "the clock was set back after the report"],
)
def test_a_lapse_waits_for_a_report_made_two_seconds_after_the_expiry(at_ms: int, now_ms: int, state: str) -> None:
    assert one(promised(), seen_by(at_ms=at_ms), now_ms=now_ms)[0] == state


CLOSED = [deal(1, 7), deal(2, 7, entry=OUT)]


@pytest.mark.parametrize(
    ("found", "state", "tickets"),
    [
        pytest.param([], "lapsed", (), id="nothing"),
        pytest.param([position()], "open", (7,), id="a position"),
        pytest.param([position(volume=0.3)], "open", (7,), id="a partial fill; the rest lapses"),
        pytest.param([position(volume=1.5)], "open", (7,), id="an over-fill"),
        pytest.param([position(time_ms=NOW_MS - 2_000)], "open", (7,), id="clocks that differ a little"),
        pytest.param([position(time_ms=NOW_MS - 2_001)], "lapsed", (), id="older than the answer"),
        pytest.param([position(magic=6)], "lapsed", (), id="another EA's"),
        pytest.param([position(magic=0)], "lapsed", (), id="a manual trade"),
        pytest.param([position(side="sell")], "lapsed", (), id="the other side"),
        pytest.param([position(symbol="XAUUSD")], "lapsed", (), id="another symbol"),
        pytest.param([order()], "open", (8,), id="a pending order"),
        pytest.param([order(time_setup_ms=NOW_MS - 5_000)], "lapsed", (), id="an order of before"),
        pytest.param([order(volume=0.4), position(8, 0.6)], "open", (8,), id="an order that is filled in part"),
        pytest.param([order(volume=0.3), position(7, 0.7)], "open", (7, 8), id="a position and an order"),
        pytest.param([position(7, 0.2), position(9, 0.5), position(11, 0.3)], "open", (7, 9, 11), id="three fills"),
        pytest.param(CLOSED, "open", (7,), id="opened and closed between two reports"),
        pytest.param([deal(1, 7, 0.5), *CLOSED[1:], deal(3, 7, 0.5)], "open", (7,), id="in two deals"),
        pytest.param([each for each in CLOSED if each.entry == OUT], "lapsed", (), id="only the closing deal"),
        pytest.param([dataclasses.replace(each, magic=0) for each in CLOSED], "lapsed", (), id="a manual one"),
        pytest.param([deal(1, 0), deal(2, 0, 5.0, symbol="")], "lapsed", (), id="deals without a position"),
        pytest.param([deal(1, 7), deal(2, 7, 0.7, OUT), position(7, 0.3)], "open", (7,), id="closed in part"),
    ],
)
@pytest.mark.parametrize("netting", [False, True])
def test_at_the_end_what_nobody_reported_is_looked_for(
    found: list[Any], state: str, tickets: tuple[int, ...], netting: bool
) -> None:
    ended, held, own = one(promised(), seen_by(*found, netting=netting))
    assert (ended, held, tuple(sorted(own))) == (state, 0.0, tickets)


@pytest.mark.parametrize("netting", [False, True])
def test_money_is_held_on_while_deals_speak_of_a_position_that_is_not_listed(netting: bool) -> None:
    # The terminal may have listed the positions a moment before the deal.
    for found in ([deal(1, 7)], [deal(1, 7, 0.4), deal(2, 7, 0.6), position(7, 0.4)]):
        assert one(promised(), seen_by(*found, netting=netting))[:2] == ("reserved", 1.0)
        assert one(promised(), seen_by(*found, at_ms=LATE_MS, netting=netting)) == ("open", 0.0, (7,))


def test_a_rest_after_reported_fills_ends_as_open() -> None:
    part = fill(promised(), 7, 0.3, NOW_MS + 500)
    assert one(part, seen_by(position(7, 0.3))) == ("open", 0.0, (7,))
    assert one(part, seen_by(position(7, 0.3), position(9, 0.7))) == ("open", 0.0, (7, 9))


@pytest.mark.parametrize("netting", [False, True])
def test_a_position_that_grew_without_a_word_stays_the_reservations(netting: bool) -> None:
    part = fill(promised(), 7, 0.3, NOW_MS + 500)
    shown = seen_by(position(7, 0.8), deal(1, 7, 0.3), deal(2, 7, 0.5), netting=netting)
    result = after([part, promised("r2", 0.5)], shown)
    if not netting:
        assert (result["r1"].fills[0].lots, result["r2"].state) == (0.8, "lapsed")
    else:
        assert (result["r1"].fills[0].lots, result["r2"].fills[0].lots) == (0.3, 0.5), "it fits that one exactly"
    assert result["r1"].held_lots == result["r2"].held_lots == 0.0


def test_what_a_known_ticket_still_hides_is_held_on() -> None:
    # The fill of 0.3 was told with this very report; the position that it shows is smaller.
    part = fill(promised(), 7, 0.3, OVER_MS, report_ms=OVER_MS)
    assert one(part, seen_by(position(7, 0.2))) == ("open", 0.3, (7,))


def test_a_late_word_of_what_was_found_changes_nothing() -> None:
    for found in (position(7, 0.6), order(7, 0.6), deal(1, 7, 0.6)):
        (result,) = after([promised()], seen_by(found, at_ms=LATE_MS)).values()
        assert fill(result, 7, 0.6, LATE_MS + 5) == result
        assert fill(result, 7, 0.8, LATE_MS + 5).held_lots == pytest.approx(0.2)


# Who is given what ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lots", "found", "expected"),
    [
        pytest.param((0.1, 1.0), (1.0,), ((), (0,)), id="an exact fit before the older reservation"),
        pytest.param((1.0, 0.7), (0.6, 0.4, 0.7), ((0, 1), (2,)), id="a sum of two, and an exact one"),
        pytest.param((1.0, 0.5), (0.5, 0.5, 0.5), ((1, 2), (0,)), id="three equal parts"),
        pytest.param((1.0, 0.4), (0.9,), ((0,), ()), id="smaller before larger"),
        pytest.param((0.4, 1.0), (0.5, 0.3), ((1,), (0,)), id="the nearest not larger first"),
        pytest.param((0.4, 0.3), (0.5,), ((0,), ()), id="too large for both: the one it exceeds less"),
        pytest.param((0.5, 0.5), (0.5,), ((0,), ()), id="one for two"),
        pytest.param((0.5, 0.5), (0.5, 0.5), ((0,), (1,)), id="two for two"),
        pytest.param((0.1, 0.2), (0.1, 0.1, 0.1), ((0,), (1, 2)), id="floats that do not add up"),
    ],
)
@pytest.mark.parametrize("kind", ["positions", "orders", "closed", "netting"])
def test_best_fits_first(
    lots: tuple[float, ...], found: tuple[float, ...], expected: tuple[tuple[int, ...], ...], kind: str
) -> None:
    # The first of equal ones stands nearest in time: deals follow each other by the millisecond.
    names = [f"r{number}" for number in range(len(lots))]
    reservations = [promised(name, each) for name, each in zip(names, lots, strict=True)]
    shown: list[Any] = []
    for number, volume in enumerate(found):
        made = NOW_MS + 1_000 + number
        if kind == "positions":
            shown.append(position(number, volume, time_ms=made))
        elif kind == "orders":
            shown.append(order(number, volume, time_setup_ms=made))
        else:
            ticket = 100 if kind == "netting" else 100 + number
            shown.append(deal(number, ticket, volume, time_ms=made))
            shown += [] if kind == "netting" else [deal(50 + number, ticket, volume, OUT)]
    if kind == "netting":
        shown.append(position(100, round(math.fsum(found), 8)))
    result = after(reservations, seen_by(*shown, netting=kind == "netting"))
    for name, own in zip(names, expected, strict=True):
        assert result[name].state == ("open" if own else "lapsed")
        assert math.fsum(each.lots for each in result[name].fills) == pytest.approx(math.fsum(found[n] for n in own))
        if kind == "positions":
            assert {*result[name].tickets} in ({*own}, {*own} ^ {0, 1, 2} if len(set(found)) == 1 else {*own})


def test_one_whose_time_is_not_over_is_left_what_fits_it_better() -> None:
    small, large = promised("r1", 0.1), promised("r2", 1.0, created_ms=NOW_MS + 500, expires_ms=NOW_MS + 60_000)
    result = after([small, large], seen_by(position()))
    assert (result["r1"].state, result["r2"].state, result["r2"].held_lots) == ("lapsed", "reserved", 1.0)


def test_of_equal_reservations_the_nearest_in_time_is_meant() -> None:
    old, new = promised("r1"), promised("r2", created_ms=NOW_MS + 20_000, expires_ms=OVER_MS + 20_000)
    late = seen_by(position(time_ms=NOW_MS + 20_500), at_ms=OVER_MS + 30_000)
    assert many([old, new], late) == {"r1": ("lapsed", ()), "r2": ("open", (7,))}


def test_two_eas_of_one_magic_take_each_position_once() -> None:
    both = [promised("r1", 0.5), promised("r2", 0.5)]
    assert sorted(many(both, seen_by(position(7, 0.5))).values()) == [("lapsed", ()), ("open", (7,))]
    assert sorted(many(both, seen_by(position(7, 0.5), position(9, 0.5))).values()) == [
        ("open", (7,)),
        ("open", (9,)),
    ]  # fmt: skip


def test_a_position_that_was_reported_for_one_is_not_anothers() -> None:
    told = after([fill(promised("r1"), 7, 1.0, NOW_MS + 500)], seen_by(position(), at_ms=NOW_MS + 900))["r1"]
    assert many([promised("r2")], seen_by(position()), ended=[told]) == {"r2": ("lapsed", ())}
    shown = seen_by(OLD, deal(2, 7), position(volume=3.0), netting=True)
    assert many([promised("r2")], shown, ended=[told]) == {"r2": ("lapsed", ())}
    shown = seen_by(OLD, deal(2, 7), deal(3, 7, 0.4), position(volume=3.4), netting=True)
    assert after([promised("r2")], shown, ended=[told])["r2"].fills[0].lots == 0.4


def test_a_requote_leaves_the_first_reservation_and_fills_the_second() -> None:
    given_back = end(promised("r1"), "released")
    again = promised("r2", created_ms=NOW_MS + 300, expires_ms=OVER_MS - SETTLED_MS)
    assert many([again], seen_by(position()), ended=[given_back]) == {"r2": ("open", (7,))}


def test_of_a_netting_position_only_the_deals_of_the_ea_are_its_own() -> None:
    found = [deal(2, 7, 0.4, magic=0), deal(3, 7, 0.6), position(volume=3.0, time_ms=NOW_MS - 9_000)]
    for shown in (seen_by(OLD, *found, netting=True), seen_by(*found, at_ms=LATE_MS, netting=True)):
        (result,) = after([promised()], shown).values()
        assert [(each.ticket, each.lots) for each in result.fills] == [(7, 0.6)]


def test_a_fill_of_long_ago_takes_no_deal_of_now() -> None:
    long_ago = fill(promised("r1", created_ms=NOW_MS - 90_000), 7, 2.0, NOW_MS - 80_000)
    shown = seen_by(OLD, deal(2, 7), position(volume=3.0), netting=True)
    assert many([promised("r2")], shown, ended=[long_ago]) == {"r2": ("open", (7,))}


def test_a_netting_position_without_its_deals_is_what_is_left_of_it() -> None:
    told = fill(promised("r1", 0.4), 7, 0.4, NOW_MS + 500)
    result = after([told, promised("r2", 0.6)], seen_by(position(volume=1.0), netting=True))
    assert result["r2"].fills[0].lots == 0.6
    assert after([told, promised("r2", 0.6)], seen_by(position(volume=0.4), netting=True))["r2"].state == "lapsed"


# Pending orders ------------------------------------------------------------------------------------------------------

WAITING = promised(order="pending")


@pytest.mark.parametrize(
    ("reservation", "found", "at_ms", "state"),
    [
        pytest.param(WAITING, [order()], NOW_MS + 3_000, "open", id="the very order"),
        pytest.param(WAITING, [order()], NOW_MS + 2_999, "reserved", id="placed just now"),
        pytest.param(WAITING, [order(time_setup_ms=NOW_MS - 1_900)], NOW_MS + 1_999, "reserved", id="asked just now"),
        pytest.param(WAITING, [order(volume=0.5)], NOW_MS + 3_000, "reserved", id="a part"),
        pytest.param(WAITING, [order(sl=1.094)], NOW_MS + 3_000, "reserved", id="another stop"),
        pytest.param(WAITING, [order(sl=None)], NOW_MS + 3_000, "reserved", id="no stop"),
        pytest.param(WAITING, [order(magic=0)], NOW_MS + 3_000, "reserved", id="a manual one"),
        pytest.param(WAITING, [order(side="sell")], NOW_MS + 3_000, "reserved", id="the other side"),
        pytest.param(WAITING, [order(time_setup_ms=NOW_MS - 9_000)], NOW_MS + 3_000, "reserved", id="one of before"),
        pytest.param(WAITING, [position()], NOW_MS + 3_000, "reserved", id="a position that nobody reported yet"),
        pytest.param(promised(), [order()], NOW_MS + 3_000, "reserved", id="asked for a market order"),
    ],
)
@pytest.mark.parametrize("netting", [False, True])
def test_a_pending_order_is_recognised_by_volume_and_stop(
    reservation: Reservation, found: list[Any], at_ms: int, state: str, netting: bool
) -> None:
    assert one(reservation, seen_by(*found, at_ms=at_ms, netting=netting))[0] == state


def test_each_order_is_recognised_once() -> None:
    both = [WAITING, WAITING._replace(id="r2", created_ms=NOW_MS + 900)]
    shown = seen_by(order(), at_ms=NOW_MS + 5_000)
    first = after(both, shown)
    assert {name: each.tickets for name, each in first.items()} == {"r1": (), "r2": (8,)}
    shown = seen_by(order(), order(9), at_ms=NOW_MS + 6_000)
    assert after([first["r1"]], shown, ended=[first["r2"]])["r1"].tickets == (9,)
    assert {each.tickets for each in after(both, shown).values()} == {(8,), (9,)}


def test_an_order_that_is_recognised_is_nobody_elses_at_the_end() -> None:
    market = promised("r2", 0.4)
    assert many([WAITING, market], seen_by(order())) == {"r1": ("open", (8,)), "r2": ("lapsed", ())}


@pytest.mark.parametrize("netting", [False, True])
def test_an_order_that_fills_under_another_ticket_is_neither_lost_nor_counted_for_long(netting: bool) -> None:
    recognised = after([WAITING], seen_by(order(), at_ms=NOW_MS + 3_000, netting=netting))["r1"]
    assert recognised.held_lots == 0.0
    made = NOW_MS + 60_000
    told = fill(recognised, 9, 1.0, made, report_ms=NOW_MS + 3_000)
    assert told.held_lots == 1.0
    shown = seen_by(position(9, time_ms=made), deal(1, 9, time_ms=made), at_ms=made + 2_000, netting=netting)
    assert after([told], shown)["r1"].held_lots == 0.0
    assert fill(recognised, 8, 1.0, made) == recognised, "under its own ticket it is known already"


def test_the_fill_of_a_recognised_order_on_a_netting_account_is_no_news_for_others() -> None:
    recognised = after([WAITING], seen_by(order(), at_ms=NOW_MS + 3_000, netting=True))["r1"]
    asked = promised("r2")
    shown = seen_by(OLD, deal(2, 7), position(volume=3.0), netting=True)
    assert many([asked], shown, ended=[recognised]) == {"r2": ("lapsed", ())}
    shown = seen_by(OLD, deal(2, 7), order(), position(volume=3.0), netting=True)
    assert many([asked], shown, ended=[recognised]) == {"r2": ("open", (7,))}, "that order is still waiting"


# Any order of events -------------------------------------------------------------------------------------------------

STEP = 100
"""Hundredths of a lot make one."""
MAGICS = (5, 6)
LAG_MS = 1_900
"""How long before a report arrives the terminal may have been read: less than the two seconds that are waited."""


@dataclasses.dataclass
class Trade:
    """One order of an EA at the broker, in hundredths of a lot."""

    reservation: str
    ticket: int
    waiting: int
    opened: int = 0
    closed: int = 0
    told: int = 0
    position: int = 0

    @property
    def real(self) -> int:
        """What may lose money, or come to."""
        return self.waiting + self.opened - self.closed


class View(NamedTuple):
    """The terminal's lists at a moment, and what each order was then."""

    made_ms: int
    positions: tuple[Position, ...]
    orders: tuple[PendingOrder, ...]
    deals: tuple[Deal, ...]
    opened: dict[int, int]
    real: dict[int, int]


class Broker:
    """A market of one symbol, netting or hedging, that fills whatever is asked."""

    def __init__(self, netting: bool) -> None:
        self.netting = netting
        self.trades: dict[int, Trade] = {}
        self.owners: dict[int, tuple[Side, int, int]] = {}
        self.deals: list[Deal] = []
        self.net = 0
        self.position = self.position_id = 0
        self.opened_ms = 0
        self.magic = 0
        self.tickets = itertools.count(1_000)

    def order(self, reservation: str, side: Side, magic: int, steps: int, now_ms: int) -> Trade:
        trade = Trade(reservation, next(self.tickets), steps)
        self.trades[trade.ticket] = trade
        self.owners[trade.ticket] = side, magic, now_ms
        return trade

    def execute(self, trade: Trade, steps: int, now_ms: int, moved: bool = False) -> None:
        side, magic, _ = self.owners[trade.ticket]
        trade.waiting -= steps
        trade.opened += steps
        if self.netting:
            self.net_deal(side, magic, steps, now_ms, trade.ticket)
            trade.position = self.position or trade.ticket
        else:
            trade.position = trade.position or (next(self.tickets) if moved else trade.ticket)
            self.deal(trade.position, IN, magic, steps, now_ms)

    def close(self, trade: Trade, steps: int, now_ms: int) -> None:
        trade.closed += steps
        self.deal(trade.position, OUT, self.owners[trade.ticket][1], steps, now_ms)

    def net_deal(self, side: Side, magic: int, steps: int, now_ms: int, ticket: int) -> None:
        signed = steps if side == "buy" else -steps
        before, self.net = self.net, self.net + signed
        if before == 0:
            self.position = self.position_id = ticket
            self.opened_ms, self.magic = now_ms, magic
        elif before * self.net < 0:
            self.position = ticket
        entry = IN if before * signed >= 0 else IN_OUT if before * self.net < 0 else OUT
        self.deal(self.position_id, entry, magic, steps, now_ms)
        self.position = self.position if self.net else 0

    def deal(self, position_id: int, entry: int, magic: int, steps: int, now_ms: int) -> None:
        self.deals.append(deal(next(self.tickets), position_id, steps / STEP, entry, magic=magic, time_ms=now_ms))

    def view(self, now_ms: int) -> View:
        held: list[Position] = []
        orders = []
        for trade in self.trades.values():
            side, magic, made_ms = self.owners[trade.ticket]
            if trade.waiting and trade.reservation:
                shape = {"side": side, "magic": magic, "time_setup_ms": made_ms}
                orders.append(order(trade.ticket, trade.waiting / STEP, **shape))
            if trade.opened > trade.closed and not self.netting:
                left = (trade.opened - trade.closed) / STEP
                held.append(position(trade.position, left, side=side, magic=magic, time_ms=made_ms))
        if self.net:
            side = "buy" if self.net > 0 else "sell"
            volume = abs(self.net) / STEP
            held.append(position(self.position, volume, side=side, magic=self.magic, time_ms=self.opened_ms))
        opened = {ticket: trade.opened for ticket, trade in self.trades.items()}
        real = {ticket: trade.real for ticket, trade in self.trades.items()}
        return View(now_ms, tuple(held), tuple(orders), tuple(self.deals), opened, real)


class Trading(RuleBasedStateMachine):
    """EAs ask, trade, tell, repeat and forget to tell; others trade by hand; reports come late; clocks are set back.

    The EAs are honest: they send no order after the expiry or a release. Whatever else happens, no lot that is open or
    waiting at the broker may be neither in the terminal's last report nor held.
    """

    netting = False

    @initialize()
    def begin(self) -> None:
        self.true_ms = NOW_MS
        self.set_back_ms = 0
        self.broker = Broker(self.netting)
        self.ledger = Ledger()
        self.every: dict[str, Reservation] = {}
        self.left: dict[str, int] = {}
        self.until: dict[str, int] = {}
        self.view = self.broker.view(self.true_ms)
        self.shown = seen_by(at_ms=self.now_ms, netting=self.netting)
        self.views: list[View] = []

    @property
    def now_ms(self) -> int:
        return self.true_ms - self.set_back_ms

    def put(self, reservation: Reservation) -> None:
        self.every[reservation.id] = reservation
        self.ledger = self.ledger.replace(reservation)

    def settle(self) -> None:
        holding = list(self.ledger.reservations.values())
        others = [each for each in self.every.values() if each.id not in self.ledger.reservations]
        before = {ticket for each in self.every.values() for ticket in each.tickets}
        after([*holding], self.shown, now_ms=self.now_ms, ended=others)
        fresh: list[int] = []
        for each in reconcile(holding, lambda: others, self.shown, self.now_ms):
            fresh += set(each.tickets) - set(self.every[each.id].tickets)
            self.put(each)
        assert before.isdisjoint(fresh) or self.netting
        assert len(fresh) == len(set(fresh)) or self.netting, "each position is taken by one reservation only"

    # EAs

    @rule(
        steps=st.integers(1, 6),
        side=st.sampled_from(("buy", "sell")),
        magic=st.sampled_from(MAGICS),
        kind=st.sampled_from(("market", "market", "pending")),
    )
    def ask(self, steps: int, side: Any, magic: int, kind: Any) -> None:
        name = f"r{len(self.every)}"
        self.put(
            make_reservation(
                id=name, lots=steps / STEP, side=side, magic=magic, order=kind, created_ms=self.now_ms,
                expires_ms=self.now_ms + HOLD_MS,
            )
        )  # fmt: skip
        self.left[name] = steps
        self.until[name] = self.true_ms + HOLD_MS

    def able(self, kind: str) -> list[Reservation]:
        return [
            each
            for each in self.every.values()
            if each.order == kind and self.left[each.id] and self.true_ms <= self.until[each.id]
        ]

    @precondition(lambda self: self.able("market"))
    @rule(data=st.data(), moved=st.booleans())
    def buy_or_sell(self, data: Any, moved: bool) -> None:
        each = data.draw(st.sampled_from(self.able("market")))
        steps = data.draw(st.integers(1, self.left[each.id]))
        self.left[each.id] -= steps
        trade = self.broker.order(each.id, each.side, each.magic, steps, self.true_ms)
        self.broker.execute(trade, steps, self.true_ms, moved)

    @precondition(lambda self: self.able("pending"))
    @rule(data=st.data())
    def place(self, data: Any) -> None:
        each = data.draw(st.sampled_from(self.able("pending")))
        self.broker.order(each.id, each.side, each.magic, self.left[each.id], self.true_ms)
        self.left[each.id] = 0

    def placed(self) -> list[Trade]:
        return [each for each in self.broker.trades.values() if each.waiting]

    @precondition(lambda self: self.placed())
    @rule(data=st.data(), moved=st.booleans())
    def trigger(self, data: Any, moved: bool) -> None:
        trade = data.draw(st.sampled_from(self.placed()))
        self.broker.execute(trade, data.draw(st.integers(1, trade.waiting)), self.true_ms, moved)

    def open_trades(self) -> list[Trade]:
        return [each for each in self.broker.trades.values() if each.opened > each.closed]

    @precondition(lambda self: not self.netting and self.open_trades())
    @rule(data=st.data())
    def close(self, data: Any) -> None:
        trade = data.draw(st.sampled_from(self.open_trades()))
        self.broker.close(trade, data.draw(st.integers(1, trade.opened - trade.closed)), self.true_ms)

    def untold(self) -> list[Trade]:
        return [each for each in self.broker.trades.values() if each.reservation and each.opened]

    @precondition(lambda self: self.untold())
    @rule(data=st.data())
    def tell(self, data: Any) -> None:
        trade = data.draw(st.sampled_from(self.untold()))
        trade.told = trade.opened
        mine = [
            each.told
            for each in self.broker.trades.values()
            if (each.reservation, each.position) == (trade.reservation, trade.position)
        ]
        before = self.every[trade.reservation]
        self.put(fill(before, trade.position, sum(mine) / STEP, self.now_ms, self.shown.at_ms))

    @precondition(lambda self: self.every)
    @rule(data=st.data())
    def release(self, data: Any) -> None:
        name = data.draw(st.sampled_from(sorted(self.every)))
        trades = [each for each in self.broker.trades.values() if each.reservation == name]
        if all(each.told == each.opened and not each.waiting for each in trades):
            self.left[name] = 0
            self.put(end(self.every[name], "released"))

    @rule(steps=st.integers(1, 6), side=st.sampled_from(("buy", "sell")))
    def trade_by_hand(self, steps: int, side: Any) -> None:
        trade = self.broker.order("", side, 0, steps, self.true_ms)
        self.broker.execute(trade, steps, self.true_ms)

    # Time and reports

    @rule(ms=st.sampled_from((1, 300, 700, 1_000, 2_000, 2_001, 10_000, HOLD_MS, HOLD_MS + SETTLED_MS)))
    def wait(self, ms: int) -> None:
        self.true_ms += ms

    @rule(ms=st.sampled_from((500, 3_000, 60_000)))
    def set_back(self, ms: int) -> None:
        self.set_back_ms += ms
        # The EA still goes by its own clock.

    @rule()
    def look(self) -> None:
        self.views.append(self.broker.view(self.true_ms))

    @rule(fresh=st.booleans())
    def report(self, fresh: bool) -> None:
        waiting = [each for each in self.views if each.made_ms >= self.true_ms - LAG_MS]
        view = waiting[0] if waiting and not fresh else self.broker.view(self.true_ms)
        if view.made_ms >= self.view.made_ms:
            self.view = view
            self.views = [each for each in waiting if each.made_ms > view.made_ms]
            self.shown = Shown(view.positions, view.orders, view.deals, self.now_ms, self.netting)
        self.settle()

    @rule()
    def housekeep(self) -> None:
        self.settle()

    # What must hold

    @invariant()
    def whatever_is_open_is_shown_or_held(self) -> None:
        unshown: dict[tuple[Side, int], int] = {}
        single: dict[str, int] = {}
        for ticket, trade in self.broker.trades.items():
            if trade.reservation:
                real = trade.real if not self.netting else trade.waiting + trade.opened
                missing = max(0, real - self.view.real.get(ticket, 0))
                key = self.broker.owners[ticket][:2]
                unshown[key] = unshown.get(key, 0) + missing
                single[trade.reservation] = single.get(trade.reservation, 0) + missing
        held: dict[tuple[Side, int], float] = {}
        for each in self.every.values():
            held[each.side, each.magic] = held.get((each.side, each.magic), 0.0) + each.held_lots
            if each.order == "market" and not self.netting:
                assert each.held_lots * STEP >= single.get(each.id, 0) - 1e-6
        for key, steps in unshown.items():
            assert held[key] * STEP >= steps - 1e-6

    @invariant()
    def the_ledger_is_the_sum_of_its_parts(self) -> None:
        holding = [each for each in self.every.values() if each.held_lots > 0]
        assert {each.id for each in holding} == set(self.ledger.reservations)
        for exposure in self.ledger.exposures():
            parts = [each for each in holding if each.side == exposure.side]
            assert exposure.lots == pytest.approx(math.fsum(each.held_lots for each in parts), abs=1e-8)
            assert exposure.risk == sum(each.held_cents(each.risk_cents) for each in parts) / 100
        assert self.ledger.worst_cents() == sum(each.held_cents(each.worst_cents) for each in holding)

    @invariant()
    def what_was_traded_by_hand_is_no_reservations(self) -> None:
        by_hand = {each.position for each in self.broker.trades.values() if not each.reservation}
        assert self.netting or by_hand.isdisjoint(ticket for each in self.every.values() for ticket in each.tickets)

    def teardown(self) -> None:
        self.true_ms += HOLD_MS + 2 * SETTLED_MS + self.set_back_ms
        self.report(fresh=True)
        assert not self.ledger.reservations, "nothing is held for ever"
        for each in self.every.values():
            matched = math.fsum(one.lots for one in each.fills)
            if each.state == "lapsed":
                assert matched == 0


class Netting(Trading):
    """The same on an account with one position for the symbol."""

    netting = True


TestHedging = Trading.TestCase
TestNetting = Netting.TestCase
TestHedging.settings = TestNetting.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, print_blob=True
)


STEPS = st.integers(1, 8)


@given(
    lots=st.lists(STEPS, min_size=1, max_size=5),
    found=st.lists(st.tuples(STEPS, st.integers(0, 5_000), st.sampled_from((MAGIC, 6, 0))), max_size=6),
    netting=st.booleans(),
)
def test_at_the_end_every_piece_goes_to_one_and_none_is_left_that_fits(
    lots: list[int], found: list[tuple[int, int, int]], netting: bool
) -> None:
    reservations = [promised(f"r{number}", steps / STEP) for number, steps in enumerate(lots)]
    shown = [
        order(number, steps / STEP, magic=magic, time_setup_ms=NOW_MS + ms)
        for number, (steps, ms, magic) in enumerate(found)
    ]
    result = after(reservations, seen_by(*shown, at_ms=LATE_MS, netting=netting))
    taken = [ticket for each in result.values() for ticket in each.tickets]
    assert len(taken) == len(set(taken))
    ours = {number for number, (_, _, magic) in enumerate(found) if magic == MAGIC}
    assert {*taken} <= ours
    assert all(each.held_lots == 0 for each in result.values())
    assert all((each.state == "open") == bool(each.fills) for each in result.values())
    if ours - {*taken}:
        assert all(sum(each.lots for each in one.fills) >= one.lots - 1e-9 for one in result.values())
    for steps in {*lots}:
        same = [each for each in result.values() if each.lots == steps / STEP]
        exact = [number for number in ours if found[number][0] == steps]
        filled = [each for each in same if math.fsum(part.lots for part in each.fills) == each.lots]
        assert len(filled) >= min(len(same), len(exact)), "an exact fit is never given away"
