"""`recording.json`: which server a recording is of, and by which broker's clock its times were put into UTC.

A folder is recorded with one clock: a second one would put later runs' times elsewhere. What contradicts it is refused.
"""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from bridge.errors import MarketError
from bridge.market.broker_zone import BrokerZone, usual_zone, zone_of

NAME = "recording.json"
FORMAT = 1


class Measured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far the broker's clock was ahead of UTC at a moment."""

    at: str
    """ISO 8601, UTC."""
    minutes: int


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`recording.json`. Each change of the offset that was measured stands in `measured`, oldest first."""

    format: int = FORMAT
    server: str
    zone: str
    """As `--zone` takes it."""
    zone_from: Literal["told", "guessed"]
    """Guessed: from one measured offset, which is what is usual."""
    measured: list[Measured] = []


def read(folder: Path) -> About | None:
    """What a folder says of itself; None for a new one. Raises MarketError, also for files without it."""
    path = folder / NAME
    try:
        about = msgspec.json.decode(path.read_bytes(), type=About)
        zone_of(about.zone)
    except FileNotFoundError:
        if any(folder.glob("*_mt5_*.parquet")):
            text = f"{folder} holds a recording without {NAME}: by whose clock its times were made is not known"
            raise MarketError(f"{text}. Record into a new folder.") from None
        return None
    except (OSError, ValueError) as fault:
        text = f"{path} cannot be read ({fault}): by whose clock {folder} was recorded is not known"
        raise MarketError(f"{text}. Restore it, or record into a new folder.") from fault
    if about.format != FORMAT:
        raise MarketError(f"{path} has format {about.format}, this version writes {FORMAT}; record into a new folder")
    return about


def write(folder: Path, about: About) -> None:
    """Put it in its place in one step. Raises MarketError."""
    path = folder / NAME
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(about), indent=2) + b"\n")
        temporary.replace(path)
    except OSError as fault:
        raise MarketError(f"{path} cannot be written: {fault.strerror or fault}") from fault
    finally:
        temporary.unlink(missing_ok=True)


def settled(
    kept: About | None,
    server: str,
    told: BrokerZone | None,
    offset_ms: int | None,
    now_ms: int,
    say: Callable[[str], None],
) -> About:
    """What a folder says from now on. `offset_ms` was measured now; None: no live tick came. Raises MarketError."""
    if kept is not None and kept.server != server:
        raise MarketError(f"{kept.server} was recorded here, and this is {server}: record it into a folder of its own")
    zone, guessed = _zone(kept, told, offset_ms, now_ms)
    if offset_ms is None:
        say(f"No live tick came: the broker's clock is not checked, it is taken to be {zone.name}.")
    elif (expected_ms := zone.wall_ms(now_ms) - now_ms) != offset_ms:
        whose = f"{zone.name} ({'as recorded here' if kept is not None else 'as --zone says'})"
        raise MarketError(
            f"The broker's clock is at {_text(offset_ms)} now, but by {whose} it would be at {_text(expected_ms)}. "
            "Record into a new folder, and say the broker's clock over the year with --zone."
        )
    elif kept is None and guessed:
        say(
            f"The broker's clock is at {_text(offset_ms)} now, and over the year taken to be {zone.name}: kept in "
            f"{NAME}. If that is not so, record into a new folder with --zone."
        )
    measured = [] if kept is None else list(kept.measured)
    minutes = None if offset_ms is None else offset_ms // 60_000
    if minutes is not None and (not measured or measured[-1].minutes != minutes):
        moment = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="seconds")
        measured.append(Measured(at=moment, minutes=minutes))
    return About(server=server, zone=zone.name, zone_from="guessed" if guessed else "told", measured=measured)


def _zone(kept: About | None, told: BrokerZone | None, offset_ms: int | None, now_ms: int) -> tuple[BrokerZone, bool]:
    """The clock, and whether it is guessed."""
    if kept is not None:
        zone = zone_of(kept.zone)
        if told is not None and (told.zone, told.shift) != (zone.zone, zone.shift):
            raise MarketError(
                f"This folder was recorded by the clock {zone.name}, and --zone says {told.name}: the times of one of "
                "them are wrong. Leave --zone away, or record into a new folder."
            )
        return zone, kept.zone_from == "guessed" and told is None
    if told is not None:
        return told, False
    if offset_ms is None:
        text = "No live tick came, so the broker's clock is not known: wait until the market opens, or say --zone"
        raise MarketError(text)
    usual = usual_zone(offset_ms, now_ms)
    if usual is None:
        text = f"The broker's clock is at {_text(offset_ms)} now, and what it is in the rest of the year is not known"
        raise MarketError(f"{text}: say it with --zone, such as {_text(offset_ms)} if it is the same all year")
    return usual, True


def _text(offset_ms: int) -> str:
    minutes = abs(offset_ms) // 60_000
    return f"{'-' if offset_ms < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
