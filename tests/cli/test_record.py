"""`lotbridge record` against the fake terminal: what is written plays, and a run that was broken off goes on."""

import sys
from collections.abc import Iterator
from pathlib import Path

import filelock
import numpy as np
import pyarrow.parquet as pq
import pytest

from bridge.market.broker import SimulatedBroker
from bridge.market.files import read_folder
from bridge.record import parquet
from bridge.terminal.mt5.dialogue import Dialogue
from tests.builders import NOW_MS, at, make_bars, make_broker, make_symbol
from tests.cli.conftest import Run
from tests.cli.mt5_folder import mt5_folder
from tests.settings.builders import write_folder
from tests.terminal.fake_mt5.terminal import FakeTerminal
from tests.terminal.mt5_rig import PACKAGES

DAYS = ("2026-03-04", "2026-03-05")
SECOND = 1_000


def two_days() -> SimulatedBroker:
    """EURUSD on two days, ten seconds of ticks each, with hours before, and a deal."""
    rows = [(at(f"{day} 10:00:00") + i * SECOND, 1.1 + i / 1e5, 1.1001 + i / 1e5) for day in DAYS for i in range(10)]
    broker = make_broker(make_symbol(rows, bars=[make_bars("H1", NOW_MS + 7_200_000, [1.1] * 50)]))
    broker.advance(NOW_MS + SECOND)
    broker.market_order("EURUSD", "buy", 0.1)
    broker.advance(at("2026-03-05 10:01:00"))
    return broker


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTerminal]:
    monkeypatch.setenv("PYTHONPATH", str(PACKAGES))
    made = FakeTerminal(tmp_path / "terminal", two_days(), offset_ms=2 * 3_600_000)
    made.live = True
    yield made
    made.close()


def arguments(folder: Path, target: Path, *more: str) -> list[str | Path]:
    span = ("--symbol", "EURUSD", "--from", DAYS[0], "--to", DAYS[1], "--bars", "H1")
    return ["record", target, "--config", folder, *span, *more]


def test_recording_plays_and_holds_what_the_broker_had(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    target = tmp_path / "recording"
    outcome = run(*arguments(mt5_folder(tmp_path, fake), target))
    assert outcome.code == 0, outcome.err
    assert "10 ticks (1 of 2)" in outcome.err
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
    deals = pq.read_table(target / "deals_mt5_555001.parquet").to_pylist()
    assert [deal["symbol"] for deal in deals] == ["", "EURUSD"]
    assert deals[1]["time_msc"] == NOW_MS + SECOND
    assert not list(target.glob("*.tmp"))


def test_second_run_asks_only_for_what_is_missing(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    target, folder = tmp_path / "recording", mt5_folder(tmp_path, fake)
    assert run(*arguments(folder, target, "--zone", "+02:00")).code == 0
    asked = fake.calls["copy_ticks_range"]
    (target / f"ticks_mt5_EURUSD_{DAYS[1]}.parquet").unlink()
    outcome = run(*arguments(folder, target, "--zone", "+02:00"))
    assert outcome.code == 0
    assert f"ticks_mt5_EURUSD_{DAYS[0]}.parquet: complete" in outcome.err
    assert fake.calls["copy_ticks_range"] == asked + 1
    bars = pq.read_table(target / "bars_mt5_H1_EURUSD.parquet").column("time").cast("int64").to_pylist()
    assert bars == sorted(set(bars))
    assert len(pq.read_table(target / "deals_mt5_555001.parquet")) == 2


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
    assert run(*arguments(folder, target, "--zone", "+02:00")).code == 130
    assert len(list(target.glob("ticks_*.parquet"))) == 1
    assert not list(target.glob(".*.tmp"))
    monkeypatch.setattr(Dialogue, "ask", ask)
    assert run(*arguments(folder, target, "--zone", "+02:00")).code == 0
    assert len(read_folder(target).symbols["EURUSD"].ticks.time_ms) == 20


def test_tick_file_tells_how_far_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "ticks.parquet"
    columns = {"time_msc": np.array([1]), "bid": np.array([1.0]), "ask": np.array([1.0])}
    parquet.write(path, columns, until_ms=5)
    assert parquet.complete_until(path) == 5
    path.write_bytes(b"half a file")
    assert parquet.complete_until(path) == 0


def test_unknown_symbol_is_told(run: Run, fake: FakeTerminal, tmp_path: Path) -> None:
    folder = mt5_folder(tmp_path, fake)
    outcome = run("record", tmp_path / "recording", "--config", folder, "--symbol", "NOPE", "--zone", "UTC")
    assert outcome.code == 1
    assert "The broker has no NOPE" in outcome.err


def test_closed_market_does_not_tell_the_clock(
    run: Run, fake: FakeTerminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["bridge.cli.record"], "WATCH_S", 0.3)
    fake.live = False
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
