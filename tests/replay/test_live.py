"""Live equals replay: the daemon's service on a recorded terminal, asked what a replay asked at the same moments.

The replay has no latency and no slippage, so that its fills are at the quote that was asked about; what it sends is
sent again, byte for byte, and a fill is reported as an EA reports it. Stops and targets are the broker's in both.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from bridge.clock import SteppedClock
from bridge.desk import Desk
from bridge.journal.reader import JournalReader
from bridge.journal.store import Journal
from bridge.market.broker import SimulatedBroker
from bridge.market.recording import RecordedMarket
from bridge.market.store import sample_market
from bridge.protocol import messages as wire
from bridge.protocol.codec import encode
from bridge.recompute import recompute
from bridge.replay.configure import LOGIN, shipped
from bridge.replay.examples import MovingAverageCross
from bridge.replay.run import Run, TradeRow
from bridge.replay.strategy import Entry, View
from bridge.service import Incoming, Service
from bridge.settings import AccountSettings
from bridge.terminal.recorded import RecordedTerminal
from tests.replay.played import play

QUARTER_MS = 900_000


class Opening(NamedTuple):
    """Moving averages that cross, without the closes of an EA: only the broker closes."""

    inner: MovingAverageCross
    name: str = "opening"
    timeframe: str = "M15"

    def times(self) -> None:
        return None

    def on_time(self, view: View) -> Iterator[Entry]:
        return (wish._replace(reverse=False) for wish in self.inner.on_time(view))


def market() -> RecordedMarket:
    """Three symbols of the sample market."""
    whole = sample_market()
    names = ("EURUSD.sim", "USDJPY.sim", "XAUUSD.sim")
    return RecordedMarket(name="three", synthetic=True, symbols={name: whole.symbols[name] for name in names})


class Live:
    """The daemon's service over a recorded terminal, without its socket. Time is set by hand."""

    def __init__(self, settings: AccountSettings, recording: RecordedMarket, path: Path) -> None:
        self.clock = SteppedClock(recording.start_ms)
        self.journal = Journal(path)
        broker = SimulatedBroker(recording, login=settings.login, balance=100_000.0)
        self.terminal = RecordedTerminal(broker)
        self.service = Service([Desk(settings, self.terminal)], self.journal, self.clock)

    def reach(self, ms: int) -> None:
        """What the daemon's loop does between messages, here every quarter of an hour, and now."""
        for moment in [*range(self.clock.now_ms() // QUARTER_MS * QUARTER_MS + QUARTER_MS, ms, QUARTER_MS), ms]:
            self.clock.advance_to(moment)
            self.service.housekeep()
        self.service.events.clear()

    def ask(self, request: bytes) -> dict[str, Any]:
        reply: dict[str, Any] = msgspec.json.decode(self.service.handle(Incoming(request)))
        return reply


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[dict[str, Any]], Path]:
    """The replay, what the live service answered to the same requests, and its journal."""
    folder, recording = tmp_path_factory.mktemp("live"), market()
    settings = without_peaks(shipped("ftmo-2step", "leveraged", 100_000.0).settings)
    run = play(folder / "run", recording, Opening(MovingAverageCross()), settings)
    live = Live(settings, recording, folder / "live.sqlite")
    prices = {each.ticket: each.open_price for each in run.trades}
    replies = []
    for row in run.decisions:
        live.reach(row.time_ms)
        reply = live.ask(row.request.encode())
        replies.append(reply)
        if row.ticket:
            fill = wire.FillRequest(
                v=1, id=f"fill-{row.number}", account=LOGIN, reservation=reply["reservation"], ticket=row.ticket,
                lots=reply["lots"], price=prices[row.ticket],
            )  # fmt: skip
            assert live.ask(encode(fill))["status"] == "ok"
    live.reach(recording.end_ms)
    assert live.terminal.broker.account().balance == pytest.approx(run.info.result.balance, abs=2000)
    live.journal.tidy(idle=True)
    live.journal.close()
    return run, replies, folder / "live.sqlite"


def without_peaks(settings: AccountSettings) -> AccountSettings:
    """No factor by the drawdown from peak equity: a live daemon sees a peak when it looks, a replay at every tick."""
    flat = replace(settings.policy.drawdown, factors=(1.0,) * 5)
    return replace(settings, policy=replace(settings.policy, drawdown=flat))


def test_the_same_requests_get_the_same_answers(lived: tuple[Run, list[dict[str, Any]], Path]) -> None:
    run, replies, _ = lived
    assert len(run.decisions) > 50
    assert {row.code for row in run.decisions} >= {None, "insufficient_edge"}
    assert {row.binding for row in run.decisions} > {None, "risk_budget"}
    for row, reply in zip(run.decisions, replies, strict=True):
        answered = tuple(reply[name] for name in ("code", "lots", "binding", "entry", "stop_loss"))
        assert answered == (row.code, row.lots, row.binding, row.entry, row.stop_loss), row.number


def test_of_symbols_that_are_quoted_in_dollars_every_figure_is_the_same(
    lived: tuple[Run, list[dict[str, Any]], Path],
) -> None:
    """Of USDJPY the money of a tick is as of the last look, at most a minute old, and the daemon looked more often."""
    run, replies, _ = lived
    compared = 0
    for row, reply in zip(run.decisions, replies, strict=True):
        if row.symbol == "USDJPY.sim" or any(each.symbol == "USDJPY.sim" for each in open_at(run, row.time_ms)):
            continue
        assert told(reply) == told(msgspec.json.decode(row.reply)), row.number
        compared += 1
    assert compared > 20


def open_at(run: Run, ms: int) -> list[TradeRow]:
    return [each for each in run.trades if each.opened_ms <= ms < each.closed_ms]


def told(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply without numbers of its own, ages, and the words about the peak."""
    own = {"decision", "reservation", "ages"}
    kept = {name: value for name, value in reply.items() if name not in own}
    plain = [factor | {"detail": ""} if factor["name"] == "drawdown" else factor for factor in reply["factors"]]
    return kept | {"factors": plain}


def test_both_journals_recompute_to_identical_decisions(lived: tuple[Run, list[dict[str, Any]], Path]) -> None:
    run, replies, path = lived
    for journal in (path, run.folder / "journal.sqlite"):
        reader = JournalReader(journal)
        sizes = reader.latest("size", 10_000)
        assert len(sizes) == len(replies)
        results = [recompute(reader, entry) for entry in sizes]
        assert all(result.identical for result in results if result.evidence is not None)
        assert sum(result.evidence is not None for result in results) == len(results)
        reader.close()
