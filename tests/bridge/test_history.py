"""Daily bars on disk: what is written, when, and what a person finds who reads it."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from bridge.errors import MarketError
from bridge.history import BarKeeper, history_folder, kept_symbols, read_kept, write_bars
from bridge.market.recording import BarSeries
from bridge.server import Server, bind_router
from tests.bridge.bars import DAY, HOUR, bars_info, daily_bars, rows_info
from tests.bridge.builders import NO_RULES, Rig, account_settings, body, decoded, quote_info, symbol_info
from tests.bridge.sockets import ANY_PORT, WAIT_MS, Log, Running, asked, connected
from tests.builders import LOGIN, NOW_MS

COLUMNS = ("time_ms", "open", "high", "low", "close")
ODD = ("EURUSD", "EURUSD.sim", "#AAPL", "US30/USD", "a:b", "..", ".", "a b", "100%", "%41", "A\\B", "CON", "è", "黄金")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, account_settings(firm=NO_RULES))
    assert rig.feed()["status"] == "ok"
    yield rig
    rig.close()


def keeper_of(rig: Rig) -> tuple[BarKeeper, Path]:
    """As the daemon makes it, with its folder."""
    folder = history_folder(rig.path, LOGIN)
    return BarKeeper(folder, rig.desks[0].terminal), folder


def hear(rig: Rig, names: tuple[str, ...], days: int = 40) -> dict[str, BarSeries]:
    """Feed symbols of these names with histories of their own."""
    now_ms = rig.clock.now_ms()
    histories = {name: daily_bars(number, days, now_ms) for number, name in enumerate(names)}
    reply = rig.feed(
        symbols=[{**symbol_info(), "name": name} for name in names],
        quotes=[quote_info(name, time_msc=now_ms) for name in names],
        bars=[bars_info(bars, name) for name, bars in histories.items()],
    )
    assert reply["status"] == "ok", reply
    return histories


def same(kept: BarSeries | None, bars: BarSeries) -> bool:
    """Whether both hold the very same numbers in the same types."""
    assert kept is not None
    pairs = [(getattr(kept, column), getattr(bars, column)) for column in COLUMNS]
    return kept.timeframe == bars.timeframe and all(
        one.dtype == two.dtype and one.tolist() == two.tolist() for one, two in pairs
    )


# Files ---------------------------------------------------------------------------------------------------------------


def test_bars_come_back_as_they_were(tmp_path: Path) -> None:
    bars = daily_bars(1, 300, NOW_MS)
    write_bars(tmp_path / "new", "EURUSD", bars)
    assert same(read_kept(tmp_path / "new", "EURUSD"), bars)
    assert kept_symbols(tmp_path / "new") == ["EURUSD"]


def test_what_was_never_kept_is_none(tmp_path: Path) -> None:
    assert read_kept(tmp_path, "EURUSD") is None
    assert read_kept(tmp_path / "nowhere", "EURUSD") is None
    assert kept_symbols(tmp_path / "nowhere") == []


def test_journals_and_accounts_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = {history_folder(tmp_path / name, login) for name in ("a.sqlite", "b.sqlite") for login in (1, 2)}
    assert len(folders) == 4
    assert {folder.parent.parent for folder in folders} == {tmp_path}


def test_symbols_of_any_name_are_kept_apart(rig: Rig) -> None:
    histories = hear(rig, ODD)
    keeper, folder = keeper_of(rig)
    assert sum(keeper.keep() for _ in range(100)) == len(ODD)
    assert kept_symbols(folder) == sorted(ODD)
    assert all(same(read_kept(folder, name), histories[name]) for name in ODD)
    # Nothing has got out of the folder, and no name is one that Windows refuses.
    assert sorted(path.name for path in folder.parent.iterdir()) == [f"{LOGIN}"]
    names = [path.name for path in folder.iterdir()]
    assert len(names) == len(ODD)
    assert not [name for name in names if set(name) & set('<>:"/\\|?*')]


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, path = daily_bars(1, 40, NOW_MS), tmp_path / "EURUSD.npz"
    write_bars(path.parent, "EURUSD", old)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        write_bars(path.parent, "EURUSD", daily_bars(2, 50, NOW_MS))
    monkeypatch.undo()
    assert [each.name for each in tmp_path.iterdir()] == ["EURUSD.npz"]
    assert same(read_kept(tmp_path, "EURUSD"), old)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _: b"time,open,high,low,close\n", id="another format"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda good: good[: len(good) // 2], id="cut off"),
        pytest.param(lambda good: good[:200] + bytes([good[200] ^ 255]) + good[201:], id="a bit turned"),
        pytest.param(lambda good: good[: len(good) - 30] + bytes(30), id="its end overwritten"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "EURUSD.npz"
    write_bars(path.parent, "EURUSD", daily_bars(1, 40, NOW_MS))
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(MarketError, match=r"EURUSD\.npz cannot be read"):
        read_kept(tmp_path, "EURUSD")


def test_a_file_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    with (tmp_path / "EURUSD.npz").open("wb") as file:
        np.savez(file, time_ms=np.arange(3), open=np.ones(3))
    with pytest.raises(MarketError, match=r"EURUSD\.npz cannot be read"):
        read_kept(tmp_path, "EURUSD")


def test_a_file_of_pickles_is_not_loaded(tmp_path: Path) -> None:
    with (tmp_path / "EURUSD.npz").open("wb") as file:
        np.savez(file, **{column: np.array([{}, []], dtype=object) for column in COLUMNS})  # type: ignore[arg-type]
    with pytest.raises(MarketError, match=r"EURUSD\.npz cannot be read"):
        read_kept(tmp_path, "EURUSD")


# When ----------------------------------------------------------------------------------------------------------------


def test_one_symbol_is_written_at_a_time_and_only_when_its_days_have_changed(rig: Rig) -> None:
    names = ("EURUSD", "EURUSD.a")
    hear(rig, names)
    keeper, folder = keeper_of(rig)
    assert [keeper.keep() for _ in range(4)] == [True, True, False, False]
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    start_ms = rig.clock.now_ms() - 5 * HOUR
    rig.feed(bars=[rows_info([(1.1, 1.1, 1.1, 1.1)] * 5, start_ms)])
    assert keeper.keep() is False
    rig.tick(DAY)
    day = rows_info([(1.1, 1.2, 1.0, 1.15)], NOW_MS // DAY * DAY, "EURUSD.a", "D1")
    rig.feed(bars=[day])
    assert [keeper.keep() for _ in range(2)] == [True, False]
    assert {path for path in before if path.stat().st_mtime_ns != before[path]} == {folder / "EURUSD.a.npz"}
    kept = read_kept(folder, "EURUSD.a")
    assert kept is not None
    assert kept.close[-1] == 1.15


def test_a_symbol_without_daily_bars_is_not_written(rig: Rig) -> None:
    rig.feed(bars=[rows_info([(1.1, 1.1, 1.1, 1.1)] * 5, rig.clock.now_ms() - 5 * HOUR)])
    keeper, folder = keeper_of(rig)
    assert keeper.keep() is False
    assert not folder.exists()


def test_a_disk_that_refuses_is_not_asked_again_until_there_is_something_new(rig: Rig) -> None:
    hear(rig, ("EURUSD", "EURUSD.a"))
    keeper, folder = keeper_of(rig)
    folder.parent.write_text("a file where the folder should be")
    for _ in range(2):
        with pytest.raises(OSError, match=r"File exists|Not a directory|cannot find"):
            keeper.keep()
    assert keeper.keep() is False
    folder.parent.unlink()
    hear(rig, ("EURUSD", "EURUSD.a"), 41)
    assert [keeper.keep() for _ in range(3)] == [True, True, False]


# The daemon ----------------------------------------------------------------------------------------------------------


def with_server(rig: Rig, log: Callable[..., None], *keepers: BarKeeper) -> tuple[Server, "zmq.Context[Any]"]:
    context: zmq.Context[Any] = zmq.Context()
    socket = bind_router(context, ANY_PORT, None)
    return Server(rig.service, rig.journal, socket, log=log, keepers=keepers), context


def test_bars_are_written_when_nobody_asks_and_the_daemon_survives_a_disk_that_refuses(rig: Rig) -> None:
    histories = hear(rig, ("EURUSD", "EURUSD.a"))
    keeper, folder = keeper_of(rig)
    elsewhere = rig.folder / "elsewhere" / "bars"
    elsewhere.parent.write_text("a file where the folder should be")
    refused = BarKeeper(elsewhere, rig.desks[0].terminal)
    log: Log = []
    warned, written = threading.Event(), threading.Event()

    def note(*event: Any) -> None:
        log.append(event)
        if sum(name == "bars_not_kept" for _, name, _ in log) == 2:
            warned.set()

    class Told(BarKeeper):
        def keep(self) -> bool:
            if not super().keep():
                written.set()
            return False

    server, context = with_server(rig, note, refused, Told(folder, rig.desks[0].terminal))
    running = Running(server, rig, log)
    try:
        assert warned.wait(WAIT_MS / 1_000)
        assert written.wait(WAIT_MS / 1_000)
        with connected(server.address, zmq.REQ) as client:
            reply = decoded(asked(client, body({"v": 1, "type": "ping", "id": "p"})))
        assert reply["status"] == "ok"
    finally:
        running.stop()
        context.destroy(linger=0)
    warnings = [(level, fields) for level, name, fields in log if name == "bars_not_kept"]
    assert [level for level, _ in warnings] == ["warning"] * 2
    assert all("elsewhere" in fields["error"] for _, fields in warnings)
    assert all(same(read_kept(folder, name), bars) for name, bars in histories.items())
    assert keeper.keep() is True


def test_bars_wait_while_requests_follow_each_other(rig: Rig) -> None:
    hear(rig, ("EURUSD", "EURUSD.a"))
    keeper, folder = keeper_of(rig)
    server, context = with_server(rig, lambda *_: None, keeper)
    try:
        asked_at = server._last_request
        for late in (0.0, 0.02, 0.049):
            server._housekeep(asked_at + late)
            assert not folder.exists()
        server._housekeep(asked_at + 0.051)
        assert kept_symbols(folder) == ["EURUSD"]
        server._last_request = asked_at + 1.0
        server._housekeep(asked_at + 1.04)
        assert kept_symbols(folder) == ["EURUSD"]
        server._housekeep(asked_at + 2.0)
        assert kept_symbols(folder) == ["EURUSD", "EURUSD.a"]
    finally:
        context.destroy(linger=0)


def test_what_is_kept_changes_no_answer(rig: Rig) -> None:
    hear(rig, ("EURUSD",), 60)
    before = rig.size(dry_run=True)
    keeper, folder = keeper_of(rig)
    keeper.keep()
    for path in folder.iterdir():
        path.write_bytes(b"spoiled")
    after = rig.size(dry_run=True)
    assert before["lots"] > 0
    assert (after["lots"], after["caps"]) == (before["lots"], before["caps"])
    rig.reopen()
    hear(rig, ("EURUSD",), 60)
    again = rig.size(dry_run=True)
    assert (again["lots"], again["caps"]) == (before["lots"], before["caps"])


# Found by looking for defects ----------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="a limit of Linux' and macOS' file systems")
def test_the_longest_name_that_the_protocol_allows_is_kept(rig: Rig) -> None:
    """64 characters of three bytes each become 576 when they are quoted; a file name has 255."""
    name = "黄" * 64
    histories = hear(rig, (name,))
    keeper, folder = keeper_of(rig)
    assert keeper.keep() is True
    assert same(read_kept(folder, name), histories[name])
    assert kept_symbols(folder) == [name]
