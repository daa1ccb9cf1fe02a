"""Any valid request, built from the types of the messages, and any JSON."""

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as mi

from bridge.protocol.messages import REQUEST_TYPES, Request


def requests(kind: str) -> st.SearchStrategy[Request]:
    """Every request of a type, within its fields' ranges."""
    return _struct(REQUEST_TYPES[kind])


def any_request() -> st.SearchStrategy[Request]:
    """A request of any type."""
    return st.one_of([requests(kind) for kind in REQUEST_TYPES])


def json_values(depth: int = 20) -> st.SearchStrategy[Any]:
    """JSON values, mostly shallow."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    return st.recursive(
        scalars,
        lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(), each, max_size=4),
        max_leaves=depth,
    )


def _struct(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    info = mi.type_info(kind)
    assert isinstance(info, mi.StructType)
    required = {field.name: _value(field.type) for field in info.fields if field.required}
    optional = {field.name: _value(field.type) for field in info.fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: kind(**fields))


def _value(info: mi.Type) -> st.SearchStrategy[Any]:
    match info:
        case mi.UnionType():
            return st.one_of([_value(each) for each in info.types])
        case mi.LiteralType():
            return st.sampled_from(info.values)
        case mi.StructType():
            return _struct(info.cls)
        case mi.ListType():
            return st.lists(_value(info.item_type), min_size=info.min_length or 0, max_size=3)
        case mi.NoneType():
            return st.none()
        case mi.BoolType():
            return st.booleans()
        case mi.IntType():
            return st.integers(info.ge, info.le)
        case mi.FloatType():
            return _floats(info)
        case mi.StrType():
            return _text(info)
    raise AssertionError(f"no strategy for {info}")


def _floats(info: mi.FloatType) -> st.SearchStrategy[float]:
    low = info.ge if info.gt is None else info.gt
    return st.floats(low, info.le, exclude_min=info.gt is not None, allow_nan=False, allow_infinity=False)


def _text(info: mi.StrType) -> st.SearchStrategy[str]:
    alphabet = st.characters(min_codepoint=32, max_codepoint=126) if info.pattern else st.characters(codec="utf-8")
    return st.text(alphabet, min_size=info.min_length or 0, max_size=info.max_length or 20)
