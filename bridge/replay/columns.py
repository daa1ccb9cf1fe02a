"""Rows and columns in Parquet files: one NamedTuple per row, its annotations are the file's schema."""

import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Any, NamedTuple, TypeVar, get_args, get_type_hints

from bridge.errors import ReplayError

Row = TypeVar("Row", bound=NamedTuple)


def arrow() -> Any:
    """pyarrow with its Parquet part, which only the extra `data` installs."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and 40 MB that nothing else needs
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise ReplayError(
            'A run is kept in Parquet files, which need pyarrow: pip install "lotbridge[data]"'
        ) from error
    return pa


def rows_table(kind: type[Row], rows: Sequence[Row]) -> Any:
    """Rows as an Arrow table; None is null, and only where the annotation allows it."""
    schema = _schema(kind)
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [arrow().array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    for field, array in zip(schema, arrays, strict=True):
        if array.null_count and not field.nullable:
            raise ReplayError(f"{kind.__name__}.{field.name} may not be missing")
    return arrow().table(arrays, schema=schema)


def table_rows(kind: type[Row], table: Any) -> list[Row]:
    """The rows of a table that `read_table` gave."""
    columns = [table.column(name).to_pylist() for name in kind._fields]
    return [kind(*values) for values in zip(*columns, strict=True)]


def write_table(path: Path, table: Any) -> None:
    """Put a file in its place in one step. Raises ReplayError."""
    replace_file(path, lambda temporary: arrow().parquet.write_table(table, temporary, compression="zstd"))


def replace_file(path: Path, write: Any) -> None:
    """Let `write` make a file beside `path`, then put it in its place, on the disk before anything that follows."""
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}.tmp")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as fault:
        raise ReplayError(f"{path} cannot be written: {fault.strerror or fault}") from fault
    finally:
        temporary.unlink(missing_ok=True)


def read_table(path: Path, kind: type[NamedTuple] | None = None) -> Any:
    """A file as an Arrow table, with the columns of `kind` in their types. Raises ReplayError."""
    pa = arrow()
    try:
        table = pa.parquet.read_table(path)
    except FileNotFoundError as fault:
        raise ReplayError(f"{path} is missing: replay into a new folder") from fault
    except (pa.ArrowException, OSError) as fault:
        raise ReplayError(f"{path} cannot be read ({str(fault).splitlines()[0]}): replay into a new folder") from fault
    return table if kind is None else _checked(path, table, kind)


def _checked(path: Path, table: Any, kind: type[NamedTuple]) -> Any:
    for field in _schema(kind):
        found = table.schema.get_field_index(field.name)
        if found < 0 or table.schema.field(found).type != field.type:
            raise ReplayError(f"{path} has no column {field.name} of type {field.type}: replay into a new folder")
        if table.column(found).null_count and not field.nullable:
            raise ReplayError(f"{path}: a row has no {field.name}: replay into a new folder")
    return table


def _schema(kind: type[NamedTuple]) -> Any:
    pa = arrow()
    types = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    fields = []
    for name, hint in get_type_hints(kind).items():
        optional = isinstance(hint, UnionType)
        plain = next(each for each in get_args(hint) if each is not type(None)) if optional else hint
        fields.append(pa.field(name, types[plain], nullable=optional))
    return pa.schema(fields)
