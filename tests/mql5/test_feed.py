"""The MQL5 feed against the real daemon: everything at the start, changes after it, and starting over."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.protocol.codes import CODES
from tests.bridge.builders import Rig
from tests.bridge.sockets import Running, serving
from tests.bridge.test_auth import PLAIN
from tests.builders import LOGIN, NOW_MS
from tests.docs.pages import OPERATIONS, text
from tests.docs.wire import tables_of
from tests.mql5.conftest import Program
from tests.mql5.driver import MARGIN_US, Driver
from tests.mql5.preprocess import INCLUDES, SOURCES

DEADLINE_MS = 20_000
QUESTION = {"symbol": "EURUSD", "side": "buy", "stop_loss": 1.0951, "take_profit": 1.1151, "confidence": 75}


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Rig]:
    """An account that nobody has fed yet."""
    rig = Rig(tmp_path, now_ms=NOW_MS - 1)
    yield rig
    rig.close()


@pytest.fixture
def daemon(bare: Rig) -> Iterator[Running]:
    with serving(bare) as running:
        yield running


@pytest.fixture
def terminal(program: Program) -> Iterator[Driver]:
    """A terminal with a deposit of 30 days ago and a quote."""
    with Driver(program("terminal")) as terminal:
        terminal.do("begin", login=LOGIN, now_ms=NOW_MS)
        terminal.do("quote", bid=1.1)
        yield terminal


@pytest.fixture
def feeder(terminal: Driver, daemon: Running) -> Driver:
    """A terminal that feeds EURUSD."""
    terminal.do("connect", address=daemon.address, deadline_ms=DEADLINE_MS)
    assert terminal.do("add", symbol="EURUSD", bars="H1, D1")["done"]
    return terminal


def test_the_first_message_tells_enough_for_a_size(feeder: Driver, bare: Rig) -> None:
    told = feeder.do("pump")
    assert (told["told"], told["resyncs"], told["fault"]) == (True, 0, "")
    status = bare.status()
    assert (status["equity"], status["halted"], status["terminal"]["connected"]) == (100_000.0, None, True)
    assert {rule["name"] for rule in status["rules"]} >= {"daily", "total"}
    answer = feeder.do("ask", **QUESTION)
    assert (answer["status"], answer["code"]) == ("ok", "")
    assert answer["lots"] > 0


def test_the_deposit_is_told_so_every_anchor_is_known(feeder: Driver, bare: Rig) -> None:
    feeder.do("pump")
    assert all(rule["anchor"] is not None for rule in bare.ask(type="rules")["rules"])


def test_a_long_history_comes_in_pieces(feeder: Driver, bare: Rig) -> None:
    feeder.do("trades", count=2_000, days=1)
    feeder.do("history", hours=1_700)
    told = feeder.do("pump")
    assert told["told"]
    assert told["messages"] > 3
    terminal = bare.desks[0].terminal
    report = terminal.account()
    assert report is not None
    assert len(report.deals) == 2_001
    hours = terminal.bars("EURUSD", "H1")
    assert hours is not None
    assert len(hours) == 1_500
    assert int(hours.time_ms[-1]) + 3_600_000 <= NOW_MS, "bar 0 is not finished"
    days = terminal.bars("EURUSD", "D1")
    assert days is not None
    assert len(days) > 60
    assert hours.tick_volume is not None
    assert set(hours.tick_volume.tolist()) == {1}, "one quote an hour"
    assert days.tick_volume is not None
    assert set(days.tick_volume[1:-1].tolist()) == {24}


def test_only_what_has_changed_is_told_again(feeder: Driver, bare: Rig) -> None:
    feeder.do("history", hours=50)
    feeder.do("pump")
    before = feeder.do("pump")["messages"]
    feeder.do("pass", ms=3_600_000)
    feeder.do("quote", bid=1.102)
    told = feeder.do("pump")
    assert (told["told"], told["messages"], told["resyncs"]) == (True, before + 1, 0)
    terminal = bare.desks[0].terminal
    quote, hours = terminal.quote("EURUSD"), terminal.bars("EURUSD", "H1")
    assert quote is not None
    assert hours is not None
    assert quote.bid == 1.102
    assert int(hours.time_ms[-1]) == NOW_MS


def test_a_lost_message_is_made_up_for(terminal: Driver, bare: Rig) -> None:
    """No answer: the feed cannot know whether the message was taken, so the next one tells everything."""
    with serving(bare) as running:
        terminal.do("connect", address=running.address, deadline_ms=300)
        terminal.do("add", symbol="EURUSD", bars="H1")
        terminal.do("history", hours=30)
        assert terminal.do("pump")["told"]
        before = terminal.do("pump")["messages"]
    lost = terminal.do("pump")
    assert (lost["told"], lost["messages"]) == (False, before)
    assert "no answer" in lost["fault"]
    again = terminal.do("pump")
    assert again["elapsed_us"] < 5_000, "it waits for a while, without waiting"
    with serving(bare, bind=running.address):
        terminal.do("pass", ms=10_000)
        terminal.do("quote", bid=1.1003)
        told = terminal.do("pump")
        assert (told["told"], told["resyncs"], told["fault"]) == (True, 0, "")
    assert bare.status()["halted"] is None
    quote = bare.desks[0].terminal.quote("EURUSD")
    assert quote is not None
    assert quote.bid == 1.1003


def test_a_silent_daemon_holds_no_call_past_its_budget(terminal: Driver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        terminal.do("connect", address=address, deadline_ms=400)
        terminal.do("add", symbol="EURUSD", bars="H1")
        terminal.do("thaw")
        lost = terminal.do("pump")
        assert not lost["told"]
        assert lost["elapsed_us"] < 400_000 + MARGIN_US
        assert terminal.do("pump")["elapsed_us"] < MARGIN_US


def test_a_daemon_that_starts_anew_is_told_everything(feeder: Driver, bare: Rig, daemon: Running) -> None:
    feeder.do("history", hours=30)
    feeder.do("pump")
    desk = bare.desks[0]
    desk.terminal._session = None  # type: ignore[attr-defined]  # as after a restart
    desk.terminal._reset()  # type: ignore[attr-defined]
    feeder.do("pass", ms=1_000)
    feeder.do("quote", bid=1.1001)
    told = feeder.do("pump")
    assert (told["told"], told["resyncs"]) == (True, 1)
    assert desk.terminal.bars("EURUSD", "H1") is not None
    assert bare.status()["halted"] is None


def test_a_gap_is_asked_for_and_filled(feeder: Driver, bare: Rig) -> None:
    feeder.do("pump")
    terminal = bare.desks[0].terminal
    number, identity = terminal._last  # type: ignore[attr-defined]
    terminal._last = (number - 1, identity)  # type: ignore[attr-defined]  # as if it had never come
    told = feeder.do("pump")
    assert (told["told"], told["resyncs"]) == (True, 1)
    assert bare.status()["halted"] is None


def test_another_feed_is_a_conflict_that_is_told_once(feeder: Driver, bare: Rig) -> None:
    bare.feed()
    told = feeder.do("pump")
    assert (told["told"], told["messages"]) == (False, 0)
    assert "feeds account" in told["fault"]
    printed = feeder.do("quote", bid=1.1)["printed"]
    assert printed.count("feeds account") == 1
    feeder.do("pass", ms=31_000)
    feeder.do("quote", bid=1.1)
    bare.tick(31_000)
    assert feeder.do("pump")["told"]


def test_a_terminal_without_a_broker_passes_nothing_on(feeder: Driver, bare: Rig) -> None:
    feeder.do("set", what="connected", value=0)
    assert not feeder.do("pump")["told"]
    assert bare.status()["equity"] is None
    feeder.do("set", what="connected", value=1)
    assert feeder.do("pump")["told"]


def test_the_terminals_own_switch_stops_sizes(feeder: Driver, bare: Rig) -> None:
    feeder.do("set", what="allowed", value=0)
    feeder.do("pump")
    assert bare.status()["halted"] == "trading_halted"


def test_the_feeding_expert_feeds_market_watch(terminal: Driver, bare: Rig, daemon: Running) -> None:
    assert terminal.do("feed expert", address=daemon.address)["result"] == 0
    assert bare.status()["equity"] == 100_000.0
    refused = terminal.do("feed expert", address=daemon.address, symbols="EURUSD, NOPE")
    assert refused["result"] != 0
    assert "'NOPE' cannot be fed: there is no such symbol" in refused["printed"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"deadline_ms": 49}, "'Longest wait of a call, ms' is 49. It must be 50 to 10000"),
        ({"bars": "H3"}, "'Bars to feed' is 'H3'. It must be some of M1,"),
        ({"password": "p" * 256}, "'Password' is 256 bytes long. It must be 255 bytes at most"),
        ({"symbols": ""}, "for Market Watch' is empty. It must be * or a list of symbols"),
    ],
)
def test_a_wrong_input_of_the_feed_is_named(terminal: Driver, wrong: dict[str, Any], said: str) -> None:
    refused = terminal.do("feed expert", address="tcp://127.0.0.1:1", **wrong)
    assert refused["result"] != 0
    assert said in refused["printed"]


def test_the_doctor_finds_a_healthy_daemon(feeder: Driver, daemon: Running) -> None:
    feeder.do("pump")
    printed = feeder.do("doctor", address=daemon.address)["printed"]
    assert "the daemon serves this account" in printed
    assert "PROBLEM" not in printed.replace("PROBLEM  the account may", ""), printed


def test_the_doctor_before_anything_feeds_finds_what_the_page_says(terminal: Driver, daemon: Running) -> None:
    """Step 6 of the installation: the feed comes in step 7, Algo Trading in step 9."""
    terminal.do("set", what="allowed", value=0)
    printed = terminal.do("doctor", address=daemon.address)["printed"]
    problems = [line.removeprefix("PROBLEM").strip() for line in printed.splitlines() if line.startswith("PROBLEM")]
    page = (SOURCES / "README.md").read_text(encoding="utf-8")
    step = " ".join(page[page.index("6. Drag") : page.index("7. Drag")].split())
    expected = re.findall(r'"([^"]+)"', step)
    assert len(problems) == len(expected) == 3
    for problem, said in zip(problems, expected, strict=True):
        assert problem.startswith(said)


def test_the_doctor_says_what_lifts_a_halt(feeder: Driver, daemon: Running) -> None:
    feeder.do("set", what="allowed", value=0)
    feeder.do("pump")
    printed = feeder.do("doctor", address=daemon.address)["printed"]
    assert f"every size would be refused: trading_halted. {CODES['trading_halted']}" in printed


@pytest.mark.parametrize("code", sorted(tables_of(text(OPERATIONS))["code"]))
def test_the_doctor_has_a_remedy_for_every_code_that_halts(code: str) -> None:
    source = (INCLUDES / "LotBridge" / "Remedies.mqh").read_text(encoding="utf-8")
    assert f'if(code == "{code}")\n      return "{CODES[code]}";' in source


def test_the_doctor_at_a_daemon_that_wants_a_password(feeder: Driver, bare: Rig) -> None:
    with serving(bare, PLAIN) as running:
        printed = feeder.do("doctor", address=running.address)["printed"]
        assert "wants the mechanism PLAIN, this program uses NULL. Enter user and password in the inputs." in printed
    with serving(bare) as running:
        printed = feeder.do("doctor", address=running.address, user="ea", password="secret")["printed"]  # noqa: S106
        assert "this program uses PLAIN. Leave user and password in the inputs empty." in printed


def test_the_doctor_names_the_remedies(terminal: Driver) -> None:
    terminal.do("set", what="allowed", value=0)
    printed = terminal.do("doctor", address="tcp://127.0.0.1:1")["printed"]
    assert "Algo Trading" in printed
    assert "Nothing answers" in printed
    assert "2 problem(s)" in printed
    assert "must look like" in terminal.do("doctor", address="localhost")["printed"]
