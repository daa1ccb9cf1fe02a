"""The plan: one plain value that is stored after every step, and from which every later step goes on."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from sizing.positions.instruction import Kind
from sizing.positions.rebalance.targets import Target
from sizing.snapshot import Side

Phase = Literal["validation", "construction", "reduce", "add", "reconciliation", "done", "failed", "cancelled"]
Status = Literal["done", "partial", "failed"]

_UNCERTAIN = frozenset({10008, 10010, 10012, 10031})
"""TRADE_RETCODE_PLACED, _DONE_PARTIAL, _TIMEOUT, _CONNECTION: more may come of the order than was reported."""
LATE_MS = 2_000
"""Clocks of daemon and terminal may differ by so much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the EA says became of an instruction. `lots` are all that were filled so far; the last word counts."""

    key: str
    status: Status
    time_ms: int
    lots: float = 0.0
    price: float | None = None
    retcode: int = 0
    cost: float = 0.0
    """Commission and fees, account currency, positive when paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An instruction that was given, and what is known of it. It is in play until the terminal has shown its end."""

    key: str
    symbol: str
    ticket: int
    kind: Kind
    side: Side
    moves: int
    """What a filled lot does to the symbol's net lots: 1 or -1."""
    lots: float
    rule: str
    strategy: str
    price: float | None
    """Touch price when it was given."""
    money_per_price: float | None
    notional_per_lot: float
    margin: float
    given_ms: int
    expires_ms: int
    report: Report | None = None
    heard_ms: int = 0
    """When the plan was told."""
    filled: float | None = None
    """Lots, once it is out of play."""

    def silent(self, now_ms: int, settle_ms: int) -> bool:
        """Whether nothing more can come of it: it has expired, or was reported for good long enough ago."""
        return now_ms >= self.ends_ms(settle_ms)

    def ends_ms(self, settle_ms: int) -> int:
        """When the terminal must have shown all that comes of it."""
        if self.final:
            return self.heard_ms + settle_ms
        return self.expires_ms + LATE_MS + settle_ms

    @property
    def final(self) -> bool:
        """Whether the EA said that nothing more will come of it."""
        report = self.report
        return report is not None and report.status != "partial" and report.retcode not in _UNCERTAIN

    def reach(self, now_ms: int, settle_ms: int) -> tuple[float, float]:
        """Least and most lots of it that the terminal may show now."""
        reported = 0.0 if self.report is None else self.report.lots
        if self.final:
            return (reported if self.silent(now_ms, settle_ms) else 0.0), reported
        return 0.0, self.lots


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One symbol of the plan."""

    symbol: str
    weight: float
    """As wanted, after the check of the weights."""
    alpha: float = 0.0
    strategy: str = ""
    fitted: float | None = None
    """Weight within the limits; None before construction."""
    lots: float | None = None
    """Net lots that are wanted, negative for short; None: the plan leaves the symbol alone."""
    base: float | None = None
    """Net lots that the terminal showed when nothing was in play; None before the first look."""
    attempts: int = 0
    """In a row, that changed nothing."""
    retry_ms: int = 0
    aside: str = ""
    """Why nothing is added to it any more; what reduces goes on."""
    left_out: str = ""
    """Why the plan never touches it."""


class Outcome(NamedTuple):
    """What a plan has led to, in percent of equity."""

    untracked_pct: float
    """Sum of the distances between the weights wanted and those reached."""
    tracking_error_pct: float | None
    """Standard deviation of a day's difference in return; None where a volatility is not known."""
    turnover_pct: float
    violations: tuple[str, ...]


class Spent(NamedTuple):
    """Notional traded since the trading day began, account currency."""

    day_ms: int = 0
    notional: float = 0.0


NOTHING_SPENT = Spent()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All there is to know. `magics` are the EAs whose positions it moves, none meaning all; `magic` is for its own."""

    id: str
    phase: Phase
    created_ms: int
    targets: tuple[Target, ...]
    lines: tuple[Line, ...]
    orders: tuple[Order, ...] = ()
    """In play."""
    past: tuple[Order, ...] = ()
    """Out of play, the newest last."""
    magic: int = 0
    magics: tuple[int, ...] = ()
    adds: bool = True
    """False: an emergency, which only reduces."""
    spent: Spent = NOTHING_SPENT
    why: str = ""
    outcome: Outcome | None = None

    @property
    def ended(self) -> bool:
        return self.phase in ("done", "failed", "cancelled")

    def line(self, symbol: str) -> Line | None:
        return next((each for each in self.lines if each.symbol == symbol), None)

    def in_play(self, symbol: str) -> tuple[Order, ...]:
        return tuple(each for each in self.orders if each.symbol == symbol)

    def with_line(self, line: Line) -> "Plan":
        return replace(self, lines=tuple(line if each.symbol == line.symbol else each for each in self.lines))


def begin(
    plan_id: str,
    targets: tuple[Target, ...],
    now_ms: int,
    *,
    previous: Plan | None = None,
    magic: int = 0,
    magics: tuple[int, ...] = (),
) -> Plan:
    """A new plan. It takes over what the one before it believes, has spent and has in play.

    `plan_id` must never have been used before: it is in every key.
    """
    lines = tuple(
        Line(
            symbol=each.symbol,
            weight=each.weight,
            alpha=each.alpha,
            strategy=each.strategy,
            base=_believed(previous, each.symbol),
        )
        for each in {each.symbol: each for each in targets}.values()
    )
    return take_over(
        Plan(
            id=plan_id,
            phase="validation",
            created_ms=now_ms,
            targets=targets,
            lines=lines,
            magic=magic,
            magics=magics,
        ),
        previous,
    )


def take_over(plan: Plan, previous: Plan | None) -> Plan:
    """What is in play of the plan before is in play of this one; a symbol that only it names gets a line."""
    if previous is None:
        return plan
    named = {each.symbol for each in plan.lines}
    playing = {each.symbol for each in previous.orders}
    more = tuple(
        Line(symbol=each.symbol, weight=0.0, strategy=each.strategy, base=each.base)
        for each in previous.lines
        if each.symbol in playing - named
    )
    return replace(plan, lines=(*plan.lines, *more), orders=previous.orders, spent=previous.spent)


def cancel(plan: Plan, reason: str) -> Plan:
    """The plan orders nothing more. Steps still take in what becomes of what is in play."""
    return plan if plan.ended else replace(plan, phase="cancelled", why=reason)


def _believed(previous: Plan | None, symbol: str) -> float | None:
    line = previous.line(symbol) if previous is not None else None
    return None if line is None else line.base
