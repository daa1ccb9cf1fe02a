"""The clock that a recording keeps, and what contradicts it."""

from pathlib import Path

import pytest

from bridge.errors import MarketError
from bridge.market.broker_zone import zone_of
from bridge.record import about
from tests.builders import at

HOUR_MS = 3_600_000
WINTER, SUMMER = at("2026-01-15 12:00:00"), at("2026-07-15 12:00:00")


def settled(kept: about.About | None, offset_h: float | None, now_ms: int, told: str | None = None) -> about.About:
    offset = None if offset_h is None else int(offset_h * HOUR_MS)
    zone = None if told is None else zone_of(told)
    return about.settled(kept, "Server", zone, offset, now_ms, lambda _: None)


def test_usual_clock_is_guessed_kept_and_still_fits_in_summer(tmp_path: Path) -> None:
    first = settled(None, 2, WINTER)
    assert (first.zone, first.zone_from) == ("new-york-close", "guessed")
    about.write(tmp_path, first)
    then = settled(about.read(tmp_path), 3, SUMMER)
    assert [(each.at, each.minutes) for each in then.measured] == [
        ("2026-01-15T12:00:00+00:00", 120),
        ("2026-07-15T12:00:00+00:00", 180),
    ]
    assert settled(then, 3, SUMMER + HOUR_MS) == then


def test_guess_that_the_other_season_contradicts_is_one_clear_error() -> None:
    first = settled(None, 2, WINTER)
    with pytest.raises(MarketError, match=r"at \+02:00 now, but by new-york-close \(as recorded here\).*\+03:00"):
        settled(first, 2, SUMMER)


@pytest.mark.parametrize("offset_h", [0, 3, -5.5])
def test_unusual_clock_is_not_guessed(offset_h: float) -> None:
    with pytest.raises(MarketError, match=r"what it is in the rest of the year is not known.*--zone"):
        settled(None, offset_h, WINTER)


def test_told_clock_is_kept_even_unmeasured_and_another_name_of_it_is_the_same() -> None:
    first = settled(None, None, WINTER, "+02:00")
    assert (first.zone, first.zone_from, first.measured) == ("+02:00", "told", [])
    assert settled(first, 2, WINTER, "+2:00").zone == "+02:00"
    with pytest.raises(MarketError, match="--zone says new-york-close"):
        settled(first, 2, WINTER, "new-york-close")


def test_telling_what_was_guessed_makes_it_told() -> None:
    assert settled(settled(None, 2, WINTER), 2, WINTER, "new-york-close").zone_from == "told"


def test_neither_measured_nor_told_is_an_error() -> None:
    with pytest.raises(MarketError, match="--zone"):
        settled(None, None, WINTER)
