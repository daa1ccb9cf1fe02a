"""The feeding EA as a whole: brokers' clocks, both transports, restarts, and what it feeds without being told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.errors import LotbridgeError
from tests.bridge.builders import Rig, size_fields
from tests.bridge.processes import Daemon, PatientClient, trading
from tests.bridge.sockets import serving
from tests.builders import LOGIN, NOW_MS
from tests.mql5 import builds
from tests.mql5.conftest import Program
from tests.mql5.driver import Driver
from tests.mql5.test_feed_history import HOUR, MINUTE, STILL, TOLD, Feed

FAR_H, NEAR_H = 3, 2
"""A broker's hours ahead of UTC in summer and in winter."""
TRANSPORTS = ("feed", "feed_libzmq")


class OwnClock:
    """The daemon's own time: unlike a stepped clock it is not set by what the feed says."""

    def __init__(self) -> None:
        self._now_ms = NOW_MS

    def now_ms(self) -> int:
        return self._now_ms

    def advance_to(self, now_ms: int) -> None:
        self._now_ms = now_ms


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Rig]:
    """An account that nobody has fed yet, and a daemon with a clock of its own."""
    rig = Rig(tmp_path)
    rig.clock = OwnClock()  # type: ignore[assignment]
    rig.reopen()
    yield rig
    rig.close()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    if request.param == "feed_libzmq" and builds.libzmq() is None:
        pytest.skip("there is no libzmq")
    return str(request.param)


def feeding(program: Program, rig: Rig, address: str, *, name: str = "feed", offset_h: int = 0) -> Feed:
    driver = Driver(program(name))
    driver.do("begin", login=LOGIN, now_ms=NOW_MS, deposit=100_000, offset_s=offset_h * 3_600)
    return Feed(driver, rig, address)


@pytest.fixture
def feed(program: Program, bare: Rig) -> Iterator[Feed]:
    """A terminal with a deposit of 30 days ago; the EA has not begun."""
    with serving(bare) as running:
        feed = feeding(program, bare, running.address)
        with feed.driver:
            yield feed


# The broker's clock -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset_h", [FAR_H, NEAR_H, -5])
def test_everything_arrives_at_its_time_in_utc(program: Program, bare: Rig, transport: str, offset_h: int) -> None:
    with serving(bare) as running:
        feed = feeding(program, bare, running.address, name=transport, offset_h=offset_h)
        with feed.driver as driver:
            driver.do("history", hours=30)
            driver.do("place", price=1.09, stop_loss=1.08)
            closed = driver.do("buy")["ticket"]
            driver.do("close", ticket=closed, price=1.1)
            driver.do("buy", stop_loss=1.09)
            feed.start(bars="H1")
            assert feed.timer()["comment"] == TOLD
        terminal = feed.terminal
        assert terminal.utc_offset_ms() == offset_h * HOUR
        report, quote, bars = terminal.account(), terminal.quote("EURUSD"), terminal.bars("EURUSD", "H1")
        assert report is not None
        assert [position.time_ms for position in report.positions] == [NOW_MS]
        assert [order.time_setup_ms for order in report.orders] == [NOW_MS]
        assert [deal.time_ms for deal in report.deals] == [NOW_MS - 30 * 24 * HOUR, NOW_MS, NOW_MS, NOW_MS]
        assert report.deals_since_ms == 0
        assert quote is not None
        assert quote.time_ms == NOW_MS + 1_000
        assert bars is not None
        assert len(bars) == 30
        assert int(bars.time_ms[-1]) + HOUR == NOW_MS // HOUR * HOUR, "the newest bar that has closed"
        assert bare.size()["code"] is None


@pytest.mark.parametrize(("before_h", "after_h", "seconds"), [(NEAR_H, FAR_H, 1), (FAR_H, NEAR_H, 65)])
def test_the_brokers_daylight_saving_is_followed(
    program: Program, bare: Rig, before_h: int, after_h: int, seconds: int
) -> None:
    """A clock set back is believed when it has lasted a minute."""
    with serving(bare) as running:
        feed = feeding(program, bare, running.address, offset_h=before_h)
        with feed.driver as driver:
            feed.start()
            feed.timer()
            driver.do("offset", offset_s=after_h * 3_600)
            feed.timer(seconds)
            assert feed.terminal.utc_offset_ms() == after_h * HOUR
            driver.do("buy", stop_loss=1.09)
            feed.timer()
        report, quote = feed.terminal.account(), feed.terminal.quote("EURUSD")
        assert report is not None
        assert quote is not None
        assert [position.time_ms for position in report.positions] == [NOW_MS + (1 + seconds) * 1_000]
        assert report.deals[-1].time_ms == NOW_MS + (1 + seconds) * 1_000
        assert quote.time_ms == bare.clock.now_ms()


# Restarts -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[Daemon, PatientClient]]:
    folder = tmp_path / "process"
    folder.mkdir()
    with trading(folder, NOW_MS) as (daemon, client):
        daemon.start()
        yield daemon, client


def test_a_daemon_killed_while_the_feed_runs_is_told_everything_anew(
    program: Program, bare: Rig, process: tuple[Daemon, PatientClient], transport: str
) -> None:
    daemon, client = process
    feed = feeding(program, bare, daemon.address, name=transport)
    with feed.driver as driver:
        driver.do("history", hours=400)
        feed.start(deadline_ms=2_000)
        assert feed.timer()["comment"] == TOLD
        lots = client.ask(daemon, bare.body(**size_fields(dry_run=True)))["lots"]
        assert lots > 0
        for _ in range(2):
            daemon.kill()
            assert "behind" in feed.timer()["comment"]
            daemon.start()
            assert client.ask(daemon, bare.body(**size_fields(dry_run=True)))["lots"] == 0, "it has seen nothing"
            assert feed.timer(12)["comment"] == TOLD
            answer = client.ask(daemon, bare.body(**size_fields(dry_run=True)))
            assert (answer["code"], answer["lots"]) == (None, lots)


# The account --------------------------------------------------------------------------------------------------------


def test_another_login_is_not_fed_under_the_old_number(feed: Feed) -> None:
    feed.start()
    feed.timer()
    before = len(feed.messages)
    feed.driver.do("login", login=LOGIN + 1)
    shown = feed.timer(5)
    assert f"account {LOGIN + 1} now, this program feeds {LOGIN}" in shown["comment"]
    assert len(feed.messages) == before, "nothing of it has left the terminal"
    feed.driver.do("login", login=LOGIN)
    feed.driver.do("balance", money=-7.0)
    assert "history" in feed.timer()["comment"]
    assert feed.since() is None, "who knows what was traded meanwhile?"
    assert feed.timer(STILL)["comment"] == TOLD
    assert feed.since() == 0


def test_an_account_that_changes_within_a_message_is_refused(feed: Feed) -> None:
    """What the message began to tell was of the account before; its login, told last, gives it away."""
    feed.start()
    feed.timer()
    refused: list[LotbridgeError] = []
    taken = feed.terminal.apply
    before = len(feed.messages)

    def apply(message: object, now_ms: int) -> bool:
        try:
            return taken(message, now_ms)  # type: ignore[arg-type]
        except LotbridgeError as fault:
            refused.append(fault)
            raise

    feed.terminal.apply = apply  # type: ignore[method-assign]
    feed.driver.do("login while telling", login=LOGIN + 1)
    feed.timer()
    assert [str(fault).partition(":")[0] for fault in refused] == ["account_info.login"]
    assert len(feed.messages) == before


# Symbols ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", ["buy", "place"])
def test_symbols_of_positions_and_orders_are_fed_by_themselves(feed: Feed, held: str) -> None:
    """Not in the list, and not even in Market Watch: else nobody could say what the account risks."""
    feed.driver.do("symbol", symbol="GBPUSD", watched=0)
    feed.start(symbols="EURUSD", bars="H1")
    feed.timer()
    assert set(feed.terminal.symbol_names()) == {"EURUSD"}
    feed.driver.do(held, symbol="GBPUSD", price=1.295, stop_loss=1.29)
    feed.timer()
    feed.driver.do("quote", symbol="GBPUSD", bid=1.3)
    feed.timer()
    assert set(feed.terminal.symbol_names()) == {"EURUSD", "GBPUSD"}
    assert feed.terminal.quote("GBPUSD") is not None
    answer = feed.rig.size()
    assert answer["code"] is None, answer


def test_symbols_that_come_into_market_watch_later_are_fed(feed: Feed) -> None:
    feed.driver.do("symbol", symbol="GBPUSD", watched=0)
    feed.start()
    feed.timer()
    assert set(feed.terminal.symbol_names()) == {"EURUSD"}
    feed.driver.do("watch", symbol="GBPUSD")
    feed.timer(11)
    assert set(feed.terminal.symbol_names()) == {"EURUSD", "GBPUSD"}
    assert feed.terminal.quote("GBPUSD") is not None


def test_a_thousand_symbols_are_quoted_in_messages_that_fit(feed: Feed) -> None:
    names = [f"S{i:04}.USD.with.a.long.name" for i in range(1_100)]
    feed.driver.do("symbols", names=",".join(names))
    feed.start(bars="")
    feed.timer()
    for bid in (1.2, 1.25):
        before = len(feed.messages)
        feed.driver.do("quote all", bid=bid)
        assert feed.timer()["comment"] == TOLD
        assert len(feed.messages) > before + 1
        quotes = [feed.terminal.quote(name) for name in names]
        assert all(quote is not None and quote.bid == bid for quote in quotes)


def test_no_symbol_starves_where_quotes_change_faster_than_they_fit(feed: Feed) -> None:
    """Every message has new quotes of all, and room for a few: each has its turn."""
    names = [f"AA{chr(65 + i)}USD" for i in range(20)]
    feed.driver.do("symbols", names=",".join(names))
    told: list[str] = []
    for turn in range(5):
        feed.driver.do("quote all", bid=1.2 + turn / 100)
        part = feed.driver.do("tell quotes", room=1_000, names=",".join(names))
        assert part["more"]
        told += part["told"]
    assert set(told) == set(names)
    assert told[: len(names)] == names, "in turn"


def test_a_quiet_account_takes_one_message_a_second(feed: Feed) -> None:
    feed.start()
    feed.timer()
    before = len(feed.messages)
    feed.timer(MINUTE // 1_000)
    assert len(feed.messages) == before + MINUTE // 1_000


@pytest.mark.parametrize("count", [600, 1_200])
def test_more_positions_than_a_message_holds_are_said_to_be(feed: Feed, count: int) -> None:
    """They are told whole or not at all; and the daemon sizes nothing for an account that it does not see."""
    feed.driver.do("buy", stop_loss=1.09, count=count)
    feed.start()
    shown = feed.timer()["comment"]
    fits = count == 600
    assert (shown == TOLD) == fits
    if not fits:
        assert f"{count} positions and 0 orders are more than one message holds." in shown
        assert "The account is not fed, and the daemon refuses every size, until there are fewer." in shown
        assert feed.messages == []
        assert feed.rig.size()["lots"] == 0
