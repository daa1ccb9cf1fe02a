"""The protocol page's frames: the MQL5 writer makes the requests, the MQL5 reader understands every reply."""

import json
from typing import Any

import pytest

from tests.docs import frames
from tests.mql5.driver import Driver

REQUESTS = ("ping", "size", "fill", "release", "reject", "status")
SIZE_REPLIES = ("size-reply", "reject-reply")


@pytest.fixture(scope="module", name="made")
def _made() -> dict[str, dict[str, Any]]:
    return frames.made()


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_written_with_equal_values(driver: Driver, made: dict[str, dict[str, Any]], name: str) -> None:
    fields = {key: value for key, value in made[name].items() if key != "v"}
    written = driver.do("request", **fields)
    assert (written["good"], written["fault"]) == (True, "")
    assert json.loads(written["body"]) == made[name]


def test_every_reply_is_read(driver: Driver, made: dict[str, dict[str, Any]]) -> None:
    replies = {name: reply for name, reply in made.items() if name.endswith("-reply")}
    assert len(replies) >= 14
    for name, reply in replies.items():
        read = driver.do("reply", type=reply["type"], hex=json.dumps(reply).encode().hex())
        assert read["done"], name
        for key in ("status", "code", "message", "id", "server_ms"):
            assert read[key] == (reply[key] if reply[key] is not None else ""), (name, key)
        assert read["field"] == (reply.get("field") or "")


@pytest.mark.parametrize("name", SIZE_REPLIES)
def test_a_size_reply_is_read_with_all_its_fields(driver: Driver, made: dict[str, dict[str, Any]], name: str) -> None:
    reply = made[name]
    read = driver.do("reply", type="size", hex=json.dumps(reply).encode().hex())
    for key in ("lots", "entry", "stop_loss", "take_profit", "base_lots"):
        assert read[key] == (reply[key] or 0), key
    for key in ("binding", "runner_up", "reservation", "decision"):
        assert read[key] == (reply[key] or ""), key
    for key, value in reply["risk"].items():
        assert read[key] == value, key
    assert read["expires_ms"] == (reply["expires_ms"] or 0)
    assert read["quote_ms"] == reply["ages"]["quote_ms"]


def test_a_fill_reply_and_a_status_reply_are_read(driver: Driver, made: dict[str, dict[str, Any]]) -> None:
    reply = made["fill-reply"]
    read = driver.do("reply", type="fill", hex=json.dumps(reply).encode().hex())
    assert (read["reservation"], read["state"]) == (reply["reservation"], reply["state"])
    reply = made["status-reply"]
    read = driver.do("reply", type="status", hex=json.dumps(reply).encode().hex())
    for key in ("account", "equity", "balance", "currency", "open_risk", "reserved_risk", "protocol", "version"):
        assert read[key] == reply[key], key
    for mine, theirs in zip(read["rules"], reply["rules"], strict=True):
        assert mine == {**theirs, "resets_ms": theirs["resets_ms"] or 0}


def test_a_reply_with_one_field_missing_or_of_another_type_is_not_read(
    driver: Driver, made: dict[str, dict[str, Any]]
) -> None:
    reply = made["size-reply"]
    unread = {"factors", "caps"}
    for key in reply.keys() - unread:
        less = {name: value for name, value in reply.items() if name != key}
        for broken in (less, {**reply, key: []}):
            read = driver.do("reply", type="size", hex=json.dumps(broken).encode().hex())
            if read["done"]:  # a type or id of null is legal in general
                assert key == "type", key
            else:
                assert (read["lots"], read["status"], read["code"]) == (0, "none", "bad_reply")


@pytest.mark.parametrize(
    ("over", "dry_run", "good"),
    [
        ({}, False, True),
        ({"reservation": None}, False, False),
        ({"reservation": ""}, False, False),
        ({"expires_ms": None}, False, False),
        ({"reservation": None, "expires_ms": None}, False, False),
        ({"reservation": None, "expires_ms": None}, True, True),
        ({}, True, False),
        ({"status": "reject", "lots": 0}, False, False),
        ({"status": "reject", "lots": 0, "reservation": None}, False, True),
    ],
)
def test_lots_are_reserved_unless_they_were_only_asked_about(
    driver: Driver, made: dict[str, dict[str, Any]], over: dict[str, Any], *, dry_run: bool, good: bool
) -> None:
    said = json.dumps({**made["size-reply"], **over}).encode().hex()
    read = driver.do("reply", type="size", hex=said, **({"dry_run": True} if dry_run else {}))
    assert read["done"] == good
    assert good or (read["lots"], read["code"]) == (0, "bad_reply")


@pytest.mark.parametrize(
    "over",
    [{"lots": 0}, {"lots": -1}, {"status": "reject"}, {"status": "error", "code": "internal", "field": None}],
)
def test_lots_count_only_with_status_ok_and_above_0(
    driver: Driver, made: dict[str, dict[str, Any]], over: dict[str, Any]
) -> None:
    reply = {**made["size-reply"], **over}
    assert driver.do("reply", type="size", hex=json.dumps(reply).encode().hex())["lots"] == 0
