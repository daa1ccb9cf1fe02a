"""The MQL5 reader and writer of JSON: what comes in comes out, and what is no JSON does not come in."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.mql5.conftest import Program
from tests.mql5.driver import Driver

MOST_LEVELS = 16
SETTINGS = settings(max_examples=400, deadline=None)


@pytest.fixture(scope="module", name="reader")
def _reader(program: Program) -> Iterator[Driver]:
    with Driver(program("driver")) as driver:
        yield driver


def read(reader: Driver, data: bytes) -> dict[str, Any]:
    return reader.do("json", hex=data.hex())


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=15,
)


@SETTINGS
@given(value=values, ascii_only=st.booleans())
def test_any_value_comes_back(reader: Driver, value: Any, ascii_only: bool) -> None:
    answer = read(reader, json.dumps(value, ensure_ascii=ascii_only).encode())
    assert answer["good"], answer["fault"]
    assert as_doubles(answer["value"]) == as_doubles(value)


def as_doubles(value: Any) -> Any:
    """The value with every number as a double, which is how the copy is written."""
    if isinstance(value, dict):
        return {key: as_doubles(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_doubles(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@SETTINGS
@given(data=st.binary(max_size=12) | st.text('{}[]",:\\/bu0189dD eE+-.tfn\x1f é', max_size=14).map(str.encode))
@example(b'"\\ud83d\\ude00"')
@example(b'"\\ud83d"')
@example(b'"\\ude00\\ud83d"')
@example(b'"\\ud83dx"')
@example(b'"\\u12"')
@example(b"\xed\xa0\x80")
@example(b'"\xc0\x80"')
@example(b'"\xf4\x90\x80\x80"')
@example(b'"\xe2\x82"')
@example(b'{"a":1,"a":2}')
@example(b'{"a":1,"\\u0061":2}')
@example(b'{"\xc3\xa4":1,"\\u00e4":2}')
@example(b"01")
@example(b"1.")
@example(b".5")
@example(b"-")
@example(b"1e400")
@example(b"NaN")
@example(b"\xef\xbb\xbf1")
@example(b"[" * 16 + b"]" * 16)
@example(b"[" * 17 + b"]" * 17)
@example(b'{"a":[]}')
@example(b"1 2")
@example(b'"\x7f"')
def test_any_bytes_are_taken_exactly_where_they_are_strict_json(reader: Driver, data: bytes) -> None:
    answer = read(reader, data)
    try:
        value = strict(data)
    except ValueError:
        assert not answer["good"], data
    else:
        assert answer["good"], (data, answer["fault"])
        assert as_doubles(answer["value"]) == as_doubles(value)


def strict(data: bytes) -> Any:
    """What Python reads; ValueError for what the protocol forbids."""
    value = json.loads(
        data.decode("utf-8"), parse_constant=no_constant, object_pairs_hook=no_repeated, parse_float=finite
    )
    check(value, 0)
    return value


def no_constant(name: str) -> Any:
    raise ValueError(name)


def no_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(text)
    return float(text)


def check(value: Any, depth: int) -> None:
    """Not too deep, no half surrogate pairs."""
    if isinstance(value, str):
        value.encode()
    if isinstance(value, dict | list) and depth >= MOST_LEVELS:
        raise ValueError("too deep")
    for each in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        check(each, depth + 1)
    for key in value if isinstance(value, dict) else ():
        key.encode()


@SETTINGS
@given(value=st.floats(allow_nan=False, allow_infinity=False))
@example(0.001)
@example(0.29)
@example(1e-05)
@example(0.1 + 0.2)
@example(1.724116312021212)
@example(1e15)
@example(123456789012345680.0)
@example(5e-324)
@example(1.7976931348623157e308)
@example(-0.0)
def test_a_number_is_written_so_that_it_reads_back(reader: Driver, value: float) -> None:
    answer = reader.do("number", text=repr(value))
    assert answer["same"]
    assert float(answer["text"]) == value
    json.loads(answer["text"])


def test_lots_prices_and_money_are_written_as_a_person_would(reader: Driver) -> None:
    """The shortest text, for everything with up to 15 digits."""
    for lots in range(1, 10_000, 7):
        text = repr(lots / 100).removesuffix(".0")
        assert reader.do("number", text=text)["text"] == text
    for text in ("0.001", "0.29", "1.10008", "1e-05", "0.00001", "1234567.89", "-1000", "100000"):
        assert float(reader.do("number", text=text)["text"]) == float(text)
        assert len(reader.do("number", text=text)["text"]) <= len(text)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no value"),
        (b'{"a":1,}', "a key is missing"),
        (b'{"a" 1}', "a colon is missing"),
        (b"[1 2]", "a comma is missing"),
        (b'"\xff"', "no UTF-8"),
        (b"[1]x", "something follows"),
        (b"[" * 100_000, "nest too deep"),
        (b"1" * 65, "no value"),
        (b'{"a":1,"a":1}', "a key comes twice"),
        (json.dumps(dict.fromkeys(map(str, range(513)))).encode(), "too many fields"),
    ],
)
def test_a_fault_is_named_with_its_place(reader: Driver, data: bytes, said: str) -> None:
    answer = read(reader, data)
    assert not answer["good"]
    assert said in answer["fault"]
    assert "at byte" in answer["fault"]


def test_a_character_0_which_no_mql5_string_holds_is_replaced(reader: Driver) -> None:
    assert read(reader, b'"a\\u0000b"')["value"] == "a\ufffdb"


def test_a_large_document_is_read_fast(reader: Driver) -> None:
    answer = read(reader, json.dumps([{"symbol": f"S{i}", "lots": i / 100} for i in range(5_000)]).encode())
    assert len(answer["value"]) == 5_000
