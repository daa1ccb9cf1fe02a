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
    assert terminal.do("look") == {"lots": lots, "fault": "", "elapsed_us": 0}


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
        ({"side": "sell"}, "stop is past the price"),
        ({"stop_loss": 1.1001}, "stop is past the price"),
        ({"stop_loss": 1.1}, "stop is past the price"),
        ({"stop_loss": 0.0}, "no stop"),
        ({"take_profit": 1.09}, "target is past the price"),
        ({"deaf": True}, "clock is not known"),
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


def test_the_answer_must_be_for_this_chart(terminal: Driver) -> None:
    terminal.do("answer")
    assert "not for GBPUSD" in terminal.do("look", symbol="GBPUSD")["fault"]


def test_time_passes_by_the_daemons_clock(terminal: Driver) -> None:
    terminal.do("answer", expires_in=30_000)
    terminal.do("pass", ms=29_400)
    assert terminal.do("look")["lots"] == 0.5
    terminal.do("pass", ms=200)
    assert "expired" in terminal.do("look")["fault"]
