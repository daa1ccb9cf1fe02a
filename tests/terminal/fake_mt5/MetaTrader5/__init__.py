"""The MetaTrader5 package as far as its surface goes. Its terminal is `tests.terminal.fake_mt5.terminal`.

The "terminal64.exe" that `initialize` is given is a file with the address of that terminal. As in the real package:
32 functions, None and `last_error` on failure, times as the broker's wall clock, the interpreter lock held in a call
that hangs.
"""

import ctypes
import json
import os
import socket
import sys
from typing import Any

import numpy as np

from .constants import *  # noqa: F403
from .tables import (
    RATES,
    TICKS,
    AccountInfo,
    BookInfo,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    made,
)

__version__ = "5.0.6231"

_state: dict[str, Any] = {"pipe": None, "error": (1, "Success")}


def _fail(code: int, text: str) -> None:
    _state["error"] = (code, text)


def _hang() -> None:
    """For ever, with the interpreter lock held: no thread of this process runs any more."""
    if sys.platform == "win32":
        ctypes.PyDLL("kernel32").Sleep(0xFFFFFFFE)
    while True:
        ctypes.PyDLL(None).sleep(100_000)


def _ask(name: str, *arguments: Any, **named: Any) -> Any:
    pipe = _state["pipe"]
    if pipe is None:
        return _fail(-10004, "No IPC connection")
    try:
        pipe.write(json.dumps([name, arguments, named]).encode() + b"\n")
        pipe.flush()
        line = pipe.readline()
    except OSError:
        return _fail(-10001, "IPC send failed")
    if not line:
        return _fail(-10002, "IPC recv failed")
    reply = json.loads(line)
    if reply.get("do") == "hang":
        _hang()
    if reply.get("do") == "die":
        os.write(2, reply.get("says", "").encode())
        os._exit(77)
    _fail(*reply.get("error", (1, "Success")))
    return reply.get("value")


def initialize(
    path: str | None = None,
    *,
    login: int = 0,
    password: str = "",
    server: str = "",
    timeout: int = 60_000,
    portable: bool = False,
) -> bool:
    if path is None or not os.path.isfile(path):  # noqa: PTH113 - as little as possible is imported
        _fail(-10003, "IPC initialize failed, MetaTrader 5 x64 not found")
        return False
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        host, port = json.load(file)
    try:
        connection = socket.create_connection((host, port), timeout=timeout / 1000)
    except OSError:
        _fail(-10005, "IPC timeout")
        return False
    connection.settimeout(None)
    shutdown()
    _state["pipe"] = connection.makefile("rwb")
    connection.close()  # the pipe holds it open
    return bool(_ask("initialize", path, login=login, password=password, server=server, portable=portable))


def shutdown() -> None:
    if _state["pipe"] is not None:
        _state["pipe"].close()
    _state["pipe"] = None


def login(login: int, password: str = "", server: str = "", timeout: int = 60_000) -> bool:
    return bool(_ask("login", login, password=password, server=server))


def last_error() -> tuple[int, str]:
    return tuple(_state["error"])


def version() -> tuple[int, int, str] | None:
    found = _ask("version")
    return None if found is None else tuple(found)


def terminal_info() -> Any:
    return _one(TerminalInfo, _ask("terminal_info"))


def account_info() -> Any:
    return _one(AccountInfo, _ask("account_info"))


def symbols_total() -> int | None:
    return _ask("symbols_total")


def symbols_get(group: str = "*") -> Any:
    return _many(SymbolInfo, _ask("symbols_get", group))


def symbol_info(symbol: str) -> Any:
    return _one(SymbolInfo, _ask("symbol_info", symbol))


def symbol_info_tick(symbol: str) -> Any:
    return _one(Tick, _ask("symbol_info_tick", symbol))


def symbol_select(symbol: str, enable: bool = True) -> bool:
    return bool(_ask("symbol_select", symbol, enable))


def market_book_add(symbol: str) -> bool:
    return bool(_ask("market_book_add", symbol))


def market_book_get(symbol: str) -> Any:
    return _many(BookInfo, _ask("market_book_get", symbol))


def market_book_release(symbol: str) -> bool:
    return bool(_ask("market_book_release", symbol))


def copy_rates_from(symbol: str, timeframe: int, date_from: int, count: int) -> Any:
    return _array(RATES, _ask("copy_rates_from", symbol, timeframe, date_from, count))


def copy_rates_from_pos(symbol: str, timeframe: int, start_pos: int, count: int) -> Any:
    return _array(RATES, _ask("copy_rates_from_pos", symbol, timeframe, start_pos, count))


def copy_rates_range(symbol: str, timeframe: int, date_from: int, date_to: int) -> Any:
    return _array(RATES, _ask("copy_rates_range", symbol, timeframe, date_from, date_to))


def copy_ticks_from(symbol: str, date_from: int, count: int, flags: int) -> Any:
    return _array(TICKS, _ask("copy_ticks_from", symbol, date_from, count, flags))


def copy_ticks_range(symbol: str, date_from: int, date_to: int, flags: int) -> Any:
    return _array(TICKS, _ask("copy_ticks_range", symbol, date_from, date_to, flags))


def orders_total() -> int | None:
    return _ask("orders_total")


def orders_get(*, symbol: str | None = None, group: str | None = None, ticket: int | None = None) -> Any:
    return _many(TradeOrder, _ask("orders_get", symbol, ticket))


def positions_total() -> int | None:
    return _ask("positions_total")


def positions_get(*, symbol: str | None = None, group: str | None = None, ticket: int | None = None) -> Any:
    return _many(TradePosition, _ask("positions_get", symbol, ticket))


def history_orders_total(date_from: int, date_to: int) -> int | None:
    return _ask("history_orders_total", date_from, date_to)


def history_orders_get(date_from: int = 0, date_to: int = 0, **named: Any) -> Any:
    return _many(TradeOrder, _ask("history_orders_get", date_from, date_to))


def history_deals_total(date_from: int, date_to: int) -> int | None:
    return _ask("history_deals_total", date_from, date_to)


def history_deals_get(date_from: int = 0, date_to: int = 0, **named: Any) -> Any:
    return _many(TradeDeal, _ask("history_deals_get", date_from, date_to))


def order_check(request: dict[str, Any]) -> Any:
    return _ask("order_check", request)


def order_send(request: dict[str, Any]) -> Any:
    return _ask("order_send", request)


def order_calc_margin(action: int, symbol: str, volume: float, price: float) -> float | None:
    return _ask("order_calc_margin", action, symbol, volume, price)


def order_calc_profit(action: int, symbol: str, volume: float, price_open: float, price_close: float) -> float | None:
    return _ask("order_calc_profit", action, symbol, volume, price_open, price_close)


def _one(kind: Any, values: dict[str, Any] | None) -> Any:
    return None if values is None else made(kind, values)


def _many(kind: Any, rows: list[dict[str, Any]] | None) -> Any:
    return None if rows is None else tuple(made(kind, row) for row in rows)


def _array(kind: Any, rows: list[list[Any]] | None) -> Any:
    return None if rows is None else np.array([tuple(row) for row in rows], dtype=kind)
