"""Trading days, resets and windows in real calendars."""

from datetime import UTC, datetime

from bridge.proof.days import DAY_MS, Days, bridged, opening_ms
from bridge.proof.source import firm_of
from tests.builders import at

STEPS = 48


def number(text: str) -> int:
    """A date counted from the epoch."""
    return at(f"{text} 00:00:00") // DAY_MS


def hour(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%a %H:%M")


def test_a_day_begins_at_17_new_york_summer_and_winter() -> None:
    assert opening_ms(number("2026-01-14")) == at("2026-01-13 22:00:00")
    assert opening_ms(number("2026-07-15")) == at("2026-07-14 21:00:00")


def test_prague_resets_an_hour_into_the_brokers_day_and_at_its_midnight_while_only_america_has_summer_time() -> None:
    days = Days(firm_of("ftmo-2step", 100_000.0), STEPS)
    winter = days.day(number("2026-01-14"), number("2026-01-15"))
    assert winter.resets == ((2, at("2026-01-13 23:00:00")),)
    between = days.day(number("2026-03-18"), number("2026-03-19"))
    assert between.resets == ((4, at("2026-03-17 23:00:00")),)


def test_resets_of_a_weekend_come_while_the_market_is_closed() -> None:
    days = Days(firm_of("ftmo-2step", 100_000.0), STEPS)
    friday = days.day(number("2026-01-16"), number("2026-01-19"))
    assert friday.start_ms + DAY_MS == at("2026-01-16 22:00:00")
    assert [hour(each) for each in friday.resets_closed] == ["Fri 23:00", "Sat 23:00"]


def test_a_reset_at_the_brokers_midnight_is_met_at_the_close_once() -> None:
    days = Days(firm_of("the5ers-high-stakes", 100_000.0), STEPS)
    day = days.day(number("2026-01-14"), number("2026-01-15"))
    assert day.resets == ((STEPS, at("2026-01-14 22:00:00")),)
    assert day.resets_closed == ()


def test_a_daily_break_closes_before_it_begins_and_nobody_asks_in_it() -> None:
    days = Days(firm_of("topstep", 50_000.0), STEPS)
    day = days.day(number("2026-01-14"), number("2026-01-15"))
    # 15:10 Chicago is 21:10 UTC, 46.3 half hours after 22:00 UTC; until 17:00 Chicago, 23:00 UTC.
    assert day.flat == {46}
    assert {0, 1, 46, 47, 48} <= day.shut
    assert 2 not in day.shut
    assert 45 not in day.shut


def test_the_triple_swap_is_charged_on_its_day() -> None:
    days = Days(firm_of("ftmo-2step", 100_000.0), STEPS)
    wednesday = days.day(number("2026-01-14"), number("2026-01-15"))
    assert (wednesday.nights[3], wednesday.nights[5]) == (3, 1)


def test_a_hole_of_the_file_becomes_a_break_to_the_same_weekday() -> None:
    before, after = number("2014-12-31"), number("2015-01-19")
    assert bridged([before - 1, before, after]) == [before - 1, before, number("2015-01-05")]
    assert bridged([1, 4, 5]) == [1, 4, 5]
