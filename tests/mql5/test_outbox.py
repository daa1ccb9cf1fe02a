"""Reports on reservations: said in order, until they are heard, and never so long that the chart stands still."""

import json
import time
from typing import Any

import pytest

from tests.bridge.builders import Rig
from tests.bridge.sockets import Running, serving
from tests.builders import LOGIN
from tests.mql5.driver import MARGIN_US, Driver
from tests.mql5.peers import Peer, Script, Talk, frame, playing
from tests.mql5.test_client import QUESTION

TRIES = 10


def taken(request: dict[str, Any], **over: Any) -> bytes:
    """The daemon's answer to a report."""
    common = {"v": 1, "type": request["type"], "id": request["id"], "status": "ok", "code": None, "message": None}
    return frame(json.dumps({**common, "server_ms": 5, "reservation": "r1", "state": "released", **over}).encode())


def released(driver: Driver, *names: str) -> None:
    """Releases that wait for the next flush."""
    for name in names:
        driver.do("report", reservation=name)


def answering(heard: list[str], answer: Any) -> Script:
    """A daemon that answers each report with what `answer` makes of it; `heard` gets the reservations."""

    def play(talk: Talk, _number: int) -> None:
        talk.greet()
        while True:
            request = talk.request()
            heard.append(request["reservation"])
            talk.send(answer(request))

    return play


def connect(driver: Driver, peer: Peer, deadline_ms: int = 500) -> None:
    driver.connect(peer.address, account=LOGIN, deadline_ms=deadline_ms)


def test_all_reports_together_take_no_longer_than_one_question_may(driver: Driver) -> None:
    """Each answer takes 0.1 s, the fourth never comes, and 0.5 s is the deadline."""
    heard: list[str] = []

    def slow(request: dict[str, Any]) -> bytes:
        time.sleep(0.1)
        return b"" if len(heard) == 4 else taken(request)

    names = [f"r{number}" for number in range(10)]
    with playing(answering(heard, slow)) as peer:
        connect(driver, peer)
        released(driver, *names)
        seen = driver.do("flush")
        assert seen["elapsed_us"] < 500_000 + MARGIN_US
        assert 5 <= seen["waiting"] < 10
        for _ in range(20):
            driver.do("pass", ms=6_000)
            if driver.do("flush")["waiting"] == 0:
                break
    once = list(dict.fromkeys(heard))
    assert once == names, "in order, and each of them"


@pytest.mark.parametrize(
    "over",
    [{"state": None}, {"v": 2}, {"status": "error", "code": "internal", "field": None}],
    ids=["field", "version", "internal"],
)
def test_an_answer_of_no_use_does_not_hold_up_the_others_for_ever(driver: Driver, over: dict[str, Any]) -> None:
    heard: list[str] = []

    def answer(request: dict[str, Any]) -> bytes:
        return taken(request, **(over if request["reservation"] == "r1" else {}))

    with playing(answering(heard, answer)) as peer:
        connect(driver, peer, 20_000)
        released(driver, "r1", "r2", "r3")
        for _ in range(TRIES - 1):
            assert driver.do("flush")["waiting"] == 3
        last = driver.do("flush")
    assert last["waiting"] == 0
    assert "does not take a report on r1" in last["printed"]
    assert heard == ["r1"] * TRIES + ["r2", "r3"], "once in each flush"


def test_garbage_does_not_hold_up_the_others_for_ever(driver: Driver) -> None:
    heard: list[str] = []

    def answer(request: dict[str, Any]) -> bytes:
        return frame(b"{garbage") if request["reservation"] == "r1" else taken(request)

    with playing(answering(heard, answer)) as peer:
        connect(driver, peer, 200)
        released(driver, "r1", "r2")
        printed, flushes = "", 0
        while "r2" not in heard and flushes < 3 * TRIES:
            printed += driver.do("flush")["printed"]
            driver.do("pass", ms=6_000)
            flushes += 1
    assert flushes > TRIES
    assert "does not take a report on r1" in printed
    assert heard[-1] == "r2"


@pytest.mark.parametrize("busy", [False, True])
def test_silence_and_a_busy_daemon_are_waited_out(driver: Driver, rig: Rig, *, busy: bool) -> None:
    heard: list[str] = []
    over = {"status": "error", "code": "overloaded", "field": None}
    with playing(answering(heard, lambda request: taken(request, **over))) as peer:
        connect(driver, peer)
        if not busy:
            driver.do("faults", refuse=1_000)
        released(driver, "r1", "r2")
        for _ in range(3 * TRIES):
            seen = driver.do("flush")
            assert seen["waiting"] == 2, seen
            driver.do("pass", ms=6_000)


def test_what_the_daemon_refuses_is_not_said_again(driver: Driver, rig: Rig, running: Running) -> None:
    driver.connect(running.address, account=LOGIN, deadline_ms=20_000)
    name = driver.do("size", **QUESTION)["reservation"]
    released(driver, "r99", name)
    seen = driver.do("flush")
    assert seen["waiting"] == 0
    assert "r99" in seen["printed"]
    assert rig.reserved() == 0


def test_a_report_that_cannot_be_said_is_dropped(driver: Driver, rig: Rig, running: Running) -> None:
    """An infinite price has no JSON."""
    driver.connect(running.address, account=LOGIN, deadline_ms=20_000)
    name = driver.do("size", **QUESTION)["reservation"]
    driver.do("report", reservation=name, ticket=1, lots=1.0, endless=True)
    released(driver, name)
    seen = driver.do("flush")
    assert seen["waiting"] == 0
    assert "price must be a finite number" in seen["printed"]
    assert rig.reserved() == 0


def test_what_was_not_heard_is_said_in_order_later(driver: Driver, rig: Rig) -> None:
    with serving(rig) as running:
        driver.connect(running.address, account=LOGIN)
        name = driver.do("size", **QUESTION, max_lots=1.0)["reservation"]
        address = running.address
    driver.do("report", reservation=name, ticket=77, lots=0.4, price=1.1)
    released(driver, name)
    assert driver.do("flush")["waiting"] == 2
    with serving(rig, bind=address):
        driver.do("pass", ms=6_000)
        assert driver.do("flush")["waiting"] == 0
    reservation = rig.desks[0].reservation(name)
    assert reservation is not None
    assert (reservation.state, reservation.held_lots) == ("open", 0.4)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200),
        ("\N{GRINNING FACE}" * 250, "\N{GRINNING FACE}" * 200),
        ("x" * 199 + "\N{GRINNING FACE}" * 2, "x" * 199 + "\N{GRINNING FACE}"),
        ("\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 201, "\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 200),
    ],
)
def test_a_reason_has_200_characters_as_the_daemon_counts(driver: Driver, rig: Rig, reason: str, said: str) -> None:
    made = driver.do("request", type="release", id="a-1", account=LOGIN, reservation="r99", reason=reason)
    assert json.loads(made["body"])["reason"] == said
    assert "no reservation" in json.loads(rig.send(made["body"].encode()))["message"].lower()
