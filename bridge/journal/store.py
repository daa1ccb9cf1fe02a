"""The durable record: one SQLite file with one writer, and a tail of the newest entries beside it.

Every step is in the tail before its reply leaves. When the daemon is idle, the tail is folded into the database; a
daemon that starts folds whatever the last one left.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import msgspec

from bridge.errors import JournalError
from bridge.journal.database import COLUMNS, committed, damaged, open_for_writing, take_lock
from bridge.journal.records import Entry, Part, Record, StoredPart
from bridge.journal.tail import Tail, decode_record, frame, tail_path

_INSERT = f"INSERT OR IGNORE INTO entries({COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?)"
_INSERT_PART = "INSERT OR IGNORE INTO parts(part,body) VALUES(?,?)"
_FIND = "SELECT request, reply FROM entries WHERE account = ? AND id = ?"
_TAIL_BYTES = 16 * 1024 * 1024
_PARTS_REMEMBERED = 512
_IDS_REMEMBERED = 1_000_000

_encode = msgspec.msgpack.Encoder().encode


class Journal:
    """Opens the file, or creates it. Raises JournalError, with the remedy, when it cannot be used."""

    def __init__(self, path: Path, sync: Literal["normal", "full", "later"] = "normal") -> None:
        """With `sync` "later" entries are kept only when they are folded: for those who can make them again."""
        self._later = sync == "later"
        self.path = path
        self._lock = take_lock(path)
        self._parts: dict[tuple[int, ...], tuple[tuple[object, ...], int]] = {}
        self._records: list[Record] = []
        self._by_id: dict[tuple[int, str], Entry] = {}
        self._ids: set[int] | None = None
        self._gone = False
        self.cut_bytes = 0
        """What followed the last whole record in the tail of a daemon that died; it was dropped."""
        with ExitStack() as undo:
            undo.callback(self._lock.release)
            self._db = open_for_writing(path, sync)
            undo.callback(self._db.close)
            self._tail = _open_tail(path, sync)
            undo.callback(self._tail.close)
            self._recover()
            self._ids = self._known_ids()
            # Entries that were pruned leave no number behind; the state that was saved after them does.
            self.next_seq = 1 + max(self._highest("seq", "entries"), self._highest("seq", "states"))
            self.next_part = 1 + self._highest("part", "parts")
            self._places = _places(path)
            undo.pop_all()

    def find(self, account: int, request_id: str) -> tuple[bytes, bytes] | None:
        """The request and the reply stored under an id, or None."""
        key = account, request_id
        if self._ids is not None and hash(key) not in self._ids:
            return None
        entry = self._by_id.get(key)
        if entry is not None:
            return entry.request or b"", entry.reply or b""
        try:
            row: tuple[bytes, bytes] | None = self._db.execute(_FIND, (account, request_id)).fetchone()
        except sqlite3.Error as fault:
            raise self._unusable(fault) from fault
        return row

    def append(self, entry: Entry) -> None:
        """Write one entry, numbered `next_seq`, under a new id. Raises JournalError; then nothing is written."""
        self._keep(entry)
        self.next_seq += 1

    def part(self, make: Callable[[], Part], *identity: object) -> int:
        """The number of a piece of evidence; made and written the first time these very objects are seen."""
        key = tuple(map(id, identity))
        known = self._parts.get(key)
        if known is not None:
            return known[1]
        number = self.next_part
        self._keep(StoredPart(number, _encode(make())))
        self.next_part = number + 1
        if len(self._parts) >= _PARTS_REMEMBERED:
            del self._parts[next(iter(self._parts))]
        # Holding the objects keeps their ids from being given to others.
        self._parts[key] = identity, number
        return number

    def changes(self, account: int) -> Iterator[bytes]:
        """An account's last saved state, and every change since then, oldest first."""
        self.fold()
        since = 0
        for seq, saved in self._db.execute("SELECT seq, changes FROM states WHERE account = ?", (account,)):
            since = seq
            yield saved
        query = "SELECT changes FROM entries WHERE seq > ? AND account = ? AND changes IS NOT NULL ORDER BY seq"
        for (body,) in self._db.execute(query, (since, account)):
            yield body

    def fold(self) -> None:
        """Move the tail into the database. Raises JournalError; then the tail stays as it is."""
        if not self._records:
            return
        try:
            self._insert(self._records)
            self._tail.clear()
        except (sqlite3.Error, OSError) as fault:
            raise self._unusable(fault) from fault
        self._records = []
        self._by_id = {}

    def save_state(self, account: int, changes: bytes) -> None:
        """Keep an account's whole state, so that a restart need not read the journal from its beginning."""
        self.fold()
        self._execute(
            "INSERT OR REPLACE INTO states(account,seq,changes) VALUES(?,?,?)", (account, self.next_seq - 1, changes)
        )

    def rewind(self, seq: int, part: int) -> None:
        """Forget everything from these numbers on: a replay that goes on from an earlier moment."""
        self.fold()
        with committed(self._db):
            self._db.execute("DELETE FROM entries WHERE seq >= ?", (seq,))
            self._db.execute("DELETE FROM parts WHERE part >= ?", (part,))
            self._db.execute("DELETE FROM states WHERE seq >= ?", (seq,))
        self._parts.clear()
        self.next_seq, self.next_part = seq, part
        self._ids = self._known_ids()

    def tidy(self, *, idle: bool) -> None:
        """Fold when there is time, or when the tail has grown beyond all measure. Raises JournalError."""
        self._check_in_place()
        if idle or self._tail.size > _TAIL_BYTES:
            self.fold()

    def prune_queries(self, before_ms: int) -> None:
        """Forget old replies to queries, and to `manage` where there was nothing to do. Raises JournalError."""
        saved = "(SELECT seq FROM states WHERE states.account = entries.account)"
        kinds = "type IN ('ping', 'status', 'rules', 'snapshot', 'positions', 'idle')"
        # What an entry changed is in the state that was saved after it.
        old = f"{kinds} AND (changes IS NULL OR seq <= {saved}) AND at_ms < ?"
        try:
            query = f"DELETE FROM entries WHERE {old} RETURNING account, id"  # noqa: S608 - constants
            forgotten = self._db.execute(query, (before_ms,)).fetchall()
        except sqlite3.Error as fault:
            raise self._unusable(fault) from fault
        if self._ids is not None:
            self._ids.difference_update(map(hash, forgotten))

    def close(self) -> None:
        """Fold what is left, and let go of the files."""
        try:
            self.fold()
        finally:
            self._tail.close()
            self._db.close()
            self._lock.release()

    def _keep(self, record: Record) -> None:
        if self._gone:
            self._check_in_place()
        try:
            if not self._later:
                self._tail.append(frame(_encode(record)))
        except OSError as fault:
            raise self._unusable(fault) from fault
        self._records.append(record)
        if type(record) is Entry and record.id is not None:
            key = record.account, record.id
            self._by_id[key] = record
            if self._ids is not None:
                self._ids.add(hash(key))
                if len(self._ids) > _IDS_REMEMBERED:
                    self._ids = None

    def _check_in_place(self) -> None:
        """Notice that the files were moved or deleted: from then on nothing that is written could be found again."""
        if self._gone or _places(self.path) != self._places:
            self._gone = True
            raise JournalError(f"The journal {self.path} was moved or deleted while in use. Restart the daemon.")

    def _recover(self) -> None:
        """Fold what a daemon that died has left."""
        try:
            bodies = self._tail.bodies()
            self.cut_bytes = self._tail.size - sum(len(frame(body)) for body in bodies)
            self._records = [decode_record(body) for body in bodies]
        except (msgspec.MsgspecError, OSError) as fault:
            raise damaged(tail_path(self.path), fault) from fault
        self.fold()
        # A torn record at the end is no record: its reply never left.
        self._tail.clear()

    def _known_ids(self) -> set[int] | None:
        """Hashes of every id in the database, so that a new id needs no look-up; None where there are too many."""
        if self._read("SELECT count(*) FROM entries").fetchone()[0] > _IDS_REMEMBERED:
            return None
        return {hash(row) for row in self._read("SELECT account, id FROM entries")} | set(map(hash, self._by_id))

    def _insert(self, records: Sequence[Record]) -> None:
        entries = [_row(record) for record in records if isinstance(record, Entry)]
        parts = [(record.part, record.body) for record in records if isinstance(record, StoredPart)]
        with committed(self._db):
            self._db.executemany(_INSERT_PART, parts)
            self._db.executemany(_INSERT, entries)

    def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._db.execute(statement, values)
        except sqlite3.Error as fault:
            raise self._unusable(fault) from fault

    def _unusable(self, fault: Exception) -> JournalError:
        return JournalError(
            f"The journal {self.path} cannot be used ({fault}). Check its disk's space and permissions."
        )

    def damaged(self, fault: Exception) -> JournalError:
        """The error for content that cannot be read."""
        return damaged(self.path, fault)

    def _read(self, query: str) -> sqlite3.Cursor:
        try:
            return self._db.execute(query)
        except sqlite3.Error as fault:
            raise damaged(self.path, fault) from fault

    def _highest(self, column: str, table: str) -> int:
        query = f"SELECT coalesce(max({column}), 0) FROM {table}"  # noqa: S608 - constants
        return int(self._read(query).fetchone()[0])


def _places(path: Path) -> list[tuple[int, int] | None]:
    """Which files lie at the journal's names now."""
    places: list[tuple[int, int] | None] = []
    for each in (path, tail_path(path)):
        try:
            found = each.stat()
        except OSError:
            places.append(None)
        else:
            places.append((found.st_dev, found.st_ino))
    return places


def _row(entry: Entry) -> tuple[Any, ...]:
    return tuple(getattr(entry, column) for column in COLUMNS.split(","))


def _open_tail(path: Path, sync: str) -> Tail:
    try:
        return Tail(tail_path(path), sync=sync == "full")
    except OSError as fault:
        raise JournalError(
            f"{path}-tail cannot be opened: {fault.strerror or fault}. Check its permissions."
        ) from fault
