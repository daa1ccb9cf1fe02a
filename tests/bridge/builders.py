"""A daemon without a socket, fed by hand, with good defaults: name only what the test is about."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bridge.clock import SteppedClock
from bridge.desk import Desk
from bridge.journal.reader import JournalReader
from bridge.journal.store import Journal
from bridge.protocol.messages import AccountInfo, SymbolInfo
from bridge.recompute import recompute
from bridge.service import Incoming, Service
from bridge.settings import AccountSettings
from bridge.terminal.feed import FeedTerminal
from sizing.policy import Policy
from sizing.prop.firm import Firm
from sizing.symbols import SymbolClass, SymbolTable
from tests.builders import LOGIN, NOW_MS, make_account, make_spec
from tests.sizing.builders import ftmo, make_policy

NO_RULES = Firm(name="free", title="Free")
FOREX = SymbolClass(patterns=("EURUSD*", "USDJPY*"), max_lots=10.0, max_notional_pct=10_000.0)
TABLE = SymbolTable(classes={"forex": FOREX})
ROOMY: dict[str, Any] = {
    "gross_exposure": 1e6, "net_exposure": 1e6, "concentration_pct": 100.0, "untargeted_reach_stops": 2.0,
}  # fmt: skip
"""Caps of the policy that stay out of the way."""


def roomy_policy(**groups: dict[str, Any]) -> Policy:
    """The default policy without caps on exposure and concentration; `groups` change it further."""
    return make_policy(**{**groups, "caps": {**ROOMY, **groups.get("caps", {})}})


def account_settings(login: int = LOGIN, **over: Any) -> AccountSettings:
    """A fed account of FTMO's that began with 100,000 and sizes with a roomy policy."""
    values: dict[str, Any] = {
        "login": login, "terminal": "ea_feed", "firm": ftmo(), "policy": roomy_policy(), "symbols": TABLE,
        "initial_balance": 100_000.0,
    }  # fmt: skip
    return AccountSettings(**{**values, **over})


def account_info(**over: Any) -> dict[str, Any]:
    """MT5's account_info of 100,000 with nothing open; any field by name."""
    return _plain(msgspec.convert(make_account(**over), AccountInfo, from_attributes=True))


def symbol_info(name: str = "EURUSD", *, session_open: bool = True, **over: Any) -> dict[str, Any]:
    """MT5's symbol_info; any field by name."""
    info = msgspec.convert(make_spec(name, **over), SymbolInfo, from_attributes=True)
    return {**_plain(info), "session_open": session_open}


def position_info(ticket: int = 1, **over: Any) -> dict[str, Any]:
    """One lot of EURUSD bought at 1.1 with its stop 50 pips below, opened now."""
    values = {
        "ticket": ticket, "symbol": "EURUSD", "type": 0, "volume": 1.0, "price_open": 1.1, "price_current": 1.1,
        "sl": 1.095, "time_msc": NOW_MS,
    }  # fmt: skip
    return {**values, **over}


def order_info(ticket: int = 1, **over: Any) -> dict[str, Any]:
    """A buy limit of one lot of EURUSD at 1.09 with its stop 50 pips below, placed now."""
    values = {
        "ticket": ticket, "symbol": "EURUSD", "type": 2, "volume_current": 1.0, "price_open": 1.09, "sl": 1.085,
        "time_setup_msc": NOW_MS,
    }  # fmt: skip
    return {**values, **over}


def quote_info(
    symbol: str = "EURUSD", bid: float = 1.1, ask: float | None = None, time_msc: int = NOW_MS
) -> dict[str, Any]:
    """A quote one pip wide."""
    return {"symbol": symbol, "time_msc": time_msc, "bid": bid, "ask": round(bid + 0.0001, 5) if ask is None else ask}


def size_fields(**over: Any) -> dict[str, Any]:
    """Buy EURUSD with the stop 50 pips and the target 150 pips away, confidence 75."""
    values = {
        "type": "size", "symbol": "EURUSD", "side": "buy", "stop_loss": 1.0951, "take_profit": 1.1151, "confidence": 75,
    }  # fmt: skip
    return {**values, **over}


def body(fields: dict[str, Any]) -> bytes:
    """A request's bytes; what is None is left out unless it is the stop."""
    return msgspec.json.encode({key: value for key, value in fields.items() if value is not None or key == "stop_loss"})


class Rig:
    """A service over a journal in `folder`, with a stepped clock and one fed terminal per account.

    `reopen` is what a restart after SIGKILL meets: copies of the files as they are, and everything else new.
    """

    def __init__(self, folder: Path, *accounts: AccountSettings, now_ms: int = NOW_MS) -> None:
        self.accounts = accounts or (account_settings(),)
        self.folder = folder
        self.clock = SteppedClock(now_ms)
        self._count = 0
        self._restarts = 0
        self._sequences: dict[int, int] = {}
        self.path = folder / "journal.sqlite"
        self._open()

    def _open(self) -> None:
        self.journal = Journal(self.path)
        try:
            self.desks = [Desk(account, FeedTerminal(account.login)) for account in self.accounts]
            self.service = Service(self.desks, self.journal, self.clock)
        except BaseException:
            self.journal.close()
            raise

    def reopen(self, *, clean: bool = False) -> None:
        """Start anew on the journal as it stands; `clean` first shuts down in order."""
        if clean:
            self.service.save_state()
            self.journal.close()
        else:
            old, journal = self.path, self.journal
            self._restarts += 1
            self.path = self.folder / f"restart-{self._restarts}" / "journal.sqlite"
            copy_files(old, self.path)
            journal.close()
        self._open()

    def close(self) -> None:
        self.journal.close()

    def tick(self, by_ms: int) -> None:
        """Let time pass."""
        self.clock.advance_to(self.clock.now_ms() + by_ms)

    def new_id(self) -> str:
        self._count += 1
        return f"q-{self._count}"

    def send(self, raw: bytes, allowed: Collection[int] | None = None) -> bytes:
        return self.service.handle(Incoming(raw, allowed))

    def body(self, **fields: Any) -> bytes:
        """A request's bytes with version and a new id, unless `fields` say otherwise."""
        return body({"v": 1, "id": fields.get("id") or self.new_id(), **fields})

    def ask(self, **fields: Any) -> dict[str, Any]:
        return decoded(self.send(self.body(**fields)))

    def size(self, **over: Any) -> dict[str, Any]:
        return self.ask(**size_fields(**over))

    def fill(self, reservation: str | None, ticket: int = 1, lots: float = 1.0, **over: Any) -> dict[str, Any]:
        return self.ask(type="fill", reservation=reservation, ticket=ticket, lots=lots, **{"price": 1.1001, **over})

    def release(self, reservation: str | None, **over: Any) -> dict[str, Any]:
        return self.ask(type="release", reservation=reservation, **{"reason": "not taken", **over})

    def status(self, **over: Any) -> dict[str, Any]:
        return self.ask(type="status", **over)

    def snapshot_fields(self, login: int = LOGIN, **parts: Any) -> dict[str, Any]:
        """A full snapshot of the moment; a part of None is left out."""
        now_ms = self.clock.now_ms()
        self._sequences[login] = sequence = self._sequences.get(login, -1) + 1
        values: dict[str, Any] = {
            "type": "snapshot", "account": login, "session": "ea", "sequence": sequence,
            "time_trade_server": now_ms // 1000, "account_info": account_info(login=login), "symbols": [symbol_info()],
            "positions": [], "orders": [], "quotes": [quote_info(time_msc=now_ms)], "deals": [],
        }  # fmt: skip
        return {**values, **parts}

    def feed(self, login: int = LOGIN, **parts: Any) -> dict[str, Any]:
        """Send a full snapshot of the moment."""
        return self.ask(**self.snapshot_fields(login, **parts))

    def reserved(self, **over: Any) -> float:
        """Worst-case money that the ledger holds, as status tells it."""
        return float(self.status(**over)["reserved_risk"])


def granted(reply: dict[str, Any]) -> dict[str, Any]:
    """The same reply, which must have lots and a reservation."""
    assert reply["status"] == "ok", reply
    assert reply["lots"] > 0, reply
    assert reply["reservation"] is not None, reply
    return reply


def decoded(reply: bytes) -> dict[str, Any]:
    """A reply's fields; those that every reply carries must be there."""
    fields: dict[str, Any] = msgspec.json.decode(reply)
    assert {"v", "type", "id", "status", "code", "message", "server_ms"} <= fields.keys(), fields
    assert (fields["code"] is None) == (fields["message"] is None) == (fields["status"] == "ok"), fields
    return fields


def copy_files(path: Path, target: Path) -> None:
    """A journal's files as the system holds them now: what a killed process leaves."""
    target.parent.mkdir(parents=True)
    for suffix in ("", "-wal", "-tail"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copyfile(source, target.with_name(target.name + suffix))


def recomputed(path: Path, kinds: Sequence[str] = ("size",)) -> int:
    """Every decision of a journal made again, each of which must come out the same; how many there were."""
    reader = JournalReader(path)
    try:
        entries = [entry for kind in kinds for entry in reader.latest(kind, 1_000_000)]
        for entry in entries:
            result = recompute(reader, entry)
            assert result.evidence is None or result.identical, result.differences
    finally:
        reader.close()
    return len(entries)


def _plain(info: msgspec.Struct) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(info)
    return fields
