"""Bytes to messages and back. Any bytes give a request or a ProtocolError, and nothing else."""

import json
import math
from typing import Any

import msgspec

from bridge.protocol.messages import PROTOCOL_VERSION, REQUEST_TYPES, AnyRequest, Reply

MAX_BODY_BYTES = 262_144
MAX_MESSAGE_BYTES = 1_048_576
MAX_NESTING = 16

_decode = msgspec.json.Decoder(AnyRequest).decode
_decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class ProtocolError(Exception):
    """A request that cannot be answered as asked: its code, the culprit field, and whose request it was."""

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = _sendable(message)
        self.field = None if field is None else _sendable(field)
        self.request_id: str | None = None
        self.request_type: str | None = None
        self.account: int | None = None


def decode_request(body: bytes) -> AnyRequest:
    """The request in a body. Raises ProtocolError."""
    if len(body) > MAX_BODY_BYTES:
        raise ProtocolError("too_large", f"The body has {len(body)} bytes, at most {MAX_BODY_BYTES} are allowed.")
    try:
        request: AnyRequest = _decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise _diagnose(body) from None
    if _needs_structure_check(body):
        _parse_strictly(body)
    return request


def encode(message: msgspec.Struct) -> bytes:
    """The body of a message."""
    return _encode(message)


def decode_reply(body: bytes, kind: type[Reply]) -> Reply:
    """A reply of the kind that answers a request; fields this version does not know are ignored.

    Raises msgspec.MsgspecError if the body is no such reply.
    """
    return msgspec.json.decode(body, type=kind)


def _needs_structure_check(body: bytes) -> bool:
    """Whether the body may hold repeated keys, which the fast decoder overlooks.

    In a flat object without escapes every key and every text value has two quotes, so a count that fits the decoded
    fields proves that no key stands twice. Whatever is not that simple is parsed again.
    """
    if b"\\" in body or body.count(b"{") != 1:
        return True
    flat = _decode_any(body)
    quotes = 2 * (len(flat) + list(map(type, flat.values())).count(str))
    return body.count(b'"') != quotes


def _parse_strictly(body: bytes) -> Any:
    """The JSON value of a body with repeated keys, NaN, Infinity and deep nesting refused. Raises ProtocolError."""
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant
        )
    except ProtocolError:
        raise
    except (ValueError, RecursionError) as fault:
        raise ProtocolError("bad_json", f"The body is not one UTF-8 JSON object: {_first_line(fault)}.") from None
    if _depth(value) > MAX_NESTING:
        raise ProtocolError("bad_json", f"The body is nested over {MAX_NESTING} levels.")
    if b"\\u" in body and _sendable(text := json.dumps(value, ensure_ascii=False)) != text:
        raise ProtocolError("bad_json", "The body escapes half a surrogate pair, which is no character.")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ProtocolError("bad_json", f"The key {twice[:64]!r} stands twice in one object.", field=twice[:64])
    return result


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ProtocolError("bad_json", f"The number {text[:32]} is out of range.")
    return value


def _no_constant(name: str) -> None:
    raise ProtocolError("bad_json", f"{name} is not JSON.")


def _depth(value: Any) -> int:
    """Levels of nesting, counted without recursion."""
    deepest, level = 0, [value]
    while level:
        children: list[Any] = []
        nested = False
        for each in level:
            if isinstance(each, dict):
                nested = True
                children.extend(each.values())
            elif isinstance(each, list):
                nested = True
                children.extend(each)
        deepest += nested
        level = children
    return deepest


def _diagnose(body: bytes) -> ProtocolError:
    """Why a body did not decode, as exactly as a slow second look can tell."""
    try:
        value = _parse_strictly(body)
    except ProtocolError as error:
        return error
    if not isinstance(value, dict):
        return ProtocolError("bad_json", "The body is not a JSON object.")
    kind = value.get("type")
    return _find_fault(value, kind)


def identify(error: ProtocolError, body: bytes) -> ProtocolError:
    """The same error, knowing whose request it answers, as far as the body tells."""
    try:
        value = _decode_any(body) if len(body) <= MAX_BODY_BYTES else None
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        value = None
    if isinstance(value, dict):
        request_id, kind, account = value.get("id"), value.get("type"), value.get("account")
        error.request_id = request_id if _is_id(request_id) else None
        error.request_type = kind if isinstance(kind, str) else None
        error.account = account if type(account) is int else None
    return error


def _find_fault(value: dict[str, Any], kind: Any) -> ProtocolError:
    version = value.get("v")
    if "v" not in value:
        return ProtocolError("missing_field", "The field v is missing.", field="v")
    if type(version) is not int or version != PROTOCOL_VERSION:
        return ProtocolError("unsupported_version", f"This daemon speaks version {PROTOCOL_VERSION}.", field="v")
    if "type" not in value:
        return ProtocolError("missing_field", "The field type is missing.", field="type")
    if not isinstance(kind, str) or kind not in REQUEST_TYPES:
        return ProtocolError("unknown_type", f"There is no request of type {str(kind)[:64]!r}.", field="type")
    return _find_field_fault(value, kind)


def _find_field_fault(value: dict[str, Any], kind: str) -> ProtocolError:
    fields = {field.name: field for field in msgspec.structs.fields(REQUEST_TYPES[kind])}
    for name in value:
        if name not in fields and name != "type":
            return ProtocolError("unknown_field", f"A {kind} request has no field {name[:64]!r}.", field=name[:64])
    for name, field in fields.items():
        if name not in value and field.required:
            return ProtocolError("missing_field", f"The field {name} is missing.", field=name)
    for name in (name for name in value if name in fields):
        try:
            msgspec.convert(value[name], fields[name].type)
        except msgspec.ValidationError as fault:
            return _bad_value(name, str(fault))
    return ProtocolError("bad_value", "The request is not valid.")


def _bad_value(name: str, fault: str) -> ProtocolError:
    reason, _, path = fault.partition(" - at `$")
    field = name + path.rstrip("`")
    if "missing required field `" in reason:
        missing = f"{field}.{reason.split('`')[1]}"
        return ProtocolError("missing_field", f"The field {missing} is missing.", field=missing)
    return ProtocolError("bad_value", f"The field {field} is not valid: {reason}.", field=field)


def _sendable(text: str) -> str:
    """The text with what UTF-8 cannot carry replaced: half a surrogate pair that the body escaped."""
    return text.encode("utf-8", "replace").decode()


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 64 and value.isascii() and value.isprintable()


def _first_line(fault: BaseException) -> str:
    return str(fault).splitlines()[0][:120] if str(fault) else type(fault).__name__
