"""Whether the daemon runs, and whether an EA feeds an account to it."""

from pathlib import Path

from bridge.cli.connection import connected
from bridge.cli.doctor_checks import FAILED, OK, WARNING, Finding
from bridge.cli.screen import age, quoted
from bridge.errors import ConfigError, LotbridgeError
from bridge.protocol.messages import StatusReply
from bridge.settings import AccountSettings, Settings

_OLD_QUOTE_MS = 60_000


def look_at_daemon(settings: Settings, account: AccountSettings, key: Path | None) -> list[Finding]:
    """The daemon's port, and the last feed."""
    where = settings.server.bind
    try:
        with connected(
            config=settings.folder, address=None, account=account.login, as_json=False, key=key, server_key=None,
            user=None, password=None,
        ) as client:  # fmt: skip
            reply = client.status()
    except ConfigError as fault:
        return [Finding("daemon", FAILED, f"was not asked: {fault}", "Mend that, and run this again.")]
    except LotbridgeError as fault:
        remedy = f"Start it: lotbridge serve --config {quoted(settings.folder)}"
        return [Finding("daemon", FAILED, f"does not answer at {where}: {fault}", remedy)]
    return [Finding("daemon", OK, f"lotbridge {reply.version} answers at {where}"), *_feed(reply)]


def _feed(reply: StatusReply) -> list[Finding]:
    quote_ms = reply.terminal.quote_age_ms
    if not reply.terminal.connected:
        remedy = (
            "Attach LotBridgeFeed or your EA to a chart, allow the address under Tools > Options > Expert Advisors, "
            "and look at the terminal's Experts tab; the script Doctor says more."
        )
        last = "none ever came" if quote_ms is None else f"its last quote is {age(quote_ms)} old"
        return [Finding("feed", FAILED, f"no EA feeds the account now; {last}", remedy)]
    if quote_ms is None or quote_ms > _OLD_QUOTE_MS:
        remedy = "Wait until the market opens; else check that the fed symbols are in Market Watch."
        text = "no quote yet" if quote_ms is None else f"the newest quote is {age(quote_ms)} old"
        return [Finding("feed", WARNING, f"an EA feeds the account, but {text}", remedy)]
    return [Finding("feed", OK, f"an EA feeds the account; the newest quote is {age(quote_ms)} old")]
