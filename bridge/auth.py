"""Who may connect: nobody asks on loopback by default; names and passwords, or CURVE keys, when configured.

libzmq asks an authenticator over ZAP (RFC 27); pyzmq's runs in a thread of its own. The user's name comes back with
every message, and the service checks which accounts it may ask for.
"""

import os
from collections.abc import Callable, Container
from contextlib import ExitStack
from typing import Any, NamedTuple

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator

from bridge.errors import ServerError
from bridge.settings import AuthSettings

_DOMAIN = "lotbridge"


class Permit(NamedTuple):
    """The accounts a user may ask for, and whether they may lift halts and set anchors."""

    accounts: frozenset[int]
    control: bool = False


_NOTHING = Permit(frozenset())


class Authentication:
    """What a server needs of the auth settings. Use as a context manager: it owns the authenticator's thread."""

    def __init__(self, settings: AuthSettings, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        self._settings = settings
        self._context = context
        self._stack = ExitStack()
        # CURVE clients are known by their key, PLAIN clients by their name.
        self._permits = {
            user.public_key or user.name: Permit(frozenset(user.accounts), user.may_control) for user in settings.users
        }

    def __enter__(self) -> "Authentication":
        if self._settings.mechanism == "null":
            return self
        authenticator = ThreadAuthenticator(self._context)
        authenticator.start()
        self._stack.callback(authenticator.stop)
        if self._settings.mechanism == "plain":
            passwords = {user.name: user.password or "" for user in self._settings.users}
            authenticator.configure_plain(domain=_DOMAIN, passwords=passwords)
        else:
            authenticator.configure_curve_callback(domain=_DOMAIN, credentials_provider=_KnownKeys(self._permits))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def secure(self) -> "Callable[[zmq.Socket[bytes]], None] | None":
        """Sets the socket's mechanism; None for NULL."""
        if self._settings.mechanism == "null":
            return None
        return self._secure

    @property
    def permissions(self) -> Callable[[str | None], Permit] | None:
        """What an authenticated user may do; None where nobody is asked."""
        if self._settings.mechanism == "null":
            return None
        return lambda user: self._permits.get(user or "", _NOTHING)

    def _secure(self, socket: "zmq.Socket[bytes]") -> None:
        socket.setsockopt_string(zmq.ZAP_DOMAIN, _DOMAIN)
        if self._settings.mechanism == "plain":
            socket.setsockopt(zmq.PLAIN_SERVER, 1)
            return
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, _secret_key(self._settings))


class _KnownKeys:
    """Accepts the public keys of the settings (Z85 text)."""

    def __init__(self, known: Container[str]) -> None:
        self._known = known

    def callback(self, _domain: str, key: bytes) -> bool:
        """Whether a client's key, as Z85 bytes, is known."""
        return key.decode("ascii", "replace") in self._known


def _secret_key(settings: AuthSettings) -> bytes:
    path = settings.secret_key_file
    assert path is not None, "the settings demand a key file for curve"  # noqa: S101 - narrows the type
    try:
        _public, secret = zmq.auth.load_certificate(path)
    except (OSError, ValueError) as fault:
        raise ServerError(f"{path} is no CURVE key file: {fault}. Make one with `lotbridge keys`.") from fault
    if secret is None:
        raise ServerError(f"{path} holds only a public key; the daemon needs its secret one (*.key_secret).")
    return secret


def make_keys(folder: Any, name: str) -> tuple[str, str]:
    """Write a new CURVE key pair as `name.key` and `name.key_secret`; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    before = os.umask(0o077)
    try:
        public, secret = zmq.auth.create_certificates(folder, name)
    finally:
        os.umask(before)
    return str(public), str(secret)
