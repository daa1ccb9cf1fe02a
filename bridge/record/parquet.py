"""Parquet files that are replaced whole: a reader, or the next run after Ctrl-C, sees the old one or the new one."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.errors import MarketError

ROWS = 65_536
"""Rows of a row group: what a reader that goes from group to group holds at a time."""


def arrow() -> Any:
    """pyarrow with its Parquet part, which only the extra `data` installs."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and 40 MB that nothing else needs
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise MarketError('Recording needs pyarrow: pip install "lotbridge[data]"') from error
    return pa


def write(path: Path, columns: dict[str, Any], about: dict[bytes, bytes] | None = None) -> None:
    """Put a file in its place in one step. `about` is its metadata."""
    pa = arrow()
    table = pa.table(columns)
    if about is not None:
        table = table.replace_schema_metadata(about)
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}.tmp")
    try:
        pa.parquet.write_table(table, temporary, compression="zstd", row_group_size=ROWS)
        temporary.replace(path)
    except OSError as fault:
        raise MarketError(f"{path} cannot be written: {fault.strerror or fault}") from fault
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path) -> dict[str, Any] | None:
    """A file's columns as Arrow arrays; None where there is none. Raises MarketError for one that cannot be read.

    It may be held by another program for a moment: taken for absent, it would be replaced and what it holds be lost.
    """
    if not path.is_file():
        return None
    table = _reading(path, lambda: arrow().parquet.read_table(path))
    return {name: table.column(name) for name in table.column_names}


def metadata(path: Path) -> dict[bytes, bytes]:
    """A file's metadata; empty where there is no file. Raises MarketError as `read` does."""
    if not path.is_file():
        return {}
    return _reading(path, lambda: arrow().parquet.read_schema(path)).metadata or {}


def _reading(path: Path, read: Callable[[], Any]) -> Any:
    pa = arrow()
    try:
        return read()
    except (pa.ArrowException, OSError) as fault:
        problem = str(fault).splitlines()[0]
        raise MarketError(f"{path} cannot be read ({problem}). Close what holds it, or move it away.") from fault
