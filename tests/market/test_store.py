"""Saving and loading markets, and the cache of the sample market, whatever the disk or another process does."""

import errno
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.errors import MarketError
from bridge.market import sample, store
from bridge.market.recording import BarSeries, RecordedMarket, RecordedSymbol, TickSeries

ROOT = Path(__file__).resolve().parents[2]
SPEC = sample.DRIVERS[0].spec


def make_market(prices=(1.1, 1.10001, 1.09999), times=(1_700_000_000_000, 1_700_000_000_000, 1_700_000_004_000)):
    bid = np.array(prices, dtype=np.float64)
    time_ms = np.array(times, dtype=np.int64)
    bars = BarSeries(timeframe="H1", time_ms=time_ms[:1], open=bid[:1], high=bid[:1], low=bid[:1], close=bid[:1])
    symbol = RecordedSymbol(
        spec=SPEC,
        ticks=TickSeries(time_ms=time_ms, bid=bid, ask=bid + 2**-16),
        bars={"H1": bars},
        commission_per_lot=7.0,
    )
    return RecordedMarket(name="small", synthetic=False, symbols={"EURUSD/x": symbol}, notes=("one note",))


def assert_same(left: RecordedMarket, right: RecordedMarket) -> None:
    assert (left.name, left.synthetic, left.notes) == (right.name, right.synthetic, right.notes)
    assert list(left.symbols) == list(right.symbols)
    for name, one in left.symbols.items():
        other = right.symbols[name]
        assert (one.spec, one.commission_per_lot) == (other.spec, other.commission_per_lot)
        assert list(one.bars) == list(other.bars)
        series = [(one.ticks, other.ticks, ("time_ms", "bid", "ask"))]
        columns = ("time_ms", "open", "high", "low", "close", "tick_volume")
        series += [(one.bars[timeframe], other.bars[timeframe], columns) for timeframe in one.bars]
        for a, b, names in series:
            for column in names:
                if getattr(a, column) is getattr(b, column) is None:
                    continue
                assert getattr(a, column).dtype == getattr(b, column).dtype
                assert np.array_equal(getattr(a, column), getattr(b, column)), (name, column)


@pytest.fixture(scope="module")
def generated() -> RecordedMarket:
    return sample.generate(7)


@pytest.fixture
def small_sample(monkeypatch) -> RecordedMarket:
    """The generator replaced by a market of three ticks, for tests that are about the files only."""
    market = make_market()
    monkeypatch.setattr(sample, "generate", lambda seed: market)
    return market


def test_the_sample_market_comes_back_exactly_and_small(generated, tmp_path):
    store.save(generated, tmp_path, seed=7)
    assert_same(store.load(tmp_path), generated)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 8_000_000


def test_prices_off_the_point_grid_and_odd_symbol_names_come_back_exactly(tmp_path):
    market = make_market(prices=(1 / 3, 2 / 7, 1e9 + 0.1))
    store.save(market, tmp_path)
    assert_same(store.load(tmp_path), market)
    assert all("/" not in path.name for path in tmp_path.iterdir())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    points=st.lists(st.integers(1, 10**12), min_size=1, max_size=20),
    start=st.integers(0, 2**45),
    steps=st.lists(st.integers(0, 2**40), min_size=20, max_size=20),
)
def test_any_whole_points_and_times_come_back_exactly(points, start, steps, tmp_path):
    times = start + np.cumsum(steps[: len(points)])
    market = make_market(prices=np.array(points) / 1e5, times=times)
    store.save(market, tmp_path)
    assert_same(store.load(tmp_path), market)


@pytest.mark.parametrize("ticks", [0, 1, 300, 2**40])
def test_the_ticks_of_bars_come_back(ticks, tmp_path):
    market = make_market()
    symbol = market.symbols["EURUSD/x"]
    bars = replace(symbol.bars["H1"], tick_volume=np.array([ticks], dtype=np.int64))
    market = replace(market, symbols={"EURUSD/x": replace(symbol, bars={"H1": bars})})
    store.save(market, tmp_path)
    assert_same(store.load(tmp_path), market)


def test_a_market_that_was_saved_without_ticks_of_bars_is_read(tmp_path):
    """Such a file has no column of them: that is what files of before they were counted are like."""
    store.save(make_market(), tmp_path)
    (file,) = tmp_path.glob("*.npz")
    with np.load(file) as arrays:
        assert not [name for name in arrays if name.endswith(".ticks")]
    assert store.load(tmp_path).symbols["EURUSD/x"].bars["H1"].tick_volume is None


def test_equal_markets_give_equal_files(tmp_path):
    store.save(make_market(), tmp_path / "a")
    store.save(make_market(), tmp_path / "b")
    contents = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "ab"]
    assert contents[0] == contents[1]


def test_the_first_use_generates_and_the_next_loads(small_sample, tmp_path, monkeypatch):
    said: list[str] = []
    first = store.sample_market(tmp_path, progress=said.append)
    assert len(said) == 1
    assert "Generating" in said[0]
    monkeypatch.setattr(sample, "generate", lambda seed: pytest.fail("generated again"))
    assert_same(store.sample_market(tmp_path, progress=said.append), first)
    assert len(said) == 1


def test_each_seed_and_generator_version_has_its_own_cache(small_sample, tmp_path, monkeypatch):
    store.sample_market(tmp_path, seed=1)
    store.sample_market(tmp_path, seed=2)
    monkeypatch.setattr(sample, "VERSION", 999)
    store.sample_market(tmp_path, seed=1)
    assert len(list(tmp_path.iterdir())) == 3


def test_without_a_folder_the_users_cache_is_taken(small_sample, tmp_path, monkeypatch):
    monkeypatch.setattr(store.platformdirs, "user_cache_path", lambda name: tmp_path / name)
    store.sample_market()
    assert list((tmp_path / "lotbridge").glob("sample-*/market.json"))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("pattern", ["*.npz", "market.json"])
@pytest.mark.parametrize("damage", [truncate, flip, Path.unlink])
def test_a_damaged_cache_is_made_anew(small_sample, tmp_path, pattern, damage):
    store.sample_market(tmp_path)
    folder = next(tmp_path.iterdir())
    damage(next(folder.glob(pattern)))
    assert_same(store.sample_market(tmp_path), small_sample)
    assert_same(store.load(folder), small_sample)


def test_a_cache_that_cannot_be_created_is_done_without(small_sample, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    said: list[str] = []
    assert store.sample_market(blocker, progress=said.append) is small_sample
    assert "memory only" in said[-1]


def test_a_full_disk_is_done_without_and_leaves_no_temporary_file(small_sample, tmp_path, monkeypatch):
    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    said: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert store.sample_market(tmp_path, progress=said.append) is small_sample
    assert "No space left" in said[-1]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_processes_that_start_together_agree_and_leave_a_whole_cache(tmp_path):
    program = (
        "import sys, pathlib; from bridge.market.store import sample_market; sys.stdin.readline(); "
        "m = sample_market(pathlib.Path(sys.argv[1])); print(sum(float(s.ticks.bid.sum()) for s in m.symbols.values()))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert outputs[0].strip()
    assert len(set(outputs)) == 1
    folder = next(tmp_path.iterdir())
    assert not list(folder.glob("*.tmp"))
    assert_same(store.load(folder), sample.generate(7))


def edited(folder: Path, **changes: object) -> None:
    header = msgspec.json.decode((folder / store.HEADER).read_bytes())
    entry = header["symbols"]["EURUSD/x"]
    for key, value in changes.items():
        (header if key in header else entry)[key] = value
    (folder / store.HEADER).write_bytes(msgspec.json.encode(header))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 99}, "has format 99"),
        ({"symbols": {}}, "names no symbol"),
        ({"name": 5}, "damaged"),
        ({"file": "../elsewhere.npz"}, "leads out of the folder"),
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"timeframes": ["H1", "D1"]}, "does not hold what"),
        ({"file": "gone.npz"}, "cannot be read"),
    ],
)
def test_a_header_that_is_wrong_is_named(tmp_path, changes, message):
    store.save(make_market(), tmp_path)
    edited(tmp_path, **changes)
    with pytest.raises(MarketError, match=message):
        store.load(tmp_path)


def test_a_folder_without_header_is_named(tmp_path):
    with pytest.raises(MarketError, match=r"market\.json cannot be read"):
        store.load(tmp_path)


def test_pickled_columns_are_refused(tmp_path):
    store.save(make_market(), tmp_path)
    path = next(tmp_path.glob("*.npz"))
    with np.load(path) as arrays:
        np.savez(path, **(dict(arrays) | {"ticks.time.first": np.array([{}], dtype=object)}))
    digest = store.hashlib.sha256(path.read_bytes()).hexdigest()
    edited(tmp_path, sha256=digest)
    with pytest.raises(MarketError, match="allow_pickle=False"):
        store.load(tmp_path)


def test_notes_and_seed_are_kept(tmp_path):
    store.save(replace(make_market(), notes=("a", "b")), tmp_path, seed=3)
    assert store.load(tmp_path).notes == ("a", "b")
    assert msgspec.json.decode((tmp_path / store.HEADER).read_bytes())["seed"] == 3
