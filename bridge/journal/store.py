"""The durable record: one SQLite file with one writer, and a tail of the newest entries beside it.

Every step is in the tail before its reply leaves. When the daemon is idle, the tail is folded into the database, where
other processes can read it; a daemon that starts folds whatever the last one left.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from filelock import FileLock, Timeout

from bridge.errors import JournalError
from bridge.journal.records import Entry, Part, Record, StoredPart
from bridge.journal.tail import Tail, frame

_APPLICATION_ID = 0x4C6F7442  # "LotB"
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE parts(part INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE entries(
    seq INTEGER PRIMARY KEY, account INTEGER NOT NULL, id TEXT, type TEXT NOT NULL, at_ms INTEGER NOT NULL,
    request BLOB, reply BLOB, inputs BLOB, changes BLOB
);
CREATE UNIQUE INDEX entries_by_id ON entries(account, id);
CREATE TABLE states(account INTEGER PRIMARY KEY, seq INTEGER NOT NULL, changes BLOB NOT NULL);
"""
_COLUMNS = "seq,account,id,type,at_ms,request,reply,inputs,changes"
_INSERT = f"INSERT OR IGNORE INTO entries({_COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?)"
_INSERT_PART = "INSERT OR IGNORE INTO parts(part,body) VALUES(?,?)"
_FIND = "SELECT request, reply FROM entries WHERE account = ? AND id = ?"
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)
_TAIL_BYTES = 64 * 1024 * 1024
_PARTS_REMEMBERED = 512
_IDS_REMEMBERED = 1_000_000

_T = TypeVar("_T")
_encode = msgspec.msgpack.Encoder().encode
_decode_record = msgspec.msgpack.Decoder(Record).decode


class Journal:
    """Opens the file, or creates it. Raises JournalError, with the remedy, when it cannot be used."""

    def __init__(self, path: Path, sync: Literal["normal", "full"] = "normal") -> None:
        self.path = path
        self._lock = _take_lock(path)
        self._parts: dict[tuple[int, ...], tuple[tuple[object, ...], int]] = {}
        self._records: list[Record] = []
        self._by_id: dict[tuple[int, str], Entry] = {}
        self._ids: set[int] | None = None
        try:
            self._db = _open_for_writing(path, sync)
            self._tail = _open_tail(path, sync)
            self._recover()
            self._ids = self._known_ids()
            self.next_seq = 1 + self._scalar("SELECT coalesce(max(seq), 0) FROM entries")
            self._next_part = 1 + self._scalar("SELECT coalesce(max(part), 0) FROM parts")
        except BaseException:
            self._lock.release()
            raise

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
        number = self._next_part
        self._keep(StoredPart(number, _encode(make())))
        self._next_part = number + 1
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

    def tidy(self, *, idle: bool) -> None:
        """Fold when there is time, or when the tail has grown beyond all measure. Raises JournalError."""
        if idle or self._tail.size > _TAIL_BYTES:
            self.fold()

    def prune_queries(self, before_ms: int) -> None:
        """Forget old replies to ping, status and snapshot: nothing rests on them. Raises JournalError."""
        self._execute(
            "DELETE FROM entries WHERE type IN ('ping', 'status', 'snapshot') AND changes IS NULL AND at_ms < ?",
            (before_ms,),
        )

    def close(self) -> None:
        """Fold what is left, and let go of the files."""
        try:
            self.fold()
        finally:
            self._tail.close()
            self._db.close()
            self._lock.release()

    def _keep(self, record: Record) -> None:
        try:
            self._tail.append(frame(_encode(record)))
        except OSError as fault:
            raise self._unusable(fault) from fault
        self._records.append(record)
        if type(record) is Entry and record.id is not None:
            key = record.account, record.id
            self._by_id[key] = record
            if self._ids is not None:
                self._ids.add(hash(key))

    def _recover(self) -> None:
        """Fold what a daemon that died has left."""
        try:
            self._records = [_decode_record(body) for body in self._tail.bodies()]
        except msgspec.MsgspecError as fault:
            raise _damaged(self.path, fault) from fault
        self.fold()
        # A torn record at the end is no record: its reply never left.
        self._tail.clear()

    def _known_ids(self) -> set[int] | None:
        """Hashes of every id in the database, so that a new id needs no look-up; None where there are too many."""
        if self._scalar("SELECT count(*) FROM entries") > _IDS_REMEMBERED:
            return None
        return {hash(row) for row in self._db.execute("SELECT account, id FROM entries")}

    def _insert(self, records: Sequence[Record]) -> None:
        entries = [_row(record) for record in records if isinstance(record, Entry)]
        parts = [(record.part, record.body) for record in records if isinstance(record, StoredPart)]
        with _committed(self._db):
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

    def _scalar(self, query: str) -> int:
        return int(self._db.execute(query).fetchone()[0])


class JournalReader:
    """Reads a journal beside the daemon that writes it. Raises JournalError."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise JournalError(f"There is no journal at {path}. Start the daemon once, or name another with --config.")
        try:
            self._db = sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True, isolation_level=None)
        except sqlite3.Error as fault:
            raise _damaged(path, fault) from fault
        try:
            _check_identity(self._db, path)
        except BaseException:
            self._db.close()
            raise

    def entry(self, seq: int) -> Entry | None:
        """One entry by its number."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM entries WHERE seq = ?", (seq,)).fetchone()  # noqa: S608 - constant
        return None if row is None else _entry(row)

    def latest(self, kind: str, count: int) -> list[Entry]:
        """The newest entries of one type, newest first."""
        query = f"SELECT {_COLUMNS} FROM entries WHERE type = ? ORDER BY seq DESC LIMIT ?"  # noqa: S608 - constant
        return [_entry(row) for row in self._db.execute(query, (kind, count))]

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


def _row(entry: Entry) -> tuple[Any, ...]:
    return tuple(getattr(entry, column) for column in _COLUMNS.split(","))


@contextmanager
def _committed(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _open_tail(path: Path, sync: str) -> Tail:
    try:
        return Tail(path.with_name(path.name + "-tail"), sync=sync == "full")
    except OSError as fault:
        raise JournalError(
            f"{path}-tail cannot be opened: {fault.strerror or fault}. Check its permissions."
        ) from fault


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
    try:
        # One thread uses it at a time, though not always the one that opened it.
        db = sqlite3.connect(path, isolation_level=None, timeout=1.0, check_same_thread=False)
    except sqlite3.Error as fault:
        raise _damaged(path, fault) from fault
    try:
        # A daemon that died, or met a full disk, while it made the file has left an empty database.
        fresh = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if not fresh:
            _check_identity(db, path)
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute(f"PRAGMA synchronous = {'FULL' if sync == 'full' else 'NORMAL'}")
        if fresh:
            _create(db)
    except sqlite3.Error as fault:
        db.close()
        if isinstance(fault, sqlite3.OperationalError) and fault.sqlite_errorcode in _NO_ROOM:
            raise JournalError(f"The journal {path} cannot be written ({fault}). Free space on its disk.") from fault
        raise _damaged(path, fault) from fault
    except BaseException:
        db.close()
        raise
    return db


def _create(db: sqlite3.Connection) -> None:
    script = (
        f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
    )
    db.executescript(script)


def _check_identity(db: sqlite3.Connection, path: Path) -> None:
    try:
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        faults = db.execute("PRAGMA quick_check(1)").fetchone()[0] if application == _APPLICATION_ID else "ok"
    except sqlite3.DatabaseError as fault:
        raise _damaged(path, fault) from fault
    if application != _APPLICATION_ID:
        raise JournalError(f"{path} is not a lotbridge journal. Give the daemon its own [journal] path.")
    if version != _SCHEMA_VERSION:
        raise JournalError(f"{path} has version {version}, this lotbridge writes {_SCHEMA_VERSION}. Update lotbridge.")
    if faults != "ok":
        raise _damaged(path, faults)


def _damaged(path: Path, fault: object) -> JournalError:
    return JournalError(
        f"The journal {path} is damaged or cannot be used ({fault}). Make sure that no EA trades, move the file away, "
        "and start again: open reservations are then forgotten."
    )
