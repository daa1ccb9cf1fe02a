"""Ticks and bars as MetaTrader 5 itself exports them: View > Symbols > Ticks or Bars > Export.

The file's name says symbol, timeframe and period: `EURUSD_202603020000_202603062359.csv` holds ticks,
`EURUSD_M15_202601020000_202603062345.csv` bars. Times are the broker's, and nothing in the file says whose: a file
`broker_zone.txt` beside it does, in one line (`bridge.market.broker_zone`). It is never guessed.
"""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bridge.errors import MarketError
from bridge.market.broker_zone import BrokerZone, zone_of
from bridge.market.recording import BarSeries, TickSeries

ZONE_FILE = "broker_zone.txt"
SOURCE = "csv"
_NAME = re.compile(r"(?P<symbol>.+?)(?:_(?P<timeframe>M1|M5|M15|M30|H1|H4|Daily))?_(?P<period>\d{12}_\d{12})\.csv")
_TIMEFRAMES = {"Daily": "D1"}
_TICK_COLUMNS = ("<DATE>", "<TIME>", "<BID>", "<ASK>")
_BAR_COLUMNS = ("<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>")
_DAY_MS = 86_400_000


class Export(NamedTuple):
    """One exported file. `timeframe` None: ticks."""

    symbol: str
    timeframe: str | None
    path: Path


def exports(folder: Path) -> list[Export]:
    """The exported files of a folder, by name; other CSV files are not looked at."""
    found = ((_NAME.fullmatch(path.name), path) for path in sorted(folder.glob("*.csv")))
    return [
        Export(match["symbol"], _TIMEFRAMES.get(match["timeframe"], match["timeframe"]), path)
        for match, path in found
        if match is not None
    ]


def folder_zone(folder: Path) -> BrokerZone:
    """The broker's clock, from the file that the user wrote. Raises MarketError."""
    path = folder / ZONE_FILE
    try:
        return zone_of(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        text = 'write it with one line, such as new-york-close (most forex brokers) or "+02:00"'
        raise MarketError(f"{path} is missing: exported times are the broker's, and it says whose; {text}") from None
    except (OSError, ValueError) as fault:
        raise MarketError(f"{path}: {fault}") from fault


def read_ticks(path: Path) -> TickSeries:
    """The ticks of one export, in UTC. A cell that is empty has not changed. Raises MarketError."""
    times: list[int] = []
    bids: list[float] = []
    asks: list[float] = []
    bid = ask = 0.0
    for line, (day, time, bid_text, ask_text) in _rows(path, _TICK_COLUMNS):
        try:
            bid, ask = float(bid_text or bid), float(ask_text or ask)
            moment = _moment_ms(day, time)
        except ValueError as fault:
            raise MarketError(f"{path}, line {line}: {fault}; export the ticks again") from fault
        if bid > 0 and ask > 0:
            times.append(moment)
            bids.append(bid)
            asks.append(ask)
    wall = np.array(times, dtype=np.int64)
    return TickSeries(time_ms=folder_zone(path.parent).utc_ms(wall), bid=np.array(bids), ask=np.array(asks))


def read_bars(path: Path, timeframe: str) -> BarSeries:
    """The bars of one export, in UTC. Raises MarketError."""
    times: list[int] = []
    prices: list[tuple[float, ...]] = []
    daily = "<TIME>" not in _header(path)
    columns = _BAR_COLUMNS if daily else ("<DATE>", "<TIME>", *_BAR_COLUMNS[1:])
    for line, cells in _rows(path, columns):
        try:
            times.append(_moment_ms(cells[0], "00:00:00" if daily else cells[1]))
            prices.append(tuple(float(cell) for cell in cells[-4:]))
        except ValueError as fault:
            raise MarketError(f"{path}, line {line}: {fault}; export the bars again") from fault
    table = np.array(prices, dtype=np.float64).reshape(len(prices), 4)
    return BarSeries(
        timeframe=timeframe,
        time_ms=folder_zone(path.parent).utc_ms(np.array(times, dtype=np.int64)),
        open=table[:, 0],
        high=table[:, 1],
        low=table[:, 2],
        close=table[:, 3],
    )


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if wide else "utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise MarketError(f"{path} cannot be read: {fault}; export it again") from fault


def _header(path: Path) -> list[str]:
    lines = _lines(path)
    return lines[0].replace(",", "\t").split("\t") if lines else []


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Line number and the cells of these columns, of every row."""
    lines = _lines(path)
    header = lines[0].replace(",", "\t").split("\t") if lines else []
    missing = [name for name in columns if name not in header]
    if missing:
        raise MarketError(f"{path} lacks the column {', '.join(missing)}; export it again with the terminal")
    places = [header.index(name) for name in columns]
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            cells = line.replace(",", "\t").split("\t")
            yield number, [cells[place].strip() if place < len(cells) else "" for place in places]


def _moment_ms(day: str, time: str) -> int:
    """ "2026.03.04" and "10:00:00.123" or "10:00" as broker milliseconds."""
    base = np.datetime64(day.replace(".", "-"), "ms").astype(np.int64)
    hours, minutes, seconds = (*time.split(":"), "0")[:3]
    return int(base) + int(hours) * 3_600_000 + int(minutes) * 60_000 + round(float(seconds) * 1000)
