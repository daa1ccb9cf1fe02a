"""Many challenges at once: each an account that lives through days which were drawn for it, under a firm's rules."""

from typing import NamedTuple

import numpy as np

from bridge.odds.days import Bools, Days, Floats, Ints
from bridge.odds.floors import NONE, NOTHING, Codes, Lines
from sizing.prop.firm import Firm

PASSED, OUT_OF_DAYS = -2, -1
"""Outcomes beside the number of the rule that was breached; that of the floating loss follows the last rule's."""


class Outcomes(NamedTuple):
    """What became of each challenge. `day` is the last one it traded, from 1.

    `balance` is that at its end; of an account that breached, its equity at that moment.
    """

    code: Codes
    day: Ints
    balance: Floats


class _Accounts:
    """Accounts that are still under way. Columns of one length; `places` says which challenge each is."""

    def __init__(self, firm: Firm, initial: float, count: int) -> None:
        self.places = np.arange(count)
        self.balance = np.full(count, initial)
        self.best, self.won = np.zeros(count), np.zeros(count)
        self.counted = np.zeros(count, np.int64)
        numbered = list(enumerate(firm.rules))
        self.ends = Lines([each for each in numbered if each[1].breach == "ends"], initial, count)
        self.pauses = Lines([each for each in numbered if each[1].breach == "pauses"], initial, count)

    def take(self, chosen: Ints) -> None:
        """Keep these, in this order."""
        self.places, self.balance = self.places[chosen], self.balance[chosen]
        self.best, self.won, self.counted = self.best[chosen], self.won[chosen], self.counted[chosen]
        self.ends.take(chosen)
        self.pauses.take(chosen)


class _Aim:
    """When a challenge is passed, and when its best-day rule stops a day."""

    def __init__(self, firm: Firm, initial: float) -> None:
        self.firm, self.initial = firm, initial
        self.target = None if firm.target_pct is None else initial * firm.target_pct / 100
        self._least = initial * firm.min_day_profit_pct / 100
        rule = firm.consistency
        pauses = rule is not None and rule.when_reached == "pause" and self.target is not None
        self.day_limit = self.target * rule.best_day_pct / 100 if pauses and rule and self.target else None

    def counts(self, today: Floats, traded: Bools) -> Bools:
        """Whether a day with this profit counts as a trading day."""
        return today >= self._least if self._least else traded

    def passed(self, accounts: _Accounts, rest: Floats, today: Floats, traded: Bools) -> Bools:
        """Whether each of the first accounts would have passed if what is open were closed for `rest`."""
        count = len(today)
        if self.target is None:
            return np.zeros(count, bool)
        earned = accounts.balance[:count] + rest - self.initial
        passed: Bools = earned >= self.target - NOTHING
        if not passed.any():
            return passed
        flat = today + rest
        passed &= accounts.counted[:count] + self.counts(flat, traded) >= self.firm.min_days
        return passed & self._even(accounts, earned, flat)

    def _even(self, accounts: _Accounts, earned: Floats, today: Floats) -> Bools:
        """Whether no day has won too large a part."""
        count, rule = len(today), self.firm.consistency
        if rule is None:
            return np.ones(count, bool)
        whole = earned
        if rule.of == "target" and self.target is not None:
            whole = np.maximum(earned, self.target)
        elif rule.of == "winning_days":
            whole = accounts.won[:count] + np.maximum(today, 0.0)
        best = np.maximum(accounts.best[:count], today)
        even: Bools = best <= whole * rule.best_day_pct / 100 + NOTHING
        return even


def simulate(firm: Firm, initial: float, days: Days, drawn: Ints) -> Outcomes:
    """Challenges that begin with `initial` and live through the days `drawn`, an array (challenges, days).

    Everything of a day is sized on the balance it began with. A breach of a rule that pauses closes what is open at its
    worst and ends the day.
    """
    count, length = drawn.shape
    code, last = np.full(count, OUT_OF_DAYS, np.int16), np.full(count, length)
    balance = np.full(count, initial)
    accounts, aim = _Accounts(firm, initial, count), _Aim(firm, initial)
    limit = firm.limits.floating_loss_pct
    floating = None if limit is None else initial * limit / 100
    for number in range(length):
        today = _begin_day(accounts, days, drawn[:, number], first=number == 0)
        ended = _Day(accounts, aim, days, today, floating, len(firm.rules)).live()
        over = ended != OUT_OF_DAYS
        done = accounts.places[over]
        code[done], last[done], balance[done] = ended[over], number + 1, accounts.balance[over]
        accounts.take(np.flatnonzero(~over))
        if not len(accounts.places):
            break
    balance[accounts.places] = accounts.balance
    return Outcomes(code, last, balance)


def _begin_day(accounts: _Accounts, days: Days, drawn: Ints, *, first: bool) -> Ints:
    """Sort the accounts by how many steps their day has, the most first; the day of each."""
    today = drawn[accounts.places]
    order = np.argsort(days.starts[today] - days.starts[today + 1], kind="stable")
    accounts.take(order)
    today = today[order]
    if not first:  # on day one every anchor is the initial balance
        equity = accounts.balance + days.opening[today] * (accounts.balance / 100)
        accounts.ends.reset(accounts.balance, equity)
        accounts.pauses.reset(accounts.balance, equity)
    return today


class _Day:
    """One day of all accounts. `on` are those that still trade."""

    def __init__(
        self, accounts: _Accounts, aim: _Aim, days: Days, today: Ints, floating: float | None, floating_code: int
    ) -> None:
        count = len(today)
        self._accounts, self._aim, self._days = accounts, aim, days
        self._floating, self._floating_code = floating, floating_code
        self._starts = days.starts[today]
        self._lengths = days.starts[today + 1] - self._starts
        self._unit = accounts.balance / 100
        self._on = np.ones(count, bool)
        self._profit = np.zeros(count)
        self._traded = np.zeros(count, bool)
        self._ended = np.full(count, OUT_OF_DAYS, np.int16)

    def live(self) -> Codes:
        """Take every step; how each account has ended, or OUT_OF_DAYS where it goes on."""
        longest = int(self._lengths[0]) if len(self._lengths) else 0
        counts = np.searchsorted(-self._lengths, -np.arange(longest), side="left")
        for step, count in enumerate(counts.tolist()):
            if not self._on[:count].any():
                break
            self._step(step, count)
        accounts, profit = self._accounts, self._profit
        accounts.best = np.maximum(accounts.best, profit)
        accounts.won = accounts.won + np.maximum(profit, 0.0)
        accounts.counted = accounts.counted + self._aim.counts(profit, self._traded)
        return self._ended

    def _step(self, step: int, count: int) -> None:
        """The first `count` accounts have such a step."""
        days, unit, on = self._days, self._unit[:count], self._on[:count]
        at = self._starts[:count] + step
        balance = self._accounts.balance[:count]
        low = balance + days.down[at] * unit
        high = balance + days.up[at] * unit
        self._traded[:count] |= days.traded[at] & on
        for lines in (self._accounts.ends, self._accounts.pauses):
            lines.follow(balance, high, on)
            lines.follow(balance, low, on)
        self._judge(balance, low, on, floating=True)
        self._pause(low - balance, self._accounts.pauses.breached(balance, low, on) != NONE, count)
        self._book(days.net[at] * unit, on, count)
        after = days.after[at] * unit
        equity = balance + after
        for lines in (self._accounts.ends, self._accounts.pauses):
            lines.closed(balance, on)
            lines.follow(balance, equity, on)
        self._judge(balance, equity, on, floating=False)
        profit = self._profit[:count]
        passed = on & self._aim.passed(self._accounts, np.minimum(after, 0.0), profit, self._traded[:count])
        self._end(passed, PASSED)
        stops = self._accounts.pauses.breached(balance, equity, on) != NONE
        if self._aim.day_limit is not None:
            stops |= on & (profit >= self._aim.day_limit)
        self._pause(after, stops, count)

    def _judge(self, balance: Floats, equity: Floats, on: Bools, *, floating: bool) -> None:
        """End the accounts that stand on the wrong side of a floor that ends them."""
        found = self._accounts.ends.breached(balance, equity, on)
        if floating and self._floating is not None:
            found[on & (found == NONE) & (balance - equity >= self._floating - NOTHING)] = self._floating_code
        hit = found != NONE
        if hit.any():
            self._book(equity - balance, hit, len(on))
            self._ended[: len(on)][hit] = found[hit]
            on[hit] = False

    def _pause(self, rest: Floats, hit: Bools, count: int) -> None:
        """End the day of some accounts; what they had open is closed for `rest`."""
        if hit.any():
            self._book(rest, hit, count)
            self._on[:count][hit] = False

    def _book(self, amount: Floats, where: Bools, count: int) -> None:
        balance, profit = self._accounts.balance[:count], self._profit[:count]
        np.add(balance, amount, out=balance, where=where)
        np.add(profit, amount, out=profit, where=where)

    def _end(self, hit: Bools, code: int) -> None:
        if hit.any():
            self._ended[: len(hit)][hit] = code
            self._on[: len(hit)][hit] = False
