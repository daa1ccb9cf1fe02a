"""The Python client: the same questions that the EA asks, with a deadline, and the same id when asking again.

    with Client(account=1000001) as client:
        answer = client.size("EURUSD", "buy", stop_loss=1.0950, take_profit=1.1100, confidence=75)
        if answer.lots > 0:
            ...  # place the order, then
            client.fill(answer.reservation, ticket=..., lots=answer.lots, price=...)

No answer is no trade: `size` raises `NoAnswerError` rather than return a number. One client belongs to one thread.
"""

import math
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

import msgspec
import zmq
import zmq.auth

from bridge.errors import ClientError
from bridge.protocol import messages as wire
from bridge.protocol.codec import decode_reply, encode
from sizing.snapshot import OrderKind, Regime, Side

DEFAULT_ADDRESS = "tcp://127.0.0.1:5757"

_R = TypeVar("_R", bound=wire.Reply)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class NoAnswerError(ClientError):
    """Nothing usable came within the deadline, however often the same question was sent."""


class RequestError(ClientError):
    """The daemon answered with an error: the request is at fault, or it cannot answer. Nothing was reserved."""

    def __init__(self, code: str, message: str, field: str | None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.field = field


class Client:
    """Asks one daemon. Raises RequestError for an error reply, NoAnswerError for none.

    `deadline_ms` is how long one attempt waits, `attempts` how often the same question is sent in all. `password` with
    `user` selects PLAIN; `server_key` (Z85 text) with `key_file` (a *.key_secret) selects CURVE.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        account: int | None = None,
        deadline_ms: int = 500,
        attempts: int = 3,
        user: str | None = None,
        password: str | None = None,
        server_key: str | None = None,
        key_file: Path | None = None,
    ) -> None:
        self.address = address
        self.account = account
        self._deadline_ms = deadline_ms
        self._attempts = attempts
        self._credentials = user, password, server_key, key_file
        self._prefix = uuid.uuid4().hex[:12]
        self._count = 0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        self._socket: zmq.Socket[bytes] | None = None

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection; the next question opens a new one."""
        if self._socket is not None:
            self._socket.close(linger=0)
            self._socket = None

    def size(
        self,
        symbol: str,
        side: Side,
        *,
        stop_loss: float | None,
        entry: float | None = None,
        take_profit: float | None = None,
        confidence: float | None = None,
        market_score: float | None = None,
        regime: Regime | None = None,
        strategy: str | None = None,
        magic: int | None = None,
        order: OrderKind = "market",
        horizon_minutes: int | None = None,
        max_lots: float | None = None,
        max_risk_pct: float | None = None,
        sent_ms: int | None = None,
        dry_run: bool = False,
        adds_to: int | None = None,
        request_id: str | None = None,
    ) -> wire.SizeReply:
        """How many lots? A refusal is an answer too: `lots` is 0 and `code` says why."""
        request = wire.SizeRequest(
            v=wire.PROTOCOL_VERSION,
            id=request_id or self.new_id(),
            account=self.account,
            symbol=symbol,
            side=side,
            stop_loss=stop_loss,
            entry=entry,
            take_profit=take_profit,
            confidence=confidence,
            market_score=market_score,
            regime=regime,
            strategy=strategy,
            magic=magic,
            order=order,
            horizon_minutes=horizon_minutes,
            max_lots=max_lots,
            max_risk_pct=max_risk_pct,
            sent_ms=sent_ms,
            dry_run=dry_run,
            adds_to=adds_to,
        )
        return self.ask(request, wire.SizeReply)

    def fill(self, reservation: str, *, ticket: int, lots: float, price: float) -> wire.ReservationReply:
        """Report that a reservation became a position, or a part of it did."""
        request = wire.FillRequest(**self._common(), reservation=reservation, ticket=ticket, lots=lots, price=price)
        return self.ask(request, wire.ReservationReply)

    def release(self, reservation: str, *, reason: str) -> wire.ReservationReply:
        """Give a reservation back."""
        return self.ask(
            wire.ReleaseRequest(**self._common(), reservation=reservation, reason=reason), wire.ReservationReply
        )

    def status(self) -> wire.StatusReply:
        """The account at a glance."""
        return self.ask(wire.StatusRequest(**self._common()), wire.StatusReply)

    def rules(self) -> wire.RulesReply:
        """Every rule of the firm now: floors, headroom, resets, limits, halts, progress, windows without entries."""
        return self.ask(wire.RulesRequest(**self._common()), wire.RulesReply)

    def halt(self, *, reason: str, minutes: int | None = None, until_reset: bool = False) -> wire.HaltReply:
        """No entries from now on: for some minutes, until the firm's next reset, or until `resume`."""
        request = wire.HaltRequest(**self._common(), reason=reason, minutes=minutes, until_reset=until_reset)
        return self.ask(request, wire.HaltReply)

    def resume(self, *, reason: str, factor: float | None = None, days: int | None = None) -> wire.HaltReply:
        """Lift every halt; sizes are multiplied by `factor` for so many days after it, else as the policy says."""
        request = wire.ResumeRequest(**self._common(), reason=reason, factor=factor, days=days)
        return self.ask(request, wire.HaltReply)

    def set_anchor(self, rule: str, value: float, *, reason: str, force: bool = False) -> wire.AnchorReply:
        """Say what a loss rule counts from, in account currency, where the daemon cannot know it.

        Without `force` a figure below the one that it does know is refused.
        """
        request = wire.AnchorRequest(**self._common(), rule=rule, value=value, reason=reason, force=force)
        return self.ask(request, wire.AnchorReply)

    def manage(
        self,
        symbols: Sequence[str] | None = None,
        signals: Sequence[wire.SignalInfo] | None = None,
        magics: Sequence[int] | None = None,
    ) -> wire.ManageReply:
        """What is to be done now with what is open? Without `symbols` and `magics`: with all of it.

        Each instruction comes once, to whoever asks first.

        Carry an instruction out at once, in the order given, or not at all: its time is counted from this question.
        Then `report` it.
        """
        request = wire.ManageRequest(
            **self._common(),
            symbols=None if symbols is None else list(symbols),
            magics=None if magics is None else list(magics),
            signals=None if signals is None else list(signals),
        )
        return self.ask(request, wire.ManageReply)

    def report(
        self,
        instruction: str,
        status: Literal["done", "partial", "failed"],
        ticket: int = 0,
        lots: float = 0.0,
        price: float | None = None,
        retcode: int = 0,
    ) -> wire.ReportReply:
        """Say what became of an instruction: `lots` are all that it filled so far, `price` is their mean."""
        request = wire.ReportRequest(
            **self._common(),
            instruction=instruction,
            status=status,
            ticket=ticket,
            lots=lots,
            price=price,
            retcode=retcode,
        )
        return self.ask(request, wire.ReportReply)

    def positions(self, history: int = 0) -> wire.PositionsReply:
        """What is open, what was done with it and why, and the newest `history` of the instructions that have ended."""
        return self.ask(wire.PositionsRequest(**self._common(), history=history), wire.PositionsReply)

    def rebalance(
        self,
        reason: str,
        targets: Sequence[wire.TargetInfo] | None = None,
        cancel: bool = False,
        magic: int = 0,
        magics: Sequence[int] | None = None,
    ) -> wire.RebalanceReply:
        """Begin a plan that brings the portfolio to `targets`, or cancel the one that runs.

        New positions get `magic`. The plan may move the positions of `magics`; of every EA where that is None.
        """
        request = wire.RebalanceRequest(
            **self._common(),
            reason=reason,
            targets=None if targets is None else list(targets),
            cancel=cancel,
            magic=magic,
            magics=None if magics is None else list(magics),
        )
        return self.ask(request, wire.RebalanceReply)

    def ping(self) -> wire.Reply:
        """A sign of life; `server_ms` is the daemon's clock."""
        return self.ask(wire.PingRequest(**self._common()), wire.Reply)

    def feed(self, message: wire.SnapshotRequest | dict[str, Any]) -> wire.SnapshotReply:
        """Send what a terminal shows; when the reply says `resync`, start over with everything.

        A dict holds the fields of a `snapshot` request, those that every request has left out if you like. Raises
        RequestError for one that is none.
        """
        if isinstance(message, dict):
            try:
                message = msgspec.convert({**self._common(), **message, "type": "snapshot"}, wire.SnapshotRequest)
            except msgspec.ValidationError as fault:
                raise RequestError("bad_value", f"The message is no snapshot: {fault}.", None) from fault
        return self.ask(message, wire.SnapshotReply)

    def new_id(self) -> str:
        """An id no other question has."""
        self._count += 1
        return f"{self._prefix}-{self._count}"

    def ask(self, request: wire.Request, kind: type[_R]) -> _R:
        """Send one question, and send the very same bytes again while there is no answer."""
        _demand_finite(request)
        body = encode(request)
        for _ in range(self._attempts):
            reply = self._exchange(body, request.id)
            if reply is not None:
                return _read(reply, kind)
        total = self._attempts * self._deadline_ms
        raise NoAnswerError(
            f"{self.address} gave no answer within {total} ms. Is the daemon running? Treat it as 0 lots."
        )

    def _common(self) -> dict[str, Any]:
        return {"v": wire.PROTOCOL_VERSION, "id": self.new_id(), "account": self.account}

    def _exchange(self, body: bytes, request_id: str) -> bytes | None:
        """One attempt: the reply with the awaited id, or None, after which the connection is a new one."""
        socket = self._socket = self._socket or self._connect()
        try:
            socket.send(body)
            if socket.poll(self._deadline_ms):
                reply, *_ = socket.recv_multipart()
                if _answers(reply, request_id):
                    return reply
        except zmq.Again:  # nobody takes it: there is no daemon, or it does not let this client in
            pass
        except zmq.ZMQError as fault:
            self.close()
            raise ClientError(f"{self.address} cannot be used: {fault.strerror}.") from fault
        self.close()
        return None

    def _connect(self) -> "zmq.Socket[bytes]":
        if self.address.startswith("tcp:") and any(each.isspace() for each in self.address):
            raise ClientError(f"{self.address!r} is no address: it holds a blank. Write it like {DEFAULT_ADDRESS}.")
        socket: zmq.Socket[bytes] = self._context.socket(zmq.REQ)
        try:
            self._prepare(socket)
            socket.connect(self.address)
        except (zmq.ZMQError, OSError, ValueError) as fault:
            socket.close(linger=0)
            text = f"{self.address} cannot be connected to: {fault}. Check the address, and the user or the keys."
            raise ClientError(text) from fault
        return socket

    def _prepare(self, socket: "zmq.Socket[bytes]") -> None:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SNDTIMEO, self._deadline_ms)
        if "[" in self.address:
            socket.setsockopt(zmq.IPV6, 1)
        user, password, server_key, key_file = self._credentials
        if user is not None:
            socket.setsockopt_string(zmq.PLAIN_USERNAME, user)
            socket.setsockopt_string(zmq.PLAIN_PASSWORD, password or "")
        if server_key is not None and key_file is not None:
            public, secret = zmq.auth.load_certificate(key_file)
            socket.setsockopt(zmq.CURVE_PUBLICKEY, public)
            socket.setsockopt(zmq.CURVE_SECRETKEY, secret or b"")
            socket.setsockopt_string(zmq.CURVE_SERVERKEY, server_key)


def _demand_finite(request: wire.Request) -> None:
    """JSON has no NaN: sent as null, a stop that is none would become the policy's, and a ceiling none at all."""
    for name, value in _numbers(request):
        if not math.isfinite(value):
            raise RequestError("bad_value", f"The field {name} must be a finite number; it is {value}.", name)


def _numbers(record: msgspec.Struct, place: str = "") -> Iterator[tuple[str, float]]:
    """Every float of a record and of the records in its lists, with its place: `targets[0].weight`."""
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, float):
            yield place + name, value
        elif isinstance(value, list):
            for count, each in enumerate(value):
                if isinstance(each, msgspec.Struct):
                    yield from _numbers(each, f"{place}{name}[{count}].")


class _Head(msgspec.Struct):
    id: str | None
    status: str


def _answers(reply: bytes, request_id: str) -> bool:
    """Whether a reply is the awaited one; an error may name no request, because none could be read."""
    try:
        head = msgspec.json.decode(reply, type=_Head)
    except _UNREADABLE:
        return False
    return head.id == request_id or (head.id is None and head.status == "error")


def _read(reply: bytes, kind: type[_R]) -> _R:
    try:
        if msgspec.json.decode(reply, type=_Head).status == "error":
            error = msgspec.json.decode(reply, type=wire.ErrorReply)
            raise RequestError(error.code or "internal", error.message or "", error.field)
        answer = decode_reply(reply, kind)
    except _UNREADABLE as fault:
        raise ClientError(f"The daemon's reply cannot be read: {fault}. Update client or daemon.") from fault
    assert isinstance(answer, kind)  # noqa: S101 - decoded as such
    return answer
