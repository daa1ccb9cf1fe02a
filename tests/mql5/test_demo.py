"""The demo EA as a whole, compiled from its MQL5 source, over simulated bars against the real daemon."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.client import Client
from tests.bridge.builders import Rig, account_settings
from tests.bridge.sockets import Running, serving
from tests.builders import LOGIN, NOW_MS
from tests.mql5.conftest import Program
from tests.mql5.driver import Driver
from tests.mql5.peers import playing
from tests.mql5.test_feed import QUESTION
from tests.mql5.test_instructions import Desk, opening, todo

HOUR_MS = 3_600_000
HOURS = 120
QUESTIONS = 40


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, now_ms=NOW_MS - 1)
    yield rig
    rig.close()


@pytest.fixture
def daemon(bare: Rig) -> Iterator[Running]:
    with serving(bare) as running:
        yield running


@pytest.fixture
def terminal(program: Program) -> Iterator[Driver]:
    with Driver(program("terminal")) as terminal:
        terminal.do("begin", login=LOGIN, now_ms=NOW_MS)
        terminal.do("history", hours=60)
        yield terminal


def price(hour: int) -> float:
    """A wave with a wave on it: averages of 3 and 8 bars cross often."""
    return round(1.1 + 0.006 * math.sin(hour / 5) + 0.002 * math.sin(hour * 1.7), 5)


def lives(terminal: Driver, hours: int, start: int = 1) -> int:
    """Let the EA live so many hours; the most positions it held at once."""
    most = 0
    for hour in range(start, start + hours):
        for part in (0.25, 0.5, 0.75, 1.0):
            terminal.do("pass", ms=HOUR_MS // 4)
            terminal.do("quote", bid=round(price(hour - 1) * (1 - part) + price(hour) * part, 5))
            seen = terminal.do("tick")
            most = max(most, seen["positions"])
            terminal.do("timer")
    return most


def test_the_demo_trades_with_the_daemons_lots(terminal: Driver, bare: Rig, daemon: Running) -> None:
    begun = terminal.do("init", address=daemon.address)
    assert begun == {"result": 0, "timer_ms": 1_000, "printed": "", "elapsed_us": 0}
    assert lives(terminal, HOURS) >= 1
    book = terminal.do("timer")
    assert book["sent"] >= 4
    status = bare.status()
    assert status["equity"] == pytest.approx(book["equity"])
    assert status["balance"] == pytest.approx(book["balance"])
    # What is reserved has become positions, or was given back.
    terminal.do("pass", ms=60_000)
    terminal.do("quote", bid=price(HOURS))
    terminal.do("timer")
    status = bare.status()
    assert status["reserved_risk"] == 0
    assert (status["open_risk"] > 0) == (book["positions"] > 0)
    report = bare.desks[0].terminal.account()
    assert report is not None
    assert len(report.positions) == book["positions"]
    assert len(report.deals) == book["deals"]
    terminal.do("deinit")


def test_without_a_daemon_the_demo_does_not_trade(terminal: Driver) -> None:
    assert terminal.do("init", address="tcp://127.0.0.1:1")["result"] == 0
    assert lives(terminal, 40) == 0
    assert "no trade" in terminal.do("timer")["printed"] or terminal.do("timer")["sent"] == 0


@pytest.mark.parametrize(
    ("wrong", "name", "wanted"),
    [
        ({"deadline_ms": 49}, "Deadline of a question, ms", "is 49. It must be 50 to 10000"),
        ({"deadline_ms": 10_001}, "Deadline of a question, ms", "50 to 10000"),
        ({"deviation": -1}, "Deviation of a market order, points", "is -1. It must be 0 to"),
        ({"fast": 0}, "Bars of the fast average", "is 0. It must be 1 to"),
        ({"fast": 8, "slow": 8}, "Bars of the slow average", "is 8. It must be 9 to"),
        ({"fast": 9, "slow": 8}, "Bars of the slow average", "is 8. It must be 10 to"),
        ({"slow": 2_147_483_647}, "Bars of the slow average", "It must be 4 to 10000"),
        ({"atr_bars": 0}, "Bars of the ATR", "is 0. It must be 1 to"),
        ({"stop_atrs": 0.0}, "Stop, ATRs", "is 0.00. It must be above 0"),
        ({"reward": -1.0}, "Target over stop", "is -1.00. It must be above 0"),
        ({"bars": "H1,H2"}, "Bars to feed", "is 'H1,H2'. It must be some of M1,"),
        ({"bars": "H1,"}, "Bars to feed", "is 'H1,'. It must be some of M1,"),
        ({"manage_s": 0}, "Ask for instructions every so many seconds", "is 0. It must be 1 to 3600"),
        ({"user": "u" * 256}, "User", "is 256 bytes long. It must be 255 bytes at most"),
        ({"password": "p" * 300}, "Password", "is 300 bytes long. It must be 255 bytes at most"),
    ],
)
def test_a_wrong_input_is_named_with_what_it_must_be(
    terminal: Driver, wrong: dict[str, Any], name: str, wanted: str
) -> None:
    begun = terminal.do("init", address="tcp://127.0.0.1:1", **wrong)
    assert begun["result"] != 0
    assert f"the input '{name}' is " in begun["printed"]
    assert wanted in begun["printed"]
    assert "ppp" not in begun["printed"], "a password is no one's business"


def test_in_the_tester_sizes_are_local_only_when_asked_for(terminal: Driver) -> None:
    terminal.do("set", what="tester", value=1)
    assert terminal.do("init", address="tcp://127.0.0.1:5757")["result"] == 0
    assert lives(terminal, 40) == 0
    terminal.do("deinit")


def test_local_sizes_are_labelled(terminal: Driver) -> None:
    terminal.do("set", what="tester", value=1)
    assert terminal.do("init", address="tcp://127.0.0.1:5757", tester_risk=0.5)["result"] == 0
    printed = ""
    for hour in range(1, 40):
        terminal.do("pass", ms=HOUR_MS)
        terminal.do("quote", bid=price(hour))
        printed += terminal.do("tick")["printed"]
    assert "LOCAL" in printed
    assert terminal.do("timer")["sent"] > 0


# Turning round ------------------------------------------------------------------------------------------------------


def bid_of(number: int) -> float:
    """The price at the end of a quarter of an hour."""
    hour, part = 1 + number // 4, 0.25 * (1 + number % 4)
    return round(price(hour - 1) * (1 - part) + price(hour) * part, 5)


def quarter(terminal: Driver, number: int) -> dict[str, Any]:
    """A quarter of an hour of the EA's life; what the account holds after it, and what was printed."""
    terminal.do("pass", ms=HOUR_MS // 4)
    terminal.do("quote", bid=bid_of(number))
    seen = terminal.do("tick")
    seen["printed"] += terminal.do("timer")["printed"]
    return seen


def until(terminal: Driver, start: int, said: str) -> tuple[int, dict[str, Any]]:
    """Live from a quarter of an hour on until the EA says something; the next quarter, and what is held then."""
    for number in range(start, 4 * HOURS):
        seen = quarter(terminal, number)
        if said in seen["printed"]:
            return number + 1, seen
    raise AssertionError(f"it never says: {said}")


def holding(terminal: Driver, address: str) -> int:
    """Start the EA, and let it open a position that no stop ends; the next quarter of an hour."""
    assert terminal.do("init", address=address, stop_atrs=12, reward=6)["result"] == 0
    for number in range(4 * HOURS):
        if quarter(terminal, number)["positions"] == 1:
            return number + 1
    raise AssertionError("it opens nothing")


@pytest.mark.parametrize("code", [10018, 10012])
def test_while_a_position_cannot_be_closed_the_other_way_is_not_opened(
    terminal: Driver, daemon: Running, code: int
) -> None:
    start = holding(terminal, daemon.address)
    terminal.do("set", what="closes", value=code)
    before = terminal.do("made")["trades"]
    _, seen = until(terminal, start, "could not be closed")
    assert seen["positions"] == 1
    assert [trade for trade in terminal.do("made")["trades"] if trade["opens"]] == []
    assert len([trade for trade in before if trade["opens"]]) == 1


@pytest.mark.parametrize(("ms", "opened"), [(9_000, 1), (11_000, 0)])
def test_the_other_way_is_opened_when_the_close_has_happened(
    terminal: Driver, daemon: Running, ms: int, opened: int
) -> None:
    """Or never, where that takes longer than a signal is good for."""
    number = holding(terminal, daemon.address)
    terminal.do("set", what="closes", value=10008)
    side = terminal.do("made")["trades"][-1]["side"]
    sent = terminal.do("timer")["sent"]
    while terminal.do("timer")["sent"] == sent:
        seen = quarter(terminal, number)
        number += 1
    assert (seen["positions"], seen["sent"]) == (1, sent + 1), "the old one still stands, and nothing else is sent"
    assert terminal.do("tick")["sent"] == sent + 1, "nor is it closed twice"
    terminal.do("pass", ms=ms)
    terminal.do("show")
    terminal.do("quote", bid=bid_of(number - 1))
    said = terminal.do("tick")["printed"]
    assert [trade["side"] for trade in terminal.do("made")["trades"] if trade["opens"]] == [1 - side] * opened, said


def test_on_a_netting_account_another_programs_position_is_left_alone(terminal: Driver, daemon: Running) -> None:
    terminal.do("set", what="account", value=0)
    hand = {"opens": True, "ticket": 555, "order": 555, "deal": 556, "lots": 0.1, "price": 1.1001, "symbol": "EURUSD"}
    terminal.do("mirror", **hand, side=0, magic=9, time_msc=NOW_MS, sl=0.5, tp=0.0)
    assert terminal.do("init", address=daemon.address)["result"] == 0
    _, seen = until(terminal, 0, "Another program holds")
    assert (seen["sent"], seen["volume"]) == (0, 0.1)


def test_the_demo_on_a_netting_account(terminal: Driver, bare: Rig, daemon: Running) -> None:
    terminal.do("set", what="account", value=0)
    assert terminal.do("init", address=daemon.address)["result"] == 0
    assert lives(terminal, HOURS) == 1
    opened = [(trade["ticket"], trade["lots"]) for trade in terminal.do("made")["trades"] if trade["opens"]]
    known = filter(None, (bare.desks[0].reservation(f"r{number}") for number in range(1, 1_000)))
    fills = [(fill.ticket, fill.lots) for reservation in known for fill in reservation.fills]
    assert len(opened) >= 2
    assert fills == opened, "each fill with the lots of its own order"


# What is open -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("manage", [{}, {"manage_s": 10}])
def test_the_demo_carries_out_instructions_for_its_own_only_if_told_to(
    terminal: Driver, manage: dict[str, int]
) -> None:
    desk = Desk()
    desk.give(todo("close", 555, lots=0.1, magic=9, side="buy"), opening(magic=7001))
    with playing(desk.play) as peer:
        hand = {"opens": True, "ticket": 555, "order": 555, "deal": 556, "lots": 0.1, "price": 1.1, "symbol": "EURUSD"}
        terminal.do("mirror", **hand, side=0, magic=9, time_msc=NOW_MS, sl=0.5, tp=0.0)
        assert terminal.do("init", address=peer.address, follows=True, **manage)["result"] == 0
        seen = terminal.do("timer")
        seen["printed"] += terminal.do("timer")["printed"]
        terminal.do("deinit")
    if not manage:
        assert (desk.asked, seen["sent"]) == ([], 0)
        return
    assert desk.asked[0]["symbols"] == ["EURUSD"]
    assert "its magic number is 9" in seen["printed"]
    assert (seen["sent"], seen["positions"]) == (1, 2)
    assert [each["status"] for each in desk.told] == ["failed", "done"]


# One account, many programs -----------------------------------------------------------------------------------------


def asked(terminal: Driver, magic: int) -> list[tuple[float, float]]:
    """Lots and worst case of many questions of an EA, one after the other."""
    answers = [terminal.do("ask", **QUESTION, magic=magic) for _ in range(QUESTIONS)]
    return [(answer["lots"], answer["worst_case"]) for answer in answers]


def sized(client: Client) -> list[tuple[float, float]]:
    """The same of the Python client."""
    replies = [
        client.size("EURUSD", "buy", stop_loss=1.0951, take_profit=1.1151, confidence=75, magic=9)
        for _ in range(QUESTIONS)
    ]
    return [(reply.lots, reply.risk.worst_case) for reply in replies]


def test_two_eas_and_a_python_client_share_one_headroom(program: Program, tmp_path: Path) -> None:
    """What is granted at once, by its worst cases, never exceeds what the rules leave."""
    rig = Rig(tmp_path, account_settings(), now_ms=NOW_MS - 1)
    with ExitStack() as stack:
        stack.callback(rig.close)
        running = stack.enter_context(serving(rig))
        eas = [stack.enter_context(Driver(program("terminal"))) for _ in range(2)]
        for number, terminal in enumerate(eas):
            terminal.do("begin", login=LOGIN, now_ms=NOW_MS, chart=number + 1)
            terminal.do("quote", bid=1.1)
            terminal.do("connect", address=running.address, deadline_ms=20_000, magic=number + 1)
        eas[0].do("add", symbol="EURUSD", bars="H1")
        assert eas[0].do("pump")["told"]
        client = stack.enter_context(Client(running.address, account=LOGIN, deadline_ms=20_000))
        headroom = min(rule["headroom"] for rule in rig.status()["rules"])
        parties: list[Callable[[], list[tuple[float, float]]]] = [
            partial(asked, ea, at) for at, ea in enumerate(eas, 1)
        ]
        parties.append(partial(sized, client))
        with ThreadPoolExecutor(len(parties)) as pool:
            answers = [pair for future in [pool.submit(party) for party in parties] for pair in future.result()]
        granted = sum(worst for lots, worst in answers if lots > 0)
        refused = sum(lots == 0 for lots, _ in answers)
        assert granted <= headroom + 0.01
        assert granted > 0
        assert refused > 0, "the headroom was never used up"
        assert rig.reserved() == pytest.approx(granted, abs=0.05)
