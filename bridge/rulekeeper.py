"""What one account's firm rules rest on beside its last report: anchors, days, halts, the calendar of news.

It follows the reports, and remembers what the journal does not hold yet.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from operator import is_, is_not
from typing import NamedTuple

from bridge.calendar_file import CalendarWatch
from bridge.deals import NetSum, known_already
from bridge.journal.records import RulesChange
from bridge.settings import AccountSettings
from bridge.terminal.base import AccountReport
from sizing.prop import halts
from sizing.prop.anchors import Observation, RuleState, Seen, given, observe
from sizing.prop.calendar import day_bounds, resets_between
from sizing.prop.evaluate import Frame, Kept, breached, evaluate, frame_of
from sizing.prop.history import withdrawn_since
from sizing.prop.progress import DayResult, DaySums, day_results, day_sums
from sizing.prop.rules import LossRule
from sizing.snapshot import Account, Deal, Halt, NewsWindow, Recovery, RuleStatus

_WRITE_EVERY_MS = 5_000
"""How old the last sight of equity in the journal may be, where anchors rest on it."""
_SAME_DEPOSIT = 0.01
"""A first deposit so near the initial balance is that one."""
_CENT = 0.005
_STEADY_MS = 60_000
"""So long a broker's clock must show another offset before the firm's day follows it."""
_NEWS_AHEAD_MS = 36 * 3_600_000
_SAME_MS = 200
"""A report that says the same so soon after the last one need not be looked at."""


class _Durable(NamedTuple):
    """What must outlive the process."""

    states: dict[str, RuleState]
    days: tuple[DayResult, ...]
    halts: tuple[Halt, ...]
    recovery: Recovery | None


_NOTHING = _Durable({}, (), (), None)


class RuleKeeper:
    """Holds state; `kept` is what `firm_state` needs. Money is in account currency, times are UTC milliseconds."""

    def __init__(self, settings: AccountSettings) -> None:
        self._firm = settings.firm
        self._initial = settings.initial_balance
        self._policy = settings.policy
        rule = settings.firm.calendar
        self._calendar = None if rule is None or settings.calendar is None else CalendarWatch(settings.calendar, rule)
        self._watches = any(each.anchor in ("equity", "higher") for each in settings.firm.rules)
        limits = settings.firm.limits
        self._counts_days = (
            settings.firm.target_pct is not None
            or settings.firm.min_days > 0
            or settings.firm.consistency is not None
            or limits.max_positions_per_day is not None
        )
        self._offset_ms: int | None = None
        self._next_offset = 0, 0
        self.frame = Frame(0, 0)
        """What holds now of the firm's calendar."""
        self.bounds = (0, 0)
        """The day that holds now: its reset and the next one."""
        self.clear()

    def clear(self) -> None:
        """Know nothing."""
        self._states: dict[str, RuleState] = {}
        self._seen: Seen | None = None
        self._days: tuple[DayResult, ...] = ()
        self._halts: tuple[Halt, ...] = ()
        self._recovery: Recovery | None = None
        self._observation: Observation | None = None
        self._last: tuple[Account | None, tuple[Deal, ...], tuple[int, int]] = (None, (), (0, 0))
        self._counted: tuple[tuple[Deal, ...], int] | None = None
        self._whole = False
        self._net = NetSum()
        self._summed: tuple[tuple[DayResult, ...], int, DaySums] | None = None
        self._rested_on: tuple[object, ...] = ()
        self._untold: list[Halt] = []
        self._news: tuple[NewsWindow, ...] = ()
        self._news_missing: str | None = None
        self._durable = _Durable({}, (), (), None)
        self._written = self._durable
        self._told_ms = self._written_ms = 0
        self.kept = Kept({})

    def restore(self, change: RulesChange) -> None:
        """Take over what a journal entry has changed."""
        self._states = {**self._states, **{state.rule: state for state in change.states}}
        self._seen = change.seen or self._seen
        days = {day.day_ms: day for day in (*self._days, *change.days)}
        self._days = tuple(days[key] for key in sorted(days))
        self._halts = self._halts if change.halts is None else change.halts
        if change.recovery is not None:
            self._recovery = change.recovery[0] if change.recovery else None
        self._refresh()
        self._told_ms = 0 if self._seen is None else self._seen.at_ms
        self.written()

    def poll(self, now_ms: int, broker_offset_ms: int) -> None:
        """Follow the day, the halts' ends and the calendar."""
        self.follow_day(now_ms, broker_offset_ms)
        if self._calendar is not None:
            self._calendar.poll(now_ms)
        self._follow_news(now_ms)
        self._refresh()

    def follow_day(self, now_ms: int, broker_offset_ms: int) -> None:
        """Find the day that holds now."""
        if broker_offset_ms != self._next_offset[0]:
            self._next_offset = broker_offset_ms, now_ms
        steady = self._observation is None or not 0 <= now_ms - self._next_offset[1] < _STEADY_MS
        changed = broker_offset_ms != self._offset_ms and steady
        if changed:
            self._offset_ms = broker_offset_ms
        if changed or not self.frame.holds(now_ms):
            self.frame = frame_of(self._firm, now_ms, self._offset_ms or 0)
            self.bounds = self.frame.day_ms, self.frame.resets_ms

    def note(self, report: AccountReport, peak_equity: float, now_ms: int) -> bool:
        """Take a report in: anchors, days, and the halts that it is a reason for.

        Whether a halt for the drawdown has run out, after which the peak counts anew.
        """
        last_ms = self._seen.at_ms if self._seen is not None else 0
        account, deals, bounds = self._last
        same = report.deals is deals and self.bounds == bounds and report.account == account
        # Equity may have been higher in between, and be back.
        same = same and (report.highest_equity is None or report.highest_equity <= report.account.equity)
        if same and 0 <= report.received_ms - last_ms < _SAME_MS:
            return False
        self._last = report.account, report.deals, self.bounds
        seen = self._observe(report)
        if self._initial is not None:
            self._states = observe(self._firm, self._initial, self._states, seen)
        self._seen, self._observation = seen.now, seen
        self._count_days(report)
        ended = self._halt(report, peak_equity, now_ms)
        self._refresh()
        return any(halt.code == halts.DRAWDOWN for halt in ended)

    def halt(self, halt: Halt) -> None:
        """Stop entries."""
        self._halts = halts.by_hand(self._halts, halt)
        self._refresh()

    @property
    def reported(self) -> bool:
        """Whether the account has been reported since the start."""
        return self._observation is not None

    def resume(self, account: Account | None, peak_equity: float, wish: Recovery | None, now_ms: int) -> bool:
        """Lift every halt but the firm's pauses; whether one was for the drawdown, whose peak then counts anew.

        Smaller sizes follow: as wished, else as the policy wants after losses.
        """
        # A pause is the firm's own: it ends at the reset. One that was found by mistake ends with `anchor set`.
        pauses = tuple(halt for halt in halts.standing(self._halts, now_ms) if halts.is_pause(halt))
        lifted, self._halts = tuple(halt for halt in self._halts if halt not in pauses), pauses
        recovery = wish
        if recovery is None and account is not None:
            recovery = halts.recovery_after(lifted, account, peak_equity, self._policy.recovery, now_ms)
        self._recovery = recovery or (self._recovery if wish is None else None)
        self._refresh()
        return any(halt.code == halts.DRAWDOWN for halt in lifted)

    def rule(self, name: str) -> LossRule | None:
        """A loss rule by its name."""
        return next((rule for rule in self._firm.rules if rule.name == name), None)

    def anchor_of(self, rule: LossRule) -> float | None:
        """What a rule counts from, where that is known."""
        state = self._states.get(rule.name)
        known = state is not None and not state.missing and state.day_ms == self.bounds[0]
        return state.anchor if state is not None and known else None

    def give(self, rule: LossRule, anchor: float) -> bool:
        """Let the trader say what a rule counts from; False before the account has been reported."""
        if self._observation is None:
            return False
        self._states = {**self._states, rule.name: given(rule, anchor, self._observation)}
        # A breach that was found with another anchor is none; if it is one all the same, the next report says so.
        self._halts = tuple(halt for halt in self._halts if halt.rule != rule.name)
        self._refresh()
        return True

    def checkpoint(self) -> _Durable:
        """What a person may change, as it stands."""
        return _Durable(self._states, self._days, self._halts, self._recovery)

    def undo(self, before: _Durable) -> None:
        """Back to a checkpoint."""
        self._states, self._days, self._halts, self._recovery = before
        self._last = (None, (), (0, 0))
        self._refresh()

    def news_of_halts(self) -> list[Halt]:
        """Halts that came by themselves since the last call."""
        found, self._untold = self._untold, []
        return found

    def change(self, *, whole: bool = False) -> RulesChange | None:
        """What the journal does not hold yet, or everything; None if there is nothing."""
        now, old = self._durable, _NOTHING if whole else self._written
        late = self._watches and self._seen is not None and self._is_late(self._seen.at_ms)
        if not whole and now is old and not late:
            return None
        days = _new_days(old.days, now.days)
        same = now.states == old.states and now.halts == old.halts and now.recovery == old.recovery and not days
        if not whole and same and not late:
            return None
        self._told_ms = 0 if self._seen is None else self._seen.at_ms
        recovery = () if now.recovery is None else (now.recovery,)
        return RulesChange(
            states=tuple(self._states.values()),
            seen=self._seen,
            days=days,
            halts=now.halts if now.halts != old.halts else None,
            recovery=recovery if now.recovery != old.recovery else None,
        )

    def _is_late(self, seen_ms: int) -> bool:
        """Whether the last sight of equity must be written; near a reset each one may be the day's anchor."""
        near = self.bounds[1] - seen_ms <= self._policy.freshness.max_unwatched_ms
        return seen_ms - self._written_ms >= (_SAME_MS if near else _WRITE_EVERY_MS)

    def written(self) -> None:
        """The last `change` is in the journal."""
        self._written = self._durable
        self._written_ms = self._told_ms

    def _observe(self, report: AccountReport) -> Observation:
        account = report.account
        return Observation(
            now=Seen(report.received_ms, account.balance, account.equity, not report.positions),
            before=self._seen,
            opened_ms=tuple(position.time_ms for position in report.positions),
            deals=report.deals,
            since_ms=None if self._contradicts(report) else report.deals_since_ms,
            day_ms=self.bounds[0],
            unwatched_ms=self._policy.freshness.max_unwatched_ms,
            broker_offset_ms=self._offset_ms or 0,
            highest=report.highest_equity,
        )

    def _contradicts(self, report: AccountReport) -> bool:
        """Whether the deals begin with the first deposit, and yet do not make the balance: some are missing."""
        deals = report.deals
        if not deals or deals[0].symbol or self._initial is None:
            return False
        if abs(deals[0].net - self._initial) > _SAME_DEPOSIT * self._initial:
            return False
        return abs(self._net.of(deals) - report.account.balance) >= _CENT

    def _count_days(self, report: AccountReport) -> None:
        counted, today_ms, offset_ms = self._counted, self.bounds[0], self._offset_ms or 0
        if not self._counts_days or report.deals_since_ms is None:
            return
        if counted is not None and counted[0] is report.deals and counted[1] == today_ms:
            return
        self._counted = report.deals, today_ms
        whole = bool(report.deals) and abs(report.account.balance - self._net.of(report.deals)) < _CENT
        since_ms = report.deals[0].time_ms if whole else report.deals_since_ms
        known, self._whole = self._whole and whole and len(self._days) > 1, whole
        if known and counted is not None and counted[1] == today_ms and _came_since(*counted, report.deals):
            self._days = day_results(self._days, report.deals, today_ms, [today_ms])
            return
        if known:
            first_ms = self._days[-2].day_ms  # the days before that are counted
        else:
            first_ms = day_bounds(self._firm, since_ms, offset_ms)[0] if whole else since_ms
        resets = list(resets_between(self._firm, first_ms - 1, today_ms, offset_ms))
        self._days = day_results(self._days, report.deals, first_ms, resets)

    def _halt(self, report: AccountReport, peak_equity: float, now_ms: int) -> list[Halt]:
        """Add what the report is a reason for; return what has run out.

        A report from before the reset says nothing of the new day's floor, and money that was paid out today was not
        lost: while only that breaches a rule, requests are refused, and nothing stays.
        """
        account, found = report.account, []
        standing = halts.standing(self._halts, now_ms)
        if report.received_ms >= self.bounds[0]:
            found = halts.breaches(self._breached(account, report.deals), standing, now_ms)
            found += halts.floating_breach(account, report.positions, self._floating_limit(), standing, now_ms)
        drawdown = halts.drawdown_halt(account, peak_equity, self._halts, self._policy.drawdown, now_ms)
        if drawdown is not None:
            found.append(drawdown)
        self._halts = (*self._halts, *found)
        self._untold += found
        self._recovery = halts.still(self._recovery, account, now_ms)
        ended = [halt for halt in self._halts if halt not in halts.standing(self._halts, now_ms)]
        if ended:
            self._halts = halts.standing(self._halts, now_ms)
            policy = self._policy.recovery
            self._recovery = halts.recovery_after(ended, account, peak_equity, policy, now_ms) or self._recovery
        return ended

    def _breached(self, account: Account, deals: Sequence[Deal]) -> list[RuleStatus]:
        """The rules that are breached for good: a day's are told of its payouts, which were no losses."""
        initial = self._initial
        if initial is None:
            return []
        paid = withdrawn_since(self.bounds[0], deals)
        whole = replace(account, balance=account.balance + paid, equity=account.equity + paid) if paid else account
        found = []
        for rule in self._firm.rules:
            state, seen = self._states.get(rule.name), whole if rule.scope == "daily" else account
            if state is None or state.anchor is None or state.missing:
                continue
            if breached(rule, seen, initial, state.anchor):
                found.append(evaluate(rule, seen, initial, state.anchor, self.bounds[1]))
        return found

    def _floating_limit(self) -> float | None:
        percent = self._firm.limits.floating_loss_pct
        return None if percent is None or self._initial is None else self._initial * percent / 100

    def _follow_news(self, now_ms: int) -> None:
        if self._calendar is None:
            return
        coming = tuple(
            window
            for window in self._calendar.windows
            if window.end_ms > now_ms and window.start_ms < now_ms + _NEWS_AHEAD_MS
        )
        if coming != self._news:
            self._news = coming
        missing = self._calendar.missing(now_ms)
        self._news_missing = None if missing is None else f"{missing}."

    def _opened_today(self) -> int | None:
        day = self._days[-1] if self._days else None
        return day.opened if day is not None and day.day_ms == self.bounds[0] else None

    def _refresh(self) -> None:
        rests_on = (
            self._states, self._days, self._halts, self._recovery, self._news, self._news_missing, self.bounds
        )  # fmt: skip
        if self._rested_on and all(map(is_, rests_on, self._rested_on)):
            return
        self._rested_on = rests_on
        # Without the moment that the states reach up to, which every report moves.
        timeless = {name: _timeless(state) for name, state in self._states.items()}
        durable = _Durable(timeless, self._days, self._halts, self._recovery)
        if durable != self._durable:
            self._durable = durable
        if self._summed is None or self._summed[0] is not self._days or self._summed[1] != self.bounds[0]:
            sums = day_sums(self._firm, self._initial or 0.0, self._days, self.bounds[0])
            self._summed = self._days, self.bounds[0], sums
        kept = Kept(
            timeless,
            self._summed[2],
            self._halts,
            self._recovery,
            self._opened_today(),
            self._news,
            self._news_missing,
        )
        if kept != self.kept:
            self.kept = kept


def _new_days(old: Sequence[DayResult], now: Sequence[DayResult]) -> tuple[DayResult, ...]:
    """Those of `now` that were not there, or not as they are now; nearly all are the same objects."""
    came = {*compress(now, map(is_not, now, old)), *now[len(old) :]}
    gone = {*compress(old, map(is_not, old, now)), *old[len(now) :]}
    return tuple(sorted(came - gone))


def _timeless(state: RuleState) -> RuleState:
    return RuleState(state.rule, state.kind, state.anchor, state.day_ms, 0, state.given_ms, state.missing, state.raised)


def _came_since(before: Sequence[Deal], moment_ms: int, now: Sequence[Deal]) -> bool:
    """Whether nothing but deals from a moment on has come to those of before."""
    count = known_already(before, now)
    return count > 0 and all(deal.time_ms >= moment_ms for deal in now[count:])
