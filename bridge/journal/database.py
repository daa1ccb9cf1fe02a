"""The journal's SQLite file: its tables, how it is opened, and what is said when it cannot be."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bridge.errors import JournalError

COLUMNS = "seq,account,id,type,at_ms,request,reply,inputs,changes"

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
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)


def take_lock(path: Path) -> FileLock:
    """The right to write a journal, for one process at a time. Raises JournalError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(path.name + ".lock"))
        lock.acquire(timeout=0)
    except Timeout:
        raise JournalError(f"Another daemon writes {path}. Stop it, or give this one its own [journal] path.") from None
    except OSError as fault:
        raise JournalError(f"{path} cannot be opened: {fault.strerror or fault}. Check [journal] path.") from fault
    return lock


def open_for_writing(path: Path, sync: str) -> sqlite3.Connection:
    """The database, made if there is none, and found whole. Raises JournalError."""
    try:
        # One thread uses it at a time, though not always the one that opened it.
        db = sqlite3.connect(path, isolation_level=None, timeout=1.0, check_same_thread=False)
    except sqlite3.Error as fault:
        raise damaged(path, fault) from fault
    try:
        # A daemon that died, or met a full disk, while it made the file has left an empty database.
        fresh = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if not fresh:
            _check_identity(db, path)
            _check_pages(db, path)
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute(f"PRAGMA synchronous = {'FULL' if sync == 'full' else 'NORMAL'}")
        if fresh:
            _create(db)
    except sqlite3.Error as fault:
        db.close()
        if isinstance(fault, sqlite3.OperationalError) and fault.sqlite_errorcode in _NO_ROOM:
            raise JournalError(f"The journal {path} cannot be written ({fault}). Free space on its disk.") from fault
        raise damaged(path, fault) from fault
    except BaseException:
        db.close()
        raise
    return db


def open_for_reading(path: Path) -> sqlite3.Connection:
    """The database beside the daemon that writes it. Raises JournalError."""
    if not path.is_file():
        raise JournalError(f"There is no journal at {path}. Start the daemon once, or name another with --config.")
    try:
        db = sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error as fault:
        raise damaged(path, fault) from fault
    try:
        _check_identity(db, path)
    except sqlite3.Error as fault:
        db.close()
        if isinstance(fault, sqlite3.OperationalError):
            text = f"The journal {path} cannot be read ({fault}). Check its folder's permissions."
            raise JournalError(text) from fault
        raise damaged(path, fault) from fault
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def committed(db: sqlite3.Connection) -> Iterator[None]:
    """Everything done inside, or nothing."""
    db.execute("BEGIN")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def damaged(path: Path, fault: object) -> JournalError:
    """The error for a file that cannot be trusted."""
    return JournalError(
        f"The journal {path} is damaged or cannot be used ({fault}). Make sure that no EA trades, move the file away, "
        "and start again: open reservations are then forgotten."
    )


def _create(db: sqlite3.Connection) -> None:
    script = (
        f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
    )
    db.executescript(script)


def _check_identity(db: sqlite3.Connection, path: Path) -> None:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if application != _APPLICATION_ID:
        raise JournalError(f"{path} is not a lotbridge journal. Give the daemon its own [journal] path.")
    if version != _SCHEMA_VERSION:
        raise JournalError(f"{path} has version {version}, this lotbridge writes {_SCHEMA_VERSION}. Update lotbridge.")


def _check_pages(db: sqlite3.Connection, path: Path) -> None:
    faults = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if faults != "ok":
        raise damaged(path, faults)
