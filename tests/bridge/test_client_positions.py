"""The client's questions about what is open, against a daemon on a socket."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.client import Client, RequestError
from bridge.protocol.messages import SignalInfo, TargetInfo
from tests.bridge.builders import Rig
from tests.bridge.sockets import WAIT_MS, serving
from tests.manager.rig import ACTIVE, REBALANCE, SHARE, held, managed, show

MINUTE_MS = 60_000


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """An account under all kinds of rules, with one lot of EURUSD in profit."""
    rig = managed(tmp_path, active=ACTIVE, share=SHARE, rebalance=REBALANCE)
    show(rig, held())
    rig.tick(MINUTE_MS)
    show(rig, held(bid=1.115), bid=1.115)
    yield rig
    rig.close()


@contextmanager
def asking(rig: Rig) -> Iterator[Client]:
    """A client of the daemon, which nothing else may touch meanwhile."""
    with serving(rig) as server, Client(server.address, deadline_ms=WAIT_MS, attempts=1) as client:
        yield client


def test_instructions_are_given_reported_and_remembered(rig: Rig) -> None:
    """Once each; a report says how the instruction stands, and history tells it when the terminal has shown it."""
    with asking(rig) as client:
        close, stop = client.manage(["EURUSD"]).instructions
        assert (close.kind, close.lots, stop.kind) == ("close_partial", 0.5, "modify_stop")
        assert client.manage().instructions == []
        assert client.report(close.id, "partial", 7, 0.2, 1.115, 10_010).state == "partial"
        assert client.report(close.id, "done", ticket=7, lots=0.5, price=1.115).state == "done"
        assert client.report(stop.id, "failed", retcode=10_016).state == "failed"
    rig.tick(MINUTE_MS)
    show(rig, held(bid=1.115, volume=0.5), bid=1.115)
    with asking(rig) as client:
        history = client.positions(history=5).history
        assert client.positions().history == []
    assert {each.id: (each.state, each.filled, each.retcode) for each in history} == {
        close.id: ("done", 0.5, 0),
        stop.id: ("failed", 0.0, 10_016),
    }


def test_symbols_choose_what_is_looked_at(rig: Rig) -> None:
    """None means all of it."""
    with asking(rig) as client:
        assert client.manage(("XAUUSD",)).instructions == []
        assert len(client.manage().instructions) == 2


def test_signals_reach_the_rules(rig: Rig) -> None:
    """A bullish one, sure enough, opens; one that nothing is known of does not."""
    show(rig)
    bullish = SignalInfo(symbol="EURUSD", direction="bullish", confidence=75)
    with asking(rig) as client:
        assert client.manage(signals=[SignalInfo(symbol="EURUSD")]).instructions == []
        (opened,) = client.manage(signals=(bullish,)).instructions
    assert (opened.kind, opened.side, opened.ticket) == ("open", "buy", 0)
    assert opened.reservation is not None


def test_a_plan_is_begun_and_cancelled(rig: Rig) -> None:
    """With the magic numbers that were given; none means every EA."""
    wanted = (TargetInfo(symbol="EURUSD", weight=0.5, alpha=1.0, strategy="trend"),)
    with asking(rig) as client:
        begun = client.rebalance("month's end", wanted, magic=5, magics=(7, 8))
        ended = client.rebalance("over", cancel=True)
        with pytest.raises(RequestError, match="No plan is running"):
            client.rebalance("over", cancel=True)
    assert begun.plan is not None
    assert [(each.symbol, each.weight) for each in begun.plan.lines] == [("EURUSD", 0.5)]
    assert ended.plan is not None
    assert (ended.plan.phase, ended.plan.why) == ("cancelled", "over")
    plan = rig.desks[0].positions.kept.plan
    assert plan is not None
    assert (plan.magic, plan.magics) == (5, (7, 8))


def with_target(client: Client, value: float) -> None:
    client.rebalance("r", [TargetInfo(symbol="A", weight=0.1), TargetInfo(symbol="B", weight=value)])


def with_signal(client: Client, value: float) -> None:
    client.manage(signals=[SignalInfo(symbol="A", confidence=value)])


def with_lots(client: Client, value: float) -> None:
    client.report("i1-1", "done", lots=value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("call", "field"),
    [(with_target, "targets[1].weight"), (with_signal, "signals[0].confidence"), (with_lots, "lots")],
)
def test_a_number_that_is_none_is_never_sent_as_null(
    call: Callable[[Client, float], None], field: str, value: float
) -> None:
    """Also not deep inside: a confidence of null would be one that is not known."""
    with Client("tcp://127.0.0.1:1") as client, pytest.raises(RequestError) as error:
        call(client, value)
    assert (error.value.code, error.value.field) == ("bad_value", field)
