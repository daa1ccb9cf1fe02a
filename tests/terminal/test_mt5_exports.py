"""MetaTrader's own CSV exports, and the broker's clock over the year."""

from pathlib import Path

import numpy as np
import pytest

from bridge.errors import MarketError
from bridge.market.broker_zone import usual_zone, zone_of
from bridge.market.files import read_folder
from tests.builders import at

HOUR_MS = 3_600_000
SPECS = (
    "name,currency_base,currency_profit,currency_margin,digits,point,trade_tick_size,trade_tick_value,"
    "trade_contract_size,volume_min,volume_max,volume_step,swap_long,swap_short,bid,ask,trade_calc_mode,volume_limit\n"
    "EURUSD,EUR,USD,EUR,5,0.00001,0.00001,1.0,100000,0.01,50,0.01,-5,1,1.1,1.1001,5,7.5\n"
)
TICKS = (
    "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\n"
    "2026.03.04\t12:00:00.000\t\t1.10010\t\t\t4\n"
    "2026.03.04\t12:00:00.250\t1.10000\t1.10010\t\t\t6\n"
    "2026.03.04\t12:00:01.000\t1.10002\t\t\t\t2\n"
    "2026.03.04\t12:00:02.500\t\t1.10015\t\t\t4\n"
)
BARS = (
    "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
    "2026.03.04\t10:00:00\t1.1\t1.2\t1.0\t1.15\t5\t0\t1\n"
    "2026.03.04\t11:00:00\t1.15\t1.2\t1.1\t1.12\t5\t0\t1\n"
)
DAILY = "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n2026.03.03\t1.1\t1.2\t1.0\t1.15\t5\t0\t1\n"


def export(folder: Path, *, zone: str | None = "+02:00") -> Path:
    """A folder as somebody makes it by hand."""
    (folder / "symbol_specs_2026-03-04.csv").write_text(SPECS, encoding="utf-8")
    (folder / "EURUSD_202603041200_202603041201.csv").write_text(TICKS, encoding="utf-8")
    (folder / "EURUSD_H1_202603041000_202603041100.csv").write_bytes(BARS.encode("utf-16"))
    if zone is not None:
        (folder / "broker_zone.txt").write_text(zone, encoding="utf-8")
    return folder


def test_exported_ticks_and_bars_play_in_utc(tmp_path: Path) -> None:
    symbol = read_folder(export(tmp_path)).symbols["EURUSD"]
    start = at("2026-03-04 10:00:00")
    assert symbol.ticks.time_ms.tolist() == [start + 250, start + 1_000, start + 2_500]
    assert symbol.ticks.bid.tolist() == [1.1, 1.10002, 1.10002]
    assert symbol.ticks.ask.tolist() == [1.1001, 1.1001, 1.10015]
    assert symbol.bars["H1"].time_ms.tolist() == [start - 2 * HOUR_MS, start - HOUR_MS, start]
    assert symbol.bars["H1"].open.tolist()[:2] == [1.1, 1.15]


def test_rows_that_are_left_out_are_told(tmp_path: Path) -> None:
    export(tmp_path)
    more = "2026.03.04\t12:00:03.000\t1.20000\t\t\t\t2\n2026.03.04\t12:00:04.000\t0\t\t\t\t2\n"
    path = tmp_path / "EURUSD_202603041200_202603041201.csv"
    path.write_text(TICKS + more, encoding="utf-8")
    market = read_folder(tmp_path)
    assert len(market.symbols["EURUSD"].ticks.bid) == 3
    assert f"{path.name}: 2 rows left out, bid or ask was not known yet, or 0" in market.notes
    assert f"{path.name}: 1 rows left out, the bid was above the ask" in market.notes


def test_two_exports_of_one_time_say_what_to_do(tmp_path: Path) -> None:
    export(tmp_path)
    (tmp_path / "EURUSD_202603041200_202603041202.csv").write_text(TICKS, encoding="utf-8")
    with pytest.raises(MarketError, match=r"1202\.csv, row 0: .*which is EURUSD_202603041200_202603041201\.csv"):
        read_folder(tmp_path)
    with pytest.raises(MarketError, match="delete one of the two, or export one again"):
        read_folder(tmp_path)


def test_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    export(tmp_path)
    for path in tmp_path.glob("EURUSD_*.csv"):
        path.rename(path.with_suffix(".CSV"))
    assert len(read_folder(tmp_path).symbols["EURUSD"].bars["H1"]) == 3


def test_broker_clock_is_read_in_any_encoding(tmp_path: Path) -> None:
    export(tmp_path)
    (tmp_path / "broker_zone.txt").write_bytes("new-york-close\r\n".encode("utf-16"))
    assert read_folder(tmp_path).start_ms == at("2026-03-04 10:00:00") + 250
    (tmp_path / "broker_zone.txt").write_bytes(b"\xff+02:00")
    with pytest.raises(MarketError, match="is not plain text; write it anew, in UTF-8"):
        read_folder(tmp_path)


def test_daily_export_has_no_time(tmp_path: Path) -> None:
    export(tmp_path, zone="UTC")
    (tmp_path / "EURUSD_Daily_202603030000_202603030000.csv").write_text(DAILY, encoding="utf-8")
    symbol = read_folder(tmp_path).symbols["EURUSD"]
    assert symbol.bars["D1"].time_ms.tolist()[0] == at("2026-03-03 00:00:00")


def test_figures_of_a_table_that_has_them_are_taken(tmp_path: Path) -> None:
    spec = read_folder(export(tmp_path)).symbols["EURUSD"].spec
    assert (spec.trade_calc_mode, spec.volume_limit) == (5, 7.5)


def test_broker_clock_is_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(MarketError, match=r"broker_zone.txt is missing.*new-york-close"):
        read_folder(export(tmp_path, zone=None))
    with pytest.raises(MarketError, match="no broker's time zone"):
        read_folder(export(tmp_path, zone="somewhere"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<DATE>\t<TIME>\t<BID>\n", "lacks the column <ASK>"),
        (TICKS.replace("\t", ";"), "has the separator ; and MetaTrader writes tabs"),
        (TICKS.replace("1.10002", "one"), "line 4: 'one' is no price"),
        (TICKS.replace("1.10002", "1,10002"), "line 4: '1,10002' has a decimal comma"),
        (TICKS.replace("1.10002", "1_1.5"), "line 4: '1_1.5' is no price"),
        (TICKS.replace("1.10002", "\u0661.\u0661"), "line 4: .* is no price"),
        (TICKS.replace("1.10002", "nan"), "line 4: 'nan' is no price"),
        (TICKS.replace("1.10002", "inf"), "line 4: 'inf' is no price"),
        (TICKS.replace("1.10002", "-1.1"), "line 4: '-1.1' is no price"),
        (TICKS.replace("1.10002", "1."), "line 4: '1.' is no price"),
        (TICKS.replace("2026.03.04\t12:00:01", "2026.03.0\u0664\t12:00:01"), "line 4: .* is no day"),
        (TICKS.replace("2026.03.04\t12:00:01.000", "2026.03\t12:00:01.000"), "line 4: '2026.03' is no day"),
        (TICKS.replace("12:00:01.000", "1201"), "line 4: '1201' is no time"),
        (TICKS + "2026.03.04\t12:00:03.5", "line 6 has 2 cells, and the header 7 .it was cut"),
        (TICKS + "2026.03.04\t12:00:03.500\t1.09\t1.1", "line 6 has 4 cells, and the header 7 .it was cut"),
        (TICKS.replace("\t", ",").replace("1.1", "1,1"), "line 2 has 8 cells, and the header 7 .a decimal comma"),
    ],
)
def test_export_that_cannot_be_read_names_the_place(tmp_path: Path, text: str, what: str) -> None:
    export(tmp_path)
    (tmp_path / "EURUSD_202603041200_202603041201.csv").write_text(text, encoding="utf-8")
    with pytest.raises(MarketError, match=what):
        read_folder(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_export_is_read_in_any_encoding_and_with_any_line_ends(tmp_path: Path, encoding: str) -> None:
    export(tmp_path)
    text = TICKS.replace("\n", "\r\n")
    (tmp_path / "EURUSD_202603041200_202603041201.csv").write_bytes(text.encode(encoding))
    assert len(read_folder(tmp_path).symbols["EURUSD"].ticks.time_ms) == 3


def test_commas_separate_where_there_are_no_tabs(tmp_path: Path) -> None:
    export(tmp_path)
    path = tmp_path / "EURUSD_202603041200_202603041201.csv"
    path.write_text(TICKS.replace("\t", ","), encoding="utf-8")
    assert read_folder(tmp_path).symbols["EURUSD"].ticks.ask.tolist() == [1.1001, 1.1001, 1.10015]


def test_trades_and_quotes_that_cross_make_no_wrong_prices(tmp_path: Path) -> None:
    export(tmp_path)
    more = "2026.03.04\t12:00:03.001\t1.10020\t\t\t\t2\n2026.03.04\t12:00:03.002\t\t1.10030\t1.10025\t3\t60\n"
    (tmp_path / "EURUSD_202603041200_202603041201.csv").write_text(TICKS + more, encoding="utf-8")
    ticks = read_folder(tmp_path).symbols["EURUSD"].ticks
    assert ticks.bid.tolist() == [1.1, 1.10002, 1.10002, 1.1002]
    assert ticks.ask.tolist() == [1.1001, 1.1001, 1.10015, 1.1003]
    assert ticks.time_ms.tolist()[-1] == at("2026-03-04 10:00:03") + 2


@pytest.mark.parametrize("name", ["M10", "H12", "Weekly", "Monthly"])
def test_exported_bars_of_no_use_are_not_taken_for_ticks(tmp_path: Path, name: str) -> None:
    export(tmp_path)
    (tmp_path / f"EURUSD_{name}_202603010000_202603310000.csv").write_text(DAILY, encoding="utf-8")
    assert list(read_folder(tmp_path).symbols) == ["EURUSD"]


# The broker's clock --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "moment", "hours"),
    [
        ("new-york-close", "2026-03-06 12:00:00", 2),
        ("new-york-close", "2026-03-09 12:00:00", 3),
        ("Europe/Athens", "2026-03-09 12:00:00", 2),
        ("Europe/Athens", "2026-03-30 12:00:00", 3),
        ("+05:30", "2026-03-30 12:00:00", 5.5),
        ("UTC", "2026-03-30 12:00:00", 0),
    ],
)
def test_wall_clock_there_and_back(zone: str, moment: str, hours: float) -> None:
    found, utc_ms = zone_of(zone), at(moment)
    wall_ms = found.wall_ms(utc_ms)
    assert wall_ms - utc_ms == hours * HOUR_MS
    assert found.utc_ms(np.array([wall_ms, wall_ms + 1])).tolist() == [utc_ms, utc_ms + 1]


def test_measured_offset_says_new_york_where_it_fits_and_else_nothing() -> None:
    winter, summer = at("2026-01-15 12:00:00"), at("2026-07-15 12:00:00")
    close = zone_of("new-york-close")
    assert usual_zone(2 * HOUR_MS, winter) == close
    assert usual_zone(3 * HOUR_MS, summer) == close
    assert usual_zone(2 * HOUR_MS, summer) is None
    assert usual_zone(-5 * HOUR_MS - HOUR_MS // 2, winter) is None


def test_nothing_in_is_nothing_out() -> None:
    assert zone_of("UTC").utc_ms(np.array([], dtype=np.int64)).tolist() == []
