"""What docs/client.md shows does what it says."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

from bridge.client import DEFAULT_ADDRESS, Client
from tests.cli.processes import DEADLINE_S, free_address, serving
from tests.docs.pages import CLIENT, blocks, text
from tests.docs.wire import tables_of


def test_the_example_runs_against_a_daemon_on_the_sample_market(tmp_path: Path) -> None:
    address = free_address()
    sample = ("--sample", "--bind", address, "--journal", str(tmp_path / "journal.sqlite"), "--speed", "30")
    examples = blocks(CLIENT, "python")
    assert examples
    with serving(*sample, address=address, log=subprocess.DEVNULL):
        for example in examples:
            assert DEFAULT_ADDRESS in example
            ended = subprocess.run(
                [sys.executable, "-W", "error", "-c", example.replace(DEFAULT_ADDRESS, address)],
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=DEADLINE_S,
                check=False,
                env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            )
            assert ended.returncode == 0, ended.stderr
            assert "lots, stop" in ended.stdout, ended.stdout
            assert "the reservation is open" in ended.stdout
            assert "halted: None" in ended.stdout


def test_every_call_of_the_client_is_explained() -> None:
    public = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}
    shown = {row.split("(")[0] for row in tables_of(text(CLIENT))["call"]}
    # `ask` takes any request; the calls above are how it is used.
    assert shown == public - {"ask"}


def test_every_option_of_the_client_is_named() -> None:
    page = text(CLIENT)
    assert all(name in page for name in inspect.signature(Client).parameters)
