"""The firms' loss rules once more, written from their texts and not from `sizing.prop`: floors to compare with.

An account began with 100,000 USD. Money is in USD, times are UTC milliseconds.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from tests.bridge.model_broker import OFFSET_MS, Booked, Broker, Statement

INITIAL = 100_000.0
CENT = 0.01
Basis = Literal[
    "start", "midnight balance", "midnight higher", "best midnight balance", "best balance", "best equity"
]  # fmt: skip


class Text(NamedTuple):
    """One rule: the account must stay above `basis` less `money`, or less `percent` of the basis."""

    name: str
    basis: Basis
    money: float = 0.0
    percent: float = 0.0
    touching: bool = False
    """Reaching the floor is a breach already."""
    stops_at: float | None = None
    """The floor never rises above this."""
    pauses: bool = False
    payout_moves: bool = False
    """A withdrawal puts the floor where it stops."""
    lower_of_both: bool = False
    """Balance and equity must both hold."""

    def floor(self, basis: float) -> float:
        """The floor that follows from a basis."""
        floor = basis * (1 - self.percent / 100) - self.money
        return floor if self.stops_at is None else min(floor, self.stops_at)

    def least(self, basis: float) -> float:
        """The least money that is no breach."""
        return self.floor(basis) + (CENT if self.touching else 0.0)


@dataclass(frozen=True)
class FirmText:
    """A firm's rules; its day begins at `hour` o'clock."""

    says: str
    zone: tzinfo
    hour: int
    rules: tuple[Text, ...]
    max_lots: float | None = None
    """Of all that is open."""
    max_floating: float | None = None
    """That losing positions together may show."""

    def last_reset(self, now_ms: int) -> int:
        """When the day that holds now began."""
        local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(self.zone)
        for days in (0, 1):
            day = local.date() - timedelta(days=days)
            reset = datetime(day.year, day.month, day.day, self.hour, tzinfo=self.zone)
            if (moment := int(reset.timestamp() * 1000)) <= now_ms:
                return moment
        raise AssertionError("a day began today or yesterday")

    def next_reset(self, now_ms: int) -> int:
        """When the next day begins."""
        # No day is shorter than 23 hours or longer than 25.
        after = self.last_reset(now_ms) + 26 * 3_600_000
        return self.last_reset(after)

    def resets(self, first_ms: int, last_ms: int) -> Iterator[int]:
        """Every reset after one moment, up to another."""
        reset = self.next_reset(first_ms)
        while reset <= last_ms:
            yield reset
            reset = self.next_reset(reset)


FIRMS = {
    "ftmo-2step": FirmText(
        "FTMO: 5 % of the initial balance below the balance at midnight CE(S)T; 10 % of the initial balance in all.",
        ZoneInfo("Europe/Prague"), 0,
        (Text("max_daily_loss", "midnight balance", 5_000), Text("max_loss", "start", 10_000)),
    ),
    "ftmo-1step": FirmText(
        "FTMO: 3 % below the balance at midnight; 10 % below the highest balance at midnight, without a lock.",
        ZoneInfo("Europe/Prague"), 0,
        (Text("max_daily_loss", "midnight balance", 3_000), Text("max_loss", "best midnight balance", 10_000)),
    ),
    "the5ers-high-stakes": FirmText(
        "5 % below the higher of equity and balance at the day's start; 10 % in all. Reaching it is enough.",
        ZoneInfo("America/New_York"), 17,
        (
            Text("maximum_daily_loss", "midnight higher", percent=5, touching=True),
            Text("maximum_loss", "start", 10_000, touching=True),
        ),
    ),
    "e8-one": FirmText(
        "3 % a day by the server's clock; 4 % below the highest closed balance, up to the initial balance.",
        timezone(timedelta(milliseconds=OFFSET_MS)), 0,
        (
            Text("daily_loss", "midnight balance", 3_000, touching=True, lower_of_both=True),
            Text("dynamic_drawdown", "best balance", 4_000, touching=True, stops_at=INITIAL, lower_of_both=True),
        ),
    ),
    "topstep": FirmText(
        "2,000 a day from 17:00 Chicago, a pause; 3,000 below the best end-of-day balance, up to the initial balance.",
        ZoneInfo("America/Chicago"), 17,
        (
            Text("daily_loss_limit", "midnight balance", 2_000, touching=True, pauses=True),
            Text(
                "maximum_loss_limit", "best midnight balance", 3_000, touching=True, stops_at=INITIAL,
                payout_moves=True,
            ),
        ),
        max_lots=10.0,
    ),
    "apex-intraday": FirmText(
        "3,000 below the highest equity, floating profit included, without a lock in the evaluation.",
        ZoneInfo("America/New_York"), 18,
        (Text("trailing_drawdown", "best equity", 3_000, touching=True),),
        max_lots=8.0,
    ),
    "fundingpips-zero": FirmText(
        "3 % of the higher of equity and balance at 00:00 UTC+3; 5 % of the initial balance below the highest equity, "
        "up to the initial balance; losing positions together may not show 1 %.",
        timezone(timedelta(hours=3)), 0,
        (
            Text("maximum_daily_loss", "midnight higher", percent=3, touching=True),
            Text("maximum_trailing_loss", "best equity", 5_000, touching=True, stops_at=INITIAL),
        ),
        max_floating=1_000.0,
    ),
}  # fmt: skip


@dataclass
class RuleBook:
    """What each rule counts from, kept along with the broker's books and with what the daemon was told.

    A breach that the daemon was told of stands until somebody resumes, or until the reset where the rule pauses.
    """

    firm: FirmText
    broker: Broker
    told: Statement
    best_equity: float = INITIAL
    at_reset: dict[int, float] = field(default_factory=dict)
    """The higher of balance and equity just before each reset."""
    true_best_equity: float = INITIAL
    """The highest equity after any step, whether told or not."""
    paid_today: float = 0.0
    """Withdrawn since the last reset, as far as told."""
    breached_until: dict[str, int | None] = field(default_factory=dict)

    def tell(self, told: Statement, unknown: Collection[str]) -> None:
        """The daemon has taken a report in; it says itself of which rules it does not know what they count from."""
        reset = self.firm.last_reset(self.broker.now_ms)
        self.told = told
        paid = (each for each in self.broker.deals[: told.deals] if each.position == 0 and each.profit < 0)
        self.paid_today = -sum(each.profit for each in paid if each.time_ms >= reset)
        self.best_equity = max(self.best_equity, told.equity)
        for rule in self.firm.rules:
            measured = min(told.equity, told.balance) if rule.lower_of_both else told.equity
            basis = self.basis(rule)
            # What was paid out today was not lost.
            if rule.name not in unknown and basis is not None and measured + self.paid_today < rule.least(basis) - 1e-6:
                until = self.firm.next_reset(self.broker.now_ms) if rule.pauses else None
                self.breached_until.setdefault(rule.name, until)

    def reset(self) -> None:
        """The broker's books stand at a reset."""
        self.at_reset[self.broker.now_ms] = max(self.broker.balance, self.broker.equity)

    def resume(self) -> None:
        """Somebody has lifted all halts."""
        self.breached_until.clear()

    def breached(self) -> list[str]:
        """Rules whose breach still stands."""
        now = self.broker.now_ms
        self.breached_until = {
            name: until for name, until in self.breached_until.items() if until is None or now < until
        }
        return sorted(self.breached_until)

    def basis(self, rule: Text) -> float | None:
        """What a rule counts from now, as far as the daemon was told; None where that cannot be said."""
        return self._basis(rule, self.told, self.best_equity)

    def true_basis(self, rule: Text) -> float | None:
        """What a rule counts from now, whatever the daemon was told."""
        return self._basis(rule, self.broker.statement(), self.true_best_equity)

    def _basis(self, rule: Text, told: Statement, best_equity: float) -> float | None:
        now, booked = self.broker.now_ms, self.broker.deals[: told.deals]
        if rule.basis == "start":
            return INITIAL
        if rule.basis == "best equity":
            return best_equity
        if rule.basis == "best balance":
            return max(each.balance for each in booked)
        last = self.firm.last_reset(now)
        if rule.basis == "midnight balance":
            return balance_before(last, booked)
        if rule.basis == "midnight higher":
            return self.at_reset.get(last) if told.at_ms >= last else max(told.balance, told.equity)
        if rule.payout_moves and any(each.position == 0 and each.profit < 0 for each in booked):
            return (rule.stops_at or 0.0) + rule.money
        resets = self.firm.resets(booked[0].time_ms, now)
        return max([INITIAL, *(balance_before(each, booked) for each in resets)])


def balance_before(moment_ms: int, booked: Sequence[Booked]) -> float:
    """The balance just before a moment; the first deposit counts as having been there."""
    return next((each.balance for each in reversed(booked) if each.time_ms < moment_ms), booked[0].balance)


def next_basis(rule: Text, basis: float, balance: float, equity: float) -> float:
    """What a rule counts from after the next reset or close, if balance and equity are these by then."""
    if rule.basis == "midnight balance":
        return balance
    if rule.basis == "midnight higher":
        return max(balance, equity)
    if rule.basis == "start":
        return basis
    return max(basis, equity if rule.basis == "best equity" else balance)
