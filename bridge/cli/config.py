"""`lotbridge init` and `lotbridge check`: writing and validating a configuration folder."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli import options
from bridge.cli.firm_warnings import calendar_reach, warnings_of
from bridge.cli.folders import CONFIG_FILE, settings_of
from bridge.cli.screen import GOOD, NOTE, facts, line, lines, money, print_json, quoted, screen, show, table
from bridge.errors import ConfigError
from bridge.settings import AccountSettings, Settings, policy_hash, write_defaults
from bridge.settings.defaults import Preset


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.", show_default=False)],
    preset: Annotated[
        Preset,
        typer.Option(
            case_sensitive=False,
            help="guide: notional limits as shares of equity. leveraged: as multiples of it, for leveraged accounts.",
        ),
    ] = "guide",
) -> None:
    """Write a commented configuration folder. Nothing is ever overwritten."""
    written = write_defaults(folder, preset)
    console = screen()
    line(console, f"Written, preset {preset}:", GOOD)
    lines(console, *map(str, written))
    line(console, f"1. Put your account into {CONFIG_FILE} there, and check it:")
    lines(console, f"lotbridge check --config {quoted(folder)}")
    line(console, "2. Start the daemon:")
    lines(console, f"lotbridge serve --config {quoted(folder)}")


def check(config: options.Config = None, as_json: options.Json = False) -> None:
    """Check a configuration folder: a summary with warnings, or every problem at once."""
    try:
        settings = settings_of(config)
    except ConfigError as error:
        if not as_json:
            raise
        print_json({"ok": False, "problems": _problems(error)})
        raise typer.Exit(2) from error
    if as_json:
        print_json(_summary(settings))
    else:
        _show(settings)


def _problems(error: ConfigError) -> list[str]:
    """The message's lines, without the one that counts them."""
    first, *others = str(error).splitlines()
    return [line.strip() for line in others] or [first]


def _summary(settings: Settings) -> dict[str, Any]:
    return {
        "ok": True,
        "folder": str(settings.folder),
        "bind": settings.server.bind,
        "mechanism": settings.auth.mechanism,
        "journal": str(settings.journal.path),
        "sync": settings.journal.sync,
        "accounts": [
            {
                "login": account.login,
                "terminal": account.terminal,
                "market": _market(account),
                "firm": account.firm.name,
                "initial_balance": account.initial_balance,
                "policy_hash": policy_hash(account),
                "position_rules": list(account.positions.names),
                "calendar": None if account.calendar is None else str(account.calendar),
                "calendar_until": calendar_reach(account),
                "warnings": warnings_of(account, datetime.now(UTC)),
            }
            for account in settings.accounts
        ],
    }


def _market(account: AccountSettings) -> str | None:
    if account.market is None:
        return None
    return "sample (synthetic)" if account.market.path is None else str(account.market.path)


def _show(settings: Settings) -> None:
    console = screen()
    line(console, f"{settings.folder} is valid.", GOOD)
    facts(
        console,
        [
            ("bind", f"{settings.server.bind}, mechanism {settings.auth.mechanism}"),
            ("journal", f"{settings.journal.path}, sync {settings.journal.sync}"),
        ],
    )
    made = table(console, "account", "terminal", "firm", "initial balance", "policy hash", right=("initial balance",))
    for account in settings.accounts:
        market = _market(account)
        made.add_row(
            str(account.login),
            account.terminal if market is None else f"{account.terminal}: {market}",
            account.firm.name,
            "not given" if account.initial_balance is None else money(account.initial_balance),
            policy_hash(account),
        )
    show(console, made)
    for account in settings.accounts:
        if names := account.positions.names:
            line(console, f"{account.login}: rules about open positions: {', '.join(names)}.", wrap=False)
        reach = calendar_reach(account)
        if reach is not None:
            line(console, f"{account.login}: {account.calendar} holds news until {reach}.", wrap=False)
        for warning in warnings_of(account, datetime.now(UTC)):
            line(console, f"Warning, {account.login}: {warning}", NOTE, wrap=False)
