"""Bars of a file: daily as they are, finer ones as hours and as the broker's days."""

from pathlib import Path

import numpy as np
import pytest

from bridge.errors import MarketError
from bridge.proof.bars import file_bars
from bridge.proof.history import past
from bridge.proof.prove import Wish, free_table, prove
from bridge.proof.source import firm_of
from sizing.policy import Policy
from tests.builders import at
from tests.proof.builders import table

HOUR_MS = 3_600_000
START_MS = at("2025-01-05 22:00:00")
"""A Sunday, when New York has 17:00."""


def write(path: Path, minutes: int, weeks: int = 70) -> Path:
    """A random walk of EURUSD, five days a week."""
    rng = np.random.default_rng(1)
    lines, price = ["time,open,high,low,close"], 1.1
    for week in range(weeks):
        for bar in range(5 * 1440 // minutes):
            moment = START_MS + week * 7 * 86_400_000 + bar * minutes * 60_000
            close = price * (1 + rng.normal(0, 0.005 * (minutes / 1440) ** 0.5))
            text = np.datetime64(moment, "ms").astype("datetime64[m]").item().strftime("%Y-%m-%d %H:%M")
            low, high = min(price, close) - 0.0001, max(price, close) + 0.0001
            lines.append(f"{text},{price:.5f},{high:.5f},{low:.5f},{close:.5f}")
            price = close
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_daily_bars_have_no_hours(tmp_path: Path) -> None:
    found = file_bars(write(tmp_path / "EURUSD_D1.csv", 1440))
    assert list(found) == ["EURUSD"]
    assert found["EURUSD"].hourly is None


def test_finer_bars_become_hours_and_days_that_begin_at_17_new_york(tmp_path: Path) -> None:
    found = file_bars(write(tmp_path / "EURUSD_M30.csv", 30, weeks=2))["EURUSD"]
    assert found.hourly is not None
    assert len(found.hourly) == 2 * 5 * 24
    assert len(found.daily) == 10
    assert found.daily.time_ms[0] == START_MS
    day = slice(0, 24)
    assert found.daily.high[0] == found.hourly.high[day].max()
    assert found.daily.close[0] == found.hourly.close[23]


@pytest.mark.parametrize("minutes", [60, 1440])
def test_a_proof_runs_on_the_file(tmp_path: Path, minutes: int) -> None:
    ground = past(file_bars(write(tmp_path / "EURUSD_.csv", minutes)), free_table(table()), Policy(), print)
    assert (ground.hours is not None) == (minutes == 60)
    found = prove(Wish(firm_of("ftmo-2step", 100_000.0), 100_000.0, 100, 1), ground, Policy())
    assert found.figures[0].cut.breaches == found.figures[0].cut.exposed == 0
    assert found.figures[0].cut.granted > 100


def test_symbols_without_figures_or_conversion_are_left_out_by_name(tmp_path: Path) -> None:
    bars = file_bars(write(tmp_path / "EURUSD_.csv", 1440))["EURUSD"]
    told: list[str] = []
    found = past(
        {"EURUSD": bars, "NOTHING": bars, "EURGBP": bars, "UK100": bars}, free_table(table()), Policy(), told.append
    )
    assert [each.spec.name for each in found.instruments] == ["EURUSD"]
    assert len(told) == 3
    assert "NOTHING is left out: no pattern in the symbols file matches it." in told


def test_too_few_days_or_no_symbol_is_an_error(tmp_path: Path) -> None:
    few = file_bars(write(tmp_path / "EURUSD_.csv", 1440, weeks=12))
    with pytest.raises(MarketError, match="29 days in common"):
        past(few, free_table(table()), Policy(), print)
    with pytest.raises(MarketError, match="none of the symbols"):
        past({"EURGBP": few["EURUSD"]}, free_table(table()), Policy(), print)


def test_bars_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "EURUSD_.csv", 60, weeks=2)
    path.write_text(path.read_text(encoding="utf-8").replace(",1.1", ",9.1", 1), encoding="utf-8")
    with pytest.raises(MarketError, match="EURUSD"):
        file_bars(path)
