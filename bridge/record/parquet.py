"""Parquet files that are replaced whole: a reader, or the next run after Ctrl-C, sees the old one or the new one."""

import uuid
from pathlib import Path
from typing import Any

from bridge.errors import MarketError

UNTIL = b"lotbridge.until_ms"
"""Metadata of a tick file: up to which moment (UTC, milliseconds) it is complete."""


def arrow() -> Any:
    """pyarrow with its Parquet part, which only the extra `data` installs."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and 40 MB that nothing else needs
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise MarketError('Recording needs pyarrow: pip install "lotbridge[data]"') from error
    return pa


def write(path: Path, columns: dict[str, Any], until_ms: int | None = None) -> None:
    """Put a file in its place in one step."""
    pa = arrow()
    table = pa.table(columns)
    if until_ms is not None:
        table = table.replace_schema_metadata({UNTIL: str(until_ms).encode()})
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}.tmp")
    try:
        pa.parquet.write_table(table, temporary, compression="zstd")
        temporary.replace(path)
    except OSError as fault:
        raise MarketError(f"{path} cannot be written: {fault.strerror or fault}") from fault
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path) -> dict[str, Any] | None:
    """A file's columns as Arrow arrays; None where there is none. Raises MarketError for one that cannot be read.

    It may be held by another program for a moment: taken for absent, it would be replaced and what it holds be lost.
    """
    pa = arrow()
    if not path.is_file():
        return None
    try:
        table = pa.parquet.read_table(path)
    except (pa.ArrowException, OSError) as fault:
        problem = str(fault).splitlines()[0]
        raise MarketError(f"{path} cannot be read ({problem}). Close what holds it, or move it away.") from fault
    return {name: table.column(name) for name in table.column_names}


def complete_until(path: Path) -> int:
    """Up to when a tick file is complete; 0 without one."""
    pa = arrow()
    if not path.is_file():
        return 0
    try:
        metadata = pa.parquet.read_schema(path).metadata or {}
        return int(metadata.get(UNTIL, b"0"))
    except (pa.ArrowException, OSError, ValueError):
        return 0
