"""The pure MQL5 transport on a network that misbehaves, against the real daemon.

Waits that a fault causes pass by the shim's clock and take no time, so `elapsed_us` is what a chart would have waited.
"""

import pytest

from tests.bridge.builders import Rig
from tests.bridge.sockets import Running
from tests.builders import LOGIN
from tests.mql5.driver import MARGIN_US, Driver
from tests.mql5.test_client import QUESTION

DEADLINE_US = 500_000


@pytest.fixture
def client(driver: Driver, running: Running) -> Driver:
    driver.connect(running.address, account=LOGIN)
    driver.do("skip sleeps")
    return driver


def sizes(client: Driver) -> tuple[dict[str, object], int]:
    """An answer, and how many bytes a connection that asks for it anew receives."""
    answer = client.do("size", **QUESTION)
    assert answer["lots"] > 0
    client.do("disconnect")
    assert client.do("again")["lots"] == answer["lots"]
    return {**answer, "elapsed_us": 0}, client.do("net")["received"]


@pytest.mark.parametrize(
    "faults",
    [
        {"read_most": 1},
        {"send_most": 1},
        {"read_most": 1, "send_most": 1},
        {"read_most": 3, "send_most": 7},
        {"says_zero": True},
        {"honest": True},
        {"says_zero": True, "send_most": 1},
    ],
)
def test_reads_and_sends_in_crumbs(client: Driver, faults: dict[str, object]) -> None:
    client.do("faults", **faults)
    assert client.do("ping", times=50)["done"]
    for _ in range(10):
        answer = client.do("size", **QUESTION, max_lots=0.01)
        assert answer["lots"] == 0.01
        assert client.do("release", reservation=answer["reservation"], reason="next")["done"]
    net = client.do("net")
    assert (net["connects"], net["sent"]) == (1, 70)


def test_a_stream_that_pauses_at_any_byte(client: Driver) -> None:
    """Handshake and a whole size reply, cut in two at every boundary."""
    answer, total = sizes(client)
    for boundary in range(total):
        client.do("disconnect")
        client.do("faults", pause=boundary)
        again = client.do("again")
        assert again["elapsed_us"] < DEADLINE_US
        assert {**again, "elapsed_us": 0} == answer, boundary
    assert client.do("net")["sent"] == total + 2, "nothing had to be sent twice"


@pytest.mark.parametrize("manner", [{"late_is_5273": True}, {"stays_connected": True}])
def test_what_mql5_says_of_a_timeout_and_of_a_drop_does_not_matter(client: Driver, manner: dict[str, object]) -> None:
    """The documentation is not clear on either."""
    answer, total = sizes(client)
    for boundary in range(0, total, 11):
        client.do("disconnect")
        client.do("faults", pause=boundary, **manner)
        assert {**client.do("again"), "elapsed_us": 0} == answer
    assert client.do("net")["sent"] == len(range(0, total, 11)) + 2, "nothing had to be sent twice"
    for boundary in range(0, total, 11):
        client.do("disconnect")
        client.do("faults", reset_at_received=boundary, resets=1, **manner)
        again = client.do("again")
        assert {**again, "elapsed_us": 0} == answer
        assert again["elapsed_us"] < 400_000


def test_the_hint_says_one_of_an_empty_buffer(client: Driver) -> None:
    client.do("faults", pause_everywhere=1, read_most=1)
    assert client.do("ping")["done"]


def test_a_connection_reset_at_any_received_byte_is_made_up_for(client: Driver, rig: Rig) -> None:
    answer, total = sizes(client)
    before = rig.reserved()
    for boundary in range(0, total, 3):
        client.do("disconnect")
        client.do("faults", reset_at_received=boundary, resets=1)
        again = client.do("again")
        assert {**again, "elapsed_us": 0} == answer, boundary
    assert rig.reserved() == before


def test_a_connection_reset_at_any_sent_byte_is_made_up_for(client: Driver, rig: Rig) -> None:
    answer, _ = sizes(client)
    sent = client.do("net")["sent_bytes"]
    for boundary in range(sent):
        client.do("disconnect")
        client.do("faults", reset_at_sent=boundary, resets=1)
        again = client.do("again")
        assert {**again, "elapsed_us": 0} == answer, boundary


def test_resets_without_end_are_no_answer_after_three_attempts(client: Driver) -> None:
    _, total = sizes(client)
    for boundary in range(0, total, 61):
        client.do("disconnect")
        client.do("faults", reset_at_received=boundary)
        before = client.do("net")["connects"]
        answer = client.do("size", **QUESTION)
        assert (answer["lots"], answer["code"]) == (0, "no_answer")
        assert client.do("net")["connects"] == before + 3
        assert answer["elapsed_us"] < DEADLINE_US
    assert client.do("net")["sockets"] == 0


def test_silence_from_any_byte_on_ends_at_the_deadline(client: Driver) -> None:
    _, total = sizes(client)
    for boundary in range(0, total, 7):
        client.do("disconnect")
        client.do("faults", silent_from=boundary)
        answer = client.do("size", **QUESTION)
        assert (answer["lots"], answer["code"]) == (0, "no_answer")
        assert answer["elapsed_us"] <= DEADLINE_US + MARGIN_US / 10, boundary


def test_silence_is_met_with_the_same_request_three_times(client: Driver, rig: Rig) -> None:
    assert client.do("ping")["done"]
    client.do("faults", silent_from=200)
    before = client.do("net")["sent"]
    assert client.do("size", **QUESTION)["code"] == "no_answer"
    assert client.do("net")["sent"] == before + 3
    client.do("faults")
    client.do("disconnect")
    answer = client.do("again")
    assert answer["lots"] > 0
    assert rig.reserved() == pytest.approx(answer["worst_case"], abs=0.02), "reserved once"


def test_a_peer_that_takes_nothing_ends_at_the_deadline(client: Driver) -> None:
    for boundary in (0, 1, 63, 64, 65, 100, 200):
        client.do("disconnect")
        client.do("faults", stalled_from=boundary)
        answer = client.do("size", **QUESTION)
        assert (answer["lots"], answer["code"]) == (0, "no_answer")
        assert answer["elapsed_us"] <= DEADLINE_US + MARGIN_US / 10
    client.do("faults")
    client.do("disconnect")
    assert client.do("ping")["done"]


def test_sockets_are_given_back(client: Driver) -> None:
    """128 is all that a program may have."""
    for number in range(300):
        client.do("disconnect")
        client.do("faults", reset_at_received=number % 90, resets=2)
        assert client.do("ping")["done"]
        assert client.do("net")["sockets"] == 1
