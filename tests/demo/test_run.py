"""A whole day: what is reported is what the broker booked and what the journal holds."""

import math
from contextlib import closing
from typing import Any

import msgspec
import pytest

from bridge.demo.configuration import LOGIN
from bridge.journal.records import Changes
from bridge.journal.store import Journal, JournalReader
from bridge.recompute import recompute
from sizing.ledger import Reservation
from tests.cli.processes import finish, start
from tests.demo.conftest import BALANCE, Played, Reported

CENT = 0.005


def reservations(played: Played) -> dict[str, Reservation]:
    """Every reservation in its last state."""
    last: dict[str, Reservation] = {}
    with closing(Journal(played.journal)) as journal:
        for body in journal.changes(LOGIN):
            for each in msgspec.msgpack.decode(body, type=Changes).reservations:
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
    plumbing = {"stale_quote", "stale_account", "terminal_unavailable", "unpriceable_position", "market_closed"}
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
        for _, entry in reader.latest("size", 10_000):
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
