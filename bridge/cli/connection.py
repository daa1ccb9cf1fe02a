"""From the options of a command to a client that the daemon lets in."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
import zmq.auth

from bridge.cli.folders import find_config
from bridge.cli.screen import print_json
from bridge.client import DEFAULT_ADDRESS, Client, NoAnswerError, RequestError
from bridge.errors import ClientError, ConfigError
from bridge.settings import Access, AuthSettings, load, load_access

_EVERY_ADDRESS = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - read, not bound
_BIND = re.compile(r"tcp://(?P<host>.+):(?P<port>\*|\d+)")


@contextmanager
def connected(
    *,
    config: Path | None,
    address: str | None,
    account: int | None,
    as_json: bool,
    key: Path | None,
    server_key: str | None,
    user: str | None,
    password: str | None,
) -> Iterator[Client]:
    """A client for one command. With `as_json` an error reply of the daemon goes to standard output as JSON too."""
    folder = find_config(config) if config is not None or address is None else None
    settings = None if folder is None else load_access(folder)
    if settings is not None:
        user, password = _login(settings.auth, account, user, password)
        server_key = server_key or _server_key(settings.auth)
        _demand_key(settings.auth, key)
    if key is not None and server_key is None:
        if settings is not None and (mechanism := settings.auth.mechanism) != "curve":
            raise ConfigError(f'No key is needed: [auth] mechanism is "{mechanism}". Leave --key away.')
        raise ConfigError("--key needs the daemon's public key too: add --server-key, or --config.")
    if key is not None:
        _demand_secret(key)
    client = Client(
        address or _address_of(settings),
        account=account,
        user=user,
        password=password,
        server_key=server_key if key is not None else None,
        key_file=key,
    )
    try:
        with client:
            yield client
    except NoAnswerError:
        if folder is not None:
            load(folder)  # what is wrong there may be why no daemon runs; it says so better
        raise
    except RequestError as error:
        if not as_json:
            raise
        message = str(error).removeprefix(f"{error.code}: ")
        print_json({"status": "error", "code": error.code, "message": message, "field": error.field})
        raise typer.Exit(1) from error


def _address_of(settings: Access | None) -> str:
    """Where to reach a daemon with these settings from this computer."""
    if settings is None:
        return DEFAULT_ADDRESS
    bind = _BIND.fullmatch(settings.server.bind)
    if bind is None or bind["port"] in ("*", "0"):
        raise ClientError(
            f"[server] bind is {settings.server.bind}, so the system chooses the port: say which one with --address."
        )
    return f"tcp://{_EVERY_ADDRESS.get(bind['host'], bind['host'])}:{bind['port']}"


def _login(
    auth: AuthSettings, account: int | None, user: str | None, password: str | None
) -> tuple[str | None, str | None]:
    """Name and password: as given, else those of the first configured user who may ask for the account."""
    if auth.mechanism != "plain" or password is not None:
        return user, password
    for each in auth.users:
        if user in (None, each.name) and (account is None or account in each.accounts):
            return each.name, each.password
    return user, password


def _server_key(auth: AuthSettings) -> str | None:
    if auth.mechanism != "curve" or auth.secret_key_file is None:
        return None
    try:
        public, _secret = zmq.auth.load_certificate(auth.secret_key_file)
    except (OSError, ValueError) as fault:
        raise ConfigError(f"{auth.secret_key_file} is no CURVE key file: {fault}.") from fault
    return public.decode("ascii", "replace")


def _demand_key(auth: AuthSettings, key: Path | None) -> None:
    if auth.mechanism == "curve" and key is None:
        raise ConfigError("The daemon demands CURVE keys: name your NAME.key_secret with --key.")


def _demand_secret(key: Path) -> None:
    if not key.is_file():
        raise ConfigError(f"The key file {key} is not there. Make one with `lotbridge keys`.")
    try:
        _public, secret = zmq.auth.load_certificate(key)
    except (OSError, ValueError) as fault:
        raise ConfigError(f"{key} is no CURVE key file: {fault}. Make one with `lotbridge keys`.") from fault
    if secret is None:
        raise ConfigError(f"{key} holds only a public key; name the *.key_secret beside it.")
