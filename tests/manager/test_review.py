"""What a hostile reading found: each test is a way in which something was done twice, lost, or held up for ever."""

from pathlib import Path
from typing import Any

import pytest

from bridge.clock import SteppedClock
from bridge.errors import JournalError
from bridge.journal.records import Entry
from tests.bridge.bars import HOUR, rows_info
from tests.bridge.builders import Rig, account_info, granted, quote_info, symbol_info
from tests.manager.rig import ACTIVE, REBALANCE, SHARE, held, manage, managed, report, show

PROFIT = 1.115
"""A price 1.36 % above the opening: past the first level."""


def begin(rig: Rig, weight: float) -> None:
    reply = rig.ask(type="rebalance", reason="test", targets=[{"symbol": "EURUSD", "weight": weight}])
    assert reply["status"] == "ok", reply


def history(rig: Rig) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in rig.ask(type="positions", history=50)["history"]}


def test_a_stop_in_play_does_not_hold_a_plan_up(tmp_path: Path) -> None:
    rig = managed(tmp_path, active=ACTIVE.replace("= 1.0\n", "= 0\n"), rebalance=REBALANCE)
    show(rig, held(volume=2.0))
    rig.tick(60_000)
    show(rig, held(bid=1.107, volume=2.0), bid=1.107)
    assert [each["kind"] for each in manage(rig)] == ["modify_stop"]
    begin(rig, 1.1)
    assert [each["kind"] for each in manage(rig)] == ["close_partial"]
    rig.close()


def test_what_waited_too_long_is_not_handed_out(tmp_path: Path) -> None:
    rig = managed(tmp_path, rebalance=f"{REBALANCE}[execution]\nsettle_s = 5\n")
    show(rig, held(volume=2.0))
    begin(rig, 1.1)
    assert manage(rig, symbols=["USDJPY"]) == []
    rig.tick(61_000)
    show(rig, held(volume=2.0))
    rig.tick(6_000)
    assert manage(rig, symbols=["EURUSD"]) == []
    rig.close()


def test_a_close_that_is_done_without_lots_waits_until_it_is_seen(tmp_path: Path) -> None:
    rig = managed(tmp_path, share=SHARE.replace("= 60", "= 60\ncooldown_minutes = 0.01"))
    show(rig, held(volume=2.0))
    (cut,) = manage(rig)
    rig.tick(1_000)
    assert report(rig, cut, ticket=7)["state"] == "done"
    rig.tick(1_000)
    show(rig, held(volume=2.0))
    assert manage(rig) == []
    rig.tick(1_000)
    show(rig, held(volume=round(2.0 - cut["lots"], 2)))
    assert manage(rig) == []
    rig.close()


def test_an_open_that_is_done_without_lots_keeps_its_money(tmp_path: Path) -> None:
    rig = managed(tmp_path, share=SHARE)
    show(rig)
    (entry,) = manage(rig, signals=[{"symbol": "EURUSD", "direction": "bullish", "confidence": 80}])
    before = rig.reserved()
    assert before > 0
    report(rig, entry)
    assert report(rig, entry, "failed")["state"] == "done"
    assert rig.reserved() == before
    rig.tick(40_000)
    mine = held(9, volume=entry["lots"], sl=entry["stop_loss"], time_msc=rig.clock.now_ms() - 30_000)
    show(rig, mine)
    assert rig.reserved() == 0
    past = history(rig)[entry["id"]]
    assert (past["state"], past["filled"], past["ticket"]) == ("done", entry["lots"], 9)
    rig.close()


def test_a_report_that_comes_twice_moves_no_paper_stop_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = managed(tmp_path, active=ACTIVE)
    moved: list[tuple[object, ...]] = []
    monkeypatch.setattr(rig.desks[0].terminal, "modified", lambda *told: moved.append(told))
    show(rig, held())
    rig.tick(60_000)
    show(rig, held(bid=PROFIT), bid=PROFIT)
    _, stop = manage(rig)
    report(rig, stop)
    report(rig, stop)
    assert moved == [(7, stop["stop_loss"], None)]
    rig.close()


def test_what_was_done_is_not_forgotten_over_a_weekend_that_begins_with_an_empty_report(tmp_path: Path) -> None:
    rig = managed(tmp_path, active=ACTIVE)
    show(rig, held())
    rig.tick(60_000)
    show(rig, held(bid=PROFIT), bid=PROFIT)
    close, stop = manage(rig)
    report(rig, close, ticket=7, lots=0.5, price=PROFIT)
    report(rig, stop)
    rig.tick(1_000)
    after = {"volume": 0.5, "sl": stop["stop_loss"]}
    show(rig, held(bid=PROFIT, **after), bid=PROFIT)
    rig.tick(49 * HOUR)
    rig.reopen()
    # The terminal is connecting: it shows the account, and nothing in it yet.
    show(rig, bid=PROFIT)
    rig.tick(1_000)
    show(rig, held(bid=PROFIT, **after), bid=PROFIT)
    assert manage(rig) == []
    rig.close()


def test_a_position_that_is_gone_for_a_day_is_forgotten(tmp_path: Path) -> None:
    rig = managed(tmp_path, active=ACTIVE)
    show(rig, held())
    rig.tick(1_000)
    show(rig)
    assert 7 in rig.desks[0].positions.kept.origins
    rig.tick(25 * HOUR)
    show(rig)
    assert rig.desks[0].positions.kept.origins == {}
    rig.close()


def test_a_close_is_found_in_the_deals_whatever_the_brokers_clock(tmp_path: Path) -> None:
    """A netting account: an addition hides in the volume what was closed, and the deal seems an hour older."""
    rig = managed(tmp_path, active=ACTIVE)

    def feed(volume: float, deals: list[dict[str, Any]]) -> None:
        now_ms = rig.clock.now_ms()
        position = held(bid=PROFIT, volume=volume, sl=1.1011)
        account = account_info(equity=100_000.0 + position["profit"], margin_mode=0)
        quotes = [quote_info(bid=PROFIT, time_msc=now_ms)]
        reply = rig.feed(
            account_info=account, symbols=[symbol_info()], quotes=quotes, positions=[position], deals=deals
        )
        assert reply["status"] == "ok", reply

    def deal(ticket: int, entry: int, volume: float, time_msc: int) -> dict[str, Any]:
        return {
            "ticket": ticket, "time_msc": time_msc, "profit": 0.0, "entry": entry, "position_id": 7,
            "symbol": "EURUSD", "volume": volume, "price": PROFIT,
        }  # fmt: skip

    start_ms = rig.clock.now_ms()
    first = deal(100, 0, 1.0, start_ms)
    feed(1.0, [first])
    rig.tick(60_000)
    feed(1.0, [first])
    (close,) = [each for each in manage(rig) if each["kind"] == "close_partial"]
    out = deal(101, 1, close["lots"], rig.clock.now_ms() - HOUR)
    added = deal(102, 0, 1.0, rig.clock.now_ms() - HOUR + 1_000)
    rig.tick(40_000)
    feed(1.5, [first, out, added])
    assert [each for each in manage(rig) if each["kind"] != "modify_stop"] == []
    assert (history(rig)[close["id"]]["state"], history(rig)[close["id"]]["filled"]) == ("done", 0.5)
    rig.close()


def test_an_older_close_is_not_taken_for_the_one_that_was_asked_for(tmp_path: Path) -> None:
    """The broker's clock was put back: yesterday's deal seems to have been made since."""
    rig = managed(tmp_path, active=ACTIVE)
    older = {
        "ticket": 90, "time_msc": rig.clock.now_ms() + HOUR, "profit": 0.0, "entry": 1, "position_id": 7,
        "symbol": "EURUSD", "volume": 0.5, "price": 1.1,
    }  # fmt: skip
    show(rig, held(), deals=[older])
    rig.tick(60_000)
    show(rig, held(bid=PROFIT), bid=PROFIT, deals=[older])
    first = manage(rig)
    rig.tick(40_000)
    show(rig, held(bid=PROFIT), bid=PROFIT, deals=[older])
    assert [each["kind"] for each in manage(rig)] == [each["kind"] for each in first]
    rig.close()


def test_a_plan_that_waits_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = managed(tmp_path, rebalance=REBALANCE)
    show(rig, held(volume=2.0))
    begin(rig, 1.1)
    assert len(manage(rig)) == 1
    written: list[Entry] = []
    append = rig.journal.append

    def noted(entry: Entry) -> None:
        written.append(entry)
        append(entry)

    monkeypatch.setattr(rig.journal, "append", noted)
    assert manage(rig) == []
    assert [(each.type, each.changes) for each in written] == [("idle", None)]
    rig.close()


def test_no_more_is_given_than_an_ea_can_do_in_time(tmp_path: Path) -> None:
    """What it refuses because it came too late counts as failed, and after five times rests for an hour."""
    rig = managed(tmp_path, active=ACTIVE)
    before = [held(ticket) for ticket in range(1, 41)]
    show(rig, *before)
    rig.tick(60_000)
    show(rig, *(held(ticket, bid=PROFIT) for ticket in range(1, 41)), bid=PROFIT)
    given = manage(rig)
    assert [each["kind"] for each in given] == ["close_partial"] * 30
    rest = manage(rig)
    assert [each["kind"] for each in rest] == ["close_partial"] * 10 + ["modify_stop"] * 20
    assert {each["ticket"] for each in given + rest} == set(range(1, 41))
    rig.close()


@pytest.mark.parametrize("refused", [1, 2, 3])
def test_a_full_disk_leaves_memory_and_journal_as_one(
    tmp_path: Path, refused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer sizes two entries and is written itself: one of its three writes fails."""
    rig = managed(tmp_path, active=ACTIVE, share=SHARE)
    start_ms = rig.clock.now_ms() // HOUR * HOUR - 200 * HOUR
    names = ("EURUSD", "EURUSD.a", "EURUSD.b")

    quotes = [quote_info(name, bid=PROFIT, time_msc=rig.clock.now_ms()) for name in names]
    bars = [rows_info([(1.115, 1.116, 1.114, 1.115)] * 200, start_ms, name) for name in names]
    position = held(bid=PROFIT, sl=1.1011)
    rig.feed(symbols=[symbol_info(name) for name in names], quotes=quotes, bars=bars, positions=[position])
    assert [each["kind"] for each in manage(rig)] == ["close_partial"]
    append = rig.journal.append
    written: list[str] = []

    def fails(entry: Entry) -> None:
        written.append(entry.type)
        if len(written) == refused:
            raise JournalError("the disk is full")
        append(entry)

    monkeypatch.setattr(rig.journal, "append", fails)
    signals = [{"symbol": name, "direction": "bullish", "confidence": 80} for name in names]
    assert rig.ask(type="manage", signals=signals)["code"] == "internal"
    assert written == ["size", "size", "manage"][:refused]
    monkeypatch.setattr(rig.journal, "append", append)
    rig.ask(type="status")
    kept, promised = rig.desks[0].positions.kept, rig.desks[0].ledger.reservations
    assert len(promised) == refused - 1
    rig.reopen()
    assert rig.desks[0].positions.kept == kept
    assert rig.desks[0].ledger.reservations == promised
    rig.close()


def test_an_open_waits_for_what_the_same_answer_does_in_its_symbol(tmp_path: Path) -> None:
    rig = managed(tmp_path, active=ACTIVE, share=SHARE)
    signals = [{"symbol": "EURUSD", "direction": "bullish", "confidence": 80}]
    show(rig, held(volume=0.5))
    rig.tick(60_000)
    show(rig, held(bid=PROFIT, volume=0.5), bid=PROFIT)
    reply = rig.ask(type="manage", signals=signals)
    assert [each["kind"] for each in reply["instructions"]] == ["close_partial", "modify_stop"]
    assert {"rule": "share/entry", "symbol": "EURUSD", "reason": "another instruction goes first"} in reply["skipped"]
    rig.close()


def test_an_emergency_lasts_until_its_ea_is_back(tmp_path: Path) -> None:
    """Another EA asks meanwhile, for other symbols: what it cannot fetch is no attempt."""
    rules = REBALANCE.replace("gross = 20", "gross = 1")
    rig = managed(tmp_path, rebalance=f'{rules}[emergency]\ngross = "close"\n')
    show(rig, held(volume=2.0))
    rig.tick(3_000)
    show(rig, held(volume=2.0))
    assert rig.ask(type="positions")["plan"]["phase"] == "reduce"
    for _ in range(60):
        rig.tick(10_000)
        show(rig, held(volume=2.0))
        assert manage(rig, symbols=["USDJPY"]) == []
    (close,) = manage(rig, symbols=["EURUSD"])
    assert (close["kind"], close["lots"]) == ("close", 2.0)
    rig.close()


def test_what_the_sizer_refuses_does_not_keep_others_from_being_asked_for(tmp_path: Path) -> None:
    rig = managed(tmp_path, share=SHARE)
    names = [f"EURUSD{number:02}" for number in range(35)]
    start_ms = rig.clock.now_ms() // HOUR * HOUR - 200 * HOUR
    quotes = [quote_info(name, time_msc=rig.clock.now_ms()) for name in names]
    # Only the last one has bars, and with them a stop.
    bars = [rows_info([(1.1, 1.101, 1.099, 1.1)] * 200, start_ms, names[-1])]
    rig.feed(symbols=[symbol_info(name) for name in names], quotes=quotes, bars=bars)
    signals = [{"symbol": name, "direction": "bullish", "confidence": 80} for name in names]
    assert manage(rig, signals=signals) == []
    rig.tick(1_000)
    assert [each["symbol"] for each in manage(rig, signals=signals)] == [names[-1]]
    rig.close()


@pytest.mark.parametrize("heard", [False, True])
def test_a_clock_that_is_set_back_holds_no_close_up(tmp_path: Path, heard: bool) -> None:
    rig = managed(tmp_path, active=ACTIVE)
    show(rig, held())
    rig.tick(60_000)
    show(rig, held(bid=PROFIT), bid=PROFIT)
    first = manage(rig)
    for each in first if heard else ():
        report(rig, each, "failed", retcode=10018)
    rig.clock = rig.service._clock = SteppedClock(rig.clock.now_ms() - 50_000)
    given = []
    for _ in range(12):
        rig.tick(5_000)
        show(rig, held(bid=PROFIT), bid=PROFIT)
        given += manage(rig)
    assert [each["kind"] for each in given] == [each["kind"] for each in first]
    rig.close()


def test_a_plan_opens_nothing_beside_an_entry_that_an_ea_was_promised(tmp_path: Path) -> None:
    rig = managed(tmp_path, rebalance=REBALANCE)
    show(rig)
    promised = granted(rig.size())
    begin(rig, 0.5)
    reply = rig.ask(type="manage")
    assert reply["instructions"] == []
    assert "on its way" in reply["skipped"][0]["reason"]
    rig.release(promised["reservation"])
    given = []
    for _ in range(6):
        rig.tick(5_000)
        show(rig)
        given += manage(rig)
    assert [each["kind"] for each in given] == ["open"]
    rig.close()
