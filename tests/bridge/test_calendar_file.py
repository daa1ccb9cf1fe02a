"""Economic calendars: what a file says, what is wrong with it, and the watch that follows it."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge import calendar_file
from bridge.calendar_file import CalendarFault, CalendarWatch, NewsEvent, read_calendar
from sizing.snapshot import NewsWindow
from tests.builders import at

MINUTE, DAY = 60_000, 86_400_000
CPI_MS = at("2026-03-11 12:30:00")
HEADER = "time,currency,impact,title\n"
CPI_ROW = "2026-03-11T12:30:00Z,USD,high,CPI y/y\n"

Read = Callable[..., tuple[NewsEvent, ...]]
Refused = Callable[..., str]


class Rule(NamedTuple):
    minutes_before: int = 2
    minutes_after: int = 3
    impact: str = "high"
    max_gap_days: int = 10_000


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a calendar and read it."""

    def write_and_read(data: str | bytes, name: str = "calendar.csv") -> tuple[NewsEvent, ...]:
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return read_calendar(path)

    return write_and_read


@pytest.fixture
def fault(read: Read) -> Refused:
    """What is said of a calendar that must be refused; the sentence begins with its path."""

    def refused(data: str | bytes, name: str = "calendar.csv") -> str:
        with pytest.raises(CalendarFault) as caught:
            read(data, name)
        path, _, told = str(caught.value).partition(name)
        assert path
        assert told
        return told

    return refused


def ics(*events: str, frame: str = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n{}END:VCALENDAR\n") -> str:
    """A calendar of events, each given by its lines."""
    body = "".join(f"BEGIN:VEVENT\n{lines}\nEND:VEVENT\n" for lines in events)
    return frame.format(body).replace("\n", "\r\n")


def row(**cells: str) -> str:
    """One CSV event with the named cells beside a good time, currency and title."""
    full = {"time": "2026-03-11T12:30Z", "currency": "USD", "title": "CPI"} | cells
    return ",".join(full) + "\n" + ",".join(full.values()) + "\n"


# CSV


def test_csv_gives_events_sorted_by_time(read: Read) -> None:
    events = read(
        "time,currency,impact,title,until\n"
        "2026-03-18T14:00:00-04:00,ALL,High,FOMC,2026-03-18T15:00:00-04:00\n"
        '2026-03-11T12:30:00Z,USD,medium,"CPI, y/y",\n'
    )
    assert events == (
        NewsEvent(CPI_MS, CPI_MS, ("USD",), "medium", "CPI, y/y"),
        NewsEvent(at("2026-03-18 18:00:00"), at("2026-03-18 19:00:00"), (), "high", "FOMC"),
    )


@pytest.mark.parametrize("start", ["\ufeff", "\n\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_is_read_as_spreadsheets_write_it(read: Read, start: str, separator: str, newline: str) -> None:
    rows = ["Title,IMPACT, currency ,Time,actual", "CPI,Low,usd,2026-03-11 12:30:00.000+00:00,3.1%", ""]
    text = start + newline.join(rows).replace(",", separator)
    assert read(text) == (NewsEvent(CPI_MS, CPI_MS, ("USD",), "low", "CPI"),)


@pytest.mark.parametrize(
    ("cell", "currencies"),
    [
        ("USD", ("USD",)), ("eur usd", ("EUR", "USD")), ('"EUR, USD"', ("EUR", "USD")), ("EUR|USD|EUR", ("EUR", "USD")),
        ("", ()), ("ALL", ()), ("all", ()), ("USD ALL", ()), ("CNH", ("CNH",)), ("XAU", ("XAU",)),
    ],
)  # fmt: skip
def test_csv_currencies(read: Read, cell: str, currencies: tuple[str, ...]) -> None:
    assert read(row(currency=cell))[0].currencies == currencies


@pytest.mark.parametrize("cell", ["UDS", "USA", "US", "United States", "EURUSD", "EUR/USD", "CPI", "$"])
def test_a_code_that_would_protect_nothing_is_a_fault(fault: Refused, cell: str) -> None:
    assert "is not a currency code; write one such as USD" in fault(row(currency=cell))


@pytest.mark.parametrize(
    ("column", "cell", "impact"),
    [
        ("impact", "high", "high"), ("impact", " MEDIUM ", "medium"), ("impact", "low", "low"), ("impact", "", "high"),
        ("impact", "Low Impact Expected", "low"), ("impact", "Holiday", "low"), ("impact", "Non-Economic", "low"),
        ("importance", "3", "high"), ("importance", "2", "medium"), ("importance", "1", "low"),
        ("importance", "0", "low"), ("importance", "moderate", "medium"),
        ("importance", "CALENDAR_IMPORTANCE_HIGH", "high"), ("importance", "CALENDAR_IMPORTANCE_NONE", "low"),
    ],
)  # fmt: skip
def test_csv_impact(read: Read, column: str, cell: str, impact: str) -> None:
    assert read(row(**{column: cell}))[0].impact == impact


@pytest.mark.parametrize(("column", "cell"), [("impact", "3"), ("impact", "very"), ("importance", "4")])
def test_an_unknown_impact_is_a_fault(fault: Refused, column: str, cell: str) -> None:
    assert f"line 2: '{cell}' is not an impact; write low, medium or high" in fault(row(**{column: cell}))


def test_csv_without_an_impact_column_counts_as_high(read: Read) -> None:
    assert read(row())[0].impact == "high"


@pytest.mark.parametrize(
    "header", ["datetime,currencies,event", "date,country,name", "time,currency,event_name", "date,time,currency,title"]
)
def test_csv_with_the_columns_of_other_calendars(read: Read, header: str) -> None:
    cells = "2026-03-11,2026-03-11T12:30Z,USD,CPI" if header.startswith("date,time") else "2026-03-11T12:30Z,USD,CPI"
    assert read(f"{header}\n{cells}\n") == (NewsEvent(CPI_MS, CPI_MS, ("USD",), "high", "CPI"),)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("", "no column time"),
        ("when,currency,title", "no column time"),
        ("time,title", "no column currency"),
        ("time,currency", "no column title; begin the file with time,currency,impact,title"),
        ("time,time,currency,title", "has time and time for the time; leave one"),
        ("date,datetime,currency,title", "has date and datetime for the time; leave one"),
        ("2026-03-11T12:30:00Z,USD,high,CPI", "no column time"),
    ],
)
def test_a_header_that_is_incomplete_or_ambiguous_is_a_fault(fault: Refused, header: str, told: str) -> None:
    text = fault(header + "\n")
    assert "its header" in text
    assert told in text


@pytest.mark.parametrize(
    "time", ["2026-03-11T12:30:00", "2026-03-11 12:30", "2026-03-11", "20260311T123000", "20260311"]
)
@pytest.mark.parametrize("column", ["time", "until"])
def test_a_time_without_a_zone_is_a_fault(fault: Refused, time: str, column: str) -> None:
    text = fault(row(**{column: time}))
    assert "line 2: time 2026-03-11" in text
    assert "has no zone; write it with Z or an offset, such as 2026-03-11T12:30:00Z" in text


@pytest.mark.parametrize(
    "time",
    ["", "8:30am", "2026.03.11 12:30", "03-11-2026", "2026-02-30T12:30Z", "2026-03-11T25:00Z", "2026-03-11T12:30 EST",
     "tomorrow", "1773232200", "All Day"],
)  # fmt: skip
def test_what_is_no_time_is_a_fault(fault: Refused, time: str) -> None:
    told = fault(row(time=time))
    assert "line 2: " in told
    assert "is not a time; write it with its zone, such as 2026-03-11T12:30:00Z" in told


@pytest.mark.parametrize("time", ["0226-03-11T12:30Z", "2206-03-11T12:30Z", "0001-01-01T00:00+14:00"])
def test_a_mistyped_year_is_a_fault(fault: Refused, time: str) -> None:
    assert "line 2: its time lies outside the years 1990 to 2199" in fault(row(time=time))


def test_an_event_that_ends_before_it_begins_is_a_fault(fault: Refused) -> None:
    assert "line 2: it ends before it begins" in fault(row(until="2026-03-11T12:29Z"))


def test_every_wrong_row_is_counted_and_five_are_told(fault: Refused) -> None:
    told = fault(HEADER + CPI_ROW + "\n" + "noon,USD,high,x\n" * 3 + CPI_ROW + "2026-03-11T12:30Z,USD\n" + "x,,,\n" * 4)
    assert [line for line in range(1, 15) if f"line {line}:" in told] == [4, 5, 6, 8, 9]
    assert "line 8: it has 2 cells and the header 4" in told
    assert told.endswith("; and 3 more")


@pytest.mark.parametrize(
    "rows",
    [
        f'2026-03-11T12:30Z,USD,high,"CPI\n{CPI_ROW}{CPI_ROW}',
        f'2026-03-11T12:30Z,USD,high,"CPI\n{CPI_ROW}2026-03-11T12:30Z,USD,high,CPI"\n',
        '2026-03-11T12:30Z,USD,high,"CPI"y\n',
        f"2026-03-11T12:30Z,USD,high,{'x' * 200_000}\n",
    ],
)
def test_a_stray_quote_never_swallows_rows(fault: Refused, rows: str) -> None:
    told = fault(HEADER + rows)
    assert "a quote that is not closed" in told
    assert "line " in told


def test_a_title_is_one_short_printable_line(read: Read) -> None:
    assert read(row(title="a\x1b[31m\x00b\u2028\u202e c" + "d" * 500))[0].title == "a [31m b c" + "d" * 190
    assert read(row(title=""))[0].title == "(no title)"


def test_a_header_alone_is_a_calendar_without_events(read: Read) -> None:
    assert read(HEADER) == ()


# iCalendar


def test_ics_gives_events_sorted_by_time(read: Read) -> None:
    text = ics(
        "UID:2\nDTSTART:20260318T180000Z\nDTEND:20260318T190000Z\nSUMMARY:FOMC\\, statement\nPRIORITY:5",
        "UID:1\nDTSTAMP:broken\nDTSTART;TZID=America/New_York:20260311T083000\nSUMMARY:USD: CPI\n  y/y",
    )
    assert read(text, "c.ics") == (
        NewsEvent(CPI_MS, CPI_MS, ("USD",), "high", "USD: CPI y/y"),
        NewsEvent(at("2026-03-18 18:00:00"), at("2026-03-18 19:00:00"), (), "medium", "FOMC, statement"),
    )


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("20260307T083000", "2026-03-07 13:30:00"),
        ("20260308T015959", "2026-03-08 06:59:59"),
        ("20260308T023000", "2026-03-08 07:30:00"),  # skipped: counted on from before the gap
        ("20260308T030000", "2026-03-08 07:00:00"),
        ("20261101T003000", "2026-11-01 04:30:00"),
        ("20261101T013000", "2026-11-01 05:30:00"),  # comes twice: the first
        ("20261101T020000", "2026-11-01 07:00:00"),
        ("20261102T083000", "2026-11-02 13:30:00"),
    ],
)
@pytest.mark.parametrize("zone", ["America/New_York", '"America/New_York"', "Eastern Standard Time"])
def test_ics_local_times_around_the_clock_changes(read: Read, local: str, utc: str, zone: str) -> None:
    assert read(ics(f"DTSTART;TZID={zone}:{local}"), "c.ics")[0].at_ms == at(utc)


def test_ics_zones_are_those_of_the_database_whatever_the_file_says(read: Read, fault: Refused) -> None:
    rules = "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0900\nTZOFFSETTO:+0900\nEND:STANDARD\n"
    frame = f"BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:{{}}\n{rules}END:VTIMEZONE\n{{{{}}}}END:VCALENDAR\n"
    known = ics("DTSTART;TZID=America/New_York:20260311T083000", frame=frame.format("America/New_York"))
    assert read(known, "c.ics")[0].at_ms == CPI_MS
    own = ics("DTSTART;TZID=Desk:20260311T083000", frame=frame.format("Desk"))
    assert "event 1 ('no title'): zone 'Desk' is unknown; write an IANA name" in fault(own, "c.ics")


@pytest.mark.parametrize(
    ("lines", "until"),
    [
        ("DTSTART:20260311T123000Z", CPI_MS),
        ("DTSTART:20260311T123000Z\nDTEND:20260311T123000Z", CPI_MS),
        ("DTSTART:20260311T123000Z\nDTEND;TZID=Europe/Berlin:20260311T140000", CPI_MS + 30 * MINUTE),
        ("DTSTART:20260311T123000Z\nDURATION:PT45M", CPI_MS + 45 * MINUTE),
        ("DTSTART;TZID=America/New_York:20261031T083000\nDURATION:P1D", at("2026-11-01 12:30:00")),
        ("DTSTART;VALUE=DATE:20260311", at("2026-03-12 00:00:00")),
        ("DTSTART:20260311", at("2026-03-12 00:00:00")),
        ("DTSTART;VALUE=DATE:20260311\nDTEND;VALUE=DATE:20260311", at("2026-03-12 00:00:00")),
        ("DTSTART;VALUE=DATE:20260311\nDTEND;VALUE=DATE:20260314", at("2026-03-14 00:00:00")),
        ("DTSTART;VALUE=DATE:20260311\nDURATION:P2D", at("2026-03-13 00:00:00")),
    ],
)
def test_ics_ends(read: Read, lines: str, until: int) -> None:
    event = read(ics(lines), "c.ics")[0]
    assert event.until_ms == until
    if "T" not in lines.partition("\n")[0].rpartition(":")[2]:
        assert event.at_ms == at("2026-03-11 00:00:00")


@pytest.mark.parametrize(
    ("lines", "currencies"),
    [
        ("SUMMARY:USD: CPI y/y", ("USD",)),
        ("SUMMARY:[USD] CPI y/y", ("USD",)),
        ("SUMMARY: [EUR USD] talks: day 2", ("EUR", "USD")),
        ("SUMMARY:EUR/USD: talks", ("EUR", "USD")),
        ("CATEGORIES:USD,High", ("USD",)),
        ("CATEGORIES;LANGUAGE=en:High\nCATEGORIES:EUR,CPI", ("EUR",)),
        ("CATEGORIES:EUR\nSUMMARY:USD: CPI", ("EUR", "USD")),
        ("CATEGORIES:EUR,ALL", ()),
        ("SUMMARY:ALL: war", ()),
        ("SUMMARY:CPI: y/y", ()),  # three capitals are not yet a currency
        ("SUMMARY:[FED] minutes", ()),
        ("SUMMARY:USD and CPI: y/y", ()),
        ("SUMMARY:Top: of the week", ()),
        ("SUMMARY:CPI y/y USD", ()),
        ("CATEGORIES:Economy,GDP", ()),
        ("CATEGORIES:", ()),
        ("SUMMARY:", ()),
    ],
)
def test_ics_currencies(read: Read, lines: str, currencies: tuple[str, ...]) -> None:
    assert read(ics(f"DTSTART:20260311T123000Z\n{lines}"), "c.ics")[0].currencies == currencies


@pytest.mark.parametrize(
    ("lines", "impact"),
    [
        ("UID:1", "high"), ("PRIORITY:0", "high"), ("PRIORITY:1", "high"), ("PRIORITY:4", "high"),
        ("PRIORITY:5", "medium"), ("PRIORITY:6", "low"), ("PRIORITY:9", "low"),
        ("CATEGORIES:Low", "low"), ("CATEGORIES:USD,Medium Impact Expected", "medium"), ("CATEGORIES:HIGH", "high"),
        ("CATEGORIES:low,high", "high"), ("CATEGORIES:Low\nPRIORITY:1", "high"),
        ("CATEGORIES:High\nPRIORITY:9", "high"), ("CATEGORIES:Low\nPRIORITY:0", "low"),
        ("CATEGORIES:None", "high"), ("CATEGORIES:High-tech", "high"),
    ],
)  # fmt: skip
def test_ics_impact(read: Read, lines: str, impact: str) -> None:
    assert read(ics(f"DTSTART:20260311T123000Z\n{lines}"), "c.ics")[0].impact == impact


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("DTSTART:20260311T123000", "event 1 ('CPI'): time 2026-03-11 12:30:00 has no zone"),
        ("DTSTART:20260311T123000Z\nDTEND:20260311T130000", "event 1 ('CPI'): time 2026-03-11 13:00:00 has no zone"),
        ("DTSTART;TZID=Mars/Base:20260311T123000", "zone 'Mars/Base' is unknown; write an IANA name"),
        ("DTSTART;TZID=:20260311T123000", "zone '' is unknown"),
        ("DTSTART;TZID=America/New_York:20260311T123000Z", "write UTC with Z, or a local time without Z"),
        ("DTSTART;TZID=America/New_York:20260311", "write UTC with Z, or a local time without Z"),
        ("DTSTART;TZID=/vendor/America/New_York:20260311T083000", "TZID with a name such as America/New_York"),
        ("DTSTART:2026+311T123000Z", "write UTC with Z"),
        ("DTSTART:2026-03-11T12:30:00Z", "write UTC with Z"),
        ("DTSTART:20260230T123000Z", "DTSTART cannot be read"),
        ("DTSTART:20260311T250000Z", "DTSTART cannot be read"),
        ("DTSTART:02260311T123000Z", "outside the years 1990 to 2199"),
        ("DTSTART;TZID=Asia/Tokyo:00010101T000000", "outside the years 1990 to 2199"),
        ("DTSTART:20260311T123000Z\nDTEND:20260311T122959Z", "it ends before it begins"),
        ("DTSTART:20260311T123000Z\nDURATION:-PT5M", "it ends before it begins"),
        ("DTSTART:20260311T123000Z\nDURATION:P99999D", "outside the years 1990 to 2199"),
        ("DTSTART:20260311T123000Z\nDURATION:1h", "DURATION cannot be read"),
        ("DTSTART:20260311T123000Z\nDURATION:20260311T130000Z", "its DURATION is not a length; write one such as"),
        ("DTSTART:20260311T123000Z\nDURATION:PT5M\nDTEND:20260311T123500Z", "it has DTEND and DURATION; leave one"),
        ("DTSTART:20260311T123000Z\nDTSTART:20260312T123000Z", "it has DTSTART more than once; leave one"),
        ("DTSTART:20260311T123000Z\nRRULE:FREQ=MONTHLY", "repeating events are not read; export each occurrence"),
        ("DTSTART:20260311T123000Z\nRDATE:20260312T123000Z", "repeating events are not read"),
        ("DTSTART:20260311T123000Z\nPRIORITY:10", "PRIORITY 10 is not one of 0 to 9"),
        ("DTSTART:20260311T123000Z\nPRIORITY:high", "PRIORITY cannot be read"),
        ("DTSTART:20260311T123000Z\nDTEND=20260311T130000Z", "has an event with the damaged line 'DTEND=2026"),
        ("UID:1", "it has no DTSTART"),
    ],
)  # fmt: skip
def test_a_wrong_ics_event_is_a_fault(fault: Refused, lines: str, told: str) -> None:
    assert told in fault(ics(f"SUMMARY:CPI\n{lines}"), "c.ics")


def test_every_wrong_ics_event_is_counted_and_five_are_told(fault: Refused) -> None:
    told = fault(ics("DTSTART:20260311T123000Z", *["UID:1"] * 7), "c.ics")
    assert "event 1 " not in told
    assert told.count("it has no DTSTART") == 5
    assert told.endswith("; and 2 more")


GOOD_ICS = ics("DTSTART:20260311T123000Z", "DTSTART:20260318T180000Z")


@pytest.mark.parametrize("cut", range(0, len(GOOD_ICS.rstrip()), 7))
def test_an_ics_file_that_was_cut_off_is_a_fault(fault: Refused, cut: int) -> None:
    fault(GOOD_ICS[:cut], "c.ics")


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>Sign in</body></html>\n",
        ics("DTSTART:20260311T123000Z", frame="{}"),
        ics("DTSTART:20260311T123000Z\nBEGIN:VEVENT\nDTSTART:20260318T180000Z\nEND:VEVENT"),
        ics("DTSTART:20260311T123000Z\nEND:VALARM\nBEGIN:VALARM"),
        GOOD_ICS.replace("END:VEVENT\r\n", "", 1),
        GOOD_ICS.replace("BEGIN:VEVENT\r\n", "", 1),
        GOOD_ICS + "SUMMARY:after the end\r\n",
    ],
)
def test_what_is_not_an_ics_calendar_is_a_fault(fault: Refused, text: str) -> None:
    assert "export it anew" in fault(text, "c.ics")


def test_ics_may_hold_several_calendars_and_other_components(read: Read) -> None:
    alarm = "BEGIN:VALARM\nTRIGGER:broken\nDTSTART:20200101T000000\nEND:VALARM"
    todo = "BEGIN:VTODO\nDTSTART:20200101T000000\nRRULE:FREQ=DAILY\nEND:VTODO\n"
    frame = f"BEGIN:VCALENDAR\n{todo}{{}}END:VCALENDAR\n"
    text = ics(f"DTSTART:20260311T123000Z\n{alarm}\nDESCRIPTION:x", frame=frame) + "\r\n" + GOOD_ICS
    assert [event.at_ms for event in read(text, "c.ics")] == [CPI_MS, CPI_MS, at("2026-03-18 18:00:00")]


# Any file


@pytest.mark.parametrize("name", ["calendar.csv", "calendar.ICS"])
@pytest.mark.parametrize("data", [b"\xff\xfet\x00i\x00", HEADER.encode() + b"\xe9"])
def test_bytes_that_are_not_utf8_are_a_fault(fault: Refused, data: bytes, name: str) -> None:
    assert "is not UTF-8 text at byte" in fault(data, name)


def test_another_kind_of_file_is_a_fault(fault: Refused) -> None:
    assert "is neither .csv nor .ics" in fault(HEADER, "calendar.xml")


def test_a_file_that_is_too_large_is_a_fault(fault: Refused) -> None:
    assert "is larger than 20 MB" in fault(b" " * (calendar_file.BYTES_MAX + 1))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.csv", HEADER + "2026-03-11T12:30Z,,,\n" * 100_001),
        ("c.csv", HEADER + "x,,,\n" * 100_001),
        ("c.ics", ics(*["DTSTART:20260311T123000Z"] * 5_001)),
    ],
)
def test_a_file_of_too_many_events_is_a_fault(fault: Refused, name: str, text: str) -> None:
    most = 5_000 if name.endswith("ics") else 100_000
    assert f"holds more than {most} events" in fault(text, name)


@pytest.mark.parametrize("name", ["none.csv", "folder.csv", "with\0zero.csv", "folder.csv/none.csv"])
def test_what_is_no_file_is_a_fault(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(CalendarFault, match=r"does not exist|is not a file|cannot be read"):
        read_calendar(tmp_path / name)


PIECES = st.sampled_from([
    "BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "BEGIN:VTIMEZONE", "END:VTIMEZONE", "DTSTART",
    "DTEND", "DURATION", "SUMMARY", "CATEGORIES", "PRIORITY", "RRULE", ":", ";", ",", "=", '"', "\r\n", "\n", "\n ",
    "TZID=America", "TZID=../x", "VALUE=DATE", "VALUE=TEXT", "20260311T123000Z", "20260311T123000", "20260311",
    "P99999999999999D", "PT5M", "5", "-1", "FREQ=SECONDLY", "USD", "High", "\\", "\\,", "\x00", "\u2028", "\r",
    "time,currency,impact,title\n", "2026-03-11T12:30Z", "\t", " ",
])  # fmt: skip
PROPERTY = st.tuples(
    st.sampled_from(["DTSTART", "DTEND", "DURATION", "SUMMARY", "CATEGORIES", "PRIORITY", "RRULE", "RDATE", "X-A"]),
    st.sampled_from(
        ["", ";TZID=America/New_York", ";TZID=America", ";TZID=a,b", ";VALUE=DATE", ";VALUE=FLOAT", ";A=b;"]
    ),
    st.sampled_from(["20260311T123000Z", "20260311T123000", "20260311", "99991231T235959", "P1D", "-PT1S", "5", ""])
    | st.text(max_size=12),
).map(lambda parts: f"{parts[0]}{parts[1]}:{parts[2]}")
EVENTS = st.lists(st.lists(PROPERTY, max_size=5).map("\n".join), max_size=3).map(lambda events: ics(*events))
CELL = st.sampled_from(["2026-03-11T12:30Z", "2026-03-11", "USD", "EUR|USD", "high", "", '"', '"a"']) | st.text(
    max_size=8
)
ROWS = st.lists(st.lists(CELL, min_size=3, max_size=5).map(",".join), max_size=5).map(lambda r: HEADER + "\n".join(r))
ANY_FILE = st.binary(max_size=300) | st.one_of(st.lists(PIECES, max_size=40).map("".join), EVENTS, ROWS).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@settings(max_examples=200, deadline=None)
@given(data=ANY_FILE, suffix=st.sampled_from([".csv", ".ics"]))
@example(data=ics("DTSTART;TZID=America:20260311T083000").encode(), suffix=".ics")
@example(data=ics("DTSTART:20260311T083000Z\nDURATION:P99999999999999D").encode(), suffix=".ics")
def test_any_bytes_give_sorted_events_or_a_calendar_fault(scratch: Path, data: bytes, suffix: str) -> None:
    path = scratch / f"calendar{suffix}"
    path.write_bytes(data)
    try:
        events = read_calendar(path)
    except CalendarFault:
        return
    assert list(events) == sorted(events)
    for event in events:
        assert event.at_ms <= event.until_ms
        assert event.title
        assert event.title.isprintable()


@settings(max_examples=100, deadline=None)
@given(data=EVENTS | ROWS, suffix=st.sampled_from([".csv", ".ics"]))
def test_no_event_is_lost_in_silence(scratch: Path, data: str, suffix: str) -> None:
    """A file that is read gives as many events as it has rows or VEVENTs."""
    path = scratch / f"count{suffix}"
    path.write_bytes(data.encode("utf-8", "replace"))
    try:
        events = read_calendar(path)
    except CalendarFault:
        return
    lines = [line for line in data.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line]
    assert len(events) == (lines.count("BEGIN:VEVENT") if suffix == ".ics" else len(lines) - 1)


# The watch


class Desk:
    """A calendar file, the watch over it, and a clock that is moved past the next look by each `look`."""

    def __init__(self, path: Path, rule: Rule) -> None:
        self.path = path
        self.watch = CalendarWatch(path, rule)
        self.now_ms = at("2026-03-04 10:00:00")
        self._changes = 0

    def write(self, text: str) -> None:
        """Put the file there with a time of change of its own."""
        self.path.write_text(text, encoding="utf-8", newline="")
        self._changes += 1
        os.utime(self.path, (0, 1_700_000_000 + self._changes))

    def look(self) -> str | None:
        self.now_ms += calendar_file.LOOK_MS
        self.watch.poll(self.now_ms)
        return self.watch.missing(self.now_ms)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "calendar.csv", Rule())


CPI_WINDOW = NewsWindow(CPI_MS - 2 * MINUTE, CPI_MS + 3 * MINUTE, ("USD",), "CPI y/y")


def test_a_calendar_is_missing_until_it_has_been_read(desk: Desk) -> None:
    desk.write(HEADER + CPI_ROW)
    assert "has not been read yet" in str(desk.watch.missing(desk.now_ms))
    assert not desk.watch.windows
    assert desk.look() is None
    assert desk.watch.windows == (CPI_WINDOW,)


def test_windows_are_those_of_the_least_impact_from_before_the_start_to_after_the_end(tmp_path: Path) -> None:
    text = (
        "time,currency,impact,title,until\n"
        "2026-03-11T12:30Z,USD,high,CPI,\n"
        "2026-03-11T12:31Z,EUR|USD,medium,Talks,2026-03-11T14:00Z\n"
        "2026-03-11T12:32Z,,low,Holiday,\n"
    )
    seen = {}
    for impact in ("low", "medium", "high"):
        desk = Desk(tmp_path / "calendar.csv", Rule(5, 0, impact))
        desk.write(text)
        assert desk.look() is None
        seen[impact] = desk.watch.windows
    cpi = NewsWindow(CPI_MS - 5 * MINUTE, CPI_MS, ("USD",), "CPI")
    talks = NewsWindow(CPI_MS - 4 * MINUTE, CPI_MS + 90 * MINUTE, ("EUR", "USD"), "Talks")
    holiday = NewsWindow(CPI_MS - 3 * MINUTE, CPI_MS + 2 * MINUTE, (), "Holiday")
    assert seen == {"high": (cpi,), "medium": (cpi, talks), "low": (cpi, talks, holiday)}


def test_the_watch_follows_a_file_that_appears_changes_breaks_and_disappears(desk: Desk) -> None:
    assert str(desk.look()).endswith("calendar.csv does not exist; put the calendar there")

    desk.write(HEADER + CPI_ROW)
    assert desk.look() is None
    first = desk.watch.windows
    assert first == (CPI_WINDOW,)

    desk.write(HEADER + CPI_ROW + "\n")
    assert desk.look() is None
    assert desk.watch.windows is first  # nothing in it changed

    desk.write(HEADER + CPI_ROW + CPI_ROW.replace("-11T", "-12T"))
    assert desk.look() is None
    both = desk.watch.windows
    assert [window.start_ms for window in both] == [CPI_WINDOW.start_ms, CPI_WINDOW.start_ms + DAY]

    desk.write(HEADER + "noon,USD,high,CPI\n")
    assert "line 2: 'noon' is not a time" in str(desk.look())
    assert "line 2: 'noon' is not a time" in str(desk.look())
    assert desk.watch.windows is both

    desk.write(HEADER + CPI_ROW)
    assert desk.look() is None
    assert desk.watch.windows == (CPI_WINDOW,)

    desk.path.unlink()
    assert "does not exist" in str(desk.look())
    assert desk.watch.windows == (CPI_WINDOW,)


def test_a_file_that_comes_back_as_it_was_is_trusted_again(desk: Desk) -> None:
    desk.write(HEADER + CPI_ROW)
    assert desk.look() is None
    aside = desk.path.rename(desk.path.with_name("aside"))
    assert "does not exist" in str(desk.look())
    aside.rename(desk.path)
    assert desk.look() is None


def test_an_unchanged_file_is_read_once_even_if_it_is_wrong(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []
    original = calendar_file._read

    def counted(path: Path) -> bytes:
        reads.append(path)
        return original(path)

    monkeypatch.setattr(calendar_file, "_read", counted)
    for text in (HEADER + CPI_ROW, "nonsense"):
        desk.write(text)
        desk.look()
        desk.look()
    assert len(reads) == 2


def test_a_file_that_could_not_be_opened_is_tried_again_though_it_did_not_change(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write(HEADER + CPI_ROW)
    with monkeypatch.context() as patch:

        def locked(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        patch.setattr(Path, "open", locked)
        assert "cannot be read" in str(desk.look())
        assert "let the daemon's user read it" in str(desk.look())
    assert desk.look() is None


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="the permission binds nobody here")
def test_a_file_that_may_not_be_read_is_missing(desk: Desk) -> None:
    desk.write(HEADER + CPI_ROW)
    assert desk.look() is None
    desk.write(HEADER + CPI_ROW + CPI_ROW)
    desk.path.chmod(0)
    assert "cannot be read" in str(desk.look())


def test_the_file_is_looked_at_once_in_thirty_seconds_and_when_the_clock_goes_back(desk: Desk) -> None:
    watch, start = desk.watch, desk.now_ms
    watch.poll(start)
    assert "does not exist" in str(watch.missing(start))
    desk.write(HEADER + CPI_ROW)
    watch.poll(start + 29_999)
    assert "does not exist" in str(watch.missing(start))
    watch.poll(start + 30_000)
    assert watch.missing(start) is None
    desk.path.unlink()
    watch.poll(start + 30_000 - 1)
    assert "does not exist" in str(watch.missing(start))


def test_a_calendar_whose_last_event_has_begun_is_stale(desk: Desk) -> None:
    desk.write(HEADER + CPI_ROW + "2026-03-11T12:40Z,EUR,low,Speech\n")
    assert desk.look() is None
    last_ms = CPI_MS + 10 * MINUTE
    assert desk.watch.missing(last_ms - 1) is None  # an event of low impact shows, too, that the calendar goes on
    told = desk.watch.missing(last_ms)
    assert str(told).endswith(
        "covers only until 2026-03-11 12:40 UTC; replace it with a calendar that has events to come"
    )
    assert desk.watch.windows == (CPI_WINDOW,)


def test_a_calendar_without_events_is_missing(desk: Desk) -> None:
    desk.write(HEADER)
    assert "holds no event; replace it" in str(desk.look())


def test_overlapping_events_keep_a_window_each(desk: Desk) -> None:
    desk.write(HEADER + CPI_ROW + "2026-03-11T12:31Z,EUR,high,Rate decision\n" + CPI_ROW)
    assert desk.look() is None
    assert [window.title for window in desk.watch.windows] == ["CPI y/y", "CPI y/y", "Rate decision"]


def test_the_watch_reads_ics_files_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "calendar.ics", Rule())
    desk.write(ics("DTSTART;TZID=America/New_York:20260311T083000\nSUMMARY:CPI y/y\nCATEGORIES:USD"))
    assert desk.look() is None
    assert desk.watch.windows == (CPI_WINDOW,)


def test_a_calendar_whose_next_event_is_far_is_stale(tmp_path: Path) -> None:
    """One event at the end of the year does not show that the weeks before it are there."""
    desk = Desk(tmp_path / "calendar.csv", Rule(2, 2, "high", max_gap_days=10))
    desk.write("time,currency,impact,title\n2026-01-05T12:00Z,USD,high,CPI\n2026-12-25T00:00Z,,low,Christmas\n")
    desk.now_ms = at("2026-01-04 12:00:00")
    assert desk.look() is None
    desk.now_ms = at("2026-06-05 12:00:00")
    assert "nothing until 2026-12-25" in (desk.look() or "")
