"""Reading recordings: what is used, what is left out and why, and a sentence for everything that is wrong."""

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bridge.errors import MarketError
from bridge.market import store
from bridge.market.file_names import parts
from bridge.market.files import read_folder
from tests.market.test_store import assert_same, make_market

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded data is not at {DATA}")

MONDAY = int(datetime(2024, 3, 4, tzinfo=UTC).timestamp()) * 1000
HOUR = 3_600_000

EURUSD = {
    "name": "EURUSD",
    "currency_base": "EUR",
    "currency_profit": "USD",
    "currency_margin": "EUR",
    "digits": 5,
    "point": 1e-5,
    "trade_tick_size": 1e-5,
    "trade_tick_value": 1.0,
    "trade_contract_size": 100000,
    "volume_min": 0.01,
    "volume_max": 100,
    "volume_step": 0.01,
    "swap_long": -10.1,
    "swap_short": 3.8,
    "bid": 1.16,
    "ask": 1.1602,
}


def yen(**changes):
    figures = {"digits": 3, "point": 0.001, "trade_tick_size": 0.001, "trade_tick_value": 0.6629}
    pair = {"name": "USDJPY", "currency_base": "USD", "currency_profit": "JPY", "currency_margin": "USD"}
    return EURUSD | pair | figures | {"bid": 150.834, "ask": 150.842} | changes


def index(name="DAX", currency="EUR", **changes):
    same = {"currency_base": currency, "currency_profit": currency, "currency_margin": currency, "name": name}
    figures = {"digits": 1, "point": 0.1, "trade_tick_size": 0.1, "trade_contract_size": 10, "trade_tick_value": 1.1601}
    return EURUSD | same | figures | {"bid": 24436.6, "ask": 24437.4} | changes


def write_specs(folder, *rows, columns=tuple(EURUSD)):
    with (folder / "symbol_specs_2025.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows or [EURUSD])


def ticks(bids=(1.1, 1.10002, 1.09999), start=MONDAY, spread=0.0001):
    bid = np.array(bids, dtype=np.float64)
    return {"time_msc": start + np.arange(len(bid), dtype=np.int64) * 20 * 60_000, "bid": bid, "ask": bid + spread}


def write_ticks(folder, symbol="EURUSD", source="oanda", dates="20240304-20240305", **columns):
    path = folder / f"ticks_{source}_{symbol}_{dates}.parquet"
    pq.write_table(pa.table(columns or ticks()), path)
    return path


def write_bars(folder, timeframe, opens, *, source="oanda", price=1.1, bid=True, **changes):
    names = ("bo", "bh", "bl", "bc") if bid else ("open", "high", "low", "close")
    length = {"M1": 60_000, "H1": HOUR, "D1": 24 * HOUR}[timeframe]
    start = opens[0]
    count = (opens[1] - start) // length
    shape = {names[0]: price, names[1]: price + 0.002, names[2]: price - 0.002, names[3]: price + 0.001}
    columns = {"symbol": ["EURUSD"] * count, "time": pa.array(start + np.arange(count) * length, pa.timestamp("ms"))}
    columns |= {name: np.full(count, value) for name, value in shape.items()} | changes
    path = folder / f"bars_{source}_{timeframe}_2024.parquet"
    pq.write_table(pa.table({name: column for name, column in columns.items() if column is not None}), path)
    return path


@pytest.fixture
def folder(tmp_path):
    """A folder with one good symbol: EURUSD with three ticks."""
    write_specs(tmp_path)
    write_ticks(tmp_path)
    return tmp_path


# What is read


def test_ticks_and_spec_are_read_and_missing_bars_are_built_from_the_ticks(folder):
    market = read_folder(folder)
    symbol = market.symbols["EURUSD"]
    assert not market.synthetic
    assert symbol.ticks.bid.tolist() == [1.1, 1.10002, 1.09999]
    assert (symbol.spec.trade_calc_mode, symbol.spec.trade_tick_value, symbol.spec.margin_rate_buy) == (0, 1.0, 1.0)
    assert symbol.bars["M15"].time_ms.tolist() == [MONDAY, MONDAY + 15 * 60_000, MONDAY + 30 * 60_000]
    hour = symbol.bars["H1"]
    assert (hour.open[0], hour.high[0], hour.low[0], hour.close[0]) == (1.1, 1.10002, 1.09999, 1.09999)
    assert [note.split(";")[0] for note in market.notes] == [
        f"EURUSD: no {name} bars of oanda reach its ticks" for name in ("D1", "H1", "M15")
    ]


def test_a_saved_market_is_read_and_narrowed_to_the_symbols_asked_for(tmp_path):
    store.save(make_market(), tmp_path)
    assert_same(read_folder(tmp_path), make_market())
    market = read_folder(tmp_path, ["EURUSD/x", "GBPUSD"])
    assert list(market.symbols) == ["EURUSD/x"]
    assert "GBPUSD: left out" in market.notes[-1]
    with pytest.raises(MarketError, match="records none of GBPUSD; it has EURUSD/x"):
        read_folder(tmp_path, ["GBPUSD"])


def test_recorded_bars_of_the_same_source_come_first_and_ticks_continue_them(folder):
    write_bars(folder, "H1", (MONDAY - 10 * HOUR, MONDAY), source="oanda", price=1.2)
    write_ticks(folder, **ticks(bids=(1.1,) * 7))
    bars = read_folder(folder).symbols["EURUSD"].bars["H1"]
    assert bars.time_ms.tolist() == list(range(MONDAY - 10 * HOUR, MONDAY + 3 * HOUR, HOUR))
    assert bars.open.tolist() == [1.2] * 10 + [1.1] * 3


def test_finer_bars_are_put_together_where_the_timeframe_is_absent(folder):
    write_bars(folder, "M1", (MONDAY - HOUR, MONDAY + HOUR), bid=False)
    market = read_folder(folder)
    bars = market.symbols["EURUSD"].bars["M15"]
    assert len(bars) == 7  # the ticks end after 40 minutes
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (1.1, 1.102, 1.098, 1.101)
    assert not [note for note in market.notes if "M15" in note]


def test_bars_of_another_source_or_after_the_last_tick_are_not_used(folder):
    write_bars(folder, "D1", (MONDAY - 24 * HOUR * 9, MONDAY), source="elsewhere")
    write_bars(folder, "H1", (MONDAY, MONDAY + 99 * HOUR))
    bars = read_folder(folder).symbols["EURUSD"].bars
    assert bars["D1"].time_ms.tolist() == bars["H1"].time_ms.tolist() == [MONDAY]


def test_several_files_of_one_symbol_are_joined_in_order(folder):
    write_ticks(folder, dates="20240306-20240307", **ticks(start=MONDAY + 48 * HOUR))
    assert len(read_folder(folder).symbols["EURUSD"].ticks.bid) == 6
    write_ticks(folder, dates="20240308-20240309", **ticks())
    with pytest.raises(MarketError, match=r"20240308-20240309\.parquet, row 0: earlier than the end"):
        read_folder(folder)


def test_symbols_that_cannot_stand_in_a_file_name_are_read_by_their_own(tmp_path):
    names = ("BTCUSD/x", "GOLD", "Gold")
    write_specs(tmp_path, *(EURUSD | {"name": name} for name in names))
    for name, part in parts(names, {}).items():
        write_ticks(tmp_path, part, **ticks((1.1,) * len(name)))
    found = read_folder(tmp_path).symbols
    assert {name: len(symbol.ticks.bid) for name, symbol in found.items()} == {"BTCUSD/x": 8, "GOLD": 4, "Gold": 4}


def test_zero_spread_and_equal_times_are_allowed(folder):
    columns = ticks(spread=0.0)
    columns["time_msc"][:] = MONDAY
    write_ticks(folder, **columns)
    assert len(read_folder(folder).symbols["EURUSD"].ticks.bid) == 3


# What is left out


def test_the_largest_group_of_one_period_is_kept(folder):
    write_specs(folder, EURUSD, EURUSD | {"name": "NZDUSD", "currency_base": "NZD"}, EURUSD | {"name": "OLD"})
    write_ticks(folder, "NZDUSD")
    write_ticks(folder, "OLD", **ticks(bids=(1.0,) * 50, start=MONDAY - 10**10))
    market = read_folder(folder)
    assert list(market.symbols) == ["EURUSD", "NZDUSD"]
    assert "OLD: left out, its ticks (2023-11-09..2023-11-09) are of another time" in market.notes[0]
    assert list(read_folder(folder, ["OLD"]).symbols) == ["OLD"]


def test_symbols_without_spec_ticks_or_a_second_source_are_noted(folder):
    write_ticks(folder, "GBPUSD")
    write_ticks(folder, source="zeta")
    notes = read_folder(folder, ["EURUSD", "GBPUSD", "AUDUSD"]).notes
    assert any(note.startswith("GBPUSD: left out, no row in symbol_specs") for note in notes)
    assert any(note.startswith("AUDUSD: left out, no tick file") for note in notes)
    assert "EURUSD: ticks of zeta left out, one source per symbol is read" in notes


def test_a_folder_where_nothing_remains_says_why(folder):
    with pytest.raises(MarketError, match="no symbol that can be replayed: GBPUSD: left out, no tick file"):
        read_folder(folder, ["GBPUSD"])


# Specs by evidence


def test_tick_values_are_of_the_ticks_time_not_of_the_tables(folder):
    write_specs(folder, EURUSD, yen())
    write_ticks(folder, "USDJPY", **ticks(bids=(100.0, 100.1), spread=0.01))
    spec = read_folder(folder).symbols["USDJPY"].spec
    assert spec.trade_calc_mode == 0
    assert spec.trade_tick_value_loss == 1.0
    assert spec.trade_tick_value_profit == pytest.approx(100 / 100.01, abs=1e-8)


@pytest.mark.parametrize(
    ("row", "mode", "loss"),
    [
        (index(), 2, 1.1001),  # 0.1 * 10 EUR at EURUSD's first ask
        (index(currency="USD", trade_tick_value=1.0), 2, 1.0),
        (index(currency="USD", trade_tick_value=0.1), 3, 0.1),
        (index(trade_tick_value=0.1), 3, 0.1 / 1.1601 * 1.1001),
    ],
)
def test_the_calc_mode_is_proved_by_the_tick_value(folder, row, mode, loss):
    write_specs(folder, EURUSD, row)
    write_ticks(folder, "DAX", **ticks(bids=(20000.0,)))
    spec = read_folder(folder).symbols["DAX"].spec
    assert spec.trade_calc_mode == mode
    assert spec.trade_tick_value_loss == pytest.approx(loss, rel=1e-6)


def test_a_currency_that_nothing_recorded_converts_leaves_the_symbol_out(folder):
    gbpusd = EURUSD | {"name": "GBPUSD", "currency_base": "GBP", "bid": 1.34, "ask": 1.3402}
    write_specs(folder, EURUSD, gbpusd, index("UK", "GBP", trade_tick_value=1.34), index("SMI", "CHF"))
    write_ticks(folder, "UK")
    write_ticks(folder, "SMI")
    market = read_folder(folder)
    assert list(market.symbols) == ["EURUSD"]
    assert any("UK: left out, no recorded pair converts GBP to USD" in note for note in market.notes)
    assert any("SMI: left out, symbol_specs has no pair of CHF and USD" in note for note in market.notes)


# What is wrong


def changed(name, row, value):
    columns = ticks()
    columns[name][row] = value
    return columns


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (changed("time_msc", 2, MONDAY), "row 2: time_msc .* is earlier than the row before; sort"),
        (changed("time_msc", 0, MONDAY // 1000), "row 0: time_msc .* not in milliseconds"),
        (changed("bid", 1, np.nan), "row 1: bid is nan, not a positive price"),
        (changed("ask", 1, np.inf), "row 1: ask is inf"),
        (changed("bid", 2, 0.0), "row 2: bid is 0.0"),
        (changed("bid", 1, 1.2), "row 1: bid 1.2 is above ask"),
        ({"time_msc": ticks()["time_msc"], "bid": ticks()["bid"]}, "lacks the column ask; it has bid, time_msc"),
        (ticks() | {"time_msc": pa.array([MONDAY, None, MONDAY])}, "row 1: time_msc is missing"),
        (ticks() | {"bid": pa.array([1.1, None, 1.1])}, "row 1: bid is nan"),
        (ticks() | {"bid": ["a", "b", "c"]}, "the column bid is string, not numbers"),
        ({name: column[:0] for name, column in ticks().items()}, "no rows"),
    ],
)
def test_ticks_that_are_wrong_are_named_by_file_and_row(folder, columns, message):
    path = write_ticks(folder, **columns)
    with pytest.raises(MarketError, match=message) as caught:
        read_folder(folder)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bh": np.full(10, 1.0)}, "row 0: open or close of EURUSD is outside low..high"),
        ({"bl": np.r_[np.full(9, 1.0), np.nan]}, "row 9: bl is nan"),
        ({"bc": None}, "neither the columns bo, bh, bl, bc nor open, high, low, close"),
        ({"symbol": None}, "lacks the column symbol"),
        ({"time": np.arange(10)}, "the column time is int64, not a timestamp"),
        ({"time": pa.array([MONDAY + HOUR] * 9 + [MONDAY], pa.timestamp("ms"))}, "row 9: time .* earlier"),
    ],
)
def test_bars_that_are_wrong_are_named(folder, changes, message):
    path = write_bars(folder, "H1", (MONDAY - 10 * HOUR, MONDAY), **changes)
    with pytest.raises(MarketError, match=message) as caught:
        read_folder(folder)
    assert str(path) in str(caught.value)


def test_a_corrupt_parquet_file_is_named(folder):
    path = write_ticks(folder)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(MarketError, match="not a readable Parquet file"):
        read_folder(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"point": "abc"}, "row 0: point is 'abc', not a number"),
        ({"trade_tick_value": 0}, "row 0: trade_tick_value is 0, it must be positive"),
        ({"currency_base": ""}, "row 0: currency_base is empty"),
    ],
)
def test_specs_that_are_wrong_are_named(folder, change, message):
    write_specs(folder, EURUSD | change)
    with pytest.raises(MarketError, match=message):
        read_folder(folder)


def test_specs_that_lack_a_column_or_are_not_text_or_absent_are_named(folder):
    write_specs(folder, columns=[name for name in EURUSD if name != "point"])
    with pytest.raises(MarketError, match="lacks the column point"):
        read_folder(folder)
    path = next(folder.glob("*.csv"))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MarketError, match="cannot be read as CSV"):
        read_folder(folder)
    path.unlink()
    with pytest.raises(MarketError, match=r"no symbol_specs_<date>\.csv"):
        read_folder(folder)


def test_folders_that_are_missing_empty_or_misnamed_are_named(tmp_path):
    with pytest.raises(MarketError, match="is not a folder"):
        read_folder(tmp_path / "nowhere")
    write_specs(tmp_path)
    with pytest.raises(MarketError, match="has no ticks_"):
        read_folder(tmp_path)
    (tmp_path / "ticks_today.parquet").touch()
    with pytest.raises(MarketError, match=r"ticks_today\.parquet: the name is not"):
        read_folder(tmp_path)


def test_without_pyarrow_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MarketError, match=r'pip install "lotbridge\[data\]"'):
        read_folder(folder)


# The real recordings beside the repository


@needs_data
def test_the_recorded_weeks_are_read_with_their_history_and_the_dow_is_left_out():
    market = read_folder(DATA)
    assert list(market.symbols) == ["EURUSD", "NZDUSD"]
    assert len(market.notes) == 1
    assert market.notes[0].startswith("WS30: left out")
    for symbol in market.symbols.values():
        assert len(symbol.bars["D1"].closed_before(market.start_ms)) > 2000
        assert len(symbol.bars["H1"].closed_before(market.start_ms)) > 10_000
        assert symbol.bars["M15"].time_ms[-1] > market.end_ms - 900_000
        assert (symbol.spec.trade_calc_mode, symbol.spec.trade_tick_value) == (0, 1.0)


@needs_data
def test_recorded_hours_agree_with_the_ticks():
    symbol = read_folder(DATA, ["EURUSD"]).symbols["EURUSD"]
    hours, built = symbol.bars["H1"], symbol.ticks
    agree = 0
    opens = hours.time_ms[hours.time_ms >= built.time_ms[0] - HOUR]
    for opening in opens.tolist():
        start, end = np.searchsorted(built.time_ms, [opening, opening + HOUR])
        agree += hours.close[np.searchsorted(hours.time_ms, opening)] == built.bid[end - 1] if end > start else 0
    assert agree / len(opens) > 0.95


@needs_data
def test_the_recorded_dow_is_a_cfd_index_with_its_own_tick_value():
    market = read_folder(DATA, ["WS30"])
    spec = market.symbols["WS30"].spec
    assert (spec.trade_calc_mode, spec.trade_tick_value) == (3, 0.1)
    assert int((market.symbols["WS30"].ticks.ask == market.symbols["WS30"].ticks.bid).sum()) == 8
