"""One event of an economic calendar, and how its fields are read whatever the file's format.

Every reader here raises ValueError with a clause that says what is wrong and what to write instead. The file's reader
puts it into a CalendarFault together with the file and the row.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, NamedTuple

from bridge.errors import LotbridgeError

Impact = Literal["low", "medium", "high"]
IMPACTS: Final[tuple[Impact, ...]] = ("low", "medium", "high")
EVENTS_MAX = 100_000
ICS_EVENTS_MAX = 5_000
"""An .ics file is read a hundred times slower, and everybody waits meanwhile."""
EXAMPLE_TIME = "2026-03-11T12:30:00Z"

# ISO 4217 without ALL (the lek: here it means every symbol) and TOP (more often a word), with what brokers quote beside
# it. A list, since a mistyped code would protect nothing: USA, UDS and CPI are three capital letters, too.
CURRENCIES = frozenset(
    """
    AED AFN AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP
    MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV
    WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    CNH XAG XAU XPD XPT BTC ETH
    """.split()  # noqa: SIM905, a list of 160 quoted strings hides a missing one
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS, _END_MS = 631_152_000_000, 7_258_118_400_000  # 1990 and 2200: outside, the year is a slip of the pen
_TITLE_MAX = 200
_TOLD = 5
_WORDS: dict[str, Impact] = {"low": "low", "medium": "medium", "moderate": "medium", "high": "high"}


class CalendarFault(LotbridgeError):  # noqa: N818, it is the file that is at fault, not the program
    """The calendar file cannot be used. One sentence that names the file, the row or event, and the fix."""


class NewsEvent(NamedTuple):
    """What is going to be published, UTC milliseconds since the epoch. A moment ends when it begins."""

    at_ms: int
    until_ms: int
    currencies: tuple[str, ...]
    """Empty: every symbol."""
    impact: Impact
    title: str


def make_event(at_ms: int, until_ms: int, currencies: Iterable[str], impact: Impact, title: str) -> NewsEvent:
    """The event, if its times are possible. The title is cut to one printable line."""
    for moment_ms in (at_ms, until_ms):
        if not _FIRST_MS <= moment_ms < _END_MS:
            raise ValueError("its time lies outside the years 1990 to 2199; correct it")
    if until_ms < at_ms:
        raise ValueError("it ends before it begins; correct its times")
    printable = "".join(letter if letter.isprintable() else " " for letter in title[: 10 * _TITLE_MAX])
    line = " ".join(printable.split())[:_TITLE_MAX]
    return NewsEvent(at_ms, until_ms, tuple(currencies), impact, line or "(no title)")


def utc_ms(moment: datetime) -> int:
    """Milliseconds since the epoch. A time without zone is refused: nothing here guesses one."""
    if moment.utcoffset() is None:
        raise ValueError(f"time {moment} has no zone; write it with Z or an offset, such as {EXAMPLE_TIME}")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def utc_text(moment_ms: int) -> str:
    """The moment to the minute."""
    return f"{_EPOCH + timedelta(milliseconds=moment_ms):%Y-%m-%d %H:%M} UTC"


def currencies_of(text: str) -> tuple[str, ...]:
    """Codes separated by space, comma or bar, each once; empty for every symbol (no code, or ALL)."""
    codes = tuple(dict.fromkeys(code.upper() for code in re.split(r"[\s,|]+", text) if code))
    if "ALL" in codes:
        return ()
    if unknown := [code for code in codes if code not in CURRENCIES]:
        raise ValueError(f"{unknown[0][:20]!r} is not a currency code; write one such as USD, or ALL for every symbol")
    return codes


def impact_of(text: str, more: Mapping[str, Impact] = _WORDS) -> Impact | None:
    """The impact that a word stands for, as MT5 and ForexFactory write it, too; None if it is no such word.

    `more` are words that this file's format knows beside low, medium, moderate and high.
    """
    word = text.strip().lower().removesuffix(" expected").removesuffix(" impact").removeprefix("calendar_importance_")
    return _WORDS.get(word) or more.get(word)


def refuse(path: Path, problems: Sequence[str]) -> None:
    """Raise one CalendarFault for all that is wrong in a file, if anything is."""
    if not problems:
        return
    told = "; ".join(problems[:_TOLD])
    rest = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
    raise CalendarFault(f"{path} cannot be used: {told}{rest}")
