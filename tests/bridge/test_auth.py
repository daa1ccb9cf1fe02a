"""Who may connect, and whom they may ask for."""
# ruff: noqa: S106 - the passwords are a test's

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.auth

from bridge.auth import make_keys
from bridge.client import Client, NoAnswerError, RequestError
from bridge.errors import ClientError, ServerError
from bridge.settings import AuthSettings
from bridge.settings.model import AuthUser
from tests.bridge.builders import Rig, account_settings, body, decoded
from tests.bridge.sockets import WAIT_MS, Running, asked, connected, serving

PLAIN = AuthSettings(
    mechanism="plain",
    users=(
        AuthUser(name="ea", password="secret", accounts=(1,)),
        AuthUser(name="owner", password="pässwörd", accounts=(1, 2)),
    ),
)
SILENCE_MS = 150
"""How long to listen for what must not come; the handshake that would bring it is done after a few."""


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, account_settings(1), account_settings(2))
    rig.feed(1)
    rig.feed(2)
    yield rig
    rig.close()


@pytest.fixture
def plain(two: Rig) -> Iterator[Running]:
    with serving(two, PLAIN) as running:
        yield running


def patient(address: str, **over: Any) -> Client:
    return Client(address, **{"account": 1, "deadline_ms": WAIT_MS, "attempts": 1, **over})


def hasty(address: str, **over: Any) -> Client:
    return patient(address, **{"deadline_ms": SILENCE_MS, "attempts": 2, **over})


def test_a_user_with_the_right_password_is_served(plain: Running) -> None:
    with patient(plain.address, user="ea", password="secret") as client:
        assert client.ping().status == "ok"
        assert client.status().account == 1
    with patient(plain.address, user="owner", password="pässwörd", account=2) as client:
        assert client.status().account == 2


@pytest.mark.parametrize("user", ["ea", "owner", "nobody", "x" * 255])
@pytest.mark.parametrize("password", ["wrong", "secret ", "SECRET", "x" * 255])
def test_a_wrong_password_gets_nothing(plain: Running, user: str, password: str) -> None:
    with hasty(plain.address, user=user, password=password) as client, pytest.raises(NoAnswerError):
        client.ping()


@pytest.mark.parametrize("credentials", [("", "secret"), ("ea", ""), ("x" * 256, "y"), ("ea", "y" * 256)])
def test_credentials_that_zeromq_cannot_carry_are_a_client_error(plain: Running, credentials: tuple[str, str]) -> None:
    user, password = credentials
    with hasty(plain.address, user=user, password=password) as client, pytest.raises(ClientError):
        client.ping()


def test_an_account_that_the_user_may_not_ask_for(plain: Running) -> None:
    with patient(plain.address, user="ea", password="secret", account=2) as client:
        for ask in (client.ping, client.status):
            with pytest.raises(RequestError) as caught:
                ask()
            assert (caught.value.code, caught.value.field) == ("unauthorized", "account")
    with patient(plain.address, user="ea", password="secret", account=3) as client:
        with pytest.raises(RequestError) as caught:
            client.ping()
        assert caught.value.code == "unauthorized", "nobody learns which accounts there are"


def test_a_stored_reply_is_not_for_users_who_may_not_ask(plain: Running, two: Rig) -> None:
    raw = body({"v": 1, "id": "mine", "account": 2, "type": "status"})
    owner = {"PLAIN_USERNAME": b"owner", "PLAIN_PASSWORD": "pässwörd".encode()}
    other = {"PLAIN_USERNAME": b"ea", "PLAIN_PASSWORD": b"secret"}
    with connected(plain.address, **owner) as socket:
        assert decoded(asked(socket, raw))["status"] == "ok"
    with connected(plain.address, **other) as socket:
        assert decoded(asked(socket, raw))["code"] == "unauthorized"
        broken = body({"v": 1, "id": "mine", "account": 2, "type": "status", "more": 1})
        reply = decoded(asked(socket, broken))
        assert reply["code"] in ("unauthorized", "unknown_field")
        assert "equity" not in reply


def test_each_message_carries_its_own_user(plain: Running) -> None:
    owner = {"PLAIN_USERNAME": b"owner", "PLAIN_PASSWORD": "pässwörd".encode()}
    other = {"PLAIN_USERNAME": b"ea", "PLAIN_PASSWORD": b"secret"}
    with connected(plain.address, **owner) as first, connected(plain.address, **other) as second:
        for number in range(20):
            raw = body({"v": 1, "id": f"n{number}", "account": 2, "type": "ping"})
            assert decoded(asked(first, raw))["status"] == "ok"
            assert decoded(asked(second, raw))["code"] == "unauthorized"


def test_a_null_client_gets_nothing_of_a_plain_server(plain: Running) -> None:
    with hasty(plain.address) as client, pytest.raises(NoAnswerError):
        client.ping()
    with patient(plain.address, user="ea", password="secret") as client:
        client.ping()


def test_a_plain_client_gets_nothing_of_a_null_server(two: Rig) -> None:
    with serving(two) as running:
        with hasty(running.address, user="ea", password="secret") as client, pytest.raises(NoAnswerError):
            client.ping()
        with patient(running.address) as client:
            client.ping()


# CURVE ---------------------------------------------------------------------------------------------------------------


class Keys:
    """A server's keys, and those of a client it knows and of one that it does not."""

    def __init__(self, folder: Path) -> None:
        self.server, self.known, self.stranger = (
            Path(make_keys(folder, name)[1]) for name in ("s", "known", "strange")
        )
        self.server_key = public_key(self.server)
        self.auth = AuthSettings(
            mechanism="curve",
            users=(AuthUser(name="ea", public_key=public_key(self.known), accounts=(1,)),),
            secret_key_file=self.server,
        )


def public_key(path: Path) -> str:
    return zmq.auth.load_certificate(path)[0].decode()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "kéys")


def test_a_known_key_is_served_for_its_accounts(two: Rig, keys: Keys) -> None:
    with serving(two, keys.auth) as running:
        with patient(running.address, server_key=keys.server_key, key_file=keys.known) as client:
            assert client.status().account == 1
        with patient(running.address, server_key=keys.server_key, key_file=keys.known, account=2) as client:
            with pytest.raises(RequestError) as caught:
                client.ping()
            assert caught.value.code == "unauthorized"


def test_an_unknown_key_a_wrong_server_key_and_no_key_get_nothing(two: Rig, keys: Keys) -> None:
    wrong = public_key(keys.stranger)
    with serving(two, keys.auth) as running:
        for over in (
            {"server_key": keys.server_key, "key_file": keys.stranger},
            {"server_key": wrong, "key_file": keys.known},
            {"user": "ea", "password": "secret"},
            {},
        ):
            with hasty(running.address, **over) as client, pytest.raises(NoAnswerError):
                client.ping()
        with patient(running.address, server_key=keys.server_key, key_file=keys.known) as client:
            client.ping()


@pytest.mark.parametrize(("server_key", "content"), [("short", None), ("x" * 40, b"nonsense"), ("x" * 40, None)])
def test_keys_that_are_none_are_a_client_error(
    tmp_path: Path, keys: Keys, server_key: str, content: bytes | None
) -> None:
    path = keys.known if server_key == "short" else tmp_path / "none.key_secret"
    if content is not None:
        path.write_bytes(content)
    with hasty("tcp://127.0.0.1:9", server_key=server_key, key_file=path) as client, pytest.raises(ClientError):
        client.ping()


def test_make_keys_writes_a_pair_that_belongs_together(tmp_path: Path) -> None:
    public, secret = make_keys(tmp_path / "new" / "folder", "daemon")
    assert (Path(public).name, Path(secret).name) == ("daemon.key", "daemon.key_secret")
    assert public_key(Path(public)) == public_key(Path(secret))
    assert zmq.auth.load_certificate(public)[1] is None
    assert zmq.auth.load_certificate(secret)[1] is not None


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"\xff\xfe\x00"])
def test_a_key_file_that_is_none_is_one_sentence(two: Rig, keys: Keys, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.key_secret"
    if content is not None:
        path.write_bytes(content)
    auth = AuthSettings(mechanism="curve", users=keys.auth.users, secret_key_file=path)
    with pytest.raises(ServerError, match=r"bad\.key_secret"), serving(two, auth):
        raise AssertionError("it started")


def test_a_public_key_file_is_not_enough_for_the_daemon(two: Rig, keys: Keys) -> None:
    auth = AuthSettings(mechanism="curve", users=keys.auth.users, secret_key_file=keys.server.with_name("s.key"))
    with pytest.raises(ServerError, match="only a public key"), serving(two, auth):
        raise AssertionError("it started")
