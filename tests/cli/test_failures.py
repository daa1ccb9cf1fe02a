"""What cannot work ends with one message and a nonzero exit code, and leaves nothing half-written."""

import os
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.processes import finish, free_address, interrupt, serving, start


def test_a_journal_that_is_damaged(run: Run, tmp_path: Path) -> None:
    """The message names the file and the way out; the file is left as it is."""
    journal = tmp_path / "journal.sqlite"
    journal.write_bytes(b"SQLite format 3\x00" + bytes(range(256)) * 20)
    before = journal.read_bytes()
    for command in (("serve", "--sample", "--bind", free_address()), ("explain",)):
        outcome = run(*command, "--journal", journal)
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err.startswith(f"Error: The journal {journal} is damaged or cannot be used")
        assert len(outcome.err.splitlines()) == 1
    assert journal.read_bytes() == before


def test_a_database_that_is_no_journal(run: Run, tmp_path: Path) -> None:
    """Another program's file is never written to, not even its header."""
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE things(x)")
    db.close()
    before = other.read_bytes()
    for command in (("serve", "--sample", "--bind", free_address()), ("explain",)):
        outcome = run(*command, "--journal", other)
        assert (outcome.code, outcome.out) == (1, "")
        assert "is not a lotbridge journal" in outcome.err
    assert other.read_bytes() == before


def test_a_journal_folder_that_cannot_be(run: Run, tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("x")
    outcome = run("serve", "--sample", "--bind", free_address(), "--journal", tmp_path / "file" / "journal.sqlite")
    assert (outcome.code, outcome.out) == (1, "")
    assert "cannot be opened" in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions bind neither root nor Windows")
def test_a_journal_folder_that_is_read_only(run: Run, tmp_path: Path) -> None:
    """No permission is one sentence."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    outcome = run("serve", "--sample", "--bind", free_address(), "--journal", folder / "journal.sqlite")
    assert (outcome.code, outcome.out) == (1, "")
    assert "cannot be opened" in outcome.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a process's files")
def test_a_full_disk(tmp_path: Path) -> None:
    """Where nothing can be written the start fails with one sentence, and works once there is room."""
    journal = tmp_path / "journal.sqlite"
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048)); "
        "from bridge.cli import main; main(sys.argv[1:])"
    )
    address = free_address()
    arguments = ("serve", "--sample", "--bind", address, "--journal", str(journal))
    code, out, err = finish(start(*arguments, code=limited))
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    with serving(*arguments[1:], address=address) as daemon:
        assert interrupt(daemon)[0] == 0


@pytest.mark.parametrize("bind", ["tcp://0.0.0.0:5999", "tcp://192.168.1.5:5999", "tcp://*:5999", "127.0.0.1:5999"])
def test_the_sample_listens_on_this_computer_only(run: Run, tmp_path: Path, bind: str) -> None:
    """Exit code 2, and no journal is made."""
    outcome = run("serve", "--sample", "--bind", bind, "--journal", tmp_path / "journal.sqlite")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("Error: --bind ")
    assert not (tmp_path / "journal.sqlite").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "--sample", "--config", "x"),
        ("serve", "--bind", "tcp://127.0.0.1:1"),
        ("serve", "--journal", "x"),
        ("serve", "--sample", "--speed", "0"),
        ("serve", "--sample", "--speed", "nan"),
        ("explain", "d1", "--last", "3", "--journal", "x"),
        ("size", "EURUSD"),
        ("nonsense",),
        ("keys", "folder", "../server"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Usage errors write nothing but the message."""
    outcome = run(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert "Traceback" not in outcome.err
    assert not list(tmp_path.iterdir())


def test_speed_is_for_recordings(run: Run, tmp_path: Path) -> None:
    """A live account cannot be played faster."""
    run("init", tmp_path / "config")
    outcome = run("serve", "--speed", "10")
    assert outcome.code == 2
    assert "Only a recorded market" in outcome.err


def test_a_pipe_that_closes_early_is_no_traceback() -> None:
    """`lotbridge codes | head -1`."""
    process = start("codes")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait(60)
    assert "Traceback" not in err
