"""Reaching the one terminal that was meant, and making sure that it shows the one account that was meant."""

from typing import Any

from bridge.terminal.mt5.calls import Calls, WrongAccountError
from bridge.terminal.mt5.wire import Attached, Config

_SLACK_S = 15.0


def initialize(calls: Calls, config: Config) -> None:
    """Connect. Without a path the package would take whichever terminal it finds, so there is always one."""
    password = {} if config.password is None else {"password": config.password}
    calls.must(
        "initialize",
        config.path,
        login=config.login,
        server=config.server,
        timeout=config.timeout_ms,
        portable=config.portable,
        silence_s=config.timeout_ms / 1000 + _SLACK_S,
        **password,
    )
    verify(calls.must("account_info"), config)


def verify(info: Any, config: Config) -> None:
    """Whether the terminal shows the configured account; looked at again in every round. Raises WrongAccountError."""
    if info.login != config.login:
        raise WrongAccountError(f"the terminal shows account {info.login}, not {config.login}")
    if str(info.server).casefold() != config.server.casefold():
        raise WrongAccountError(f"the terminal is logged in at {info.server!r}, not {config.server!r}")


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
