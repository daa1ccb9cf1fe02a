"""What the daemon orders for open positions, carried out by an EA: against a scripted daemon and a small broker."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import LOGIN, NOW_MS
from tests.mql5.conftest import Program
from tests.mql5.driver import MARGIN_US, Driver
from tests.mql5.peers import Peer, Talk, frame, playing

BUY, SELL, NETTING = 0, 1, 0
DEAL, PENDING, SLTP, REMOVE = 1, 5, 6, 8
DONE, PARTIAL, PLACED, REQUOTE = 10009, 10010, 10008, 10004
TIMEOUT, CONNECTION = 10012, 10031
DEADLINE_MS = 10_000


class Desk:
    """A daemon that hands out what the test gives it, and repeats a reply to the same id as the real one does."""

    def __init__(self) -> None:
        self.handed: list[list[dict[str, Any]]] = []
        """What the next questions are answered with; afterwards nothing is to be done."""
        self.asked: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []
        """Reports, every repetition."""
        self.over: dict[str, Any] = {}
        """Fields of the next manage replies."""
        self.deaf: set[str] = set()
        """Types of requests that are taken and not answered: the connection ends."""
        self.silent = False
        """Nothing is answered, and the connection stays."""
        self._known: dict[str, dict[str, Any]] = {}
        self._number = 0
        self._end = threading.Event()

    def give(self, *todos: dict[str, Any]) -> list[str]:
        """Instructions for the next question; their ids."""
        made = []
        for todo in todos:
            self._number += 1
            made.append({"id": f"i{self._number}-1", **todo})
        self.handed.append(made)
        return [each["id"] for each in made]

    def play(self, talk: Talk, _number: int) -> None:
        talk.greet()
        while True:
            request = talk.request()
            (self.asked if request["type"] == "manage" else self.told).append(request)
            if request["id"] not in self._known:
                self._known[request["id"]] = self._reply(request)
            if self.silent:
                self._end.wait(60)
                return
            if request["type"] in self.deaf:
                return
            talk.send(frame(json.dumps(self._known[request["id"]]).encode()))

    def _reply(self, request: dict[str, Any]) -> dict[str, Any]:
        common = {"v": 1, "type": request["type"], "id": request["id"], "status": "ok", "code": None, "message": None}
        common["server_ms"] = NOW_MS
        if request["type"] == "report":
            return {**common, "instruction": request["instruction"], "state": request["status"]}
        assert request["type"] == "manage", "an instruction's fills and releases are the daemon's own"
        todos = self.handed.pop(0) if self.handed else []
        return {**common, "instructions": todos, "skipped": [], "problems": [], **self.over}

    def end(self) -> None:
        self._end.set()

    def results(self) -> list[tuple[str, str, float]]:
        """What was reported: instruction, status, lots."""
        return [(each["instruction"], each["status"], each["lots"]) for each in self.told]


def todo(kind: str, ticket: int = 500, **over: Any) -> dict[str, Any]:
    """An instruction for the position that the tests hold, a buy of 1 lot."""
    plain = {
        "kind": kind,
        "ticket": ticket,
        "symbol": "EURUSD",
        "side": "buy",
        "lots": 1.0,
        "price": None,
        "stop_loss": None,
        "take_profit": None,
        "order": "market",
        "magic": 7,
        "rule": "active/partial_profit",
        "reason": "The profit is 15.2 %.",
        "expires_ms": NOW_MS + 30_000,
        "reservation": None,
        "decision": None,
    }
    return {**plain, **over}


def opening(**over: Any) -> dict[str, Any]:
    """An opening of half a lot, sized at the ask."""
    return todo("open", 0, **{"lots": 0.5, "price": 1.1001, "stop_loss": 1.095, "reservation": "r9", **over})


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def peer(desk: Desk) -> Iterator[Peer]:
    with playing(desk.play) as peer:
        try:
            yield peer
        finally:
            desk.end()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The terminal's global variables."""
    return tmp_path / "gvariables.dat"


def begin(terminal: Driver, peer: Peer, kept: Path, **over: Any) -> None:
    terminal.do("begin", login=LOGIN, now_ms=NOW_MS, globals=str(kept))
    terminal.do("connect", **{"address": peer.address, "deadline_ms": DEADLINE_MS, **over})


@pytest.fixture
def terminal(program: Program, peer: Peer, kept: Path) -> Iterator[Driver]:
    """A hedging account with a buy of 1 lot at a profit, ticket 500."""
    with Driver(program("instructions")) as terminal:
        begin(terminal, peer, kept)
        terminal.do("hold", ticket=500, sl=1.08, tp=1.2)
        yield terminal


def one(seen: dict[str, Any]) -> dict[str, Any]:
    """The one position."""
    (position,) = seen["positions"]
    found: dict[str, Any] = position
    return found


# Carried out --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", [2, NETTING], ids=["hedging", "netting"])
def test_a_part_is_closed_by_the_opposite_deal_with_the_ticket(terminal: Driver, desk: Desk, account: int) -> None:
    terminal.do("set", what="account", value=account)
    (name,) = desk.give(todo("close_partial", lots=0.37))
    seen = terminal.do("timer")
    (sent,) = seen["sent"]
    assert (sent["action"], sent["type"], sent["position"], sent["volume"]) == (DEAL, SELL, 500, 0.37)
    assert (sent["price"], sent["deviation"], sent["filling"]) == (1.1, 20, 0)
    assert (sent["comment"], sent["magic"]) == (f"lotbridge {name}", 7)
    assert one(seen)["volume"] == 0.63
    assert seen["waiting"] == 0
    (told,) = desk.told
    assert {key: told[key] for key in ("instruction", "status", "ticket", "lots", "price", "retcode")} == {
        "instruction": name, "status": "done", "ticket": 500, "lots": 0.37, "price": 1.1, "retcode": DONE,
    }  # fmt: skip


@pytest.mark.parametrize("account", [2, NETTING], ids=["hedging", "netting"])
def test_a_position_is_closed(terminal: Driver, desk: Desk, account: int) -> None:
    terminal.do("set", what="account", value=account)
    terminal.do("hold", ticket=501, side=SELL, lots=0.3, symbol="GBPUSD")
    (name,) = desk.give(todo("close", 501, side="sell", lots=0.3, symbol="GBPUSD"))
    seen = terminal.do("timer")
    (sent,) = seen["sent"]
    assert (sent["type"], sent["position"], sent["volume"], sent["price"]) == (BUY, 501, 0.3, 1.3001)
    assert one(seen)["ticket"] == 500
    assert desk.results() == [(name, "done", 0.3)]


@pytest.mark.parametrize("flags", [(1, 2, 0), (2, 2, 1), (0, 3, 2)])
def test_the_filling_mode_is_the_symbols(terminal: Driver, desk: Desk, flags: tuple[int, int, int]) -> None:
    terminal.do("set", what="filling", value=flags[0])
    terminal.do("set", what="execution", value=flags[1])
    desk.give(todo("close"))
    assert terminal.do("timer")["sent"][0]["filling"] == flags[2]


def test_a_stop_is_moved(terminal: Driver, desk: Desk) -> None:
    """Both prices are set; one off the ticks goes towards the price."""
    (name,) = desk.give(todo("modify_stop", stop_loss=1.0920032, take_profit=None))
    seen = terminal.do("timer")
    (sent,) = seen["sent"]
    assert (sent["action"], sent["position"], sent["sl"], sent["tp"]) == (SLTP, 500, 1.09201, 0)
    assert (one(seen)["sl"], one(seen)["tp"]) == (1.09201, 0)
    (told,) = desk.told
    assert (told["instruction"], told["status"], told["lots"], told["ticket"]) == (name, "done", 0, 500)
    assert "price" not in told


def test_a_first_stop_may_be_anywhere_the_broker_takes(terminal: Driver, desk: Desk) -> None:
    terminal.do("hold", ticket=501)
    desk.give(todo("modify_stop", 501, stop_loss=1.05))
    assert terminal.do("timer")["positions"][1]["sl"] == 1.05


def test_stops_that_are_so_already_are_done(terminal: Driver, desk: Desk) -> None:
    (name,) = desk.give(todo("modify_stop", stop_loss=1.08, take_profit=1.2))
    assert terminal.do("timer")["sent"] == []
    assert desk.results() == [(name, "done", 0)]


def test_an_opening_is_reported_with_its_position(terminal: Driver, desk: Desk) -> None:
    (name,) = desk.give(opening(take_profit=1.11, magic=9))
    seen = terminal.do("timer")
    (sent,) = seen["sent"]
    assert (sent["action"], sent["type"], sent["volume"], sent["price"]) == (DEAL, BUY, 0.5, 1.1001)
    assert (sent["sl"], sent["tp"], sent["magic"], sent["position"]) == (1.095, 1.11, 9, 0)
    assert sent["deviation"] == 10, "no worse than the guard allows"
    made = next(each for each in seen["positions"] if each["ticket"] != 500)
    (told,) = desk.told
    assert (told["status"], told["lots"], told["ticket"], told["price"]) == ("done", 0.5, made["ticket"], 1.1001)
    assert told["instruction"] == name


def test_an_opening_in_parts_is_told_part_by_part(terminal: Driver, desk: Desk) -> None:
    """Cumulative lots at the mean price; the broker's order rests between them."""
    terminal.do("set", what="filling", value=0)
    terminal.do("script", retcode=PARTIAL, part=0.4, rests=True)
    (name,) = desk.give(opening())
    assert terminal.do("timer")["waiting"] == 1
    terminal.do("quote", bid=1.1002)
    terminal.do("fill", lots=0.1)
    terminal.do("quote", bid=1.1)
    terminal.do("fill", lots=0.2)
    assert terminal.do("timer")["waiting"] == 0
    assert desk.results() == [(name, "partial", 0.2), (name, "partial", 0.3), (name, "done", 0.5)]
    assert [each["price"] for each in desk.told] == pytest.approx(
        [1.1001, (0.4 * 1.1001 + 0.2 * 1.1003) / 0.6, 1.10014]
    )
    assert len({each["ticket"] for each in desk.told}) == 1


@pytest.mark.parametrize("kind", ["open", "close"])
def test_what_is_filled_in_part_only_is_done_with_that(terminal: Driver, desk: Desk, kind: str) -> None:
    """Once the order is over and nothing more can come."""
    terminal.do("script", retcode=PARTIAL, part=0.4)
    (name,) = desk.give(opening() if kind == "open" else todo("close"))
    lots = 0.2 if kind == "open" else 0.4
    assert terminal.do("timer")["waiting"] == 1
    assert desk.results() == [(name, "partial", lots)]
    terminal.do("timer", ms=1_900)
    assert desk.results() == [(name, "partial", lots)]
    assert terminal.do("timer", ms=100)["waiting"] == 0
    assert desk.results() == [(name, "partial", lots), (name, "done", lots)]
    assert desk.told[1]["price"] == desk.told[0]["price"]
    assert desk.told[1]["ticket"] == desk.told[0]["ticket"]


def test_a_placed_opening_that_ends_unfilled_has_failed(terminal: Driver, desk: Desk) -> None:
    terminal.do("script", retcode=PLACED, part=0.0, rests=True)
    (name,) = desk.give(opening())
    assert terminal.do("timer")["waiting"] == 1
    assert desk.told == []
    terminal.do("end")
    terminal.do("timer", ms=1_000)
    assert desk.told == []
    terminal.do("timer", ms=2_000)
    assert desk.results() == [(name, "failed", 0)]


@pytest.mark.parametrize(
    ("order", "side", "price", "stop", "type_"),
    [
        ("limit", "buy", 1.098, 1.09, 2),
        ("limit", "sell", 1.102, 1.11, 3),
        ("stop", "buy", 1.102, 1.095, 4),
        ("stop", "sell", 1.098, 1.105, 5),
        ("stop_limit", "buy", 1.102, 1.095, 6),
        ("stop_limit", "sell", 1.098, 1.105, 7),
    ],
)
def test_an_order_that_waits_is_placed_and_its_fill_told(
    terminal: Driver, desk: Desk, order: str, side: str, price: float, stop: float, type_: int
) -> None:
    (name,) = desk.give(opening(order=order, side=side, price=price, stop_loss=stop))
    seen = terminal.do("timer")
    (sent,) = seen["sent"]
    assert (sent["action"], sent["type"], sent["price"], sent["sl"]) == (PENDING, type_, price, stop)
    assert sent["stoplimit"] == (price if order == "stop_limit" else 0)
    assert (sent["filling"], sent["volume"], sent["magic"], sent["comment"]) == (2, 0.5, 7, f"lotbridge {name}")
    assert len(seen["orders"]) == 1
    terminal.do("timer", ms=86_400_000)
    assert desk.told == [], "it waits"
    terminal.do("fill", lots=0.5)
    assert desk.results() == [(name, "done", 0.5)]
    assert desk.told[0]["price"] == price


def test_a_pending_order_is_cancelled(terminal: Driver, desk: Desk) -> None:
    terminal.do("hold", ticket=600, waits=2, price=1.09)
    (name,) = desk.give(todo("cancel", 600))
    seen = terminal.do("timer")
    (sent,) = seen["sent"]
    assert (sent["action"], sent["order"], seen["orders"]) == (REMOVE, 600, [])
    assert desk.results() == [(name, "done", 0)]


def test_several_are_carried_out_in_their_order(terminal: Driver, desk: Desk) -> None:
    names = desk.give(todo("close_partial", lots=0.5), todo("modify_stop", stop_loss=1.09), todo("close", lots=0.5))
    seen = terminal.do("timer")
    assert [each["action"] for each in seen["sent"]] == [DEAL, SLTP, DEAL]
    assert seen["positions"] == []
    assert [(each["instruction"], each["status"]) for each in desk.told] == [(name, "done") for name in names]


# Refused ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (todo("close", 501), "there is no position 501"),
        (todo("close", 0), "there is no position 0"),
        (todo("close", -500), "there is no position -500"),
        (todo("close", symbol="GBPUSD"), "is of EURUSD, not of GBPUSD"),
        (todo("close", symbol="XAUUSD"), "there is no symbol XAUUSD"),
        (todo("close", side="sell"), "of the other side"),
        (todo("close", side="hold"), "there is no side"),
        (todo("close", lots=1.01), "above the position's volume"),
        (todo("close", lots=0.5), "the position's volume is another now"),
        (todo("close", lots=0), "no lots to close"),
        (todo("close_partial", lots=1.01), "above the position's volume"),
        (todo("close_partial", lots=1.0), "what is left would be below the smallest volume"),
        (todo("close_partial", lots=0.995), "no whole number of volume steps"),
        (todo("close_partial", lots=-0.5), "no lots to close"),
        (todo("modify_stop", stop_loss=1.0799, take_profit=1.2), "away from profit"),
        (todo("modify_stop", stop_loss=None, take_profit=1.2), "away from profit"),
        (todo("modify_stop", stop_loss=1.1, take_profit=1.2), "past the price"),
        (todo("modify_stop", stop_loss=1.2, take_profit=1.25), "past the price"),
        (todo("modify_stop", stop_loss=1.09, take_profit=1.1), "past the price"),
        (todo("modify_stop", 501, stop_loss=1.09), "there is no position 501"),
        (todo("cancel", 500), "there is no order 500"),
        (todo("cancel", 600, side="sell"), "of the other side"),
        (todo("cancel", 600, symbol="GBPUSD"), "is of EURUSD"),
        (opening(lots=0.005), "no whole number of volume steps"),
        (opening(lots=50.01), "above the largest volume"),
        (opening(stop_loss=None), "there is no stop"),
        (opening(stop_loss=1.1), "the stop is past the price"),
        (opening(take_profit=1.1), "the target is past the price"),
        (opening(price=1.0999), "the price has run away"),
        (opening(price=None), "names no entry"),
        (opening(reservation=None), "there is no answer with lots"),
        (opening(order="iceberg"), "there is no iceberg order"),
        (opening(order="limit", price=1.101), "past the price"),
        (opening(order="stop", price=1.099), "past the price"),
        (opening(order="limit", price=1.098, stop_loss=1.099), "the stop is past the price"),
        (opening(order="limit", price=1.098, lots=50.01), "above the largest volume"),
        (opening(order="limit", price=None), "the order has no price"),
        (opening(order="limit", price=1.098, reservation=None), "there is no answer with lots"),
        (todo("dance"), "nothing of that kind"),
        (todo("close", expires_ms=NOW_MS + 500), "expired"),
        (todo("close", expires_ms=NOW_MS - 1), "expired"),
        (todo("modify_stop", stop_loss=1.09, expires_ms=NOW_MS), "expired"),
        (todo("cancel", 600, expires_ms=NOW_MS), "expired"),
        (opening(expires_ms=NOW_MS), "expired"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["kind"],
)
def test_what_does_not_fit_is_refused_and_told(terminal: Driver, desk: Desk, wrong: dict[str, Any], why: str) -> None:
    terminal.do("hold", ticket=600, waits=2, price=1.09)
    (name,) = desk.give(wrong)
    seen = terminal.do("timer")
    assert seen["sent"] == []
    assert why in seen["printed"]
    assert desk.results() == [(name, "failed", 0)]
    assert (desk.told[0]["retcode"], desk.told[0]["ticket"]) == (0, wrong["ticket"])
    assert seen["waiting"] == 0


@pytest.mark.parametrize(
    ("what", "value", "wrong", "why"),
    [
        ("stops", 100, todo("modify_stop", stop_loss=1.09901), "nearer than the broker allows"),
        ("stops", 100, opening(stop_loss=1.09901), "nearer than the broker allows"),
        ("stops", 100, opening(order="limit", price=1.09911, stop_loss=1.09), "nearer than the broker allows"),
        ("freeze", 100, todo("modify_stop", stop_loss=1.09901), "nearer than the broker allows"),
        ("freeze", 2_000, todo("modify_stop", stop_loss=1.085), "freeze level"),
        ("freeze", 2_000, todo("close"), "freeze level"),
        ("freeze", 1_011, todo("cancel", 600), "freeze level"),
        ("min", 0.2, todo("close_partial", lots=0.1), "below the smallest volume"),
        ("min", 0.2, todo("close_partial", lots=0.81), "what is left would be below"),
        ("mode", 3, opening(), "opens no positions on this side"),
        ("mode", 3, opening(order="limit", price=1.098), "opens no positions on this side"),
        ("margin", 50, opening(), "free margin"),
        ("margin", 50, opening(order="limit", price=1.098), "free margin"),
        ("full", 1, todo("close"), "does not keep that it was begun"),
    ],
)
def test_what_the_broker_does_not_allow_is_refused(
    terminal: Driver, desk: Desk, what: str, value: float, wrong: dict[str, Any], why: str
) -> None:
    terminal.do("hold", ticket=600, waits=2, price=1.09)
    terminal.do("set", what=what, value=value)
    (name,) = desk.give(wrong)
    seen = terminal.do("timer")
    assert seen["sent"] == []
    assert why in seen["printed"]
    assert desk.results() == [(name, "failed", 0)]


def test_the_stop_of_a_sell_moves_down_only(terminal: Driver, desk: Desk) -> None:
    terminal.do("hold", ticket=501, side=SELL, price=1.11, sl=1.12)
    stops = (1.1201, None, 1.1099)
    up, away, down = desk.give(*(todo("modify_stop", 501, side="sell", stop_loss=stop) for stop in stops))
    seen = terminal.do("timer")
    assert [each["sl"] for each in seen["sent"]] == [1.1099]
    assert desk.results() == [(up, "failed", 0), (away, "failed", 0), (down, "done", 0)]


@pytest.mark.parametrize("order", [{}, {"order": "limit", "price": 1.098}])
def test_a_netting_account_is_never_turned_by_an_opening(terminal: Driver, desk: Desk, order: dict[str, Any]) -> None:
    """It would reduce the position of the other side, or turn it."""
    terminal.do("set", what="account", value=NETTING)
    terminal.do("hold", ticket=500, side=SELL)
    desk.give(opening(**order))
    seen = terminal.do("timer")
    assert seen["sent"] == []
    assert "is of the other side" in seen["printed"]
    assert desk.told[0]["status"] == "failed"


@pytest.mark.parametrize(("stop", "sent"), [(1.0949, 0), (1.095, 1), (1.096, 1)])
def test_an_addition_on_a_netting_account_never_worsens_the_stop(
    terminal: Driver, desk: Desk, stop: float, sent: int
) -> None:
    """The one position gets the stop of the order."""
    terminal.do("set", what="account", value=NETTING)
    terminal.do("hold", ticket=500, sl=1.095)
    desk.give(opening(stop_loss=stop))
    seen = terminal.do("timer")
    assert len(seen["sent"]) == sent
    assert desk.told[0]["status"] == ("done" if sent else "failed")
    assert ("away from profit" in seen["printed"]) == (sent == 0)


def test_only_the_own_magic_number_is_touched(program: Program, peer: Peer, desk: Desk, kept: Path) -> None:
    with Driver(program("instructions")) as terminal:
        begin(terminal, peer, kept, magic=7)
        terminal.do("hold", ticket=500, magic=7)
        terminal.do("hold", ticket=501, magic=8)
        terminal.do("hold", ticket=600, magic=8, waits=2, price=1.09)
        names = desk.give(
            todo("close", 501), todo("modify_stop", 501, stop_loss=1.09), todo("cancel", 600), opening(magic=8),
            opening(order="limit", price=1.098, magic=8), todo("close"),
        )  # fmt: skip
        seen = terminal.do("timer")
    assert [each["position"] for each in seen["sent"]] == [500]
    assert desk.results() == [*((name, "failed", 0) for name in names[:5]), (names[5], "done", 1.0)]
    assert seen["printed"].count("its magic number is 8") == 5
    assert desk.asked[0]["magics"] == [7]


def test_an_opening_does_not_go_into_another_programs_position(
    program: Program, peer: Peer, desk: Desk, kept: Path
) -> None:
    with Driver(program("instructions")) as terminal:
        begin(terminal, peer, kept, magic=7)
        terminal.do("set", what="account", value=NETTING)
        terminal.do("hold", ticket=501, magic=8)
        desk.give(opening())
        assert terminal.do("timer")["sent"] == []
    assert desk.told[0]["status"] == "failed"


@pytest.mark.parametrize("code", [10006, 10014, 10018, 10019, 10027, 10030, 10036, 10038])
@pytest.mark.parametrize("kind", ["close", "modify_stop", "cancel", "open"])
def test_what_the_server_rejects_has_failed_at_once(terminal: Driver, desk: Desk, code: int, kind: str) -> None:
    terminal.do("hold", ticket=600, waits=2, price=1.09)
    terminal.do("script", retcode=code)
    ticket = {"cancel": 600, "open": 0}.get(kind, 500)
    (name,) = desk.give(opening() if kind == "open" else todo(kind, ticket, stop_loss=1.09))
    seen = terminal.do("timer")
    assert (len(seen["sent"]), seen["waiting"]) == (1, 0)
    assert desk.results() == [(name, "failed", 0)]
    assert desk.told[0]["retcode"] == code


def test_a_requote_is_tried_twice_more(terminal: Driver, desk: Desk) -> None:
    for _ in range(2):
        terminal.do("script", retcode=REQUOTE, move=0.0005)
    (name,) = desk.give(todo("close"))
    seen = terminal.do("timer")
    assert [each["price"] for each in seen["sent"]] == pytest.approx([1.1, 1.1005, 1.101])
    assert desk.results() == [(name, "done", 1.0)]


def test_the_third_requote_is_the_end(terminal: Driver, desk: Desk) -> None:
    for _ in range(3):
        terminal.do("script", retcode=REQUOTE)
    (name,) = desk.give(todo("close"))
    assert len(terminal.do("timer")["sent"]) == 3
    assert desk.results() == [(name, "failed", 0)]
    assert desk.told[0]["retcode"] == REQUOTE


@pytest.mark.parametrize(
    ("given", "script", "why"),
    [
        (opening(), {"move": 0.0002}, "run away"),
        (opening(), {"ms": 30_000}, "expired"),
        (todo("close"), {"ms": 30_000}, "expired"),
        (todo("modify_stop", stop_loss=1.09), {"move": -0.012}, "past the price"),
    ],
)
def test_every_attempt_is_looked_at_anew(
    terminal: Driver, desk: Desk, given: dict[str, Any], script: dict[str, Any], why: str
) -> None:
    terminal.do("script", retcode=REQUOTE, **script)
    (name,) = desk.give(given)
    seen = terminal.do("timer")
    assert len(seen["sent"]) == 1
    assert why in seen["printed"]
    terminal.do("timer")
    assert desk.results() == [(name, "failed", 0)]
    assert desk.told[0]["retcode"] == REQUOTE


# Time ---------------------------------------------------------------------------------------------------------------


def test_earlier_ones_take_time_that_later_ones_have_not(terminal: Driver, desk: Desk) -> None:
    """A slow broker: the rest waits for the next second, and is refused where it is over."""
    terminal.do("script", ms=20_000)
    terminal.do("script", ms=10_000)
    names = desk.give(*(todo("close_partial", lots=0.1) for _ in range(3)))
    seen = terminal.do("timer")
    assert (len(seen["sent"]), seen["waiting"]) == (1, 3), "two to do, and a report that had no time"
    assert len(terminal.do("timer")["sent"]) == 2
    seen = terminal.do("timer")
    assert len(seen["sent"]) == 2
    assert "expired" in seen["printed"]
    assert sorted(desk.results()) == [(names[0], "done", 0.1), (names[1], "done", 0.1), (names[2], "failed", 0)]
    assert len(desk.asked) == 1, "nothing new is asked for while there is something to do"


@pytest.mark.parametrize(("given_ms", "sent"), [(15_000, 0), (30_000, 1)])
def test_time_counts_from_the_question_that_was_said_first(
    terminal: Driver, desk: Desk, given_ms: int, sent: int
) -> None:
    """Its reply was lost; said again under its id it brings the same instructions, 20 s old."""
    (name,) = desk.give(todo("close", expires_ms=NOW_MS + given_ms))
    desk.deaf = {"manage"}
    terminal.do("timer")
    desk.deaf = set()
    seen = terminal.do("timer", ms=20_000)
    assert len({each["id"] for each in desk.asked}) == 1
    assert len(seen["sent"]) == sent
    assert desk.results() == [(name, "done", 1.0) if sent else (name, "failed", 0)]


def test_a_question_without_an_answer_is_given_up_after_a_minute(terminal: Driver, desk: Desk) -> None:
    desk.deaf = {"manage"}
    terminal.do("timer")
    desk.deaf = set()
    terminal.do("timer", ms=60_000)
    assert len({each["id"] for each in desk.asked}) == 2


def test_it_is_asked_for_every_ten_seconds(terminal: Driver, desk: Desk) -> None:
    for _ in range(25):
        terminal.do("timer", ms=1_000)
    assert len(desk.asked) == 3
    assert len({each["id"] for each in desk.asked}) == 3


def test_a_silent_daemon_holds_the_chart_no_longer_than_its_deadline(
    program: Program, peer: Peer, desk: Desk, kept: Path
) -> None:
    with Driver(program("instructions")) as terminal:
        begin(terminal, peer, kept, deadline_ms=300)
        terminal.do("thaw")
        desk.silent = True
        assert terminal.do("timer")["elapsed_us"] < 300_000 + MARGIN_US
        asked = len(desk.asked)
        seen = terminal.do("timer")
        assert len(desk.asked) == asked, "the client backs off"
        assert seen["elapsed_us"] < MARGIN_US


# Once ---------------------------------------------------------------------------------------------------------------


def test_an_instruction_that_comes_again_is_not_carried_out_again(terminal: Driver, desk: Desk) -> None:
    """And nothing is told of it: that it failed would have it ordered anew."""
    (name,) = desk.give(todo("close_partial", lots=0.3))
    terminal.do("timer")
    desk.handed.append([{"id": name, **todo("close_partial", lots=0.3)}] * 2)
    seen = terminal.do("timer", ms=10_000)
    assert (len(seen["sent"]), one(seen)["volume"]) == (1, 0.7)
    assert "was begun before" in seen["printed"]
    assert desk.results() == [(name, "done", 0.3)]


def test_the_program_itself_remembers_too(terminal: Driver, desk: Desk) -> None:
    (name,) = desk.give(todo("close_partial", lots=0.3))
    terminal.do("timer")
    terminal.do("set", what="globals", value=0)
    desk.handed.append([{"id": name, **todo("close_partial", lots=0.3)}])
    assert len(terminal.do("timer", ms=10_000)["sent"]) == 1


def test_one_that_was_refused_is_not_carried_out_later(terminal: Driver, desk: Desk) -> None:
    """The daemon was told that it failed."""
    (name,) = desk.give(todo("close", 501))
    terminal.do("timer")
    terminal.do("hold", ticket=501)
    desk.handed.append([{"id": name, **todo("close", 501)}])
    assert terminal.do("timer", ms=10_000)["sent"] == []


def test_a_restart_forgets_nothing(program: Program, peer: Peer, desk: Desk, kept: Path) -> None:
    with Driver(program("instructions")) as first:
        begin(first, peer, kept)
        first.do("hold", ticket=500)
        (name,) = desk.give(todo("close_partial", lots=0.3))
        assert len(first.do("timer")["sent"]) == 1
    with Driver(program("instructions")) as second:
        begin(second, peer, kept)
        second.do("hold", ticket=500)
        desk.handed.append([{"id": name, **todo("close_partial", lots=0.3)}])
        new = "i77-1"
        desk.handed[-1].append({"id": new, **todo("close_partial", lots=0.1)})
        seen = second.do("timer")
    assert [each["volume"] for each in seen["sent"]] == [0.1], "and what is new is carried out"
    assert desk.results() == [(name, "done", 0.3), (new, "done", 0.1)]


def test_another_account_has_ids_of_its_own(program: Program, peer: Peer, desk: Desk, kept: Path) -> None:
    for login in (LOGIN, LOGIN + 1):
        with Driver(program("instructions")) as terminal:
            terminal.do("begin", login=login, now_ms=NOW_MS, globals=str(kept))
            terminal.do("connect", address=peer.address, deadline_ms=DEADLINE_MS)
            terminal.do("hold", ticket=500)
            desk.handed.append([{"id": "i1-1", **todo("close")}])
            assert len(terminal.do("timer")["sent"]) == 1


def test_a_terminal_killed_after_the_order_does_not_send_it_again(
    program: Program, peer: Peer, desk: Desk, kept: Path
) -> None:
    """Between OrderSend and the report: nothing was told, and the daemon finds the fill by the position."""
    with Driver(program("instructions")) as first:
        begin(first, peer, kept)
        first.do("hold", ticket=500)
        first.do("script", kills=True)
        (name,) = desk.give(todo("close_partial", lots=0.3))
        first.do_killed("timer")
    assert desk.told == []
    with Driver(program("instructions")) as second:
        begin(second, peer, kept)
        second.do("hold", ticket=500, lots=0.7)
        desk.handed.append([{"id": name, **todo("close_partial", lots=0.3)}])
        seen = second.do("timer")
    assert (seen["sent"], one(seen)["volume"]) == ([], 0.7)
    assert "was begun before" in seen["printed"]
    assert desk.told == []


@pytest.mark.parametrize(
    "name", ["", "i", "i-1", "i1-", "i1", "x1-1", "i1-1-1", "i1-1 ", "i1x-1", "i" + "1" * 40 + "-1"]
)
def test_what_is_no_id_is_not_carried_out(terminal: Driver, desk: Desk, name: str) -> None:
    desk.handed.append([{"id": name, **todo("close")}])
    seen = terminal.do("timer")
    assert seen["sent"] == []
    assert "no instruction's id" in seen["printed"]
    assert desk.told == []


# Unknown ends -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [TIMEOUT, CONNECTION, 0, 10011, 10028, 10099])
@pytest.mark.parametrize("nameless", [{}, {"nameless": True}], ids=["named", "nameless"])
@pytest.mark.parametrize("kind", ["open", "close"])
def test_an_order_of_unknown_end_is_told_once_it_is_seen(
    terminal: Driver, desk: Desk, code: int, nameless: dict[str, bool], kind: str
) -> None:
    """Neither repeated nor told as failed: its deals say what became of it."""
    terminal.do("script", retcode=code, filled=True, hidden=True, mute=True, **nameless)
    (name,) = desk.give(opening() if kind == "open" else todo("close"))
    seen = terminal.do("timer")
    assert (len(seen["sent"]), seen["waiting"]) == (1, 1)
    assert "nobody knows yet" in seen["printed"]
    terminal.do("timer", ms=5_000)
    assert desk.told == []
    terminal.do("show")
    assert terminal.do("timer", ms=1_000)["waiting"] == 0
    assert desk.results() == [(name, "done", 0.5 if kind == "open" else 1.0)]
    assert desk.told[0]["retcode"] == code


@pytest.mark.parametrize("kind", ["open", "close", "modify_stop", "cancel"])
def test_an_end_that_is_never_seen_is_never_told(terminal: Driver, desk: Desk, kind: str) -> None:
    terminal.do("hold", ticket=600, waits=2, price=1.09)
    terminal.do("script", retcode=TIMEOUT)
    ticket = {"cancel": 600, "open": 0}.get(kind, 500)
    desk.give(opening() if kind == "open" else todo(kind, ticket, stop_loss=1.09))
    assert terminal.do("timer")["waiting"] == 1
    assert terminal.do("timer", ms=59_000)["waiting"] == 1
    seen = terminal.do("timer", ms=1_000)
    assert (seen["waiting"], len(seen["sent"])) == (0, 1)
    assert "left to the daemon" in seen["printed"]
    assert desk.told == []


@pytest.mark.parametrize("code", [TIMEOUT, CONNECTION, PLACED, 0])
@pytest.mark.parametrize("kind", ["modify_stop", "cancel"])
def test_a_change_of_unknown_end_is_told_once_it_is_seen(terminal: Driver, desk: Desk, code: int, kind: str) -> None:
    terminal.do("hold", ticket=600, waits=2, price=1.09)
    terminal.do("script", retcode=code, filled=True, hidden=True)
    (name,) = desk.give(todo(kind, 600 if kind == "cancel" else 500, stop_loss=1.09))
    assert terminal.do("timer")["waiting"] == 1
    assert desk.told == []
    terminal.do("show")
    assert terminal.do("timer", ms=1_000)["waiting"] == 0
    assert desk.results() == [(name, "done", 0)]


def test_an_order_that_was_filled_was_not_cancelled(terminal: Driver, desk: Desk) -> None:
    (placed,) = desk.give(opening(order="limit", price=1.098))
    (ticket,) = terminal.do("timer")["orders"]
    terminal.do("script", retcode=TIMEOUT)
    (name,) = desk.give(todo("cancel", ticket))
    terminal.do("timer", ms=10_000)
    terminal.do("fill", lots=0.5)
    terminal.do("end")
    terminal.do("timer", ms=3_000)
    assert sorted(desk.results()) == [(placed, "done", 0.5), (name, "failed", 0)]


# Telling ------------------------------------------------------------------------------------------------------------


def test_a_report_is_said_under_one_id_until_it_is_heard(terminal: Driver, desk: Desk) -> None:
    names = desk.give(todo("close_partial", lots=0.3), todo("close_partial", lots=0.2))
    desk.deaf = {"report"}
    assert terminal.do("timer")["waiting"] == 2
    terminal.do("timer", ms=6_000)
    assert {each["instruction"] for each in desk.told} == {names[0]}
    desk.deaf = set()
    assert terminal.do("timer", ms=6_000)["waiting"] == 0
    assert len(desk.told) > 3
    assert len({each["id"] for each in desk.told}) == 2
    assert desk.results()[-2:] == [(names[0], "done", 0.3), (names[1], "done", 0.2)]


# Asking -------------------------------------------------------------------------------------------------------------


def test_symbols_and_signals_are_told(terminal: Driver, desk: Desk) -> None:
    terminal.do("timer")
    assert {"symbols", "signals", "magics"} & set(desk.asked[0]) == set()
    assert desk.asked[0]["account"] == LOGIN
    terminal.do("symbol", name="EURUSD")
    assert terminal.do("signal", symbol="EURUSD", direction="bullish", confidence=72.5, risk="low")["taken"]
    assert terminal.do("signal", symbol="GBPUSD", direction="bearish", risk="")["taken"]
    terminal.do("timer", ms=10_000)
    assert desk.asked[1]["symbols"] == ["EURUSD"]
    assert desk.asked[1]["signals"] == [
        {"symbol": "EURUSD", "direction": "bullish", "confidence": 72.5, "risk": "low"},
        {"symbol": "GBPUSD", "direction": "bearish"},
    ]
    terminal.do("signal", symbol="EURUSD", direction="bearish", confidence=0, risk="")
    terminal.do("clear", symbol="GBPUSD")
    terminal.do("timer", ms=10_000)
    assert desk.asked[2]["signals"] == [{"symbol": "EURUSD", "direction": "bearish", "confidence": 0}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"direction": "up"}, {"confidence": 100.1}, {"confidence": -0.5}, {"odd": True}, {"risk": "some"},
        {"symbol": ""},
    ],
)  # fmt: skip
def test_what_is_no_signal_is_none(terminal: Driver, desk: Desk, wrong: dict[str, Any]) -> None:
    """The one before does not hold any more."""
    good = {"symbol": "EURUSD", "direction": "bullish", "confidence": 70.0, "risk": "low"}
    terminal.do("signal", **good)
    assert not terminal.do("signal", **{**good, **wrong})["taken"]
    terminal.do("timer")
    assert ("signals" in desk.asked[0]) == ("symbol" in wrong)


@pytest.mark.parametrize("what", ["allowed", "program", "connected", "investor", "experts"])
def test_where_nothing_may_be_traded_nothing_is_asked(terminal: Driver, desk: Desk, what: str) -> None:
    """What is handed out would be lost."""
    terminal.do("set", what=what, value=0)
    seen = terminal.do("timer")
    assert "nothing is managed" in seen["printed"]
    assert terminal.do("timer", ms=1_000)["printed"] == "", "said once"
    assert desk.asked == []
    terminal.do("set", what=what, value=1)
    terminal.do("timer", ms=1_000)
    assert len(desk.asked) == 1


def test_another_account_is_not_managed(terminal: Driver, desk: Desk) -> None:
    terminal.do("set", what="login", value=LOGIN + 1)
    assert f"for account {LOGIN}" in terminal.do("timer")["printed"]
    assert desk.asked == []


def test_what_is_left_to_do_when_the_account_changes_is_refused(terminal: Driver, desk: Desk) -> None:
    terminal.do("script", ms=11_000)
    names = desk.give(todo("close_partial", lots=0.1), todo("close_partial", lots=0.1))
    terminal.do("timer")
    terminal.do("set", what="login", value=LOGIN + 1)
    seen = terminal.do("timer")
    assert len(seen["sent"]) == 1
    assert f"for account {LOGIN}" in seen["printed"]
    assert (names[1], "failed", 0) in desk.results()


@pytest.mark.parametrize(
    "over",
    [
        {"instructions": None},
        {"problems": None},
        {"problems": [5]},
        {"v": 2},
        {"instructions": [{"id": "i1-1", **todo("close", lots="1.0")}]},
        {"instructions": [{"id": "i1-1", **todo("close")}, {"id": "i1-2"}]},
        {"instructions": [{"id": "i1-1", **todo("close", ticket=500.5)}]},
        {"instructions": [{"id": "i1-1", **todo("modify_stop", stop_loss=0)}]},
        {"instructions": [{"id": "i1-1", **todo("modify_stop", stop_loss=-1.09)}]},
        {"status": "reject", "code": "stale_account", "instructions": [{"id": "i1-1", **todo("close")}]},
    ],
)
def test_a_reply_that_is_not_as_the_protocol_says_does_nothing(
    terminal: Driver, desk: Desk, over: dict[str, Any]
) -> None:
    desk.over = over
    seen = terminal.do("timer")
    assert (seen["sent"], seen["waiting"]) == ([], 0)
    assert "bad_reply" in seen["printed"]
    assert desk.told == []


def test_a_blind_daemon_and_broken_files_are_said_once(terminal: Driver, desk: Desk) -> None:
    desk.over = {"status": "reject", "code": "stale_account", "message": "The account is old."}
    assert "nothing is managed: stale_account: The account is old." in terminal.do("timer")["printed"]
    assert terminal.do("timer", ms=10_000)["printed"] == ""
    desk.over = {"problems": ["share-mine.toml:13: no such condition"]}
    assert "share-mine.toml:13" in terminal.do("timer", ms=10_000)["printed"]
    assert terminal.do("timer", ms=10_000)["printed"] == ""
