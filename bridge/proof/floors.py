"""The judge: every floor of a firm, kept by itself. It shares the rules' data with the engine, and no other code.

A rule's floor is its anchor less an amount; the anchor moves at resets, at closed trades or with equity, as the rule
says. Money is in account currency.
"""

from sizing.prop.firm import Firm
from sizing.prop.rules import LossRule

_NOTHING = 1e-6
"""Money that floats may err by."""
FLOATING = "floating_loss"
"""The firm's limit on what losing positions show together, where it has one."""


class _Line:
    """One rule: its anchor, and the floor that follows from it."""

    __slots__ = ("anchor", "floor", "initial", "rule")

    def __init__(self, rule: LossRule, initial: float, anchor: float) -> None:
        self.rule, self.initial = rule, initial
        self.set(anchor)

    def set(self, anchor: float) -> None:
        self.anchor = anchor
        floor = anchor - self.rule.amount(self.initial, anchor)
        lock = self.rule.lock(self.initial)
        self.floor = floor if lock is None else min(floor, lock)

    def raise_to(self, anchor: float) -> bool:
        """Raise the anchor, unless it is as high; whether it has moved."""
        if anchor <= self.anchor:
            return False
        self.set(anchor)
        return True


class Floors:
    """All floors of one account. `day_ms` is the reset that began the firm's day."""

    def __init__(self, firm: Firm, initial: float, peak: float, day_balance: float, day_ms: int) -> None:
        """An account whose highest balance so far was `peak`, and which began its day with `day_balance`, flat."""
        self.initial = initial
        self.day_ms = day_ms
        self.moves = 0
        """How often a floor may have moved."""
        starts = {"inception": initial, "reset": day_balance, "close": day_balance, "tick": day_balance}
        self._lines = [
            _Line(rule, initial, peak if rule.scope == "total" and rule.ratchet else starts[rule.sampled])
            for rule in firm.rules
        ]
        self._resets = [line for line in self._lines if line.rule.sampled == "reset" or line.rule.scope == "daily"]
        self._closes = [line for line in self._lines if line.rule.sampled == "close"]
        self._ticks = [line for line in self._lines if line.rule.sampled == "tick"]
        share = firm.limits.floating_loss_pct
        self.floating_limit = None if share is None else initial * share / 100

    def reset(self, balance: float, equity: float, day_ms: int) -> None:
        """The firm's day begins."""
        self.day_ms = day_ms
        self.moves += 1
        for line in self._resets:
            sample = _basis(line.rule, balance, equity)
            if line.rule.scope == "total":
                line.raise_to(sample)
            else:
                line.set(sample)

    def closed(self, balance: float) -> None:
        """A deal was booked."""
        for line in self._closes:
            self.moves += line.raise_to(balance)

    def follow(self, balance: float, equity: float) -> None:
        """Raise the peaks that rules count from."""
        for line in self._ticks:
            self.moves += line.raise_to(_basis(line.rule, balance, equity))

    def seen(self, balance: float, equity: float) -> str | None:
        """The account at one moment: peaks follow it, then the name of a rule that it breaches, if any."""
        self.follow(balance, equity)
        lower = min(balance, equity)
        for line in self._lines:
            left = (equity if line.rule.measured_on == "equity" else lower) - line.floor
            if left < -_NOTHING or (left <= _NOTHING and not line.rule.strict):
                return line.rule.name
        return None

    def bear(self, worst: float) -> bool:
        """Whether no rule would be breached if the account stood there, with nothing open."""
        for line in self._lines:
            left = worst - line.floor
            if left < -_NOTHING or (left <= _NOTHING and not line.rule.strict):
                return False
        return True

    def floating(self, losing: float) -> str | None:
        """Whether the sum of all losing positions has reached the firm's limit."""
        limit = self.floating_limit
        return FLOATING if limit is not None and losing >= limit - _NOTHING else None

    def anchors(self) -> list[tuple[LossRule, float]]:
        """Every rule with what its loss is counted from."""
        return [(line.rule, line.anchor) for line in self._lines]


def _basis(rule: LossRule, balance: float, equity: float) -> float:
    if rule.anchor == "balance":
        return balance
    return equity if rule.anchor == "equity" else max(balance, equity)
