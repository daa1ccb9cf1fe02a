"""The pure MQL5 transport and peers that are no daemon, or a strange one."""

import struct
from typing import Any

import pytest

from tests.mql5.driver import MARGIN_US, Driver
from tests.mql5.peers import GREETING, Script, Talk, command, frame, playing, pong, ready

DEADLINE_MS = 300


def asked(driver: Driver, script: Script, deadline_ms: int = DEADLINE_MS) -> dict[str, Any]:
    """A ping's answer from a peer that follows a script."""
    with playing(script) as peer:
        driver.connect(peer.address, account=1, deadline_ms=deadline_ms)
        answer = driver.do("ping")
        driver.do("disconnect")
    assert answer["elapsed_us"] < deadline_ms * 1000 + MARGIN_US
    return answer


def refused(driver: Driver, script: Script) -> str:
    answer = asked(driver, script)
    assert (answer["done"], answer["code"]) == (False, "no_answer")
    return str(answer["message"])


def first(data: bytes) -> Script:
    """Say this at once, then wait for the other side to hang up."""

    def play(talk: Talk, _number: int) -> None:
        talk.send(data)
        talk.take(1 << 20)

    return play


def greeted(data: bytes) -> Script:
    """Shake hands, wait for the request, say this."""

    def play(talk: Talk, _number: int) -> None:
        talk.greet()
        talk.request()
        talk.send(data)
        talk.take(1 << 20)

    return play


def good(talk: Talk, *before: bytes) -> None:
    """Shake hands, and answer a ping after some other data."""
    talk.greet()
    request = talk.request()
    talk.send(b"".join(before) + frame(pong(request)))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak ZeroMQ"),
        (b"\x00", "does not speak ZeroMQ"),
        (b"\xff" + bytes(63), "does not speak ZeroMQ"),
        (b"\xff" + bytes(8) + b"\x7f\x02" + bytes(53), "older than 3.0"),
        (GREETING[:12] + b"CURVE".ljust(20, b"\0") + bytes(32), "wants the mechanism CURVE, this program uses NULL"),
        (GREETING[:40], "No ZeroMQ greeting came"),
        (GREETING, "handshake was not completed"),
        (GREETING + ready(b"PUB"), "a socket of type 'PUB'"),
        (GREETING + command(b"ERROR", b"\x03400"), "refuses this connection (400)"),
        (GREETING + command(b"WELCOME"), "sent WELCOME where READY was due"),
        (GREETING + frame(b"hello"), "broke the handshake"),
        (GREETING + frame(b"", 4), "broke the handshake"),
        (GREETING + frame(b"\x09READY", 4), "broke the handshake"),
        (GREETING + command(b"READY", b"\x0bSocket-Type\0\0\0\xffROUTER"), "broke the handshake"),
        (GREETING + command(b"READY", b"\x0bSocket-Type\xff\0\0\0ROUTER"), "broke the handshake"),
        (GREETING + command(b"READY", b"\x00"), "broke the handshake"),
        (GREETING + command(b"READY"), "a socket of type ''"),
        (GREETING + b"\x08\x01x", "no ZeroMQ frame"),
        (GREETING + b"\x05\x01x", "no ZeroMQ frame"),
    ],
)
def test_a_handshake_that_fails_says_why(driver: Driver, data: bytes, said: str) -> None:
    assert said in refused(driver, first(data))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x40\x01x", "no ZeroMQ frame"),
        (b"\x02" + struct.pack(">Q", (1 << 20) + 1), "too large"),
        (b"\x02" + b"\xff" * 8, "too large"),
        (b"\x06" + struct.pack(">Q", 1 << 40), "too large"),
        (frame(b"x", 1) * 17, "too many frames"),
        (command(b"ERROR", b"\x07trouble"), "ended the connection: trouble"),
        (frame(b"", 4), "malformed command"),
        (command(b"PING", b"\x00"), "malformed PING"),
        (command(b"PING", bytes(19)), "malformed PING"),
    ],
)
def test_what_breaks_the_protocol_ends_the_connection(driver: Driver, data: bytes, said: str) -> None:
    assert said in refused(driver, greeted(data))


GARBAGE = [
    b"", b"\x00", b"\xff\xfe", b"{", b"null", b"[]", b"5", b"{}", b'{"id":5,"status":"ok"}', b'{"status":"ok"}',
    b'{"id":"\xff","status":"ok"}', b"[" * 100_000, b'{"id":"\\ud800","status":"ok"}', b'{"id":"x"}',
]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_dropped_and_the_answer_after_it_taken(driver: Driver, garbage: bytes) -> None:
    assert asked(driver, lambda talk, _: good(talk, frame(garbage)))["done"]
    assert "Nothing came in time" in refused(driver, greeted(frame(garbage)))


@pytest.mark.parametrize("over", [{"id": "another"}, {"id": ""}, {"id": None}, {"id": 5}])
def test_a_reply_with_another_id_is_dropped(driver: Driver, over: dict[str, Any]) -> None:
    late = frame(pong({"id": ""}, **over))
    assert asked(driver, lambda talk, _: good(talk, late, late))["done"]
    assert "Nothing came in time" in refused(driver, greeted(late))


@pytest.mark.parametrize(
    "over", [{"v": 2}, {"type": "size"}, {"status": "fine"}, {"server_ms": "5"}, {"code": 5}, {"server_ms": 5.5}]
)
def test_a_reply_that_is_not_as_the_protocol_says_is_no_answer_and_not_asked_for_again(
    driver: Driver, over: dict[str, Any]
) -> None:
    sent = []

    def play(talk: Talk, _number: int) -> None:
        talk.greet()
        sent.append(talk.request())
        talk.send(frame(pong(sent[-1], **over)))
        talk.take(1 << 20)

    answer = asked(driver, play)
    assert (answer["done"], answer["status"], answer["code"]) == (False, "none", "bad_reply")
    assert len(sent) == 1


def test_an_error_without_an_id_is_the_answer(driver: Driver) -> None:
    def play(talk: Talk, _number: int) -> None:
        talk.greet()
        request = talk.request()
        talk.send(frame(pong(request, id=None, type=None, status="error", code="bad_json", message="No.", field=None)))
        talk.take(1 << 20)

    answer = asked(driver, play)
    assert (answer["status"], answer["code"], answer["message"]) == ("error", "bad_json", "No.")


def test_a_ping_is_answered_with_its_context_and_other_commands_are_ignored(driver: Driver) -> None:
    seen = []

    def play(talk: Talk, _number: int) -> None:
        talk.greet()
        request = talk.request()
        talk.send(command(b"PING", b"\x00\x10" + b"0123456789abcdef") + command(b"SUBSCRIBE", b"x"))
        seen.append(talk.frame())
        talk.send(
            command(b"PING", b"\x00\x10", long=True) + command(b"PONG", b"what") + command(b"X" * 200, bytes(999))
        )
        seen.append(talk.frame())
        talk.send(frame(b"", 1) + frame(pong(request)))

    assert asked(driver, play, 5_000)["done"]
    assert seen == [(4, b"\x04PONG0123456789abcdef"), (4, b"\x04PONG")]


def test_long_frames_envelopes_and_commands_between_frames_are_read(driver: Driver) -> None:
    def play(talk: Talk, _number: int) -> None:
        talk.greet()
        request = talk.request()
        talk.send(frame(b"envelope", 1, long=True) + frame(b"", 1) + command(b"NOISE"))
        talk.send(frame(pong(request, message=None, more="x" * 70_000), long=True))

    assert asked(driver, play, 5_000)["done"]


def test_the_same_bytes_are_sent_again_on_a_new_connection(driver: Driver) -> None:
    requests = []

    def play(talk: Talk, number: int) -> None:
        talk.greet()
        requests.append(talk.frame())
        if number == 2:
            talk.send(frame(pong({"id": id_in(requests[-1][1])})))
        talk.take(1 << 20)

    assert asked(driver, play, 900)["done"]
    assert len(requests) == 3
    assert len(set(requests)) == 1


def id_in(body: bytes) -> str:
    """The id of a request's body."""
    return body.split(b'"id":"')[1].split(b'"')[0].decode()


def test_a_late_reply_does_not_answer_the_next_question(driver: Driver) -> None:
    """The peer answers each question with the reply to the one before, then properly."""
    before: list[bytes] = []

    def play(talk: Talk, _number: int) -> None:
        talk.greet()
        while True:
            request = talk.request()
            talk.send(b"".join(before) + frame(pong(request, server_ms=len(before))))
            before.append(frame(pong(request, server_ms=len(before))))

    with playing(play) as peer:
        driver.connect(peer.address, account=1, deadline_ms=5_000)
        for number in range(20):
            assert driver.do("ping")["server_ms"] == number
        driver.do("disconnect")


def endless(data: bytes) -> Script:
    def play(talk: Talk, _number: int) -> None:
        talk.greet()
        talk.request()
        while True:
            talk.send(data)

    return play


@pytest.mark.parametrize(
    "data", [command(b"NOISE") * 500, frame(pong({"id": "other"})) * 200, frame(b"x" * 60_000)], ids=["a", "b", "c"]
)
def test_a_peer_that_never_stops_talking_does_not_hold_up_the_chart(driver: Driver, data: bytes) -> None:
    refused(driver, endless(data))


def test_a_greeting_byte_by_byte_is_read(driver: Driver) -> None:
    def play(talk: Talk, _number: int) -> None:
        for byte in GREETING + ready():
            talk.send(bytes([byte]))
        talk.take(64)
        talk.frame()
        talk.send(frame(pong(talk.request())))

    assert asked(driver, play, 5_000)["done"]
