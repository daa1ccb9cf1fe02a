"""`lotbridge risk`: where the bars come from, what is printed, and what is refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bridge.history import history_folder, write_bars
from bridge.settings import load
from tests.cli.conftest import Run
from tests.report.builders import ABSENT, EJTRADER, wander, write_csv, zigzag
from tests.settings.builders import swap, write_folder

SECOND_ACCOUNT = """
[[accounts]]
login = 2000002
terminal = "ea_feed"
firm = "own-account"
initial_balance = 10000.0
"""


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Two pairs that move together, and one that does not."""
    first = wander(1)
    return write_csv(tmp_path / "bars.csv", EURUSD=first, GBPUSD=wander(2, like=first), AUDNZD=wander(3))


def keep(folder: Path, **accounts: str) -> None:
    """Leave bars where a daemon of this configuration would: symbols, comma separated, by account."""
    settings = load(folder)
    for number, names in enumerate(accounts.values()):
        place = history_folder(settings.journal.path, settings.accounts[number].login)
        for name in names.split(","):
            write_bars(place, name, wander(number + 1))


def two_accounts(parent: Path) -> Path:
    folder = write_folder(parent)
    path = folder / "bridge.toml"
    path.write_text(path.read_text(encoding="utf-8") + SECOND_ACCOUNT, encoding="utf-8")
    return folder


def cells(printed: str, row: str) -> list[str]:
    """The numbers of a row of the table of losses."""
    line = next(line for line in printed.splitlines() if line.strip().startswith(row))
    return re.findall(r"-?\d+\.\d+", line[27:])


def test_a_file_is_reported_in_eighty_columns(run: Run, bars: Path) -> None:
    outcome = run("risk", "EURUSD", "--bars", bars)
    assert (outcome.code, outcome.err) == (0, "")
    assert max(map(len, outcome.out.splitlines())) <= 80
    for part in (
        "EURUSD: what a stop trade loses in its worst 5 %", "A buy with its stop", "A sell with its stop", "bars.csv",
        "400 daily bars, 2020-01-02 to 2021-02-04", "% a day (EWMA)", "expected shortfall 95 %", "90 % interval to",
        "Worst days", "GBPUSD", "AUDNZD", "spread, slippage, commission and swap come on top",
    ):  # fmt: skip
        assert part in outcome.out


def test_json_holds_the_printed_figures(run: Run, bars: Path) -> None:
    printed = run("risk", "EURUSD", "--bars", bars, "--days", "2").out
    found = json.loads(run("risk", "EURUSD", "--bars", bars, "--days", "2", "--json").out)
    digits = found["history"]["digits"]

    def shown(*amounts: dict[str, Any]) -> list[str]:
        return [
            text
            for each in amounts
            for text in (f"{each['price']:.{digits}f}", f"{each['stops']:.2f}", f"{each['percent']:.2f}")
        ]

    samples = [side["sample"] for side in found["sides"]]
    for row, field in (
        ("value at risk", "value_at_risk"), ("expected shortfall", "shortfall"), ("90 % interval from", "lower"),
        ("90 % interval to", "upper"),
    ):  # fmt: skip
        assert cells(printed, row) == shown(*(sample[field] for sample in samples))
    assert cells(printed, "sizing") == shown(*(side["counted"][0]["shortfall"] for side in found["sides"]))
    assert cells(printed, "paths stopped") == [f"{sample['stopped_pct']:.1f}" for sample in samples]
    for pair in found["correlations"]:
        row = next(line for line in printed.splitlines() if line.startswith(pair["symbol"])).split()
        assert row[1] == f"{pair['measured']:+.2f}"
        assert f"{pair['used']:+.2f}" in row
    assert found["days"] == 2


def test_one_side_and_a_stop_of_ones_own(run: Run, bars: Path) -> None:
    found = json.loads(run("risk", "EURUSD", "--bars", bars, "--side", "sell", "--stop", "0.02", "--json").out)
    (side,) = found["sides"]
    assert (side["side"], side["stop"]["price"]) == ("sell", 0.02)


def test_the_configured_policy_decides(run: Run, bars: Path, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    swap(folder, "policy.toml", "\natr_multiple = 2.0", "\natr_multiple = 3.0")
    found = json.loads(run("risk", "EURUSD", "--bars", bars, "--config", folder, "--json").out)
    assert found["sides"][0]["stop_atrs"] == pytest.approx(3)


def test_without_a_file_the_daemons_bars_are_read(run: Run, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    keep(folder, first="EURUSD,GBPUSD")
    found = json.loads(run("risk", "EURUSD", "--config", folder, "--json").out)
    assert found["history"]["source"] == f"the daemon's bars of account {load(folder).accounts[0].login}"
    assert [pair["symbol"] for pair in found["correlations"]] == ["GBPUSD"]


def test_of_several_accounts_with_the_symbol_one_must_be_named(run: Run, tmp_path: Path) -> None:
    folder = two_accounts(tmp_path)
    keep(folder, first="EURUSD,US30", second="EURUSD")
    refused = run("risk", "EURUSD", "--config", folder)
    assert refused.code == 2
    assert "Say which with --account." in refused.err
    found = json.loads(run("risk", "EURUSD", "--config", folder, "--account", "2000002", "--json").out)
    assert found["history"]["source"].endswith("2000002")
    assert run("risk", "US30", "--config", folder).code == 0
    unknown = run("risk", "EURUSD", "--config", folder, "--account", "3")
    assert (unknown.code, unknown.out) == (2, "")
    assert "Account 3 is not in bridge.toml" in unknown.err


def test_a_symbol_that_nobody_knows_lists_what_is_there(run: Run, bars: Path, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    none = run("risk", "XXX", "--config", folder)
    assert none.code == 1
    assert "has kept no bars yet" in none.err
    keep(folder, first="EURUSD,GBPUSD")
    for arguments, there in ((("--config", folder), "EURUSD, GBPUSD"), (("--bars", bars), "AUDNZD, EURUSD, GBPUSD")):
        outcome = run("risk", "XXX", *arguments)
        assert (outcome.code, outcome.out) == (1, "")
        assert "XXX" in outcome.err
        assert there in outcome.err
        assert outcome.err.count("\n") == 1


def test_without_a_configuration_there_is_the_sample_market(run: Run) -> None:
    outcome = run("risk", "EURUSD.sim")
    assert outcome.code == 0
    assert "the sample market (synthetic)" in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 80
    unknown = run("risk", "EURUSD")
    assert unknown.code == 1
    assert "EURUSD.sim" in unknown.err


def test_too_little_history_is_said_plainly(run: Run, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "short.csv", X=zigzag(120))
    printed = run("risk", "X", "--bars", path).out
    assert "Too little history: fewer than 250 paths (tail.min_history)." in printed.replace("\n", " ")
    assert "ASSUMED" in printed
    assert cells(printed, "assumed")
    assert "expected shortfall" not in printed.replace("expected shortfall 95", "")


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (("--stop", "0"), 2, "--stop"),
        (("--stop", "nan"), 2, "--stop"),
        (("--days", "0"), 2, "--days"),
        (("--side", "long"), 2, "--side"),
        (("--stop", "50"), 1, "is more than the price"),
        (("--account", "3"), 2, "--account"),
        (("--plot", "plot.pdf"), 1, "none of .png, .svg, .html"),
        (("--plot", "missing/plot.png"), 1, "cannot be written"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(
    *, run: Run, bars: Path, arguments: tuple[str, ...], code: int, problem: str
) -> None:
    outcome = run("risk", "EURUSD", "--bars", bars, *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert problem in outcome.err


@pytest.mark.parametrize("suffix", ["png", "svg", "html"])
def test_a_plot_is_drawn_beside_the_report(run: Run, bars: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"plot.{suffix}"
    with_plot = run("risk", "EURUSD", "--bars", bars, "--plot", path)
    assert with_plot.out == run("risk", "EURUSD", "--bars", bars).out
    assert path.stat().st_size > 20_000
    if suffix == "html":
        page = path.read_text(encoding="utf-8")
        assert "<h2>Worst days, scaled to the volatility of now</h2>" in page
        assert cells(with_plot.out, "expected shortfall")[0] in page


@pytest.mark.skipif(not EJTRADER.is_file(), reason=ABSENT)
def test_real_bars_are_reported(run: Run) -> None:
    outcome = run("risk", "EURCHF", "--bars", EJTRADER)
    assert outcome.code == 0
    assert "2015-01-19" in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 80
