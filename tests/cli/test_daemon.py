"""The commands as a newcomer meets them: real processes, a real socket."""

import json
from pathlib import Path

from bridge.client import Client
from tests.cli.conftest import Running
from tests.cli.processes import finish, free_address, interrupt, priced, serving, settled, start


def test_serve_size_status_explain_and_ctrl_c(tmp_path: Path) -> None:
    """The whole session works without a configuration, and Ctrl-C ends it cleanly."""
    address, journal = free_address(), tmp_path / "data ä" / "journal.sqlite"
    sample = ("--sample", "--bind", address, "--journal", str(journal), "--speed", "30")
    with (tmp_path / "log").open("w") as log, serving(*sample, address=address, log=log.fileno()) as daemon:
        with Client(address) as client:
            granted = priced(client, dry_run=False)
        code, out, err = finish(start("size", "EURUSD.sim", "buy", "--confidence", "75", "--address", address))
        assert (code, err) == (0, "")
        assert "EURUSD.sim" in out
        assert "dry run" in out
        code, out, err = finish(start("status", "--address", address))
        assert (code, err) == (0, "")
        assert "max_daily_loss" in out
        settled(journal, granted.decision)
        code, out, err = finish(start("explain", str(granted.decision), "--journal", str(journal)))
        assert (code, err) == (0, "")
        assert "recomputed: identical" in out
        code, out, _ = interrupt(daemon)
    err = (tmp_path / "log").read_text("utf-8")
    assert code == 0, err
    assert out == ""
    ready = next(line for line in err.splitlines() if " ready " in line)
    assert address in ready
    assert "1000001" in ready
    assert "protocol=1" in ready
    assert "synthetic market" in ready
    assert "stopped" in err.splitlines()[-1]
    assert "Traceback" not in err


def test_ctrl_c_while_starting_leaves_a_usable_journal(tmp_path: Path) -> None:
    """Ctrl-C between opening the journal and the first request: no traceback, and the next start works."""
    address, journal = free_address(), tmp_path / "journal.sqlite"
    sample = ("--sample", "--bind", address, "--journal", str(journal))
    daemon = start("serve", *sample)
    while daemon.poll() is None and not journal.exists():
        pass
    code, _, err = interrupt(daemon)
    assert code in (0, 130), err
    assert "Traceback" not in err
    with serving(*sample, address=address) as again:
        assert interrupt(again)[0] == 0


def test_a_second_daemon_on_the_same_address_says_so(tmp_path: Path) -> None:
    """A port in use is one sentence and exit code 1; the first daemon goes on."""
    address = free_address()
    first, second = tmp_path / "first.sqlite", tmp_path / "second.sqlite"
    with serving("--sample", "--bind", address, "--journal", str(first), address=address):
        code, out, err = finish(start("serve", "--sample", "--bind", address, "--journal", str(second)))
        assert (code, out) == (1, "")
        assert err == f"Error: {address} is in use. Stop the other daemon, or set another [server] bind.\n"
        with Client(address) as client:
            assert client.ping().status == "ok"


def test_a_second_daemon_on_the_same_journal_says_so(tmp_path: Path) -> None:
    """Two writers of one journal are refused."""
    address, journal = free_address(), tmp_path / "journal.sqlite"
    with serving("--sample", "--bind", address, "--journal", str(journal), address=address):
        other = start("serve", "--sample", "--bind", free_address(), "--journal", str(journal))
        code, out, err = finish(other)
    assert (code, out) == (1, "")
    assert err.startswith("Error: Another daemon writes ")
    assert len(err.splitlines()) == 1


def test_json_survives_a_pipe_of_any_encoding(running: Running) -> None:
    """Machine output is ASCII JSON on standard output and nothing else."""
    code, out, err = finish(start("size", "EURUSD.sim", "sell", "--address", running.address, "--json"))
    assert (code, err) == (0, "")
    assert out.isascii()
    assert json.loads(out)["type"] == "size"
