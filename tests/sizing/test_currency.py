"""Conversion through the symbols at hand, always on the side that makes a cost larger."""

import pytest

from sizing.currency import Pair, convert, find_route
from sizing.snapshot import Quote

PAIRS = (
    Pair("EURUSD.sim", "EUR", "USD"),
    Pair("GBPUSD.sim", "GBP", "USD"),
    Pair("USDJPY.sim", "USD", "JPY"),
    Pair("EURGBP.sim", "EUR", "GBP"),
    Pair("USDCHF.sim", "USD", "CHF"),
)
QUOTES = {
    "EURUSD.sim": Quote(1.10, 1.11, 0),
    "GBPUSD.sim": Quote(1.25, 1.26, 0),
    "USDJPY.sim": Quote(149.0, 151.0, 0),
    "EURGBP.sim": Quote(0.87, 0.89, 0),
    "USDCHF.sim": Quote(0.90, 0.92, 0),
}


def test_the_same_currency_needs_no_pair() -> None:
    assert find_route("USD", "USD", ()) == ()
    assert convert((), QUOTES.get) == 1.0


@pytest.mark.parametrize(
    ("source", "target", "route", "rate"),
    [
        # One pair: owing base costs the ask, owing the profit currency is bought with base at the bid.
        ("EUR", "USD", (("EURUSD.sim", True),), 1.11),
        ("USD", "EUR", (("EURUSD.sim", False),), 1 / 1.10),
        ("JPY", "USD", (("USDJPY.sim", False),), 1 / 149.0),
        ("USD", "JPY", (("USDJPY.sim", True),), 151.0),
        # Two pairs.
        ("JPY", "GBP", (("USDJPY.sim", False), ("GBPUSD.sim", False)), 1 / 149.0 / 1.25),
        ("GBP", "JPY", (("GBPUSD.sim", True), ("USDJPY.sim", True)), 1.26 * 151.0),
        ("CHF", "JPY", (("USDCHF.sim", False), ("USDJPY.sim", True)), 151.0 / 0.90),
    ],
)
def test_one_or_two_pairs_convert_on_the_unfavourable_side(
    source: str, target: str, route: tuple[tuple[str, bool], ...], rate: float
) -> None:
    assert find_route(source, target, PAIRS) == route
    assert convert(route, QUOTES.get) == pytest.approx(rate)


def test_one_pair_is_preferred_to_two_wherever_it_stands() -> None:
    # EUR to GBP also leads over USD, whose pairs stand first.
    assert find_route("EUR", "GBP", PAIRS) == (("EURGBP.sim", True),)
    assert find_route("GBP", "EUR", PAIRS) == (("EURGBP.sim", False),)


def test_three_pairs_are_no_route() -> None:
    chain = (Pair("AB", "AAA", "BBB"), Pair("BC", "BBB", "CCC"), Pair("CD", "CCC", "DDD"))
    assert find_route("AAA", "CCC", chain) is not None
    assert find_route("AAA", "DDD", chain) is None


def test_an_unknown_currency_has_no_route_and_no_rate() -> None:
    assert find_route("XYZ", "USD", PAIRS) is None
    assert find_route("USD", "XYZ", PAIRS) is None
    assert find_route("EUR", "USD", ()) is None
    assert convert(None, QUOTES.get) is None


def test_a_route_without_a_quote_has_no_rate() -> None:
    route = find_route("JPY", "GBP", PAIRS)
    without = {name: quote for name, quote in QUOTES.items() if name != "GBPUSD.sim"}
    assert convert(route, without.get) is None


@pytest.mark.parametrize("pair", [(a, b) for a in ("EUR", "USD", "JPY", "GBP", "CHF") for b in ("EUR", "USD", "JPY")])
def test_converting_there_and_back_never_gains(pair: tuple[str, str]) -> None:
    there = convert(find_route(pair[0], pair[1], PAIRS), QUOTES.get)
    back = convert(find_route(pair[1], pair[0], PAIRS), QUOTES.get)
    assert there is not None
    assert back is not None
    assert there * back >= 1 - 1e-12
