"""One firm's rules for one product, as they stand in a file of `config/firms/`."""

from dataclasses import MISSING, dataclass, field
from typing import Literal

from sizing.params import check_ranges, param
from sizing.prop.formats import (
    FieldFault,
    currency_codes,
    day_minute,
    iso_date,
    problems,
    raise_if,
    sizes,
    utc_ms,
    week_minute,
)
from sizing.prop.rules import LossRule


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsBlackout:
    """No entries between two times in symbols that hold one of the currencies."""

    start: str = param(MISSING, "UTC time, ISO 8601 with Z")
    end: str = param(MISSING, "UTC time, ISO 8601 with Z")
    currencies: tuple[str, ...] = param((), "currency codes; none means every symbol")
    title: str = param(MISSING, "what is published")

    def __post_init__(self) -> None:
        faults = problems(self, {"start": utc_ms, "end": utc_ms, "currencies": currency_codes})
        if not faults and self.end_ms <= self.start_ms:
            faults.append(("end", f"must be later than start; it is {self.end!r}"))
        raise_if(faults)

    @property
    def start_ms(self) -> int:
        """UTC milliseconds of the first moment without entries."""
        return utc_ms(self.start)

    @property
    def end_ms(self) -> int:
        """UTC milliseconds of the first moment with entries again."""
        return utc_ms(self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRule:
    """No entries around the news of a calendar file."""

    file: str = param(MISSING, "calendar file, .csv or .ics, relative to the configuration folder")
    minutes_before: int = param(2, "minutes without entries before the news", ge=0, le=1440)
    minutes_after: int = param(2, "minutes without entries after the news", ge=0, le=1440)
    impact: Literal["low", "medium", "high"] = param(
        "high", "least impact that counts", choices=("low", "medium", "high")
    )
    max_gap_days: int = param(10, "days within which some news must come, else the calendar is stale", ge=1, le=60)
    source: str = param(MISSING, "page or document the rule was read in")
    as_of: str = param(MISSING, "date it was read, YYYY-MM-DD")

    def __post_init__(self) -> None:
        check_ranges(self)
        faults = problems(self, {"as_of": iso_date})
        if not self.file.lower().endswith((".csv", ".ics")):
            faults.append(("file", f"must end in .csv or .ics; it is {self.file!r}"))
        raise_if(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """How large a part of the profit one day may be."""

    best_day_pct: float = param(MISSING, "percent that the best day may be", gt=0, le=100)
    of: Literal["profit", "target", "winning_days"] = param(
        MISSING,
        "what the best day is compared with: all profit, the profit target, the sum of the days that won",
        choices=("profit", "target", "winning_days"),
    )
    when_reached: Literal["tell", "pause"] = param(
        "tell",
        "tell: shown only; pause: no entries for the rest of the day, for of = target",
        choices=("tell", "pause"),
    )
    source: str = param(MISSING, "page or document the rule was read in")
    as_of: str = param(MISSING, "date it was read, YYYY-MM-DD")

    def __post_init__(self) -> None:
        check_ranges(self)
        faults = problems(self, {"as_of": iso_date})
        if self.when_reached == "pause" and self.of != "target":
            faults.append(("when_reached", 'must be "tell" unless of is "target": only then is the day\'s limit known'))
        raise_if(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmLimits:
    """What a firm limits beside losses. None does not limit."""

    open_risk_pct: float | None = param(
        None, "percent of the initial balance that all stops together may lose", gt=0, le=100
    )
    floating_loss_pct: float | None = param(
        None,
        "percent of the initial balance that losing positions together may show; winners count nothing",
        gt=0,
        le=100,
    )
    max_positions: int | None = param(None, "positions and pending orders at a time", ge=1)
    max_positions_per_day: int | None = param(None, "positions opened in one day of the firm", ge=1)
    max_lots_per_order: float | None = param(None, "lots of one order", gt=0)
    max_lots_open: float | None = param(None, "lots of all positions and pending orders together", gt=0)
    max_lots_by_size: dict[str, float] = field(
        default_factory=dict, metadata={"unit": "max_lots_open by initial balance, instead of it"}
    )
    source: str | None = param(None, "page or document the limits were read in")
    as_of: str | None = param(None, "date they were read, YYYY-MM-DD")

    def __post_init__(self) -> None:
        check_ranges(self)
        faults = problems(self, {"as_of": iso_date, "max_lots_by_size": sizes})
        if self.max_lots_open is not None and self.max_lots_by_size:
            faults.append(("max_lots_by_size", "contradicts max_lots_open; keep one of them"))
        raise_if(faults)

    def lots_open(self, initial_balance: float) -> float | None:
        """`max_lots_open` for this initial balance. Raises KeyError for a size the table lacks."""
        return sizes(self.max_lots_by_size)[initial_balance] if self.max_lots_by_size else self.max_lots_open


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """The rules one account must keep. Times of day are wall clock in `timezone`."""

    name: str = param(MISSING, "the file's name without .toml")
    title: str = param(MISSING, "name for people")
    timezone: str = param("UTC", "IANA time zone of the firm's day, or \"broker\": the broker's own clock")
    reset: str = param("00:00", "HH:MM in that zone, when the firm's day begins")
    rules: tuple[LossRule, ...] = ()
    weekend_flat: bool = param(False, "true: no entries over the weekend")
    weekend_from: str = param("Fri 20:00", "day and HH:MM in the firm's zone, first moment without entries")
    weekend_until: str = param("Sun 22:00", "day and HH:MM in the firm's zone, first moment with entries again")
    flat_daily: bool = param(False, "true: no entries between flat_from and flat_until of every day")
    flat_from: str = param("16:00", "HH:MM in the firm's zone, first moment without entries")
    flat_until: str = param("18:00", "HH:MM in the firm's zone, first moment with entries again")
    target_pct: float | None = param(None, "percent of the initial balance to be earned", gt=0, le=1000)
    min_days: int = param(0, "trading days wanted", ge=0)
    min_day_profit_pct: float = param(
        0.0, "percent of the initial balance a day must earn to count; 0: a position opened is enough", ge=0, le=100
    )
    consistency: Consistency | None = None
    limits: FirmLimits = field(default_factory=FirmLimits)
    calendar: CalendarRule | None = None
    news: tuple[NewsBlackout, ...] = ()

    def __post_init__(self) -> None:
        check_ranges(self)
        times = {"reset": day_minute, "flat_from": day_minute, "flat_until": day_minute}
        faults = problems(self, {**times, "weekend_from": week_minute, "weekend_until": week_minute})
        raise_if(faults + _contradictions(self))

    def lacks_size(self, initial_balance: float) -> list[FieldFault]:
        """Which tables by size have no entry for this initial balance."""
        tables: list[tuple[tuple[str | int, ...], dict[str, float]]] = [
            (("rules", index, "amount_by_size"), rule.amount_by_size) for index, rule in enumerate(self.rules)
        ]
        found: list[FieldFault] = []
        for key, table in [*tables, (("limits", "max_lots_by_size"), self.limits.max_lots_by_size)]:
            if table and initial_balance not in sizes(table):
                known = ", ".join(table)
                found.append((key, f"has no entry for the initial balance {initial_balance:g}; it knows {known}"))
        return found


def _contradictions(firm: Firm) -> list[FieldFault]:
    faults: list[FieldFault] = []
    names = [rule.name for rule in firm.rules]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        faults.append(("rules", f"must have different names; {repeated[0]!r} stands twice"))
    if firm.weekend_from == firm.weekend_until:
        faults.append(("weekend_until", "must differ from weekend_from"))
    if firm.flat_from == firm.flat_until:
        faults.append(("flat_until", "must differ from flat_from"))
    if firm.consistency is not None and firm.consistency.of == "target" and firm.target_pct is None:
        faults.append(("target_pct", 'is missing; consistency.of = "target" is counted from it'))
    if firm.min_day_profit_pct and not firm.min_days:
        faults.append(("min_days", "is missing; min_day_profit_pct says which days count"))
    return faults
