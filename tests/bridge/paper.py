"""An account on paper: what MT5 would report of trades that tests make up. Money is in account currency."""

from pathlib import Path
from typing import Any

from tests.bridge.builders import account_info, account_settings, position_info
from tests.bridge.test_review import DAY, PlainRig
from tests.builders import LOGIN, NOW_MS, at


class PaperAccount:
    """Balance, open positions and deals that always fit together; the first deal is the deposit.

    Times are UTC milliseconds; `offset_ms` makes them the broker's clock in what is reported. Floating profit is what
    the test says it is: prices do not move.
    """

    def __init__(self, opened_ms: int, deposit: float = 100_000.0, *, offset_ms: int = 0) -> None:
        self.balance = 0.0
        self.offset_ms = offset_ms
        self.positions: dict[int, dict[str, Any]] = {}
        self.deals: list[dict[str, Any]] = []
        self._tickets = 100
        self.pay(deposit, opened_ms)

    @property
    def equity(self) -> float:
        """Balance and everything that floats."""
        return self.balance + sum(position["profit"] for position in self.positions.values())

    def pay(self, money: float, at_ms: int) -> None:
        """Pay money in, or out where it is negative."""
        self._deal(at_ms, profit=money)

    def open(self, at_ms: int, lots: float = 0.1, ticket: int | None = None, **over: Any) -> int:
        """Buy EURUSD; the position's ticket."""
        ticket = ticket or self._next_ticket()
        self.positions[ticket] = position_info(ticket, volume=lots, time_msc=at_ms + self.offset_ms, **over)
        self.positions[ticket].setdefault("profit", 0.0)
        self._deal(at_ms, symbol="EURUSD", entry=0, position_id=ticket, volume=lots, price=1.1)
        return ticket

    def floats(self, ticket: int, profit: float) -> None:
        """Let a position stand at this profit."""
        self.positions[ticket]["profit"] = profit

    def close(self, ticket: int, at_ms: int, profit: float | None = None) -> None:
        """Close a position with this profit, or with what it floats at."""
        position = self.positions.pop(ticket)
        gained = position["profit"] if profit is None else profit
        self._deal(
            at_ms, symbol="EURUSD", entry=1, position_id=ticket, volume=position["volume"], price=1.1, profit=gained
        )

    def trade(self, at_ms: int, profit: float) -> None:
        """Open a position and close it a second later."""
        self.close(self.open(at_ms), at_ms + 1_000, profit)

    def parts(self, login: int = LOGIN) -> dict[str, Any]:
        """The parts of a full snapshot."""
        info = account_info(login=login, balance=self.balance, equity=self.equity)
        return {"account_info": info, "positions": list(self.positions.values()), "deals": list(self.deals)}

    def _deal(self, at_ms: int, profit: float = 0.0, **fields: Any) -> None:
        self.balance = round(self.balance + profit, 2)
        self.deals.append(
            {"ticket": self._next_ticket(), "time_msc": at_ms + self.offset_ms, "profit": profit, **fields}
        )

    def _next_ticket(self) -> int:
        self._tickets += 1
        return self._tickets


class PaperRig(PlainRig):
    """A rig on the daemon's own clock that is fed by an account on paper."""

    def __init__(self, folder: Path, *, paper: PaperAccount | None = None, **over: Any) -> None:
        self.paper = paper or PaperAccount(NOW_MS - 30 * DAY)
        super().__init__(folder, account_settings(**over))

    def at(self, text: str) -> int:
        """Set the clock to a UTC time such as "2026-03-04 10:00"; backwards too."""
        self.clock.advance_to(at(text))
        return self.clock.now_ms()

    def report(self, **parts: Any) -> None:
        """A full snapshot of the account as it stands on paper; what happens between two requests follows."""
        self.hear(self.paper.offset_ms, **{**self.paper.parts(), **parts})
        self.service.housekeep()

    def reports(self, until_ms: int, every_ms: int) -> None:
        """Report the account as it stands until a time, which is reported too."""
        while self.clock.now_ms() < until_ms:
            self.tick(min(every_ms, until_ms - self.clock.now_ms()))
            self.report()

    def rules(self) -> dict[str, Any]:
        return self.ask(type="rules")

    def rule(self, name: str = "daily") -> dict[str, Any]:
        """One rule in full."""
        (found,) = [rule for rule in self.rules()["rules"] if rule["name"] == name]
        return dict(found)

    def anchor(self, name: str = "daily") -> float | None:
        """What a rule counts from."""
        found: float | None = self.rule(name)["anchor"]
        return found

    def set_anchor(self, value: float, name: str = "daily", *, force: bool = True) -> dict[str, Any]:
        return self.ask(type="anchor", rule=name, value=value, reason="as the firm says", force=force)

    def halts(self) -> list[tuple[str, int | None]]:
        """Code and end of every halt that stands."""
        return [(halt["code"], halt["until_ms"]) for halt in self.rules()["halts"]]

    def refusal(self, **over: Any) -> str | None:
        """The code of a size request's answer; None where it has lots."""
        reply = self.size(dry_run=True, **over)
        return None if reply["lots"] > 0 else str(reply["code"])
