"""What people read: honest, narrow enough, and fit for any console."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.cli.processes import DEADLINE_S, finish, start
from tests.demo.conftest import Played

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="module")
def text() -> str:
    code, out, err = finish(start("demo", "--days", "1"))
    assert (code, err) == (0, "")
    return out


def test_the_readme_shows_what_the_demo_prints(text: str) -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    shown = readme[readme.index("    #4 ") : readme.index("\n\n## How a request")]
    assert textwrap.dedent(shown) in text


def test_the_synthetic_market_is_called_so(text: str) -> None:
    head, end = text[:400], text[-900:]
    assert "SYNTHETIC" in head
    assert "1 synthetic trading day" in " ".join(end.split())


def test_a_pipe_gets_eighty_columns_and_no_colours_or_bar(text: str) -> None:
    assert "\x1b" not in text
    assert "playing" not in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_first_size_is_drawn_in_full_and_the_others_in_brief(text: str, played: Played) -> None:
    assert text.count("risk_budget") >= 2
    assert text.count("portfolio_shortfall  ") == 1
    lines = text.splitlines()
    for asked in played.record.asked:
        assert any(line.startswith(f"#{asked.number} ") and asked.idea.symbol in line for line in lines)
    assert sum(line.startswith("    base 1.1 % ") for line in lines) >= played.tally.total.sized - 1


def test_it_ends_with_a_sentence_and_the_next_steps(text: str, played: Played) -> None:
    end = " ".join(text.split())
    total = played.tally.total
    assert f"the EA asked {total.signals} times; lotbridge sized {total.sized} and refused {total.refused}" in end
    for command in ("lotbridge init", "lotbridge serve --sample", "lotbridge size"):
        assert command in end


def test_a_console_of_cp1252_gets_text_it_can_show() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "demo", "--days", "1", "--full"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252", "COLUMNS": "80"},
        timeout=DEADLINE_S,
        check=True,
    )
    shown = done.stdout.decode("cp1252")
    assert shown.isascii()
    assert "?" not in shown


def test_other_seeds_presets_firms_and_balances_are_played() -> None:
    code, out, err = finish(
        start(
            "demo", "--days", "1", "--seed", "8", "--preset", "guide", "--firm", "own-account", "--balance", "25000.5"
        )
    )
    assert (code, err) == (0, "")
    assert "seed 8" in out
    assert "25,000.50 USD, Own account, preset guide" in out
    assert "own_daily_limit" in out


@pytest.mark.skipif(not DATA.is_dir(), reason="the recorded ticks of ../shared/data are not here")
def test_recorded_ticks_are_played_and_say_what_was_left_out() -> None:
    code, out, err = finish(start("demo", "--days", "2", "--ticks", str(DATA)))
    assert (code, err) == (0, "")
    flat = " ".join(out.split())
    assert "SYNTHETIC" not in out
    assert "synthetic trading" not in flat
    assert "2 trading days, 2014-05-01 to 2014-05-02" in flat
    assert "EURUSD, NZDUSD" in flat
    assert "WS30: left out" in flat
    assert "In 2 recorded trading days" in flat
