"""`lotbridge codes`: every code with its remedy."""

from bridge.cli import options
from bridge.cli.screen import print_json, screen, show, table
from bridge.protocol.codes import CLIENT_CODES, ERROR_CODES
from sizing.codes import REJECT_CODES


def codes(as_json: options.Json = False) -> None:
    """List every code a reply can carry, and what to do about it.

    A reject is an answer: no trade. An error means that the question was at fault, or could not be answered. The codes
    of the client are an EA's own, where the daemon gave no usable answer.
    """
    rows = [
        {"code": code, "status": status, "remedy": remedy}
        for status, table_of in (("reject", REJECT_CODES), ("error", ERROR_CODES), ("client", CLIENT_CODES))
        for code, remedy in table_of.items()
    ]
    if as_json:
        print_json(rows)
        return
    console = screen()
    made = table(console, "code", "status", "what to do")
    for row in rows:
        made.add_row(row["code"], row["status"], row["remedy"])
    show(console, made)
