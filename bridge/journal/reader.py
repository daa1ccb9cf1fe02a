"""Reads a journal beside the daemon that writes it, the newest entries in its tail included."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bridge.errors import JournalError
from bridge.journal.database import COLUMNS, damaged, open_for_reading
from bridge.journal.records import Changes, Entry, StoredPart
from bridge.journal.tail import decode_record, split, tail_path

_T = TypeVar("_T")
_decode_changes = msgspec.msgpack.Decoder(Changes).decode


class JournalReader:
    """One view of the journal, as of its opening. Raises JournalError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = open_for_reading(path)
        # The tail first: what is folded meanwhile is found in the database, and nothing falls between the two.
        records = [decode_record(body) for body in split(_read(tail_path(path)))]
        self._entries = {record.seq: record for record in records if isinstance(record, Entry)}
        self._parts = {record.part: record.body for record in records if isinstance(record, StoredPart)}

    def entry(self, seq: int) -> Entry | None:
        """One entry by its number."""
        if seq in self._entries:
            return self._entries[seq]
        rows = self._rows(f"SELECT {COLUMNS} FROM entries WHERE seq = ?", (seq,))  # noqa: S608 - constant
        return _entry(rows[0]) if rows else None

    def latest(self, kind: str, count: int) -> list[Entry]:
        """The newest entries of one type, newest first."""
        query = f"SELECT {COLUMNS} FROM entries WHERE type = ? ORDER BY seq DESC LIMIT ?"  # noqa: S608 - constant
        found = {entry.seq: entry for entry in map(_entry, self._rows(query, (kind, count)))}
        found.update((seq, entry) for seq, entry in self._entries.items() if entry.type == kind)
        return [found[seq] for seq in sorted(found, reverse=True)[:count]]

    def changes(self, account: int | None = None) -> Iterator[tuple[int, Changes]]:
        """Every change of an account's state, or of all accounts', with the account's login, oldest first."""
        chosen = "account = coalesce(?, account)"
        query = f"SELECT seq, account, changes FROM entries WHERE changes IS NOT NULL AND {chosen} ORDER BY seq"  # noqa: S608 - constants
        last = 0
        try:
            for seq, login, body in self._db.execute(query, (account,)):
                last = seq
                yield login, self._decoded(body)
        except sqlite3.Error as fault:
            raise damaged(self._path, fault) from fault
        # The tail is folded as a whole: what the database does not hold yet follows its last entry.
        for seq in sorted(seq for seq in self._entries if seq > last):
            entry = self._entries[seq]
            if entry.changes is not None and account in (None, entry.account):
                yield entry.account, self._decoded(entry.changes)

    def part(self, number: int, kind: type[_T]) -> _T:
        """A piece of evidence by its number."""
        body = self._parts.get(number)
        if body is None:
            rows = self._rows("SELECT body FROM parts WHERE part = ?", (number,))
            if not rows:
                raise damaged(self._path, f"part {number} is missing")
            body = rows[0][0]
        try:
            return msgspec.msgpack.decode(body, type=kind)
        except msgspec.MsgspecError as fault:
            raise damaged(self._path, fault) from fault

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _decoded(self, body: bytes) -> Changes:
        try:
            return _decode_changes(body)
        except msgspec.MsgspecError as fault:
            raise damaged(self._path, fault) from fault

    def _rows(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as fault:
            raise damaged(self._path, fault) from fault


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as fault:
        raise JournalError(f"{path} cannot be read: {fault.strerror or fault}.") from fault


def _entry(row: tuple[Any, ...]) -> Entry:
    return Entry(**dict(zip(COLUMNS.split(","), row, strict=True)))
