"""What a range cannot say of a single field: the format of an address, a time zone, a key."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import PureWindowsPath
from typing import Any
from zoneinfo import ZoneInfo

from bridge.settings.model import AccountEntry, AuthUser, ServerSettings
from sizing.positions.conditions import check_conditions
from sizing.positions.rebalance.rules import Rebalance
from sizing.positions.rulesets import ShareRule
from sizing.prop.firm import CalendarRule, Consistency, Firm, FirmLimits, NewsBlackout
from sizing.prop.formats import (
    BROKER,
    FieldFault,
    FieldsError,
    currency_codes,
    day_minute,
    iso_date,
    raise_if,
    sizes,
    utc_ms,
    week_minute,
)
from sizing.prop.rules import LossRule
from sizing.symbols import SymbolTable

_ENDPOINT = re.compile(r"tcp://(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(\*|\d{1,5})")
_Z85_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


def host_and_port(bind: str) -> tuple[str, str]:
    """Host and port of a bind address. Port 0 or `*` lets the system choose."""
    match = _ENDPOINT.fullmatch(bind)
    if match is None or (match[2] != "*" and int(match[2]) > 65_535):
        raise ValueError(f'must be an address such as "tcp://127.0.0.1:5757"; it is {bind!r}')
    return match[1].strip("[]"), match[2]


def is_loopback(bind: str) -> bool:
    """Whether only this computer can reach a bind address. Names other than localhost are taken to be reachable."""
    host, _ = host_and_port(bind)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _known_zone(name: str) -> None:
    if name == BROKER:
        return
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        problem = f'must be "broker" or an IANA time zone such as "Europe/Prague"; {name!r} is unknown'
        raise ValueError(problem) from None


def is_plain_name(name: str) -> bool:
    """Whether a text is a file's name on any system, without folders."""
    return bool(name.strip()) and not name.startswith(".") and not set(name) & set('/\\:*?"<>|\x00')


def _plain_name(name: str) -> None:
    if not is_plain_name(name):
        raise ValueError(f'must name a file in firms/ without folder and ending, such as "ftmo-2step"; it is {name!r}')


def _file_name(name: str) -> None:
    if not name.strip() or "\x00" in name:
        raise ValueError("must name a file")


def _currency(code: str | None) -> None:
    if code is not None:
        currency_codes((code,))


def _key(key: str | None) -> None:
    if key is not None and _Z85_KEY.fullmatch(key) is None:
        raise ValueError("must be a CURVE public key: 40 characters of Z85")


def _secret(text: str | None) -> None:
    if text is not None and not 1 <= len(text.encode()) <= 255:
        raise ValueError("must have 1 to 255 bytes")


def _logins(logins: tuple[int, ...]) -> None:
    if not logins:
        raise ValueError("must list at least one login this user may ask for")


def _server_name(name: str | None) -> None:
    if name is not None and not name.strip():
        raise ValueError("must be the server's name as the terminal shows it")


def _symbol_names(names: tuple[str, ...] | None) -> None:
    if names is not None and (not names or any(not 1 <= len(name) <= 64 for name in names)):
        raise ValueError("must list at least one symbol by the broker's name; leave it out for all of Market Watch")


def _correlations(pairs: dict[str, float]) -> None:
    wrong = {pair: value for pair, value in pairs.items() if not -1 <= value <= 1}
    if wrong:
        raise FieldsError([(pair, f"must lie between -1 and 1; it is {value:g}") for pair, value in wrong.items()])


def _sectors(sectors: dict[str, tuple[str, ...]]) -> None:
    faults: list[FieldFault] = []
    owner: dict[str, str] = {}
    for sector, patterns in sectors.items():
        for pattern in patterns:
            if not pattern.rstrip("*"):
                faults.append((sector, f"names no symbol: {pattern!r}"))
            elif pattern in owner:
                problem = f"{pattern!r} stands in sector {owner[pattern]!r} already; a symbol has one sector"
                faults.append((sector, problem))
            owner.setdefault(pattern, sector)
    raise_if(faults)


def is_inside(name: str) -> bool:
    """Whether a path, with either slash, stays inside the folder that it is relative to, on any system."""
    path = PureWindowsPath(name)
    return bool(path.name) and bool(name.strip()) and not path.anchor and ".." not in path.parts and "\x00" not in name


def _inside(name: str | None) -> None:
    if name is not None and not is_inside(name):
        raise ValueError(f'must be a file inside this folder, such as "positions/active.toml"; it is {name!r}')


def _share_files(names: tuple[str, ...]) -> None:
    """Each inside the folder; and as rules are told apart by their file's name, none of a name that another has."""
    faults: list[FieldFault] = []
    paths: dict[str, str] = {}
    for place, name in enumerate(names):
        # Windows takes names in any case for the same.
        path = PureWindowsPath(name)
        same = paths.get(path.stem.casefold())
        if not is_inside(name):
            problem = f'must be a file inside this folder, such as "positions/share-gradual.toml"; it is {name!r}'
            faults.append(((place,), problem))
        elif same is None:
            paths[path.stem.casefold()] = name
        elif PureWindowsPath(same) == path:
            faults.append(((place,), f"{name!r} stands there already; name each file once"))
        else:
            problem = f"{name!r} has the name of {same!r}, by which its rules are told; give it another name"
            faults.append(((place,), problem))
    raise_if(faults)


FIELD_CHECKS: dict[tuple[type[Any], str], Callable[[Any], object]] = {
    (ServerSettings, "bind"): host_and_port,
    (AuthUser, "name"): _secret,
    (AuthUser, "password"): _secret,
    (AuthUser, "public_key"): _key,
    (AuthUser, "accounts"): _logins,
    (AccountEntry, "firm"): _plain_name,
    (AccountEntry, "policy"): _file_name,
    (AccountEntry, "symbols"): _file_name,
    (AccountEntry, "share_rules"): _share_files,
    (AccountEntry, "active"): _inside,
    (AccountEntry, "rebalance"): _inside,
    (AccountEntry, "currency"): _currency,
    (AccountEntry, "server"): _server_name,
    (AccountEntry, "symbols_watched"): _symbol_names,
    (Firm, "timezone"): _known_zone,
    (Firm, "reset"): day_minute,
    (Firm, "weekend_from"): week_minute,
    (Firm, "weekend_until"): week_minute,
    (Firm, "flat_from"): day_minute,
    (Firm, "flat_until"): day_minute,
    (LossRule, "as_of"): iso_date,
    (LossRule, "amount_by_size"): sizes,
    (CalendarRule, "file"): _file_name,
    (CalendarRule, "as_of"): iso_date,
    (Consistency, "as_of"): iso_date,
    (FirmLimits, "max_lots_by_size"): sizes,
    (NewsBlackout, "start"): utc_ms,
    (NewsBlackout, "end"): utc_ms,
    (ShareRule, "all"): check_conditions,
    (ShareRule, "any"): check_conditions,
    (NewsBlackout, "currencies"): currency_codes,
    (Rebalance, "sectors"): _sectors,
    (SymbolTable, "correlations"): _correlations,
}
"""Checks of one field; each raises `ValueError`. They run also where another field of the table is wrong."""
