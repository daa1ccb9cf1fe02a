"""When a firm's day, weekend and daily break begin, in its own time zone. Times in and out are UTC milliseconds."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from sizing.prop.firm import Firm
from sizing.prop.formats import BROKER, day_minute, week_minute

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEK = timedelta(days=7)


def day_bounds(firm: Firm, now_ms: int, broker_offset_ms: int = 0) -> tuple[int, int]:
    """The last reset at or before now, and the next one after it.

    A reset is a wall-clock time in the firm's zone, so days last 23 or 25 hours where its clocks change. For a firm
    that follows its broker's clock, `broker_offset_ms` is that clock less UTC.
    """
    zone = _zone(firm, broker_offset_ms)
    resets = _resets_around(zone, day_minute(firm.reset), _local(now_ms, zone).date())
    last = max(reset for reset in resets if reset <= now_ms)
    return last, min(reset for reset in resets if reset > now_ms)


def next_reset(firm: Firm, after_ms: int, offset_ms: Callable[[int], int]) -> int:
    """The first reset after a moment, by what the broker's clock is that night: it may have changed since.

    `offset_ms` gives that clock less UTC at a moment. Where the clock leaps over the reset, the leap is the reset.
    """
    ahead_ms = offset_ms(after_ms)
    reset_ms = day_bounds(firm, after_ms, ahead_ms)[1]
    if firm.timezone != BROKER:
        return reset_ms
    then_ms = offset_ms(reset_ms)
    moved_ms = reset_ms + ahead_ms - then_ms
    fits = moved_ms > after_ms and offset_ms(moved_ms) == then_ms
    return moved_ms if fits else reset_ms


@lru_cache(maxsize=256)
def _resets_around(zone: tzinfo, minute: int, today: date) -> tuple[int, ...]:
    """The resets of the day before a date, of the date itself and of the two days after."""
    return tuple(
        _to_ms(datetime.combine(today + timedelta(days=offset), time(minute // 60, minute % 60), zone))
        for offset in (-1, 0, 1, 2)
    )


def resets_between(firm: Firm, after_ms: int, until_ms: int, broker_offset_ms: int = 0) -> Iterator[int]:
    """Every reset later than one moment and not later than another, oldest first."""
    reset = day_bounds(firm, after_ms, broker_offset_ms)[1]
    while reset <= until_ms:
        yield reset
        reset = day_bounds(firm, reset, broker_offset_ms)[1]


def weekend_bounds(firm: Firm, now_ms: int, broker_offset_ms: int = 0) -> tuple[int, int] | None:
    """The firm's weekend that holds now, or else the next one; None where it has no weekend rule."""
    if not firm.weekend_flat:
        return None
    zone = _zone(firm, broker_offset_ms)
    start, end = week_minute(firm.weekend_from), week_minute(firm.weekend_until)
    length = (end - start) % (7 * 1440)
    local = _local(now_ms, zone).replace(tzinfo=None)
    monday = datetime.combine(local.date() - timedelta(days=local.weekday()), time())
    for week in (monday - _WEEK, monday, monday + _WEEK):
        opening = week + timedelta(minutes=start)
        closing = opening + timedelta(minutes=length)
        if local < closing:
            return _to_ms(opening.replace(tzinfo=zone)), _to_ms(closing.replace(tzinfo=zone))
    raise AssertionError("a weekend begins within every two weeks")


def break_bounds(firm: Firm, now_ms: int, broker_offset_ms: int = 0) -> tuple[int, int] | None:
    """The firm's daily break that holds now, or else the next one; None where it has none."""
    if not firm.flat_daily:
        return None
    zone = _zone(firm, broker_offset_ms)
    start, end = day_minute(firm.flat_from), day_minute(firm.flat_until)
    length = (end - start) % 1440
    local = _local(now_ms, zone).replace(tzinfo=None)
    midnight = datetime.combine(local.date(), time())
    for days in (-1, 0, 1):
        opening = midnight + timedelta(days=days, minutes=start)
        closing = opening + timedelta(minutes=length)
        if local < closing:
            return _to_ms(opening.replace(tzinfo=zone)), _to_ms(closing.replace(tzinfo=zone))
    raise AssertionError("a break begins within every two days")


def _zone(firm: Firm, broker_offset_ms: int) -> tzinfo:
    if firm.timezone == BROKER:
        return timezone(timedelta(milliseconds=broker_offset_ms))
    return ZoneInfo(firm.timezone)


def _local(now_ms: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(zone)


def _to_ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
