"""The equity curve in as many points as a screen can show, its extremes kept."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.replay.report.drawdown import peaks
from bridge.replay.run import Equity, Floats

QUARTER_MS = 900_000
POINTS = 1_200


def curve(equity: Equity, initial_balance: float, points: int = POINTS) -> dict[str, Any]:
    """Columns for the page, one value per group of neighbouring rows, about `points` of them.

    `t` is each group's end, UTC ms. Balance, equity and floors are as of then; low, high and headrooms are the group's
    extremes. A floor that moves begins a group, so that no low is drawn against a floor that came after it.
    """
    if not len(equity):
        return {"t": [], "balance": [], "equity": [], "low": [], "high": [], "drawdown": [], "floors": {}, "rooms": {}}
    starts = _starts(equity, points)
    last = np.append(starts[1:], len(equity)) - 1
    below = equity.low - peaks(equity, initial_balance)
    return {
        "t": (equity.time_ms[last] + QUARTER_MS).tolist(),
        "balance": cents(equity.balance[last]),
        "equity": cents(equity.equity[last]),
        "low": cents(np.minimum.reduceat(equity.low, starts)),
        "high": cents(np.maximum.reduceat(equity.high, starts)),
        "drawdown": cents(np.minimum.reduceat(below, starts)),
        "floors": {rule: cents(values[last]) for rule, values in equity.floors.items()},
        "rooms": {rule: cents(np.fmin.reduceat(values, starts)) for rule, values in equity.headrooms.items()},
    }


def cents(values: Floats) -> list[float | None]:
    """Money to the cent for JSON; None where it is not known."""
    return [None if np.isnan(value) else round(value, 2) for value in values.tolist()]


def _starts(equity: Equity, points: int) -> NDArray[np.intp]:
    """First row of each group."""
    every = -(-len(equity) // points)
    starts = np.arange(0, len(equity), every)
    moves = np.zeros(len(equity), dtype=bool)
    for floor in equity.floors.values():
        moves[1:] |= ~np.isclose(floor[1:], floor[:-1], rtol=0, atol=0.005, equal_nan=True)
    jumps = np.flatnonzero(moves)
    # A floor that trails every tick would undo the grouping.
    return np.union1d(starts, jumps) if len(jumps) <= points else starts
