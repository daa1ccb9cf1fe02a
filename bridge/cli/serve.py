"""`lotbridge serve`: the daemon in the foreground."""

from pathlib import Path
from typing import Annotated

import typer

from bridge.app import daemon
from bridge.cli import options
from bridge.cli.folders import fresh_sample_journal, settings_of
from bridge.cli.sample import sample_settings
from bridge.log import configure, flushed
from bridge.protocol.messages import PROTOCOL_VERSION
from bridge.server import stop_on_signals
from bridge.settings import Settings


def serve(
    *,
    config: options.Config = None,
    sample: Annotated[
        bool,
        typer.Option("--sample", help="Play the sample market, which is synthetic. Needs no configuration."),
    ] = False,
    speed: Annotated[
        float,
        typer.Option(min=0.001, max=1_000_000, help="How fast a recorded market plays; 60 is a minute per second."),
    ] = 1.0,
    bind: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="With --sample: where to listen. Default: tcp://127.0.0.1:5757.",
            show_default=False,
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="With --sample: the journal file. Default: a new one in your data folder.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run the daemon until Ctrl-C. Expert advisors ask it how many lots; it never trades itself."""
    settings = _settings(config, sample, bind, journal)
    recorded = [account for account in settings.accounts if account.market is not None]
    if speed != 1 and not recorded:
        raise typer.BadParameter("Only a recorded market can be played faster.", param_hint="--speed")
    log = configure(settings.log)
    with (
        flushed(log),
        daemon(
            settings, log=log, speed=speed, progress=lambda text: log("info", "market", {"message": text})
        ) as server,
    ):
        stop_on_signals(server)
        fields = {
            "address": server.address,
            "accounts": [account.login for account in settings.accounts],
            "journal": str(settings.journal.path),
            "protocol": PROTOCOL_VERSION,
        }
        if any(account.market is not None and account.market.path is None for account in recorded):
            fields["market"] = "synthetic market"
        log("info", "ready", fields)
        server.run()
        log("info", "stopped", {"address": server.address})


def _settings(config: Path | None, sample: bool, bind: str | None, journal: Path | None) -> Settings:
    if sample:
        if config is not None:
            raise typer.BadParameter("Either --sample or --config, not both.", param_hint="--sample")
        return sample_settings(fresh_sample_journal() if journal is None else journal, bind)
    for name, value in (("--bind", bind), ("--journal", journal)):
        if value is not None:
            raise typer.BadParameter("Only with --sample; otherwise bridge.toml says it.", param_hint=name)
    return settings_of(config)
