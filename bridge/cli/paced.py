"""`lotbridge replay --pace`: a daemon whose market is a recording, for EAs outside to trade on."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.app import daemon
from bridge.cli.sample import sample_settings
from bridge.log import configure, flushed
from bridge.server import stop_on_signals
from bridge.settings import MarketSettings

if TYPE_CHECKING:
    from bridge.replay.configure import Account, Terms


def serve_recording(
    ticks: Path | None, account: "Account", terms: "Terms", pace: float, journal: Path, bind: str | None
) -> None:
    """Until Ctrl-C, on the loopback. A fill that an EA reports opens the position on the recording.

    Raises LotbridgeError.
    """
    market = MarketSettings(path=ticks, balance=account.balance, currency=terms.currency, leverage=terms.leverage)
    own = dataclasses.replace(account.settings, terminal="recorded", market=market, mt5=None)
    settings = dataclasses.replace(sample_settings(journal, bind), accounts=(own,))
    log = configure(settings.log)
    with (
        flushed(log),
        daemon(settings, log=log, speed=pace, progress=lambda text: log("info", "market", {"message": text})) as server,
    ):
        stop_on_signals(server)
        fields = {"address": server.address, "accounts": [own.login], "pace": pace, "journal": str(journal)}
        log("info", "ready", fields)
        server.run()
        log("info", "stopped", {"address": server.address})
