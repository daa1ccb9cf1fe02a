"""`lotbridge keys`: a CURVE key pair."""

from pathlib import Path
from typing import Annotated

import typer
import zmq.auth

from bridge.auth import make_keys
from bridge.cli.screen import GOOD, facts, line, lines, screen
from bridge.errors import ConfigError
from bridge.settings.field_checks import is_plain_name


def keys(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write the pair.", show_default=False)],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Whose keys: server, or a client's name.", show_default=False)
    ],
) -> None:
    """Make a pair of CURVE keys, for a daemon that other computers may reach, or for one of its clients."""
    if not is_plain_name(name):
        raise typer.BadParameter("must be a plain name such as server or ea-eurusd", param_hint="NAME")
    there = [path for path in (folder / f"{name}.key", folder / f"{name}.key_secret") if path.exists()]
    if there:
        raise ConfigError(f"{there[0]} exists already, and keys are never overwritten; choose another name.")
    try:
        public, secret = make_keys(folder, name)
        Path(secret).chmod(0o600)
        text = zmq.auth.load_certificate(public)[0].decode("ascii")
    except OSError as fault:
        raise ConfigError(f"{folder} cannot be written: {fault.strerror or fault}.") from fault
    console = screen()
    facts(console, [("public", public), ("secret", secret)])
    line(console, "The secret file stays with its owner; show it to nobody.", GOOD)
    line(console, "If these are the daemon's keys, its bridge.toml says, beside a table for each client:")
    lines(console, "[auth]", 'mechanism = "curve"', f"secret_key_file = '{Path(secret).absolute()}'")
    line(console, "and every client needs the public key:")
    lines(console, text)
    line(console, "If they are a client's, the daemon's bridge.toml says:")
    lines(console, "[[auth.users]]", f"name = '{name}'", f"public_key = '{text}'", "accounts = [1000001]")
    line(console, "and the client starts with the secret file, for example:")
    lines(console, f'lotbridge status --key "{secret}" --server-key "the daemon\'s public key"')
