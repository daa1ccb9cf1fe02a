"""What pydantic found, said so that a trader can mend it."""

import dataclasses
import difflib
from collections.abc import Iterable
from types import NoneType
from typing import Any, get_args, get_type_hints

from bridge.settings.source import Loc
from sizing.prop.formats import FieldsError

_SECRET = {"password"}

_KINDS = {
    "float_type": "must be a number",
    "int_type": "must be a whole number without quotes",
    "int_from_float": "must be a whole number",
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list in [ ]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "finite_number": "must be a finite number",
}
_RANGES = {"greater_than", "greater_than_equal", "less_than_equal"}


def sentences(cls: type[Any], detail: Any) -> list[tuple[Loc, str]]:
    """The places and problems of one pydantic error in a table that stands for `cls`."""
    loc: Loc = detail["loc"]
    kind = detail["type"]
    if kind == "value_error":
        return _own_error(loc, detail["ctx"]["error"])
    if kind == "extra_forbidden":
        return [(loc, unknown(str(loc[-1]), keys_at(cls, loc[:-1])))]
    unit = _unit(_field_at(cls, loc))
    if kind == "missing":
        return [(loc, f"is missing; add it{unit}")]
    return [(loc, f"{_demand(cls, loc, detail)}{unit}; it is {shown(loc, detail['input'])}")]


def unknown(key: str, known: Iterable[str]) -> str:
    """What to say of a key that no table of this kind has."""
    known = sorted(known)
    near = difflib.get_close_matches(key, known, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(known)}"
    return f"is not a known key; {hint}"


def shown(loc: Loc, value: Any) -> str:
    """A value for a message: short, and never a secret."""
    if _SECRET.intersection(loc):
        return "hidden"
    text = "a table" if isinstance(value, dict) else "a list" if isinstance(value, tuple) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def allowed(metadata: Any) -> str:
    """The declared range in words, such as `greater than 0 and at most 10`."""
    if metadata.get("choices"):
        return "one of " + ", ".join(f'"{choice}"' for choice in metadata["choices"])
    words = (("gt", "greater than"), ("ge", "at least"), ("le", "at most"))
    return " and ".join(f"{word} {metadata[name]:g}" for name, word in words if metadata.get(name) is not None)


def keys_at(cls: type[Any], loc: Loc) -> list[str]:
    """The keys that the table at a place may have."""
    found = _type_at(cls, loc)
    return [field.name for field in dataclasses.fields(found)] if dataclasses.is_dataclass(found) else []


def _own_error(loc: Loc, error: Exception) -> list[tuple[Loc, str]]:
    if isinstance(error, FieldsError):
        return [((*loc, *(key if isinstance(key, tuple) else (key,))), problem) for key, problem in error.faults]
    return [(loc, str(error))]


def _demand(cls: type[Any], loc: Loc, detail: Any) -> str:
    kind = detail["type"]
    if kind in _RANGES or kind == "literal_error":
        field = _field_at(cls, loc)
        return f"must be {allowed(field.metadata if field else {})}"
    return _KINDS.get(kind) or str(detail["msg"]).lower()


def _unit(field: Any) -> str:
    return f" ({field.metadata['unit']})" if field is not None and field.metadata.get("unit") else ""


def _field_at(cls: type[Any], loc: Loc) -> Any:
    """The dataclass field a place belongs to; for an element of a list, the list's field."""
    while loc and isinstance(loc[-1], int):
        loc = loc[:-1]
    if not loc:
        return None
    owner = _type_at(cls, loc[:-1])
    if not dataclasses.is_dataclass(owner):
        return None
    return next((field for field in dataclasses.fields(owner) if field.name == loc[-1]), None)


def _type_at(cls: Any, loc: Loc) -> Any:
    """The type that stands at a place, walked along the dataclasses' hints; None where there is none."""
    for step in loc:
        if dataclasses.is_dataclass(cls):
            cls = get_type_hints(cls).get(str(step))
        else:
            # tuple[X, ...] goes on with X, dict[str, X] too.
            cls = next((arg for arg in reversed(get_args(cls)) if arg is not Ellipsis), None)
        cls = _given(cls)
    return cls


def _given(cls: Any) -> Any:
    """The table behind a type that may be None."""
    tables = [arg for arg in get_args(cls) if dataclasses.is_dataclass(arg)]
    return tables[0] if NoneType in get_args(cls) and tables else cls
