"""The socket: envelopes, order, garbage of every size, and starting and stopping."""

import random
import socket as tcp
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import zmq

from bridge.errors import ServerError
from bridge.journal.store import Journal
from bridge.protocol.codec import MAX_BODY_BYTES, MAX_MESSAGE_BYTES
from bridge.server import bind_router
from tests.bridge.builders import Rig, body, decoded, granted, size_fields
from tests.bridge.sockets import WAIT_MS, Running, asked, connected, frames, received, serving


@pytest.fixture
def running(rig: Rig) -> Iterator[Running]:
    with serving(rig) as running:
        yield running
    assert running.fault is None


def ping(name: str = "p") -> bytes:
    return body({"v": 1, "type": "ping", "id": name})


def still_answers(running: Running, name: str = "still") -> None:
    """A client that comes now is served."""
    with connected(running.address, zmq.REQ) as socket:
        reply = decoded(asked(socket, ping(name)))
    assert (reply["id"], reply["status"]) == (name, "ok")
    assert running.alive


# Envelopes and order -------------------------------------------------------------------------------------------------


def test_req_gets_its_answer(running: Running) -> None:
    with connected(running.address, zmq.REQ) as socket:
        for number in range(3):
            socket.send(ping(f"p{number}"))
            (reply,) = frames(socket)
            assert decoded(reply)["id"] == f"p{number}"


@pytest.mark.parametrize("envelope", [[], [b""], [b"", b""], [b"hop", b""], [b"a", b"b", b"c"], [b"x" * 5_000]])
def test_the_reply_repeats_the_envelope(running: Running, envelope: list[bytes]) -> None:
    with connected(running.address) as socket:
        socket.send_multipart([*envelope, ping()])
        *repeated, reply = frames(socket)
    assert repeated == envelope
    assert decoded(reply)["status"] == "ok"


def test_several_in_flight_are_answered_in_the_order_of_each_client(running: Running) -> None:
    count = 300
    with connected(running.address) as first, connected(running.address) as second, connected(running.address) as third:
        clients = {"a": first, "b": second, "c": third}
        for number in range(count):
            for name, socket in clients.items():
                kind = ("ping", "status", "size")[number % 3]
                fields = size_fields(dry_run=True) if kind == "size" else {"type": kind}
                socket.send_multipart([b"", body({"v": 1, "id": f"{name}-{number}", **fields})])
        for name, socket in clients.items():
            ids = [decoded(received(socket))["id"] for _ in range(count)]
            assert ids == [f"{name}-{number}" for number in range(count)]


def test_errors_keep_their_place_in_the_order(running: Running) -> None:
    with connected(running.address) as socket:
        bodies = [ping("1"), b"garbage", ping("2"), b"", ping("3"), b"x" * (MAX_BODY_BYTES + 1), ping("4")]
        for raw in bodies:
            socket.send(raw)
        replies = [decoded(received(socket)) for _ in bodies]
    assert [reply["id"] for reply in replies] == ["1", None, "2", None, "3", None, "4"]
    assert [reply["code"] for reply in replies] == [None, "bad_json", None, "bad_json", None, "too_large", None]


def test_one_client_may_have_thousands_in_flight(running: Running) -> None:
    """Each is answered, were it with `overloaded`; none is dropped without a word."""
    count = 3_000
    with connected(running.address) as socket:
        for number in range(count):
            socket.send(ping(f"{number}"))
        replies = [decoded(received(socket)) for _ in range(count)]
    assert [reply["id"] for reply in replies] == [str(number) for number in range(count)]
    assert {reply["code"] for reply in replies} <= {None, "overloaded"}


def test_requests_that_waited_before_the_daemon_looked_are_answered(rig: Rig) -> None:
    bodies = [rig.body(**size_fields(max_lots=0.01)) for _ in range(600)]
    with pytest.MonkeyPatch.context():
        sockets: list[zmq.Socket[bytes]] = []
        clients = []

        def ask(address: str) -> None:
            client = connected(address)
            sockets.append(client.__enter__())
            clients.append(client)
            for raw in bodies:
                sockets[0].send(raw)

        with serving(rig, before=ask):
            replies = [received(sockets[0]) for _ in bodies]
        clients[0].__exit__(None, None, None)
    assert [rig.send(raw) for raw in bodies] == replies
    assert sum(decoded(reply)["reservation"] is not None for reply in replies) == 3, "as many as may be open per symbol"


# Garbage -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00",
        b"\xff" * 100,
        b"{" * 1_000,
        b"[" * MAX_BODY_BYTES,
        b'{"v":1,"type":"ping","id":"a","\\ud800":1}',
        b'{"v":1,"type":"ping","id":"\\ud800"}',
        b"9" * 5_000,
        b"x" * (MAX_BODY_BYTES + 1),
        b"x" * MAX_MESSAGE_BYTES,
    ],
    ids=lambda raw: f"{raw[:12]!r}-{len(raw)}",
)
def test_garbage_is_answered_with_an_error(running: Running, raw: bytes) -> None:
    with connected(running.address) as socket:
        reply = decoded(asked(socket, raw))
        assert reply["status"] == "error"
        assert reply["code"] == ("too_large" if len(raw) > MAX_BODY_BYTES else "bad_json")
        assert decoded(asked(socket, ping("good")))["status"] == "ok"
    still_answers(running)


def test_more_than_a_megabyte_drops_the_connection(running: Running) -> None:
    with connected(running.address) as socket:
        monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        socket.send(b"x" * (MAX_MESSAGE_BYTES + 1))
        assert monitor.poll(WAIT_MS), "the connection stays"
        assert not socket.poll(0)
        socket.disable_monitor()
        monitor.close(linger=0)
    still_answers(running)


def test_many_frames_and_random_frames_do_no_harm(running: Running) -> None:
    draw = random.Random(5)  # noqa: S311 - a reproducible test
    with connected(running.address) as socket:
        for count in (*range(1, 20), 40, 200):
            socket.send_multipart([draw.randbytes(draw.choice([0, 1, 10, 300])) for _ in range(count)])
        for _ in range(300):
            socket.send(draw.randbytes(draw.randrange(2_000)))
        socket.send(ping("last"))
        while decoded(received(socket))["id"] != "last":
            pass
    still_answers(running)


GREETING = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL" + bytes(48)
READY = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        bytes(10_000),
        b"\xff" * 10_000,
        GREETING[:11],
        GREETING,
        GREETING + b"\x04\xff" * 100,
        GREETING + READY + b"\x02\xff\xff\xff\xff\xff\xff\xff\xff",
        GREETING + READY + b"\x01\x01a",
        GREETING + READY + b"\x00\x05hello",
        b'{"v":1,"type":"ping","id":"a"}\n',
    ],
    ids=lambda raw: f"{raw[:8]!r}-{len(raw)}",
)
def test_what_is_not_zeromq_does_no_harm(running: Running, raw: bytes) -> None:
    with tcp.create_connection(_endpoint(running.address), WAIT_MS / 1000) as stream:
        stream.sendall(raw)
        still_answers(running, "while it hangs")
    still_answers(running, "after it has gone")


def test_random_bytes_on_raw_connections_do_no_harm(running: Running) -> None:
    draw = random.Random(11)  # noqa: S311 - a reproducible test
    for number in range(40):
        with tcp.create_connection(_endpoint(running.address), WAIT_MS / 1000) as stream:
            start = GREETING + READY if number % 2 else b""
            stream.sendall(start + draw.randbytes(draw.randrange(1, 3_000)))
    still_answers(running)


def test_clients_that_leave_before_their_answer_do_no_harm(running: Running) -> None:
    for number in range(20):
        with connected(running.address) as socket:
            for each in range(10):
                socket.send(ping(f"{number}-{each}"))
            assert decoded(received(socket))["status"] == "ok"
    still_answers(running)


def test_a_client_that_never_reads_holds_nobody_up(running: Running) -> None:
    with connected(running.address) as deaf:
        for number in range(2_000):
            deaf.send(body({"v": 1, "id": f"d{number}", **size_fields(dry_run=True)}))
        still_answers(running)


# Start and stop ------------------------------------------------------------------------------------------------------


def test_an_address_in_use_is_one_sentence(running: Running) -> None:
    with zmq.Context() as context, pytest.raises(ServerError, match=r"is in use\. Stop the other daemon"):
        bind_router(context, running.address, None)


@pytest.mark.parametrize("bind", ["tcp://203.0.113.7:5757", "nonsense", "tcp://127.0.0.1", ""])
def test_an_address_that_cannot_be_bound_is_one_sentence(bind: str) -> None:
    with zmq.Context() as context, pytest.raises(ServerError, match=r"cannot be bound: .*Check \[server\] bind"):
        bind_router(context, bind, None)


def test_stop_ends_the_loop_and_closes_the_address(rig: Rig) -> None:
    with serving(rig) as running:
        still_answers(running)
        address = running.address
        running.stop()
        assert not running.alive
    with serving(rig, bind=address) as again:
        still_answers(again, "again")


def test_stop_from_several_threads_and_before_the_start(rig: Rig) -> None:
    with serving(rig) as running:
        stoppers = [threading.Thread(target=running.server.stop) for _ in range(4)]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join(WAIT_MS / 1000)
        running.stop()


def test_a_shutdown_in_order_folds_the_journal(rig: Rig, tmp_path: Path) -> None:
    with serving(rig) as running, connected(running.address) as socket:
        replies = {}
        for _ in range(30):
            raw = rig.body(**size_fields(max_lots=0.01))
            replies[raw] = asked(socket, raw)
    rig.journal.close()
    assert rig.path.with_name(rig.path.name + "-tail").stat().st_size == 0
    rig.journal = Journal(rig.path)
    rig.journal.close()
    rig._open()
    for raw, reply in replies.items():
        assert rig.send(raw) == reply


def test_every_decision_is_one_event_of_the_log(rig: Rig) -> None:
    with serving(rig) as running, connected(running.address) as socket:
        reply = granted(decoded(asked(socket, rig.body(**size_fields()))))
        asked(socket, rig.body(type="release", reservation=reply["reservation"], reason="x"))
    events = {name: fields for _, name, fields in running.log}
    assert events["decision"]["decision"] == reply["decision"]
    assert events["decision"]["lots"] == reply["lots"]
    assert events["release"]["reservation"] == reply["reservation"]
    assert "defect" not in events


def _endpoint(address: str) -> tuple[str, int]:
    parts = urlsplit(address)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
