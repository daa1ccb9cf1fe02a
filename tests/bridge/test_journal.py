"""The journal's files: torn, damaged, foreign, shared, pruned. What was acknowledged is never lost without a word."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bridge.desk import Desk
from bridge.errors import JournalError
from bridge.journal.reader import JournalReader
from bridge.journal.store import Journal
from bridge.service import Incoming, Service
from bridge.terminal.feed import FeedTerminal
from tests.bridge.builders import Rig, account_settings, copy_files, granted, recomputed

HOUR_MS = 3_600_000


def tail_of(path: Path) -> Path:
    return path.with_name(path.name + "-tail")


def three_answers(rig: Rig) -> list[tuple[bytes, bytes, int, float]]:
    """Requests that reserve, their replies, where the tail ended after each, and what was reserved by then."""
    steps = []
    for number in range(3):
        raw = rig.body(
            type="size", id=f"s{number}", symbol="EURUSD", side="buy", stop_loss=1.0951, confidence=75, max_lots=0.1
        )
        reply = rig.send(raw)
        held = rig.desks[0].ledger.worst_cents() / 100
        steps.append((raw, reply, tail_of(rig.path).stat().st_size, held))
    return steps


class Copy:
    """A service on a copy of a rig's files, with the tail as given."""

    def __init__(self, rig: Rig, folder: Path, tail: bytes | None = None, source: Path | None = None) -> None:
        self.path = folder / "journal.sqlite"
        copy_files(source or rig.path, self.path)
        if tail is not None:
            tail_of(self.path).write_bytes(tail)
        self.journal = Journal(self.path)
        try:
            self.desk = Desk(rig.accounts[0], FeedTerminal(rig.accounts[0].login))
            self.service = Service([self.desk], self.journal, rig.clock)
        except BaseException:
            self.journal.close()
            raise

    def held(self) -> float:
        return self.desk.ledger.worst_cents() / 100

    def knows(self, raw: bytes, reply: bytes) -> bool:
        return self.service.handle(Incoming(raw)) == reply

    def close(self) -> None:
        self.journal.close()


def folded(rig: Rig, folder: Path) -> Path:
    """A copy of a rig's journal, all in one file."""
    path = folder / "journal.sqlite"
    copy_files(rig.path, path)
    Journal(path).close()
    return path


# The tail ------------------------------------------------------------------------------------------------------------


def test_a_record_torn_at_any_byte_is_dropped_and_those_before_it_stay(rig: Rig, tmp_path: Path) -> None:
    rig.journal.fold()
    steps = three_answers(rig)
    whole = tail_of(rig.path).read_bytes()
    start, end = steps[1][2], steps[2][2]
    assert end == len(whole)
    cuts = [*range(start, start + 40), *range(start + 40, end - 40, 97), *range(end - 40, end)]
    for cut in cuts:
        copy = Copy(rig, tmp_path / f"cut-{cut}", whole[:cut])
        assert copy.held() == steps[1][3], cut
        assert copy.knows(*steps[0][:2])
        assert copy.knows(*steps[1][:2])
        assert not copy.knows(*steps[2][:2]), "the torn request is answered anew"
        copy.close()
    copy = Copy(rig, tmp_path / "whole", whole)
    assert copy.held() == steps[2][3]
    assert copy.knows(*steps[2][:2])
    copy.close()


def test_bytes_flipped_in_the_last_record_drop_it_alone(rig: Rig, tmp_path: Path) -> None:
    rig.journal.fold()
    steps = three_answers(rig)
    whole = tail_of(rig.path).read_bytes()
    for at in range(steps[1][2], steps[2][2], 53):
        copy = Copy(rig, tmp_path / f"flip-{at}", whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        assert copy.held() == steps[1][3], at
        assert copy.knows(*steps[1][:2])
        copy.close()


def test_a_damaged_record_before_whole_ones_is_said_and_not_skipped(rig: Rig, tmp_path: Path) -> None:
    """Replies that left stand behind it, so it is no torn end: to drop them would forget acknowledged reservations."""
    rig.journal.fold()
    steps = three_answers(rig)
    whole = tail_of(rig.path).read_bytes()
    for at in [2, 5, steps[0][2] // 2, steps[0][2] + 1, steps[0][2] + 6, (steps[0][2] + steps[1][2]) // 2]:
        with pytest.raises(JournalError, match="damaged"):
            Copy(rig, tmp_path / f"damaged-{at}", whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])


def test_garbage_after_the_last_record_is_dropped(rig: Rig, tmp_path: Path) -> None:
    rig.journal.fold()
    steps = three_answers(rig)
    whole = tail_of(rig.path).read_bytes()
    for number, garbage in enumerate([b"\x00", b"\x00" * 4096, b"\xff" * 100, b"garbage garbage garbage"]):
        copy = Copy(rig, tmp_path / f"garbage-{number}", whole + garbage)
        assert copy.held() == steps[2][3]
        assert copy.knows(*steps[2][:2])
        copy.close()


def test_what_is_written_after_a_torn_record_is_kept(rig: Rig, tmp_path: Path) -> None:
    steps = three_answers(rig)
    whole = tail_of(rig.path).read_bytes()
    tail_of(rig.path).write_bytes(whole[:-5])
    rig.reopen()
    assert rig.desks[0].ledger.worst_cents() / 100 == steps[1][3]
    rig.feed(session="restarted")
    granted(rig.size(max_lots=0.1))
    held = rig.reserved()
    rig.reopen()
    assert rig.reserved() == held > steps[1][3]


def test_a_crash_between_fold_and_clear_repeats_nothing(rig: Rig, tmp_path: Path) -> None:
    steps = three_answers(rig)
    rig.fill("r2", ticket=7, lots=0.05)
    held = rig.reserved()
    tail = tail_of(rig.path).read_bytes()
    rig.journal.fold()
    assert tail_of(rig.path).stat().st_size == 0
    copy = Copy(rig, tmp_path / "both", tail)
    assert copy.held() == held
    for raw, reply, *_ in steps:
        assert copy.knows(raw, reply)
    copy.close()
    assert recomputed(copy.path) == 3


def test_a_crash_in_the_middle_of_a_fold_loses_nothing(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = three_answers(rig)

    class FaultError(Exception):
        """Something breaks where nobody expects it."""

    def broken(*_: object) -> None:
        raise FaultError

    monkeypatch.setattr("bridge.journal.tail.Tail.clear", broken)
    with pytest.raises(FaultError):
        rig.journal.fold()
    monkeypatch.undo()
    copy = Copy(rig, tmp_path / "copy")
    assert copy.held() == steps[2][3]
    for raw, reply, *_ in steps:
        assert copy.knows(raw, reply)
    copy.close()
    for raw, reply, *_ in steps:
        assert rig.send(raw) == reply
    rig.journal.fold()
    assert rig.reserved() == steps[2][3]


# The database --------------------------------------------------------------------------------------------------------


def test_a_second_daemon_on_the_same_journal_is_refused(rig: Rig) -> None:
    with pytest.raises(JournalError, match=r"Another daemon writes .*own \[journal\] path"):
        Journal(rig.path)
    granted(rig.size())


def test_another_users_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE accounts(name TEXT)")
        other.execute("INSERT INTO accounts VALUES('mine')")
    other.close()
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(JournalError, match=r"is not a lotbridge journal\. Give the daemon its own"):
            Journal(path)
    assert path.read_bytes() == before
    with pytest.raises(JournalError, match="is not a lotbridge journal"):
        JournalReader(path)


@pytest.mark.parametrize("content", [b"hello " * 1_000, b"SQLite format 3\x00" + b"\xff" * 5_000, b"\x00" * 4_096])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"journal\.sqlite"):
        Journal(path)
    assert path.read_bytes() == content
    with pytest.raises(JournalError):
        JournalReader(path)


def test_a_journal_of_a_newer_lotbridge_is_refused(rig: Rig) -> None:
    rig.journal.close()
    with sqlite3.connect(rig.path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(JournalError, match=r"version 99.*Update lotbridge"):
        Journal(rig.path)
    with pytest.raises(JournalError, match="version 99"):
        JournalReader(rig.path)
    with sqlite3.connect(rig.path) as db:
        db.execute("PRAGMA user_version = 1")
    db.close()
    rig.journal = Journal(rig.path)


def test_pages_that_were_damaged_are_found_at_the_start(rig: Rig) -> None:
    for _ in range(30):
        rig.size(max_lots=0.01)
    whole = bytearray(folded(rig, rig.folder / "copy").read_bytes())
    for page in range(1, len(whole) // 4096):
        whole[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    damaged = rig.folder / "damaged" / "journal.sqlite"
    damaged.parent.mkdir()
    damaged.write_bytes(whole)
    with pytest.raises(JournalError, match=r"(?s)damaged.*move the file away"):
        Journal(damaged)


@pytest.mark.parametrize("content", [b"\xff\x00", b"", b"\x81\xa1a", b"\x80\x80"])
def test_changes_that_cannot_be_read_are_a_journal_error(rig: Rig, content: bytes) -> None:
    granted(rig.size())
    path = folded(rig, rig.folder / "copy")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE entries SET changes = ? WHERE changes IS NOT NULL", (content,))
    db.close()
    with pytest.raises(JournalError, match=r"(?s)damaged.*move the file away"):
        Copy(rig, rig.folder / "again", source=path)
    Journal(path).close()


def test_a_start_that_was_killed_while_it_made_the_file_is_repeated(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    db.close()
    assert path.stat().st_size > 0
    Rig(tmp_path).close()


def test_an_empty_file_and_missing_folders_are_made_a_journal(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").touch()
    Rig(tmp_path).close()
    deep = tmp_path / "a b" / "ä" / "journal.sqlite"
    Journal(deep).close()
    assert deep.exists()


def test_a_path_that_cannot_be_is_a_journal_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "journal.sqlite", tmp_path):
        with pytest.raises(JournalError):
            Journal(path)


def test_a_reader_sees_what_was_folded_while_the_writer_goes_on(rig: Rig) -> None:
    rig.size()
    rig.journal.fold()
    reader = JournalReader(rig.path)
    try:
        assert [entry.seq for entry in reader.latest("size", 10)] == [2]
        for _ in range(20):
            rig.size(max_lots=0.01)
            rig.journal.fold()
        assert len(reader.latest("size", 100)) == 21
        entry = reader.entry(2)
        assert entry is not None
        assert entry.id == "q-2"
        assert reader.entry(10_000) is None
        rig.ask(type="ping")
    finally:
        reader.close()
    assert recomputed(rig.path) == 21


def test_a_missing_journal_is_said(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal at"):
        JournalReader(tmp_path / "none.sqlite")


def test_every_kind_of_decision_comes_out_the_same_again(rig: Rig) -> None:
    for over in (
        {},
        {"dry_run": True},
        {"confidence": 0},
        {"stop_loss": None},
        {"max_lots": 0.001},
        {"max_risk_pct": 0.5},
    ):
        rig.size(**over)
    rig.size(order="pending", entry=1.09, stop_loss=1.085, magic=2**62, strategy="é", horizon_minutes=10_000)
    rig.size(stop_loss=1.0951, id="long") and rig.send(rig.body(type="size", **long_request()) + b" " * 5_000)
    rig.journal.fold()
    assert recomputed(rig.path) == 9


def long_request() -> dict[str, Any]:
    return {"symbol": "EURUSD", "side": "sell", "stop_loss": 1.105, "take_profit": 1.085, "confidence": 80}


# Pruning -------------------------------------------------------------------------------------------------------------


def test_pruning_forgets_queries_and_keeps_decisions(rig: Rig) -> None:
    raws = {kind: rig.body(type=kind, id=kind) for kind in ("ping", "status")}
    queries = {kind: rig.send(raw) for kind, raw in raws.items()}
    size = rig.body(type="size", symbol="EURUSD", side="buy", stop_loss=1.0951, confidence=75)
    answer = rig.send(size)
    error = rig.body(type="size", symbol="EURUSD", side="up", stop_loss=1.0951)
    fault = rig.send(error)
    held = rig.reserved()
    rig.tick(HOUR_MS)
    rig.service.prune(2.0)
    assert rig.send(raws["ping"]) == queries["ping"]
    rig.tick(HOUR_MS + 1)
    rig.journal.fold()
    rig.service.prune(2.0)
    assert rig.send(size) == answer
    assert rig.send(error) == fault
    assert rig.send(raws["ping"]) != queries["ping"]
    rig.reopen()
    assert rig.send(size) == answer
    assert rig.reserved() == held
    assert recomputed(rig.path) == 1


def test_pruning_the_newest_entries_loses_no_later_reservation(rig: Rig) -> None:
    """The saved state covers entries up to a number; numbers must go on from there though the entries are gone."""
    granted(rig.size(max_lots=0.1))
    for _ in range(20):
        rig.ask(type="ping")
    rig.service.save_state()
    rig.tick(48 * HOUR_MS)
    rig.service.prune(24.0)
    rig.reopen()
    rig.feed()
    reply = granted(rig.size(max_lots=0.1))
    held = rig.reserved()
    rig.reopen()
    assert rig.reserved() == held > 0
    assert rig.release(reply["reservation"])["state"] == "released"


def test_a_failed_start_lets_go_of_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(JournalError):
        Journal(path)
    path.unlink()
    rig = Rig(tmp_path, account_settings())
    rig.close()
