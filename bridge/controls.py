"""The firm's rules told, and what a person may do about them: halt, resume, say what a rule counts from."""

from collections.abc import Iterator
from typing import Any

from bridge.desk import Desk
from bridge.protocol import messages as wire
from bridge.protocol.codec import ProtocolError
from bridge.replies import ok
from sizing.prop.halts import MANUAL, standing
from sizing.prop.rules import LossRule
from sizing.snapshot import AccountView, Exposure, FirmState, Halt, Recovery, RuleStatus

_DAY_MS = 86_400_000
_MINUTE_MS = 60_000
_YEAR_2000_MS = 946_684_800_000


def halt(request: wire.HaltRequest, desk: Desk, now_ms: int) -> None:
    """Stop entries. Raises ProtocolError where the end is said twice, or cannot be counted."""
    if request.minutes is not None and request.until_reset:
        raise ProtocolError("bad_value", "minutes and until_reset contradict each other: send one.", field="minutes")
    timed = request.until_reset or request.minutes is not None
    if timed and now_ms < _YEAR_2000_MS:
        message = "The feed is the clock, and has not begun: halt without an end."
        raise ProtocolError("bad_value", message, field="until_reset" if request.until_reset else "minutes")
    until_ms = None
    if request.until_reset:
        desk.note_account(now_ms)
        until_ms = desk.rules.bounds[1]
    elif request.minutes is not None:
        until_ms = now_ms + request.minutes * _MINUTE_MS
    desk.rules.halt(Halt(MANUAL, request.reason, now_ms, until_ms))


def resume(request: wire.ResumeRequest, desk: Desk, now_ms: int) -> None:
    """Lift every halt. Sizes are as wished after it, else as the policy says. Raises ProtocolError."""
    if not desk.rules.reported:
        raise _unreported(desk)
    wish = None
    if request.factor is not None or request.days is not None:
        policy = desk.settings.policy.recovery
        days = request.days or policy.days or 1
        factor = policy.factor if request.factor is None else request.factor
        wish = Recovery(factor, now_ms, now_ms + days * _DAY_MS, None, request.reason)
    desk.resume(wish, now_ms)


def set_anchor(request: wire.AnchorRequest, desk: Desk, now_ms: int) -> LossRule:
    """Take a rule's anchor from the trader; the rule. Raises ProtocolError."""
    rule = desk.rules.rule(request.rule)
    if rule is None:
        names = ", ".join(each.name for each in desk.settings.firm.rules) or "none"
        message = f"{desk.settings.firm.name} has no rule {request.rule!r}; its rules are: {names}."
        raise ProtocolError("bad_value", message, field="rule")
    if rule.sampled == "inception":
        message = f"{rule.name} counts from the initial balance: set initial_balance in bridge.toml."
        raise ProtocolError("bad_value", message, field="rule")
    initial = desk.settings.initial_balance
    if initial is None or not initial / 10 <= request.value <= initial * 10:
        message = f"{request.value:.2f} is no balance of an account that began with {initial}: check the figure."
        raise ProtocolError("bad_value", message, field="value")
    if rule.ratchet and rule.scope == "total" and request.value < initial:
        message = f"{rule.name} counts from the highest so far, which is {initial:.2f} or more."
        raise ProtocolError("bad_value", message, field="value")
    desk.note_account(now_ms)
    known = desk.rules.anchor_of(rule)
    if known is not None and request.value < known and not request.force:
        message = (
            f"{rule.name} counts from {known:.2f} by what the daemon knows, and {request.value:.2f} would leave more "
            f"room. The anchor is not the floor. Send force if your firm says so."
        )
        raise ProtocolError("bad_value", message, field="value")
    if not desk.give_anchor(rule, request.value):
        raise _unreported(desk)
    return rule


def _unreported(desk: Desk) -> ProtocolError:
    message = f"Account {desk.login} has not been reported yet: start the feed first."
    return ProtocolError("bad_value", message, field="account")


def halt_reply(request: wire.HaltRequest | wire.ResumeRequest, desk: Desk, now_ms: int) -> wire.HaltReply:
    """The halts that stand now."""
    kind = "halt" if isinstance(request, wire.HaltRequest) else "resume"
    kept = desk.rules.kept
    return wire.HaltReply(
        **ok(kind, request.id, now_ms), halts=_halts(kept.halts, now_ms), recovery=_recovery(kept.recovery, now_ms)
    )


def anchor_reply(request: wire.AnchorRequest, rule: LossRule, desk: Desk, now_ms: int) -> wire.AnchorReply:
    """The rule with its new anchor."""
    firm = _firm_state(desk, now_ms)[1]
    return wire.AnchorReply(**ok("anchor", request.id, now_ms), rule=_detail(rule, firm))


def rules_reply(request: wire.RulesRequest, desk: Desk, now_ms: int) -> wire.RulesReply:
    """Everything that the firm's rules say of the account now."""
    desk.rules.poll(now_ms, desk.terminal.utc_offset_ms())
    view, firm = _firm_state(desk, now_ms)
    exposures = desk.exposures(view)
    settings = desk.settings
    kept = desk.rules.kept
    return wire.RulesReply(
        **ok("rules", request.id, now_ms),
        account=desk.login,
        currency=None if view is None else view.account.currency,
        balance=None if view is None else view.account.balance,
        equity=None if view is None else view.account.equity,
        firm=settings.firm.name,
        title=settings.firm.title,
        timezone=settings.firm.timezone,
        day_from_ms=desk.rules.bounds[0],
        resets_ms=desk.rules.bounds[1],
        broker_offset_ms=desk.terminal.utc_offset_ms(),
        at_risk=round(sum(each.worst for each in exposures), 2),
        rules=[_detail(rule, firm) for rule in settings.firm.rules],
        limits=[] if firm is None else list(_limits(firm, exposures)),
        halts=_halts(kept.halts, now_ms) + _pause(firm, desk.rules.bounds),
        recovery=_recovery(kept.recovery, now_ms),
        progress=None if firm is None else _progress(firm),
        windows=[] if firm is None else _windows(firm, now_ms),
        news_missing=kept.news_missing,
    )


def _firm_state(desk: Desk, now_ms: int) -> tuple[AccountView | None, FirmState | None]:
    report = desk.terminal.account()
    if report is None:
        return None, None
    view = desk.account_view(report)
    return view, desk.firm_state(view, now_ms)


def _detail(rule: LossRule, firm: FirmState | None) -> wire.RuleDetail:
    status = None if firm is None else next((each for each in firm.rules if each.name == rule.name), None)
    missing = None if status is not None else "the account has not been reported yet"
    if firm is not None and status is None:
        missing = firm.missing_of(rule.name)
    return wire.RuleDetail(
        name=rule.name,
        scope=rule.scope,
        **_figures(status),
        resets_ms=None if status is None else status.resets_ms,
        breached=status is not None and status.breached,
        breach=rule.breach,
        missing=missing,
        source=rule.source,
        as_of=rule.as_of,
    )


def _figures(status: RuleStatus | None) -> dict[str, Any]:
    names = ("anchor", "floor", "headroom", "used_percent", "floor_after_reset", "headroom_after_reset")
    return {name: None if status is None else round(getattr(status, name), 2) for name in names}


def _limits(firm: FirmState, exposures: tuple[Exposure, ...]) -> Iterator[wire.LimitInfo]:
    limits, held = firm.limits, sum(each.positions for each in exposures)
    used: dict[str, tuple[float | None, float | None]] = {
        "open_risk": (limits.open_risk, sum(each.risk for each in exposures)),
        "floating_loss": (limits.floating_loss, sum(each.deficit for each in exposures)),
        "max_positions": (limits.max_positions, held),
        "max_positions_per_day": (limits.max_positions_per_day, firm.opened_today),
        "max_lots_per_order": (limits.max_lots_per_order, None),
        "max_lots_open": (limits.max_lots_open, sum(each.lots for each in exposures)),
    }
    for name, (limit, amount) in used.items():
        if limit is not None:
            yield wire.LimitInfo(name, limit, None if amount is None else round(amount, 2))


def _halts(halts: tuple[Halt, ...], now_ms: int) -> list[wire.HaltInfo]:
    return [wire.HaltInfo(each.code, each.reason, each.since_ms, each.until_ms) for each in standing(halts, now_ms)]


def _pause(firm: FirmState | None, day: tuple[int, int]) -> list[wire.HaltInfo]:
    """What the firm's consistency rule makes of a day that has earned enough. No `resume` lifts it."""
    return [] if firm is None or firm.pause is None else [wire.HaltInfo(MANUAL, firm.pause.removesuffix("."), *day)]


def _recovery(recovery: Recovery | None, now_ms: int) -> wire.RecoveryInfo | None:
    if recovery is None or now_ms >= recovery.until_ms:
        return None
    return wire.RecoveryInfo(recovery.factor, recovery.until_ms, recovery.equity, recovery.reason)


def _progress(firm: FirmState) -> wire.ProgressInfo | None:
    progress = firm.progress
    return None if progress is None else wire.ProgressInfo(**progress._asdict())


def _windows(firm: FirmState, now_ms: int) -> list[wire.WindowInfo]:
    found = [
        wire.WindowInfo("news", each.start_ms, each.end_ms, each.title, list(each.currencies)) for each in firm.news
    ]
    if firm.weekend_from_ms is not None and firm.weekend_until_ms is not None:
        found.append(wire.WindowInfo("weekend", firm.weekend_from_ms, firm.weekend_until_ms, "", []))
    if firm.break_from_ms is not None and firm.break_until_ms is not None:
        found.append(wire.WindowInfo("break", firm.break_from_ms, firm.break_until_ms, "", []))
    return sorted((each for each in found if each.end_ms > now_ms), key=lambda each: each.start_ms)
