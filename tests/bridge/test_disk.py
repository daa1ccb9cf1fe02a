"""A full disk: `internal`, nothing reserved, nothing half-written, and all is well once there is room again."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.clock import SteppedClock
from bridge.desk import Desk
from bridge.errors import JournalError
from bridge.journal.store import Journal
from bridge.service import Service
from bridge.terminal.feed import FeedTerminal
from tests.bridge.builders import (
    Rig,
    account_info,
    copy_files,
    decoded,
    granted,
    recomputed,
    size_fields,
)
from tests.bridge.daemon_process import settings
from tests.bridge.paper import PaperAccount, PaperRig
from tests.bridge.sockets import asked, connected, serving
from tests.builders import NOW_MS, at

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
    for letter in map(chr, range(33, 127)):  # shorter ids than those of any request that is to find no room
        if decoded(send(rig.body(type="ping", id=letter)))["code"] == "internal":
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


# What the firm's rules rest on --------------------------------------------------------------------------------------

SECOND = 1_000
RESET = at("2026-03-04 23:00")


@pytest.fixture(params=list(WAYS))
def ruled(request: pytest.FixtureRequest, small_disk: Path | None, tmp_path: Path) -> Iterator[tuple[PaperRig, Full]]:
    """A rig under a rule of each kind, flat since its deposit, a second ago; and a way to fill its disk."""
    real = request.param == "a full disk"
    full = refused_writes if real and small_disk is None else WAYS[request.param]
    folder = small_disk if real and small_disk is not None else tmp_path / "rig"
    rules = settings()
    rig = PaperRig(folder, paper=PaperAccount(NOW_MS - SECOND), firm=rules.firm, policy=rules.policy)
    rig.report()
    yield rig, full
    rig.close()


def remembered(desk: Desk) -> tuple[Any, ...]:
    """What must outlive the process."""
    kept = desk.rules.kept
    return kept.states, kept.halts, kept.recovery, desk.ledger.reservations, desk._peak_equity


def restarted(rig: PaperRig, folder: Path) -> tuple[Any, ...]:
    """What a daemon remembers that starts on the files as they are; it runs elsewhere, where there is room."""
    path = folder / "journal.sqlite"
    copy_files(rig.path, path)
    journal = Journal(path)
    desk = Desk(rig.accounts[0], FeedTerminal(rig.accounts[0].login))
    Service([desk], journal, SteppedClock(rig.clock.now_ms()))
    journal.close()
    return remembered(desk)


def test_a_full_disk_leaves_reservations_halts_and_anchors_as_they_were(
    ruled: tuple[PaperRig, Full], tmp_path: Path
) -> None:
    rig, full = ruled
    names = [granted(rig.size(max_lots=0.1))["reservation"] for _ in range(2)]
    rig.ask(type="halt", reason="lunch", minutes=30)
    requests = {
        "fill": rig.body(type="fill", reservation=names[0], ticket=7, lots=0.05, price=1.1),
        "release": rig.body(type="release", reservation=names[1], reason="x"),
        "halt": rig.body(type="halt", reason="for today", until_reset=True),
        "anchor": rig.body(type="anchor", rule="best", value=101_000.0, reason="as the firm says"),
        "resume": rig.body(type="resume", reason="again", factor=0.5, days=3),
        "size": rig.body(**size_fields(max_lots=0.1)),
    }
    before = remembered(rig.desks[0])
    assert restarted(rig, tmp_path / "before") == before
    with full(rig):
        exhaust(rig, rig.send)
        for kind, raw in requests.items():
            for _ in range(2):
                reply = decoded(rig.send(raw))
                assert (reply["status"], reply["code"]) == ("error", "internal"), kind
                assert remembered(rig.desks[0]) == before, kind
            rig.service.housekeep()
        assert remembered(rig.desks[0]) == before
        assert restarted(rig, tmp_path / "full") == before
    for kind, raw in requests.items():
        was = remembered(rig.desks[0])
        reply = decoded(rig.send(raw))
        assert reply["status"] == "ok", (kind, reply)
        assert remembered(rig.desks[0]) != was, kind
        assert restarted(rig, tmp_path / kind) == remembered(rig.desks[0]), kind
        assert decoded(rig.send(raw)) == reply


def test_what_is_seen_while_the_disk_is_full_is_written_when_there_is_room(
    ruled: tuple[PaperRig, Full], tmp_path: Path
) -> None:
    """A peak, a breach and a reset. None of it is answered, and none of it is forgotten."""
    rig, full = ruled
    held = rig.paper.open(rig.clock.now_ms())
    with full(rig):
        exhaust(rig, rig.send)
        for floating in (2_000.0, -5_500.0, 0.0):
            rig.tick(SECOND)
            rig.paper.floats(held, floating)
            reply = rig.ask(**rig.broker_fields(0, **rig.paper.parts()))
            assert (reply["status"], reply["code"]) == ("error", "internal")
            rig.service.housekeep()
        assert decoded(rig.send(rig.body(**size_fields())))["code"] == "internal"
    rig.service.housekeep()
    assert rig.halts() == [("rule_breached", RESET)]
    assert rig.anchor("peak") == 102_000
    assert restarted(rig, tmp_path / "freed") == remembered(rig.desks[0])
    rig.reopen()
    rig.tick(SECOND)
    rig.report()
    assert (rig.refusal(), rig.anchor("peak")) == ("rule_breached", 102_000)


def test_a_reset_and_a_lapse_while_the_disk_is_full(ruled: tuple[PaperRig, Full], tmp_path: Path) -> None:
    rig, full = ruled
    rig.paper.trade(rig.clock.now_ms(), 3_000.0)
    rig.tick(2 * SECOND)
    rig.report()
    rig.set_anchor(103_000.0, "peak")
    rig.clock.advance_to(RESET - 40 * SECOND)
    rig.report()
    name = granted(rig.size(max_lots=0.1))["reservation"]
    held = rig.reserved()
    before = remembered(rig.desks[0])
    with full(rig):
        exhaust(rig, rig.send)
        rig.clock.advance_to(RESET + 5 * SECOND)
        assert rig.ask(**rig.broker_fields(0, **rig.paper.parts()))["code"] == "internal"
        rig.service.housekeep()
        assert rig.desks[0].ledger.reservations == before[3], "what is not written has not lapsed"
        assert restarted(rig, tmp_path / "full") == before
    rig.service.housekeep()
    rig.tick(SECOND)
    rig.report()
    assert (rig.reserved(), held > 0, rig.release(name)["state"]) == (0, True, "lapsed")
    assert (rig.anchor(), rig.anchor("best")) == (103_000, 103_000)
    assert restarted(rig, tmp_path / "freed") == remembered(rig.desks[0])


def test_a_halt_that_could_not_be_written_does_not_take_the_new_day_back(tmp_path: Path) -> None:
    rig = PaperRig(tmp_path)
    rig.clock.advance_to(RESET - SECOND)
    rig.report()
    rig.tick(2 * SECOND)
    with refused_writes(rig):
        assert rig.ask(type="halt", reason="x", until_reset=True)["code"] == "internal"
    rig.service.housekeep()
    assert rig.anchor() == 100_000
    rig.close()
