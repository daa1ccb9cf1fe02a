"""Packed ticks: the very ticks come back, groups stand alone, and what is wrong is named."""

import zlib
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.bench.ticks import generate
from bridge.errors import MarketError
from bridge.market import packed
from bridge.market.packed import KEY, PackedFile, PackedWriter
from bridge.market.recording import TickSeries

START = 1_700_000_000_000
MONTH_MS = 30 * 86_400_000
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded data is not at {DATA}")


def series(bids, spreads=1, gaps=1000, digits=5):
    """Ticks from points: bids, spreads and gaps (one for all, or one each)."""
    bid = np.array(bids, dtype=np.int64)
    ask = bid + np.broadcast_to(np.array(spreads, dtype=np.int64), bid.shape)
    time_ms = START + np.cumsum(np.broadcast_to(np.array(gaps, dtype=np.int64), bid.shape))
    return TickSeries(time_ms=time_ms, bid=bid / 10.0**digits, ask=ask / 10.0**digits)


def assert_equal(one, other):
    for name in ("time_ms", "bid", "ask"):
        left, right = getattr(one, name), getattr(other, name)
        assert left.dtype == right.dtype
        assert np.array_equal(left, right), name


def write(path, *parts, digits=5):
    with PackedWriter(path, "EURUSD", digits) as writer:
        for part in parts:
            writer.write(part)
    return path


@pytest.fixture
def small_groups(monkeypatch):
    monkeypatch.setattr(packed, "ROWS", 100)


# What comes back


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(1, 10**11), st.integers(0, 2**31 - 1), st.integers(0, MONTH_MS)), min_size=1, max_size=30
    ),
    digits=st.integers(0, 8),
    cuts=st.lists(st.integers(0, 30), max_size=3),
)
def test_any_ticks_on_a_grid_come_back_exactly_however_they_are_handed_over(tmp_path, rows, digits, cuts):
    bids, spreads, gaps = zip(*rows, strict=True)
    whole = series(bids, spreads, gaps, digits)
    ends = [0, *sorted(min(end, len(rows)) for end in cuts), len(rows)]
    parts = [packed.cut(whole, start, end) for start, end in pairwise(ends)]
    assert_equal(packed.read(write(tmp_path / "x.parquet", *parts, digits=digits)), whole)


def test_each_group_is_read_without_the_others(tmp_path, small_groups):
    whole = generate(1000, days=2)
    with PackedFile(write(tmp_path / "x.parquet", whole)) as file:
        assert [group.rows for group in file.groups] == [100] * 10
        assert_equal(file.read_group(7), packed.cut(whole, 700, 800))
        out = packed.empty(100)
        assert file.read_group(3, out) is out
        assert_equal(out, packed.cut(whole, 300, 400))
        assert (file.symbol, file.rows) == ("EURUSD", 1000)


def test_the_group_of_a_moment_is_found(tmp_path, small_groups):
    whole = series([1] * 300)
    with PackedFile(write(tmp_path / "x.parquet", whole)) as file:
        times = whole.time_ms
        moments = (0, times[99], times[99] + 1, times[250], times[299], times[299] + 1)
        assert [file.group_at(int(moment)) for moment in moments] == [0, 0, 1, 2, 2, 3]


def test_ticks_that_share_a_millisecond_keep_their_order_over_the_edge_of_a_group(tmp_path, small_groups):
    whole = series(np.arange(1, 251), gaps=0)
    assert_equal(packed.read(write(tmp_path / "x.parquet", whole)), whole)


def test_long_silences_and_leaps_of_the_price_begin_a_new_group(tmp_path):
    bids = [110_000, 110_001, 110_001 + 2**31, 110_001, 110_002]
    whole = series(bids, gaps=[0, 1, 1, 1, MONTH_MS])
    with PackedFile(write(tmp_path / "x.parquet", whole)) as file:
        assert [group.rows for group in file.groups] == [2, 1, 1, 1]
        assert_equal(file.read(), whole)


def test_a_slow_symbol_has_a_group_every_25_days(tmp_path):
    whole = series([100] * 1000, gaps=86_400_000)
    with PackedFile(write(tmp_path / "x.parquet", whole)) as file:
        assert len(file.groups) == 40
        assert_equal(file.read(), whole)


def test_more_decimals_than_expected_are_found_and_kept(tmp_path):
    parts = (series([11, 12], digits=1), series([110_003], gaps=5000, digits=5), series([120], gaps=9000, digits=2))
    with PackedFile(write(tmp_path / "x.parquet", *parts, digits=0)) as file:
        assert [group.digits for group in file.groups] == [1, 5]
        assert file.read().bid.tolist() == [1.1, 1.2, 1.10003, 1.2]


def test_generated_ticks_take_less_than_three_bytes_each(tmp_path):
    whole = generate(400_000, days=4)
    path = write(tmp_path / "x.parquet", whole)
    assert path.stat().st_size < 3 * 400_000
    assert_equal(packed.read(path), whole)


@needs_data
@pytest.mark.parametrize("name", ["EURUSD", "NZDUSD", "WS30"])
def test_recorded_ticks_take_less_than_three_bytes_each(tmp_path, name):
    table = pq.read_table(next(DATA.glob(f"ticks_*_{name}_*.parquet")))
    time_ms, bid, ask = (table.column(column).to_numpy() for column in ("time_msc", "bid", "ask"))
    whole = TickSeries(time_ms=time_ms, bid=bid, ask=ask)
    path = write(tmp_path / "x.parquet", whole, digits=0)
    assert path.stat().st_size < 3 * len(bid)
    assert_equal(packed.read(path), whole)


# Writing


def changed(name, row, value):
    columns = {key: getattr(series([100, 101, 102]), key).copy() for key in ("time_ms", "bid", "ask")}
    columns[name][row] = value
    return TickSeries(**columns)


@pytest.mark.parametrize(
    ("ticks", "message"),
    [
        (changed("time_ms", 2, START), "row 12: time_msc .* earlier than the row before; sort"),
        (changed("bid", 1, np.nan), "row 11: bid is nan"),
        (
            changed("bid", 1, 1 / 3000),
            "row 11: bid 0.000333.* more than 8 decimals, .*round the prices to the broker's",
        ),
        (changed("ask", 2, 1e12), "row 12: .*ask 1000000000000.0 has more than 8 decimals, or more digits"),
        (changed("ask", 0, 3e4), "row 10: ask 30000.0 is too far above bid 0.001; remove"),
    ],
)
def test_what_cannot_be_packed_is_named_by_the_file_it_came_from_and_leaves_nothing(tmp_path, ticks, message):
    with (
        pytest.raises(MarketError, match=message) as caught,
        PackedWriter(tmp_path / "x.parquet", "EURUSD", 5) as writer,
    ):
        writer.write(ticks, Path("origin.parquet"), 10)
    assert str(caught.value).startswith("origin.parquet, ")
    assert not list(tmp_path.iterdir())


def test_ticks_that_begin_before_the_last_ones_ended_are_refused(tmp_path):
    with pytest.raises(MarketError, match=r"x\.parquet, row 3: time_msc .* earlier"):
        write(tmp_path / "x.parquet", series([1, 2, 3]), series([1]))


def test_an_interrupt_leaves_the_file_of_before(tmp_path, small_groups):
    path = write(tmp_path / "x.parquet", series([1, 2, 3]))

    def interrupted():
        with PackedWriter(path, "EURUSD", 5) as writer:
            writer.write(series([9] * 500))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert packed.read(path).bid.tolist() == [0.00001, 0.00002, 0.00003]
    assert [each.name for each in tmp_path.iterdir()] == ["x.parquet"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(MarketError, match=r"x\.parquet cannot be written"):
        write(tmp_path / "nowhere" / "x.parquet", series([1]))


# Damaged files


def test_no_changed_byte_gives_other_ticks(tmp_path, small_groups):
    whole = generate(150, days=1)
    path = write(tmp_path / "x.parquet", whole)
    content = path.read_bytes()
    noticed = 0
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x11]) + content[place + 1 :])
        try:
            found = packed.read(path)
        except MarketError:
            noticed += 1
        else:
            assert_equal(found, whole)
    assert noticed > len(content) / 6


def test_a_file_that_is_cut_short_is_named(tmp_path):
    path = write(tmp_path / "x.parquet", series([1]))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(MarketError, match=r"x\.parquet is not a readable Parquet file"):
        packed.read(path)


def forge(path, *, header=None, gap=(0, 5, 5), step=(0, 1, 1), spread=(1, 1, 1), **changes):
    """A file whose columns and header were made by hand; by default a sound one."""
    group = {"rows": 3, "first_ms": START, "last_ms": START + 10, "first_bid": 100, "digits": 5} | changes
    if header is None:
        groups = [list(group.values())]
        crc32 = zlib.crc32(msgspec.json.encode(groups))
        header = msgspec.json.encode({"format": 1, "symbol": "EURUSD", "groups": groups, "crc32": crc32})
    columns = [pa.array(column, pa.int32()) for column in (gap, step, spread)]
    pq.write_table(pa.table(columns, names=packed.COLUMNS).replace_schema_metadata({KEY: header}), path)
    return path


def test_the_forged_file_is_sound_by_itself(tmp_path):
    assert_equal(packed.read(forge(tmp_path / "x.parquet")), series([100, 101, 102], gaps=[0, 5, 5]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gap": (0, -5, 15)}, "row 1: gap_ms is negative, the file is damaged; pack it again"),
        ({"spread": (1, 1, -1)}, "row 2: spread is negative"),
        ({"gap": (0, 5, 6)}, "row 0: its times end where they must not"),
        ({"gap": (0, 2**31 - 1, 11 - 2**31 + 2**31)}, "row 0: its times end where they must not"),
        ({"step": (0, -100, 1)}, "row 1: bid is not a positive price"),
        ({"rows": 4}, "its header is of other columns or rows"),
        ({"last_ms": START - 1}, "its row groups are not in order of time"),
        ({"first_ms": 5}, "not in order of time"),
        ({"first_bid": 0}, "its header has prices that cannot be"),
        ({"digits": 9}, "its header has prices that cannot be"),
        ({"header": b"{"}, "its header cannot be read"),
        ({"header": b"\xff"}, "its header cannot be read"),
        ({"header": b'{"format": 1}'}, "its header cannot be read"),
        (
            {"header": b'{"format": 2, "symbol": "X", "groups": [], "crc32": 0}'},
            "has format 2, this version reads 1; pack it again",
        ),
        (
            {"header": b'{"format": 1, "symbol": "X", "groups": [], "crc32": 0}'},
            "its header is not the one that was written",
        ),
    ],
)
def test_what_cannot_be_is_named_by_file_and_row(tmp_path, changes, message):
    path = forge(tmp_path / "x.parquet", **changes)
    with pytest.raises(MarketError, match=message) as caught:
        packed.read(path)
    assert str(path) in str(caught.value)


def test_an_unpacked_file_says_so(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"time_msc": [START], "bid": [1.0], "ask": [1.0]}), path)
    assert not packed.is_packed(path)
    assert packed.is_packed(forge(tmp_path / "y.parquet"))
    with pytest.raises(MarketError, match="holds no packed ticks; make it with `lotbridge pack`"):
        packed.read(path)
