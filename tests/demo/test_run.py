"""A whole day: what is reported is what the broker booked and what the journal holds."""

import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.client import Client
from bridge.demo.configuration import LOGIN, AccountWish, write_configuration
from bridge.demo.daemon import Daemon
from bridge.demo.play import Play
from bridge.demo.schedule import schedule
from bridge.journal.reader import JournalReader
from bridge.journal.records import Changes
from bridge.market.broker import SimulatedBroker
from bridge.market.broker_types import Refusal
from bridge.market.recording import RecordedMarket
from bridge.recompute import recompute
from sizing.ledger import Reservation
from tests.cli.processes import finish, start
from tests.demo.conftest import BALANCE, Played, Reported

CENT = 0.005
KINDS = "size", "fill", "release", "snapshot", "status", "event"


def reservations(played: Played) -> dict[str, Reservation]:
    """Every reservation in its last state."""
    with closing(JournalReader(played.journal)) as reader:
        entries = [entry for kind in KINDS for entry in reader.latest(kind, 100_000) if entry.changes is not None]
    last: dict[str, Reservation] = {}
    for entry in sorted(entries, key=lambda entry: entry.seq):
        for each in msgspec.msgpack.decode(entry.changes or b"", type=Changes).reservations:
            last[each.id] = each
    return last


def without_times(decision: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in decision.items() if key != "round_trip_us"}


def test_a_day_has_trades_and_refusals(played: Played) -> None:
    """A newcomer sees both kinds of answer, and more than one ceiling at work."""
    assert played.tally.total.sized >= 5
    assert played.tally.total.refused >= 1
    assert len(played.tally.bound) >= 2
    assert played.told == played.record.asked


def test_no_refusal_blames_the_plumbing(played: Played) -> None:
    """The feed is fresh and whole, so no answer may say that it is not."""
    plumbing = {
        "stale_quote",
        "stale_account",
        "terminal_unavailable",
        "unpriceable_position",
        "market_closed",
        "money_mismatch",
    }
    assert not plumbing & played.tally.refusals.keys()


def test_every_lot_sized_is_a_deal_of_the_broker(played: Played) -> None:
    entries = {deal.position_id: deal for deal in played.broker.deals() if deal.symbol and deal.entry == 0}
    filled = [asked for asked in played.record.asked if asked.reply.lots > 0]
    assert [asked.outcome.kind for asked in filled] == ["filled"] * len(filled)
    assert len(entries) == len(filled)
    for asked in filled:
        assert asked.outcome.ticket is not None
        deal = entries[asked.outcome.ticket]
        assert (deal.symbol, deal.volume, deal.price) == (asked.idea.symbol, asked.reply.lots, asked.outcome.price)


def test_the_tables_add_up_to_the_account(played: Played) -> None:
    total, account = played.tally.total, played.broker.account()
    assert total.signals == total.sized + total.refused == len(played.record.asked)
    assert total.sized == sum(played.tally.bound.values())
    assert total.refused == sum(played.tally.refusals.values())
    assert total.closed + played.tally.open_positions == total.sized
    assert total.profit == pytest.approx(account.balance - BALANCE, abs=CENT)
    assert (played.tally.balance, played.tally.equity) == (account.balance, account.equity)


def test_the_daemon_saw_the_same_account(played: Played) -> None:
    status, account = played.record.status, played.broker.account()
    assert status is not None
    assert (status.balance, status.equity, status.reserved_risk) == (account.balance, account.equity, 0.0)


def test_every_reservation_is_settled_in_the_journal(played: Played) -> None:
    last = reservations(played)
    assert set(last) == {asked.reply.reservation for asked in played.record.asked} - {None}
    assert {each.state for each in last.values()} <= {"open", "released", "lapsed"}
    assert all(each.held_lots == 0 for each in last.values())


def test_the_worst_case_never_exceeds_what_the_rules_leave(played: Played) -> None:
    """Open positions, other promises and the new trade, all at their worst, fit into every rule's headroom."""
    checked = 0
    with closing(JournalReader(played.journal)) as reader:
        for entry in reader.latest("size", 10_000):
            result = recompute(reader, entry)
            if result.evidence is None or result.stored.lots <= 0:
                continue
            snapshot = result.evidence.snapshot
            promised = (*snapshot.account.book.exposures, *snapshot.reserved)
            worst = math.fsum(each.worst for each in promised) + result.stored.risk.worst_case
            assert snapshot.firm.rules
            assert worst <= min(rule.headroom for rule in snapshot.firm.rules) + CENT
            checked += 1
    assert checked == played.tally.total.sized


def test_headroom_stays_positive_and_its_low_is_the_lowest(played: Played) -> None:
    assert played.record.status is not None
    assert set(played.record.lows) == {rule.name for rule in played.record.status.rules}
    for rule in played.record.status.rules:
        assert 0 < played.record.lows[rule.name].headroom <= rule.headroom


def test_two_runs_decide_the_same(played: Played, reported: Reported) -> None:
    """The command in its own process and the parts in this one: the same questions, answers and fills."""
    of_command = [without_times(decision) for decision in reported.report["decisions"]]
    of_parts = [
        {
            "number": asked.number,
            "at_ms": asked.at_ms,
            "request": asked.idea._asdict(),
            "reply": msgspec.to_builtins(asked.reply),
            "outcome": asked.outcome._asdict(),
        }
        for asked in played.record.asked
    ]
    assert of_command == of_parts


def test_the_json_report_says_what_was_played(played: Played, reported: Reported) -> None:
    report = reported.report
    assert report["market"]["synthetic"] is True
    assert report["market"]["days"] == ["2024-03-04"]
    assert report["account"] == {
        "login": LOGIN, "balance": BALANCE, "firm": "ftmo-2step", "preset": "leveraged",
    }  # fmt: skip
    summary = report["summary"]
    assert summary["complete"] is True
    assert summary["bars_played"] == summary["bars_planned"] == 96
    assert summary["total"] == msgspec.to_builtins(played.tally.total)
    assert summary["bound_by"] == played.tally.bound
    assert summary["round_trip"]["median_us"] <= summary["round_trip"]["p99_us"]


def test_what_was_kept_explains_the_last_decision(reported: Reported) -> None:
    last = reported.report["decisions"][-1]["reply"]["decision"]
    code, out, err = finish(start("explain", last, "--config", str(reported.folder)))
    assert (code, err) == (0, "")
    assert "recomputed: identical" in out


class RefusingBroker(SimulatedBroker):
    """Accepts no market order."""

    def market_order(self, *_: Any, **__: Any) -> Refusal:
        return Refusal("no_money", "margin of 9.00 needed, 5.00 free")


def test_lots_the_broker_refuses_are_given_back(market: RecordedMarket, tmp_path: Path) -> None:
    broker = RefusingBroker(market, login=LOGIN, balance=BALANCE)
    with started(broker, tmp_path) as play:
        for close_ms in schedule(market, 1).closes[:30]:
            play.bar(close_ms)
    promised = [asked for asked in play.record.asked if asked.reply.lots > 0]
    assert promised
    assert {(asked.outcome.kind, asked.outcome.state) for asked in promised} == {("released", "released")}
    assert play.record.status is not None
    assert (play.record.status.reserved_risk, play.record.status.open_risk) == (0.0, 0.0)


def test_a_feed_with_a_gap_starts_over(market: RecordedMarket, tmp_path: Path) -> None:
    """The daemon notices a message that never came, and the next one brings everything again."""
    broker = SimulatedBroker(market, login=LOGIN, balance=BALANCE)
    with started(broker, tmp_path) as play:
        first, second, *_ = schedule(market, 1).closes
        play.bar(first)
        play._writer.sequence += 1
        play.bar(second)
    assert play.record.status is not None
    assert play.record.status.terminal.connected
    assert play.record.status.halted is None


@contextmanager
def started(broker: SimulatedBroker, folder: Path) -> Iterator[Play]:
    """A daemon of its own for one play."""
    write_configuration(folder / "config", AccountWish(balance=BALANCE, firm="ftmo-2step", preset="leveraged"))
    with Daemon(folder / "config") as daemon:
        address = daemon.wait_until_ready(lambda: None)
        with Client(address, account=LOGIN, deadline_ms=5_000) as client:
            yield Play(broker, client, lambda _: None)
