"""A plain console of 80 columns, folders of its own for every test, and one daemon for all that only ask."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bridge import cli
from bridge.cli import folders
from tests.cli.processes import free_address, serving


class Outcome(NamedTuple):
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("FORCE_COLOR", "LOTBRIDGE_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folders, "user_config", lambda: tmp_path / "user config")
    monkeypatch.setattr(folders, "sample_journal", lambda: tmp_path / "user data" / "journal.sqlite")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command in this process, as the entry point does."""

    def runner(*arguments: str | Path) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        written = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), written.out, written.err)

    return runner


class Running(NamedTuple):
    """A daemon on the sample market."""

    address: str
    journal: Path


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One daemon process for the whole session; time runs thirty times as fast, so that quotes come quickly."""
    folder = tmp_path_factory.mktemp("daemon ä")
    address, journal = free_address(), folder / "journal.sqlite"
    sample = ("--sample", "--bind", address, "--journal", str(journal), "--speed", "30")
    with serving(*sample, address=address, log=subprocess.DEVNULL):
        yield Running(address, journal)
