"""What no table can know alone: sections that must fit each other, accounts side by side, files that must be."""

import ntpath
from collections.abc import Mapping
from pathlib import Path

from bridge.settings.field_checks import is_loopback
from bridge.settings.model import SAMPLE_MARKET, AccountEntry, AuthSettings, ServerSettings
from bridge.settings.source import Fault, Loc, Source
from sizing.prop.firm import Firm

_ONLY = {
    "recorded": ("market", "balance", "leverage", "currency"),
    "mt5": ("path", "server", "portable", "symbols_watched"),
}
"""Keys of an account by the kind of terminal that they are for."""


def bridge_faults(
    source: Source,
    folder: Path,
    server: ServerSettings | None,
    auth: AuthSettings | None,
    entries: Mapping[int, AccountEntry],
) -> list[Fault]:
    """Contradictions within `bridge.toml`. A section of None is wrong already and is not looked at."""
    faults = [
        *_login_faults(source, entries),
        *_terminal_faults(source, entries),
        *_path_faults(source, folder, entries),
    ]
    if server is not None:
        faults += _clock_faults(source, server, entries)
    if server is not None and auth is not None:
        faults += _exposure_faults(source, server, auth)
    if auth is not None:
        faults += _key_file_faults(source, folder, auth)
        faults += _user_faults(source, auth, {entry.login for entry in entries.values()})
    return faults


def account_faults(source: Source, folder: Path, index: int, entry: AccountEntry, firm: Firm | None) -> list[Fault]:
    """What is wrong with one account in the light of its firm and its terminal."""
    loc: Loc = ("accounts", index)
    faults = []
    if firm is not None and firm.rules and entry.initial_balance is None:
        problem = f"is missing; the rules of {firm.name!r} are counted from it (account currency)"
        faults.append(source.fault((*loc, "initial_balance"), problem))
    if firm is not None and entry.initial_balance is not None:
        for key, what in firm.lacks_size(entry.initial_balance):
            table = ".".join(map(str, key)) if isinstance(key, tuple) else key
            faults.append(
                source.fault((*loc, "initial_balance"), f"does not fit firms/{firm.name}.toml: {table} {what}")
            )
    for kind, names in _ONLY.items():
        given = [name for name in names if kind != entry.terminal and getattr(entry, name) is not None]
        faults += [source.fault((*loc, name), f'is for terminal = "{kind}" only; remove it') for name in given]
    if entry.terminal == "recorded":
        faults += _market_faults(source, folder, loc, entry)
    if entry.terminal == "mt5":
        faults += _mt5_faults(source, folder, loc, entry)
    return faults


def _market_faults(source: Source, folder: Path, loc: Loc, entry: AccountEntry) -> list[Fault]:
    if entry.market is None:
        return [source.fault((*loc, "market"), 'is missing; a recorded terminal plays "sample" or a folder')]
    if entry.market != SAMPLE_MARKET and not exists(folder, entry.market, folder_wanted=True):
        problem = f'must be "sample" or a folder; {entry.market!r} is none'
        return [source.fault((*loc, "market"), problem)]
    return []


def _mt5_faults(source: Source, folder: Path, loc: Loc, entry: AccountEntry) -> list[Fault]:
    faults = []
    if entry.path is None:
        problem = "is missing; name the terminal64.exe of this account's own terminal"
        faults.append(source.fault((*loc, "path"), problem))
    elif not exists(folder, str(entry.path)):
        problem = f"must be the full path of a terminal64.exe; {str(entry.path)!r} is no file"
        faults.append(source.fault((*loc, "path"), problem))
    if entry.server is None:
        problem = "is missing; it stands beside the login in the terminal's Navigator"
        faults.append(source.fault((*loc, "server"), problem))
    return faults


def _login_faults(source: Source, entries: Mapping[int, AccountEntry]) -> list[Fault]:
    faults = []
    first: dict[int, int] = {}
    for index, entry in entries.items():
        if entry.login in first:
            problem = f"{entry.login} stands already in accounts[{first[entry.login]}]; each login may appear once"
            faults.append(source.fault(("accounts", index, "login"), problem))
        first.setdefault(entry.login, index)
    return faults


def _terminal_faults(source: Source, entries: Mapping[int, AccountEntry]) -> list[Fault]:
    """A recording has a time of its own; whatever is live has the present."""
    recorded = [entry.terminal == "recorded" for entry in entries.values()]
    other = next((index for index, entry in entries.items() if (entry.terminal == "recorded") != recorded[0]), None)
    if other is None:
        return []
    live = next(entry.terminal for entry in entries.values() if entry.terminal != "recorded")
    problem = (
        f"mixes recorded and {live} accounts, which need different clocks; "
        "run two daemons, each with its own folder and bind address"
    )
    return [source.fault(("accounts", other, "terminal"), problem)]


def _path_faults(source: Source, folder: Path, entries: Mapping[int, AccountEntry]) -> list[Fault]:
    faults = []
    first: dict[str, int] = {}
    for index, entry in entries.items():
        if entry.terminal != "mt5" or entry.path is None:
            continue
        # A Windows path, whatever system reads it: in any case, with either slash, over detours.
        place = ntpath.normcase(ntpath.normpath(str(folder / entry.path))).casefold()
        if place in first:
            problem = (
                f"is the same file as accounts[{first[place]}].path; a terminal shows one account, "
                "so install another one for this account"
            )
            faults.append(source.fault(("accounts", index, "path"), problem))
        first.setdefault(place, index)
    return faults


def _clock_faults(source: Source, server: ServerSettings, entries: Mapping[int, AccountEntry]) -> list[Fault]:
    if server.clock == "system" or all(entry.terminal != "mt5" for entry in entries.values()):
        return []
    problem = 'must be "system" where an account has terminal = "mt5", which is live'
    return [source.fault(("server", "clock"), problem)]


def _exposure_faults(source: Source, server: ServerSettings, auth: AuthSettings) -> list[Fault]:
    if is_loopback(server.bind) or auth.mechanism == "curve":
        return []
    problem = (
        f'{server.bind!r} can be reached from other computers and mechanism is "{auth.mechanism}". '
        "Another bind address needs CURVE keys, or the daemon refuses to start; bind to 127.0.0.1 or set up curve"
    )
    return [source.fault(("server", "bind"), problem)]


def _key_file_faults(source: Source, folder: Path, auth: AuthSettings) -> list[Fault]:
    if auth.mechanism != "curve" or auth.secret_key_file is None:
        return []
    if exists(folder, str(auth.secret_key_file)):
        return []
    problem = f"{str(auth.secret_key_file)!r} does not exist in {folder}; create the keys or correct the name"
    return [source.fault(("auth", "secret_key_file"), problem)]


def _user_faults(source: Source, auth: AuthSettings, logins: set[int]) -> list[Fault]:
    listed = ", ".join(map(str, sorted(logins))) or "none"
    return [
        source.fault(("auth", "users", index, "accounts"), f"{login} is no account here; the accounts are {listed}")
        for index, user in enumerate(auth.users)
        for login in user.accounts
        if login not in logins
    ]


def exists(folder: Path, name: str, *, folder_wanted: bool = False) -> bool:
    """Whether a folder holds a file, or another folder, of that name."""
    try:
        path = folder / name
        return path.is_dir() if folder_wanted else path.is_file()
    except (OSError, ValueError):
        # A name too long for the system, or one with a NUL, exists nowhere.
        return False
