"""What a broker's symbol name stands for."""

from typing import Any

import pytest

from sizing.symbols import SymbolClass, SymbolTable, matches


@pytest.mark.parametrize(
    ("symbol", "pattern", "expected"),
    [
        ("US30", "US30*", True), ("US30.cash", "US30*", True), ("US30F26", "US30*", True), ("US30-Z25", "US30*", True),
        ("US300", "US30*", False), ("US3000", "US30*", False), ("US3", "US30*", False), ("US30", "US30", True),
        ("US30.cash", "US30", False), ("EURUSD.sim", "EURUSD*", True), ("EURUSDm", "EURUSD*", True),
        ("EURUSD1", "EURUSD*", True), ("mEURUSD", "EURUSD*", False), ("eurusd", "EURUSD*", False),
        ("XAUUSD", "XAU*", True), ("XAUEUR.r", "XAU*", True), ("XA", "XAU*", False), ("", "XAU*", False),
        ("USOILF26", "USOIL*", True), ("#US30", "US30*", False),
    ],
)  # fmt: skip
def test_a_pattern_is_a_stem_with_an_optional_suffix_that_never_continues_a_number(
    symbol: str, pattern: str, expected: bool
) -> None:
    assert matches(symbol, pattern) is expected


TABLE = SymbolTable(
    classes={
        "gold": SymbolClass(patterns=("XAU*", "GOLD*")),
        "stocks": SymbolClass(patterns=("GOLDMAN*", "GOOG*", "GOOGL*")),
        "indices": SymbolClass(patterns=("US30*", "WS30*")),
        "bonds": SymbolClass(patterns=("US30Y*",)),
        "exact": SymbolClass(patterns=("US30.spot",)),
    },
    aliases={"GOLD": "XAU", "WS30": "US30", "GOOGL": "GOOG"},
    correlations={"XAU/US30": -0.1},
)


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("GOLD", ("gold", "XAU")), ("GOLD.x", ("gold", "XAU")), ("XAUUSD.sim", ("gold", "XAU")),
        ("GOLDMAN", ("stocks", "GOLDMAN")), ("GOLDMAN.N", ("stocks", "GOLDMAN")), ("GOOGL.O", ("stocks", "GOOG")),
        ("WS30.sim", ("indices", "US30")), ("US30Y", ("bonds", "US30Y")), ("US30Y_H6", ("bonds", "US30Y")),
        ("US30.cash", ("indices", "US30")), ("US30.spot", ("exact", "US30.spot")), ("US300", None), ("BTCUSD", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_longest_stem_wins_and_nothing_is_guessed(symbol: str, expected: tuple[str, str] | None) -> None:
    assert TABLE.find(symbol) == expected


def test_the_order_of_classes_does_not_matter() -> None:
    turned = SymbolTable(classes=dict(reversed(TABLE.classes.items())), aliases=TABLE.aliases)
    for symbol in ("GOLDMAN", "GOLD", "US30Y", "US30", "GOOGL"):
        assert turned.find(symbol) == TABLE.find(symbol)


def test_an_empty_table_knows_nothing() -> None:
    assert SymbolTable().find("EURUSD") is None


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("XAU", "US30", -0.1), ("US30", "XAU", -0.1), ("XAU", "XAU", 1.0), ("XAU", "GOOG", None), ("NEW", "NEW", 1.0)],
)
def test_assumed_correlations_hold_both_ways_round(first: str, second: str, expected: float | None) -> None:
    assert TABLE.prior(first, second) == expected


@pytest.mark.parametrize(
    "keys",
    [{"max_lots": 0.0}, {"max_notional_pct": -1.0}, {"commission_per_lot": -7.0}, {"max_lots": float("nan")}],
)
def test_a_class_outside_its_ranges_cannot_be_made(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(keys))):
        SymbolClass(patterns=("X*",), **keys)
