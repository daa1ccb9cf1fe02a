"""The package's functions, called with a deadline announced and an error in words. It only ever reads."""

import importlib
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from bridge.terminal.mt5.remedies import IPC_CODES, NOT_FOUND, OK, remedy_of
from bridge.terminal.mt5.wire import SILENCE_S, Beat

READS = frozenset(
    {
        "account_info", "copy_rates_from_pos", "copy_rates_range", "copy_ticks_range", "history_deals_get",
        "initialize", "last_error", "order_calc_margin", "order_calc_profit", "orders_get", "positions_get",
        "shutdown", "symbol_info", "symbol_info_tick", "symbol_select", "symbols_get", "terminal_info", "version",
    }
)  # fmt: skip
"""All that is ever called. None of them trades."""
PULSE_S = 0.25
HISTORY_SILENCE_S = 60.0
"""The terminal may have to fetch history from its broker first."""


class CallFailedError(Exception):
    """A call gave nothing, and `last_error` says why."""

    def __init__(self, call: str, code: int, text: str) -> None:
        known = remedy_of(code)
        super().__init__(f"{call}: {known.meaning} ({code}, {text})")
        self.code = code
        self.remedy = known.remedy


class WrongAccountError(Exception):
    """The terminal shows another account than the configured one."""

    remedy = (
        "Log in to the configured account in that terminal, or correct login and server in bridge.toml. "
        "Two accounts need two installations of the terminal. With the account's password in "
        "LOTBRIDGE_MT5_PASSWORD_<login> the daemon logs in by itself."
    )


class WrongTerminalError(Exception):
    """Another terminal answered than the one at the configured path."""

    remedy = "Correct path in bridge.toml: the terminal64.exe of this account's own installation; see portable too."


class UnsettledError(Exception):
    """Account, positions and orders moved under every look, so that no book is known to be one."""

    remedy = "Wait: it is tried again by itself. If it stays, something changes orders all the time: look for it."

    def __init__(self, seconds: float) -> None:
        super().__init__(f"positions and orders did not stand still for one look in {seconds:g} s")


class NoPackageError(Exception):
    """The MetaTrader5 package cannot be imported."""

    remedy = (
        'Install it on the Windows computer that runs the terminal: pip install "lotbridge[mt5]". '
        'Elsewhere let the EA feed the daemon: terminal = "ea_feed".'
    )


def load_package() -> ModuleType:
    """The MetaTrader5 package. Raises NoPackageError."""
    try:
        return importlib.import_module("MetaTrader5")
    except ImportError as fault:
        raise NoPackageError(f"the MetaTrader5 package cannot be imported: {fault}") from fault


class Calls:
    """Calls by name. `beat` tells the parent how long the silence may last; it is called before a call that may."""

    def __init__(self, package: ModuleType, beat: Callable[[Beat], None]) -> None:
        self.package = package
        self._beat = beat
        self._told_s = -1e9
        self._announced = 0.0

    def told(self) -> None:
        """Something else was sent, which is a sign of life too."""
        self._told_s, self._announced = time.monotonic(), SILENCE_S

    def maybe(self, name: str, *arguments: Any, silence_s: float = SILENCE_S, **named: Any) -> Any:
        """A call's result, or None where the terminal has none; raises CallFailedError where the pipe is broken."""
        value = self._call(name, arguments, named, silence_s)
        if value is None and (code := self.error()[0]) in IPC_CODES:
            raise CallFailedError(name, code, self.error()[1])
        return value

    def must(self, name: str, *arguments: Any, silence_s: float = SILENCE_S, **named: Any) -> Any:
        """A call's result; None and False raise CallFailedError."""
        value = self._call(name, arguments, named, silence_s)
        if value is None or value is False:
            raise CallFailedError(name, *self.error())
        return value

    def rows(self, name: str, *arguments: Any, silence_s: float = SILENCE_S, **named: Any) -> tuple[Any, ...]:
        """A list that may be empty: the package says None for some empty lists, with no error or "not found"."""
        value = self._call(name, arguments, named, silence_s)
        if value is None and self.error()[0] not in (OK, NOT_FOUND):
            raise CallFailedError(name, *self.error())
        return tuple(value or ())

    def error(self) -> tuple[int, str]:
        """The last error: its code and the package's own words."""
        found = self.package.last_error()
        return (int(found[0]), str(found[1])) if found else (0, "unknown")

    def _call(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any], silence_s: float) -> Any:
        if name not in READS:
            raise AssertionError(f"{name} is not among the calls that only read")
        now = time.monotonic()
        if silence_s != self._announced or now - self._told_s > PULSE_S:
            self._beat(Beat(silence_s=silence_s, call=name))
            self._told_s, self._announced = now, silence_s
        return getattr(self.package, name)(*arguments, **named)
