"""Orders against a broker that does what the test says, and the real daemon's ledger afterwards."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bridge.builders import Rig
from tests.bridge.sockets import Running, serving
from tests.builders import LOGIN, NOW_MS
from tests.docs import frames
from tests.mql5.conftest import Program
from tests.mql5.driver import Driver
from tests.mql5.peers import Talk, frame, playing
from tests.mql5.test_feed import DEADLINE_MS, QUESTION

DONE, PARTIAL, PLACED, REQUOTE, CHANGED, OFF = 10009, 10010, 10008, 10004, 10020, 10021
TIMEOUT, CONNECTION, NO_MONEY, INVALID_FILL = 10012, 10031, 10019, 10030


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, now_ms=NOW_MS - 1)
    yield rig
    rig.close()


@pytest.fixture
def trader(program: Program, bare: Rig) -> Iterator[Driver]:
    """A terminal whose daemon has answered with a lot at the most."""
    with serving(bare) as running, Driver(program("terminal")) as terminal:
        begin(terminal, running)
        terminal.do("pump")
        assert terminal.do("ask", **QUESTION, magic=7, max_lots=1.0)["lots"] == 1.0
        yield terminal


def begin(terminal: Driver, running: Running) -> None:
    terminal.do("begin", login=LOGIN, now_ms=NOW_MS)
    terminal.do("quote", bid=1.1)
    terminal.do("connect", address=running.address, deadline_ms=DEADLINE_MS)
    terminal.do("add", symbol="EURUSD", bars="H1")


def later(terminal: Driver, ms: int = 3_000) -> None:
    """Let time pass, and the daemon hear of it."""
    terminal.do("pass", ms=ms)
    terminal.do("quote", bid=1.1)
    assert terminal.do("pump")["told"]


def shown(terminal: Driver, rig: Rig) -> tuple[float, bool]:
    """The ledger once the daemon has seen what the terminal shows; until then a reported fill counts as reserved."""
    later(terminal)
    return state(rig)


def state(rig: Rig) -> tuple[float, bool]:
    """Money reserved, and whether any is at open risk."""
    status = rig.status()
    return status["reserved_risk"], status["open_risk"] > 0


def test_a_filled_order_is_reported_with_its_position(trader: Driver, bare: Rig) -> None:
    done = trader.do("open")
    assert (done["done"], done["waiting"], done["volume"], done["filling"]) == (True, 0, 1.0, 0)
    assert done["comment"].startswith("lotbridge r")
    assert shown(trader, bare) == (0, True)
    assert bare.status()["open_risk"] == pytest.approx(500, rel=0.05), "once as a position, not as a fill too"
    trader.do("close")
    later(trader)
    assert state(bare) == (0, False)


def test_an_answer_is_traded_once(trader: Driver, bare: Rig) -> None:
    """Whoever calls twice would hold twice the lots."""
    assert trader.do("open")["done"]
    again = trader.do("open")
    assert (again["done"], again["volume"]) == (False, 1.0)
    assert "traded already" in again["fault"]
    assert shown(trader, bare) == (0, True)
    assert bare.status()["open_risk"] == pytest.approx(500, rel=0.05)


@pytest.mark.parametrize("code", [REQUOTE, CHANGED, OFF])
def test_a_price_that_moved_is_tried_twice_more(trader: Driver, bare: Rig, code: int) -> None:
    for _ in range(2):
        trader.do("script", retcode=code, move=0.00005)
    done = trader.do("open")
    assert (done["done"], done["sent"], done["volume"]) == (True, 3, 1.0)
    assert shown(trader, bare) == (0, True)


def test_a_third_requote_gives_the_lots_back(trader: Driver, bare: Rig) -> None:
    for _ in range(3):
        trader.do("script", retcode=REQUOTE)
    done = trader.do("open")
    assert (done["done"], done["sent"], done["positions"]) == (False, 3, 0)
    assert "10004" in done["fault"]
    assert state(bare) == (0, False)


def test_every_attempt_is_guarded_anew(trader: Driver, bare: Rig) -> None:
    """The price runs past the stop while the order is requoted."""
    trader.do("script", retcode=REQUOTE, move=-0.006)
    done = trader.do("open")
    assert (done["done"], done["sent"]) == (False, 1)
    assert "stop is past the price" in done["fault"]
    assert state(bare) == (0, False)


def test_a_price_that_runs_away_is_not_followed(trader: Driver, bare: Rig) -> None:
    """Each requote is 6 points worse, and 10 are allowed."""
    for _ in range(2):
        trader.do("script", retcode=REQUOTE, move=0.00006)
    done = trader.do("open")
    assert (done["done"], done["sent"], done["positions"]) == (False, 2, 0)
    assert "run away" in done["fault"]
    assert state(bare) == (0, False)


def test_no_fill_is_worse_than_the_guard_allows(trader: Driver) -> None:
    """This program's own limit is 20 points."""
    trader.do("script", retcode=REQUOTE, move=0.00007)
    assert trader.do("open")["deviation"] == 3


@pytest.mark.parametrize(
    ("side", "stop", "target", "sent"),
    [("buy", 1.095013, 1.115018, (1.09505, 1.115)), ("sell", 1.105013, 1.085012, (1.105, 1.08505))],
)
def test_a_stop_off_the_ticks_goes_towards_the_price(
    program: Program, bare: Rig, side: str, stop: float, target: float, sent: tuple[float, float]
) -> None:
    """The daemon sizes for the stop as it is asked for; the order's is the next tick that loses less."""
    question = {"symbol": "EURUSD", "side": side, "stop_loss": stop, "take_profit": target, "confidence": 75}
    with serving(bare) as running, Driver(program("terminal")) as terminal:
        begin(terminal, running)
        terminal.do("set", what="tick", value=0.00005)
        terminal.do("pump")
        assert terminal.do("ask", **question, magic=7, max_lots=0.1)["lots"] == 0.1
        done = terminal.do("open")
        assert (done["sl"], done["tp"]) == pytest.approx(sent, abs=1e-9)


@pytest.mark.parametrize("magic", [{"magic": 8}, {}])
def test_an_answer_for_another_magic_number_is_not_traded(trader: Driver, bare: Rig, magic: dict[str, int]) -> None:
    """The daemon would look for the position under that one; none counts as 0."""
    assert trader.do("ask", **QUESTION, **magic, max_lots=0.1)["lots"] == 0.1
    before = bare.reserved()
    done = trader.do("open")
    assert (done["done"], done["sent"]) == (False, 0)
    assert "magic number" in done["fault"]
    assert bare.reserved() == pytest.approx(before * 10 / 11, rel=0.01), "given back"


@pytest.mark.parametrize("code", [NO_MONEY, INVALID_FILL, 10006, 10018])
def test_a_refused_order_gives_the_lots_back_at_once(trader: Driver, bare: Rig, code: int) -> None:
    trader.do("script", retcode=code)
    done = trader.do("open")
    assert (done["done"], done["sent"], done["waiting"]) == (False, 1, 0)
    assert str(code) in done["fault"]
    assert state(bare) == (0, False)


@pytest.mark.parametrize("code", [TIMEOUT, CONNECTION, 10011, 0, 10007, 10028, 10099])
def test_an_order_of_unknown_end_is_neither_repeated_nor_released(trader: Driver, bare: Rig, code: int) -> None:
    trader.do("script", retcode=code)
    done = trader.do("open")
    assert (done["done"], done["sent"], done["waiting"]) == (False, 1, 1)
    assert "nobody knows yet" in done["fault"]
    assert state(bare)[0] > 0
    later(trader, 33_000)
    later(trader)
    assert state(bare) == (0, False), "it lapses, as there is no position"


@pytest.mark.parametrize(("flags", "execution", "filling"), [(2, 2, 1), (0, 3, 2)])
def test_a_partial_fill_gives_the_rest_back(
    trader: Driver, bare: Rig, flags: int, execution: int, filling: int
) -> None:
    """Once the order is over, and nothing more can come."""
    trader.do("set", what="filling", value=flags)
    trader.do("set", what="execution", value=execution)
    trader.do("script", retcode=PARTIAL, part=0.4)
    done = trader.do("open")
    assert (done["done"], done["volume"], done["waiting"], done["filling"]) == (True, 0.4, 1, filling)
    trader.do("pass", ms=2_000)
    assert trader.do("timer")["waiting"] == 0
    assert shown(trader, bare) == (0, True)
    assert bare.status()["open_risk"] == pytest.approx(200, rel=0.05)


@pytest.mark.parametrize("script", [{"retcode": PLACED}, {"retcode": DONE, "later": True}])
def test_a_deal_that_comes_as_a_transaction_is_reported(trader: Driver, bare: Rig, script: dict[str, Any]) -> None:
    trader.do("script", **script)
    done = trader.do("open")
    assert (done["done"], done["volume"], done["waiting"]) == (True, 1.0, 0)
    assert shown(trader, bare) == (0, True)


def test_an_expired_answer_is_not_traded(trader: Driver, bare: Rig) -> None:
    trader.do("pass", ms=31_000)
    done = trader.do("open")
    assert (done["done"], done["sent"]) == (False, 0)
    assert "expired" in done["fault"]


@pytest.mark.parametrize(
    ("flags", "execution", "filling"), [(1, 2, 0), (3, 2, 0), (2, 2, 1), (0, 3, 2), (0, 0, 0), (0, 1, 0)]
)
def test_the_filling_mode_is_the_symbols(trader: Driver, flags: int, execution: int, filling: int) -> None:
    trader.do("set", what="filling", value=flags)
    trader.do("set", what="execution", value=execution)
    assert trader.do("open")["filling"] == filling


def test_a_report_without_an_answer_is_said_again(program: Program, bare: Rig) -> None:
    with Driver(program("terminal")) as terminal:
        with serving(bare) as running:
            begin(terminal, running)
            terminal.do("connect", address=running.address, deadline_ms=300)
            terminal.do("add", symbol="EURUSD", bars="H1")
            terminal.do("pump")
            terminal.do("ask", **QUESTION, magic=7, max_lots=1.0)
        done = terminal.do("open")
        assert (done["done"], done["waiting"]) == (True, 1)
        assert bare.reserved() > 0
        with serving(bare, bind=running.address):
            terminal.do("pass", ms=10_000)
            assert terminal.do("timer")["waiting"] == 0
            assert shown(terminal, bare) == (0, True)


# A peer that lies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lie", "sent"),
    [
        ({}, 1),
        ({"lots": 5.0}, 0),
        ({"stop_loss": 1.05}, 0),
        ({"stop_loss": 1.099}, 0),
        ({"take_profit": 1.2}, 0),
        ({"reservation": None}, 0),
    ],
)
def test_what_was_not_asked_for_is_not_sent(program: Program, lie: dict[str, Any], sent: int) -> None:
    """Whoever answers: lots within the request's own ceiling, and its stop and target."""
    honest = {**frames.made()["size-reply"], "lots": 0.1, "stop_loss": 1.095, "take_profit": 1.11}

    def play(talk: Talk, _number: int) -> None:
        talk.greet()
        while True:
            request = talk.request()
            reply = {**honest, **lie, "type": request["type"], "id": request["id"]}
            talk.send(frame(json.dumps(reply).encode()))

    with playing(play) as peer, Driver(program("terminal")) as terminal:
        terminal.do("begin", login=LOGIN, now_ms=NOW_MS)
        terminal.do("quote", bid=1.1)
        terminal.do("connect", address=peer.address, deadline_ms=DEADLINE_MS)
        question = {"symbol": "EURUSD", "side": "buy", "stop_loss": 1.095, "take_profit": 1.11}
        terminal.do("ask", **question, magic=7, max_lots=0.1)
        done = terminal.do("open")
        assert (done["done"], done["sent"]) == (sent == 1, sent), done["fault"]
