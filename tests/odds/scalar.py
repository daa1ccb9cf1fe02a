"""One challenge, one step at a time, with the judge of `lotbridge prove`: what the vectorised simulator must equal."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from bridge.odds.days import Days
from bridge.proof.floors import Floors
from sizing.prop.firm import Firm

STOOD, PASSED = "stood", "passed"


class Ended(NamedTuple):
    """How, on which day (from 1), and with what balance; after a breach with what equity."""

    how: str
    day: int
    balance: float


class DayEarned(NamedTuple):
    """One day of the account."""

    profit: float
    traded: bool


class Challenge:
    """An account that lives through days."""

    def __init__(self, firm: Firm, initial: float) -> None:
        self.firm, self.initial, self.balance = firm, initial, initial
        self.ends = Floors(_only(firm, "ends"), initial, initial, initial, 0)
        self.pauses = Floors(_only(firm, "pauses"), initial, initial, initial, 0)
        self.past: list[DayEarned] = []

    def live(self, days: Days, drawn: Sequence[int]) -> Ended:
        for number, day in enumerate(drawn, start=1):
            if number > 1:
                equity = self.balance + float(days.opening[day]) * (self.balance / 100)
                self.ends.reset(self.balance, equity, number)
                self.pauses.reset(self.balance, equity, number)
            ended = self._day(days, day)
            if ended is not None:
                return Ended(ended, number, self.balance)
        return Ended(STOOD, len(drawn), self.balance)

    def _day(self, days: Days, day: int) -> str | None:
        unit, began, traded = self.balance / 100, self.balance, False
        for step in days.steps(day):
            traded = step.traded
            low = self.balance + step.down * unit
            self.ends.follow(self.balance, self.balance + step.up * unit)
            self.pauses.follow(self.balance, self.balance + step.up * unit)
            breach = self.ends.seen(self.balance, low) or self.ends.floating(self.balance - low)
            if breach is not None:
                self.balance = low
                return breach
            if self.pauses.seen(self.balance, low) is not None:
                self.balance = low
                break
            self.balance += step.net * unit
            after = step.after * unit
            self.ends.closed(self.balance)
            self.pauses.closed(self.balance)
            breach = self.ends.seen(self.balance, self.balance + after)
            if breach is not None:
                self.balance += after
                return breach
            if self._passed(began, min(after, 0.0), traded=traded):
                return PASSED
            if self.pauses.seen(self.balance, self.balance + after) or self._had_enough(self.balance - began):
                self.balance += after
                break
        self.past.append(DayEarned(self.balance - began, traded))
        return None

    def _passed(self, began: float, rest: float, *, traded: bool) -> bool:
        firm = self.firm
        earned = self.balance + rest - self.initial
        if firm.target_pct is None or earned < self.initial * firm.target_pct / 100 - 1e-6:
            return False
        days = [*self.past, DayEarned(self.balance + rest - began, traded)]
        least = self.initial * firm.min_day_profit_pct / 100
        if sum(day.profit >= least if least else day.traded for day in days) < firm.min_days:
            return False
        rule = firm.consistency
        if rule is None:
            return True
        whole = {
            "profit": earned,
            "target": max(earned, self.initial * firm.target_pct / 100),
            "winning_days": sum(max(day.profit, 0.0) for day in days),
        }[rule.of]
        return max(day.profit for day in days) <= whole * rule.best_day_pct / 100 + 1e-6

    def _had_enough(self, profit: float) -> bool:
        rule, target = self.firm.consistency, self.firm.target_pct
        if rule is None or rule.when_reached != "pause" or target is None:
            return False
        return profit >= self.initial * target / 100 * rule.best_day_pct / 100


def _only(firm: Firm, breach: str) -> Firm:
    return dataclasses.replace(firm, rules=tuple(rule for rule in firm.rules if rule.breach == breach))
