"""One day on the sample market, played once in this process and once as the command."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bridge.client import Client
from bridge.demo.configuration import LOGIN, AccountWish, write_configuration
from bridge.demo.daemon import Daemon
from bridge.demo.play import Play
from bridge.demo.records import Asked, Record
from bridge.demo.schedule import schedule
from bridge.demo.tally import Tally, tally
from bridge.market.broker import SimulatedBroker
from bridge.market.recording import RecordedMarket
from bridge.market.store import sample_market
from tests.cli.processes import finish, start

BALANCE = 100_000.0


class Played(NamedTuple):
    """A day that was played against a real daemon, and the journal it left."""

    broker: SimulatedBroker
    record: Record
    tally: Tally
    told: list[Asked]
    journal: Path


class Reported(NamedTuple):
    """The same day as `lotbridge demo --json --keep` reports it."""

    report: dict[str, Any]
    folder: Path


@pytest.fixture(scope="session")
def market() -> RecordedMarket:
    return sample_market()


@pytest.fixture(scope="session")
def played(market: RecordedMarket, tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("played ä") / "config"
    settings = write_configuration(folder, AccountWish(balance=BALANCE, firm="ftmo-2step", preset="leveraged"))
    broker = SimulatedBroker(market, login=LOGIN, balance=BALANCE)
    told: list[Asked] = []
    with Daemon(folder) as daemon:
        address = daemon.wait_until_ready(lambda: None)
        with Client(address, account=LOGIN, deadline_ms=5_000) as client:
            play = Play(broker, client, told.append)
            for close_ms in schedule(market, 1).closes:
                play.bar(close_ms)
    return Played(broker, play.record, tally(play.record, broker), told, settings.journal.path)


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    folder = tmp_path_factory.mktemp("reported") / "kept ä b"
    code, out, err = finish(start("demo", "--days", "1", "--json", "--keep", str(folder)))
    assert (code, err) == (0, "")
    return Reported(json.loads(out), folder)
