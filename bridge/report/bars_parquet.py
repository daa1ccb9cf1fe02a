"""Bars from a Parquet file, which only the extra `data` can read."""

from pathlib import Path
from typing import Any

import numpy as np

from bridge.errors import MarketError
from bridge.report.bars_columns import Columns, price_columns
from bridge.report.errors import how_to_install


def read_parquet(path: Path) -> Columns:
    """The file's columns. Raises MarketError."""
    pa, table = _arrow_table(path)
    prices = price_columns(path, table.column_names)
    time = table.column("time")
    if not pa.types.is_timestamp(time.type):
        raise MarketError(f"{path}: the column time is {time.type}, not a timestamp; convert it to naive UTC")
    named = "symbol" in table.column_names
    return Columns(
        symbols=_cast(path, table, "symbol", pa, pa.string()).to_pylist() if named else None,
        time_ms=np.asarray(_cast(path, table, "time", pa, pa.timestamp("ms")).cast(pa.int64()).to_numpy()),
        prices=tuple(np.asarray(_cast(path, table, name, pa, pa.float64()).to_numpy()) for name in prices),
        names=prices,
        place=lambda row: f"row {row}",
    )


def _arrow_table(path: Path) -> tuple[Any, Any]:
    """pyarrow, which only the extra `data` installs, and the file as its table."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and 40 MB that nothing else needs
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise MarketError(f'{path}: Parquet needs the extra "data": {how_to_install("data")}') from error
    try:
        return pa, pa.parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise MarketError(f"{path} is not a readable Parquet file ({error}); record or download it again") from error


def _cast(path: Path, table: Any, name: str, pa: Any, kind: Any) -> Any:
    """One column as an Arrow type, nothing missing."""
    column = table.column(name)
    try:
        values = column.cast(kind, safe=False)
    except pa.ArrowException as error:
        raise MarketError(f"{path}: the column {name} is {column.type}, not {kind}; convert it") from error
    if values.null_count:
        row = int(np.argmax(np.asarray(values.is_null().to_numpy())))
        raise MarketError(f"{path}, row {row}: {name} is missing; remove or repair the row")
    return values
