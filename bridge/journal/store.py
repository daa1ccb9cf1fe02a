"""The durable record, in one SQLite file with one writer. Every row is written before its reply leaves.

The write-ahead log grows while the daemon is busy and is folded into the file when it is idle, because folding takes
milliseconds. Pages are small: a decision is about 4 KB, and larger pages would write more than they hold.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from filelock import FileLock, Timeout

from bridge.errors import JournalError
from bridge.journal.records import Entry, Part

_APPLICATION_ID = 0x4C6F7442  # "LotB"
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE parts(part INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE entries(
    seq INTEGER PRIMARY KEY, account INTEGER NOT NULL, id TEXT, type TEXT NOT NULL, at_ms INTEGER NOT NULL,
    request BLOB, reply BLOB, inputs BLOB, changes BLOB
);
CREATE UNIQUE INDEX entries_by_id ON entries(account, id);
CREATE INDEX entries_with_changes ON entries(account, seq) WHERE changes IS NOT NULL;
"""
_INSERT = "INSERT INTO entries(seq,account,id,type,at_ms,request,reply,inputs,changes) VALUES(?,?,?,?,?,?,?,?,?)"
_FIND = "SELECT request, reply FROM entries WHERE account = ? AND id = ?"
_COLUMNS = "account,id,type,at_ms,request,reply,inputs,changes"
_IDLE_WAL_BYTES = 4 * 1024 * 1024
_BUSY_WAL_BYTES = 256 * 1024 * 1024
_PARTS_REMEMBERED = 512

_T = TypeVar("_T")


class Journal:
    """Opens the file, or creates it. Raises JournalError, with the remedy, when it cannot be used."""

    def __init__(self, path: Path, sync: Literal["normal", "full"] = "normal") -> None:
        self.path = path
        self._lock = _take_lock(path)
        self._parts: dict[tuple[int, ...], tuple[Any, int]] = {}
        try:
            self._db = _open_for_writing(path, sync)
            self._next_seq = 1 + self._scalar("SELECT coalesce(max(seq), 0) FROM entries")
            self._next_part = 1 + self._scalar("SELECT coalesce(max(part), 0) FROM parts")
        except BaseException:
            self._lock.release()
            raise
        self._wal = path.with_name(path.name + "-wal")

    @property
    def next_seq(self) -> int:
        """The number the next entry will have; its decision and reservation are named after it."""
        return self._next_seq

    def find(self, account: int, request_id: str) -> tuple[bytes, bytes] | None:
        """The request and the reply stored under an id, or None."""
        try:
            row: tuple[bytes, bytes] | None = self._db.execute(_FIND, (account, request_id)).fetchone()
        except sqlite3.Error as fault:
            raise self._unwritable(fault) from fault
        return row

    def append(self, entry: Entry) -> int:
        """Write one entry and return its number. Raises JournalError; then nothing is written."""
        seq = self._next_seq
        row = (
            seq, entry.account, entry.id, entry.type, entry.at_ms,
            entry.request, entry.reply, entry.inputs, entry.changes,
        )  # fmt: skip
        try:
            self._db.execute(_INSERT, row)
        except sqlite3.Error as fault:
            raise self._unwritable(fault) from fault
        self._next_seq = seq + 1
        return seq

    def part(self, make: Callable[[], Part], *identity: object) -> int:
        """The number of a piece of evidence; made and written the first time these very objects are seen."""
        key = tuple(map(id, identity))
        known = self._parts.get(key)
        if known is not None:
            return known[1]
        number = self._next_part
        try:
            self._db.execute("INSERT INTO parts(part,body) VALUES(?,?)", (number, msgspec.msgpack.encode(make())))
        except sqlite3.Error as fault:
            raise self._unwritable(fault) from fault
        self._next_part = number + 1
        if len(self._parts) >= _PARTS_REMEMBERED:
            del self._parts[next(iter(self._parts))]
        # Holding the objects keeps their ids from being given to others.
        self._parts[key] = (identity, number)
        return number

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything written inside is written as one, or not at all. Raises JournalError."""
        before = self._next_seq, self._next_part, dict(self._parts)
        try:
            self._db.execute("BEGIN")
            yield
            self._db.execute("COMMIT")
        except BaseException as fault:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._next_seq, self._next_part, self._parts = before
            if isinstance(fault, sqlite3.Error):
                raise self._unwritable(fault) from fault
            raise

    def changes(self, account: int) -> Iterator[bytes]:
        """Every change of an account's state, oldest first."""
        query = "SELECT changes FROM entries WHERE account = ? AND changes IS NOT NULL ORDER BY seq"
        for (body,) in self._db.execute(query, (account,)):
            yield body

    def tidy(self, *, idle: bool) -> None:
        """Fold the write-ahead log into the file if it has grown: a little when idle, a lot otherwise."""
        try:
            size = self._wal.stat().st_size
        except OSError:
            return
        if size > (_IDLE_WAL_BYTES if idle else _BUSY_WAL_BYTES):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)" if idle else "PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def prune_queries(self, before_ms: int) -> None:
        """Forget old replies to ping, status and snapshot: nothing is ever recomputed from them."""
        self._db.execute(
            "DELETE FROM entries WHERE type IN ('ping', 'status', 'snapshot') AND changes IS NULL AND at_ms < ?",
            (before_ms,),
        )

    def close(self) -> None:
        """Fold the log in and let go of the file."""
        self._db.close()
        self._lock.release()

    def _unwritable(self, fault: sqlite3.Error) -> JournalError:
        return JournalError(f"The journal {self.path} cannot be used ({fault}). Check its disk's space and permissions.")

    def _scalar(self, query: str) -> int:
        return int(self._db.execute(query).fetchone()[0])


class JournalReader:
    """Reads a journal beside the daemon that writes it. Raises JournalError."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise JournalError(f"There is no journal at {path}. Start the daemon once, or name another with --config.")
        self._db = sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True, isolation_level=None)
        _check_identity(self._db, path)

    def entry(self, seq: int) -> Entry | None:
        """One entry by its number."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM entries WHERE seq = ?", (seq,)).fetchone()  # noqa: S608 - constant
        return None if row is None else _entry(row)

    def latest(self, kind: str, count: int) -> list[tuple[int, Entry]]:
        """The newest entries of one type with their numbers, newest first."""
        query = f"SELECT seq,{_COLUMNS} FROM entries WHERE type = ? ORDER BY seq DESC LIMIT ?"  # noqa: S608 - constant
        return [(row[0], _entry(row[1:])) for row in self._db.execute(query, (kind, count))]

    def part(self, number: int, kind: type[_T]) -> _T:
        """A piece of evidence by its number."""
        row = self._db.execute("SELECT body FROM parts WHERE part = ?", (number,)).fetchone()
        if row is None:
            raise JournalError(f"The journal has no part {number}; the file is incomplete.")
        return msgspec.msgpack.decode(row[0], type=kind)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def _entry(row: tuple[Any, ...]) -> Entry:
    return Entry(**dict(zip(_COLUMNS.split(","), row, strict=True)))


def _take_lock(path: Path) -> FileLock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(path.name + ".lock"))
        lock.acquire(timeout=0)
    except Timeout:
        raise JournalError(f"Another daemon writes {path}. Stop it, or give this one its own [journal] path.") from None
    except OSError as fault:
        raise JournalError(f"{path} cannot be opened: {fault.strerror or fault}. Check [journal] path.") from fault
    return lock


def _open_for_writing(path: Path, sync: str) -> sqlite3.Connection:
    fresh = not path.exists() or path.stat().st_size == 0
    try:
        # One thread uses it at a time, though not always the one that opened it.
        db = sqlite3.connect(path, isolation_level=None, timeout=1.0, check_same_thread=False)
        if fresh:
            db.execute("PRAGMA page_size = 1024")
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute(f"PRAGMA synchronous = {'FULL' if sync == 'full' else 'NORMAL'}")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        if fresh:
            _create(db)
        _check_identity(db, path)
    except sqlite3.DatabaseError as fault:
        raise _unusable(path, fault) from fault
    return db


def _create(db: sqlite3.Connection) -> None:
    script = f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
    db.executescript(script)


def _check_identity(db: sqlite3.Connection, path: Path) -> None:
    try:
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        faults = db.execute("PRAGMA quick_check(1)").fetchone()[0] if application == _APPLICATION_ID else "ok"
    except sqlite3.DatabaseError as fault:
        raise _unusable(path, fault) from fault
    if application != _APPLICATION_ID:
        raise JournalError(f"{path} is not a lotbridge journal. Give the daemon its own [journal] path.")
    if version != _SCHEMA_VERSION:
        raise JournalError(f"{path} has version {version}, this lotbridge writes {_SCHEMA_VERSION}. Update lotbridge.")
    if faults != "ok":
        raise _unusable(path, faults)


def _unusable(path: Path, fault: object) -> JournalError:
    return JournalError(
        f"The journal {path} is damaged or cannot be used ({fault}). Make sure that no EA trades, move the file away, "
        "and start again: open reservations are then forgotten."
    )
