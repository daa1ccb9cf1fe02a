"""A firm's loss rules as data: what may be lost, measured from where, and when the day begins again.

This is the two-rule firm: a daily floor below the balance at the last reset, and a total floor below the initial
balance. Firms change their rules, so every rule carries the page it was read on and the date.
"""

import re
from dataclasses import MISSING, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from sizing.params import check_ranges, param

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ANCHOR_OF_SCOPE: dict[str, str] = {"daily": "balance_at_reset", "total": "initial"}
"""The only pairs of scope and anchor this schema can express."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_CURRENCY = re.compile(r"[A-Z]{3}")


FieldFault = tuple[str | tuple[str, ...], str]
"""A field, or the keys that lead to a value inside it, and what is wrong there."""


class FieldsError(ValueError):
    """Fields that are each well formed but contradict each other."""

    def __init__(self, faults: list[FieldFault]) -> None:
        super().__init__("; ".join(f"{key if isinstance(key, str) else '.'.join(key)} {what}" for key, what in faults))
        self.faults = tuple(faults)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LossRule:
    """One floor: `anchor` less `amount_pct` of `of`, and what is compared with it."""

    name: str = param(MISSING, "short name of the rule, shown in answers")
    scope: Literal["daily", "total"] = param(
        MISSING, "daily: one trading day; total: the account's whole life", choices=("daily", "total")
    )
    amount_pct: float = param(MISSING, "percent that may be lost", gt=0, le=100)
    of: Literal["initial", "anchor"] = param(
        "initial", "what the percentage is taken of: the initial balance or the anchor", choices=("initial", "anchor")
    )
    anchor: Literal["initial", "balance_at_reset"] = param(
        MISSING, "what the loss is counted from", choices=("initial", "balance_at_reset")
    )
    measured_on: Literal["equity", "balance"] = param(
        "equity", "equity: floating losses count; balance: closed trades only", choices=("equity", "balance")
    )
    source: str = param(MISSING, "page or document the rule was read in")
    as_of: str = param(MISSING, "date it was read, YYYY-MM-DD")

    def __post_init__(self) -> None:
        check_ranges(self)
        faults: list[FieldFault] = []
        if self.anchor != (needed := ANCHOR_OF_SCOPE[self.scope]):
            faults.append(("anchor", f'must be "{needed}" for a {self.scope} rule; it is "{self.anchor}"'))
        faults += _problems(self, {"as_of": iso_date})
        _raise_if(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsBlackout:
    """No entries between two times in symbols that hold one of the currencies."""

    start: str = param(MISSING, "UTC time, ISO 8601 with Z")
    end: str = param(MISSING, "UTC time, ISO 8601 with Z")
    currencies: tuple[str, ...] = param((), "currency codes; none means every symbol")
    title: str = param(MISSING, "what is published")

    def __post_init__(self) -> None:
        faults = _problems(self, {"start": utc_ms, "end": utc_ms, "currencies": currency_codes})
        if not faults and self.end_ms <= self.start_ms:
            faults.append(("end", f"must be later than start; it is {self.end!r}"))
        _raise_if(faults)

    @property
    def start_ms(self) -> int:
        """UTC milliseconds of the first moment without entries."""
        return utc_ms(self.start)

    @property
    def end_ms(self) -> int:
        """UTC milliseconds of the first moment with entries again."""
        return utc_ms(self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """The rules one account must keep. Times of day are wall clock in `timezone`."""

    name: str = param(MISSING, "the file's name without .toml")
    title: str = param(MISSING, "name for people")
    timezone: str = param("UTC", "IANA time zone of the firm's day")
    reset: str = param("00:00", "HH:MM in that zone, when the firm's day begins")
    rules: tuple[LossRule, ...] = ()
    weekend_flat: bool = param(False, "true: no entries over the weekend")
    weekend_from: str = param("Fri 20:00", "day and HH:MM in the firm's zone, first moment without entries")
    weekend_until: str = param("Sun 22:00", "day and HH:MM in the firm's zone, first moment with entries again")
    news: tuple[NewsBlackout, ...] = ()

    def __post_init__(self) -> None:
        faults = _problems(self, {"reset": day_minute, "weekend_from": week_minute, "weekend_until": week_minute})
        names = [rule.name for rule in self.rules]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            faults.append(("rules", f"must have different names; {repeated[0]!r} stands twice"))
        if self.weekend_from == self.weekend_until:
            faults.append(("weekend_until", "must differ from weekend_from"))
        _raise_if(faults)


def _problems(instance: Any, checks: dict[str, Any]) -> list[FieldFault]:
    faults: list[FieldFault] = []
    for name, check in checks.items():
        try:
            check(getattr(instance, name))
        except ValueError as fault:
            faults.append((name, str(fault)))
    return faults


def _raise_if(faults: list[FieldFault]) -> None:
    if faults:
        raise FieldsError(faults)
