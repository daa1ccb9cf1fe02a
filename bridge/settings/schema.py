"""Validation built from the dataclasses themselves, so that a range is declared in one place only.

For each dataclass a pydantic model with the same fields is created, strict and closed to unknown keys, with the ranges
of `sizing.params.param`. A validated table becomes the dataclass, whose own checks then run.
"""

import dataclasses
import functools
from collections.abc import Hashable
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from bridge.settings.field_checks import FIELD_CHECKS
from bridge.settings.source import Fault, Loc, Source, SourceError, read
from bridge.settings.table_checks import TABLE_CHECKS
from bridge.settings.wording import sentences
from sizing.prop.formats import FieldsError

T = TypeVar("T")

# protected_namespaces: a policy may well have a key `model`.
_CONFIG = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


def parse(cls: type[T], source: Source, data: Any, loc: Loc = ()) -> tuple[T | None, list[Fault]]:
    """The dataclass that a table of a file stands for; or None, and everything that is wrong with the table."""
    try:
        instance: T = _adapter(cast(Hashable, cls)).validate_python(data)
    except ValidationError as error:
        faults = [
            source.fault((*loc, *where), problem)
            for detail in error.errors(include_url=False)
            for where, problem in sentences(cls, detail)
        ]
        return None, faults
    return instance, []


def parse_known(cls: type[T], source: Source, data: Any, loc: Loc = ()) -> tuple[T | None, list[Fault]]:
    """Like `parse`, but without what reading the file has found already; then nothing of it is taken."""
    instance, faults = parse(cls, source, data, loc)
    # A number beyond 64 bits is reported already; what stands in its place is not the trader's.
    replaced = {fault.loc for fault in source.faults}
    return (None if replaced else instance), [fault for fault in faults if fault.loc not in replaced]


def parse_file(cls: type[T], path: Path, name: str) -> tuple[T | None, list[Fault]]:
    """The dataclass that a whole file stands for, or None and everything that is wrong; `name` is what people read."""
    try:
        source = read(path, name)
    except SourceError as error:
        return None, [error.fault]
    instance, faults = parse_known(cls, source, source.data)
    return instance, [*source.faults, *faults]


@functools.cache
def _adapter(cls: Any) -> TypeAdapter[Any]:
    return TypeAdapter(_table(cls))


def _table(cls: type[Any]) -> Any:
    """The pydantic type of a dataclass: validates a table and yields the dataclass."""
    hints = get_type_hints(cls)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        hint = _value(hints[field.name], field.metadata)
        if check := FIELD_CHECKS.get((cls, field.name)):
            hint = Annotated[hint, AfterValidator(functools.partial(_checked, check))]
        # None stands for "not given" only: defaults are the dataclass's own, see `_construct`.
        fields[field.name] = (hint, ... if is_required(field) else None)
    model = create_model(cls.__name__, __config__=_CONFIG, **fields)
    return Annotated[model, AfterValidator(functools.partial(_construct, cls))]


def is_required(field: "dataclasses.Field[Any]") -> bool:
    """Whether a dataclass field must be given."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _checked(check: Any, value: Any) -> Any:
    check(value)
    return value


def _construct(cls: type[Any], model: BaseModel) -> Any:
    instance = cls(**{name: getattr(model, name) for name in model.model_fields_set})
    if (check := TABLE_CHECKS.get(cls)) and (faults := check(instance)):
        raise FieldsError(faults)
    return instance


def _value(hint: Any, metadata: Any) -> Any:
    """The pydantic type of one value, with the range on it or, for a tuple, on each element."""
    if dataclasses.is_dataclass(hint):
        return _table(hint)  # type: ignore[arg-type]  # a class here, never an instance
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple:
        return tuple[_value(args[0], metadata), ...]  # type: ignore[misc]  # a type made at run time
    if origin is dict:
        return dict[str, _value(args[1], metadata)]  # type: ignore[misc]  # a type made at run time
    if origin in (Union, UnionType):
        inner = next(arg for arg in args if arg is not NoneType)
        return _value(inner, metadata) | None
    return _ranged(hint, metadata)


def _ranged(hint: Any, metadata: Any) -> Any:
    if choices := metadata.get("choices"):
        return Literal[choices]
    if hint is Path:
        return Annotated[str, AfterValidator(_path)]
    bounds = {name: metadata[name] for name in ("gt", "ge", "le") if metadata.get(name) is not None}
    return Annotated[hint, Field(**bounds)] if bounds else hint


def _path(text: str) -> Path:
    if not text.strip() or "\x00" in text:
        raise ValueError("must name a file")
    return Path(text)
