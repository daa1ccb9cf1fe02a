"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="DIR",
        help="Configuration folder. Default: ./config if it holds a bridge.toml, else your user configuration folder.",
        show_default=False,
    ),
]
JournalFile = Annotated[
    Path | None,
    typer.Option("--journal", metavar="PATH", help="Journal file, instead of the configured one.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs, and nothing else.")]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="ADDRESS",
        help="Where the daemon listens. Default: as configured, else tcp://127.0.0.1:5757.",
        show_default=False,
    ),
]
Account = Annotated[
    int | None,
    typer.Option(
        "--account",
        metavar="LOGIN",
        min=0,
        help="Account login. Needed only where the daemon serves several.",
        show_default=False,
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="Your NAME.key_secret, for a daemon that demands CURVE keys.",
        show_default=False,
    ),
]
ServerKey = Annotated[
    str | None,
    typer.Option(
        "--server-key",
        metavar="KEY",
        help="The daemon's public key (Z85 text). Default: read beside the configured secret key.",
        show_default=False,
    ),
]
User = Annotated[
    str | None,
    typer.Option("--user", metavar="NAME", help="Your name, for a daemon that demands passwords.", show_default=False),
]
Password = Annotated[
    str | None,
    typer.Option(
        "--password",
        metavar="TEXT",
        envvar="LOTBRIDGE_PASSWORD",
        help="Your password. Better given in the environment, where no other program lists it.",
        show_default=False,
    ),
]
