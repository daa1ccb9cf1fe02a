"""Every floor of a firm at every tick: anchors move with it, and the first breach is found to the tick.

It shares the rules' data with the engine that sizes, and no other code. Money is in account currency, not rounded.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sizing.prop.firm import Firm
from sizing.prop.rules import LossRule

Floats = NDArray[np.float64]

NOTHING = 1e-6
"""Money that floats may err by."""
FLOATING = "floating_loss"
"""The firm's limit on what losing positions show together, where it has one."""


class Breach(NamedTuple):
    """A rule, and what met its floor. Of the limit on floating losses: the losses, below 0, and the limit."""

    rule: str
    ends: bool
    """False for a rule that pauses trading until the next reset."""
    value: float
    floor: float


class Stretch(NamedTuple):
    """What one rule shows over ticks: arrays (n,); or one floor for all, so that the headroom follows the equity."""

    floor: Floats | float
    headroom: Floats | None


class Line:
    """One rule: its anchor, and the floor that follows from it."""

    __slots__ = ("anchor", "ends", "equity", "floor", "initial", "lock", "rule", "spent", "touching")

    def __init__(self, rule: LossRule, initial: float) -> None:
        self.rule, self.initial = rule, initial
        self.lock = rule.lock(initial)
        self.ends = rule.breach == "ends"
        self.equity = rule.measured_on == "equity"
        self.touching = -math.inf if rule.strict else NOTHING
        """So little headroom is a breach where touching the floor is one."""
        self.spent = False
        """A pause is told once a day."""
        self.set(initial)

    def set(self, anchor: float) -> None:
        """Count from another anchor."""
        self.anchor = anchor
        floor = anchor - self.rule.amount(self.initial, anchor)
        self.floor = floor if self.lock is None else min(floor, self.lock)

    def basis(self, balance: float, equity: float) -> float:
        """What an anchor is taken of."""
        if self.rule.anchor == "balance":
            return balance
        return equity if self.rule.anchor == "equity" else max(balance, equity)

    def measure(self, balance: float, equity: float) -> float:
        """What is compared with the floor."""
        return equity if self.equity else min(balance, equity)

    def broken(self, headroom: float) -> bool:
        """Whether so little is left that the rule is breached."""
        return headroom < -NOTHING or headroom <= self.touching


class Judge:
    """Follows one account. `initial` is its initial balance, with which it begins, flat."""

    def __init__(self, firm: Firm, initial: float) -> None:
        self.lines = [Line(rule, initial) for rule in firm.rules]
        self._resets = [each for each in self.lines if each.rule.sampled == "reset" or each.rule.scope == "daily"]
        self._closes = [each for each in self.lines if each.rule.sampled == "close"]
        self.ticks = [each for each in self.lines if each.rule.sampled == "tick"]
        share = firm.limits.floating_loss_pct
        self.floating_limit = None if share is None else initial * share / 100
        self.told = False
        """Whether the limit on floating losses has been told of."""

    def reset(self, balance: float, equity: float) -> None:
        """The firm's day begins."""
        for line in self._resets:
            sample = line.basis(balance, equity)
            line.spent = False
            if line.rule.scope == "daily" or sample > line.anchor:
                line.set(sample)

    def closed(self, balance: float) -> None:
        """A deal was booked."""
        for line in self._closes:
            if balance > line.anchor:
                line.set(balance)

    def at(self, balance: float, equity: float, losing: float = 0.0) -> Breach | None:
        """One moment: peaks follow it, then a rule that it breaches, if it can be one that ends the account.

        `losing` is the sum of what losing positions show, at most 0.
        """
        for line in self.ticks:
            basis = line.basis(balance, equity)
            if basis > line.anchor:
                line.set(basis)
        found = []
        for line in self.lines:
            value = line.measure(balance, equity)
            if line.broken(value - line.floor) and not line.spent:
                line.spent = not line.ends
                found.append(Breach(line.rule.name, line.ends, value, line.floor))
        floats = self._floats(losing)
        found += [] if floats is None else [floats]
        return next((each for each in found if each.ends), found[0] if found else None)

    def over(self, line: Line, balance: float, equity: Floats) -> Stretch:
        """One rule over ticks of one balance, oldest first, (n,): what `at` would see at each. Nothing is changed."""
        if line.rule.sampled != "tick":
            return Stretch(line.floor, None)
        measured = equity if line.equity else np.minimum(balance, equity)
        basis = equity if line.rule.anchor == "equity" else np.maximum(balance, equity)
        anchors = np.maximum.accumulate(np.maximum(basis, line.anchor))
        floors = anchors - line.rule.amount(line.initial, anchors)  # type: ignore[arg-type]  # arithmetic, so arrays do
        if line.lock is not None:
            floors = np.minimum(floors, line.lock)
        return Stretch(floors, measured - floors)

    def first_breach(
        self, balance: float, equity: Floats, low: float, stretches: list[Stretch], losing: Floats | None
    ) -> int | None:
        """The first tick, of at least one, at which `at` would find a breach.

        The stretches are those of all lines, in their order; `low` is the lowest equity.
        """
        found = []
        for line, (floor, headroom) in zip(self.lines, stretches, strict=True):
            # Floats are subtracted in their order: the lowest equity has the least headroom over one floor.
            least = line.measure(balance, low) - line.floor if headroom is None else float(headroom.min())
            if line.spent or not line.broken(least):
                continue
            measured = equity if line.equity else np.minimum(balance, equity)
            rooms = measured - floor if headroom is None else headroom
            broken = (rooms < -NOTHING) | (rooms <= line.touching)
            found.append(int(broken.argmax()))
        if losing is not None and self.floating_limit is not None and not self.told:
            broken = -losing >= self.floating_limit - NOTHING
            if broken.any():
                found.append(int(broken.argmax()))
        return min(found, default=None)

    def follow(self, balance: float, equity: Floats) -> None:
        """Raise the peaks by ticks that breached nothing, (n,)."""
        high = float(equity.max()) if self.ticks else 0.0
        for line in self.ticks:
            basis = line.basis(balance, high)
            if basis > line.anchor:
                line.set(basis)

    def too_low(self, losing: float) -> bool:
        """Whether losing positions show the firm's limit."""
        return self.floating_limit is not None and not self.told and -losing >= self.floating_limit - NOTHING

    def _floats(self, losing: float) -> Breach | None:
        if self.floating_limit is None or not self.too_low(losing):
            return None
        self.told = True
        return Breach(FLOATING, True, losing, -self.floating_limit)
