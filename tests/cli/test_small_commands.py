"""`codes`, `keys`, `sample-market`, `--version` and the help."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import zmq.auth
from typer.core import TyperGroup

from bridge.cli import app
from bridge.market.store import load
from bridge.protocol.codes import CLIENT_CODES, CODES
from tests.cli.conftest import Run


def test_version(run: Run) -> None:
    """The installed version."""
    assert re.fullmatch(r"lotbridge \d+\.\d+\.\d+\S*\n", run("--version").out)


def test_the_version_needs_none_of_the_commands() -> None:
    """Nor what they need: a shell that asks for it should not wait."""
    code = "import sys; sys.argv = ['lotbridge', '--version']\nfrom bridge.__main__ import main\n"
    code += "try: main()\nexcept SystemExit: print({'numpy', 'zmq', 'bridge.settings'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_every_command_has_a_help(run: Run) -> None:
    """Plain sentences, and no markup of ours in them."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    names = list(group.commands)
    assert {"serve", "size", "anchor"} <= set(names)
    for name in names:
        outcome = run(name, "--help")
        assert outcome.code == 0
        assert "Usage: lotbridge" in outcome.out
        assert "[bold" not in outcome.out


def test_codes_lists_every_code(run: Run) -> None:
    """As a table and as JSON; the EA's own apart."""
    shown = run("codes").out
    rows = json.loads(run("codes", "--json").out)
    assert {row["code"]: row["remedy"] for row in rows if row["status"] != "client"} == CODES
    assert {row["code"]: row["remedy"] for row in rows if row["status"] == "client"} == CLIENT_CODES
    assert all(code in shown for code in [*CODES, *CLIENT_CODES])
    assert max(map(len, shown.splitlines())) <= 80


def test_keys_are_made_once(run: Run, tmp_path: Path) -> None:
    """A pair that CURVE accepts; a second call overwrites nothing."""
    outcome = run("keys", tmp_path / "keys", "server")
    assert outcome.code == 0
    public, secret = zmq.auth.load_certificate(tmp_path / "keys" / "server.key_secret")
    assert secret is not None
    assert public.decode() in outcome.out
    assert secret.decode() not in outcome.out
    again = run("keys", tmp_path / "keys", "server")
    assert (again.code, again.out) == (2, "")
    assert "never overwritten" in again.err
    assert zmq.auth.load_certificate(tmp_path / "keys" / "server.key_secret") == (public, secret)


def test_sample_market_is_saved_and_labelled(run: Run, tmp_path: Path) -> None:
    """A folder that can be read again; saying it twice is fine, another seed is not."""
    folder = tmp_path / "market"
    outcome = run("sample-market", folder)
    assert outcome.code == 0
    assert outcome.out.startswith("Synthetic market, seed 7: generated, not recorded.\n")
    market = load(folder)
    assert market.synthetic
    assert all(name in outcome.out for name in market.symbols)
    assert max(map(len, outcome.out.splitlines()[:-1])) <= 80
    assert run("sample-market", folder).code == 0
    other = run("sample-market", folder, "--seed", "8")
    assert (other.code, other.out) == (1, "")
    assert "nothing is overwritten" in other.err


@pytest.mark.parametrize("content", ["notes.txt", "market.json"])
def test_sample_market_overwrites_nothing(run: Run, tmp_path: Path, content: str) -> None:
    """A folder that holds something else stays as it is."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / content).write_text('{"synthetic": false, "seed": null}')
    outcome = run("sample-market", tmp_path / "there")
    assert (outcome.code, outcome.out) == (1, "")
    assert [path.name for path in (tmp_path / "there").iterdir()] == [content]
