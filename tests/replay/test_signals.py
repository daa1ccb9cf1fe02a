"""Signals from files: what is read is what is written, and every fault is named with its place, column and fix."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import ReplayError
from bridge.replay.signals import ALIASES, Signals, read_signals
from bridge.replay.strategy import Entry, Stance, View
from tests.builders import NOW_MS, at

HEADER = "time,symbol,side,stop,target,confidence,market_score,exit,strategy,magic"
MINUTE_MS = 60_000


def csv_of(folder: Path, *rows: str, header: str = HEADER, name: str = "signals.csv") -> Path:
    path = folder / name
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def seen_at(now_ms: int) -> View:
    return cast("View", SimpleNamespace(now_ms=now_ms))


def entries(signals: Signals) -> list[tuple[int, Entry | Stance]]:
    return [(int(moment), entry) for moment in signals.times() for entry in signals.on_time(seen_at(int(moment)))]


def faults(path: Path) -> list[str]:
    """What is wrong with a file, without its first line."""
    with pytest.raises(ReplayError) as raised:
        read_signals(path)
    first, *rest = str(raised.value).split("\n  ")
    assert str(path) in first
    return rest


def test_a_full_row_is_an_entry_at_its_moment(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "2026-03-04T10:00:00Z,EURUSD,buy,1.09,1.12,80,55.5,2026-03-04T15:00:00Z,swing,42")
    signals = read_signals(path)
    assert signals.name == "signals.csv"
    assert signals.timeframe is None
    assert signals.times().dtype == np.int64
    assert entries(signals) == [
        (
            NOW_MS,
            Entry(
                symbol="EURUSD",
                side="buy",
                stop_loss=1.09,
                take_profit=1.12,
                confidence=80.0,
                market_score=55.5,
                exit_ms=NOW_MS + 5 * 60 * MINUTE_MS,
                magic=42,
                strategy="swing",
            ),
        )
    ]


def test_empty_cells_leave_the_policy_to_decide(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "2026-03-04T10:00:00Z,EURUSD,sell,,", header="time,symbol,side,stop,target")
    assert entries(read_signals(path)) == [(NOW_MS, Entry("EURUSD", "sell"))]


def test_signals_of_one_moment_keep_their_order_and_symbols_their_first_row(tmp_path: Path) -> None:
    rows = [f"{NOW_MS},{symbol},buy," for symbol in ("US30", "EURUSD", "DE40")]
    signals = read_signals(csv_of(tmp_path, *rows, f"{NOW_MS + 1},US30,buy,", header="time,symbol,side,stop"))
    assert signals.times().tolist() == [NOW_MS, NOW_MS + 1]
    assert [entry.symbol for entry in signals.on_time(seen_at(NOW_MS))] == ["US30", "EURUSD", "DE40"]
    assert signals.first_rows == {"US30": "line 2", "EURUSD": "line 3", "DE40": "line 4"}


def test_being_asked_at_another_moment_is_never_silence(tmp_path: Path) -> None:
    signals = read_signals(csv_of(tmp_path, f"{NOW_MS},EURUSD,buy,", header="time,symbol,side,stop"))
    with pytest.raises(ReplayError, match="no signal at"):
        signals.on_time(seen_at(NOW_MS + 1))


@pytest.mark.parametrize(
    ("text", "moment_ms"),
    [
        ("2026-03-04T10:00:00Z", NOW_MS),
        ("2026-03-04 10:00", NOW_MS),
        ("2026-03-04T11:00:00+01:00", NOW_MS),
        ("20260304T100000", NOW_MS),
        ("2026-03-04T10:00:00.250", NOW_MS + 250),
        ("2026-03-04T10:00:00.000001", NOW_MS + 1),
        (str(NOW_MS), NOW_MS),
    ],
)
def test_times_are_utc_unless_they_say_another_zone_and_never_earlier_than_told(
    tmp_path: Path, text: str, moment_ms: int
) -> None:
    path = csv_of(tmp_path, f"{text},EURUSD,buy,", header="time,symbol,side,stop")
    assert read_signals(path).times().tolist() == [moment_ms]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("2026-03-04", "without an hour"),
        ("2026.03.04 10:00", "broker's time"),
        ("1772618400", "looks like seconds"),
        ("177261840000000", "not between 1990 and 2200"),
        ("-5", "not between 1990 and 2200"),
        ("yesterday", "not ISO 8601"),
        ("2026-13-01T00:00:00Z", "not ISO 8601"),
        ("0001-01-01T00:00:00+23:59", "not between 1990 and 2200"),
        ("nan", "not ISO 8601"),
    ],
)
def test_a_time_that_may_mean_something_else_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (fault,) = faults(csv_of(tmp_path, f"{text},EURUSD,buy,", header="time,symbol,side,stop"))
    assert fault.startswith("line 2, time: ")
    assert said in fault


@pytest.mark.parametrize(
    ("row", "place", "said"),
    [
        (",,buy,,,,,,,", "line 2, time", "it is empty"),
        (f"{NOW_MS},,buy,,,,,,,", "line 2, symbol", "it is empty"),
        (f"{NOW_MS},EURUSD,hold,,,,,,,", "line 2, side", "'hold', neither buy nor sell"),
        (f"{NOW_MS},EURUSD,0,,,,,,,", "line 2, side", "neither buy nor sell"),
        (f"{NOW_MS},EURUSD,,,,,,,,", "line 2, side", "it is empty"),
        (f"{NOW_MS},EURUSD,buy,nan,,,,,,", "line 2, stop", "is nan, not a positive price"),
        (f"{NOW_MS},EURUSD,buy,0,,,,,,", "line 2, stop", "is 0.0, not a positive price"),
        (f"{NOW_MS},EURUSD,buy,inf,,,,,,", "line 2, stop", "is inf, not a positive price"),
        (f"{NOW_MS},EURUSD,buy,1_0,,,,,,", "line 2, stop", "not a number"),
        (f"{NOW_MS},EURUSD,buy,,abc,,,,,", "line 2, target", "'abc', not a number"),
        (f"{NOW_MS},EURUSD,buy,1.2,1.1,,,,,", "line 2, stop", "not below the target 1.1 as a buy needs"),
        (f"{NOW_MS},EURUSD,sell,1.1,1.2,,,,,", "line 2, stop", "not above the target 1.2 as a sell needs"),
        (f"{NOW_MS},EURUSD,buy,1.1,1.1,,,,,", "line 2, stop", "not below the target"),
        (f"{NOW_MS},EURUSD,buy,,,101,,,,", "line 2, confidence", "is 101.0, not 0 to 100"),
        (f"{NOW_MS},EURUSD,buy,,,nan,,,,", "line 2, confidence", "is nan, not 0 to 100"),
        (f"{NOW_MS},EURUSD,buy,,,,-1,,,", "line 2, market_score", "is -1.0, not 0 to 100"),
        (f"{NOW_MS},EURUSD,buy,,,,,{NOW_MS},,", "line 2, exit", "is not later than the entry"),
        (f"{NOW_MS},EURUSD,buy,,,,,{NOW_MS - 1},,", "line 2, exit", "is not later than the entry"),
        (f"{NOW_MS},EURUSD,buy,,,,,,{'s' * 33},", "line 2, strategy", "more than 32 characters"),
        (f"{NOW_MS},EURUSD,buy,,,,,,,1.5", "line 2, magic", "not a whole number"),
        (f"{NOW_MS},EURUSD,buy,,,,,,,{2**63}", "line 2, magic", "more than 64 bits"),
        (f"{NOW_MS},{'E' * 65},buy,,,,,,,", "line 2, symbol", "not 1 to 64 characters"),
        (f"{NOW_MS},EURUSD,buy", "line 2", "3 values under 10 columns"),
    ],
)
def test_every_fault_of_a_row_names_line_column_and_fix(tmp_path: Path, row: str, place: str, said: str) -> None:
    told = [fault for fault in faults(csv_of(tmp_path, row)) if fault.startswith(f"{place}: ")]
    assert any(said in fault for fault in told), told


def test_a_comma_for_a_point_is_explained(tmp_path: Path) -> None:
    (fault,) = faults(csv_of(tmp_path, f"{NOW_MS};EURUSD;buy;1,09", header="time;symbol;side;stop"))
    assert fault == "line 2, stop: '1,09', not a number with a point; repair the row"


def test_all_faults_are_told_at_once_up_to_twenty(tmp_path: Path) -> None:
    path = csv_of(tmp_path, *[f"{NOW_MS + n},EURUSD,up," for n in range(30)], header="time,symbol,side,stop")
    told = faults(path)
    assert [fault.split(",")[0] for fault in told[:20]] == [f"line {n}" for n in range(2, 22)]
    assert told[20:] == ["and 10 more"]


def test_rows_that_are_not_sorted_are_refused_and_never_sorted(tmp_path: Path) -> None:
    rows = [f"{NOW_MS + n},EURUSD,buy," for n in (0, 5, 3, 9)]
    (fault,) = faults(csv_of(tmp_path, *rows, header="time,symbol,side,stop"))
    assert fault == "line 4, time: it is before that of line 3; sort the rows by time"


def test_the_same_signal_twice_is_refused_and_another_stop_is_another_signal(tmp_path: Path) -> None:
    rows = [f"{NOW_MS},EURUSD,buy,1.09", f"{NOW_MS},EURUSD,buy,1.08", f"{NOW_MS},EURUSD,long,1.090"]
    header = "time,symbol,side,stop"
    assert faults(csv_of(tmp_path, *rows, header=header)) == ["line 4: the same signal as in line 2; remove one"]
    assert len(entries(read_signals(csv_of(tmp_path, *rows[:2], header=header)))) == 2


@pytest.mark.parametrize("name", [alias for name, aliases in ALIASES.items() for alias in (name, *aliases)])
def test_columns_are_known_by_every_name_in_any_case(tmp_path: Path, name: str) -> None:
    cells = {"time": str(NOW_MS), "symbol": "EURUSD", "side": "buy", "stop": "1.09", "target": "1.2", "magic": "3"}
    cells |= {"confidence": "70", "market_score": "60", "exit": str(NOW_MS + 1), "strategy": "s"}
    meant = next(key for key, aliases in ALIASES.items() if name in (key, *aliases))
    header = ",".join(name.upper().replace("_", " ") if key == meant else key for key in cells)
    made = entries(read_signals(csv_of(tmp_path, ",".join(cells.values()), header=header)))
    assert made == [(NOW_MS, Entry("EURUSD", "buy", 1.09, 1.2, 70.0, 60.0, NOW_MS + 1, 3, "s"))]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("symbol,side,stop", "the column time is missing"),
        ("time,symbol,side", "the column stop is missing; add it; leave its cells empty for the policy's ATR stop"),
        ("time,symbol,side,stop,confidense", "the column confidense is unknown; is it confidence?"),
        ("time,symbol,side,stop,colour", "the column colour is unknown; known are time, symbol"),
        ("time,symbol,side,stop,SL", "the columns stop and SL both mean stop"),
        (",time,symbol,side,stop", "column 1 has no name"),
    ],
)
def test_a_column_that_is_missing_unknown_or_there_twice_is_refused(tmp_path: Path, header: str, said: str) -> None:
    path = csv_of(tmp_path, ",".join("1" for _ in header.split(",")), header=header)
    assert any(said in fault for fault in faults(path))


STANCES = "time,symbol,direction,confidence,risk"


def test_rows_may_say_what_is_expected_for_the_rules_about_open_positions(tmp_path: Path) -> None:
    rows = [
        f"{NOW_MS},EURUSD,Bullish,70,low",
        f"{NOW_MS},GBPUSD,bearish,,HIGH",
        f"{NOW_MS},USDJPY,bearish,,",
        f"{NOW_MS + 1},EURUSD,neutral,,",
    ]
    signals = read_signals(csv_of(tmp_path, *rows, header=STANCES))
    assert entries(signals) == [
        (NOW_MS, Stance("EURUSD", "bullish", 70.0, "low")),
        (NOW_MS, Stance("GBPUSD", "bearish", None, "high")),
        (NOW_MS, Stance("USDJPY", "bearish")),
        (NOW_MS + 1, Stance("EURUSD", None)),
    ]
    assert signals.has_stances
    assert signals.first_rows == {"EURUSD": "line 2", "GBPUSD": "line 3", "USDJPY": "line 4"}


def test_entries_and_stances_stand_in_one_file(tmp_path: Path) -> None:
    header = "time,symbol,side,stop,risk,magic"
    rows = [f"{NOW_MS},EURUSD,buy,1.09,,4", f"{NOW_MS},EURUSD,bullish,,medium,0"]
    signals = read_signals(csv_of(tmp_path, *rows, header=header))
    assert [each for _, each in entries(signals)] == [
        Entry("EURUSD", "buy", 1.09, magic=4), Stance("EURUSD", "bullish", None, "medium")
    ]  # fmt: skip
    assert not read_signals(csv_of(tmp_path, rows[0], header=header)).has_stances


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (STANCES, ["N,EURUSD,bullish,101,"], "line 2, confidence: is 101.0, not 0 to 100; repair the row"),
        (STANCES, ["N,EURUSD,bullish,,some"], "line 2, risk: 'some', neither high nor medium nor low"),
        (STANCES, ["N,EURUSD,neutral,50,"], "line 2, confidence: has no place in a row that is neutral"),
        (STANCES, ["N,EURUSD,neutral,,low"], "line 2, risk: has no place in a row that is neutral"),
        (STANCES, ["N,EURUSD,up,,", "N,GBPUSD,neutral,,"], "line 2, side: 'up', neither buy nor sell"),
        (STANCES, ["N,EURUSD,buy,,"], "the column stop is missing; add it"),
        (HEADER, ["N,EURUSD,bullish,1.09,,,,,,"], "line 2, stop: has no place in a row that is bullish"),
        (HEADER, ["N,EURUSD,bullish,,1.2,,,,,"], "line 2, target: has no place in a row that is bullish"),
        (HEADER, ["N,EURUSD,bearish,,,,50,,,"], "line 2, market_score: has no place"),
        (HEADER, ["N,EURUSD,bearish,,,,,1999999999999,,"], "line 2, exit: has no place"),
        (HEADER, ["N,EURUSD,bearish,,,,,,swing,"], "line 2, strategy: has no place"),
        (HEADER, ["N,EURUSD,bearish,,,,,,,7"], "line 2, magic: has no place"),
        ("time,symbol,side,stop,risk", ["N,EURUSD,buy,1.09,low"], "line 2, risk: is only for rows whose side"),
        (STANCES, ["N,EURUSD,bullish,,", "N,EURUSD,bullish,,"], "line 3: the same signal as in line 2; remove one"),
        (STANCES, ["N,EURUSD,bullish,,", "N,EURUSD,neutral,,"], "line 3, side: something else is expected of EURUSD"),
    ],
)  # fmt: skip
def test_a_stance_that_says_too_much_or_two_things_is_refused(
    tmp_path: Path, header: str, rows: list[str], said: str
) -> None:
    told = faults(csv_of(tmp_path, *[row.replace("N", str(NOW_MS), 1) for row in rows], header=header))
    assert any(fault.startswith(said) for fault in told), told


@pytest.mark.parametrize("body", ["", "\n\n", HEADER])
def test_a_file_without_signals_is_refused(tmp_path: Path, body: str) -> None:
    path = tmp_path / "signals.csv"
    path.write_text(body, encoding="utf-8")
    with pytest.raises(ReplayError, match="has no signals"):
        read_signals(path)


def test_what_is_no_file_of_signals_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="is not a file"):
        read_signals(tmp_path / "none.csv")
    with pytest.raises(ReplayError, match=r"neither \.csv nor \.parquet"):
        read_signals(tmp_path / "signals.xlsx")
    for name in ("bad.csv", "bad.parquet"):
        (tmp_path / name).write_bytes(b"\xff\x00\xfe" * 9)
        with pytest.raises(ReplayError, match="is not a readable"):
            read_signals(tmp_path / name)


def test_windows_spreadsheets_are_read(tmp_path: Path) -> None:
    path = tmp_path / "signals.csv"
    path.write_bytes(f"Time;Symbol;Side;Stop\r\n{NOW_MS};EURUSD;BUY;1.09\r\n".encode("utf-16"))
    assert entries(read_signals(path)) == [(NOW_MS, Entry("EURUSD", "buy", 1.09))]


def parquet_of(folder: Path, **columns: Any) -> Path:
    path = folder / "signals.parquet"
    given = {"symbol": ["EURUSD", "EURUSD"], "side": ["buy", "sell"], "stop": [1.09, None]} | columns
    pq.write_table(pa.table(given), path)
    return path


@pytest.mark.parametrize(
    "time",
    [
        pa.array([NOW_MS, NOW_MS + 1]),
        pa.array([NOW_MS, NOW_MS + 1], pa.timestamp("ms")),
        pa.array([NOW_MS * 1000 - 999, NOW_MS * 1000 + 1], pa.timestamp("us", tz="Europe/Berlin")),
        pa.array([NOW_MS * 1_000_000, NOW_MS * 1_000_000 + 1], pa.timestamp("ns", tz="UTC")),
        pa.array(["2026-03-04T10:00:00Z", "2026-03-04T10:00:00.001Z"]),
    ],
    ids=lambda time: str(time.type),
)
def test_parquet_gives_the_same_as_csv(tmp_path: Path, time: Any) -> None:
    text = csv_of(tmp_path, f"{NOW_MS},EURUSD,buy,1.09", f"{NOW_MS + 1},EURUSD,sell,", header="time,symbol,side,stop")
    assert entries(read_signals(parquet_of(tmp_path, time=time))) == entries(read_signals(text))


def test_pandas_categories_and_whole_numbers_with_gaps_are_read(tmp_path: Path) -> None:
    path = parquet_of(
        tmp_path,
        time=[NOW_MS, NOW_MS + 1],
        side=pa.array(["long", "short"]).dictionary_encode(),
        magic=pa.array([7.0, None]),
    )
    assert [(entry.side, entry.magic) for _, entry in entries(read_signals(path))] == [("buy", 7), ("sell", 0)]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"time": [NOW_MS, None]}, "row 2, time: it is empty"),
        ({"time": pa.array([20_000, 20_001], pa.date32())}, "row 1, time: datetime.date(2024, 10, 4), a day without"),
        ({"time": [NOW_MS, NOW_MS + 1], "stop": [1.0, float("nan")]}, "row 2, stop: is nan, not a positive price"),
        ({"time": [NOW_MS, NOW_MS + 1], "stop": [True, False]}, "row 1, stop: True, not a number"),
        ({"time": [NOW_MS, NOW_MS + 1], "symbol": [1, 2]}, "row 1, symbol: 1, not a text"),
        ({"time": [NOW_MS, NOW_MS + 1], "magic": [1.5, 2.0]}, "row 1, magic: 1.5, not a whole number"),
        ({"time": [[NOW_MS], [NOW_MS]]}, "row 1, time"),
        ({"time": [NOW_MS, NOW_MS - 1]}, "row 2, time: it is before that of row 1"),
    ],
)
def test_rows_of_parquet_count_from_one(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    assert any(fault.startswith(said) for fault in faults(parquet_of(tmp_path, **columns)))


PRICES = st.floats(0.001, 1e6).map(lambda price: round(price, 5))
ROWS = st.tuples(
    st.integers(at("2020-01-01"), at("2030-01-01")),
    st.sampled_from(["EURUSD", "US30.cash", "DE40"]),
    st.sampled_from(["buy", "sell"]),
    st.tuples(PRICES, PRICES).filter(lambda pair: pair[0] != pair[1]),
    st.none() | st.floats(0, 100),
    st.none() | st.integers(1, 10**9),
    st.integers(-(2**63), 2**63 - 1),
)


def cell_of(value: object) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


@settings(deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=12, unique=True))
def test_whatever_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    wanted = []
    for time_ms, symbol, side, pair, confidence, wait_ms, magic in sorted(rows, key=lambda row: row[0]):
        stop, target = sorted(pair, reverse=side == "sell")
        exit_ms = None if wait_ms is None else time_ms + wait_ms
        wanted.append((time_ms, Entry(symbol, side, stop, target, confidence, None, exit_ms, magic)))
    lines = [",".join(cell_of(value) for value in (time_ms, *each[:5], *each[6:8])) for time_ms, each in wanted]
    header = "time,symbol,side,sl,tp,confidence,exit,magic"
    signals = read_signals(csv_of(tmp_path_factory.mktemp("signals"), *lines, header=header))
    assert entries(signals) == wanted
    assert (np.diff(signals.times()) > 0).all()


@settings(deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_file_is_signals_or_one_error(tmp_path_factory: pytest.TempPathFactory, body: str | bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "signals.csv"
    data = body if isinstance(body, bytes) else (HEADER + "\n" + body).encode("utf-8", "surrogatepass")
    path.write_bytes(data)
    try:
        times = read_signals(path).times()
    except ReplayError as fault:
        told = str(fault)
    else:
        told = f"{path}: {len(times)} moments" if len(times) else ""
    assert str(path) in told
