"""A day's file: it never loses a tick, and says when it is whole."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import MarketError
from bridge.market.recording import TickSeries
from bridge.record import day, parquet

Row = tuple[int, float, float]
ROWS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from([1.0, 2.0]), st.sampled_from([2.0, 3.0])), max_size=12)


def series(rows: list[Row]) -> TickSeries:
    ordered = sorted(rows, key=lambda row: row[0])
    return TickSeries(
        time_ms=np.array([row[0] for row in ordered], dtype=np.int64),
        bid=np.array([row[1] for row in ordered], dtype=np.float64),
        ask=np.array([row[2] for row in ordered], dtype=np.float64),
    )


def answer(rows: list[Row], now_ms: int, *, past: bool = True, apart_ms: int = 100) -> day.Answer:
    return day.Answer(ticks=series(rows), now_ms=now_ms, past=past, apart_ms=apart_ms)


A, B, C = (1, 1.0, 2.0), (2, 1.0, 2.0), (3, 1.0, 2.0)


@given(ROWS, ROWS)
def test_merged_has_of_each_millisecond_the_fuller_one(old: list[Row], new: list[Row]) -> None:
    one, other = series(old), series(new)
    whole = day.merged(one, other)
    counts = [Counter(each.time_ms.tolist()) for each in (one, other, whole)]
    assert counts[2] == counts[0] | counts[1]
    assert (np.diff(whole.time_ms) >= 0).all()
    assert day.merged(one, one).bid.tolist() == one.bid.tolist()
    rows = list(zip(whole.time_ms.tolist(), whole.bid.tolist(), whole.ask.tolist(), strict=True))
    assert set(rows) <= set(old) | set(new)


def test_day_is_complete_when_it_is_past_and_two_answers_apart_agree(tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    assert day.take(path, answer([A, B], 0)) == day.Outcome(2, 2, 0, complete=False)
    assert not day.take(path, answer([A, B], 99)).complete
    assert not day.take(path, answer([A, B], 200, past=False)).complete
    assert not day.is_complete(path)
    assert day.take(path, answer([A, B], 200)) == day.Outcome(2, 0, 0, complete=True)
    assert day.is_complete(path)


def test_answer_that_brings_more_begins_the_wait_anew(tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    day.take(path, answer([A], 0))
    assert day.take(path, answer([A, C], 200)) == day.Outcome(2, 1, 0, complete=False)
    assert not day.take(path, answer([A, C], 250)).complete
    assert day.take(path, answer([A, C], 300)).complete


def test_answers_that_lack_what_the_file_has_never_prove_it(tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    day.take(path, answer([A, B, C], 0))
    for now_ms in (200, 400, 600):
        assert day.take(path, answer([A], now_ms)) == day.Outcome(3, 0, 2, complete=False)
    assert pq.read_metadata(path).num_rows == 3


def test_empty_answer_is_no_file_and_takes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    assert day.take(path, answer([], 0)).rows == 0
    assert not path.exists()
    day.take(path, answer([A], 0))
    assert day.take(path, answer([], 500)) == day.Outcome(1, 0, 1, complete=False)


def test_file_that_cannot_be_read_is_an_error_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    path.write_bytes(b"half a file")
    with pytest.raises(MarketError, match="cannot be read"):
        day.is_complete(path)
    with pytest.raises(MarketError, match="cannot be read"):
        day.take(path, answer([A], 0))
    assert path.read_bytes() == b"half a file"


def test_row_groups_are_small_and_columns_typed(tmp_path: Path) -> None:
    path, count = tmp_path / "day.parquet", parquet.ROWS + 1
    times = np.arange(count, dtype=np.int64)
    ticks = TickSeries(time_ms=times, bid=np.ones(count), ask=np.ones(count))
    day.take(path, day.Answer(ticks=ticks, now_ms=0, past=True, apart_ms=0))
    about = pq.read_metadata(path)
    assert [about.row_group(i).num_rows for i in range(about.num_row_groups)] == [parquet.ROWS, 1]
    assert [(field.name, str(field.type)) for field in pq.read_schema(path)] == [
        ("time_msc", "int64"),
        ("bid", "double"),
        ("ask", "double"),
    ]
    assert about.row_group(0).column(0).statistics.max == parquet.ROWS - 1
