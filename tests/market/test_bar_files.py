"""Recorded bars keep the time at which they opened: nobody sees a price before it was made."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from bridge.errors import MarketError
from bridge.market.bar_files import find_bars
from bridge.market.broker_zone import BrokerZone, zone_of
from bridge.market.files import read_folder
from bridge.market.mt5_csv import read_bars
from bridge.market.recording import TIMEFRAME_MS, BarSeries, RecordedMarket
from bridge.record import files
from bridge.record.recorder import Recorder
from bridge.terminal.mt5.asks import Columns
from tests.builders import at
from tests.market.test_files import EURUSD, write_specs, write_ticks

HOUR, DAY = 3_600_000, 86_400_000
STEP = 900_000
DAYS = 5
ZONES = (
    "new-york-close", "Europe/Athens", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC", "+02:00", "-05:00", "+05:30",
)  # fmt: skip
CHANGES = ("2026-03-06", "2026-03-27", "2026-04-03", "2026-10-02", "2026-10-23", "2026-10-30")
"""Some days before clocks change somewhere."""
NAMES = {"D1": "Daily"}


def bid(time_ms: int) -> float:
    """A price that says when it was made."""
    return round(1 + time_ms / STEP / 1e8, 8)


def made_ms(price: float) -> int:
    return round((price - 1) * 1e8) * STEP


def wall_bars(zone: BrokerZone, timeframe: str, first_ms: int, *, twice: bool) -> list[tuple[int, list[int]]]:
    """What a terminal has of each bar: its opening by the broker's clock, and when its ticks were.

    Where the clock goes back, the hour that comes twice makes one set of bars, or (`twice`) two.
    """
    bars: list[tuple[int, list[int]]] = []
    places: dict[int, int] = {}
    for time_ms in range(first_ms, first_ms + DAYS * DAY, STEP):
        wall_ms = zone.wall_ms(time_ms)
        opening = wall_ms - wall_ms % TIMEFRAME_MS[timeframe]
        if twice and bars and bars[-1][0] != opening:
            places.pop(opening, None)
        if opening not in places:
            places[opening] = len(bars)
            bars.append((opening, []))
        bars[places[opening]][1].append(time_ms)
    return bars


def export(folder: Path, zone: BrokerZone, timeframe: str, bars: list[tuple[int, list[int]]]) -> None:
    lines = ["<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"]
    for opening, times in bars:
        moment = str(np.datetime64(opening, "ms")).replace("-", ".").replace("T", "\t")
        prices = [bid(times[0]), bid(times[-1]), bid(times[0]), bid(times[-1])]
        lines.append("\t".join([moment, *(f"{each:.8f}" for each in prices), f"{len(times)}", "0", "1"]))
    name = f"EURUSD_{NAMES.get(timeframe, timeframe)}_202601010000_202612312359.csv"
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "broker_zone.txt").write_text(zone.name, encoding="utf-8")


def record(folder: Path, zone: BrokerZone, timeframe: str, bars: list[tuple[int, list[int]]]) -> None:
    """As `lotbridge record` puts them into UTC."""
    recorder = object.__new__(Recorder)
    recorder._zone = zone
    firsts, lasts = (np.array([bid(times[at]) for _, times in bars]).tobytes() for at in (0, -1))
    seconds = np.array([opening // 1000 for opening, _ in bars], dtype=np.int64).tobytes()
    counts = np.array([len(times) for _, times in bars], dtype=np.int64).tobytes()
    series = recorder._bars_of(timeframe, Columns(seconds, [firsts, lasts, firsts, lasts], counts))
    files.add_bars(files.bars_path(folder, "EURUSD", timeframe), "EURUSD", series)


def market_of(folder: Path, source: str, first_ms: int) -> RecordedMarket:
    write_specs(folder, EURUSD)
    times = np.arange(first_ms, first_ms + DAYS * DAY, STEP)
    bids = np.array([bid(int(each)) for each in times])
    write_ticks(folder, source=source, time_msc=times, bid=bids, ask=bids + 0.001)
    return read_folder(folder)


@pytest.mark.parametrize("write", [export, record])
def test_recorded_bars_tell_how_many_ticks_they_had(tmp_path: Path, write: Callable[..., None]) -> None:
    zone, first_ms = zone_of("UTC"), at("2026-03-02 00:00:00")
    write(tmp_path, zone, "H1", wall_bars(zone, "H1", first_ms, twice=False)[:24])
    market = market_of(tmp_path, "csv" if write is export else "mt5", first_ms)
    bars = market.symbols["EURUSD"].bars
    assert counts(bars["H1"]) == [4] * (24 * DAYS), "four quarters of an hour; then those of the ticks"
    assert counts(bars["D1"]) == [96] * DAYS


def counts(bars: BarSeries) -> list[int] | None:
    return None if bars.tick_volume is None else bars.tick_volume.tolist()


def rewritten(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def recorded_hours(folder: Path) -> Path:
    zone, first_ms = zone_of("UTC"), at("2026-03-02 00:00:00")
    record(folder, zone, "H1", wall_bars(zone, "H1", first_ms, twice=False)[:3])
    return files.bars_path(folder, "EURUSD", "H1")


def test_files_of_before_ticks_were_counted_are_read_and_added_to(tmp_path: Path) -> None:
    zone, first_ms = zone_of("UTC"), at("2026-03-02 00:00:00")
    path = recorded_hours(tmp_path)
    rewritten(path, lambda table: table.drop_columns(["tick_volume"]))
    bars = market_of(tmp_path, "mt5", first_ms).symbols["EURUSD"].bars["H1"]
    assert counts(bars) == [0] * 3 + [4] * (24 * DAYS - 3)
    record(tmp_path, zone, "H1", wall_bars(zone, "H1", first_ms, twice=False)[2:4])
    assert pq.read_table(path).column("tick_volume").to_pylist() == [0, 0, 4, 4]
    assert len(read_folder(tmp_path).symbols["EURUSD"].bars["H1"]) == 24 * DAYS


def test_of_two_files_one_may_know_ticks(tmp_path: Path) -> None:
    zone, first_ms = zone_of("UTC"), at("2026-03-02 00:00:00")
    rewritten(recorded_hours(tmp_path), lambda table: table.drop_columns(["tick_volume"]))
    bars = wall_bars(zone, "H1", first_ms, twice=False)[3:6]
    (tmp_path / "other").mkdir()
    record(tmp_path / "other", zone, "H1", bars)
    later = files.bars_path(tmp_path / "other", "EURUSD", "H1")
    later.rename(tmp_path / "bars_mt5_H1_later.parquet")
    shown = market_of(tmp_path, "mt5", first_ms).symbols["EURUSD"].bars["H1"]
    assert counts(shown)[:7] == [0, 0, 0, 4, 4, 4, 4]


@pytest.mark.parametrize(
    ("told", "shown"), [([7, None, 9], [7, 0, 9]), ([7.0, 8.0, 9.0], [7, 8, 9]), ([None] * 3, [0] * 3)]
)
def test_ticks_of_bars_that_are_missing_in_a_file_are_not_known(
    tmp_path: Path, told: list[float | None], shown: list[int]
) -> None:
    place = 6
    rewritten(recorded_hours(tmp_path), lambda table: table.set_column(place, "tick_volume", pa.array(told)))
    bars = market_of(tmp_path, "mt5", at("2026-03-02 00:00:00")).symbols["EURUSD"].bars["H1"]
    assert (counts(bars) or [])[:3] == shown


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ([7, -1, 9], "row 1: tick_volume is no number of ticks"),
        ([7.5, 8.0, 9.0], "row 0: tick_volume is no number of ticks"),
        ([7.0, 8.0, float("inf")], "row 2: tick_volume is no number of ticks"),
        (["a"] * 3, "not numbers"),
    ],
)
def test_ticks_of_bars_that_cannot_be_are_refused(tmp_path: Path, told: list[object], problem: str) -> None:
    rewritten(recorded_hours(tmp_path), lambda table: table.set_column(6, "tick_volume", pa.array(told)))
    with pytest.raises(MarketError, match=problem):
        market_of(tmp_path, "mt5", at("2026-03-02 00:00:00"))


def exported(folder: Path, counted: str | None) -> Path:
    header = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>" + ("" if counted is None else "\t<TICKVOL>")
    row = "2026.03.02\t10:00\t1.1\t1.2\t1.0\t1.1" + ("" if counted is None else f"\t{counted}")
    path = folder / "EURUSD_H1_202603020000_202603022359.csv"
    path.write_text(f"{header}\n{row}\n", encoding="utf-8")
    (folder / "broker_zone.txt").write_text("UTC", encoding="utf-8")
    return path


@pytest.mark.parametrize(("counted", "shown"), [("120", [120]), ("0", [0]), ("", [0]), (None, None)])
def test_exported_bars_may_tell_their_ticks(tmp_path: Path, counted: str | None, shown: list[int] | None) -> None:
    bars, left_out = read_bars(exported(tmp_path, counted), "H1")
    assert (counts(bars), left_out, bars.close.tolist()) == (shown, 0, [1.1])


@pytest.mark.parametrize("counted", ["1.5", "-1", "many", "9" * 19])
def test_ticks_of_exported_bars_that_cannot_be_are_refused(tmp_path: Path, counted: str) -> None:
    with pytest.raises(MarketError, match=r"line 2: .* is no number of ticks"):
        read_bars(exported(tmp_path, counted), "H1")


def assert_nothing_is_early(bars: BarSeries) -> None:
    assert (np.diff(bars.time_ms) > 0).all()
    for at_ms, low, high in zip(bars.time_ms.tolist(), bars.low.tolist(), bars.high.tolist(), strict=True):
        assert at_ms <= made_ms(low)
        seen = bars.closed_before(made_ms(high))
        assert not len(seen) or seen.time_ms[-1] < at_ms


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(ZONES), st.sampled_from(CHANGES), st.integers(0, 95), st.sampled_from(sorted(TIMEFRAME_MS)),
    st.sampled_from((export, record)), st.booleans(),
)  # fmt: skip
def test_no_bar_that_has_closed_holds_a_price_from_later(
    tmp_path_factory: pytest.TempPathFactory, name: str, day: str, late: int, timeframe: str,
    write: Callable[..., None], twice: bool,
) -> None:  # fmt: skip
    zone, folder = zone_of(name), tmp_path_factory.mktemp("bars")
    first_ms = at(f"{day} 00:00:00") + late * STEP
    write(folder, zone, timeframe, wall_bars(zone, timeframe, first_ms, twice=twice))
    market = market_of(folder, "csv" if write is export else "mt5", first_ms)
    assert find_bars(folder)
    for bars in market.symbols["EURUSD"].bars.values():
        assert_nothing_is_early(bars)


def test_daily_bars_of_a_broker_are_seen_at_the_end_of_its_day(tmp_path: Path) -> None:
    zone, first_ms = zone_of("new-york-close"), at("2026-03-02 22:00:00")
    export(tmp_path, zone, "D1", wall_bars(zone, "D1", first_ms, twice=False))
    market = market_of(tmp_path, "csv", first_ms)
    bars = market.symbols["EURUSD"].bars["D1"]
    assert bars.time_ms.tolist()[:2] == [first_ms, at("2026-03-03 22:00:00")]
    assert bars.closed_before(at("2026-03-04 00:00:01")).time_ms.tolist() == [first_ms]
    assert len(bars.closed_before(at("2026-03-04 22:00:00"))) == 2
    assert any("D1 bars of csv open at other times than UTC's" in note for note in market.notes)


def test_bars_go_on_from_the_hour_at_which_recorded_days_begin(tmp_path: Path) -> None:
    zone, first_ms = zone_of("+02:00"), at("2026-03-02 22:00:00")
    export(tmp_path, zone, "D1", wall_bars(zone, "D1", first_ms, twice=False)[:2])
    bars = market_of(tmp_path, "csv", first_ms).symbols["EURUSD"].bars["D1"]
    assert np.diff(bars.time_ms).tolist() == [DAY] * (DAYS - 1)
    assert bars.open.tolist() == [bid(each) for each in bars.time_ms.tolist()]


@pytest.mark.parametrize(("name", "fits"), [("+02:00", False), ("+04:00", True)])
def test_bars_are_put_together_only_where_they_fit(tmp_path: Path, name: str, fits: bool) -> None:
    zone, first_ms = zone_of(name), at("2026-03-02 22:00:00")
    earlier_ms = first_ms - DAY
    export(tmp_path, zone, "H4", wall_bars(zone, "H4", earlier_ms, twice=False))
    market = market_of(tmp_path, "csv", first_ms)
    bars = market.symbols["EURUSD"].bars["D1"]
    refused = "EURUSD: H4 bars of csv were not put together into D1: some reach over the end of UTC's"
    assert (refused in market.notes) == (not fits)
    assert bars.time_ms[0] == at("2026-03-01 00:00:00" if fits else "2026-03-02 00:00:00")
    assert (bars.time_ms % DAY == 0).all()


def test_bars_during_which_the_clock_went_back_are_left_out_and_told(tmp_path: Path) -> None:
    zone, first_ms = zone_of("Europe/Athens"), at("2026-10-22 21:00:00")
    export(tmp_path, zone, "D1", wall_bars(zone, "D1", first_ms, twice=False))
    market = market_of(tmp_path, "csv", first_ms)
    bars = market.symbols["EURUSD"].bars["D1"]
    assert at("2026-10-24 21:00:00") not in bars.time_ms
    assert any("1 bars left out, the broker's clock went back" in note for note in market.notes)
