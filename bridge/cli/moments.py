"""Moments in the firm's, the broker's and this computer's time, and how long until then."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bridge.cli.screen import duration, minute_local
from sizing.prop.formats import BROKER

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def in_firm(moment_ms: int, zone: str, broker_offset_ms: int) -> str:
    """By the firm's clock, with its zone and what that is from UTC."""
    if zone == BROKER:
        return _told(moment_ms, _fixed(broker_offset_ms), "the broker's clock")
    try:
        return _told(moment_ms, ZoneInfo(zone), zone)
    except (ZoneInfoNotFoundError, ValueError):
        return f"{_told(moment_ms, UTC, '')} (this computer does not know {zone})"


def in_broker(moment_ms: int, offset_ms: int) -> str:
    """By the broker's clock, which is known by its distance from UTC only."""
    return _told(moment_ms, _fixed(offset_ms), "")


def here(moment_ms: int) -> str:
    """By this computer's clock."""
    return _told(moment_ms, None, "local")


def span_here(start_ms: int, end_ms: int) -> str:
    """From one moment to another by this computer's clock; the date of the end only where it is another day."""
    start, end = _local(start_ms), _local(end_ms)
    same = start.date() == end.date()
    return f"{start:%a %Y-%m-%d %H:%M} to {end:{'%H:%M' if same else '%a %Y-%m-%d %H:%M'}} local"


def until_here(moment_ms: int, now_ms: int) -> str:
    """A moment to come by this computer's clock, and how long that is."""
    return f"{minute_local(moment_ms)} (in {duration(max(0, moment_ms - now_ms))})"


def offset_text(offset: timedelta) -> str:
    """What a clock is ahead of UTC: `UTC+5:30`."""
    minutes = offset // timedelta(minutes=1)
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}{f':{rest:02}' if rest else ''}"


def _told(moment_ms: int, zone: tzinfo | None, name: str) -> str:
    moment = _local(moment_ms, zone)
    offset = offset_text(moment.utcoffset() or timedelta())
    label = offset if name in ("", offset) else f"{name} ({offset})"
    return f"{moment:%Y-%m-%d %H:%M} {label}"


def _fixed(offset_ms: int) -> tzinfo:
    return timezone(timedelta(milliseconds=offset_ms))


def _local(moment_ms: int, zone: tzinfo | None = None) -> datetime:
    """In a zone; None is this computer's."""
    return (_EPOCH + timedelta(milliseconds=moment_ms)).astimezone(zone)
