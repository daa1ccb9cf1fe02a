"""How the demo ends: by itself, by a signal, by the daemon's death. Nothing of it is left over."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.demo.machine import MachineReport
from bridge.demo.records import Asked
from bridge.demo.scene import Wish
from bridge.demo.stage import run
from bridge.interrupts import Interrupts
from tests.cli.processes import DEADLINE_S, finish, interrupt, start

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
DAEMON = re.compile(r"process (\d+) on tcp://127\.0\.0\.1:\d+")
Process = subprocess.Popen[str]


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever happens, no temporary folder is left."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path))
    yield
    assert not list(tmp_path.glob("lotbridge-*"))


def until_first_decision(demo: Process) -> int:
    """Read on to the first decision; the daemon's process number, which was shown before it."""
    pid = 0
    assert demo.stdout is not None
    for text in demo.stdout:
        found = DAEMON.search(text)
        pid = int(found[1]) if found else pid
        if text.startswith("#1 "):
            return pid
    pytest.fail(f"the demo ended before its first decision: {demo.communicate()}")


def is_gone(pid: int) -> bool:
    """Whether no process has this number any more, given some time where the system can tell of an end."""
    if hasattr(os, "pidfd_open"):
        with contextlib.suppress(ProcessLookupError):
            watched = os.pidfd_open(pid)
            try:
                return bool(select.select([watched], [], [], DEADLINE_S)[0])
            finally:
                os.close(watched)
        return True
    try:
        os.kill(pid, 0)
    except OSError:
        return True
    return False


def test_ctrl_c_after_the_first_decision_ends_in_order() -> None:
    """The partial summary is printed, the daemon is gone, the exit code is the shell's for Ctrl-C."""
    demo = start("demo", "--days", "10")
    pid = until_first_decision(demo)
    code, out, err = interrupt(demo)
    assert (code, err) == (130, "")
    assert re.search(r"Stopped after \d+ of \d+ bars", out)
    assert "Trades by symbol" in out
    assert is_gone(pid)


@POSIX
def test_sigterm_ends_in_order() -> None:
    demo = start("demo", "--days", "10")
    pid = until_first_decision(demo)
    demo.terminate()
    code, out, err = finish(demo)
    assert (code, err) == (128 + signal.SIGTERM, "")
    assert "Stopped after" in out
    assert is_gone(pid)


@POSIX
def test_a_signal_at_any_early_moment_leaves_no_traceback() -> None:
    """Nothing is waited for, so the signal may come before the demo knows what to do with it."""
    demo = start("demo", "--days", "10", "--json")
    demo.send_signal(signal.SIGTERM)
    code, _, err = finish(demo)
    assert "Traceback" not in err
    assert code in (128 + signal.SIGTERM, -signal.SIGTERM)


class StoppedAtOnce(MachineReport):
    """Ctrl-C is pressed while the first decision is shown."""

    def decision(self, asked: Asked) -> None:
        signal.raise_signal(signal.SIGINT)


def test_json_of_an_interrupted_run_is_whole_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    wish = Wish(ticks=None, days=1, seed=7, balance=100_000.0, firm="ftmo-2step", preset="leveraged", keep=None)
    with Interrupts() as interrupts:
        run(wish, StoppedAtOnce(), interrupts)
    report = json.loads(capsys.readouterr().out)
    assert interrupts.exit_code == 130
    assert report["summary"]["complete"] is False
    assert 0 < report["summary"]["bars_played"] < report["summary"]["bars_planned"]
    assert len(report["decisions"]) == 1


@POSIX
def test_a_daemon_that_is_killed_is_named_with_its_last_words() -> None:
    demo = start("demo", "--days", "10")
    pid = until_first_decision(demo)
    os.kill(pid, signal.SIGKILL)
    code, _, err = finish(demo)
    assert code == 1
    assert err.startswith(f"Error: The daemon (process {pid}) was killed by signal 9; the demo cannot go on")
    assert "Its last log lines:" in err
    assert "Traceback" not in err
    assert is_gone(pid)


@POSIX
def test_a_demo_that_is_killed_takes_its_daemon_along(tmp_path: Path) -> None:
    demo = start("demo", "--days", "10", "--keep", str(tmp_path / "kept"))
    pid = until_first_decision(demo)
    demo.kill()
    demo.communicate()
    assert is_gone(pid)


@POSIX
def test_a_reader_that_goes_away_ends_it_in_order(tmp_path: Path) -> None:
    """`lotbridge demo | head` leaves nothing behind."""
    demo = start("demo", "--days", "10")
    pid = until_first_decision(demo)
    assert demo.stdout is not None
    demo.stdout.close()
    demo.stdout = None
    _, err = demo.communicate(timeout=DEADLINE_S)
    assert demo.returncode == 1
    assert "Traceback" not in err
    assert is_gone(pid)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--firm", "nobody"), 2, "'nobody' is not among apex-eod, apex-eod-pa,"),
        (("--ticks", "/no/such/folder"), 1, "is not a folder"),
        (("--ticks", "/", "--seed", "3"), 2, "A recording has no seed"),
        (("--days", "0"), 2, "--days"),
        (("--balance", "0"), 2, "--balance"),
        (("--balance", "inf"), 2, "--balance"),
        (("--balance", "nan"), 2, "--balance"),
        (("--full", "--json"), 2, "JSON is always in full"),
    ],
)
def test_what_cannot_be_played_is_said_in_a_sentence(arguments: tuple[str, ...], code: int, text: str) -> None:
    ended, out, err = finish(start("demo", *arguments))
    assert (ended, out) == (code, "")
    assert text in " ".join(err.split())
    assert "Traceback" not in err


def test_a_folder_in_use_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text("mine", encoding="utf-8")
    code, _, err = finish(start("demo", "--keep", str(tmp_path)))
    assert code == 2
    assert "nothing is overwritten" in err
    assert (tmp_path / "bridge.toml").read_text(encoding="utf-8") == "mine"
