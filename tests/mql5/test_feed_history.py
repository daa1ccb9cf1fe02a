"""What the feeding EA claims of history: never a deal that it has not told, never bars that are missing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.protocol.messages import SnapshotRequest
from bridge.terminal.feed import FeedTerminal
from tests.bridge.builders import Rig
from tests.bridge.sockets import serving
from tests.builders import LOGIN, NOW_MS
from tests.mql5.conftest import Program
from tests.mql5.driver import Driver

TOLD = "LotBridge feeds the daemon."
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
STILL = 13
"""Seconds after which a history that does not make the balance has stood still."""


class Feed:
    """The EA on a chart, and the daemon's ear: every message that was taken is kept."""

    def __init__(self, driver: Driver, rig: Rig, address: str) -> None:
        self.driver, self.rig, self.address = driver, rig, address
        self.messages: list[SnapshotRequest] = []
        terminal = rig.desks[0].terminal
        assert isinstance(terminal, FeedTerminal)
        self.terminal = terminal
        taken = terminal.apply

        def apply(message: SnapshotRequest, now_ms: int) -> bool:
            again = taken(message, now_ms)
            self.messages.append(message)
            return again

        terminal.apply = apply  # type: ignore[method-assign]

    def start(self, **over: Any) -> None:
        assert self.driver.do("start", address=self.address, **over)["result"] == 0

    def timer(self, seconds: int = 1) -> dict[str, Any]:
        """So many seconds pass; the quote moves with each."""
        shown: dict[str, Any] = {}
        for _ in range(seconds):
            self.driver.do("pass", ms=SECOND)
            self.rig.tick(SECOND)
            self.driver.do("quote", bid=1.1)
            shown = self.driver.do("timer")
        return shown

    def deals(self) -> list[tuple[int, int]]:
        """Tickets and times of the deals that the terminal has loaded."""
        return [(ticket, time_ms) for ticket, time_ms in self.driver.do("deals")["deals"]]

    def known(self) -> set[int]:
        report = self.terminal.account()
        return set() if report is None else {deal.ticket for deal in report.deals}

    def since(self) -> int | None:
        report = self.terminal.account()
        return None if report is None else report.deals_since_ms


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Rig]:
    """An account that nobody has fed yet."""
    rig = Rig(tmp_path, now_ms=NOW_MS)
    yield rig
    rig.close()


@pytest.fixture
def feed(program: Program, bare: Rig) -> Iterator[Feed]:
    """A terminal with a deposit of 30 days ago; the EA has not begun."""
    with serving(bare) as running, Driver(program("feed")) as driver:
        driver.do("begin", login=LOGIN, now_ms=NOW_MS, deposit=100_000)
        yield Feed(driver, bare, running.address)


# Deals --------------------------------------------------------------------------------------------------------------


def part(driver: Driver, room: int) -> tuple[set[int], int | None, bool]:
    """Tickets that a message with so much room tells, from when on it claims all if that moves, and if more wait."""
    answer = driver.do("tell deals", room=room)
    told = json.loads(answer["told"])
    return {deal["ticket"] for deal in told["deals"]}, told.get("deals_since"), answer["more"]


@pytest.mark.parametrize("room", [700, 800, 1_500, 6_000])
def test_every_message_claims_only_what_was_told(feed: Feed, room: int) -> None:
    """Four deals share each millisecond, and messages end between them."""
    feed.driver.do("trades", count=40, ago_ms=HOUR, every_ms=MINUTE, group=4)
    deals, told, claims, split = dict(feed.deals()), set[int](), [NOW_MS], False
    more = True
    while more:
        tickets, moved, more = part(feed.driver, room)
        since = claims[-1] if moved is None else moved
        told |= tickets
        claims.append(since)
        assert {ticket for ticket, time_ms in deals.items() if time_ms >= since} <= told
        split = split or bool({deals[ticket] for ticket in told} & {deals[ticket] for ticket in deals.keys() - told})
    assert split
    assert claims == sorted(claims, reverse=True)
    assert (told, claims[-1]) == (set(deals), 0)


def test_a_new_deal_is_told_before_the_old_ones(feed: Feed) -> None:
    """However much waits: what was traded just now is in the next message, which does not claim the others."""
    feed.driver.do("trades", count=40, ago_ms=HOUR, every_ms=MINUTE)
    before, _, more = part(feed.driver, 1_500)
    assert more
    feed.driver.do("trades", count=1, ago_ms=0, every_ms=0)
    fresh = feed.deals()[-1][0]
    tickets, later, _ = part(feed.driver, 500)
    assert fresh not in before
    assert fresh in tickets
    assert later is None, "the claim stays where it was"


def test_a_long_history_arrives_whole(feed: Feed) -> None:
    feed.driver.do("trades", count=4_000, ago_ms=HOUR, every_ms=MINUTE, group=3)
    feed.start()
    assert feed.timer()["comment"] == TOLD
    claims = [message.deals_since for message in feed.messages if message.deals_since is not None]
    assert len(claims) == 3
    assert feed.since() == 0
    assert feed.known() == {ticket for ticket, _ in feed.deals()}


def test_credit_is_no_balance(feed: Feed) -> None:
    feed.driver.do("credit")
    feed.start()
    assert feed.timer()["comment"] == TOLD
    assert len(feed.known()) == 1
    assert feed.since() == 0


def test_money_without_any_deal_is_a_history_that_is_not_loaded(feed: Feed) -> None:
    feed.driver.do("unload", keep=0)
    feed.start()
    for _ in range(3):
        shown = feed.timer(STILL)
        assert "history" in shown["comment"]
    assert all(message.deals is None and message.deals_since is None for message in feed.messages)
    assert (feed.since(), feed.rig.status()["equity"]) == (None, 100_000.0)
    assert feed.rig.size()["code"] == "stale_account"
    feed.driver.do("load", count=1)
    assert feed.timer(2)["comment"] == TOLD
    assert (feed.since(), len(feed.known())) == (0, 1)
    assert feed.rig.size()["lots"] > 0


def test_without_history_nothing_is_said_at_all(feed: Feed) -> None:
    feed.driver.do("history fails", on=1)
    feed.start()
    assert "still loads" in feed.timer(2)["comment"]
    assert feed.messages == []
    feed.driver.do("history fails", on=0)
    assert feed.timer()["comment"] == TOLD
    assert feed.since() == 0


def test_a_history_in_pieces_is_told_when_it_makes_the_balance(feed: Feed) -> None:
    feed.driver.do("trades", count=20, ago_ms=HOUR, every_ms=MINUTE)
    feed.driver.do("unload", keep=5)
    feed.start()
    feed.timer(2)
    for _ in range(3):
        feed.driver.do("load", count=5)
        feed.timer(STILL - 4)
        assert feed.since() is None
    feed.driver.do("load", count=5)
    assert feed.timer(2)["comment"] == TOLD
    assert (feed.since(), len(feed.known())) == (0, 21)


def test_deals_that_never_make_the_balance_must_stand_still(feed: Feed) -> None:
    feed.driver.do("balance", money=-12.5)
    feed.start()
    feed.timer(STILL - 3)
    assert feed.since() is None
    assert feed.timer(3)["comment"] == TOLD
    assert (feed.since(), len(feed.known())) == (0, 1)


def test_a_history_proves_nothing_while_the_terminal_is_cut_off(feed: Feed) -> None:
    """It stands still because nothing can come."""
    feed.driver.do("trades", count=20, ago_ms=HOUR, every_ms=MINUTE)
    feed.driver.do("balance", money=-12.5)
    feed.driver.do("unload", keep=5)
    feed.start()
    feed.timer(2)
    feed.driver.do("connected", on=0)
    feed.timer(2 * STILL)
    feed.driver.do("connected", on=1)
    feed.timer(2)
    assert feed.since() is None
    feed.driver.do("load", count=20)
    feed.timer(STILL + 1)
    assert (feed.since(), len(feed.known())) == (0, 21)


def test_deals_behind_the_balance_that_they_made_are_told_soon(feed: Feed) -> None:
    """After a lost connection the terminal shows the balance first, and no transaction tells of the deals."""
    feed.start()
    assert feed.timer()["comment"] == TOLD
    feed.driver.do("trades", count=1, ago_ms=0, every_ms=0)
    feed.driver.do("balance", money=-500)
    late = feed.deals()[-1][0]
    feed.driver.do("unload", keep=0)
    feed.timer(3)
    assert late not in feed.known()
    feed.driver.do("load", count=2)
    feed.timer(2)
    assert late in feed.known()


def test_a_history_that_takes_longer_than_a_message_may_is_told_all_the_same(feed: Feed) -> None:
    feed.driver.do("history takes", ms=700)
    feed.start(deadline_ms=500)
    feed.timer(6)
    assert (feed.since(), len(feed.known())) == (0, 1)
    assert feed.timer(20)["comment"] == TOLD


def test_an_account_without_money_and_deals_has_a_beginning(program: Program, bare: Rig) -> None:
    with serving(bare) as running, Driver(program("feed")) as driver:
        driver.do("begin", login=LOGIN, now_ms=NOW_MS, deposit=0)
        feed = Feed(driver, bare, running.address)
        feed.start()
        feed.timer(STILL)
        assert (feed.since(), feed.known()) == (0, set())


def test_older_deals_that_show_up_later_are_told_and_claimed_anew(feed: Feed) -> None:
    """They had stood still for long enough, and yet it was not all."""
    feed.driver.do("trades", count=20, ago_ms=2 * HOUR, every_ms=HOUR)
    feed.driver.do("balance", money=-12.5)
    feed.driver.do("unload", keep=5)
    feed.start()
    feed.timer(STILL)
    assert feed.since() == 0
    feed.driver.do("load", count=10)
    before = len(feed.messages)
    late = sorted(time_ms for ticket, time_ms in feed.deals() if ticket not in feed.known())
    feed.timer(61)
    first = next(message for message in feed.messages[before:] if message.deals)
    assert first.deals_since == late[-1] + 1, "more may be missing"
    assert len(feed.known()) == 15
    feed.timer(STILL)
    assert feed.since() == 0


def test_a_deal_that_cannot_be_read_waits_and_holds_up_no_other(feed: Feed) -> None:
    feed.driver.do("trades", count=20, ago_ms=HOUR, every_ms=MINUTE)
    bad = feed.driver.do("unreadable", on=1)["ticket"]
    feed.start()
    feed.timer(3)
    deals = dict(feed.deals())
    assert feed.known() == deals.keys() - {bad}
    assert feed.since() == deals[bad] + 1
    assert len(feed.messages) == 3, "nothing is sent over and over for it"
    feed.driver.do("unreadable", on=0)
    assert feed.timer()["comment"] == TOLD
    assert (feed.known(), feed.since()) == (set(deals), 0)


def test_what_was_proven_is_claimed_at_once_after_a_resync(feed: Feed) -> None:
    feed.driver.do("balance", money=-12.5)
    feed.start()
    feed.timer(STILL)
    assert feed.since() == 0
    feed.terminal._session = None  # as after a restart of the daemon
    feed.terminal._reset()
    feed.timer()
    assert (feed.since(), len(feed.known())) == (0, 1)


# Bars ---------------------------------------------------------------------------------------------------------------


def hours(feed: Feed) -> int:
    bars = feed.terminal.bars("EURUSD", "H1")
    return 0 if bars is None else len(bars)


def test_a_series_that_is_still_loading_waits(feed: Feed) -> None:
    feed.driver.do("history", hours=50)
    feed.driver.do("synchronized", on=0)
    feed.start()
    feed.timer(3)
    assert hours(feed) == 0
    feed.driver.do("synchronized", on=1)
    feed.timer()
    assert hours(feed) == 50


@pytest.mark.parametrize("kept", [1, 10])
def test_older_bars_that_show_up_later_are_told(feed: Feed, kept: int) -> None:
    """The unfinished bar alone is no series yet, either."""
    feed.driver.do("history", hours=2_000)
    feed.driver.do("unload bars", keep=kept)
    feed.start()
    feed.timer(2)
    assert hours(feed) == kept - 1
    feed.driver.do("load bars")
    feed.timer(61)
    assert hours(feed) == 1_500
    told = len(feed.messages)
    feed.timer(61)
    assert all(message.bars is None for message in feed.messages[told:]), "once is enough"
