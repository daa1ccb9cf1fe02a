"""Parquet files through pyarrow, which only the extra `data` installs. What is wrong is a MarketError."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market.checks import refuse


def arrow() -> Any:
    """pyarrow with its Parquet part."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and 40 MB that nothing else needs
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise MarketError('Parquet recordings need pyarrow: pip install "lotbridge[data]"') from error
    return pa


def reading(path: Path, read: Callable[[], Any]) -> Any:
    """What `read` gives, which touches this file."""
    pa = arrow()
    try:
        return read()
    except (pa.ArrowException, OSError) as error:
        raise MarketError(f"{path} is not a readable Parquet file ({error}); record or download it again") from error


def require(path: Path, columns: tuple[str, ...]) -> set[str]:
    """All column names of a file, which must include those asked for."""
    pa = arrow()
    names: set[str] = set(reading(path, lambda: pa.parquet.read_schema(path).names))
    demand(path, names, columns)
    return names


def demand(path: Path, names: set[str], columns: tuple[str, ...]) -> None:
    """MarketError where a file, which has the columns `names`, lacks some of `columns`."""
    missing = [name for name in columns if name not in names]
    if missing:
        raise MarketError(
            f"{path} lacks the column {', '.join(missing)}; it has {', '.join(sorted(names))}: rename or add"
        )


def numbers(path: Path, table: Any, name: str, kind: type[np.generic], first_row: int = 0) -> NDArray[Any]:
    """One column as numpy; a missing price reads as NaN, a missing time is refused."""
    pa = arrow()
    column = table.column(name)
    if kind is np.int64 and column.null_count:
        missing = np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)
        refuse(path, missing, lambda _: f"{name} is missing; remove the row", first_row)
    try:
        cast = column.cast(pa.int64() if kind is np.int64 else pa.float64())
        return np.asarray(cast.to_numpy(zero_copy_only=False), dtype=kind)
    except pa.ArrowException as error:
        raise MarketError(f"{path}: the column {name} is {column.type}, not numbers ({error}); convert it") from error
