"""An error names its culprit, by path, and whose request it answers."""

from typing import Any

import msgspec
import pytest

from bridge.protocol.codec import ProtocolError, decode_request, identify
from bridge.protocol.messages import REQUEST_TYPES

GOOD: dict[str, dict[str, Any]] = {
    "size": {"symbol": "EURUSD", "side": "buy", "stop_loss": 1.09},
    "fill": {"reservation": "r1", "ticket": 1, "lots": 0.1, "price": 1.1},
    "release": {"reservation": "r1", "reason": "x"},
    "snapshot": {"session": "s", "sequence": 0},
    "status": {},
    "rules": {},
    "halt": {"reason": "x"},
    "resume": {"reason": "x"},
    "anchor": {"rule": "max_loss", "value": 100_000.0, "reason": "x"},
    "manage": {},
    "report": {"instruction": "i1-1", "status": "done"},
    "positions": {},
    "rebalance": {"reason": "x"},
    "ping": {},
}
ACCOUNT = {
    "login": 1, "currency": "USD", "balance": 1, "equity": 1, "margin": 0, "margin_free": 1, "leverage": 100,
}  # fmt: skip
POSITION = {"ticket": 1, "symbol": "E", "type": 0, "volume": 1, "price_open": 1, "price_current": 1}
RATE = {"time": 1, "open": 1, "high": 1, "low": 1, "close": 1}


def request(kind: str, **over: Any) -> dict[str, Any]:
    return {"v": 1, "type": kind, "id": "a", **GOOD[kind], **over}


def fault(fields: dict[str, Any]) -> tuple[str, str | None]:
    body = msgspec.json.encode(fields)
    with pytest.raises(ProtocolError) as caught:
        decode_request(body)
    error = identify(caught.value, body)
    assert error.field is None or f"{error.field}" in error.message or error.field in ("v", "type"), error.message
    return error.code, error.field


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


@pytest.mark.parametrize("kind", list(REQUEST_TYPES))
def test_good_requests_decode(kind: str) -> None:
    assert type(decode_request(msgspec.json.encode(request(kind)))) is REQUEST_TYPES[kind]


@pytest.mark.parametrize("kind", list(REQUEST_TYPES))
def test_every_missing_field_is_named(kind: str) -> None:
    for name in request(kind):
        assert fault(without(request(kind), name)) == ("missing_field", name)


@pytest.mark.parametrize("kind", list(REQUEST_TYPES))
def test_unknown_fields_are_named(kind: str) -> None:
    for name in ("stop_los", "", "Type", "V", "é", "x" * 64):
        assert fault(request(kind, **{name: 1})) == ("unknown_field", name)


@pytest.mark.parametrize(
    ("kind", "field", "values"),
    [
        ("size", "symbol", ["", "x" * 65, 1, None, ["EURUSD"]]),
        ("size", "side", ["", "BUY", "long", 1, None]),
        ("size", "stop_loss", [0, -1.0, "1.09", False, 1e13]),
        ("size", "entry", [0, -1, "", [], 1e300]),
        ("size", "take_profit", [0, "x"]),
        ("size", "confidence", [-0.1, 100.1, "75", True]),
        ("size", "market_score", [-1, 101, {}]),
        ("size", "regime", ["normal", "", 1]),
        ("size", "strategy", ["", "x" * 33, 5]),
        ("size", "magic", [1.5, "1", 2**63, -(2**63) - 1, 2**80]),
        ("size", "order", ["limit", None, 0]),
        ("size", "horizon_minutes", [0, 525_601, 1.5]),
        ("size", "max_lots", [0, -1, "1"]),
        ("size", "max_risk_pct", [0, 100.5]),
        ("size", "sent_ms", [-1, 1.5, 2**64, 2**80]),
        ("size", "dry_run", [1, "true", None]),
        ("fill", "reservation", ["", "x" * 65, 1, None, "é"]),
        ("fill", "ticket", [-1, 1.5, "1", None, 2**63, 2**80]),
        ("fill", "lots", [0, -1, None, 1e301]),
        ("fill", "price", [0, None]),
        ("release", "reservation", [None]),
        ("release", "reason", ["x" * 201, None, 1]),
        ("snapshot", "session", ["", None]),
        ("snapshot", "sequence", [-1, 1.5, None, 2**70]),
        ("snapshot", "time_trade_server", [1.5, "1", 2**80]),
        *((kind, "account", [-1, 1.5, "1", True, [], 2**63, 2**80]) for kind in GOOD),
        *((kind, "id", ["", "x" * 65, "é", "a\n", "\x7f", "a\tb", 1, None, ["a"]]) for kind in GOOD),
    ],
)
def test_bad_values_are_named(kind: str, field: str, values: list[Any]) -> None:
    for value in values:
        assert fault(request(kind, **{field: value})) == ("bad_value", field), value


@pytest.mark.parametrize(
    ("parts", "code", "field"),
    [
        ({"account_info": without(ACCOUNT, "currency")}, "missing_field", "account_info.currency"),
        ({"account_info": {**ACCOUNT, "equity": "1"}}, "bad_value", "account_info.equity"),
        ({"account_info": {**ACCOUNT, "margin_mode": 2**70}}, "bad_value", "account_info.margin_mode"),
        ({"account_info": {**ACCOUNT, "balance": 1e300}}, "bad_value", "account_info.balance"),
        ({"account_info": []}, "bad_value", "account_info"),
        ({"positions": [POSITION, without(POSITION, "volume")]}, "missing_field", "positions[1].volume"),
        ({"positions": [{**POSITION, "type": 2}]}, "bad_value", "positions[0].type"),
        ({"positions": [{**POSITION, "sl": -1}]}, "bad_value", "positions[0].sl"),
        ({"positions": [1]}, "bad_value", "positions[0]"),
        ({"positions": {}}, "bad_value", "positions"),
        ({"symbols": [{"name": "E"}]}, "missing_field", "symbols[0].trade_calc_mode"),
        ({"quotes": [{"symbol": "E", "time_msc": 1, "bid": 0, "ask": 1}]}, "bad_value", "quotes[0].bid"),
        (
            {"bars": [{"symbol": "E", "timeframe": "H1", "rates": [RATE, RATE, without(RATE, "high")]}]},
            "missing_field",
            "bars[0].rates[2].high",
        ),
        (
            {"bars": [{"symbol": "E", "timeframe": "H1", "rates": [RATE, {**RATE, "low": None}]}]},
            "bad_value",
            "bars[0].rates[1].low",
        ),
        ({"bars": [{"symbol": "E", "timeframe": "H2", "rates": []}]}, "bad_value", "bars[0].timeframe"),
        ({"checks": [{"symbol": "E", "side": "x", "price_open": 1, "price_close": 1}]}, "bad_value", "checks[0].side"),
    ],
)
def test_paths_lead_into_nested_records(parts: dict[str, Any], code: str, field: str) -> None:
    assert fault(request("snapshot", **parts)) == (code, field)


def test_records_of_the_terminal_may_hold_fields_that_lotbridge_does_not_use() -> None:
    parts = {"account_info": {**ACCOUNT, "server": "X", "name": "é"}, "positions": [{**POSITION, "comment": "x"}]}
    decode_request(msgspec.json.encode(request("snapshot", **parts)))


@pytest.mark.parametrize("version", [0, 2, -1, 1.0, 1.5, "1", None, True, [1], 2**80])
def test_other_versions_are_not_spoken(version: Any) -> None:
    assert fault(request("ping", v=version)) == ("unsupported_version", "v")


def test_the_version_is_looked_at_before_the_rest() -> None:
    assert fault({"v": 2, "type": "new", "id": 5, "more": 1}) == ("unsupported_version", "v")


@pytest.mark.parametrize("kind", ["", "Size", "sizes", None, 1, ["size"], {"size": 1}, "x" * 100_000])
def test_unknown_types(kind: Any) -> None:
    assert fault({"v": 1, "type": kind, "id": "a"}) == ("unknown_type", "type")


@pytest.mark.parametrize("name", ["a", "x" * 64, " ", "~", "a b/c:d", '"', "\\"])
def test_ids_of_printable_ascii_are_fine(name: str) -> None:
    assert decode_request(msgspec.json.encode(request("ping", id=name))).id == name


@pytest.mark.parametrize(
    ("body", "request_id", "kind", "account"),
    [
        (b'{"v":1,"type":"size","id":"a","account":5,"x":1}', "a", "size", 5),
        (b'{"v":9,"type":"new","id":"a","account":"5"}', "a", "new", None),
        (b'{"id":"\xc3\xa9","type":1,"account":true}', None, None, None),
        (b'{"id":"","account":null}', None, None, None),
        (b'{"id":"a","id":"b","type":"ping"}', "b", "ping", None),
        (b'{"id":"a"', None, None, None),
        (b"[]", None, None, None),
        (b"\xff", None, None, None),
        (b'{"type":"ping","id":"a"}' + b" " * 262_144, None, None, None),
    ],
)
def test_errors_know_whose_request_they_answer(
    body: bytes, request_id: str | None, kind: str | None, account: int | None
) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_request(body)
    error = identify(caught.value, body)
    assert (error.request_id, error.request_type, error.account) == (request_id, kind, account)
