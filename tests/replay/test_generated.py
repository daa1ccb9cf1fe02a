"""The generated ticks that benchmarks read: the same each time, in opening hours, kept in a folder that plays."""

import numpy as np
import pytest

from bridge.bench import ticks as bench
from bridge.errors import MarketError
from bridge.market import packed
from bridge.replay.ticks import DAY_MS, open_source
from tests.market.test_packed import assert_equal


def test_the_same_arguments_give_the_same_ticks_and_another_seed_others():
    one = bench.generate(20_000, days=7)
    assert_equal(one, bench.generate(20_000, days=7))
    assert not np.array_equal(one.bid, bench.generate(20_000, days=7, seed=8).bid)


@pytest.mark.parametrize(("count", "days"), [(50_000, 12), (3, 10), (1, 1)])
def test_so_many_ticks_in_order_within_opening_hours(count, days):
    ticks = bench.generate(count, days)
    assert len(ticks.time_ms) == count
    assert (np.diff(ticks.time_ms) >= 0).all()
    day, _ = np.divmod(ticks.time_ms - int(bench.START.timestamp() * 1000), DAY_MS)
    assert day.min() >= 0
    assert (day % 7 < 5).all()
    assert (day // 7 * 5 + day % 7).max() < days
    assert (ticks.ask - ticks.bid > 6e-5).all()
    assert (ticks.bid > 0.09).all()


def test_some_ticks_share_a_millisecond():
    assert (np.diff(bench.generate(100_000, days=1).time_ms) == 0).any()


def test_the_cache_is_made_once_and_plays(tmp_path, monkeypatch):
    folder = bench.cached(5000, 10, cache=tmp_path)
    monkeypatch.setattr(bench, "generate_days", None)
    assert bench.cached(5000, 10, cache=tmp_path) == folder
    source = open_source(folder)
    assert (source.synthetic, source.count, list(source.symbols)) == (True, 5000, ["EURUSD"])
    found = packed.joined([span.ticks["EURUSD"] for span in source.spans()])
    monkeypatch.undo()
    assert_equal(found, bench.generate(5000, 10))


def test_a_cache_that_is_damaged_is_made_anew(tmp_path):
    folder = bench.cached(5000, 10, cache=tmp_path)
    path = next(folder.glob("ticks_*"))
    path.write_bytes(path.read_bytes()[:1000])
    assert packed.read(next(bench.cached(5000, 10, cache=tmp_path).glob("ticks_*"))).bid.shape == (5000,)


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MarketError, match=r"generated-.* cannot be written"):
        bench.cached(5, 1, cache=tmp_path / "file")
