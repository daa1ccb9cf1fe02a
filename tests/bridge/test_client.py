"""The client: deadline, attempts, the same bytes again, and daemons that answer nonsense."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec
import pytest
import zmq

from bridge.client import Client, NoAnswerError, RequestError
from bridge.errors import ClientError
from bridge.protocol.messages import ErrorReply, SnapshotRequest
from tests.bridge.builders import LOGIN, Rig, decoded, size_fields
from tests.bridge.sockets import WAIT_MS, Running, serving

DEADLINE_MS = 60
QUICK: dict[str, Any] = {"deadline_ms": DEADLINE_MS, "attempts": 3}
PATIENT: dict[str, Any] = {"deadline_ms": WAIT_MS, "attempts": 1}

Script = Callable[[int, dict[str, Any]], list[bytes]]
"""What a daemon answers to its n-th request: any number of replies."""


class FakeDaemon:
    """A ROUTER that follows a script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"
        self.bodies: list[bytes] = []
        self.senders: list[bytes] = []
        self.late: list[tuple[list[bytes], bytes]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._done.is_set():
            if not self._socket.poll(5):
                continue
            *envelope, raw = self._socket.recv_multipart()
            self.senders.append(envelope[0])
            for reply in self._script(len(self.bodies), msgspec.json.decode(raw)):
                self._socket.send_multipart([*envelope, reply])
            self.bodies.append(raw)

    def close(self) -> None:
        self._done.set()
        self._thread.join(WAIT_MS / 1000)
        self._context.destroy(linger=0)


@contextmanager
def fake(script: Script) -> Iterator[FakeDaemon]:
    daemon = FakeDaemon(script)
    try:
        yield daemon
    finally:
        daemon.close()


@contextmanager
def talking(script: Script, **over: Any) -> Iterator[Client]:
    """A client that talks to a daemon with a script."""
    with fake(script) as daemon, Client(daemon.address, **over) as client:
        yield client


def pong(request: dict[str, Any], **over: Any) -> bytes:
    """A good answer to a ping."""
    common = {
        "v": 1,
        "type": "ping",
        "id": request["id"],
        "status": "ok",
        "code": None,
        "message": None,
        "server_ms": 5,
    }
    return msgspec.json.encode({**common, **over})


def silent(_number: int, _request: dict[str, Any]) -> list[bytes]:
    return []


@pytest.fixture
def running(rig: Rig) -> Iterator[Running]:
    with serving(rig) as running:
        yield running


# No usable answer ----------------------------------------------------------------------------------------------------

GARBAGE = [
    b"", b"\x00", b"\xff\xfe", b"{", b"null", b"[]", b"5", b"{}", b'{"id":5,"status":"ok"}', b'{"status":"ok"}',
    b'{"id":"\xff","status":"ok"}', b"[" * 100_000, b'{"id":"\\ud800","status":"ok"}', b'{"id":"x"}',
]  # fmt: skip


@pytest.mark.parametrize(
    "script",
    [
        silent,
        lambda _, request: [pong(request, id="another")],
        lambda _, request: [pong(request, id=request["id"] + " ")],
        lambda _, request: [pong(request, id="")],
        *(lambda _, request, raw=raw: [raw] for raw in GARBAGE),
    ],
)
def test_no_usable_answer_ends_after_so_many_attempts_of_the_same_bytes(script: Script) -> None:
    with fake(script) as daemon, Client(daemon.address, account=LOGIN, **QUICK) as client:
        with pytest.raises(NoAnswerError, match="0 lots"):
            client.ping()
        client.close()
    assert 1 <= len(daemon.bodies) <= 3
    assert len(set(daemon.bodies)) == 1, "the same id and payload every time"
    assert len(set(daemon.senders)) == len(daemon.senders), "on a new connection every time"


def test_nobody_listening_is_no_answer() -> None:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as probe:
        port = probe.bind_to_random_port("tcp://127.0.0.1")
    with Client(f"tcp://127.0.0.1:{port}", **QUICK) as client, pytest.raises(NoAnswerError):
        client.ping()


def test_a_late_answer_is_not_taken_for_the_next_questions() -> None:
    """The answer to an attempt that was given up must never be read as the answer to another question."""
    first: list[dict[str, Any]] = []

    def script(number: int, request: dict[str, Any]) -> list[bytes]:
        if not first or request["id"] == first[0]["id"]:
            first.append(request)
            return []
        # Now the late one to the old question first, then the one that is due.
        return [pong(first[0]), pong(request)]

    with fake(script) as daemon, Client(daemon.address, **QUICK) as client:
        with pytest.raises(NoAnswerError):
            client.ping()
        with pytest.raises(NoAnswerError):
            client.ping()
        client.close()
    assert len({msgspec.json.decode(raw)["id"] for raw in daemon.bodies}) == 2


@pytest.mark.parametrize("answered", [1, 2])
def test_an_answer_to_a_later_attempt_is_an_answer(answered: int) -> None:
    def script(number: int, request: dict[str, Any]) -> list[bytes]:
        return [pong(request)] if number >= answered else []

    with fake(script) as daemon, Client(daemon.address, deadline_ms=500, attempts=3) as client:
        assert client.ping().status == "ok"
    assert len(set(daemon.bodies)) == 1


@pytest.mark.parametrize(
    "over",
    [
        {"status": "fine"}, {"server_ms": "now"}, {"server_ms": None}, {"v": "1"}, {"code": 5},
        {"status": "error", "field": 7},
    ],
)  # fmt: skip
def test_an_answer_of_the_wrong_shape_is_a_client_error(over: dict[str, Any]) -> None:
    with talking(lambda _, request: [pong(request, **over)], **PATIENT) as client, pytest.raises(ClientError):
        client.ping()


def test_a_size_reply_without_its_lots_is_a_client_error() -> None:
    with (
        talking(lambda _, request: [pong(request, type="size")], **PATIENT) as client,
        pytest.raises(ClientError, match="cannot be read"),
    ):
        client.size("EURUSD", "buy", stop_loss=1.09)


def test_an_answer_that_names_no_request_is_only_taken_as_an_error() -> None:
    """`id` is null when none could be read: that is never an answer with lots."""
    with talking(lambda _, request: [pong(request, id=None)], **QUICK) as client, pytest.raises(ClientError):
        client.ping()
    error = {"status": "error", "code": "too_large", "message": "Too large.", "field": None, "id": None}
    with (
        talking(lambda _, request: [pong(request, **error)], **PATIENT) as client,
        pytest.raises(RequestError) as caught,
    ):
        client.ping()
    assert caught.value.code == "too_large"


def test_a_reply_of_several_frames_does_not_spoil_the_connection() -> None:
    class Talkative(FakeDaemon):
        def _run(self) -> None:
            while not self._done.is_set():
                if self._socket.poll(5):
                    *envelope, raw = self._socket.recv_multipart()
                    self._socket.send_multipart([*envelope, pong(msgspec.json.decode(raw)), b"more", b"more"])

    daemon = Talkative(silent)
    try:
        with Client(daemon.address, **PATIENT) as client:
            for _ in range(3):
                assert client.ping().status == "ok"
    finally:
        daemon.close()


@pytest.mark.parametrize("address", ["", "nonsense", "tcp://", "tcp://*:5", "udp://127.0.0.1:1", "http://x"])
def test_an_address_that_is_none_is_a_client_error(address: str) -> None:
    with Client(address, **QUICK) as client, pytest.raises(ClientError):
        client.ping()


@pytest.mark.parametrize("address", ["tcp:// 127.0.0.1:5797", "tcp://127.0.0.1:5797 ", "tcp://127.0.0.1: 5797"])
def test_an_address_with_a_blank_is_called_wrong_and_no_daemon_is_waited_for(address: str) -> None:
    with Client(address, **QUICK) as client, pytest.raises(ClientError, match="is no address: it holds a blank"):
        client.ping()


# Against the daemon --------------------------------------------------------------------------------------------------


def test_every_question_has_its_typed_answer(running: Running) -> None:
    with Client(running.address, account=LOGIN, **PATIENT) as client:
        assert client.ping().server_ms == running.rig.clock.now_ms()
        size = client.size("EURUSD", "buy", stop_loss=1.0951, take_profit=1.1151, confidence=75, max_lots=0.4)
        assert (size.status, size.lots, size.code) == ("ok", 0.4, None)
        assert size.reservation is not None
        assert client.status().reserved_risk == pytest.approx(size.risk.worst_case, abs=0.011)
        assert client.fill(size.reservation, ticket=1, lots=0.1, price=1.1).state == "partly_open"
        assert client.release(size.reservation, reason="enough").state == "open"
        refused = client.size("EURUSD", "buy", stop_loss=1.2)
        assert (refused.status, refused.lots, refused.code) == ("reject", 0.0, "stop_wrong_side")
        request = msgspec.convert({"v": 1, "id": "f", **running.rig.snapshot_fields()}, SnapshotRequest)
        assert client.feed(request).resync is False


def test_an_error_reply_is_raised_with_its_code_and_field(running: Running) -> None:
    with Client(running.address, **PATIENT) as client:
        with pytest.raises(RequestError) as caught:
            client.size("XYZ", "buy", stop_loss=1.0)
        assert (caught.value.code, caught.value.field) == ("unknown_symbol", "symbol")
        assert "XYZ" in str(caught.value)
        assert client.ping().status == "ok"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("field", ["stop_loss", "entry", "take_profit", "confidence", "max_lots", "max_risk_pct"])
def test_numbers_that_are_none_are_never_sent(running: Running, field: str, value: float) -> None:
    fields = {**size_fields(), field: value}
    del fields["type"]
    with Client(running.address, **PATIENT) as client, pytest.raises(RequestError) as caught:
        client.size(**fields)
    assert caught.value.field == field
    assert running.rig.reserved() == 0


def test_the_same_id_gets_the_stored_answer(running: Running) -> None:
    with Client(running.address, account=LOGIN, **PATIENT) as client:
        ask = {"stop_loss": 1.0951, "confidence": 75.0, "request_id": "mine"}
        first = client.size("EURUSD", "buy", **ask)
        assert client.size("EURUSD", "buy", **ask) == first
        client.close()
        assert client.size("EURUSD", "buy", **ask) == first
    assert first.lots > 0


def test_ids_of_clients_differ(running: Running) -> None:
    with Client(running.address, **PATIENT) as one, Client(running.address, **PATIENT) as other:
        ids = [client.new_id() for client in (one, other) for _ in range(100)]
        assert len(set(ids)) == 200
        assert one.ping().id != other.ping().id


def test_a_client_outlives_a_restart_of_the_daemon(rig: Rig) -> None:
    with ExitStack() as stack:
        with serving(rig) as running:
            client = stack.enter_context(Client(running.address, deadline_ms=2_000, attempts=10))
            first = client.size("EURUSD", "buy", stop_loss=1.0951, confidence=75, request_id="a")
        with serving(rig, bind=running.address):
            assert client.size("EURUSD", "buy", stop_loss=1.0951, confidence=75, request_id="a") == first


def test_the_daemons_errors_decode_as_such(rig: Rig) -> None:
    raw = rig.send(b"garbage")
    assert msgspec.json.decode(raw, type=ErrorReply).code == decoded(raw)["code"] == "bad_json"
