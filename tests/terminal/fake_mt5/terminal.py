"""The fake terminal, in the test's own process. What it shows is a picture of a simulated broker, taken by `show`.

Tests make it misbehave: `do` a call by hanging, dying or failing, `account` another login, `partial` history.
"""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from bridge.market.broker import SimulatedBroker
from bridge.market.recording import TIMEFRAME_MS
from sizing.snapshot import Deal, Position, SymbolSpec

SERVER = "Fake-Demo"
WAIT_S = 30.0
_TIMEFRAMES = {1: "M1", 5: "M5", 15: "M15", 30: "M30", 0x4001: "H1", 0x4004: "H4", 0x4018: "D1"}
_SPEC = tuple(field.name for field in fields(SymbolSpec) if field.name not in ("margin_rate_buy", "margin_rate_sell"))

Reply = dict[str, Any]


class FakeTerminal:
    """One terminal64.exe in a folder of its own, over a broker whose clock is `offset_ms` ahead of UTC."""

    def __init__(self, folder: Path, broker: SimulatedBroker, *, offset_ms: int = 0) -> None:
        self.broker = broker
        self.offset_ms = offset_ms
        self.calls: Counter[str] = Counter()
        self.asked: dict[str, Any] = {}
        """The arguments of the last call of each name."""
        self.do: dict[str, Reply] = {}
        """What a call does instead of answering, by its name: {"do": "hang"}, {"error": [code, text]} ..."""
        self.once: dict[str, list[Reply]] = {}
        """The same for the next calls only."""
        self.then: dict[str, Callable[[], object]] = {}
        """What happens right after a call was answered."""
        self.margin: Callable[[float, float, float], float | None] = lambda margin, _volume, _price: margin
        """A margin of the terminal's own, from the plain one, the volume and the price."""
        self.over: dict[str, dict[str, Any]] = {}
        """Fields of "account", "terminal" or a symbol's name that differ from the broker's."""
        self.hidden: set[str] = set()
        """Symbols that are not in Market Watch."""
        self.ahead_ms: dict[str, int] = {}
        """Symbols whose ticks come from the future."""
        self.live = False
        """Ticks have the time of now, so that they keep pace with it."""
        self.partial: int | None = None
        """How many bars the terminal has loaded; None is all."""
        self.left = threading.Event()
        """A child that was connected has gone."""
        self._changed = threading.Condition()
        self._picture: dict[str, Any] = {}
        self._server = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.path = folder / "terminal64.exe"
        folder.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self._server.getsockname()[:2]), encoding="utf-8")
        threading.Thread(target=self._accept, daemon=True).start()
        self.show()

    def show(self) -> None:
        """Take a new picture of the broker: it is shown from the next call on."""
        broker = self.broker
        picture = {
            "now": broker.now_ms,
            "account": self._account(),
            "positions": [self._position(position) for position in broker.positions()],
            "orders": [self._order(item) for item in broker.working()],
            "deals": [self._deal(deal) for deal in broker.deals()],
            "ticks": {name: self._tick(name) for name in broker.specs},
        }
        with self._changed:
            self._picture = picture

    def rounds(self) -> int:
        """How many rounds the child has begun."""
        with self._changed:
            return self.calls["terminal_info"]

    def await_calls(self, name: str, count: int) -> None:
        """Return when a call was made so often."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.calls[name] >= count, WAIT_S), f"{name}: {self.calls[name]}"

    def close(self) -> None:
        """Like the user closing the window: every pipe breaks."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes whoever waits in accept
        self._server.close()
        self.drop()

    def drop(self) -> None:
        """Break the pipes; the terminal can be reached again."""
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._connections.clear()

    # Answers ---------------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection, connection.makefile("rwb") as pipe:
            for line in pipe:
                name, arguments, named = json.loads(line)
                reply = self._answer(name, arguments, named)
                self.then.get(name, lambda: None)()
                pipe.write(json.dumps(reply).encode() + b"\n")
                pipe.flush()
        self.left.set()

    def _answer(self, name: str, arguments: list[Any], named: dict[str, Any]) -> Reply:
        with self._changed:
            self.calls[name] += 1
            self.asked[name] = (arguments, named)
            self._changed.notify_all()
            picture = self._picture
        if self.once.get(name):
            return self.once[name].pop(0)
        if name in self.do:
            return self.do[name]
        answer: Callable[..., Any] = getattr(self, f"_{name}")
        found = answer(picture, *arguments, **named)
        return {"value": found, "error": [1, "Success"] if found is not None else [-4, "Terminal: Not found"]}

    def _initialize(self, _: Mapping[str, Any], path: str, *, login: int, **_named: Any) -> bool:
        if login == self.broker.login:  # the terminal leaves the account that it showed
            self.over.get("account", {}).pop("login", None)
        return path == str(self.path)

    def _terminal_info(self, _: Mapping[str, Any]) -> dict[str, Any]:
        shown = {"connected": True, "trade_allowed": True, "build": 5200, "ping_last": 12_345, "name": "MetaTrader 5"}
        return {**shown, "path": str(self.path.parent), **self.over.get("terminal", {})}

    def _account_info(self, picture: Mapping[str, Any]) -> dict[str, Any]:
        return {**picture["account"], **self.over.get("account", {})}

    def _symbols_get(self, picture: Mapping[str, Any], _group: str) -> list[dict[str, Any]]:
        return [self._symbol(picture, name) for name in self.broker.specs]

    def _symbol_info(self, picture: Mapping[str, Any], name: str) -> dict[str, Any] | None:
        return self._symbol(picture, name) if name in self.broker.specs else None

    def _symbol_info_tick(self, picture: Mapping[str, Any], name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = picture["ticks"].get(name)
        if found is not None and self.live:
            found = {**found, **self._times("time", time.time_ns() // 1_000_000)}
        return None if name in self.hidden else found

    def _symbol_select(self, _: Mapping[str, Any], name: str, _enable: object) -> bool:
        self.hidden.discard(name)
        return name in self.broker.specs

    def _positions_get(self, picture: Mapping[str, Any], *_: object) -> Any:
        return picture["positions"]

    def _orders_get(self, picture: Mapping[str, Any], *_: object) -> Any:
        return picture["orders"]

    def _history_deals_get(self, picture: Mapping[str, Any], from_s: int, to_s: int) -> list[dict[str, Any]]:
        return [deal for deal in picture["deals"] if from_s <= deal["time"] <= to_s]

    def _copy_rates_from_pos(
        self, picture: Mapping[str, Any], name: str, constant: int, start: int, count: int
    ) -> list[list[Any]] | None:
        rows = self._rates(picture, name, constant)
        if rows is None:
            return None
        rows = rows if self.partial is None else rows[-self.partial :]
        end = len(rows) - start
        return rows[max(0, end - count) : end]

    def _copy_rates_range(
        self, picture: Mapping[str, Any], name: str, constant: int, from_s: int, to_s: int
    ) -> list[list[Any]] | None:
        rows = self._rates(picture, name, constant)
        return None if rows is None else [row for row in rows if from_s <= row[0] <= to_s]

    def _copy_ticks_range(
        self, picture: Mapping[str, Any], name: str, from_s: int, to_s: int, _flags: int
    ) -> list[list[Any]] | None:
        recorded = self.broker.market.symbols.get(name)
        if recorded is None:
            return None
        ticks = recorded.ticks
        columns = (ticks.time_ms.tolist(), ticks.bid.tolist(), ticks.ask.tolist())
        rows = ((ms + self.offset_ms, bid, ask) for ms, bid, ask in zip(*columns, strict=True) if ms <= picture["now"])
        return [
            [ms // 1000, bid, ask, 0.0, 0, ms, 6, 0.0] for ms, bid, ask in rows if from_s * 1000 <= ms <= to_s * 1000
        ]

    def _order_calc_profit(
        self, _: Mapping[str, Any], action: int, name: str, volume: float, price_open: float, price_close: float
    ) -> float | None:
        return self.broker.order_calc_profit("sell" if action else "buy", name, volume, price_open, price_close)

    def _order_calc_margin(
        self, _: Mapping[str, Any], action: int, name: str, volume: float, price: float
    ) -> float | None:
        plain = self.broker.order_calc_margin("sell" if action else "buy", name, volume, price)
        return None if plain is None else self.margin(plain, volume, price)

    # The picture -----------------------------------------------------------------------------------------------------

    def _clock(self, utc_ms: int) -> int:
        return utc_ms + self.offset_ms

    def _times(self, name: str, utc_ms: int) -> dict[str, int]:
        return {name: self._clock(utc_ms) // 1000, f"{name}_msc": self._clock(utc_ms)}

    def _account(self) -> dict[str, Any]:
        account = self.broker.account()
        shown = {field.name: getattr(account, field.name) for field in fields(account)}
        return {**shown, "server": SERVER, "company": "Fake Brokers", "name": "A Trader", "currency_digits": 2}

    def _symbol(self, picture: Mapping[str, Any], name: str) -> dict[str, Any]:
        spec, tick = self.broker.specs[name], picture["ticks"][name]
        shown = {field: getattr(spec, field) for field in _SPEC}
        touch = {} if tick is None else {"bid": tick["bid"], "ask": tick["ask"], "time": tick["time"]}
        selected = name not in self.hidden
        # session_open is a price here: the trap that MT5 has set.
        return {
            **shown, **touch, "select": selected, "visible": selected, "session_open": 1.2345, "path": f"Forex\\{name}",
            **self.over.get(name, {}),
        }  # fmt: skip

    def _tick(self, name: str) -> dict[str, Any] | None:
        quote = self.broker.quote(name)
        if quote is None:
            return None
        times = self._times("time", quote.time_ms + self.ahead_ms.get(name, 0))
        return {**times, "bid": quote.bid, "ask": quote.ask, "flags": 6}

    def _position(self, position: Position) -> dict[str, Any]:
        same = ("ticket", "symbol", "volume", "price_open", "price_current", "profit", "swap", "magic")
        return {
            **{name: getattr(position, name) for name in same},
            **self._times("time", position.time_ms),
            "type": 0 if position.side == "buy" else 1,
            "sl": position.sl or 0.0,
            "tp": position.tp or 0.0,
        }

    def _order(self, item: Any) -> dict[str, Any]:
        order = item.order
        return {
            **{name: getattr(order, name) for name in ("ticket", "symbol", "volume_current", "price_open", "magic")},
            **self._times("time_setup", order.time_setup_ms),
            "type": item.type,
            "state": 1,
            "sl": order.sl or 0.0,
            "tp": order.tp or 0.0,
        }

    def _deal(self, deal: Deal) -> dict[str, Any]:
        shown = {field.name: getattr(deal, field.name) for field in fields(deal) if field.name != "time_ms"}
        return {**shown, **self._times("time", deal.time_ms), "type": 0 if deal.symbol else 2}

    def _rates(self, picture: Mapping[str, Any], name: str, constant: int) -> list[list[Any]] | None:
        """All bars that have begun, the unfinished one last, as the broker's clock has them."""
        recorded = self.broker.market.symbols.get(name)
        bars = None if recorded is None else recorded.bars.get(_TIMEFRAMES[constant])
        if bars is None:
            return None
        assert bars.timeframe in TIMEFRAME_MS
        columns = (
            bars.time_ms.tolist(),
            bars.open.tolist(),
            bars.high.tolist(),
            bars.low.tolist(),
            bars.close.tolist(),
            [0] * len(bars) if bars.tick_volume is None else bars.tick_volume.tolist(),
        )
        return [
            [self._clock(ms) // 1000, *values, 10, 0]
            for ms, *values in zip(*columns, strict=True)
            if ms <= picture["now"]
        ]
