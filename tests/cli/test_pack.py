"""`lotbridge pack`: the same market in fewer bytes; no recording is ever written over; an interrupt breaks nothing."""

from dataclasses import replace

import pytest

from bridge.bench.ticks import generate
from bridge.errors import MarketError
from bridge.market import pack as packing
from bridge.market import packed
from bridge.market.files import read_folder
from bridge.market.store import save
from tests.market.test_files import EURUSD, HOUR, MONDAY, write_bars, write_specs, write_ticks
from tests.market.test_store import assert_same, make_market

ODD = "EUR/USD*"


def columns(count=500, seed=7):
    ticks = generate(count, days=1, seed=seed)
    return {"time_msc": ticks.time_ms, "bid": ticks.bid, "ask": ticks.ask}


@pytest.fixture
def folder(tmp_path):
    """Two symbols, one of them with a name that no file can have, and bars."""
    made = tmp_path / "recorded"
    made.mkdir()
    write_specs(made, EURUSD, EURUSD | {"name": ODD})
    write_ticks(made, **columns())
    write_ticks(made, "EUR%2FUSD%2A", **columns(300, seed=8))
    write_bars(made, "H1", (MONDAY - 2000 * HOUR, MONDAY))
    return made


def assert_packed(folder, out):
    assert_same(replace(read_folder(folder), name="x"), replace(read_folder(out), name="x"))
    ticks = sorted(out.glob("ticks_*"))
    assert all(packed.is_packed(path) for path in ticks)
    assert not list(out.glob(".*"))
    return [path.name for path in ticks]


def test_a_folder_is_packed_and_says_how_small_it_is(run, folder, tmp_path):
    outcome = run("pack", str(folder), str(tmp_path / "out"))
    assert outcome.code == 0, outcome.err
    names = assert_packed(folder, tmp_path / "out")
    assert (
        names
        == ["ticks_oanda_EURUSD_20240107-20240108.parquet", "ticks_oanda_EUR%2FUSD%2A_20240107-20240108.parquet"][::-1]
    )
    size = sum((tmp_path / "out" / name).stat().st_size for name in names)
    total = next(line.split() for line in outcome.out.splitlines() if line.startswith("all"))
    assert total == ["all", "800", f"{size / 1e6:.1f}", f"{size / 800:.2f}"]
    assert "EURUSD: 100 % packed" in outcome.err


def test_exported_text_is_packed_in_utc_with_its_bars(run, folder, tmp_path):
    for path in folder.glob("*.parquet"):
        path.unlink()
    (folder / "broker_zone.txt").write_text("+02:00")
    ticks = ["<DATE>\t<TIME>\t<BID>\t<ASK>", "2024.03.04\t02:00:00.000\t1.1\t1.2", "2024.03.04\t02:00:01.000\t1.15\t"]
    (folder / "EURUSD_202403040000_202403050000.csv").write_text("\n".join(ticks))
    bars = ["<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>", "2024.03.04\t02:00:00\t1.1\t1.2\t1.1\t1.15"]
    (folder / "EURUSD_H1_202403040000_202403050000.csv").write_text("\n".join(bars))
    assert run("pack", str(folder), str(tmp_path / "out")).code == 0
    assert_packed(folder, tmp_path / "out")
    assert not list((tmp_path / "out").glob("EURUSD_2024*"))


def test_rows_of_exported_text_that_are_left_out_are_told(run, folder, tmp_path):
    (folder / "broker_zone.txt").write_text("+02:00")
    ticks = ["<DATE>\t<TIME>\t<BID>\t<ASK>", "2024.03.04\t02:00:00.000\t1.1\t1.2", "2024.03.04\t02:00:01.000\t1.3\t"]
    (folder / "GBPUSD_202403040000_202403050000.csv").write_text("\n".join(ticks))
    outcome = run("pack", str(folder), str(tmp_path / "out"))
    assert outcome.code == 0
    told = " ".join((outcome.out + outcome.err).split())
    assert "GBPUSD_202403040000_202403050000.csv: 1 rows left out, the bid was above the ask" in told


def test_files_of_one_symbol_become_one(run, folder, tmp_path):
    later = columns()
    later["time_msc"] = later["time_msc"] + 30 * 24 * HOUR
    write_ticks(folder, dates="20240400", **later)
    assert run("pack", str(folder), str(tmp_path / "out")).code == 0
    names = assert_packed(folder, tmp_path / "out")
    assert "ticks_oanda_EURUSD_20240107-20240207.parquet" in names
    assert len(names) == 2


def test_packed_again_only_with_force_and_nothing_old_remains(run, folder, tmp_path):
    out = tmp_path / "out"
    run("pack", str(folder), str(out))
    before = {path: path.read_bytes() for path in out.iterdir()}
    refused = run("pack", str(folder), str(out))
    assert refused.code == 1
    assert "is packed already; name another folder, or replace it with --force" in " ".join(refused.err.split())
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    write_ticks(folder, **{name: column[:100] for name, column in columns().items()})
    next(folder.glob("*%2F*")).unlink()
    assert run("pack", str(folder), str(out), "--force").code == 0
    assert len(assert_packed(folder, out)) == 1


def test_an_interrupted_folder_cannot_be_played_and_is_begun_anew(run, folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    rows = []
    write = packed.PackedWriter.write

    def interrupted(writer, ticks, *origin):
        rows.append(len(ticks.time_ms))
        if len(rows) == 2:
            raise KeyboardInterrupt
        write(writer, ticks, *origin)

    with monkeypatch.context() as patch:
        patch.setattr(packed.PackedWriter, "write", interrupted)
        assert run("pack", str(folder), str(out)).code == 130
    assert len(list(out.iterdir())) == 1  # the first symbol, whole
    with pytest.raises(MarketError, match="has no symbol_specs"):
        read_folder(out)
    assert run("pack", str(folder), str(out)).code == 0
    assert_packed(folder, out)


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_recording_is_never_written_over(run, folder, tmp_path, force):
    other = tmp_path / "other"
    other.mkdir()
    write_ticks(other)
    before = sorted((path, path.read_bytes()) for place in (folder, other) for path in place.iterdir())
    itself = run("pack", str(folder), str(folder), *force)
    assert itself.code == 1
    assert "is the recording itself" in " ".join(itself.err.split())
    onto = run("pack", str(folder), str(other), *force)
    assert onto.code == 1
    assert "is a recording, not packed ticks" in " ".join(onto.err.split())
    assert sorted((path, path.read_bytes()) for place in (folder, other) for path in place.iterdir()) == before


def test_a_bad_row_is_named_and_leaves_no_file(run, folder, tmp_path):
    rows = columns()
    rows["bid"][321] = float("nan")
    path = write_ticks(folder, **rows)
    with pytest.raises(MarketError) as caught:
        packing.pack(folder, tmp_path / "out", lambda *_: None)
    assert str(caught.value) == f"{path}, row 321: bid is nan, not a positive price; remove or repair the row"
    rows["bid"][321] = 1 / 3
    write_ticks(folder, **rows)
    with pytest.raises(MarketError, match=r"row 321: bid 0\.333.* more than 8 decimals.*round the prices") as caught:
        packing.pack(folder, tmp_path / "out", lambda *_: None)
    assert str(caught.value).startswith(f"{path}, ")
    assert not list((tmp_path / "out").glob("*EURUSD*"))


def test_a_market_of_the_sample_s_format_and_a_missing_folder_are_refused(run, tmp_path):
    save(make_market(), tmp_path / "saved")
    outcome = run("pack", str(tmp_path / "saved"), str(tmp_path / "out"))
    assert (outcome.code, "is a saved market" in " ".join(outcome.err.split())) == (1, True)
    outcome = run("pack", str(tmp_path / "nowhere"), str(tmp_path / "out"))
    assert (outcome.code, "is not a folder" in " ".join(outcome.err.split())) == (1, True)
