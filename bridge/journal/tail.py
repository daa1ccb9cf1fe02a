"""The newest entries of the journal: an append-only file, one write per step, until they are folded into SQLite.

A commit in SQLite costs a dozen system calls; appending costs one, and survives the death of the process all the same.
Each record is its length and CRC-32 (two little-endian 32-bit numbers) and a msgpack body, so that a record that a
power cut has torn is recognised and dropped.
"""

import errno
import os
import re
import struct
import zlib
from pathlib import Path

import msgspec

from bridge.journal.records import Record

_HEAD = struct.Struct("<II")
_START = re.compile(rb"\x9a\xa5entry|\x93\xa4part")
"""How the body of a record begins."""

decode_record = msgspec.msgpack.Decoder(Record).decode
"""The record in a body."""


def frame(body: bytes) -> bytes:
    """A record as it stands in the file."""
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def split(data: bytes) -> list[bytes]:
    """The bodies of every whole record, oldest first, up to the first torn one."""
    bodies, at = [], 0
    while at + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, at)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        if not length or len(body) < length or zlib.crc32(body) != checksum:
            break
        bodies.append(body)
        at += _HEAD.size + length
    return bodies


def tail_path(journal: Path) -> Path:
    """Where the tail of a journal lies."""
    return journal.with_name(journal.name + "-tail")


class Tail:
    """The open file. Raises OSError when it cannot be written; what a failed write has left is cut off before the next.

    Nothing may ever follow a torn record: a reader stops there.
    """

    def __init__(self, path: Path, *, sync: bool) -> None:
        self._sync = sync
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(path, flags, 0o644)
        self.size = os.fstat(self._file).st_size
        self._torn = False

    def append(self, record: bytes) -> None:
        """Add one framed record with one write; with `sync`, not before the disk has it."""
        if self._torn:
            os.ftruncate(self._file, self.size)
        self._torn = True
        written = os.write(self._file, record)
        if written != len(record):
            os.ftruncate(self._file, self.size)
            raise OSError(errno.ENOSPC, "the disk took only a part of it")
        if self._sync:
            os.fsync(self._file)
        self._torn = False
        self.size += written

    def bodies(self) -> list[bytes]:
        """Every whole record, oldest first; a torn end is dropped. Raises OSError for damage before whole records."""
        os.lseek(self._file, 0, os.SEEK_SET)
        data = b""
        while chunk := os.read(self._file, 1 << 20):
            data += chunk
        bodies = split(data)
        rest = data[sum(_HEAD.size + len(body) for body in bodies) :]
        if any(split(rest[found.start() - _HEAD.size :]) for found in _START.finditer(rest, 2 * _HEAD.size)):
            raise OSError(errno.EIO, "a damaged record stands before whole ones")
        return bodies

    def clear(self) -> None:
        """Forget all records: they are in the database."""
        os.ftruncate(self._file, 0)
        self.size = 0

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)
