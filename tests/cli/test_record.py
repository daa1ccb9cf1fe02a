"""`lotbridge record` against the fake terminal: what is written plays, and a run that was broken off goes on."""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bridge.market.broker import SimulatedBroker
from bridge.market.files import read_folder
from bridge.terminal.mt5.dialogue import Dialogue
from tests.builders import NOW_MS, at, make_bars, make_broker, make_symbol
from tests.cli.conftest import Run
from tests.cli.mt5_folder import mt5_folder
from tests.settings.builders import write_folder
from tests.terminal.fake_mt5.terminal import FakeTerminal
from tests.terminal.mt5_rig import PACKAGES

DAYS = ("2026-03-04", "2026-03-05")
SECOND, HOUR = 1_000, 3_600_000
# The package's attribute of this name is the command.
COMMAND = importlib.import_module("bridge.cli.record")


def two_days() -> SimulatedBroker:
    """EURUSD on two days, ten seconds of ticks each, with hours before, and a deal."""
    rows = [(at(f"{day} 10:00:00") + i * SECOND, 1.1 + i / 1e5, 1.1001 + i / 1e5) for day in DAYS for i in range(10)]
    broker = make_broker(make_symbol(rows, bars=[make_bars("H1", NOW_MS + 7_200_000, [1.1] * 50, [700] * 50)]))
    broker.advance(NOW_MS + SECOND)
    broker.market_order("EURUSD", "buy", 0.1)
    broker.advance(at("2026-03-05 10:01:00"))
    return broker


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTerminal]:
    monkeypatch.setenv("PYTHONPATH", str(PACKAGES))
    monkeypatch.setattr(COMMAND, "WATCH_S", 0.3)
    monkeypatch.setattr(COMMAND, "APART_S", 0.0)
    made = FakeTerminal(tmp_path / "terminal", two_days(), offset_ms=2 * HOUR)
    yield made
    made.close()


@pytest.fixture
def live(fake: FakeTerminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The market is open, and its ticks are believed at once."""
    config = COMMAND.mt5_config
    quick = lambda *given, **named: msgspec.structs.replace(config(*given, **named), proof_s=0.2)  # noqa: E731
    monkeypatch.setattr(COMMAND, "mt5_config", quick)
    monkeypatch.setattr(COMMAND, "WATCH_S", 60.0)
    fake.live = True


def arguments(folder: Path, target: Path, *more: str) -> list[str | Path]:
    span = ("--symbol", "EURUSD", "--from", DAYS[0], "--to", DAYS[1], "--bars", "H1")
    return ["record", target, "--config", folder, *span, *more]


def told(folder: Path, target: Path, *more: str) -> list[str | Path]:
    """As `arguments`, with the broker's clock said."""
    return arguments(folder, target, "--zone", "+02:00", *more)


def answer(fake: FakeTerminal, first: int | None, last: int | None) -> dict[str, Any]:
    """What copy_ticks_range gives of the first day while only some of its ten ticks are loaded."""
    start = at(f"{DAYS[0]} 00:00:00") // SECOND
    rows = fake._copy_ticks_range({"now": fake.broker.now_ms}, "EURUSD", start, start + 86_400, -1)
    assert rows is not None
    return {"value": rows[first:last], "error": [1, "Success"]}


def first_day(target: Path) -> Path:
    return target / f"ticks_mt5_EURUSD_{DAYS[0]}.parquet"


def rows_of(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def hours_of(target: Path) -> list[int]:
    table = pq.read_table(target / "bars_mt5_H1_EURUSD.parquet")
    return [int(each) for each in table.column("time").cast("int64").to_pylist()]


@pytest.mark.usefixtures("live")
def test_recording_plays_and_holds_what_the_broker_had(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    target = tmp_path / "recording"
    outcome = run(*told(mt5_folder(tmp_path, fake), target))
    assert outcome.code == 0, outcome.err
    assert "10 ticks, 10 new, in progress (1 of 2)" in outcome.err
    assert outcome.err.splitlines()[0] == "Attaching to the terminal ..."
    assert "Watching for live ticks" in outcome.err.splitlines()[1]
    assert 'terminal = "recorded"' in outcome.out

    market = read_folder(target)
    recorded, original = market.symbols["EURUSD"], fake.broker.market.symbols["EURUSD"]
    assert recorded.ticks.time_ms.tolist() == original.ticks.time_ms.tolist()
    assert recorded.ticks.bid.tolist() == original.ticks.bid.tolist()
    assert recorded.spec.trade_contract_size == original.spec.trade_contract_size
    assert recorded.spec.trade_calc_mode == original.spec.trade_calc_mode
    hours = pq.read_table(target / "bars_mt5_H1_EURUSD.parquet")
    closed = original.bars["H1"].time_ms[:-1]
    assert hours.column("time").cast("int64").to_pylist() == closed.tolist()
    assert hours.column("tick_volume").to_pylist() == [700] * len(closed)
    deals = pq.read_table(target / "deals_mt5_555001.parquet").to_pylist()
    assert [deal["symbol"] for deal in deals] == ["", "EURUSD"]
    assert deals[1]["time_msc"] == NOW_MS + SECOND
    assert not list(target.glob("*.tmp"))


def test_complete_days_are_not_asked_for_again(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    assert run(*told(folder, target)).code == 0
    asked = fake.calls["copy_ticks_range"]
    (target / f"ticks_mt5_EURUSD_{DAYS[1]}.parquet").unlink()
    outcome = run(*told(folder, target))
    assert outcome.code == 0
    assert f"ticks_mt5_EURUSD_{DAYS[0]}.parquet: complete" in outcome.err
    assert fake.calls["copy_ticks_range"] == asked + 2
    hours = hours_of(target)
    assert hours == sorted(set(hours))
    assert len(pq.read_table(target / "deals_mt5_555001.parquet")) == 2


# What the terminal has not loaded yet


def test_day_that_came_in_part_is_in_progress_until_two_answers_agree(
    run: Run, fake: FakeTerminal, tmp_path: Path
) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    fake.once["copy_ticks_range"] = [answer(fake, 0, 3)]
    outcome = run(*told(folder, target))
    assert "10 ticks, 7 new, in progress (once more)" in outcome.err
    assert "1 days hold no ticks or are in progress" in outcome.err
    assert rows_of(first_day(target)) == 10
    again = run(*told(folder, target))
    assert "10 ticks, 0 new, complete (once more)" in again.err
    assert "or are in progress" not in again.err


def test_two_equal_answers_prove_nothing_when_too_close_together(
    run: Run, fake: FakeTerminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    monkeypatch.setattr(COMMAND, "APART_S", 9e9)
    monkeypatch.setattr("bridge.record.recorder.time.sleep", lambda _: None)
    assert "2 days hold no ticks or are in progress" in run(*told(folder, target)).err
    monkeypatch.setattr(COMMAND, "APART_S", 0.0)
    assert "or are in progress" not in run(*told(folder, target)).err


def test_part_that_two_runs_begin_with_is_not_taken_for_the_day(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    """The terminal keeps what it has loaded, and answers with that until it has loaded more."""
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    fake.over["terminal"] = {"connected": False}
    fake.once["copy_ticks_range"] = [answer(fake, 0, 3)]
    run(*told(folder, target))
    assert rows_of(first_day(target)) == 3
    fake.over["terminal"] = {}
    fake.once["copy_ticks_range"] = [answer(fake, 0, 3)]
    outcome = run(*told(folder, target))
    assert "10 ticks, 7 new, in progress (once more)" in outcome.err
    assert "10 ticks, 0 new, complete (once more)" in run(*told(folder, target)).err


def test_shorter_answer_takes_nothing_from_a_file_and_is_told(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    fake.once["copy_ticks_range"] = [answer(fake, 0, 8)]
    run(*told(folder, target))
    fake.once["copy_ticks_range"] = [answer(fake, 5, 9)]
    outcome = run(*told(folder, target))
    assert "6 of them the terminal no longer has, and they are kept" in outcome.err
    ticks = read_folder(target).symbols["EURUSD"].ticks
    assert ticks.time_ms.tolist() == fake.broker.market.symbols["EURUSD"].ticks.time_ms.tolist()


def test_terminal_without_its_broker_proves_no_day(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    fake.over["terminal"] = {"connected": False}
    outcome = run(*told(folder, target))
    assert "not connected" in outcome.err
    assert "2 days hold no ticks or are in progress" in outcome.err
    assert "2 days hold no ticks or are in progress" in run(*told(folder, target)).err


def test_older_bars_and_those_of_a_hole_come_with_a_later_run(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    path = target / "bars_mt5_H1_EURUSD.parquet"
    assert run(*told(folder, target, "--bars-days", "0")).code == 0
    late = hours_of(target)
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table.slice(0, 2), table.slice(4)]), path)
    assert run(*told(folder, target, "--bars-days", "30")).code == 0
    whole = hours_of(target)
    assert whole == fake.broker.market.symbols["EURUSD"].bars["H1"].time_ms[:-1].tolist()
    assert len(whole) > len(late)
    assert set(late) < set(whole)


def test_shorter_answer_takes_no_bars_away(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    run(*told(folder, target))
    whole = hours_of(target)
    bars = fake._copy_rates_range({"now": fake.broker.now_ms}, "EURUSD", 0x4001, 0, 2**40)
    assert bars is not None
    fake.do["copy_rates_range"] = {"value": bars[-5:-2], "error": [1, "Success"]}
    assert run(*told(folder, target)).code == 0
    assert hours_of(target) == whole


def test_bars_that_begin_too_late_are_told(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    outcome = run(*told(mt5_folder(tmp_path, fake), tmp_path / "recording"))
    assert "Max bars in chart" in outcome.err


def test_file_that_cannot_be_read_is_not_replaced(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    run(*told(folder, target))
    first_day(target).write_bytes(b"half a file")
    outcome = run(*told(folder, target))
    assert outcome.code == 1
    assert "cannot be read" in outcome.err
    assert first_day(target).read_bytes() == b"half a file"


# The broker's clock


@pytest.mark.usefixtures("live")
def test_clock_is_kept_and_the_next_run_goes_by_it(
    run: Run, fake: FakeTerminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    assert run(*told(folder, target)).code == 0
    kept = json.loads((target / "recording.json").read_bytes())
    assert (kept["zone"], kept["zone_from"]) == ("+02:00", "told")
    assert [each["minutes"] for each in kept["measured"]] == [120]
    fake.live = False
    monkeypatch.setattr(COMMAND, "WATCH_S", 0.3)
    assert "not checked" in run(*arguments(folder, target)).err
    assert json.loads((target / "recording.json").read_bytes()) == kept


@pytest.mark.usefixtures("live")
def test_clock_that_is_elsewhere_than_recorded_stops_the_run(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    assert run(*told(folder, target)).code == 0
    before = {path: path.read_bytes() for path in target.glob("*.*")}
    fake.offset_ms = 3 * HOUR
    fake.show()
    outcome = run(*arguments(folder, target))
    assert outcome.code == 1
    assert "at +03:00 now, but by +02:00 (as recorded here) it would be at +02:00" in " ".join(outcome.err.split())
    assert {path: path.read_bytes() for path in target.glob("*.*")} == before


@pytest.mark.usefixtures("live")
def test_told_clock_that_live_ticks_contradict_is_refused(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    outcome = run(*arguments(mt5_folder(tmp_path, fake), tmp_path / "r", "--zone", "+05:30"))
    assert outcome.code == 1
    assert "as --zone says" in outcome.err
    assert not list((tmp_path / "r").glob("*.parquet"))


def test_another_clock_or_server_than_recorded_is_refused(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    assert run(*told(folder, target)).code == 0
    outcome = run(*arguments(folder, target, "--zone", "Europe/Athens"))
    assert outcome.code == 1
    assert "recorded by the clock +02:00" in outcome.err
    kept = target / "recording.json"
    kept.write_bytes(kept.read_bytes().replace(b"Fake-Demo", b"Other-Live"))
    outcome = run(*told(folder, target))
    assert outcome.code == 1
    assert "Other-Live was recorded here" in outcome.err


@pytest.mark.parametrize("content", [None, b"{", b'{"format":9,"server":"s","zone":"UTC","zone_from":"told"}'])
def test_files_whose_clock_is_not_known_are_not_gone_on_with(
    run: Run, fake: FakeTerminal, tmp_path: Path, content: bytes | None
) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    run(*told(folder, target))
    (target / "recording.json").unlink()
    if content is not None:
        (target / "recording.json").write_bytes(content)
    outcome = run(*told(folder, target))
    assert outcome.code == 1
    assert "record into a new folder" in outcome.err.casefold()


def test_run_broken_off_between_two_days_goes_on(
    run: Run, fake: FakeTerminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    ask = Dialogue.ask
    asked: list[object] = []

    def interrupted(self: Dialogue, question: object, answer: object) -> object:
        asked.append(question)
        if sum(type(each).__name__ == "AskTicks" for each in asked) == 2:
            raise KeyboardInterrupt
        return ask(self, question, answer)  # type: ignore[arg-type]

    monkeypatch.setattr(Dialogue, "ask", interrupted)
    stopped = run(*arguments(folder, target, "--zone", "+02:00"))
    assert stopped.code == 130
    assert stopped.err.splitlines()[-1] == "Stopped; run the same command again to go on."
    assert len(list(target.glob("ticks_*.parquet"))) == 1
    assert not list(target.glob(".*.tmp"))
    monkeypatch.setattr(Dialogue, "ask", ask)
    assert run(*arguments(folder, target, "--zone", "+02:00")).code == 0
    assert len(read_folder(target).symbols["EURUSD"].ticks.time_ms) == 20


def test_unknown_symbol_is_told(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    folder = mt5_folder(tmp_path, fake)
    outcome = run("record", tmp_path / "recording", "--config", folder, "--symbol", "NOPE", "--zone", "UTC")
    assert outcome.code == 1
    assert "The broker has no NOPE" in outcome.err


def test_closed_market_does_not_tell_the_clock(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    outcome = run(*arguments(mt5_folder(tmp_path, fake), tmp_path / "recording"))
    assert outcome.code == 1
    assert "--zone" in outcome.err


@pytest.mark.parametrize(
    ("more", "word"),
    [(("--bars", "H7"), "H7"), (("--from", "soon"), "soon"), (("--zone", "nowhere"), "nowhere")],
)
def test_wrong_option_is_told(run: Run, fake: FakeTerminal, tmp_path: Path, more: tuple[str, ...], word: str) -> None:
    outcome = run("record", tmp_path / "r", "--config", mt5_folder(tmp_path, fake), "--symbol", "EURUSD", *more)
    assert outcome.code == 2
    assert word in outcome.err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--from", DAYS[1], "--to", DAYS[0]), f"{DAYS[0]} is before --from, which is {DAYS[1]}"),
        (("--to", "2020-01-01"), "2020-01-01 is before --from, which is seven days ago"),
        (("--from", "2190-01-01"), "2190-01-01 has not begun yet, by UTC"),
        (("--from", DAYS[0], "--to", "2190-01-01"), "2190-01-01 has not begun yet, by UTC"),
    ],
)
def test_days_that_cannot_be_are_told_before_the_terminal_is_touched(
    run: Run, fake: FakeTerminal, tmp_path: Path, more: tuple[str, ...], words: str
) -> None:
    outcome = run("record", tmp_path / "r", "--config", mt5_folder(tmp_path, fake), "--symbol", "EURUSD", *more)
    assert outcome.code == 2
    told_of = " ".join(re.sub(r"[^\w.,-]+", " ", outcome.err).split())
    assert words in told_of
    assert not fake.calls
    assert not (tmp_path / "r").exists()


def test_two_recorders_of_one_folder_do_not_mix(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    target = tmp_path / "recording"
    target.mkdir()
    with filelock.FileLock(target / ".lotbridge-record.lock"):
        outcome = run(*arguments(mt5_folder(tmp_path, fake), target))
    assert outcome.code == 1
    assert "another process" in outcome.err


def test_account_that_is_fed_cannot_be_recorded(run: Run, tmp_path: Path) -> None:
    outcome = run("record", tmp_path / "r", "--config", write_folder(tmp_path), "--symbol", "EURUSD")
    assert outcome.code == 2
    assert 'terminal = "mt5"' in outcome.err
