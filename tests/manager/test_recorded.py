"""A daemon on a recording: what an EA reports is done on paper, with its price or without."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from bridge.clock import SteppedClock
from bridge.desk import Desk
from bridge.journal.store import Journal
from bridge.market.broker import SimulatedBroker
from bridge.protocol import messages as wire
from bridge.protocol.codec import encode
from bridge.service import Incoming, Service
from bridge.settings.model import PositionFiles
from bridge.terminal.recorded import RecordedTerminal
from tests.bridge.builders import account_settings, decoded
from tests.builders import LOGIN, make_market, make_symbol
from tests.manager.rig import ACTIVE

START_MS = 1_772_618_400_000


@pytest.mark.parametrize("price", [None, 1.1149])
def test_a_close_is_done_on_paper(tmp_path: Path, price: float | None) -> None:
    ticks = [(START_MS + second * 1_000, bid, bid + 0.0001) for second, bid in ((0, 1.1), (60, 1.115), (600, 1.115))]
    broker = SimulatedBroker(make_market(make_symbol(ticks)), login=LOGIN, balance=100_000.0)
    rules = tmp_path / "active.toml"
    rules.write_text(ACTIVE, "utf-8")
    settings = dataclasses.replace(
        account_settings(), terminal="recorded", positions=PositionFiles(active=rules, folder=tmp_path)
    )
    journal, clock = Journal(tmp_path / "journal.sqlite"), SteppedClock(START_MS)
    service = Service([Desk(settings, RecordedTerminal(broker))], journal, clock)

    def ask(**fields: Any) -> dict[str, Any]:
        return decoded(service.handle(Incoming(encode(wire.REQUEST_TYPES[fields.pop("type")](v=1, **fields)))))

    service.housekeep()
    broker.market_order("EURUSD", "buy", 1.0, sl=1.095, tp=None, magic=0)
    clock.advance_to(START_MS + 61_000)
    service.housekeep()
    told = ask(type="manage", id="1")["instructions"]
    close = told[0]
    assert close["kind"] == "close_partial"
    report = {"ticket": close["ticket"], "lots": close["lots"], "price": price}
    assert ask(type="report", id="2", instruction=close["id"], status="done", **report)["state"] == "done"
    clock.advance_to(START_MS + 62_000)
    service.housekeep()
    (position,) = ask(type="positions", id="3")["positions"]
    assert position["volume"] == 0.5
    journal.close()
