"""`lotbridge doctor`: whether the daemon could see every account, and what to do where it could not."""

from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from bridge.cli import options
from bridge.cli.doctor_checks import FAILED, OK, Finding
from bridge.cli.doctor_feed import look_at_daemon
from bridge.cli.doctor_mt5 import look_at_terminal
from bridge.cli.folders import settings_of
from bridge.cli.screen import BAD, GOOD, NOTE, line, print_json, screen
from bridge.errors import ConfigError
from bridge.settings import AccountSettings, Settings

_STYLES = {OK: GOOD, FAILED: BAD}


def doctor(
    *, account: options.Account = None, config: options.Config = None, key: options.KeyFile = None,
    as_json: options.Json = False,
) -> None:  # fmt: skip
    """Check configuration, terminals and feeds, and say what to do for each failure. It writes no file."""
    try:
        settings = settings_of(config)
    except ConfigError as error:
        if not as_json:
            raise
        print_json({"ok": False, "problems": str(error).splitlines(), "accounts": []})
        raise typer.Exit(2) from error
    found = [(each, _look_at(settings, each, key)) for each in _chosen(settings, account)]
    ok = all(finding.state != FAILED for _, findings in found for finding in findings)
    if as_json:
        print_json({"ok": ok, "folder": str(settings.folder), "accounts": [_plain(*item) for item in found]})
    else:
        _show(screen(), settings, found)
    if not ok:
        raise typer.Exit(1)


def _chosen(settings: Settings, login: int | None) -> list[AccountSettings]:
    chosen = [each for each in settings.accounts if login in (None, each.login)]
    if not chosen:
        listed = ", ".join(str(each.login) for each in settings.accounts)
        raise ConfigError(f"{login} is no account of {settings.folder}; the accounts are {listed}.")
    return chosen


def _look_at(settings: Settings, account: AccountSettings, key: Path | None) -> list[Finding]:
    if account.mt5 is not None:
        return look_at_terminal(account, account.mt5)
    if account.market is not None:
        where = "the sample market" if account.market.path is None else str(account.market.path)
        return [Finding("recording", OK, f"plays {where}; `lotbridge check` has looked at the rest")]
    return look_at_daemon(settings, account, key)


def _plain(account: AccountSettings, findings: list[Finding]) -> dict[str, Any]:
    return {
        "login": account.login,
        "terminal": account.terminal,
        "findings": [finding._asdict() for finding in findings],
    }


def _show(console: Console, settings: Settings, found: list[tuple[AccountSettings, list[Finding]]]) -> None:
    line(console, f"{settings.folder} is valid.", GOOD, wrap=False)
    for account, findings in found:
        line(console)
        line(console, f"Account {account.login}, {account.terminal}", "bold")
        for finding in findings:
            line(console, f"{finding.state:7} {finding.check}: {finding.text}", _STYLES.get(finding.state, NOTE))
            if finding.remedy:
                line(console, f"        What to do: {finding.remedy}", _STYLES.get(finding.state, NOTE))
