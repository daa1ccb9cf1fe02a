"""Any bytes give a request or a ProtocolError, and nothing else; and every error can be sent."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bridge.protocol.codec import ProtocolError, decode_request, encode, identify
from bridge.protocol.codes import ERROR_CODES
from bridge.protocol.messages import ErrorReply, Request
from bridge.replies import error_reply
from tests.protocol.strategies import any_request, json_values

RELAXED = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
ESCAPES = [r"\ud800", r"\udfff", r"\u0000", r"\n", r"\/", r"\u0074", "\\", '"', "é", "\U0001f600", r"\ud83d\ude00"]
TOKENS = [
    "{", "}", "[", "]", ",", ":", "null", "true", "NaN", "-Infinity", "1e999", "-0", "0.1e-400", "9" * 400,
    str(2**63), str(2**64), str(-(2**63) - 1),
    '"v":1', '"type":"size"', '"type":"ping"', '"id":"a"', '"id"', '"account"',
    '"stop_loss":', '"symbol":"EURUSD"', '"positions":[{}]', '"side":"buy"', *(f'"{text}"' for text in ESCAPES),
]  # fmt: skip


def taken(raw: bytes) -> Request | ProtocolError:
    """What the codec makes of bytes; an error must be one that can be sent."""
    try:
        request = decode_request(raw)
    except ProtocolError as error:
        identify(error, raw)
        sent = msgspec.json.decode(encode(error_reply(error, 0)), type=ErrorReply)
        assert sent.code in ERROR_CODES
        assert sent.message
        return error
    assert isinstance(request, Request)
    assert decode_request(encode(request)) == request
    return request


def refused(text: str | bytes) -> ProtocolError:
    error = taken(text if isinstance(text, bytes) else text.encode())
    assert isinstance(error, ProtocolError), error
    return error


@RELAXED
@given(st.binary(max_size=400))
@example(b"\xef\xbb\xbf{}")
@example(b"\x00")
def test_any_bytes(raw: bytes) -> None:
    taken(raw)


@RELAXED
@given(st.lists(st.sampled_from(TOKENS), max_size=25).map("".join))
@example(r'{"v":1,"type":"ping","id":"a","\ud800":1}')
@example(r'{"v":1,"type":"ping","id":"a","x\ud800":1,"x\ud800":1}')
@example(r'{"v":1,"type":"\ud800","id":"a"}')
def test_any_tokens(text: str) -> None:
    taken(text.encode())


@RELAXED
@given(json_values().map(msgspec.json.encode))
def test_any_json(raw: bytes) -> None:
    taken(raw)


@RELAXED
@given(any_request(), st.data())
def test_mutated_requests(request: Request, data: st.DataObject) -> None:
    raw = bytearray(encode(request))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1)) if raw else 0
        cut = data.draw(st.integers(0, 6))
        piece = data.draw(st.binary(max_size=4) | st.sampled_from(TOKENS).map(str.encode))
        raw[at : at + cut] = piece
    taken(bytes(raw))


@RELAXED
@given(any_request(), st.text(max_size=12), json_values())
def test_requests_with_fields_put_in(request: Request, name: str, value: Any) -> None:
    fields = {**msgspec.json.decode(encode(request)), name: value}
    result = taken(msgspec.json.encode(fields))
    if name not in request.__struct_fields__ and name != "type":
        assert isinstance(result, ProtocolError)
        assert (result.code, result.field) in {("unknown_field", name), ("bad_json", None), ("bad_json", name)}


# Keys that stand twice -----------------------------------------------------------------------------------------------

PING = '{"v":1,"type":"ping","id":"a"%s}'
POSITION = '"ticket":1,"symbol":"E","type":0,"volume":1,"price_open":1,"price_current":1'
SNAPSHOT = '{"v":1,"type":"snapshot","id":"a","session":"s","sequence":0,%s}'


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (PING % ',"id":"a"', "id"),
        (PING % ',"id":"b"', "id"),
        (PING % ',"v":1', "v"),
        (PING % ',"type":"ping"', "type"),
        (PING % ',"type":"size"', "type"),
        (PING % r',"\u0069d":"a"', "id"),
        (PING % r',"\u0069\u0064":"a"', "id"),
        (PING % ',"account":1,"account":1', "account"),
        ('{"v":1,"type":"size","id":"a","symbol":"E","side":"buy","stop_loss":1,"stop_loss":2}', "stop_loss"),
        ('{"v":1,"type":"size","id":"a","symbol":"E","side":"buy","stop_loss":null,"stop_loss":null}', "stop_loss"),
        ('{"v":1,"type":"size","id":"a","symbol":"{","side":"buy","stop_loss":1,"stop_loss":1}', "stop_loss"),
        ('{"v":1,"type":"size","id":"a","symbol":"a\\"b","side":"buy","stop_loss":1,"side":"buy"}', "side"),
        (SNAPSHOT % f'"positions":[{{{POSITION},"ticket":1}}]', "ticket"),
        (SNAPSHOT % f'"positions":[{{{POSITION},"comment":1,"comment":1}}]', "comment"),
        (SNAPSHOT % f'"positions":[{{{POSITION},"unused":{{"a":1,"a":1}}}}]', "a"),
        (SNAPSHOT % f'"positions":[{{{POSITION},"unused":[[{{"":1,"":2}}]]}}]', ""),
        (SNAPSHOT % '"positions":[],"positions":[]', "positions"),
    ],
)
def test_repeated_keys_are_refused_wherever_they_stand(text: str, field: str) -> None:
    error = refused(text)
    assert (error.code, error.field) == ("bad_json", field)


def test_texts_with_quotes_and_braces_are_not_taken_for_repeated_keys() -> None:
    for symbol in ('a"b', "{}", '"', "\\", '{"id":1}', ":,", "'"):
        raw = {"v": 1, "type": "size", "id": "a", "symbol": symbol, "side": "buy", "stop_loss": 1}
        assert isinstance(taken(json.dumps(raw).encode()), Request)


# Numbers and nesting -------------------------------------------------------------------------------------------------

SIZE = '{"v":1,"type":"size","id":"a","symbol":"E","side":"buy","stop_loss":%s}'


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "nan", "inf", "01", "1.", ".5", "+1"]
)
def test_numbers_that_are_no_json_numbers(number: str) -> None:
    assert refused(SIZE % number).code == "bad_json"
    assert refused(SNAPSHOT % f'"positions":[{{{POSITION},"unused":{number}}}]').code == "bad_json"


@pytest.mark.parametrize("number", ["9" * 300, "1e308", "1e-320", "-1", "0", "true", '"1"', "[1]", "{}"])
def test_numbers_out_of_a_prices_range(number: str) -> None:
    error = refused(SIZE % number)
    assert (error.code, error.field) == ("bad_value", "stop_loss")


@pytest.mark.parametrize("opening", ["[", '{"k":'])
@pytest.mark.parametrize(("levels", "fine"), [(13, True), (14, False), (500, False), (60_000, False)])
def test_nesting_of_16_levels_is_allowed(opening: str, levels: int, fine: bool) -> None:
    # The body, its list and the position are three levels.
    deep = opening * levels + "1" + ("]" if opening == "[" else "}") * levels
    result = taken((SNAPSHOT % f'"positions":[{{{POSITION},"unused":{deep}}}]').encode()[:262_144])
    assert isinstance(result, Request) is fine
    if isinstance(result, ProtocolError):
        assert result.code == "bad_json"


# Encodings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbf" + (PING % "").encode(),
        (PING % "").encode("utf-16"),
        (PING % "").encode("utf-32-le"),
        (PING % "").encode() + b"\x00",
        (PING % "").encode() + (PING % "").encode(),
        b'{"v":1,"type":"ping","id":"\xff"}',
        b'{"v":1,"type":"ping","id":"a"}\xff',
        b'{"v":1,"type":"size","id":"a","symbol":"\xed\xa0\x80","side":"buy","stop_loss":1}',
        b'{"v":1,"type":"size","id":"a","symbol":"\xc0\xaf","side":"buy","stop_loss":1}',
        b'{"v":1,"type":"size","id":"a","symbol":"a\x00b","side":"buy","stop_loss":1}',
        b'{"v":1,"type":"size","id":"a","symbol":"\\ud800","side":"buy","stop_loss":1}',
        b'{"v":1,"type":"size","id":"a","symbol":"\\udc00\\ud800","side":"buy","stop_loss":1}',
        b'{"v":1,"type":"ping","id":"a","\\ud800":1}',
        b"",
        b" ",
        b"[]",
        b"1",
        b"null",
        b'"ping"',
        b"{",
        b"{}}",
        b"[" * 200_000,
        b'{"a":' * 50_000,
        b'"' * 200_001,
        b"9" * 200_000,
    ],
    ids=lambda raw: f"{raw[:24]!r}-{len(raw)}",
)
def test_what_is_not_one_utf8_object_is_bad_json(raw: bytes) -> None:
    assert refused(raw).code == "bad_json"


def test_pairs_of_surrogates_are_characters() -> None:
    request = taken(rb'{"v":1,"type":"size","id":"a","symbol":"\ud83d\ude00","side":"buy","stop_loss":1}')
    assert getattr(request, "symbol", None) == "\U0001f600"
