"""Reaching the one terminal that was meant, and making sure that it shows the one account that was meant."""

import os
from contextlib import suppress
from typing import Any

from bridge.terminal.mt5.calls import CallFailedError, Calls, WrongAccountError, WrongTerminalError
from bridge.terminal.mt5.remedies import NOT_LET_IN
from bridge.terminal.mt5.wire import Attached, Config

_SLACK_S = 15.0


def initialize(calls: Calls, config: Config) -> None:
    """Connect. Without a path the package would take whichever terminal it finds, so there is always one.

    Naming a login makes a running terminal leave the account it shows. So it is looked at first, and logged in only
    where it shows none, or where a password says that the daemon may. Raises WrongAccountError, WrongTerminalError.
    """
    shown = _shown(calls, config)
    if shown is None or (config.password is not None and _other(shown, config) is not None):
        password = {} if config.password is None else {"password": config.password}
        _connect(calls, config, login=config.login, server=config.server, **password)
        shown = calls.must("account_info")
    verify(shown, config)
    _verify_terminal(calls.must("terminal_info"), config)


def _connect(calls: Calls, config: Config, **named: Any) -> None:
    calls.must(
        "initialize",
        config.path,
        timeout=config.timeout_ms,
        portable=config.portable,
        silence_s=config.timeout_ms / 1000 + _SLACK_S,
        **named,
    )


def _shown(calls: Calls, config: Config) -> Any:
    """The account that the terminal shows by itself; None where it is logged in to none."""
    try:
        _connect(calls, config)
    except CallFailedError as fault:
        if fault.code != NOT_LET_IN:
            raise
        return None
    info = calls.maybe("account_info")
    return info if info is not None and info.login else None


def _verify_terminal(info: Any, config: Config) -> None:
    """Whether the terminal that answers is the one at the configured path."""
    wanted = os.path.dirname(config.path)  # noqa: PTH120 - as text: it may be of another system
    if not _same_folder(wanted, str(info.path)):
        raise WrongTerminalError(f"the terminal in {info.path} answered, not the one in {wanted}")


def _same_folder(first: str, second: str) -> bool:
    with suppress(OSError, ValueError):
        return os.path.samefile(first, second)  # noqa: PTH121
    return os.path.normcase(os.path.normpath(first)) == os.path.normcase(os.path.normpath(second))


def verify(info: Any, config: Config) -> None:
    """Whether the terminal shows the configured account; looked at again in every round. Raises WrongAccountError."""
    if (why := _other(info, config)) is not None:
        raise WrongAccountError(why)


def _other(info: Any, config: Config) -> str | None:
    """What tells the account from the configured one, in words; None where it is that."""
    if info.login != config.login:
        return f"the terminal shows account {info.login}, not {config.login}"
    if str(info.server).casefold() != config.server.casefold():
        return f"the terminal is logged in at {info.server!r}, not {config.server!r}"
    return None


def select_symbols(calls: Calls, config: Config) -> tuple[list[str], list[str]]:
    """The symbols to watch, and the configured ones that the broker lacks; all of Market Watch if none is configured.

    A symbol must be selected before the terminal keeps ticks of it.
    """
    if not config.symbols:
        return [info.name for info in calls.must("symbols_get") if info.visible], []
    known: list[str] = []
    unknown: list[str] = []
    for name in config.symbols:
        (known if calls.maybe("symbol_select", name, True) else unknown).append(name)
    return known, unknown


def attached(calls: Calls, symbols: list[str], unknown: list[str]) -> Attached:
    """What was reached, for the log."""
    account, terminal = calls.must("account_info"), calls.must("terminal_info")
    return Attached(
        login=account.login,
        server=account.server,
        company=account.company,
        build=terminal.build,
        package=str(getattr(calls.package, "__version__", "unknown")),
        symbols=symbols,
        unknown=unknown,
    )
