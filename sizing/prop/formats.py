"""How times, dates and codes are written in a firm's file, and how contradictions in it are told."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
BROKER = "broker"
"""In place of a time zone: the broker's own clock, as measured."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_CURRENCY = re.compile(r"[A-Z]{3}")


FieldFault = tuple[str | tuple[str | int, ...], str]
"""A field, or the keys that lead to a value inside it, and what is wrong there."""


class FieldsError(ValueError):
    """Fields that are each well formed but contradict each other."""

    def __init__(self, faults: list[FieldFault]) -> None:
        super().__init__(
            "; ".join(f"{key if isinstance(key, str) else '.'.join(map(str, key))} {what}" for key, what in faults)
        )
        self.faults = tuple(faults)


@lru_cache(maxsize=64)
def day_minute(text: str) -> int:
    """Minutes since midnight of `HH:MM`."""
    if (match := _TIME.fullmatch(text)) is None:
        raise ValueError(f'must be a time "HH:MM" from 00:00 to 23:59; it is {text!r}')
    return int(match[1]) * 60 + int(match[2])


def week_minute(text: str) -> int:
    """Minutes since Monday 00:00 of `Fri 20:00`."""
    day, _, time = text.partition(" ")
    if day not in DAYS or _TIME.fullmatch(time) is None:
        raise ValueError(f'must be a day and time such as "Fri 20:00"; it is {text!r}')
    return DAYS.index(day) * 1440 + day_minute(time)


def utc_ms(text: str) -> int:
    """Milliseconds since the epoch of an ISO-8601 time in UTC that ends in `Z`."""
    problem = f'must be a UTC time such as "2026-12-10T13:28:00Z"; it is {text!r}'
    if not text.endswith("Z") or "T" not in text:
        raise ValueError(problem)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(problem) from None
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def iso_date(text: str) -> date:
    """The date of `2026-11-20`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f'must be a date such as "2026-11-20"; it is {text!r}') from None


def currency_codes(codes: tuple[str, ...]) -> tuple[str, ...]:
    """The same codes, if each is three capital letters."""
    if wrong := [code for code in codes if _CURRENCY.fullmatch(code) is None]:
        raise ValueError(f'must hold codes of three capital letters such as "USD"; {wrong[0]!r} is none')
    return codes


def sizes(amounts: dict[str, float]) -> dict[float, float]:
    """The same table by the initial balance as a number. Raises FieldsError that lists every wrong entry."""
    found: dict[float, float] = {}
    faults: list[FieldFault] = []
    for size, amount in amounts.items():
        number = float(size) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,2})?", size) else 0.0
        if number <= 0:
            faults.append((size, 'must be an initial balance in digits, such as "50000"'))
        elif number in found:
            faults.append((size, "stands twice; keep one"))
        elif not 0 < amount < float("inf"):
            faults.append((size, f"must be greater than 0; it is {amount:g}"))
        found[number] = amount
    raise_if(faults)
    return found


def problems(instance: Any, checks: dict[str, Callable[[Any], object]]) -> list[FieldFault]:
    """What is wrong with the fields of an instance, by the checks given; a field of None is not looked at."""
    faults: list[FieldFault] = []
    for name, check in checks.items():
        value = getattr(instance, name)
        try:
            if value is not None:
                check(value)
        except FieldsError as error:
            faults += [((name, *((key,) if isinstance(key, str) else key)), what) for key, what in error.faults]
        except ValueError as fault:
            faults.append((name, str(fault)))
    return faults


def raise_if(faults: list[FieldFault]) -> None:
    """Raise FieldsError if there are any."""
    if faults:
        raise FieldsError(faults)
