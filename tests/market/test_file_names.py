"""Symbols in file names: safe on Windows, never two in one file, and back again."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.market.file_names import decoded, encoded, parts
from bridge.record import files

ODD = (
    *("EURUSD.r", "#US30", "BTCUSD/x", "CON", "a:b", "nul.", "A_B", "50%", 'x*?"<>|\\', "tab\there"),
    *("Volatility 75 Index", "GOLD", "Gold", "gold", "%47old"),
)
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def fits_windows(name: str) -> bool:
    return not (set(name) & set('/\\:*?"<>|') or any(ord(each) < 32 for each in name)) and (
        RESERVED.fullmatch(name) is None and name[-1] not in ". "
    )


@pytest.mark.parametrize("symbol", ODD)
def test_files_of_odd_symbols_fit_windows_and_mean_the_symbol(symbol: str) -> None:
    for path in (files.ticks_path(Path(), encoded(symbol), 0), files.bars_path(Path(), encoded(symbol), "H1")):
        assert fits_windows(path.name), path
        assert path.parent == Path()
    assert decoded(encoded(symbol)) == symbol


def test_plain_symbols_stay_as_they_are() -> None:
    assert [encoded(name) for name in ("EURUSD.r", "#US30", "XAUUSDm")] == ["EURUSD.r", "#US30", "XAUUSDm"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6), unique=True, max_size=8))
def test_no_two_symbols_are_one_file_whatever_the_case(symbols: list[str]) -> None:
    found = parts(symbols, {})
    assert [decoded(found[symbol]) for symbol in symbols] == symbols
    assert len({part.casefold() for part in found.values()}) == len(symbols)


def test_symbol_keeps_the_file_that_it_has(tmp_path: Path) -> None:
    first = files.symbol_parts(tmp_path, ["GOLD", "Gold"])
    assert first == {"GOLD": "GOLD", "Gold": "%47%6F%6C%64"}
    files.ticks_path(tmp_path, first["Gold"], 0).touch()
    assert files.symbol_parts(tmp_path, ["Gold", "GOLD"]) == first
    files.bars_path(tmp_path, first["GOLD"], "H1").touch()
    assert files.symbol_parts(tmp_path, ["gold", "Gold", "GOLD"]) == first | {"gold": "%67%6F%6C%64"}
