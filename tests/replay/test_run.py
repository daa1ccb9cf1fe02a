"""The folder of a run: what is written is what is read, and a damaged folder is told by file and fix."""

from pathlib import Path

import numpy as np
import pytest

from bridge.errors import ReplayError
from bridge.market.recording import BarSeries
from bridge.replay.columns import arrow, read_table, write_table
from bridge.replay.folder import new_folder
from bridge.replay.run import (
    BARS_FILE,
    CHECKPOINT_FILE,
    DECISIONS_FILE,
    EQUITY_FILE,
    RUN_FILE,
    TRADES_FILE,
    RunWriter,
    read_info,
    read_run,
)
from tests.replay.runs import (
    DAILY,
    QUARTER_MS,
    breach,
    make_decision,
    make_equity,
    make_info,
    make_trade,
    write_run,
)


def bars(*closes: float) -> BarSeries:
    close = np.array(closes)
    return BarSeries(
        timeframe="H1",
        time_ms=3_600_000 * np.arange(len(closes), dtype=np.int64),
        open=close,
        high=close + 1,
        low=close - 1,
        close=close,
    )


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    made = RunWriter(tmp_path / "deep" / "run")
    refused = make_decision(1, code="NO_EDGE", message="too little", lots=0.0, entry=None, stop_loss=None, ticket=0)
    made.decisions.extend([make_decision(0), refused])
    made.trades.append(make_trade(-510.25, r_multiple=None))
    made.equity.extend([make_equity(100_000.0, 99_000.5), make_equity(99_100.0, start_ms=10**12)])
    made.bars.update({"EURUSD": bars(1.0, 2.0), "hostile <b>": bars(3.0)})
    return made


def test_a_run_that_is_read_is_the_run_that_was_written(writer: RunWriter) -> None:
    info = make_info(writer, breach=breach(), notes=("one file was short",))
    writer.write(info)
    run = read_run(writer.folder)
    assert (run.info, run.decisions, run.trades) == (info, writer.decisions, writer.trades)
    assert run.equity.equity.tolist() == [100_000.0, 99_000.5, 99_100.0]
    assert run.equity.time_ms.dtype == np.int64
    assert run.equity.time_ms[1] - run.equity.time_ms[0] == QUARTER_MS
    assert run.equity.headrooms[DAILY].tolist() == [5_000.0, 4_000.5, 4_100.0]
    assert list(run.bars) == ["EURUSD", "hostile <b>"]
    assert run.bars["EURUSD"].high.tolist() == [2.0, 3.0]
    assert run.bars["hostile <b>"].close.tolist() == [3.0]


def test_a_run_without_a_decision_is_a_run(tmp_path: Path) -> None:
    run = read_run(write_run(RunWriter(tmp_path)))
    assert (run.decisions, run.trades, len(run.equity), run.bars) == ([], [], 0, {})
    assert list(run.equity.floors) == [rule.name for rule in run.info.rules]


def test_an_unknown_floor_stays_unknown(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path)
    writer.equity.append(make_equity(1.0, 2.0))
    writer.equity[0].floors[DAILY][0] = np.nan
    assert np.isnan(read_run(write_run(writer)).equity.floors[DAILY]).tolist() == [True, False]


def test_writing_again_replaces_and_leaves_nothing_beside(writer: RunWriter) -> None:
    write_run(writer, complete=False)
    writer.trades.append(make_trade(20.0, ticket=2))
    write_run(writer)
    assert [trade.net for trade in read_run(writer.folder).trades] == [-510.25, 20.0]
    files = {path.name for path in writer.folder.iterdir()}
    assert files == {RUN_FILE, DECISIONS_FILE, TRADES_FILE, EQUITY_FILE, BARS_FILE}


def test_a_value_that_may_not_be_missing_is_not_written(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path)
    writer.decisions.append(make_decision(0, symbol=None))
    with pytest.raises(ReplayError, match=r"DecisionRow\.symbol"):
        write_run(writer)


def test_files_of_two_runs_are_not_one(writer: RunWriter) -> None:
    write_run(writer)
    kept = (writer.folder / RUN_FILE).read_bytes()
    writer.trades.clear()
    write_run(writer)
    (writer.folder / RUN_FILE).write_bytes(kept)
    with pytest.raises(ReplayError, match=r"trades\.parquet has 0 rows, but run\.json tells of 1.* a new folder"):
        read_run(writer.folder)
    (writer.folder / CHECKPOINT_FILE).touch()
    with pytest.raises(ReplayError, match=r"trades\.parquet has 0 rows, but run\.json tells of 1.* with --continue"):
        read_run(writer.folder)


def test_a_folder_without_run_json_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"not the folder of a run: it has no run\.json"):
        read_info(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", r"run\.json: "),
        (b'{"format": 2}', "has format 2, this lotbridge reads 1"),
        (b'{"format": 1}', "missing required field `name`"),
        (b'{"format": "\xff"}', r"run\.json: "),
    ],
)
def test_a_damaged_run_json_is_told(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / RUN_FILE).write_bytes(text)
    with pytest.raises(ReplayError, match=said):
        read_info(tmp_path)


@pytest.mark.parametrize("name", [DECISIONS_FILE, TRADES_FILE, EQUITY_FILE, BARS_FILE])
def test_a_missing_or_damaged_file_is_told_with_its_name(writer: RunWriter, name: str) -> None:
    write_run(writer)
    path = writer.folder / name
    path.write_bytes(b"PAR1 no")
    with pytest.raises(ReplayError, match=f"{name} cannot be read"):
        read_run(writer.folder)
    path.unlink()
    with pytest.raises(ReplayError, match=f"{name} is missing"):
        read_run(writer.folder)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        (DECISIONS_FILE, "reply"),
        (TRADES_FILE, "worst"),
        (EQUITY_FILE, "low"),
        (EQUITY_FILE, "floor:max_loss"),
        (BARS_FILE, "symbol"),
    ],
)
def test_a_missing_column_is_told(writer: RunWriter, name: str, column: str) -> None:
    write_run(writer)
    path = writer.folder / name
    write_table(path, read_table(path).drop_columns([column]))
    with pytest.raises(ReplayError, match=f"{name} has no column {column}"):
        read_run(writer.folder)


def test_a_row_without_a_value_is_told(writer: RunWriter) -> None:
    write_run(writer)
    path = writer.folder / BARS_FILE
    table = read_table(path)
    place = table.schema.get_field_index("close")
    write_table(path, table.set_column(place, "close", arrow().array([1.0, None, 2.0])))
    with pytest.raises(ReplayError, match="a row has no close"):
        read_run(writer.folder)


def test_a_folder_with_a_journal_alone_is_refused_and_the_journal_stays(tmp_path: Path) -> None:
    """It may be that of --pace, which nothing else holds."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "journal.sqlite").write_bytes(b"kept")
    with pytest.raises(ReplayError, match="holds the journal of a run that was killed in its first seconds, or of"):
        new_folder(folder)
    assert (folder / "journal.sqlite").read_bytes() == b"kept"
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ReplayError, match="is not empty"):
        new_folder(folder)
