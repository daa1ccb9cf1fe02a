"""Ticks as a stream: what `read_folder` reads comes in spans of whole days, with little of it in memory at a time."""

import weakref
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.bench.ticks import generate
from bridge.errors import MarketError
from bridge.market import packed, stored_ticks
from bridge.market import store as market_store
from bridge.market.files import read_folder
from bridge.market.packed import PackedWriter
from bridge.market.recording import RecordedMarket, RecordedSymbol, TickSeries
from bridge.replay import ticks as replay_ticks
from bridge.replay.ticks import DAY_MS, open_source, source_of
from tests.market.test_files import DATA, EURUSD, HOUR, MONDAY, needs_data, write_bars, write_specs, write_ticks, yen
from tests.market.test_packed import assert_equal
from tests.market.test_store import SPEC, make_market

NZDUSD = EURUSD | {"name": "NZDUSD", "currency_base": "NZD", "currency_margin": "NZD"}


@pytest.fixture
def small(monkeypatch):
    """Pieces of 100 ticks, spans of 1000."""
    monkeypatch.setattr(packed, "ROWS", 100)
    monkeypatch.setattr(replay_ticks, "ROWS", 100)
    monkeypatch.setattr(replay_ticks, "SPAN_TICKS", 1000)


def columns(ticks):
    return {"time_msc": ticks.time_ms, "bid": ticks.bid, "ask": ticks.ask}


def write_plain(folder, ticks, symbol="EURUSD", dates="2024", **options):
    path = folder / f"ticks_oanda_{symbol}_{dates}.parquet"
    pq.write_table(pa.table(columns(ticks)), path, **options)
    return path


def write_packed(folder, ticks, symbol="EURUSD", dates="2024"):
    path = folder / f"ticks_oanda_{symbol}_{dates}.parquet"
    with PackedWriter(path, symbol, 5) as writer:
        writer.write(ticks)
    return path


def shifted(ticks, milliseconds):
    return replace(ticks, time_ms=ticks.time_ms + milliseconds)


def collected(spans):
    """All ticks by symbol, and the spans' bounds."""
    found, bounds = {}, []
    for span in spans:
        bounds.append((span.start_ms, span.end_ms))
        for name, ticks in span.ticks.items():
            assert len(ticks.time_ms)
            assert span.start_ms <= ticks.time_ms[0]
            assert ticks.time_ms[-1] < span.end_ms
            found.setdefault(name, []).append(ticks)
    return {name: packed.joined(parts) for name, parts in found.items()}, bounds


def assert_streams_the_same(folder, symbols=None):
    """The source gives what `read_folder` gives."""
    market, source = read_folder(folder, symbols), open_source(folder, symbols)
    found, bounds = collected(source.spans())
    assert list(source.symbols) == list(market.symbols)
    assert found.keys() == market.symbols.keys()
    for name, symbol in market.symbols.items():
        assert_equal(found[name], symbol.ticks)
        assert source.symbols[name].spec == symbol.spec
        assert source.symbols[name].first_quote.bid == symbol.ticks.bid[0]
    assert (source.start_ms, source.end_ms) == (market.start_ms, market.end_ms)
    assert source.count == sum(len(symbol.ticks.time_ms) for symbol in market.symbols.values())
    assert (source.name, source.synthetic) == (market.name, market.synthetic)
    assert all(moment % DAY_MS == 0 for pair in bounds for moment in pair)
    assert all(before[1] <= after[0] for before, after in pairwise(bounds))
    return source, bounds


# The same ticks


@pytest.mark.parametrize("write", [write_plain, write_packed])
def test_several_symbols_come_in_spans_of_whole_days(tmp_path, small, write):
    write_specs(tmp_path, EURUSD, NZDUSD)
    busy, slow = generate(9000, days=30), generate(700, days=30, seed=8)
    write(tmp_path, busy)
    write(tmp_path, slow, "NZDUSD")
    _, bounds = assert_streams_the_same(tmp_path)
    assert len(bounds) > 5


@pytest.mark.parametrize("write", [write_plain, write_packed])
def test_files_of_one_symbol_follow_each_other(tmp_path, small, write):
    write_specs(tmp_path)
    ticks = generate(3000, days=5)
    for number, (start, end) in enumerate([(0, 700), (700, 701), (701, 3000)]):
        write(tmp_path, packed.cut(ticks, start, end), dates=f"2024-0{number + 1}")
    assert_streams_the_same(tmp_path)


@pytest.mark.parametrize("group", [64, 1000, 3000])
def test_row_groups_of_any_size_with_and_without_statistics(tmp_path, small, group):
    write_specs(tmp_path)
    for written in (True, False):
        write_plain(tmp_path, generate(3000, days=5), row_group_size=group, write_statistics=written)
        assert_streams_the_same(tmp_path)


def test_ticks_that_share_a_millisecond_keep_their_order(tmp_path, small):
    write_specs(tmp_path)
    count = 2500
    bid = 1.0 + np.arange(count) / 1e5
    time_ms = np.full(count, MONDAY, dtype=np.int64)
    time_ms[1700:] += DAY_MS
    write_packed(tmp_path, TickSeries(time_ms=time_ms, bid=np.round(bid, 5), ask=np.round(bid, 5)))
    source, bounds = assert_streams_the_same(tmp_path)
    assert [len(span.ticks["EURUSD"].bid) for span in source.spans()] == [1700, 800]
    assert bounds == [(MONDAY, MONDAY + DAY_MS), (MONDAY + DAY_MS, MONDAY + 2 * DAY_MS)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    seeds=st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=4),
    from_day=st.integers(-2, 20),
)
def test_any_symbols_from_any_day(small, seeds, from_day):
    symbols = {
        f"S{number}": RecordedSymbol(spec=SPEC, ticks=shifted(generate(count, days, number), days_later * DAY_MS))
        for number, (count, days, days_later) in enumerate(seeds)
    }
    market = RecordedMarket(name="any", synthetic=True, symbols=symbols)
    source = source_of(market)
    from_ms = source.start_ms + from_day * DAY_MS + 12_345
    day = from_ms // DAY_MS * DAY_MS
    found, _ = collected(source.spans(from_ms))
    for name, symbol in symbols.items():
        start = int(np.searchsorted(symbol.ticks.time_ms, day))
        if start == len(symbol.ticks.time_ms):
            assert name not in found
        else:
            assert_equal(found[name], packed.cut(symbol.ticks, start, len(symbol.ticks.time_ms)))


@pytest.mark.parametrize("write", [write_plain, write_packed])
def test_a_run_goes_on_at_the_end_of_any_span(tmp_path, small, write):
    write_specs(tmp_path)
    write(tmp_path, generate(6000, days=30))
    source = open_source(tmp_path)
    whole = list(source.spans())
    for number, span in enumerate(whole):
        found, _ = collected(source.spans(span.end_ms))
        rest = [later.ticks["EURUSD"] for later in whole[number + 1 :]]
        if rest:
            assert_equal(found["EURUSD"], packed.joined(rest))
        else:
            assert not found


@pytest.mark.parametrize("kind", ["held", "plain", "packed"])
def test_spans_from_the_end_of_any_span_are_the_rest_of_the_whole(tmp_path, small, kind):
    ticks = {name: generate(count, days=30, seed=count) for name, count in (("EURUSD", 5900), ("NZDUSD", 2770))}
    if kind == "held":
        symbols = {name: RecordedSymbol(spec=SPEC, ticks=own) for name, own in ticks.items()}
        source = source_of(RecordedMarket(name="held", synthetic=True, symbols=symbols))
    else:
        write_specs(tmp_path, EURUSD, NZDUSD)
        for name, own in ticks.items():
            (write_plain if kind == "plain" else write_packed)(tmp_path, own, name)
        source = open_source(tmp_path)
    _, whole = collected(source.spans())
    assert len(whole) > 5
    for number, (_, end_ms) in enumerate(whole):
        _, rest = collected(source.spans(end_ms))
        assert rest == whole[number + 1 :]


def test_exported_text_is_played_and_said_to_be_held_whole(tmp_path):
    write_specs(tmp_path)
    (tmp_path / "broker_zone.txt").write_text("+02:00")
    rows = ["<DATE>\t<TIME>\t<BID>\t<ASK>", "2024.03.04\t02:00:00.000\t1.1\t1.2", "2024.03.04\t02:00:00.000\t1.15\t"]
    (tmp_path / "EURUSD_202403040000_202403050000.csv").write_text("\n".join(rows))
    source, _ = assert_streams_the_same(tmp_path)
    assert source.start_ms == MONDAY
    assert "EURUSD: its exported text is held in memory whole; `lotbridge pack` makes it stream" in source.notes


def test_a_saved_market_is_played_and_narrowed(tmp_path):
    market_store.save(make_market(), tmp_path)
    assert_streams_the_same(tmp_path)
    source = open_source(tmp_path, ["EURUSD/x", "GBPUSD"])
    assert source.symbols["EURUSD/x"].commission_per_lot == 7.0
    assert list(source.symbols["EURUSD/x"].bars) == ["H1"]
    assert "GBPUSD: left out" in source.notes[-1]


@needs_data
def test_the_recorded_weeks_are_the_same_streamed():
    source, _ = assert_streams_the_same(DATA)
    market = read_folder(DATA)
    assert source.notes == market.notes
    for name, symbol in market.symbols.items():
        bars = source.symbols[name].bars
        assert {key: len(each) for key, each in bars.items()} == {key: len(each) for key, each in symbol.bars.items()}


# Bars, specs and the choice of symbols


def test_only_recorded_bars_are_given(tmp_path):
    write_specs(tmp_path)
    write_ticks(tmp_path)
    write_bars(tmp_path, "H1", (MONDAY - 10 * HOUR, MONDAY + 99 * HOUR))
    source = open_source(tmp_path)
    bars = source.symbols["EURUSD"].bars
    assert bars["H1"].time_ms.tolist() == list(range(MONDAY - 10 * HOUR, MONDAY + HOUR, HOUR))
    assert list(bars) == ["D1", "H1"]  # D1 is put together; nothing recorded is as fine as M15
    assert source.notes == ("EURUSD: no M15 bars of oanda reach its ticks; built from the ticks",)


def test_symbols_are_chosen_and_left_out_as_read_folder_does(tmp_path):
    write_specs(tmp_path, EURUSD, NZDUSD, EURUSD | {"name": "OLD"}, yen(currency_profit="XXX"))
    for symbol in ("EURUSD", "NZDUSD", "GBPUSD"):
        write_ticks(tmp_path, symbol)
    write_ticks(tmp_path, source="zeta")
    write_ticks(tmp_path, "OLD", time_msc=[MONDAY - 10**10] * 9, bid=[1.0] * 9, ask=[1.0] * 9)
    for symbols in (None, ["EURUSD", "AUDUSD"], ["OLD"]):
        source, _ = assert_streams_the_same(tmp_path, symbols)
        notes = [note for note in read_folder(tmp_path, symbols).notes if "bars of" not in note]
        assert notes == [note for note in source.notes if "bars of" not in note]


def test_where_nothing_remains_it_says_why(tmp_path):
    write_specs(tmp_path)
    write_ticks(tmp_path)
    with pytest.raises(MarketError, match="no symbol that can be replayed: GBPUSD: left out, no tick file"):
        open_source(tmp_path, ["GBPUSD"])
    with pytest.raises(MarketError, match="is not a folder"):
        open_source(tmp_path / "nowhere")


# What is wrong


@pytest.mark.parametrize("group", [64, 3000])
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("time_msc", MONDAY, "is earlier than the row before; sort the file by time_msc"),
        ("time_msc", 7, "is not in milliseconds since 1970"),
        ("bid", 0.0, "bid is 0.0, not a positive price; remove or repair"),
        ("ask", np.nan, "ask is nan"),
        ("ask", np.inf, "ask is inf"),
        ("bid", 9.0, "bid 9.0 is above ask"),
    ],
)
@pytest.mark.parametrize("row", [0, 100, 1234, 2999])
def test_a_bad_row_is_named_when_it_is_reached(tmp_path, small, group, name, value, message, row):
    if name == "time_msc" and row == 0 and value == MONDAY:
        value = MONDAY * 2
        message = "row 1: .*is earlier"
    write_specs(tmp_path)
    ticks = {key: column.copy() for key, column in columns(shifted(generate(3000, days=5), 60 * DAY_MS)).items()}
    ticks[name][row] = value
    path = write_ticks(tmp_path, **{key: pa.array(column) for key, column in ticks.items()})
    pq.write_table(pa.table(ticks), path, row_group_size=group)
    with pytest.raises(MarketError, match=message) as caught:
        list(open_source(tmp_path).spans())
    if "row 1" not in message:
        assert str(caught.value).startswith(f"{path}, row {row}: ")


@pytest.mark.parametrize("order", [(0, 2, 1), (1, 2, 0), (2, 0, 1)])
def test_row_groups_out_of_order_are_named(tmp_path, small, order):
    write_specs(tmp_path)
    ticks = generate(3000, days=15)
    shuffled = packed.joined([packed.cut(ticks, at * 1000, at * 1000 + 1000) for at in order])
    path = write_plain(tmp_path, shuffled, row_group_size=1000)
    row = 2000 if order[0] < order[1] else 1000
    with pytest.raises(MarketError) as caught:
        list(open_source(tmp_path).spans())
    assert str(caught.value).startswith(f"{path}, row {row}: time_msc ")


def test_a_missing_time_deep_in_the_file_is_named(tmp_path, small):
    write_specs(tmp_path)
    ticks = columns(generate(3000, days=5))
    ticks["time_msc"] = pa.array(ticks["time_msc"], mask=np.arange(3000) == 2345)
    path = write_ticks(tmp_path, **ticks)
    with pytest.raises(MarketError) as caught:
        list(open_source(tmp_path).spans())
    assert str(caught.value) == f"{path}, row 2345: time_msc is missing; remove the row"


@pytest.mark.parametrize("write", [write_plain, write_packed])
def test_files_out_of_order_are_refused_at_once(tmp_path, write):
    write_specs(tmp_path)
    write(tmp_path, generate(50, days=2), dates="2024-01")
    path = write(tmp_path, generate(50, days=1), dates="2024-02")
    with pytest.raises(MarketError, match=r"row 0: earlier than the end of the file before.* delete one") as caught:
        open_source(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("write", [write_plain, write_packed])
def test_a_damaged_page_is_named(tmp_path, small, write):
    write_specs(tmp_path)
    path = write(tmp_path, generate(3000, days=5))
    content = bytearray(path.read_bytes())
    start = len(content) // 3
    content[start : start + 900] = bytes(900)
    path.write_bytes(content)
    with pytest.raises(MarketError) as caught:
        list(open_source(tmp_path).spans())
    assert str(path) in str(caught.value)


def test_an_empty_file_is_named(tmp_path):
    write_specs(tmp_path)
    path = write_plain(tmp_path, packed.empty(0))
    with pytest.raises(MarketError, match="has no rows; delete the file") as caught:
        open_source(tmp_path)
    assert str(path) in str(caught.value)


# Memory, counted


class Held:
    """Counts the rows of all columns that are alive."""

    def __init__(self):
        self.rows = self.most = 0

    def empty(self, rows):
        made = packed.empty(rows)
        self.rows += rows
        self.most = max(self.most, self.rows)
        weakref.finalize(made.time_ms, self.give_back, rows)
        return made

    def give_back(self, rows):
        self.rows -= rows


@pytest.mark.parametrize("write", [write_plain, write_packed])
def test_no_more_is_held_than_two_spans(tmp_path, small, monkeypatch, write):
    held = Held()
    monkeypatch.setattr(replay_ticks, "empty", held.empty)
    write_specs(tmp_path, EURUSD, NZDUSD)
    count = 60_000
    write(tmp_path, generate(count, days=200))
    write(tmp_path, generate(count // 50, days=200, seed=8), "NZDUSD")
    source = open_source(tmp_path)
    assert held.most == 0
    given = 0
    for span in source.spans():
        given += len(span.ticks["EURUSD"].bid)
    assert given == count
    # The span in use and the one that is being read, each with the room that was made for it.
    assert 1000 < held.most < 8000


def test_a_file_that_is_one_row_group_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_ticks, "_BUFFER", 1 << 16)
    monkeypatch.setattr(packed, "ROWS", 10_000)
    monkeypatch.setattr(replay_ticks, "SPAN_TICKS", 20_000)
    write_specs(tmp_path)
    count = 500_000
    path = write_plain(
        tmp_path, generate(count, days=100), row_group_size=count, data_page_size=1 << 16, use_dictionary=False
    )
    assert pq.read_metadata(path).num_row_groups == 1
    before = pa.total_allocated_bytes()
    most = 0
    for _ in open_source(tmp_path).spans():
        most = max(most, pa.total_allocated_bytes() - before)
    assert 0 < most < count * 24 / 6


def test_a_stream_that_is_left_closes_its_files(tmp_path, small, monkeypatch):
    closed = []
    close = packed.PackedFile.close
    monkeypatch.setattr(packed.PackedFile, "close", lambda file: (closed.append(file.path), close(file)))
    write_specs(tmp_path)
    path = write_packed(tmp_path, generate(9000, days=30))
    source = open_source(tmp_path)
    closed.clear()
    spans = source.spans()
    next(spans)
    assert not closed
    spans.close()
    assert closed == [path]


def test_a_single_day_may_be_larger_than_a_span(tmp_path, small):
    write_specs(tmp_path)
    ticks = shifted(generate(5000, days=1), 2 * HOUR)  # from midnight
    write_packed(tmp_path, ticks)
    spans = list(open_source(tmp_path).spans())
    assert len(spans) == 1
    assert spans[0].start_ms == int(datetime(2024, 1, 8, tzinfo=UTC).timestamp()) * 1000
    assert_equal(spans[0].ticks["EURUSD"], ticks)
