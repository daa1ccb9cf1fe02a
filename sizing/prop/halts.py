"""Halts that nobody asked for, and what holds after one."""

import math
from collections.abc import Iterable, Sequence

from sizing.policy import DrawdownPolicy, RecoveryPolicy
from sizing.snapshot import Account, Halt, Position, Recovery, RuleStatus

BREACH, DRAWDOWN, MANUAL = "rule_breached", "drawdown_halt", "trading_halted"
FLOATING = "floating_loss"
"""In place of a rule's name."""
_DAY_MS = 86_400_000


def standing(halts: Iterable[Halt], now_ms: int) -> tuple[Halt, ...]:
    """Those whose time has not run out."""
    return tuple(halt for halt in halts if halt.until_ms is None or now_ms < halt.until_ms)


def is_pause(halt: Halt) -> bool:
    """Whether a halt is a breach that ends with the firm's day."""
    return halt.code == BREACH and halt.until_ms is not None


def breaches(rules: Iterable[RuleStatus], halts: Iterable[Halt], now_ms: int) -> list[Halt]:
    """A halt for each breached rule that has none yet: until the reset where the rule pauses, else for good.

    Equity that recovers undoes no breach.
    """
    halted = {halt.rule for halt in halts if halt.code == BREACH}
    return [
        Halt(
            BREACH,
            f"{rule.measured:.2f} against the floor of {rule.name}, {rule.floor:.2f}",
            now_ms,
            rule.resets_ms if rule.pauses else None,
            rule.name,
        )
        for rule in rules
        if rule.breached and rule.name not in halted
    ]


def floating_breach(
    account: Account, positions: Iterable[Position], limit: float | None, halts: Iterable[Halt], now_ms: int
) -> list[Halt]:
    """The halt for losing positions that together show the firm's limit or more, unless there is one already.

    Where positions are reported without their profit, the losers have lost what equity lacks at least.
    """
    if limit is None or any(halt.rule == FLOATING for halt in halts):
        return []
    shown = -sum(min(0.0, position.profit + position.swap) for position in positions)
    lost = max(shown, account.balance - account.equity)
    if lost < limit:
        return []
    return [Halt(BREACH, f"losing positions show {lost:.2f}, the firm's limit is {limit:.2f}", now_ms, None, FLOATING)]


def drawdown_halt(
    account: Account, peak_equity: float, halts: Iterable[Halt], policy: DrawdownPolicy, now_ms: int
) -> Halt | None:
    """The halt at the policy's drawdown from peak equity, unless there is one already."""
    if peak_equity <= 0 or any(halt.code == DRAWDOWN for halt in halts):
        return None
    drawdown = (peak_equity - account.equity) / peak_equity * 100
    if drawdown < policy.halt_pct:
        return None
    until_ms = now_ms + policy.halt_days * _DAY_MS if policy.halt_days else None
    return Halt(DRAWDOWN, f"equity {drawdown:.2f} % below its peak of {peak_equity:.2f}", now_ms, until_ms)


def recovery_after(
    halts: Iterable[Halt], account: Account, peak_equity: float, policy: RecoveryPolicy, now_ms: int
) -> Recovery | None:
    """The smaller sizes that follow halts for losses; None after others, or where the policy wants none."""
    lost = [halt for halt in halts if halt.code != MANUAL]
    if not lost or policy.days == 0 or policy.factor == 1.0:
        return None
    until_ms = now_ms + policy.days * _DAY_MS
    back = peak_equity if peak_equity > account.equity else None
    return Recovery(policy.factor, now_ms, until_ms, back, f"after {lost[0].code}")


def by_hand(halts: Sequence[Halt], halt: Halt) -> tuple[Halt, ...]:
    """The halts with one by hand: of several by hand, the one that lasts longest stands."""
    others = tuple(each for each in halts if each.code != MANUAL)
    mine = [halt, *(each for each in halts if each.code == MANUAL)]
    return (*others, max(mine, key=lambda each: math.inf if each.until_ms is None else each.until_ms))


def still(recovery: Recovery | None, account: Account, now_ms: int) -> Recovery | None:
    """The same, unless its time is over or equity is back."""
    if recovery is None or now_ms >= recovery.until_ms:
        return None
    return None if recovery.equity is not None and account.equity >= recovery.equity else recovery
