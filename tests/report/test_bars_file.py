"""Bars from a user's file: what is read, and a sentence for everything that is wrong."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bridge.errors import MarketError
from bridge.report.bars_file import read_bars
from tests.report.builders import ABSENT, EJTRADER, write_csv, zigzag

HEADER = "time,open,high,low,close\n"
ROWS = "2024-03-04,1,2,1,2\n2024-03-05,2,3,1,1\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "bars.csv"
    path.write_text(text, encoding="utf-8")
    return path


def parquet(folder: Path, **columns: object) -> Path:
    path = folder / "bars.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def times(*days: str) -> "pa.Array[pa.TimestampScalar]":
    return pa.array(np.array(days, dtype="datetime64[us]"))


def test_a_csv_comes_back_to_the_digit(tmp_path: Path) -> None:
    first, second = zigzag(50), zigzag(40, start=1.3)
    read = read_bars(write_csv(tmp_path / "bars.csv", EURUSD=first, GBPUSD=second), "none")
    assert list(read) == ["EURUSD", "GBPUSD"]
    for name, made in (("EURUSD", first), ("GBPUSD", second)):
        for column in ("time_ms", "open", "high", "low", "close"):
            assert np.array_equal(getattr(read[name], column), getattr(made, column))


def test_a_file_without_symbols_holds_the_one_that_was_asked_for(tmp_path: Path) -> None:
    assert list(read_bars(write(tmp_path, HEADER + ROWS), "US30")) == ["US30"]


@pytest.mark.parametrize("day", ["2024.03.04", "2024-03-04T00:00:00Z", " 2024-03-04 00:00 ", "2024-03-04 01:00+01:00"])
def test_a_day_may_be_written_in_several_ways(tmp_path: Path, day: str) -> None:
    bars = read_bars(write(tmp_path, f"\ufeff{HEADER}{day},1,2,1,2\n\n"), "X")["X"]
    assert bars.time_ms.tolist() == [1_709_510_400_000]


def test_bids_are_preferred_to_other_prices(tmp_path: Path) -> None:
    """Oanda's files hold bids and asks; a stop of a long position is met by bids."""
    ones, twos = [1.0, 1.0], [2.0, 2.0]
    prices = dict.fromkeys(("bo", "bh", "bl", "bc"), ones) | dict.fromkeys(("open", "high", "low", "close"), twos)
    read = read_bars(parquet(tmp_path, symbol=["A", "A"], time=times("2024-03-04", "2024-03-05"), **prices), "none")
    assert read["A"].close.tolist() == ones


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("time,open,high,low\n2024-03-04,1,2,1\n", "bars.csv has", "neither the columns bo"),
        ("day,open,high,low,close\n", "bars.csv lacks", "the column time; it has day, open"),
        ("", "bars.csv lacks", "it has none"),
        (HEADER, "bars.csv has no rows", "record or download"),
        (HEADER + "2024-03-04,1,2,1\n", "line 2", "4 values under 5 columns"),
        (HEADER + ROWS + "\n2024-03-06,1,x,1,2\n", "line 5", "high is 'x', not a number"),
        (HEADER + "yesterday,1,2,1,2\n", "line 2", "time is 'yesterday', not a date"),
        (HEADER + "0001-01-01,1,2,1,2\n", "line 2", "not between 1990 and 2200"),
        (HEADER + ROWS + "2024-03-06,1,2,nan,2\n", "line 4", "low is not a positive price"),
        (HEADER + ROWS + "2024-03-06,1,2,1,0\n", "line 4", "close is not a positive price"),
        (HEADER + ROWS + "2024-03-06,1,2,1,3\n", "line 4", "outside low..high"),
        (HEADER + ROWS + "2024-03-05,1,2,1,2\n", "line 4", "not later than the bar before"),
        ("symbol," + HEADER + ",2024-03-04,1,2,1,2\n", "line 2", "symbol is ''"),
        (HEADER + "2024-03-04 10:00,1,2,1,2\n2024-03-04 11:00,1,2,1,2\n", "bars of X", "1 hours apart; give daily"),
    ],
)
def test_what_is_wrong_with_a_csv_is_said_with_its_place(
    *, tmp_path: Path, text: str, place: str, problem: str
) -> None:
    with pytest.raises(MarketError) as found:
        read_bars(write(tmp_path, text), "X")
    assert place in str(found.value)
    assert problem in str(found.value)


def test_what_is_wrong_with_a_parquet_file_is_said_with_its_place(tmp_path: Path) -> None:
    good = {name: [1.0, 1.0] for name in ("open", "high", "low", "close")}
    days = times("2024-03-04", "2024-03-05")
    for columns, problem in (
        ({"time": [1, 2], **good}, "the column time is int64, not a timestamp"),
        ({"time": days, **good, "low": ["a", "b"]}, "the column low is string, not double"),
        ({"time": days, **good, "low": [1.0, None]}, "row 1: low is missing"),
        ({"time": days, **good, "high": [1.0, 0.5]}, "row 1: open or close is outside low..high"),
    ):
        with pytest.raises(MarketError, match=problem):
            read_bars(parquet(tmp_path, **columns), "X")


def test_other_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "bars.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "bars.csv").write_bytes(b"\xff\xfe\x00")
    for name, problem in (
        ("bars.xlsx", "neither .csv nor .parquet"),
        ("none.csv", "is not a file"),
        ("bars.parquet", "not a readable Parquet file"),
        ("bars.csv", "not a readable CSV file"),
    ):
        with pytest.raises(MarketError, match=problem):
            read_bars(tmp_path / name, "X")


def test_parquet_without_the_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path, time=times("2024-03-04"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MarketError, match=r'extra "data": pip install "lotbridge\[data\]"'):
        read_bars(path, "X")


@pytest.mark.skipif(not EJTRADER.is_file(), reason=ABSENT)
def test_real_bars_are_read_whole() -> None:
    read = read_bars(EJTRADER, "none")
    assert len(read) == 12
    assert {len(bars) for bars in read.values()} == {2400}


# What MetaTrader writes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
        "2024.03.04\t1\t2\t1\t2\t9\t0\t3\n2024.03.05\t2\t3\t1\t1\t9\t0\t3\n",
        "time;open;high;low;close\n2024-03-04;1;2;1;2\n2024-03-05;2;3;1;1\n",
    ],
    ids=["export", "semicolons"],
)
def test_what_metatrader_and_spreadsheets_export_is_read(tmp_path: Path, text: str) -> None:
    read, plain = (read_bars(write(tmp_path, each), "X")["X"] for each in (text, HEADER + ROWS))
    for column in ("time_ms", "open", "high", "low", "close"):
        assert getattr(read, column).tolist() == getattr(plain, column).tolist()
