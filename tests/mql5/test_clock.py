"""What the program takes the daemon's time for: it may seem later than it is, never earlier."""

import pytest

from tests.bridge.builders import Rig
from tests.bridge.sockets import Running
from tests.builders import LOGIN, NOW_MS
from tests.mql5.driver import Driver
from tests.mql5.test_client import QUESTION

ORDER_MS = 500
"""The way of an order to the broker, which is added."""


def passes(driver: Driver, rig: Rig, ms: int) -> None:
    """Time passes here and at the daemon."""
    driver.do("pass", ms=ms)
    rig.tick(ms)


def lost(driver: Driver, rig: Rig) -> None:
    """A question that the daemon answers, and the answer is lost on the way."""
    assert driver.do("ping")["done"]
    driver.do("faults", silent_from=200)
    assert driver.do("size", **QUESTION)["code"] == "no_answer"
    assert rig.reserved() > 0
    driver.do("faults")
    driver.do("disconnect")


@pytest.fixture
def client(driver: Driver, running: Running) -> Driver:
    driver.connect(running.address, account=LOGIN)
    return driver


def test_nothing_is_known_before_a_reply(client: Driver) -> None:
    client.do("faults", refuse=3)
    client.do("size", **QUESTION)
    assert not client.do("clock")["known"]


def test_a_reply_tells_the_time_and_it_goes_on(client: Driver, rig: Rig) -> None:
    assert client.do("size", **QUESTION)["server_ms"] == NOW_MS
    passes(client, rig, 29_000)
    assert 0 <= client.do("clock")["now_ms"] - rig.clock.now_ms() - ORDER_MS < 10_000


@pytest.mark.parametrize("wait_ms", [0, 1_000, 20_000, 600_000])
def test_a_reply_that_was_lost_and_is_repeated_tells_of_the_first_asking(
    client: Driver, rig: Rig, wait_ms: int
) -> None:
    """The repeated reply has the first one's time: taken for the present, its lots would live on."""
    lost(client, rig)
    passes(client, rig, wait_ms)
    answer = client.do("again")
    assert (answer["lots"] > 0, answer["server_ms"]) == (True, NOW_MS)
    now_ms = client.do("clock")["now_ms"]
    assert now_ms >= rig.clock.now_ms() + ORDER_MS
    assert (now_ms >= answer["expires_ms"]) == (wait_ms > 29_000)


def test_a_slow_reply_does_not_make_the_clock_late_for_ever(client: Driver, rig: Rig) -> None:
    """That one's time is counted from its first asking, 10 minutes earlier; the next one's is the present."""
    lost(client, rig)
    client.do("pass", ms=600_000)  # the daemon was stopped meanwhile, and its clock with it
    client.do("again")
    assert client.do("clock")["now_ms"] >= NOW_MS + 600_000
    assert client.do("size", **QUESTION)["server_ms"] == NOW_MS
    assert client.do("clock")["now_ms"] < NOW_MS + 60_000


def test_an_older_reply_changes_nothing(client: Driver, rig: Rig) -> None:
    """Whoever asks again later hears what was said then."""
    client.do("size", **QUESTION)
    passes(client, rig, 20_000)
    before = client.do("clock")["now_ms"]
    client.do("again")
    assert client.do("clock")["now_ms"] >= before >= rig.clock.now_ms()
