"""What the MetaTrader5 package's `last_error` means, and what a person can do. Codes: the package's own RES_ table."""

from typing import NamedTuple

OK = 1
NOT_FOUND = -4
NOT_LET_IN = -6
IPC_CODES = frozenset(range(-10_005, -9_999))
"""The pipe to the terminal is broken: nothing more comes from it."""


class Remedy(NamedTuple):
    """One error in words."""

    meaning: str
    remedy: str


_UNKNOWN = Remedy("the terminal gave no reason", "Look at the terminal's own Journal tab, and restart it.")
REMEDIES: dict[int, Remedy] = {
    -1: Remedy("the call failed", "Wait until the terminal shows a connection, then try again; else restart it."),
    -2: Remedy(
        "an argument is wrong",
        "Check path, login and server; path must be the full path of terminal64.exe.",
    ),
    -3: Remedy("out of memory", "Close charts and programs, or lower Max bars in chart in the terminal's options."),
    -4: Remedy("not found", "Check that the symbol is among the broker's, and that it has history of that time."),
    -5: Remedy(
        "terminal and package do not fit each other",
        "Update both: the terminal by Help > Check for updates, the package by pip install --upgrade MetaTrader5.",
    ),
    -6: Remedy(
        "the account was not let in",
        "Log in once by hand in that terminal and save the password, or put it into LOTBRIDGE_MT5_PASSWORD_<login>. "
        "Check login and server. Accounts with one-time passwords or certificates cannot be attached.",
    ),
    -7: Remedy("the terminal does not know the call", "Update the terminal: Help > Check for updates."),
    -8: Remedy(
        "algorithmic trading is disabled",
        "Press Algo Trading in the terminal's toolbar; see Tools > Options > Expert Advisors.",
    ),
    -10_000: Remedy("the pipe to the terminal failed", "Restart the terminal."),
    -10_001: Remedy("the terminal took no request", "It has closed or restarted; it is attached again by itself."),
    -10_002: Remedy(
        "the terminal's answer did not arrive",
        "It has closed or restarted; it is attached again by itself.",
    ),
    -10_003: Remedy(
        "no 64-bit MetaTrader 5 terminal at that path",
        "Set path to the terminal64.exe of this account's own installation; Python must be 64-bit too.",
    ),
    -10_004: Remedy(
        "no connection to the terminal",
        "Start the terminal as the same Windows user, neither of the two as administrator alone, and check path.",
    ),
    -10_005: Remedy(
        "the terminal did not answer in time",
        "Close its dialogs (login, update, news); check that portable is set as the terminal was started (/portable); "
        "run both as the same Windows user, not one as administrator; then restart the terminal.",
    ),
    10_026: Remedy("the server forbids algorithmic trading", "Ask the broker; the account is closed to EAs."),
    10_027: Remedy(
        "the terminal forbids algorithmic trading",
        "Press Algo Trading in the toolbar, and allow it under Tools > Options > Expert Advisors. The option that "
        "disables trading through the external Python API may stay: the daemon only reads.",
    ),
    10_031: Remedy("the terminal has no connection to the trade server", "Check the network and the server's name."),
}


def remedy_of(code: int) -> Remedy:
    """What an error means; one general sentence for a code that is not known."""
    return REMEDIES.get(code, _UNKNOWN)
