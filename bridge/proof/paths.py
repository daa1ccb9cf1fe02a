"""Prices of simulated days: whole days of the past, scaled to the volatility of now, joined to blocks."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.proof.days import bridged
from bridge.proof.history import HOURS, Past
from sizing.snapshot import Floats
from sizing.stats.windows import JUMP

BLOCK = 5
"""Trading days that follow each other as they did in history."""
DAILY_STEPS, HOURLY_STEPS = 48, 4 * HOURS
CRASHES, CRASH_SIZE = 0.05, 3.0
"""Share of the days with a crash, where crashes are wanted: a jump of so many times a whole day's move of history."""
_WIGGLE = 0.7
"""Standard deviation of the path between the known prices of a day, in those of the day."""


class Block(NamedTuple):
    """One block of days as one account sees it: bids of d days, t = steps + 1 moments each and s symbols.

    Between two moments a price runs in a straight line, unless it jumps: then it is the later one's at once.
    """

    dates: list[int]
    """And that of the day after the last."""
    era: int
    bids: list[list[list[float]]]
    """(d, t, s)"""
    jumps: list[dict[int, frozenset[int]]]
    """By day and moment: symbols that jump to it. Every symbol jumps to moment 0 of each day."""


def steps_of(past: Past) -> int:
    """Steps of a day."""
    return DAILY_STEPS if past.hours is None else HOURLY_STEPS


class Pair(NamedTuple):
    """The same block twice: as history has it, and with crashes. One object where no crash falls into it."""

    drawn: Block
    crashed: Block


def draw(past: Past, count: int, rng: np.random.Generator) -> list[Pair]:
    """Blocks of the past at random, each at the prices and volatilities of an era at random."""
    size = len(past.dates)
    starts = rng.integers(0, size - BLOCK, count)
    eras = rng.integers(0, len(past.eras), count)
    rows = starts[:, None] + np.arange(BLOCK)
    relative, jumps = _daily(past, rows, rng) if past.hours is None else _hourly(past, rows)
    crashed, jumps_too = _crashed(past, relative, jumps, rng)
    numbers = list(zip(starts.tolist(), eras.tolist(), strict=True))
    ones = _blocks(past, numbers, relative, jumps)
    others = _blocks(past, numbers, crashed, jumps_too)
    same = (crashed == relative).all(axis=(1, 2, 3)).tolist()
    return [Pair(one, one if equal else other) for one, other, equal in zip(ones, others, same, strict=True)]


def _blocks(past: Past, numbers: list[tuple[int, int]], relative: Floats, jumps: NDArray[np.bool_]) -> list[Block]:
    """Prices of days whose moves (b, d, t, s) are in volatilities, each from the close before."""
    eras = [past.eras[era] for _, era in numbers]
    volatility, price = (np.stack([getattr(era, name) for era in eras]) for name in ("volatility", "price"))
    factor = np.maximum(1.0 + relative * volatility[:, None, None, :], 0.01)
    ends = np.cumprod(factor[:, :, -1, :], axis=1)
    before = np.concatenate((np.ones_like(ends[:, :1]), ends[:, :-1]), axis=1) * price[:, None, :]
    bids = factor * before[:, :, None, :]
    return [
        Block(
            bridged(past.dates[start : start + BLOCK + 1].tolist()),
            era,
            bids[index].tolist(),
            [_by_moment(jumps[index, day]) for day in range(BLOCK)],
        )
        for index, (start, era) in enumerate(numbers)
    ]


def _crashed(
    past: Past, relative: Floats, jumps: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    """The same days, some with a crash of all symbols at once: half of them at the opening, half within the day."""
    relative, jumps = relative.copy(), jumps.copy()
    blocks, days, moments, _ = relative.shape
    hit = rng.random((blocks, days)) < CRASHES
    when = np.where(rng.random((blocks, days)) < 0.5, 0, rng.integers(0, moments - 1, (blocks, days)))
    model = rng.integers(0, len(past.dates), (blocks, days))
    for block, day in np.argwhere(hit).tolist():
        at = int(when[block, day])
        relative[block, day, at:] += CRASH_SIZE * past.close[model[block, day]]
        jumps[block, day, at] = True
    return relative, jumps


def _by_moment(jumps: NDArray[np.bool_]) -> dict[int, frozenset[int]]:
    """Of (t, s): which symbols jump, by moment."""
    moments = np.flatnonzero(jumps.any(axis=1))
    return {int(at): frozenset(np.flatnonzero(jumps[at]).tolist()) for at in moments}


def _hourly(past: Past, rows: NDArray[np.int64]) -> tuple[Floats, NDArray[np.bool_]]:
    """Days whose hours are known: each hour opens with a jump, however small."""
    if past.hours is None:  # pragma: no cover - asked for only where there are hours
        raise AssertionError
    hours = past.hours[rows]  # (b, d, s, 24, 4)
    flat = hours.reshape(*hours.shape[:3], HOURLY_STEPS)
    relative = np.concatenate((flat, flat[..., -1:]), axis=-1).swapaxes(2, 3)
    jumps = np.zeros(relative.shape, dtype=bool)
    jumps[:, :, 0:HOURLY_STEPS:4, :] = True
    return relative, jumps


def _daily(past: Past, rows: NDArray[np.int64], rng: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """Days of which only the four prices are known: a random walk through them that stays within high and low."""
    steps = DAILY_STEPS
    open_, high, low, close = (column[rows] for column in (past.open, past.high, past.low, past.close))
    shape = open_.shape  # (b, d, s)
    one, two = rng.integers(2, steps, shape), rng.integers(2, steps - 1, shape)
    two += two >= one  # two different moments, neither at the day's ends
    moments = np.stack((np.minimum(one, two), np.maximum(one, two)), axis=-1)
    low_first = rng.random(shape) < np.where(close > open_, 0.7, 0.3)
    first, second = np.where(low_first, low, high), np.where(low_first, high, low)
    knots = np.concatenate((np.zeros((*shape, 1), dtype=np.int64), moments, np.full((*shape, 1), steps)), axis=-1)
    values = np.stack((open_, first, second, close), axis=-1)
    walk = np.cumsum(rng.standard_normal((*shape, steps + 1)) * (_WIGGLE / np.sqrt(steps)), axis=-1)
    path = walk + _through(knots, values - np.take_along_axis(walk, knots, axis=-1), steps)
    path = np.clip(path, low[..., None], high[..., None])
    np.put_along_axis(path, knots, values, axis=-1)
    jumps = np.zeros(path.shape, dtype=bool)
    jumps[..., 0] = True
    for place in np.argwhere((low < -JUMP) | (high > JUMP)):
        at = tuple(place.tolist())
        _jump(path[at], jumps[at], low[at], high[at])
    return path.swapaxes(2, 3), jumps.swapaxes(2, 3)


def _through(knots: NDArray[np.int64], values: Floats, steps: int) -> Floats:
    """Straight lines through four knots (..., 4), at each of the steps."""
    grid = np.arange(steps + 1)
    inside = (grid >= knots[..., 1:2]).astype(np.int64) + (grid >= knots[..., 2:3])
    start, end = np.take_along_axis(knots, inside, axis=-1), np.take_along_axis(knots, inside + 1, axis=-1)
    low, high = np.take_along_axis(values, inside, axis=-1), np.take_along_axis(values, inside + 1, axis=-1)
    found: Floats = low + (high - low) * (grid - start) / (end - start)
    return found


def _jump(path: Floats, jumps: NDArray[np.bool_], low: float, high: float) -> None:
    """Let a day that runs more than JUMP volatilities jump, as the engine's own statistics take it to have done.

    Nobody is filled on the way: the price stays on this side until it is only JUMP volatilities from its extreme.
    """
    for extreme, sign in ((low, -1.0), (high, 1.0)):
        landing = extreme - sign * JUMP
        if sign * landing <= 0:
            continue
        at = int(np.argmax(sign * path >= sign * landing))
        if at:
            # The extreme itself is still to be reached behind the landing.
            at -= int(path[at] == extreme)
            path[at], jumps[at] = landing, True
