"""The last look before an order: lots pass as they are, or are 0 with a reason."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import LOGIN, NOW_MS
from tests.mql5.conftest import Program
from tests.mql5.driver import Driver


@pytest.fixture
def terminal(program: Program) -> Iterator[Driver]:
    with Driver(program("terminal")) as terminal:
        terminal.do("begin", login=LOGIN, now_ms=NOW_MS)
        terminal.do("quote", bid=1.1)
        yield terminal


@pytest.mark.parametrize("lots", [0.01, 0.07, 0.29, 0.5, 1.17, 33.33, 50.0])
def test_sound_lots_pass_as_they_are(terminal: Driver, lots: float) -> None:
    terminal.do("answer", lots=lots)
    assert terminal.do("look") == {"lots": lots, "fault": "", "room": 10, "elapsed_us": 0}


def test_a_sell_passes_too(terminal: Driver) -> None:
    terminal.do("answer", side="sell", stop_loss=1.105, take_profit=1.09)
    assert terminal.do("look")["lots"] == 0.5


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"lots": 0.005}, "whole number of volume steps"),
        ({"lots": 0.295}, "whole number of volume steps"),
        ({"lots": 0.0}, "whole number of volume steps"),
        ({"lots": -0.1}, "whole number of volume steps"),
        ({"lots": 50.01}, "above the largest"),
        ({"answer_id": "other"}, "another question's"),
        ({"reservation": ""}, "no answer"),
        ({"expires_in": 0}, "expired"),
        ({"expires_in": 400}, "expired"),
        ({"side": "hold"}, "no side"),
        ({"order": "pending"}, "only market orders"),
        ({"entry": 0.0}, "names no entry"),
        ({"entry": 1.09999}, "run away"),
        ({"side": "sell", "stop_loss": 1.105, "take_profit": 1.09, "entry": 1.10011}, "run away"),
        ({"side": "sell"}, "stop is past the price"),
        ({"stop_loss": 1.1001}, "stop is past the price"),
        ({"stop_loss": 1.1}, "stop is past the price"),
        ({"stop_loss": 0.0}, "no stop"),
        ({"take_profit": 1.09}, "target is past the price"),
        ({"deaf": True}, "clock is not known"),
        ({"account": LOGIN + 1}, f"for account {LOGIN + 1}, and the terminal shows {LOGIN} now"),
    ],
)
def test_a_doubtful_answer_is_0_lots(terminal: Driver, answer: dict[str, Any], fault: str) -> None:
    terminal.do("answer", **answer)
    seen = terminal.do("look")
    assert seen["lots"] == 0
    assert fault in seen["fault"]


@pytest.mark.parametrize(
    ("what", "value", "fault"),
    [
        ("limit", 0.4, "volume limit"),
        ("mode", 0, "this side"),
        ("mode", 2, "this side"),
        ("mode", 3, "this side"),
        ("stops", 501, "nearer than the broker allows"),
        ("step", 0.03, "whole number of volume steps"),
        ("step", 0, "whole number of volume steps"),
        ("min", 0.6, "below the smallest"),
        ("min", 0, "below the smallest"),
        ("max", 0.4, "above the largest"),
        ("margin", 2.0, "free margin"),
        ("margin", -1, "cannot tell the margin"),
        ("allowed", 0, "Algo Trading"),
        ("connected", 0, "no connection"),
    ],
)
def test_a_broker_who_would_refuse_is_not_asked(terminal: Driver, what: str, value: float, fault: str) -> None:
    terminal.do("set", what=what, value=value)
    terminal.do("answer")
    seen = terminal.do("look")
    assert seen["lots"] == 0
    assert fault in seen["fault"]


@pytest.mark.parametrize(("what", "value"), [("limit", 0.5), ("mode", 1), ("stops", 500), ("min", 0.5), ("max", 0.5)])
def test_a_limit_that_is_just_kept_is_kept(terminal: Driver, what: str, value: float) -> None:
    terminal.do("set", what=what, value=value)
    terminal.do("answer")
    assert terminal.do("look")["lots"] == 0.5


# The price and the entry that was sized ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "room"), [(1.1, 0), (1.10005, 5), (1.1001, 10), (1.1002, 20)], ids=["just", "half", "same", "better"]
)
def test_the_broker_may_fill_worse_only_by_what_is_left(terminal: Driver, entry: float, room: int) -> None:
    """The spread is 10 points, a 51st of the way to the stop."""
    terminal.do("answer", entry=entry)
    seen = terminal.do("look")
    assert (seen["lots"], seen["room"]) == (0.5, room)


@pytest.mark.parametrize(
    ("ask", "stop", "drift", "good"),
    [
        (1.10001, 1.095, 1, True),  # a spread of one point allows one
        (1.10001, 1.095, 2, False),
        (1.1, 1.095, 1, True),  # none allows one, too
        (1.1, 1.095, 2, False),
        (1.102, 1.095, 33, True),  # a wide one 5 % of the way to the stop: 7 pips
        (1.102, 1.095, 34, False),
        (1.1003, 1.099, 6, True),
        (1.1003, 1.099, 7, False),
    ],
)
def test_little_of_the_way_to_the_stop_is_allowed(
    terminal: Driver, ask: float, stop: float, drift: int, *, good: bool
) -> None:
    terminal.do("quote", bid=1.1, ask=ask)
    terminal.do("answer", entry=round(ask - drift * 1e-5, 5), stop_loss=stop, take_profit=0.0)
    assert terminal.do("look")["lots"] == (0.5 if good else 0)


def test_the_answer_must_be_for_this_chart(terminal: Driver) -> None:
    terminal.do("answer")
    assert "not for GBPUSD" in terminal.do("look", symbol="GBPUSD")["fault"]


def test_time_passes_by_the_daemons_clock(terminal: Driver) -> None:
    terminal.do("answer", expires_in=30_000)
    terminal.do("pass", ms=29_400)
    assert terminal.do("look")["lots"] == 0.5
    terminal.do("pass", ms=200)
    assert "expired" in terminal.do("look")["fault"]


def test_an_account_that_was_switched_since_gets_no_order(terminal: Driver) -> None:
    terminal.do("answer")
    terminal.do("set", what="login", value=LOGIN + 1)
    seen = terminal.do("look")
    assert seen["lots"] == 0
    assert f"for account {LOGIN}," in seen["fault"]


def test_a_client_of_no_account_names_none(terminal: Driver) -> None:
    """A daemon with a single account may be asked so: there is nothing to compare with."""
    terminal.do("answer", account=-1)
    assert terminal.do("look")["lots"] == 0.5


# The answer and the question ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"lots": 5.0, "max_lots": 0.1}, "above the request's max_lots"),
        ({"lots": 0.11, "max_lots": 0.1}, "above the request's max_lots"),
        ({"stop_loss": 1.05, "asked_stop": 1.095}, "another stop"),
        ({"stop_loss": 1.099, "asked_stop": 1.095}, "another stop"),
        ({"stop_loss": 1.09499, "asked_stop": 1.095}, "another stop"),
        ({"take_profit": 1.2, "asked_target": 1.11}, "another target"),
        ({"take_profit": 0.0, "asked_target": 1.11}, "another target"),
        ({"take_profit": 1.11, "no_target": True}, "another target"),
        ({"lots": 5.0, "max_risk_pct": 1.0}, "max_risk_pct is 1000.00"),
        ({"lots": 2.01, "max_risk_pct": 1.0}, "risk 1025.10, and"),
        ({"lots": 2.01, "max_risk_pct": 1.0, "side": "sell", "stop_loss": 1.1051, "take_profit": 1.09}, "risk 1025.10"),
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_is_0_lots(
    terminal: Driver, answer: dict[str, Any], fault: str
) -> None:
    """The stop is 51 pips away, so a lot risks 510 of 100,000."""
    terminal.do("answer", **answer)
    seen = terminal.do("look")
    assert seen["lots"] == 0
    assert fault in seen["fault"]


@pytest.mark.parametrize(
    "answer",
    [
        {"lots": 0.1, "max_lots": 0.1},
        {"stop_loss": 1.095004, "asked_stop": 1.095},
        {"stop_loss": 1.09, "policy_stop": True},
        {"take_profit": 1.110004, "asked_target": 1.11},
        {"take_profit": 0.0},
        {"lots": 1.96, "max_risk_pct": 1.0},
        {"lots": 1.99, "max_risk_pct": 1.0},
        {"lots": 0.5, "max_risk_pct": 1.0, "side": "sell", "stop_loss": 1.1051, "take_profit": 1.09},
    ],
)
def test_an_answer_that_is_what_was_asked_for_passes(terminal: Driver, answer: dict[str, Any]) -> None:
    """Prices to half a tick; money to the 2 % that the daemon's and the terminal's may differ by."""
    terminal.do("answer", **answer)
    assert terminal.do("look")["lots"] == answer.get("lots", 0.5)
