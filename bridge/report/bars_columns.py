"""A file of bars as columns, whatever its format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market.bar_files import BID_COLUMNS


@dataclass(frozen=True, slots=True)
class Columns:
    """The whole file as read: one entry per row. `names` are the price columns', `place` says where a row stands."""

    symbols: list[str] | None
    time_ms: NDArray[np.int64]
    prices: tuple[NDArray[np.float64], ...]
    names: tuple[str, ...]
    place: Callable[[int], str]


def price_columns(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The file's price columns. Raises MarketError for one without them, or without time."""
    has = f"it has {', '.join(names) or 'none'}"
    if "time" not in names:
        raise MarketError(f"{path} lacks the column time; {has}: rename or add")
    found = next((columns for columns in BID_COLUMNS if set(columns) <= set(names)), None)
    if found is None:
        wanted = " nor ".join(", ".join(columns) for columns in BID_COLUMNS)
        raise MarketError(f"{path} has neither the columns {wanted}; {has}: rename or add")
    return found
