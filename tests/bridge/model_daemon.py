"""The real service over a journal, on a fed account whose clock is the modelled broker's."""

import functools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from bridge.settings import AccountSettings, load
from sizing.prop.firm import Firm
from sizing.symbols import SymbolClass, SymbolTable
from tests.bridge.builders import Rig, account_info, account_settings, decoded, quote_info, symbol_info
from tests.bridge.model_broker import (
    DAY_MS,
    DIGITS,
    GAP,
    LOT,
    OFFSET_MS,
    PIP,
    SWAP,
    SYMBOLS,
    Booked,
    Broker,
    deal_fields,
    order_fields,
    position_fields,
)
from tests.bridge.model_rules import INITIAL
from tests.builders import LOGIN
from tests.settings.builders import swap, write_folder
from tests.sizing.builders import loose_policy

HISTORY_MS = 48 * 3_600_000
_TABLE = SymbolTable(
    classes={
        "forex": SymbolClass(
            patterns=tuple(f"{name}*" for name in SYMBOLS), max_lots=50.0, max_notional_pct=1e6,
            commission_per_lot=7.0, slippage_points=5.0,
        )
    }
)  # fmt: skip


@functools.cache
def shipped(name: str, initial: int = 100_000) -> Firm:
    """A firm as the daemon loads it from its shipped file."""
    with TemporaryDirectory() as folder:
        config = write_folder(Path(folder))
        (config / "calendar.csv").write_text("", encoding="utf-8")
        swap(config, "bridge.toml", 'firm = "ftmo-2step"', f'firm = "{name}"')
        return load(config).accounts[0].firm


def settings_for(firm: str) -> AccountSettings:
    """An account of 100,000 on which nothing but the firm's rules and the margin limits a size.

    The calendar of news is left out: it refuses, it does not size.
    """
    policy = loose_policy(
        budget={"model": "fixed", "base_risk_pct": 10.0},
        edge={"min_expected_return": 0.0},
        heat={"limit_pct": 100.0, "factor": 1.0},
        drawdown={"halt_pct": 60.0},
        tail={"gap_excess_pct": GAP * 100},
        caps={"margin_use_pct": 100.0},
    )
    return account_settings(firm=shipped(firm), policy=policy, symbols=_TABLE, initial_balance=INITIAL)


class Daemon(Rig):
    """The service, the EA that feeds it, and a record of every message that must be answered the same way again."""

    def __init__(self, folder: Path, firm: str, broker: Broker, *, whole_history: bool) -> None:
        self.broker = broker
        self.whole_history = whole_history
        self.session, self.sequence = "ea-1", 0
        self.sent: list[tuple[bytes, bytes]] = []
        self._resync = True
        self._deals_sent = self._full_ms = 0
        self._orders_sent: list[dict[str, Any]] | None = None
        super().__init__(folder, settings_for(firm), now_ms=broker.now_ms)

    def _open(self) -> None:
        self.clock = self  # type: ignore[assignment]
        super()._open()

    def now_ms(self) -> int:
        """The daemon's clock is right."""
        return self.broker.now_ms

    def send(self, raw: bytes, allowed: Any = None) -> bytes:
        """Nothing may ever be answered with `internal`, nor be a defect that is only in the log."""
        reply = super().send(raw, allowed)
        fields = decoded(reply)
        defects = [event.fields for event in self.service.events if event.level == "error"]
        assert fields["code"] != "internal", (fields, defects)
        assert not defects, defects
        self.service.events.clear()
        if fields["code"] not in ("feed_conflict", "id_reused"):
            self.sent.append((raw, reply))
        return reply

    def settle(self) -> None:
        """What the daemon does between requests."""
        self.service.housekeep()
        defects = [event.fields for event in self.service.events if event.level == "error"]
        assert not defects, defects

    def restart(self, *, clean: bool) -> None:
        """The daemon starts anew; the EA does not know."""
        self.reopen(clean=clean)

    def new_session(self) -> None:
        """The EA starts anew."""
        self.session, self.sequence, self._resync = f"ea-{self.new_id()}", 0, True

    def lose(self) -> None:
        """A message of the feed that never arrives; the EA believes that it did."""
        self.sequence += 1
        self._deals_sent = len(self.broker.deals)
        self._orders_sent = order_fields(self.broker.orders.values())

    def hear(self, *, full: bool = False) -> bool:
        """Feed the moment; whether the daemon knows the account as it is now. A gap or restart needs a second one."""
        raw = self.message(full=full)
        reply = decoded(self.send(raw))
        if reply["code"] == "feed_conflict":
            return False
        assert reply["status"] == "ok", reply
        self._resync = reply["resync"]
        return not reply["resync"]

    def unknown_rules(self) -> list[str]:
        """Rules for which every size is refused, as what they count from is not known."""
        desk = self.desks[0]
        report = desk.terminal.account()
        assert report is not None
        return [name for name, _ in desk.firm_state(desk.account_view(report), self.now_ms()).missing]

    def quotes(self) -> None:
        """Feed new quotes without the account."""
        self._send_part(quotes=self._quotes())

    def message(self, *, full: bool = False) -> bytes:
        """The next message of the feed. One that has account, positions and orders always has the history too."""
        broker = self.broker
        orders = order_fields(broker.orders.values())
        parts: dict[str, Any] = {
            "account_info": self._account(),
            "positions": position_fields(broker, broker.positions.values()),
            "quotes": self._quotes(),
        }
        late = broker.now_ms - self._full_ms > DAY_MS // 2
        if full or late or self._resync or orders != self._orders_sent:
            self._full_ms = broker.now_ms
            parts |= {"orders": orders, "symbols": self._symbols(), "deals": deal_fields(self._history())}
        else:
            parts["deals"] = deal_fields(broker.deals[self._deals_sent :])
        self._deals_sent, self._orders_sent = len(broker.deals), orders
        return self._frame(parts)

    def _send_part(self, **parts: Any) -> None:
        reply = decoded(self.send(self._frame(parts)))
        if reply["status"] == "ok":
            self._resync = self._resync or reply["resync"]

    def _frame(self, parts: dict[str, Any]) -> bytes:
        fields = {
            "type": "snapshot", "account": LOGIN, "session": self.session, "sequence": self.sequence,
            "time_trade_server": (self.broker.now_ms + OFFSET_MS) // 1000, **parts,
        }  # fmt: skip
        self.sequence += 1
        return self.body(**fields)

    def _history(self) -> list[Booked]:
        since = 0 if self.whole_history else self.broker.now_ms - HISTORY_MS
        return [each for each in self.broker.deals if each.time_ms >= since]

    def _account(self) -> dict[str, Any]:
        broker = self.broker
        rates = {"EURUSD": broker.bids["EURUSD"], "USDJPY": 1.0, "EURJPY": broker.bids["EURUSD"]}
        margin = sum(each.lots * LOT * rates[each.symbol] / 100 for each in broker.positions.values())
        return account_info(
            login=LOGIN, balance=broker.balance, equity=broker.equity, margin=round(margin, 2), margin_mode=broker.mode
        )

    def _quotes(self) -> list[dict[str, Any]]:
        now = self.broker.now_ms + OFFSET_MS
        return [quote_info(name, bid, self.broker.ask(name), now) for name, bid in self.broker.bids.items()]

    def _symbols(self) -> list[dict[str, Any]]:
        bids = self.broker.bids
        per_tick = {"EURUSD": 1.0, "USDJPY": LOT * 0.001 / bids["USDJPY"], "EURJPY": LOT * 0.001 / bids["USDJPY"]}
        return [
            symbol_info(
                name, trade_tick_value=round(per_tick[name], 4), swap_mode=4, swap_long=SWAP["buy"],
                swap_short=SWAP["sell"], digits=DIGITS[name], point=PIP[name] / 10,
            )
            for name in SYMBOLS
        ]  # fmt: skip


def plain(value: Any) -> Any:
    """A reply without what must differ between two askings."""
    fields = msgspec.to_builtins(value)
    return {key: each for key, each in fields.items() if key not in ("id", "server_ms")}
