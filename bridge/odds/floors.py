"""Floors of many accounts at once, as `sizing.prop.rules` describe them. Money is in account currency."""

import numpy as np
from numpy.typing import NDArray

from bridge.odds.days import Bools, Floats, Ints
from sizing.prop.rules import LossRule

Codes = NDArray[np.int16]
NOTHING = 1e-6
"""Money that floats may err by."""
NONE = -1
"""In place of a rule's number: no breach."""


class Line:
    """One rule: its floor for each account. `number` is the rule's place in the firm's list."""

    def __init__(self, rule: LossRule, number: int, initial: float, count: int) -> None:
        self.rule, self.number, self._initial = rule, number, initial
        self._lock = rule.lock(initial)
        self._anchor = np.full(count, initial)
        self.floor = self._floor(self._anchor)

    def take(self, places: Ints) -> None:
        """Keep these accounts, in this order."""
        self._anchor, self.floor = self._anchor[places], self.floor[places]

    def set(self, anchor: Floats) -> None:
        """What the rule counts from, for every account."""
        self._anchor = np.array(anchor)
        self.floor = self._floor(self._anchor)

    def raise_to(self, anchor: Floats, on: Bools) -> None:
        """Raise the anchors of the first accounts where `on`, as far as they are lower."""
        now = self._anchor[: len(on)]
        higher = on & (anchor > now)
        if higher.any():
            np.copyto(now, anchor, where=higher)
            self.floor[: len(on)] = self._floor(now)

    def breached(self, balance: Floats, equity: Floats) -> Bools:
        """Which of the first accounts stand on the wrong side."""
        measured = equity if self.rule.measured_on == "equity" else np.minimum(balance, equity)
        left = measured - self.floor[: len(balance)]
        found: Bools = left < -NOTHING if self.rule.strict else left <= NOTHING
        return found

    def basis(self, balance: Floats, equity: Floats) -> Floats:
        """What the anchor is taken from."""
        if self.rule.anchor == "balance":
            return balance
        return equity if self.rule.anchor == "equity" else np.maximum(balance, equity)

    def _floor(self, anchor: Floats) -> Floats:
        rule = self.rule
        if rule.amount_pct is None or rule.of == "initial":
            floor = anchor - rule.amount(self._initial, self._initial)
        else:
            floor = anchor - rule.amount_pct / 100 * anchor
        return floor if self._lock is None else np.minimum(floor, self._lock)


class Lines:
    """Rules of one kind of breach. All methods but `take` and `reset` concern the first accounts, as many as given."""

    def __init__(self, rules: list[tuple[int, LossRule]], initial: float, count: int) -> None:
        self._all = [Line(rule, number, initial, count) for number, rule in rules]
        self._resets = [each for each in self._all if each.rule.sampled == "reset" or each.rule.scope == "daily"]
        self._closes = [each for each in self._all if each.rule.sampled == "close"]
        self._ticks = [each for each in self._all if each.rule.sampled == "tick"]

    def __bool__(self) -> bool:
        return bool(self._all)

    def take(self, places: Ints) -> None:
        """Keep these accounts, in this order."""
        for line in self._all:
            line.take(places)

    def reset(self, balance: Floats, equity: Floats) -> None:
        """The firm's day begins, for every account."""
        everywhere = np.ones(len(balance), bool)
        for line in self._resets:
            sample = line.basis(balance, equity)
            if line.rule.scope == "total":
                line.raise_to(sample, everywhere)
            else:
                line.set(sample)

    def follow(self, balance: Floats, equity: Floats, on: Bools) -> None:
        """Raise what follows equity at any moment."""
        for line in self._ticks:
            line.raise_to(line.basis(balance, equity), on)

    def closed(self, balance: Floats, on: Bools) -> None:
        """Raise what follows the balance as trades close."""
        for line in self._closes:
            line.raise_to(balance, on)

    def breached(self, balance: Floats, equity: Floats, on: Bools) -> Codes:
        """The number of the first rule that each account breaches, or NONE."""
        found = np.full(len(on), NONE, np.int16)
        for line in reversed(self._all):
            hit = line.breached(balance, equity) & on
            if hit.any():
                found[hit] = line.number
        return found
