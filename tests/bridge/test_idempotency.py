"""The same id and payload gets the same reply, byte for byte; the same id with another payload is an error."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.protocol.codec import encode
from tests.bridge.builders import LOGIN, Rig, account_info, account_settings, body, decoded, granted, size_fields
from tests.protocol.strategies import any_request, requests

RELEASE = {"type": "release", "reservation": "r2", "reason": "x"}
FILL = {"type": "fill", "reservation": "r2", "ticket": 7, "lots": 0.5, "price": 1.1}
REQUESTS: dict[str, Callable[[Rig], dict[str, Any]]] = {
    "size": lambda rig: size_fields(),
    "a dry run": lambda rig: size_fields(dry_run=True),
    "a reject": lambda rig: size_fields(confidence=0),
    "fill": lambda rig: FILL,
    "release": lambda rig: RELEASE,
    "snapshot": lambda rig: rig.snapshot_fields(),
    "status": lambda rig: {"type": "status"},
    "ping": lambda rig: {"type": "ping"},
    "unknown_symbol": lambda rig: size_fields(symbol="XYZ"),
    "bad_value": lambda rig: size_fields(side="long"),
    "an unknown reservation": lambda rig: {**FILL, "reservation": "r99"},
    "unknown_field": lambda rig: size_fields(stop_los=1),
    "missing_field": lambda rig: {"type": "fill"},
    "unknown_type": lambda rig: {"type": "sizes"},
    "unsupported_version": lambda rig: {"type": "ping", "v": 2},
    "a message of the feed that contradicts itself": lambda rig: rig.snapshot_fields(
        account_info=account_info(login=9)
    ),
}


def turned(raw: bytes) -> bytes:
    """The same payload with its keys in the opposite order, and white space."""
    return msgspec.json.format(msgspec.json.encode(dict(reversed(msgspec.json.decode(raw).items()))), indent=1)


@pytest.mark.parametrize("what", list(REQUESTS))
def test_a_repetition_gets_the_same_bytes(rig: Rig, what: str) -> None:
    granted(rig.size())
    fields = {"v": 1, "id": "again", **REQUESTS[what](rig)}
    raw = body(fields)
    first, held = rig.send(raw), rig.reserved(id="held-1")
    rig.tick(1_000)
    assert rig.send(raw) == first
    if decoded(first)["status"] != "error":
        assert rig.send(turned(raw)) == first
    rig.ask(type="release", id="else", reservation="r2", reason="y")
    assert rig.send(raw) == first
    rig.journal.fold()
    assert rig.send(raw) == first
    rig.reopen()
    assert rig.send(raw) == first
    rig.tick(3_600_000)
    assert rig.send(raw) == first
    if decoded(first)["status"] != "error":
        assert rig.send(turned(raw)) == first
    rig.reopen(clean=True)
    assert rig.send(raw) == first
    assert decoded(rig.send(body({"v": 1, "id": "held-1", "type": "status"})))["reserved_risk"] == held


@pytest.mark.parametrize("what", list(REQUESTS))
def test_the_same_id_with_another_payload_is_reused(rig: Rig, what: str) -> None:
    granted(rig.size())
    first = rig.send(body({"v": 1, "id": "again", **REQUESTS[what](rig)}))
    others = [
        {"type": "ping"}, {"type": "status"}, {"type": "release", "reservation": "r2", "reason": "other"},
        {"type": "ping", "account": LOGIN}, {"type": "ping", "more": 1}, size_fields(max_lots=1),
        size_fields(side="up"),
    ]  # fmt: skip
    held = rig.reserved()
    for restart in (False, True):
        for other in others:
            if other == REQUESTS[what](rig):
                continue
            reply = rig.ask(id="again", **other)
            assert (reply["status"], reply["code"], reply["id"], reply["field"]) == (
                "error",
                "id_reused",
                "again",
                "id",
            )
        assert rig.reserved() == held
        if restart or decoded(first)["code"] in ("unknown_type", "unsupported_version"):
            continue
        rig.reopen()


def test_nothing_is_reserved_twice(rig: Rig) -> None:
    raw = rig.body(**size_fields())
    granted(decoded(rig.send(raw)))
    held = rig.reserved()
    assert held > 0
    for _ in range(3):
        rig.send(raw)
        rig.send(turned(raw))
        assert rig.reserved() == held
        rig.reopen()
        rig.feed()
        rig.send(raw)
        assert rig.reserved() == held


def test_a_repeated_fill_counts_once_also_under_another_id(rig: Rig) -> None:
    name = granted(rig.size())["reservation"]
    raw = rig.body(type="fill", reservation=name, ticket=5, lots=0.5, price=1.1)
    rig.send(raw)
    held = rig.reserved()
    rig.send(raw)
    assert rig.fill(name, ticket=5, lots=0.5)["state"] == "partly_open"
    assert rig.reserved() == held


def test_ids_of_different_accounts_do_not_clash(tmp_path: Path) -> None:
    rig = Rig(tmp_path, account_settings(1), account_settings(2))
    try:
        rig.feed(1)
        rig.feed(2)
        replies = {login: rig.send(body({"v": 1, "id": "same", "account": login, **size_fields()})) for login in (1, 2)}
        names = {login: granted(decoded(reply))["reservation"] for login, reply in replies.items()}
        assert names[1] != names[2]
        assert rig.ask(id="same", account=2, type="ping")["code"] == "id_reused"
        rig.reopen()
        for login, reply in replies.items():
            assert rig.send(body({"v": 1, "id": "same", "account": login, **size_fields()})) == reply
    finally:
        rig.close()


def test_an_error_without_an_id_is_not_remembered(rig: Rig) -> None:
    raw = b'{"v":1,"type":"ping","id":5}'
    assert decoded(rig.send(raw))["id"] is None
    rig.tick(5)
    assert decoded(rig.send(raw))["server_ms"] == rig.clock.now_ms()


def test_errors_that_may_pass_are_asked_anew(rig: Rig) -> None:
    """What the daemon's configuration or another feed causes is no property of the request."""
    raw = rig.body(**rig.snapshot_fields(session="second"))
    assert decoded(rig.send(raw))["code"] == "feed_conflict"
    rig.tick(30_000)
    assert decoded(rig.send(raw))["status"] == "ok"
    ping = rig.body(type="ping", id="p")
    assert decoded(rig.send(ping, allowed=()))["code"] == "unauthorized"
    assert decoded(rig.send(ping))["status"] == "ok"
    assert decoded(rig.send(ping, allowed=()))["code"] == "unauthorized"


def test_bodies_too_long_to_be_kept_whole_are_known_again(rig: Rig) -> None:
    raw = rig.body(**size_fields(id="long")) + b" " * 10_000
    first = rig.send(raw)
    granted(decoded(first))
    rig.reopen()
    assert rig.send(raw) == first
    other = rig.body(**size_fields(id="long", max_lots=1)) + b" " * 10_000
    assert decoded(rig.send(other))["code"] == "id_reused"
    assert decoded(rig.send(rig.body(type="ping", id="long")))["code"] == "id_reused"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(messages=st.lists(any_request() | requests("size") | requests("fill"), min_size=1, max_size=6))
def test_any_requests_are_answered_and_answered_alike(
    tmp_path_factory: pytest.TempPathFactory, messages: list[Any]
) -> None:
    """No valid request is met by a defect of the daemon, whatever its numbers; a restart answers as before."""
    rig = Rig(tmp_path_factory.mktemp("any"))
    try:
        rig.feed()
        name = granted(rig.size())["reservation"]
        replies: dict[bytes, bytes] = {}
        for number, message in enumerate(messages):
            over: dict[str, Any] = {"id": f"any-{number}", "account": None}
            if hasattr(message, "reservation"):
                over["reservation"] = name
            if hasattr(message, "symbol"):
                over["symbol"] = "EURUSD"
            raw = encode(msgspec.structs.replace(message, **over))
            replies[raw] = rig.send(raw)
            assert decoded(replies[raw])["code"] != "internal", rig.service.events[-1]
            rig.service.housekeep()
        rig.reopen()
        for raw, reply in replies.items():
            if decoded(reply)["code"] != "feed_conflict":
                assert rig.send(raw) == reply
    finally:
        rig.close()
