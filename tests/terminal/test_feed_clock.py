"""The broker's clock: messages that are read late, changes from and to daylight saving, and clocks that are off."""

import pytest

from bridge.terminal.feed_clock import LASTING_MS, BrokerClock
from tests.builders import NOW_MS

MINUTE = 60_000
HOUR = 3_600_000
OFFSET = 2 * HOUR
LATE = [5 * MINUTE, 8 * MINUTE, 15 * MINUTE, 30 * MINUTE, 45 * MINUTE, 60 * MINUTE]


def clock(offset_ms: int = OFFSET, lead_ms: int = 0) -> BrokerClock:
    """A clock that has heard one timely message of a broker whose own clock is off by `lead_ms`."""
    clock = BrokerClock()
    hear(clock, NOW_MS, offset_ms + lead_ms)
    return clock


def hear(clock: BrokerClock, now_ms: int, ahead_ms: int, late_ms: int = 0) -> bool:
    """Read a message at `now_ms` that was made `late_ms` before, by a trade server `ahead_ms` ahead of UTC."""
    return clock.observe((now_ms - late_ms + ahead_ms) // 1000, [], now_ms)


def age_ms(clock: BrokerClock, now_ms: int, ahead_ms: int, late_ms: int = 0) -> tuple[int, int]:
    """How old such a message, and a tick made together with it, look."""
    made_ms = now_ms - late_ms + ahead_ms
    return now_ms - clock.sent_ms(made_ms // 1000, now_ms), now_ms - clock.utc_of_tick(made_ms)


# Late messages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late_ms", LATE)
@pytest.mark.parametrize("lead_ms", [-30_000, 0, 30_000])
def test_a_message_that_is_read_late_moves_nothing_and_shows_its_age(late_ms: int, lead_ms: int) -> None:
    known, now_ms = clock(lead_ms=lead_ms), NOW_MS + late_ms
    hear(known, now_ms, OFFSET + lead_ms, late_ms)
    assert known.offset_ms == OFFSET
    assert age_ms(known, now_ms, OFFSET + lead_ms, late_ms) == pytest.approx((late_ms, late_ms), abs=1_000)


def test_a_row_of_late_messages_read_at_once_moves_nothing() -> None:
    known, now_ms = clock(), NOW_MS + HOUR
    for late_ms in range(HOUR, 0, -1_000):
        hear(known, now_ms, OFFSET, late_ms)
        assert known.offset_ms == OFFSET
    hear(known, now_ms, OFFSET)
    assert age_ms(known, now_ms, OFFSET) == (0, 0)


def test_late_messages_between_timely_ones_never_last() -> None:
    known = clock()
    for second in range(0, 600, 20):
        now_ms = NOW_MS + 1_000 * second
        hear(known, now_ms, OFFSET, 15 * MINUTE)
        assert known.offset_ms == OFFSET
        hear(known, now_ms, OFFSET)


@pytest.mark.parametrize("late_ms", LATE)
def test_a_first_message_that_was_late_is_corrected_by_the_next_timely_one(late_ms: int) -> None:
    known = BrokerClock()
    hear(known, NOW_MS, OFFSET, late_ms)
    assert hear(known, NOW_MS + 1_000, OFFSET) is True
    assert known.offset_ms == OFFSET
    assert age_ms(known, NOW_MS + 1_000, OFFSET) == (0, 0)
    assert age_ms(known, NOW_MS + 1_000, OFFSET, late_ms) == (late_ms, late_ms)


# Daylight saving -----------------------------------------------------------------------------------------------------


def test_a_larger_offset_is_believed_at_once() -> None:
    known = clock()
    assert hear(known, NOW_MS + 1_000, OFFSET + HOUR) is True
    assert known.offset_ms == OFFSET + HOUR
    assert age_ms(known, NOW_MS + 1_000, OFFSET + HOUR) == (0, 0)


def test_a_smaller_offset_is_believed_once_it_has_lasted() -> None:
    known, changed = clock(), NOW_MS + 10_000
    for later in range(0, LASTING_MS, 1_000):
        assert hear(known, changed + later, OFFSET - HOUR) is False
        assert known.offset_ms == OFFSET
        assert age_ms(known, changed + later, OFFSET - HOUR) == (HOUR, HOUR), "until then it looks late"
    assert hear(known, changed + LASTING_MS, OFFSET - HOUR) is True
    assert known.offset_ms == OFFSET - HOUR
    assert age_ms(known, changed + LASTING_MS, OFFSET - HOUR) == (0, 0)


def test_smaller_offsets_that_differ_do_not_last_together() -> None:
    known = clock()
    for number, late_ms in enumerate([15 * MINUTE, 30 * MINUTE, 45 * MINUTE, 60 * MINUTE]):
        hear(known, NOW_MS + number * 40_000, OFFSET, late_ms)
        assert known.offset_ms == OFFSET


# A broker's clock that is off ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead_ms", [-30_000, -6_000, -1_000, 0, 1_000, 6_000, 30_000])
def test_what_a_broker_whose_clock_is_off_sends_is_fresh(lead_ms: int) -> None:
    known = clock(lead_ms=lead_ms)
    for second in range(0, 7_200, 5):
        now_ms = NOW_MS + 1_000 * second
        hear(known, now_ms, OFFSET + lead_ms)
        account_ms, tick_ms = age_ms(known, now_ms, OFFSET + lead_ms)
        assert known.offset_ms == OFFSET
        assert 0 <= account_ms <= 1_000
        assert abs(tick_ms) <= 1_000


def test_whole_seconds_of_the_server_make_nothing_look_old() -> None:
    known = BrokerClock()
    for now_ms in range(NOW_MS, NOW_MS + 30_000, 170):
        hear(known, now_ms, OFFSET)
        account_ms, tick_ms = age_ms(known, now_ms, OFFSET)
        assert 0 <= account_ms <= 1_000
        assert tick_ms == 0


# Ticks only ----------------------------------------------------------------------------------------------------------


def test_a_live_tick_tells_the_offset_and_the_message_counts_as_made_now() -> None:
    known = BrokerClock()
    assert known.observe(None, [NOW_MS + OFFSET - 300], NOW_MS) is True
    assert (known.offset_ms, known.lead_ms) == (OFFSET, 0)
    assert known.utc_of_tick(NOW_MS + OFFSET - 300) == NOW_MS - 300
    assert known.sent_ms(None, NOW_MS) == NOW_MS


def test_a_broker_that_only_ticks_may_change_its_clock_either_way() -> None:
    known = BrokerClock()
    for number, offset_ms in enumerate([OFFSET, OFFSET + HOUR, OFFSET]):
        now_ms = NOW_MS + 2 * HOUR * number
        known.observe(None, [now_ms + offset_ms - 300], now_ms)
        assert known.offset_ms == offset_ms


def test_the_servers_own_time_replaces_an_offset_from_ticks_at_once() -> None:
    known = BrokerClock()
    known.observe(None, [NOW_MS + OFFSET], NOW_MS)
    assert hear(known, NOW_MS, OFFSET - HOUR) is True
    assert known.offset_ms == OFFSET - HOUR


# A broker's clock that is set back -----------------------------------------------------------------------------------


@pytest.mark.parametrize("every_ms", [50, 250, 1_000])
@pytest.mark.parametrize("back_ms", [12_000, 30_000, 300_000])
def test_a_broker_clock_that_is_set_back_is_believed_after_a_minute_of_messages(back_ms: int, every_ms: int) -> None:
    known, now_ms = clock(), NOW_MS
    for now_ms in range(NOW_MS + every_ms, NOW_MS + LASTING_MS + 5_000, every_ms):
        hear(known, now_ms, OFFSET - back_ms)
    assert known.offset_ms == OFFSET
    assert age_ms(known, now_ms, OFFSET - back_ms) == pytest.approx((0, 0), abs=1_000)


def test_single_late_messages_do_not_make_a_minute() -> None:
    known = clock()
    for minute in range(1, 30):
        hear(known, NOW_MS + minute * MINUTE, OFFSET, 30_000)
    assert age_ms(known, NOW_MS + HOUR, OFFSET, 30_000)[0] == pytest.approx(30_000, abs=1_000)
