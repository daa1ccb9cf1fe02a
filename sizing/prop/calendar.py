"""When a firm's day and weekend begin, in its own time zone. Times in and out are UTC milliseconds."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sizing.prop.rules import Firm, day_minute, week_minute

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEK = timedelta(days=7)


def day_bounds(firm: Firm, now_ms: int) -> tuple[int, int]:
    """The last reset at or before now, and the next one after it.

    A reset is a wall-clock time in the firm's zone, so days last 23 or 25 hours where its clocks change.
    """
    zone = ZoneInfo(firm.timezone)
    minute = day_minute(firm.reset)
    local = _EPOCH + timedelta(milliseconds=now_ms)
    today = local.astimezone(zone).date()
    resets = [
        _to_ms(datetime.combine(today + timedelta(days=offset), time(minute // 60, minute % 60), zone))
        for offset in (-1, 0, 1, 2)
    ]
    last = max(reset for reset in resets if reset <= now_ms)
    return last, min(reset for reset in resets if reset > now_ms)


def weekend_bounds(firm: Firm, now_ms: int) -> tuple[int, int] | None:
    """The firm's weekend that holds now, or else the next one; None where it has no weekend rule."""
    if not firm.weekend_flat:
        return None
    zone = ZoneInfo(firm.timezone)
    start, end = week_minute(firm.weekend_from), week_minute(firm.weekend_until)
    length = (end - start) % (7 * 1440)
    local = (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(zone).replace(tzinfo=None)
    monday = datetime.combine(local.date() - timedelta(days=local.weekday()), time())
    for week in (monday - _WEEK, monday, monday + _WEEK):
        opening = week + timedelta(minutes=start)
        closing = opening + timedelta(minutes=length)
        if local < closing:
            return _to_ms(opening.replace(tzinfo=zone)), _to_ms(closing.replace(tzinfo=zone))
    raise AssertionError("a weekend begins within every two weeks")


def _to_ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
