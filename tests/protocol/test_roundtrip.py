"""Encoding and decoding are each other's reverse, and clients read replies of a newer daemon."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.protocol.codec import MAX_BODY_BYTES, ProtocolError, decode_reply, decode_request, encode
from bridge.protocol.messages import (
    REQUEST_TYPES,
    AnyRequest,
    ErrorReply,
    PingRequest,
    Reply,
    Request,
    ReservationReply,
    SizeReply,
    SizeRequest,
    SnapshotReply,
    StatusReply,
)
from tests.protocol.strategies import json_values, requests

COMMON = b'"v":1,"type":"ping","id":"a","status":"ok","code":null,"message":null,"server_ms":5'
WATERFALL = (
    b'"lots":0.5,"entry":1.1,"stop_loss":1.09,"take_profit":null,"risk":{"currency":"USD","amount":1,"worst_case":2,'
    b'"percent":0.1,"per_lot":2,"expected_shortfall":1},"binding":"margin","runner_up":null,"factors":'
    b'[{"name":"edge","value":1,"detail":"x"}],"caps":[{"name":"margin","lots":null,"detail":"x"}],"base_lots":1,'
    b'"reservation":null,"expires_ms":null,"decision":"d1",'
    b'"ages":{"quote_ms":1,"account_ms":1,"spec_ms":1,"stats_ms":null}'
)
STANDING = (
    b'"account":1,"currency":"USD","equity":1,"balance":1,"rules":[{"name":"daily","floor":1,"headroom":1,"used_percent":0,'
    b'"resets_ms":null}],"open_risk":0,"reserved_risk":0,"halted":null,'
    b'"terminal":{"connected":true,"source":"ea_feed","quote_age_ms":null},"protocol":1,"version":"1","policy_hash":"x"'
)
REPLIES: dict[type[Reply], bytes] = {
    Reply: COMMON,
    ErrorReply: COMMON + b',"field":null',
    ReservationReply: COMMON + b',"reservation":"r1","state":"open"',
    SnapshotReply: COMMON + b',"resync":true',
    SizeReply: COMMON + b"," + WATERFALL,
    StatusReply: COMMON + b"," + STANDING,
}


@pytest.mark.parametrize("kind", list(REQUEST_TYPES))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_request_comes_back_from_its_bytes(kind: str, data: st.DataObject) -> None:
    request = data.draw(requests(kind))
    assert decode_request(encode(request)) == request
    assert type(decode_request(encode(request))) is REQUEST_TYPES[kind]


@settings(max_examples=60, deadline=None)
@given(requests("size"))
def test_key_order_and_white_space_change_nothing(request: Request) -> None:
    fields = msgspec.json.decode(encode(request))
    turned = msgspec.json.format(msgspec.json.encode(dict(reversed(fields.items()))), indent=3)
    assert decode_request(turned) == request
    assert decode_request(encode(request).replace(b'"type"', b'"\\u0074ype"')) == request


def test_every_request_type_has_its_tag() -> None:
    kinds: tuple[type[AnyRequest], ...] = AnyRequest.__args__
    assert {kind.__struct_config__.tag: kind for kind in kinds} == REQUEST_TYPES


def test_absent_and_null_are_the_same_where_a_field_is_optional() -> None:
    short = b'{"v":1,"type":"size","id":"a","symbol":"X","side":"buy","stop_loss":null}'
    long = short[:-1] + b',"account":null,"entry":null,"magic":null,"max_lots":null,"sent_ms":null}'
    assert decode_request(short) == decode_request(long)
    assert encode(decode_request(long)) == encode(decode_request(short))


def test_whole_numbers_serve_as_prices() -> None:
    request = decode_request(b'{"v":1,"type":"size","id":"a","symbol":"X","side":"buy","stop_loss":1}')
    assert isinstance(request, SizeRequest)
    assert request.stop_loss == 1.0


@pytest.mark.parametrize("kind", list(REPLIES), ids=lambda kind: kind.__name__)
def test_reply_tolerates_unknown_fields(kind: type[Reply]) -> None:
    plain = decode_reply(b"{" + REPLIES[kind] + b"}", kind)
    newer = decode_reply(b'{"new":{"deep":[1]},' + REPLIES[kind] + b',"newest":null}', kind)
    assert type(plain) is kind
    assert plain == newer


@pytest.mark.parametrize("kind", list(REPLIES), ids=lambda kind: kind.__name__)
def test_reply_comes_back_from_its_bytes(kind: type[Reply]) -> None:
    reply = decode_reply(b"{" + REPLIES[kind] + b"}", kind)
    assert decode_reply(encode(reply), kind) == reply


@settings(max_examples=100, deadline=None)
@given(json_values().map(msgspec.json.encode) | st.binary(max_size=200))
def test_reply_that_is_none_is_an_error_of_msgspec(body: bytes) -> None:
    try:
        decode_reply(body, SizeReply)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    raise AssertionError(body)


def test_a_body_may_have_262144_bytes_and_no_more() -> None:
    ping = encode(PingRequest(v=1, id="a"))
    assert decode_request(ping + b" " * (MAX_BODY_BYTES - len(ping))) == PingRequest(v=1, id="a")
    with pytest.raises(ProtocolError) as caught:
        decode_request(ping + b" " * (MAX_BODY_BYTES + 1 - len(ping)))
    assert caught.value.code == "too_large"
    assert MAX_BODY_BYTES == 262_144
