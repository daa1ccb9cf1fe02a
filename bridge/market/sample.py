"""A seeded synthetic market: seven instruments that behave like the real ones, so that a demo needs no download.

Nothing here is recorded. Six instruments follow correlated log returns with volatility that clusters (log-normal,
a slow and a fast component), a shape over the day, jumps with Student-t sizes and gaps after every closed day;
EURGBP is EURUSD over GBPUSD at every moment. Volatilities, correlations and spreads are round figures of the order
seen in 2023-24.

Time runs in steps of five minutes for the history and of one second while there are ticks. The market's day is the
usual broker's: it starts at 17:00 New York (21:00 or 22:00 UTC), so a week has five daily bars and no Sunday stub.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from bridge.market.recording import (
    TIMEFRAME_MS,
    BarSeries,
    RecordedMarket,
    RecordedSymbol,
    TickSeries,
    bars_from_ticks,
    group_bars,
    join_bars,
    with_tick_volume,
)
from sizing.snapshot import Quote, SymbolSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

VERSION = 2
"""Raise it when the same seed gives another market, so that caches are not mistaken for it."""

FIRST_TICK_DAY = date(2024, 3, 4)
"""A Monday. The ticks' second week begins on the day US clocks change, three weeks before the European ones."""
HOLIDAYS = ("2022-12-26", "2023-01-02", "2023-12-25", "2024-01-01")
TICK_DAYS = 10
HISTORY_DAYS = {"D1": 420, "H1": 60, "M15": 20}

DAY_MS = 86_400_000
STEP_MS = 300_000
STEPS = DAY_MS // STEP_MS
STEP_SECONDS = STEP_MS // 1000
MINUTES = 1440

JUMPS_PER_DAY = 0.6
JUMP_SIZE = 0.28
GAP_SIZE = 0.30
"""Scale of jumps and of gaps after closed days, in daily standard deviations, before the Student-t factor."""
JUMP_DF = 4
DIFFUSION_SHARE = 0.85
"""Share of a day's variance that is left to the continuous part."""

# Hour by hour of the market's day (New York + 7): Asia, London from 10, New York from 15, US stocks 16:30 to 23.
_FX_DAY = (
    *(0.35, 0.45, 0.60, 0.65, 0.60, 0.55, 0.50, 0.50, 0.60, 0.85, 1.30, 1.25),
    *(1.10, 1.00, 1.10, 1.45, 1.60, 1.60, 1.40, 1.00, 0.80, 0.70, 0.55, 0.40),
)
_INDEX_DAY = (
    *(0.25, 0.40, 0.40, 0.40, 0.35, 0.35, 0.35, 0.40, 0.45, 0.60, 0.85, 0.80),
    *(0.75, 0.75, 0.85, 1.20, 2.00, 1.90, 1.50, 1.30, 1.30, 1.40, 1.50, 0.60),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What the generator needs beside the broker's figures. `price` is the mid at the last close before the ticks."""

    spec: SymbolSpec
    price: float
    daily_volatility: float
    """Standard deviation of a day's log return."""
    spread_points: float
    ticks_per_day: float
    commission_per_lot: float = 0.0
    day_shape: tuple[float, ...] = _FX_DAY
    opens_minute: int = 0
    """First minute of the market's day with quotes: 60 where there is a daily break from 17:00 to 18:00 New York."""


def _forex(
    name: str, *, price: float, volatility: float, spread: float, ticks: float, swaps: tuple[float, float]
) -> Instrument:
    digits = 3 if name[3:] == "JPY" else 5
    spec = SymbolSpec(
        name=f"{name}.sim",
        trade_calc_mode=0,
        digits=digits,
        point=10.0**-digits,
        trade_tick_size=10.0**-digits,
        trade_tick_value=0.0,
        trade_contract_size=100_000.0,
        volume_min=0.01,
        volume_max=100.0,
        volume_step=0.01,
        currency_base=name[:3],
        currency_profit=name[3:],
        currency_margin=name[:3],
        trade_stops_level=5,
        swap_mode=1,
        swap_long=swaps[0],
        swap_short=swaps[1],
        swap_rollover3days=3,
    )
    return Instrument(
        spec=spec,
        price=price,
        daily_volatility=volatility,
        spread_points=spread,
        ticks_per_day=ticks,
        commission_per_lot=7.0,
    )


_GOLD = SymbolSpec(
    name="XAUUSD.sim",
    trade_calc_mode=4,
    digits=2,
    point=0.01,
    trade_tick_size=0.01,
    trade_tick_value=1.0,
    trade_contract_size=100.0,
    volume_min=0.01,
    volume_max=50.0,
    volume_step=0.01,
    currency_base="USD",
    currency_profit="USD",
    currency_margin="USD",
    trade_stops_level=20,
    swap_mode=1,
    swap_long=-58.6,
    swap_short=35.6,
    swap_rollover3days=3,
)
# As on the recorded broker: a tick of 1 index point is worth 0.1, though tick size times contract size is 1.
_INDEX = replace(
    _GOLD,
    name="US30.sim",
    trade_calc_mode=3,
    digits=0,
    point=1.0,
    trade_tick_size=1.0,
    trade_tick_value=0.1,
    trade_contract_size=1.0,
    volume_min=0.1,
    volume_max=250.0,
    volume_step=0.1,
    trade_stops_level=5,
    margin_rate_buy=0.01,
    margin_rate_sell=0.01,
    swap_long=-7.59,
    swap_short=3.67,
    swap_rollover3days=5,
)
_OIL = replace(
    _GOLD,
    name="USOIL.sim",
    trade_calc_mode=2,
    trade_tick_value=10.0,
    trade_contract_size=1000.0,
    volume_max=100.0,
    trade_stops_level=5,
    margin_rate_buy=0.01,
    margin_rate_sell=0.01,
    swap_long=2.2,
    swap_short=-6.3,
    swap_rollover3days=5,
)

DRIVERS = (
    _forex("EURUSD", price=1.0852, volatility=0.0046, spread=3, ticks=21_000, swaps=(-6.9, 3.1)),
    _forex("GBPUSD", price=1.2668, volatility=0.0053, spread=5, ticks=22_000, swaps=(-3.6, -1.4)),
    _forex("USDJPY", price=150.18, volatility=0.0056, spread=5, ticks=21_000, swaps=(13.6, -26.0)),
    Instrument(
        spec=_GOLD,
        price=2083.40,
        daily_volatility=0.0085,
        spread_points=16,
        ticks_per_day=22_000,
        commission_per_lot=7.0,
        opens_minute=60,
    ),
    Instrument(
        spec=_INDEX,
        price=39_064.0,
        daily_volatility=0.0085,
        spread_points=2,
        ticks_per_day=25_000,
        day_shape=_INDEX_DAY,
        opens_minute=60,
    ),
    Instrument(
        spec=_OIL,
        price=79.62,
        daily_volatility=0.0185,
        spread_points=3,
        ticks_per_day=21_000,
        day_shape=_INDEX_DAY,
        opens_minute=60,
    ),
)
CROSS = _forex("EURGBP", price=0.0, volatility=0.0, spread=6, ticks=19_000, swaps=(-5.2, 1.6))
"""Its price is the first driver's over the second's; figures of 0 are not used."""

CORRELATION: Floats = np.array(
    [
        [1.00, 0.70, -0.50, 0.30, 0.20, 0.10],
        [0.70, 1.00, -0.40, 0.25, 0.25, 0.15],
        [-0.50, -0.40, 1.00, -0.35, 0.10, 0.05],
        [0.30, 0.25, -0.35, 1.00, 0.05, 0.15],
        [0.20, 0.25, 0.10, 0.05, 1.00, 0.40],
        [0.10, 0.15, 0.05, 0.15, 0.40, 1.00],
    ]
)
"""Of daily log returns, in the order of DRIVERS."""


@dataclass(frozen=True, slots=True)
class _Calendar:
    """Opening times of the market's days, UTC milliseconds; `gap` marks days after a weekend or holiday."""

    opens: Ints
    gap: NDArray[np.bool_]

    @property
    def history_days(self) -> int:
        return len(self.opens) - TICK_DAYS


@dataclass(frozen=True, slots=True)
class _Path:
    """Log mid of one instrument.

    History, per step of five minutes (n,): `start`, `end` and `sigma`, the standard deviation of the continuous part.
    Tick days, per second (m,): `level` at its start and `drift`, the continuous change within it.
    """

    start: Floats
    end: Floats
    sigma: Floats
    level: Floats
    drift: NDArray[np.float32]


def generate(seed: int = 7) -> RecordedMarket:
    """The market of a seed. The same seed gives the same market, whatever else was generated before."""
    calendar = _calendar()
    seeds = np.random.SeedSequence(seed).spawn(2 + len(DRIVERS))
    paths, jumps = _paths(np.random.default_rng(seeds[0]), calendar)
    instruments = (*DRIVERS, CROSS)
    symbols = {
        item.spec.name: _record(np.random.default_rng(child), item, path, calendar, jumps)
        for child, item, path in zip(seeds[1:], instruments, paths, strict=True)
    }
    return RecordedMarket(name=f"sample market, seed {seed}", synthetic=True, symbols=_with_tick_values(symbols))


@cache
def _calendar() -> _Calendar:
    count = HISTORY_DAYS["D1"]
    days = np.busday_offset(np.datetime64(FIRST_TICK_DAY), np.arange(-count, TICK_DAYS), holidays=list(HOLIDAYS))
    zone = ZoneInfo("America/New_York")
    opens = np.array(
        [
            int(datetime.combine(day - timedelta(days=1), time(17), zone).astimezone(UTC).timestamp()) * 1000
            for day in days.astype(object)
        ],
        dtype=np.int64,
    )
    return _Calendar(opens, np.diff(opens, prepend=opens[0]) > DAY_MS)


def _shape(hours: tuple[float, ...]) -> Floats:
    """Volatility over the day by step (STEPS,), scaled so that its mean square is 1."""
    shape = np.interp(np.arange(STEPS) / 12, np.arange(24) + 0.5, hours)
    return np.asarray(shape / np.sqrt(np.mean(shape**2)), dtype=np.float64)


def _autoregression(rng: np.random.Generator, shape: tuple[int, int], half_life: float) -> Floats:
    """Stationary AR(1) rows of unit variance; the half-life is in columns.

    The filter 1 / (1 - phi z) is the product of (1 + phi^(2^k) z^(2^k)): log2(n) vector passes instead of a loop.
    """
    phi = 0.5 ** (1 / half_life)
    out = rng.standard_normal(shape)
    out[:, 1:] *= np.sqrt(1 - phi**2)
    lag = 1
    while lag < shape[1] and phi**lag > 1e-12:
        out[:, lag:] += phi**lag * out[:, :-lag]
        lag *= 2
    return out


def _volatility(rng: np.random.Generator, days: int) -> Floats:
    """Standard deviation of each driver's step (6, days * STEPS): clustering times the shape of the day."""
    n = days * STEPS
    drivers = len(DRIVERS)
    slow = 0.30 * _autoregression(rng, (1, n), 8.0 * STEPS) + 0.15 * _autoregression(rng, (drivers, n), 8.0 * STEPS)
    log_sigma = slow + 0.22 * _autoregression(rng, (drivers, n), 30.0)
    log_sigma -= 0.30**2 + 0.15**2 + 0.22**2  # so that the mean variance is 1
    daily = np.array([[item.daily_volatility] for item in DRIVERS])
    shape = np.stack([np.tile(_shape(item.day_shape), days) for item in DRIVERS])
    return np.asarray(daily * np.sqrt(DIFFUSION_SHARE / STEPS) * shape * np.exp(log_sigma), dtype=np.float64)


def _student(rng: np.random.Generator, count: int, scale: float) -> Floats:
    """Correlated Student-t moves of all drivers at once (6, count), in log price."""
    normal = np.linalg.cholesky(CORRELATION) @ rng.standard_normal((len(DRIVERS), count))
    daily = np.array([[item.daily_volatility] for item in DRIVERS])
    factor = np.sqrt(JUMP_DF / rng.chisquare(JUMP_DF, count))
    return np.asarray(scale * daily * normal * factor, dtype=np.float64)


def _paths(rng: np.random.Generator, calendar: _Calendar) -> tuple[list[_Path], Ints]:
    """Paths of the drivers and of the cross, and the seconds of the tick days at which news struck."""
    split = calendar.history_days * STEPS
    sigma = _volatility(rng, len(calendar.opens))
    hits = np.flatnonzero(rng.random(sigma.shape[1]) < JUMPS_PER_DAY / STEPS)
    jump = np.zeros_like(sigma)
    jump[:, hits] = _student(rng, len(hits), JUMP_SIZE)
    gap = np.zeros_like(sigma)
    gap[:, np.flatnonzero(calendar.gap) * STEPS] = _student(rng, int(calendar.gap.sum()), GAP_SIZE)

    start, end = _history(rng, sigma[:, :split], jump[:, :split], gap[:, :split])
    news = hits[hits >= split]
    seconds = (news - split) * STEP_SECONDS + rng.integers(0, STEP_SECONDS, len(news))
    level, drift = _seconds(rng, sigma[:, split:], gap[:, split:], seconds, jump[:, news])
    drivers = [
        _Path(start[i], end[i], sigma[i, :split], level[i] + np.log(item.price), drift[i])
        for i, item in enumerate(DRIVERS)
    ]
    return [*drivers, _ratio(drivers[0], drivers[1], float(CORRELATION[0, 1]))], seconds


def _history(rng: np.random.Generator, sigma: Floats, jump: Floats, gap: Floats) -> tuple[Floats, Floats]:
    """Log mid at the start and the end of every step (6, n), ending at the drivers' prices."""
    moves = sigma * (np.linalg.cholesky(CORRELATION) @ rng.standard_normal(sigma.shape)) + jump
    # A year and a half of random walk may lead anywhere: most of the trend is taken out, so that prices stay plausible.
    moves -= 0.8 * (moves + gap).mean(axis=1, keepdims=True)
    end = np.cumsum(moves + gap, axis=1)
    end += np.log([[item.price] for item in DRIVERS]) - end[:, -1:]
    return end - moves, end


def _seconds(
    rng: np.random.Generator, sigma: Floats, gap: Floats, jump_seconds: Ints, jumps: Floats
) -> tuple[Floats, NDArray[np.float32]]:
    """Level at each second's start (6, m), from 0, and the continuous change within it, from steps of (6, m / 300)."""
    drivers, steps = sigma.shape
    normal = rng.standard_normal((drivers, steps * STEP_SECONDS), dtype=np.float32)
    drift = np.linalg.cholesky(CORRELATION).astype(np.float32) @ normal
    scale = (sigma / np.sqrt(STEP_SECONDS)).astype(np.float32)
    drift = (drift.reshape(drivers, steps, STEP_SECONDS) * scale[:, :, None]).reshape(drivers, -1)
    level = np.zeros(drift.shape)
    level[:, 1:] = drift[:, :-1]
    level[:, ::STEP_SECONDS] += gap
    level[:, jump_seconds] += jumps
    return np.cumsum(level, axis=1, out=level), drift


def _ratio(base: _Path, quote: _Path, correlation: float) -> _Path:
    """The cross of two pairs against the same currency."""
    variance = base.sigma**2 + quote.sigma**2 - 2 * correlation * base.sigma * quote.sigma
    return _Path(
        base.start - quote.start,
        base.end - quote.end,
        np.sqrt(variance),
        base.level - quote.level,
        base.drift - quote.drift,
    )


def _record(
    rng: np.random.Generator, item: Instrument, path: _Path, calendar: _Calendar, jump_seconds: Ints
) -> RecordedSymbol:
    ticks = _ticks(rng, item, path, calendar, jump_seconds)
    history = _history_steps(rng, item, path, calendar)
    bars = {timeframe: _bars(timeframe, history, ticks, calendar) for timeframe in HISTORY_DAYS}
    return RecordedSymbol(spec=item.spec, ticks=ticks, bars=bars, commission_per_lot=item.commission_per_lot)


def _spread_shape(item: Instrument) -> Floats:
    """Spread in points by minute of the market's day: wide in Asia, wider when the day opens and before it ends."""
    minute = np.arange(MINUTES)
    asia = np.where(minute < 9 * 60, 0.5, 0.0)
    opening = 5.0 * np.exp(-np.clip(minute - item.opens_minute, 0, None) / 12)
    closing = 3.0 * np.exp((minute - MINUTES) / 4)
    return np.asarray(item.spread_points * (1 + asia + opening + closing), dtype=np.float64)


def _news_by_minute(jump_seconds: Ints) -> Floats:
    """Excitement after jumps, from 1 and decaying over two minutes, by minute of the tick days."""
    minutes = np.zeros(MINUTES * TICK_DAYS)
    for lag in range(10):
        hit = jump_seconds // 60 + lag
        np.maximum.at(minutes, hit[hit < len(minutes)], np.exp(-lag / 2))
    return minutes


def _ticks(
    rng: np.random.Generator, item: Instrument, path: _Path, calendar: _Calendar, jump_seconds: Ints
) -> TickSeries:
    news = _news_by_minute(jump_seconds)
    clock = _tick_clock(rng, item, news)
    minute = clock // 60_000
    spread = (np.tile(_spread_shape(item), TICK_DAYS) * (1 + 3 * news))[minute]
    spread = np.maximum(1.0, np.rint(spread * np.exp(0.15 * rng.standard_normal(len(clock), dtype=np.float32))))

    second = clock // 1000
    mid = np.exp(path.level[second] + path.drift[second] * ((clock % 1000) / 1000))
    scale = 10.0**item.spec.digits
    flicker = 0.3 * rng.standard_normal(len(clock), dtype=np.float32)
    bid = np.floor(mid * scale - spread / 2 + flicker)
    ask = bid + spread

    changed = np.ones(len(clock), dtype=np.bool_)
    changed[1:] = (np.diff(bid) != 0) | (np.diff(ask) != 0)
    time_ms = calendar.opens[-TICK_DAYS:][clock // DAY_MS] + clock % DAY_MS
    # Dividing whole points by a power of ten gives the very float that the decimal price reads as.
    return TickSeries(time_ms=time_ms[changed], bid=bid[changed] / scale, ask=ask[changed] / scale)


def _tick_clock(rng: np.random.Generator, item: Instrument, news: Floats) -> Ints:
    """Times of quote changes, sorted, in milliseconds of trading time (closed days left out)."""
    activity = np.repeat(_shape(item.day_shape), 5)
    activity[: item.opens_minute] = 0.0
    rate = np.tile(activity * item.ticks_per_day / activity.sum(), TICK_DAYS) * (1 + 3 * news)
    count = rng.poisson(rate)
    clock = np.repeat(np.arange(len(rate), dtype=np.int64) * 60_000, count) + rng.integers(0, 60_000, count.sum())
    clock.sort()
    # Quotes come in bursts: a good part follows the one before within milliseconds, some within the same one.
    burst = rng.random(len(clock)) < 0.12
    burst[0] = False
    pause = np.minimum(np.diff(clock, prepend=clock[0]), rng.integers(0, 12, len(clock)))
    return np.asarray(np.where(burst, np.roll(clock, 1) + pause, clock), dtype=np.int64)


def _history_steps(rng: np.random.Generator, item: Instrument, path: _Path, calendar: _Calendar) -> BarSeries:
    """Five-minute bars of the days before the ticks.

    Highs and lows are drawn from the distribution of a Brownian bridge's extremes between the step's two ends, so a
    bar's range is that of a continuous path, as the ticks' is.
    """
    width = path.end - path.start
    draws = rng.standard_exponential((2, len(width)), dtype=np.float32)
    reach = np.sqrt(width**2 + 2 * path.sigma**2 * draws)
    middle = path.start + width / 2
    half_spread = np.tile(_spread_shape(item)[::5], calendar.history_days) / 2
    scale = 10.0**item.spec.digits

    def bid(log_mid: Floats) -> Floats:
        return np.asarray(np.floor(np.exp(log_mid) * scale - half_spread) / scale, dtype=np.float64)

    opening = calendar.opens[: calendar.history_days, None] + np.arange(STEPS) * STEP_MS
    is_open = np.tile(np.arange(STEPS) * 5 >= item.opens_minute, calendar.history_days)
    return BarSeries(
        timeframe="M5",
        time_ms=opening.ravel()[is_open],
        open=bid(path.start)[is_open],
        high=bid(middle + reach[0] / 2)[is_open],
        low=bid(middle - reach[1] / 2)[is_open],
        close=bid(path.end)[is_open],
    )


def _bars(timeframe: str, history: BarSeries, ticks: TickSeries, calendar: _Calendar) -> BarSeries:
    """Bars of the timeframe's days of history and, from the first tick, of the ticks' bids."""
    first = calendar.opens[calendar.history_days - HISTORY_DAYS[timeframe]]
    recent = history.closed_before(int(ticks.time_ms[0]), last=int((history.time_ms >= first).sum()))
    earlier = group_bars(timeframe, _opening(timeframe, recent.time_ms, calendar), recent)
    return join_bars(
        with_tick_volume(earlier), bars_from_ticks(timeframe, ticks, _opening(timeframe, ticks.time_ms, calendar))
    )


def _opening(timeframe: str, time_ms: Ints, calendar: _Calendar) -> Ints:
    """Opening time of the bar each moment falls in; a day's is the opening of the market's day."""
    if timeframe == "D1":
        return calendar.opens[np.searchsorted(calendar.opens, time_ms, side="right") - 1]
    return np.asarray(time_ms - time_ms % TIMEFRAME_MS[timeframe], dtype=np.int64)


def _with_tick_values(symbols: dict[str, RecordedSymbol]) -> dict[str, RecordedSymbol]:
    """Tick values in USD as a terminal shows them, at the first quotes: profits convert at the rate that gives less."""
    gbpusd = _first_quote(symbols["GBPUSD.sim"].ticks)
    usdjpy = _first_quote(symbols["USDJPY.sim"].ticks)
    usd_per = {"USD": (1.0, 1.0), "GBP": (gbpusd.bid, gbpusd.ask), "JPY": (1 / usdjpy.ask, 1 / usdjpy.bid)}
    out = {}
    for name, symbol in symbols.items():
        spec = symbol.spec
        own = spec.trade_tick_value or spec.trade_tick_size * spec.trade_contract_size
        low, high = usd_per[spec.currency_profit]
        out[name] = replace(
            symbol,
            spec=replace(
                spec,
                trade_tick_value=round(own * low, 8),
                trade_tick_value_profit=round(own * low, 8),
                trade_tick_value_loss=round(own * high, 8),
            ),
        )
    return out


def _first_quote(ticks: TickSeries) -> Quote:
    return Quote(float(ticks.bid[0]), float(ticks.ask[0]), int(ticks.time_ms[0]))
