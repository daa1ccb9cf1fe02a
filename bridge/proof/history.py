"""The past as something to draw from: whole days of all symbols at once, in multiples of their volatility then."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market.recording import BarSeries
from bridge.proof.bars import DAY_MS, HOUR_MS, SymbolBars
from bridge.proof.days import date_numbers
from bridge.proof.instruments import Instrument, Rate, instrument_of, rate_of
from bridge.statistics import market_stats
from sizing.policy import Policy
from sizing.snapshot import Floats, MarketStats
from sizing.stats.windows import WARM_UP, Moves, moves
from sizing.symbols import SymbolTable

HOURS = 24
ERAS = 8
"""Dates of the second half of the history at which the daemon is taken to stand."""
LEAST_DAYS = 60

Say = Callable[[str], None]


class Era(NamedTuple):
    """What is known of each symbol at one date of history: its statistics, its volatility per day and its price."""

    stats: tuple[MarketStats, ...]
    volatility: Floats
    price: Floats


class Past(NamedTuple):
    """The days that all symbols have in common: n days of s symbols, moves from the close before, in volatilities."""

    instruments: list[Instrument]
    rates: list[Rate]
    """Of each symbol's profit currency."""
    dates: NDArray[np.int64]
    """(n,)"""
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    """(n, s)"""
    hours: Floats | None
    """Opening, the two extremes in the order they are taken to have come, close of each hour: (n, s, 24, 4)."""
    eras: list[Era]


def past(bars: Mapping[str, SymbolBars], table: SymbolTable, policy: Policy, say: Say) -> Past:
    """Everything the paths are drawn from, and the statistics that sizes rest on. Raises MarketError."""
    names, instruments, rates = _usable(bars, table, say)
    paths = {name: _moves_of(bars[name], name) for name in names}
    dates = _common([date_numbers(paths[name].time_ms) for name in names])
    if len(dates) < LEAST_DAYS:
        raise MarketError(
            f"the bars have {len(dates)} days in common; at least {LEAST_DAYS} are needed: give longer ones"
        )
    at = {name: np.searchsorted(date_numbers(paths[name].time_ms), dates) for name in names}
    hours = None
    if all(bars[name].hourly is not None for name in names):
        hours = np.stack([_hours(bars[name], paths[name], at[name]) for name in names], axis=1)
    columns: list[Floats] = [
        np.stack([getattr(paths[name], field)[at[name]] for name in names], axis=1)
        for field in ("open", "high", "low", "close")
    ]
    eras = [_era([bars[name] for name in names], int(number), policy) for number in _era_dates(dates)]
    return Past(instruments, rates, dates, columns[0], columns[1], columns[2], columns[3], hours, eras)


def _usable(
    bars: Mapping[str, SymbolBars], table: SymbolTable, say: Say
) -> tuple[list[str], list[Instrument], list[Rate]]:
    """The symbols whose figures are known and whose currencies convert."""
    found = {name: instrument_of(name, table) for name in bars}
    known = {name: each for name, each in found.items() if isinstance(each, Instrument)}
    for name, each in found.items():
        if isinstance(each, str):
            say(f"{name} is left out: {each}.")
    instruments = list(known.values())
    for name, each in list(known.items()):
        currencies = each.spec.currency_profit, each.spec.currency_margin
        if any(rate_of(currency, instruments) is None for currency in currencies):
            say(f"{name} is left out: no pair in the bars converts its currencies into dollars.")
            del known[name]
    # Whatever converts is itself convertible, so nothing that was kept rests on what was left out.
    kept = list(known.values())
    if not kept:
        raise MarketError("none of the symbols can be simulated; give bars of currency pairs against the dollar")
    return list(known), kept, [_rate(each.spec.currency_profit, kept) for each in kept]


def _rate(currency: str, instruments: list[Instrument]) -> Rate:
    found = rate_of(currency, instruments)
    if found is None:  # pragma: no cover - _usable has left such symbols out
        raise AssertionError(currency)
    return found


def _moves_of(bars: SymbolBars, name: str) -> Moves:
    path = moves(bars.daily)
    if path is None:
        raise MarketError(f"{name} has {len(bars.daily)} days; more than {WARM_UP + 1} that move are needed")
    return path


def _common(every: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    found = every[0]
    for each in every[1:]:
        found = np.intersect1d(found, each)
    return found


def _era_dates(dates: NDArray[np.int64]) -> NDArray[np.int64]:
    return dates[np.linspace(len(dates) // 2, len(dates) - 1, ERAS).astype(np.intp)]


def _era(bars: list[SymbolBars], number: int, policy: Policy) -> Era:
    """The statistics after the trading day of a date."""
    stats, volatility, price = [], [], []
    for each in bars:
        end = int(np.searchsorted(date_numbers(each.daily.time_ms), number, side="right"))
        daily = each.daily.closed_before(int(each.daily.time_ms[end - 1]) + DAY_MS)
        path, known = moves(daily), market_stats(None, daily, policy)
        if path is None or known is None or known.atr_daily is None:
            raise MarketError("a symbol does not move in the first half of its bars; leave it out")
        stats.append(known)
        price.append(path.price)
        volatility.append(path.unit / path.price)
    return Era(tuple(stats), np.array(volatility), np.array(price))


def _hours(bars: SymbolBars, path: Moves, at: NDArray[np.intp]) -> Floats:
    """Each day's hours, as moves from the close before the day in volatilities. Hours without a bar stand still."""
    hourly, daily = bars.hourly, bars.daily
    if hourly is None:  # pragma: no cover - asked for only where there are hours
        raise AssertionError
    begins = np.searchsorted(hourly.time_ms, daily.time_ms)
    number = dict(zip(date_numbers(daily.time_ms).tolist(), range(len(daily)), strict=True))
    result = np.empty((len(at), HOURS, 4))
    for row, index in enumerate(at.tolist()):
        day = number[int(date_numbers(path.time_ms[index : index + 1])[0])]
        end = begins[day + 1] if day + 1 < len(begins) else len(hourly)
        before, unit = path.close_before[index], path.close_before[index] * path.volatility[index]
        result[row] = _day_of_hours(hourly, slice(begins[day], end), int(daily.time_ms[day]), before, unit)
    return result


def _day_of_hours(hourly: BarSeries, rows: slice, start_ms: int, before: float, unit: float) -> Floats:
    opened, high, low, close = (each[rows] for each in (hourly.open, hourly.high, hourly.low, hourly.close))
    slots = (hourly.time_ms[rows] - start_ms) // HOUR_MS
    rises = close >= opened
    first, second = np.where(rises, low, high), np.where(rises, high, low)
    known = dict(zip(slots.tolist(), np.stack([opened, first, second, close], axis=1), strict=True))
    last = float(opened[0])
    result = np.empty((HOURS, 4))
    for hour in range(HOURS):
        if hour in known:
            result[hour] = known[hour]
            last = float(known[hour][3])
        else:
            result[hour] = last
    return (result - before) / unit
