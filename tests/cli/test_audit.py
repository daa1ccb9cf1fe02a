"""`lotbridge audit`: the journal's forecasts and the replayed ones, in words, as JSON and drawn."""

import json
from pathlib import Path

import pytest

from bridge.cli import folders
from bridge.journal.records import Changes
from bridge.settings import load
from tests.cli.conftest import Run
from tests.report.builders import ABSENT, EJTRADER, forecast, outcome, wander, write_csv, write_journal
from tests.settings.builders import swap, write_folder


def days(symbol: str, count: int, beyond: int) -> tuple[int, Changes]:
    """Outcomes of so many days, some of them beyond the value at risk."""
    losses = [150.0] * beyond + [10.0] * (count - beyond)
    return 7, Changes(outcomes=tuple(outcome(day, loss, symbol) for day, loss in enumerate(losses)))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Two symbols that have been compared and one that waits, its forecast still in the tail."""
    waiting = (7, Changes(forecasts=(forecast(900, "US30"),)))
    return write_journal(
        tmp_path / "journal.sqlite", days("EURUSD", 100, 5), days("XAUUSD", 100, 30), unfolded=[waiting]
    )


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "bars.csv", EURUSD=wander(1, 600), GBPUSD=wander(2, 600))


def test_the_journal_is_audited_symbol_by_symbol(run: Run, journal: Path) -> None:
    outcome = run("audit", "--journal", journal)
    assert (outcome.code, outcome.err) == (0, "")
    assert max(map(len, outcome.out.splitlines())) <= 80
    printed = " ".join(outcome.out.split())
    assert "EURUSD: holds. Sizing takes the expected shortfall as forecast." in printed
    assert "XAUUSD: too many and too large losses. Sizing takes the expected shortfall times 3.00." in printed
    assert "US30" in printed


def test_json_holds_the_printed_figures(run: Run, journal: Path) -> None:
    printed = run("audit", "--journal", journal).out
    found = json.loads(run("audit", "--journal", journal, "--json").out)
    rows = {row["symbol"]: row for row in found["rows"]}
    assert list(rows) == ["EURUSD", "US30", "XAUUSD"]
    assert (rows["US30"]["pending"], rows["US30"]["tests"], rows["US30"]["finding"]) == (1, None, "too early")
    for symbol in ("EURUSD", "XAUUSD"):
        first, second = (line.split() for line in printed.splitlines() if line.startswith(f"{symbol} "))
        row, tests = rows[symbol], rows[symbol]["tests"]
        low, high = tests["accepted"]
        assert first[1:] == [
            str(row["compared"]), str(row["pending"]), str(row["days"]), str(tests["exceedances"]),
            f"{tests['expected']:.1f}", f"{low}-{high}",
        ]  # fmt: skip
        assert second[1:5] == [
            f"{tests['kupiec']:.1f}",
            *(f"{tests[key]:+.2f}" for key in ("z2", "unbiased", "critical")),
        ]


def test_one_symbol_or_a_list_of_them(run: Run, journal: Path) -> None:
    found = json.loads(run("audit", "--journal", journal, "--symbol", "XAUUSD", "--json").out)
    assert [row["symbol"] for row in found["rows"]] == ["XAUUSD"]
    outcome = run("audit", "--journal", journal, "--symbol", "XXX")
    assert (outcome.code, outcome.out) == (1, "")
    assert "it holds those of EURUSD, US30, XAUUSD" in outcome.err


def test_an_account_that_never_asked_has_nothing(run: Run, journal: Path) -> None:
    outcome = run("audit", "--journal", journal, "--account", "8")
    assert outcome.code == 0
    assert "No forecast has been made yet." in outcome.out


def test_the_configuration_names_journal_and_policy(run: Run, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    swap(folder, "policy.toml", "\nmin_forecasts = 60", "\nmin_forecasts = 101")
    settings = load(folder)
    login = settings.accounts[0].login
    write_journal(settings.journal.path, (login, days("XAUUSD", 100, 30)[1]))
    (row,) = json.loads(run("audit", "--config", folder, "--json").out)["rows"]
    assert (row["account"], row["finding"], row["wanted"]) == (login, "too early", 101)


def test_without_a_configuration_the_samples_journal_is_read(run: Run, tmp_path: Path) -> None:
    missing = run("audit")
    assert missing.code == 2
    assert "lotbridge init" in missing.err
    path = folders.sample_journal()
    path.parent.mkdir()
    write_journal(path)
    outcome = run("audit")
    assert outcome.code == 0
    assert "a dry run makes no forecast" in " ".join(outcome.out.split())


def test_a_file_is_replayed(run: Run, bars: Path) -> None:
    outcome = run("audit", "--bars", bars)
    assert (outcome.code, outcome.err) == (0, "")
    assert max(map(len, outcome.out.splitlines())) <= 80
    found = json.loads(run("audit", "--bars", bars, "--json").out)
    assert len(found["rows"]) == 8
    assert {(row["side"], row["stop"]) for row in found["rows"]} == {
        ("buy", None), ("sell", None), ("buy", 1.0), ("sell", 1.0),
    }  # fmt: skip
    assert f"inside Kupiec's band: {found['inside_band']} of 8" in outcome.out
    assert {row["days"] for row in found["rows"]} == {600 - 31 - 250}
    one = json.loads(run("audit", "--bars", bars, "--symbol", "GBPUSD", "--json").out)
    assert one["rows"] == [row for row in found["rows"] if row["symbol"] == "GBPUSD"]


def test_what_cannot_be_audited_is_refused(run: Run, bars: Path, journal: Path, tmp_path: Path) -> None:
    (tmp_path / "text.sqlite").write_text("no journal")
    for arguments, code, problem in (
        (("--bars", bars, "--journal", journal), 2, "Either --bars or --journal"),
        (("--bars", bars, "--symbol", "XXX"), 1, "there are EURUSD, GBPUSD"),
        (("--bars", tmp_path / "none.csv"), 1, "is not a file"),
        (("--journal", tmp_path / "none.sqlite"), 1, "There is no journal"),
        (("--journal", tmp_path / "text.sqlite"), 1, "text.sqlite"),
        (("--journal", journal, "--plot", "plot.gif"), 1, "none of .png, .svg, .html"),
    ):
        outcome = run("audit", *arguments)
        assert (outcome.code, outcome.out) == (code, "")
        assert problem in " ".join(outcome.err.split())


@pytest.mark.parametrize("suffix", ["png", "svg", "html"])
def test_a_plot_is_drawn_beside_the_report(run: Run, journal: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"plot.{suffix}"
    assert run("audit", "--journal", journal, "--plot", path).out == run("audit", "--journal", journal).out
    assert path.stat().st_size > 10_000


@pytest.mark.skipif(not EJTRADER.is_file(), reason=ABSENT)
def test_real_bars_are_replayed(run: Run) -> None:
    outcome = run("audit", "--bars", EJTRADER)
    assert outcome.code == 0
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert "inside Kupiec's band: " in outcome.out
