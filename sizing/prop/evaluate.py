"""A firm's rules, evaluated: floors and headroom of one account now and after the next reset."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sizing.prop.anchors import RuleState
from sizing.prop.calendar import break_bounds, day_bounds, weekend_bounds
from sizing.prop.firm import Firm
from sizing.prop.progress import DayResult, DaySums, pause_of, progress_of
from sizing.prop.rules import LossRule
from sizing.snapshot import (
    NO_LIMITS,
    Account,
    FirmState,
    Halt,
    NewsWindow,
    OpenLimits,
    Recovery,
    RuleStatus,
)

CENT = 0.01
_DIGITS = 6
"""Money is compared to a millionth: floats of cents differ beyond that."""


class Kept(NamedTuple):
    """What is remembered of an account beside its last report."""

    states: Mapping[str, RuleState]
    days: Sequence[DayResult] | DaySums = ()
    halts: tuple[Halt, ...] = ()
    recovery: Recovery | None = None
    opened_today: int | None = None
    news: tuple[NewsWindow, ...] = ()
    """Of the calendar file."""
    news_missing: str | None = None


class Frame(NamedTuple):
    """The day that holds now, and the windows without entries that hold now or come next; UTC milliseconds."""

    day_ms: int
    resets_ms: int
    weekend: tuple[int, int] | None = None
    daily_break: tuple[int, int] | None = None

    def holds(self, now_ms: int) -> bool:
        """Whether none of it has passed."""
        ends = [window[1] for window in (self.weekend, self.daily_break) if window is not None]
        return self.day_ms <= now_ms < min([self.resets_ms, *ends])


def frame_of(firm: Firm, now_ms: int, broker_offset_ms: int = 0) -> Frame:
    """The firm's calendar around now. Looks time zones up, so keep it while it holds."""
    day = day_bounds(firm, now_ms, broker_offset_ms)
    windows = weekend_bounds(firm, now_ms, broker_offset_ms), break_bounds(firm, now_ms, broker_offset_ms)
    return Frame(*day, *windows)


def firm_state(
    firm: Firm,
    account: Account,
    initial_balance: float | None,
    kept: Kept,
    now_ms: int,
    *,
    winning: float = 0.0,
    broker_offset_ms: int = 0,
    frame: Frame | None = None,
) -> FirmState:
    """Every rule of the firm for this account. Money is in account currency.

    `frame` is that of `frame_of`, if the caller has kept it. `winning` is the floating profit of the positions that
    win. Rules whose anchor is not known are left out, and `missing` says why.
    """
    frame = frame or frame_of(firm, now_ms, broker_offset_ms)
    day_ms, resets_ms = frame.day_ms, frame.resets_ms
    rules: list[RuleStatus] = []
    missing: list[tuple[str, str]] = []
    for rule in firm.rules:
        state = kept.states.get(rule.name)
        if initial_balance is None:
            missing.append((rule.name, "The account's initial_balance is not configured."))
        elif state is None or state.anchor is None or not _holds(rule, state, day_ms):
            missing.append((rule.name, _missing(rule, state, day_ms)))
        else:
            anchor = max(state.anchor, state.raised or state.anchor)
            rules.append(evaluate(rule, account, initial_balance, anchor, resets_ms, winning))
    weekend, pause = frame.weekend or (None, None), frame.daily_break or (None, None)
    progress = progress_of(firm, account.balance, initial_balance, kept.days, day_ms)
    fixed = tuple(NewsWindow(each.start_ms, each.end_ms, each.currencies, each.title) for each in firm.news)
    return FirmState(
        name=firm.name,
        rules=tuple(rules),
        missing=tuple(missing),
        weekend_from_ms=weekend[0],
        weekend_until_ms=weekend[1],
        break_from_ms=pause[0],
        break_until_ms=pause[1],
        news=fixed + kept.news,
        news_missing=kept.news_missing,
        halts=kept.halts,
        recovery=kept.recovery,
        limits=_limits(firm, initial_balance),
        opened_today=kept.opened_today,
        progress=progress,
        pause=pause_of(firm, progress),
    )


def evaluate(
    rule: LossRule, account: Account, initial_balance: float, anchor: float, resets_ms: int, winning: float = 0.0
) -> RuleStatus:
    """One rule now, and projected: past the next reset, and as if whatever wins had been closed.

    A rule on the balance still counts floating losses: they become realised ones.
    """
    measured, amount = _measured(rule, account), rule.amount(initial_balance, anchor)
    lock, after = rule.lock(initial_balance), _next_anchor(rule, account, anchor, winning)
    floor = floor_after = _floor(anchor, amount, lock)
    if after != anchor:
        floor_after = _floor(after, rule.amount(initial_balance, after), lock)
    touch = 0.0 if rule.strict else CENT
    headroom = round(measured - floor - touch, _DIGITS)
    left = round(measured - floor, _DIGITS)
    return RuleStatus(
        name=rule.name,
        scope=rule.scope,
        floor=floor,
        headroom=headroom,
        floor_after_reset=floor_after,
        headroom_after_reset=round(measured - floor_after - touch, _DIGITS),
        start_distance=amount,
        used_percent=max(0.0, (amount - left) / amount * 100),
        resets_ms=resets_ms if rule.scope == "daily" or rule.sampled == "reset" else None,
        anchor=anchor,
        measured=measured,
        breached=_is_breached(rule, left),
        pauses=rule.breach == "pauses",
        on_balance=rule.measured_on == "balance",
        trails=rule.anchor in ("equity", "higher"),
        rise=None if lock is None else max(0.0, lock - floor_after),
    )


def breached(rule: LossRule, account: Account, initial_balance: float, anchor: float) -> bool:
    """What `evaluate` says of that, and no more."""
    amount, lock = rule.amount(initial_balance, anchor), rule.lock(initial_balance)
    return _is_breached(rule, round(_measured(rule, account) - _floor(anchor, amount, lock), _DIGITS))


def _measured(rule: LossRule, account: Account) -> float:
    return account.equity if rule.measured_on == "equity" else min(account.balance, account.equity)


def _is_breached(rule: LossRule, left: float) -> bool:
    return left < 0 if rule.strict else left <= 0


def _floor(anchor: float, amount: float, lock: float | None) -> float:
    return anchor - amount if lock is None else min(anchor - amount, lock)


def _next_anchor(rule: LossRule, account: Account, anchor: float, winning: float) -> float:
    """The highest that the anchor may be next, as things stand: whatever wins may be closed before it is taken.

    For rules that a reset starts anew that is the anchor after it; closes and peaks may raise theirs at once.
    """
    if rule.sampled == "inception":
        return anchor
    balance = max(account.balance + winning, account.equity)
    after = account.equity if rule.anchor == "equity" else balance
    return max(anchor, after) if rule.ratchet else after


def _holds(rule: LossRule, state: RuleState, day_ms: int) -> bool:
    """Whether a state says what the rule counts from now."""
    if state.kind != rule.kind or state.missing:
        return False
    return rule.sampled == "inception" or state.day_ms == day_ms or (rule.scope == "total" and state.day_ms > day_ms)


def _missing(rule: LossRule, state: RuleState | None, day_ms: int) -> str:
    why = "the day has begun, and no report has come since"
    if state is not None and (state.missing or state.day_ms > day_ms):
        why = state.missing or "the clock was set back over the reset"
    remedy = f"Feed the deals, or run `lotbridge anchor set {rule.name}` with the figure that your firm shows."
    return f"What {rule.name} counts from is unknown: {why}. {remedy}"


def _limits(firm: Firm, initial_balance: float | None) -> OpenLimits:
    limits = firm.limits
    if initial_balance is None:
        return NO_LIMITS
    return OpenLimits(
        open_risk=_share(limits.open_risk_pct, initial_balance),
        floating_loss=_share(limits.floating_loss_pct, initial_balance),
        max_positions=limits.max_positions,
        max_positions_per_day=limits.max_positions_per_day,
        max_lots_per_order=limits.max_lots_per_order,
        max_lots_open=limits.lots_open(initial_balance),
    )


def _share(percent: float | None, initial_balance: float) -> float | None:
    return None if percent is None else initial_balance * percent / 100
