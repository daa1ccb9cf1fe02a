"""Ticks and bars as MetaTrader 5 itself exports them: View > Symbols > Ticks or Bars > Export.

Columns are separated by tabs, prices have a point; UTF-8 with or without a byte order mark, or UTF-16:

    <DATE>      <TIME>        <BID>    <ASK>    <LAST>  <VOLUME>  <FLAGS>
    2026.03.04  12:00:00.250  1.10000  1.10010                    6
    2026.03.04  12:00:01.000  1.10002                             2        (the ask is as before)

    <DATE>      <TIME>    <OPEN>  <HIGH>  <LOW>  <CLOSE>  <TICKVOL>  <VOL>  <SPREAD>      (<TICKVOL> may be missing)

The file's name says symbol, timeframe and period: `EURUSD_202603020000_202603062359.csv` holds ticks,
`EURUSD_M15_202601020000_202603062345.csv` bars. Times are the broker's, and nothing in the file says whose: a file
`broker_zone.txt` beside it does, in one line (`bridge.market.broker_zone`). It is never guessed.

A row that has not as many cells as the header is refused, and so is what is not a plain number: a spreadsheet that has
saved the file with decimal commas, or a file that was cut, must not become other prices.
"""

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bridge.errors import MarketError
from bridge.market.broker_zone import BrokerZone, zone_of
from bridge.market.recording import TIMEFRAME_MS, BarSeries, TickSeries

ZONE_FILE = "broker_zone.txt"
SOURCE = "csv"
SUFFIX = ".csv"
"""Of a file's name, in small or capital letters."""
_NAME = re.compile(
    r"(?P<symbol>.+?)(?:_(?P<timeframe>M\d{1,2}|H\d{1,2}|Daily|Weekly|Monthly))?_(?P<period>\d{12}_\d{12})\.(?i:csv)"
)
_TIMEFRAMES = {"Daily": "D1"}
_DATE = re.compile(r"\d{4}\.\d\d\.\d\d", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,3}))?)?", re.ASCII)
_PRICE = re.compile(r"\d{1,20}(\.\d{1,20})?", re.ASCII)
_COUNT = re.compile(r"\d{1,18}", re.ASCII)
_COMMA_PRICE = re.compile(r"\d+,\d+", re.ASCII)
_AS_EXPORTED = "take the file as the terminal exported it"
_TICK_COLUMNS = ("<DATE>", "<TIME>", "<BID>", "<ASK>")
_BAR_COLUMNS = ("<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>")
_TICKS = "<TICKVOL>"


class Export(NamedTuple):
    """One exported file. `timeframe` None: ticks."""

    symbol: str
    timeframe: str | None
    path: Path


def exports(folder: Path) -> list[Export]:
    """The exported files of a folder, by name; other CSV files and timeframes of no use are not looked at."""
    found = ((_NAME.fullmatch(path.name), path) for path in sorted(folder.glob("*")))
    named = [
        Export(match["symbol"], _TIMEFRAMES.get(match["timeframe"], match["timeframe"]), path)
        for match, path in found
        if match is not None
    ]
    return [each for each in named if each.timeframe is None or each.timeframe in TIMEFRAME_MS]


def folder_zone(folder: Path) -> BrokerZone:
    """The broker's clock, from the file that the user wrote. Raises MarketError."""
    path = folder / ZONE_FILE
    try:
        content = path.read_bytes()
        return zone_of(content.decode(_encoding(content)))
    except UnicodeDecodeError as fault:
        raise MarketError(f"{path} is not plain text; write it anew, in UTF-8 and in one line") from fault
    except FileNotFoundError:
        text = 'write it with one line, such as new-york-close (most forex brokers) or "+02:00"'
        raise MarketError(f"{path} is missing: exported times are the broker's, and it says whose; {text}") from None
    except (OSError, ValueError) as fault:
        raise MarketError(f"{path}: {fault}") from fault


def read_ticks(path: Path) -> tuple[TickSeries, tuple[str, ...]]:
    """The ticks of one export, in UTC, and what was left out. A cell that is empty has not changed. Raises MarketError.

    While a price is not known, or 0, there is no tick; and a moment at which the bid is above the ask is left out, as
    `lotbridge record` does: brokers send such quotes now and then, and nobody can trade them.
    """
    unknown = crossed = 0
    times: list[int] = []
    bids: list[float] = []
    asks: list[float] = []
    bid = ask = 0.0
    for line, (day, time, bid_text, ask_text) in _rows(path, _TICK_COLUMNS):
        try:
            bid = _price(bid_text) if bid_text else bid
            ask = _price(ask_text) if ask_text else ask
            moment = _moment_ms(day, time)
        except ValueError as fault:
            raise MarketError(f"{path}, line {line}: {fault}; export the ticks again") from fault
        if not (bid and ask):
            unknown += 1
        elif bid > ask:
            crossed += 1
        else:
            times.append(moment)
            bids.append(bid)
            asks.append(ask)
    wall = np.array(times, dtype=np.int64)
    ticks = TickSeries(time_ms=folder_zone(path.parent).utc_ms(wall), bid=np.array(bids), ask=np.array(asks))
    causes = ((unknown, "bid or ask was not known yet, or 0"), (crossed, "the bid was above the ask"))
    return ticks, tuple(f"{path.name}: {count} rows left out, {why}" for count, why in causes if count)


def read_bars(path: Path, timeframe: str) -> tuple[BarSeries, int]:
    """The bars of one export, in UTC, and how many were left out. Raises MarketError.

    Left out are those during which the broker's clock went back: they last longer than their timeframe, and would count
    as closed before they are.
    """
    times: list[int] = []
    prices: list[tuple[float, ...]] = []
    ticks: list[int] = []
    header = _header(path)
    columns = (*_BAR_COLUMNS, *(name for name in ("<TIME>", _TICKS) if name in header))
    for line, cells in _rows(path, columns):
        row = dict(zip(columns, cells, strict=True))
        try:
            times.append(_moment_ms(row["<DATE>"], row.get("<TIME>", "00:00:00")))
            prices.append(tuple(_price(row[name]) for name in _BAR_COLUMNS[1:]))
            ticks.append(_count(row.get(_TICKS, "")))
        except ValueError as fault:
            raise MarketError(f"{path}, line {line}: {fault}; export the bars again") from fault
    zone, wall = folder_zone(path.parent), np.array(times, dtype=np.int64)
    kept = ~zone.outlasts(wall, TIMEFRAME_MS[timeframe])
    table = np.array(prices, dtype=np.float64).reshape(len(prices), 4)[kept]
    bars = BarSeries(
        timeframe=timeframe,
        time_ms=zone.utc_ms(wall[kept]),
        open=table[:, 0],
        high=table[:, 1],
        low=table[:, 2],
        close=table[:, 3],
        tick_volume=np.array(ticks, dtype=np.int64)[kept] if _TICKS in header else None,
    )
    return bars, len(wall) - len(bars)


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        return content.decode(_encoding(content)).splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise MarketError(f"{path} cannot be read: {fault}; export it again") from fault


def _encoding(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-16-le" if content[1:2] == b"\0" else "utf-8-sig"


def _header(path: Path) -> list[str]:
    lines = _lines(path)
    return _cells(lines[0], _separator(lines[0])) if lines else []


def _separator(header: str) -> str:
    return "\t" if "\t" in header else ","


def _cells(line: str, separator: str) -> list[str]:
    return [cell.strip() for cell in line.split(separator)]


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Line number and the cells of these columns, of every row."""
    lines = _lines(path)
    separator = _separator(lines[0]) if lines else "\t"
    header = _cells(lines[0], separator) if lines else []
    missing = [name for name in columns if name not in header]
    if missing and lines and ";" in lines[0]:
        raise MarketError(f"{path} has the separator ; and MetaTrader writes tabs; {_AS_EXPORTED}")
    if missing:
        raise MarketError(f"{path} lacks the column {', '.join(missing)}; export it again with the terminal")
    places = [header.index(name) for name in columns]
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            cells = _cells(line, separator)
            if len(cells) != len(header):
                why = "it was cut" if len(cells) < len(header) else "a decimal comma or a comma too many"
                text = f"line {number} has {len(cells)} cells, and the header {len(header)} ({why})"
                raise MarketError(f"{path}, {text}; {_AS_EXPORTED}, or export it again")
            yield number, [cells[place] for place in places]


def _price(text: str) -> float:
    """A plain number with a point, at least 0. Raises ValueError."""
    if _COMMA_PRICE.fullmatch(text):
        raise ValueError(f"{text!r} has a decimal comma, and MetaTrader writes a point; {_AS_EXPORTED}")
    if _PRICE.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no price such as 1.10002")
    return float(text)


def _count(text: str) -> int:
    """How many ticks; 0, not known, of an empty cell. Raises ValueError."""
    if not text:
        return 0
    if _COUNT.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no number of ticks such as 120")
    return int(text)


def _moment_ms(day: str, time: str) -> int:
    """ "2026.03.04" and "10:00:00.123" or "10:00" as broker milliseconds. Raises ValueError."""
    match = _TIME.fullmatch(time)
    if match is None:
        raise ValueError(f"{time!r} is no time such as 10:00:00.123")
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
    return _day_ms(day) + ((hours * 60 + minutes) * 60 + seconds) * 1000 + int((match[4] or "0").ljust(3, "0"))


@lru_cache(maxsize=8)
def _day_ms(day: str) -> int:
    if _DATE.fullmatch(day) is None:
        raise ValueError(f"{day!r} is no day such as 2026.03.04")
    return int(np.datetime64(day.replace(".", "-"), "ms").astype(np.int64))
