"""A full disk: `internal`, nothing reserved, nothing half-written, and all is well once there is room again."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from bridge.errors import JournalError
from bridge.journal.store import Journal
from tests.bridge.builders import (
    Rig,
    account_info,
    copy_files,
    decoded,
    granted,
    recomputed,
    size_fields,
)
from tests.bridge.sockets import asked, connected, serving

Full = Callable[[Rig], AbstractContextManager[None]]


def _journal_writes_through(write: Callable[[int, bytes], int]) -> AbstractContextManager[None]:
    @contextmanager
    def patched() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "write", write)
            yield

    return patched()


def refused_writes(rig: Rig) -> AbstractContextManager[None]:
    """Every write fails."""

    def write(_file: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    return _journal_writes_through(write)


def short_writes(rig: Rig) -> AbstractContextManager[None]:
    """Every write takes only a part."""
    real = os.write

    def write(file: int, data: bytes) -> int:
        return real(file, data[: len(data) // 2])

    return _journal_writes_through(write)


def writes_that_fail_after_a_part(rig: Rig) -> AbstractContextManager[None]:
    """A part is written, and then there is an error."""
    real = os.write

    def write(file: int, data: bytes) -> int:
        real(file, data[:10])
        raise OSError(5, "Input/output error")

    return _journal_writes_through(write)


@contextmanager
def filled_up(rig: Rig) -> Iterator[None]:
    """The rig's own small disk holds no byte more."""
    ballast = rig.folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for piece in (b"x" * 4096, b"x"):
            try:
                while file.write(piece):
                    pass
            except OSError:
                continue
    try:
        yield
    finally:
        ballast.unlink()


def exhaust(rig: Rig, send: Callable[[bytes], bytes]) -> None:
    """Use up what room is left in a page that the tail has already."""
    for _ in range(100):
        if decoded(send(rig.body(type="ping")))["code"] == "internal":
            return
    raise AssertionError("the disk is not full")


def _mounted(folder: Path) -> bool:
    """Whether a disk of half a megabyte could be mounted at a folder."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return False
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A folder on a disk of its own, or None where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not _mounted(folder):
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S607 - root's own PATH


WAYS: dict[str, Full] = {
    "refused": refused_writes,
    "short": short_writes,
    "failing half-way": writes_that_fail_after_a_part,
    "a full disk": filled_up,
}


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest, small_disk: Path | None, tmp_path: Path) -> Iterator[tuple[Rig, Full]]:
    """A fed rig and a way to fill its disk; on a real small one where the system lets us mount it."""
    real = request.param == "a full disk"
    full = refused_writes if real and small_disk is None else WAYS[request.param]
    rig = Rig(small_disk if real and small_disk is not None else tmp_path / "rig")
    rig.feed()
    yield rig, full
    rig.close()


def test_a_full_disk_is_internal_and_reserves_nothing(way: tuple[Rig, Full]) -> None:
    rig, full = way
    name = granted(rig.size(max_lots=0.1))["reservation"]
    held = rig.reserved()
    requests = {
        "size": rig.body(**size_fields(max_lots=0.1)),
        "fill": rig.body(type="fill", reservation=name, ticket=7, lots=0.01, price=1.1),
        "release": rig.body(type="release", reservation=name, reason="x"),
        "status": rig.body(type="status"),
        "ping": rig.body(type="ping"),
        "error": rig.body(type="ping", more=1),
    }
    with full(rig):
        exhaust(rig, rig.send)
        for _ in range(2):
            for kind, raw in requests.items():
                reply = decoded(rig.send(raw))
                assert (reply["status"], reply["code"]) == ("error", "internal"), kind
                assert "journal" in reply["message"]
            rig.service.housekeep()
    assert rig.reserved() == held
    for kind, raw in requests.items():
        assert (decoded(rig.send(raw))["code"] is None) is (kind != "error")
    assert rig.release(name)["state"] == "open"


def test_what_was_written_before_and_after_survives(way: tuple[Rig, Full], tmp_path: Path) -> None:
    rig, full = way
    before = rig.body(**size_fields(max_lots=0.1))
    after = rig.body(**size_fields(max_lots=0.2))
    first = rig.send(before)
    with full(rig):
        exhaust(rig, rig.send)
        assert decoded(rig.send(after))["code"] == "internal"
        crashed = tmp_path / "crashed" / "journal.sqlite"
        copy_files(rig.path, crashed)
    second = rig.send(after)
    granted(decoded(second))
    held = rig.reserved()
    copied = tmp_path / "copied" / "journal.sqlite"
    copy_files(rig.path, copied)
    for path, expected in ((crashed, first), (copied, first), (copied, second)):
        journal = Journal(path)
        stored = [journal.find(rig.desks[0].login, decoded(expected)["id"])]
        journal.close()
        assert stored[0] is not None
        assert stored[0][1] == expected
        assert recomputed(path) == (1 if path is crashed else 2)
    assert rig.reserved() == held


def test_the_peak_that_could_not_be_written_is_written_later(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.feed()
    with refused_writes(rig):
        assert rig.feed(account_info=account_info(equity=104_000.0))["code"] == "internal"
    rig.feed(account_info=account_info(equity=100_000.0))
    rig.reopen()
    rig.feed(session="restarted")
    detail = next(each["detail"] for each in rig.size()["factors"] if each["name"] == "drawdown")
    assert detail.startswith("3.85 %")
    rig.close()


def test_a_daemon_with_a_full_disk_goes_on_answering(way: tuple[Rig, Full]) -> None:
    rig, full = way
    raw = rig.body(**size_fields(max_lots=0.1))
    with serving(rig) as running, connected(running.address) as socket:
        with full(rig):
            exhaust(rig, lambda ping: asked(socket, ping))
            for _ in range(20):
                assert decoded(asked(socket, raw))["code"] == "internal"
        granted(decoded(asked(socket, raw)))
    assert rig.reserved() > 0


def test_a_fold_that_finds_no_room_loses_nothing(small_disk: Path | None, tmp_path: Path) -> None:
    rig = Rig(small_disk or tmp_path / "rig")
    rig.feed()
    raws = [rig.body(**size_fields(max_lots=0.01)) for _ in range(10)]
    replies = [rig.send(raw) for raw in raws]
    held = rig.reserved()
    if small_disk is not None:
        with filled_up(rig), pytest.raises(JournalError, match="Check its disk's space"):
            rig.journal.fold()
    assert [rig.send(raw) for raw in raws] == replies
    rig.journal.fold()
    assert [rig.send(raw) for raw in raws] == replies
    assert rig.reserved() == held
    rig.close()


def test_a_disk_that_is_full_at_the_start_is_a_journal_error(small_disk: Path | None, tmp_path: Path) -> None:
    rig = Rig(small_disk or tmp_path / "rig")
    raw = rig.body(type="ping")
    reply = rig.send(raw)
    rig.journal.close()
    path = rig.folder / "new" / "journal.sqlite"
    path.parent.mkdir()
    if small_disk is not None:
        with filled_up(rig), pytest.raises(JournalError):
            Journal(path)
    Journal(path).close()
    rig._open()
    assert rig.send(raw) == reply
    rig.close()
