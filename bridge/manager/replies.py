"""What is open, what was done with it and why, as the messages that carry it."""

import math
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import takewhile

from bridge.desk import Desk
from bridge.kept import Issued, Kept
from bridge.manager import portfolio
from bridge.manager.manager import Advised, Manager
from bridge.manager.view import state_of
from bridge.protocol import messages as wire
from bridge.replies import ok
from bridge.terminal.base import AccountReport
from sizing.positions.instruction import Memory, Skipped
from sizing.positions.rebalance import Entry, Plan, attribution
from sizing.positions.rebalance.exposure import net_lots
from sizing.positions.rebalance.quality import Total
from sizing.positions.rebalance.settlement import positions
from sizing.positions.state import Held, State
from sizing.snapshot import Deal

NO_RULES = "No rules: set share_rules, active or rebalance for this account in bridge.toml, and restart the daemon."
_SKIPPED = 50
"""Every reply is journalled, and EAs ask every few seconds."""
_ATTRIBUTED_MS = int(timedelta(days=30) / timedelta(milliseconds=1))
_OUT = (1, 2, 3)
"""ENUM_DEAL_ENTRY: out, in and out, out by."""
_CLOSE_LAG_MS = 60_000
"""How long after an instruction's end its deal may still be made."""


def manage_reply(request: wire.ManageRequest, advised: Advised, manager: Manager, now_ms: int) -> wire.ManageReply:
    """What to do now."""
    head = ok("manage", request.id, now_ms)
    if advised.refusal is not None:
        head |= {"status": "reject", "code": advised.refusal[0], "message": advised.refusal[1]}
    return wire.ManageReply(
        **head,
        instructions=list(advised.instructions),
        skipped=_shown(advised.skipped),
        problems=[*manager.files.problems, *([NO_RULES] if manager.rules.empty else [])],
    )


def _shown(skipped: Sequence[Skipped]) -> list[wire.SkippedInfo]:
    """What was skipped, but not endlessly: an EA has to read it."""
    told = [wire.SkippedInfo(*each) for each in skipped[:_SKIPPED]]
    more = len(skipped) - len(told)
    return [*told, wire.SkippedInfo("", "", f"{more} more")] if more else told


def report_reply(request: wire.ReportRequest, issued: Issued, now_ms: int) -> wire.ReportReply:
    """How the instruction stands."""
    return wire.ReportReply(**ok("report", request.id, now_ms), instruction=issued.id, state=issued.standing)


def rebalance_reply(request: wire.RebalanceRequest, desk: Desk, now_ms: int) -> wire.RebalanceReply:
    """The plan as it stands."""
    kept = desk.positions.kept
    state = _state(desk, kept, now_ms)
    plan = None if kept.plan is None else plan_info(kept.plan, state)
    return wire.RebalanceReply(**ok("rebalance", request.id, now_ms), plan=plan)


def positions_reply(request: wire.PositionsRequest, desk: Desk, manager: Manager, now_ms: int) -> wire.PositionsReply:
    """Everything about what is open."""
    kept, report = desk.positions.kept, desk.terminal.account()
    state = _state(desk, kept, now_ms)
    sums = attribution(_entries(report, kept, now_ms) if report is not None and request.history else ())
    history = list(kept.ended.values())[-request.history :] if request.history else []
    return wire.PositionsReply(
        **ok("positions", request.id, now_ms),
        account=desk.login,
        currency=None if report is None else report.account.currency,
        balance=None if report is None else report.account.balance,
        equity=None if report is None else report.account.equity,
        rules=list(manager.files.names),
        problems=list(manager.files.problems),
        positions=[] if state is None else [_held_info(each, state, kept.memory) for each in state.held],
        pending=[_past_info(each) for each in kept.issued.values()],
        history=[_past_info(each) for each in reversed(history)],
        symbols=list(map(_sum, sums.symbols)),
        by_rule=list(map(_sum, sums.rules)),
        strategies=list(map(_sum, sums.strategies)),
        plan=None if kept.plan is None else plan_info(kept.plan, state),
        portfolio=_portfolio(desk, manager, kept, state),
    )


def _state(desk: Desk, kept: Kept, now_ms: int) -> State | None:
    report = desk.terminal.account()
    if report is None:
        return None
    return state_of(desk, report, kept.origins, now_ms, None, portfolio.symbols_of(kept))


def _held_info(held: Held, state: State, memory: Memory) -> wire.HeldInfo:
    sign = 1 if held.side == "buy" else -1
    moved = (held.price - held.price_open) * sign
    first = held.price_open if held.initial_price is None else held.initial_price
    distance = 0.0 if held.initial_sl is None else (first - held.initial_sl) * sign
    return wire.HeldInfo(
        ticket=held.ticket,
        symbol=held.symbol,
        side=held.side,
        volume=held.volume,
        initial_volume=held.initial_volume,
        price_open=held.price_open,
        price=held.price,
        sl=held.sl,
        tp=held.tp,
        profit=round(held.profit, 2),
        gain_pct=round(moved / held.price_open * 100, 4) if held.price_open > 0 else None,
        r=round(moved / distance, 4) if distance > 0 else None,
        opened_ms=held.opened_ms,
        share_pct=_rounded(held.notional / state.balance * 100) if state.balance > 0 else None,
        stop_risk=None if held.stop_risk is None else round(held.stop_risk, 2),
        magic=held.magic,
        added_to=held.added_to,
        actions=_actions(memory, held.ticket),
    )


def _actions(memory: Memory, ticket: int) -> list[str]:
    """The rules that were carried out on a position: "active/RULE/LEVEL/TICKET", "share/FILE/RULE/SYMBOL/TICKET"."""
    done = [key.split("/") for key in memory if key.endswith(f"/{ticket}")]
    return sorted({parts[1] if parts[0] == "active" else "/".join(parts[1:3]) for parts in done})


def _rounded(figure: float) -> float | None:
    return round(figure, 4) + 0.0 if math.isfinite(figure) else None


def _past_info(issued: Issued) -> wire.PastInfo:
    slip = _slip(issued)
    return wire.PastInfo(
        id=issued.id,
        kind=issued.kind,
        ticket=issued.ticket or issued.fill_ticket,
        symbol=issued.symbol,
        side=issued.side,
        lots=issued.lots,
        stop_loss=issued.stop_loss,
        rule=issued.rule,
        reason=issued.reason,
        given_ms=issued.given_ms,
        expires_ms=issued.expires_ms,
        state=issued.standing,
        filled=issued.filled,
        price=issued.fill_price,
        retcode=issued.retcode,
        slippage_bps=None if slip is None or not issued.price else _rounded(slip / issued.price * 10_000),
        latency_ms=max(0, issued.heard_ms - issued.given_ms) if issued.heard_ms else None,
        cost=None
        if slip is None or not issued.money_per_price
        else _rounded(slip * issued.money_per_price * issued.filled),
    )


def _sum(total: Total) -> wire.SumInfo:
    return wire.SumInfo(total.name, total.pieces, round(total.profit, 2) + 0.0, round(total.cost, 2) + 0.0)


def _slip(issued: Issued) -> float | None:
    """Price lost against the touch price when it was given."""
    if issued.fill_price is None or issued.price is None or issued.filled <= 0:
        return None
    buys = (issued.side == "buy") == (issued.kind == "open")
    return (issued.fill_price - issued.price) * (1 if buys else -1)


def _entries(report: AccountReport, kept: Kept, now_ms: int) -> list[Entry]:
    """The closed pieces of the last 30 days, each with the rule that closed it; "other" where no instruction did."""
    closes: dict[int, list[Issued]] = {}
    for each in kept.ended.values():
        if each.kind in ("close", "close_partial"):
            closes.setdefault(each.ticket, []).append(each)
    return [
        Entry(
            symbol=deal.symbol,
            rule=_rule_of(deal, closes.get(deal.position_id, ())),
            strategy=str(deal.magic),
            profit=deal.profit + deal.swap,
            cost=-(deal.commission + deal.fee),
        )
        for deal in takewhile(lambda deal: deal.time_ms > now_ms - _ATTRIBUTED_MS, reversed(report.deals))
        if deal.entry in _OUT and deal.symbol
    ]


def _rule_of(deal: Deal, closes: Iterable[Issued]) -> str:
    for each in closes:
        if each.given_ms - _CLOSE_LAG_MS <= deal.time_ms <= each.expires_ms + _CLOSE_LAG_MS:
            return each.rule
    return "other"


def plan_info(plan: Plan, state: State | None) -> wire.PlanInfo:
    """A plan, with the net lots that the terminal shows."""
    outcome = plan.outcome
    return wire.PlanInfo(
        id=plan.id,
        phase=plan.phase,
        created_ms=plan.created_ms,
        why=plan.why,
        lines=[
            wire.PlanLineInfo(
                symbol=each.symbol,
                weight=each.weight,
                fitted=each.fitted,
                lots=each.lots,
                shown=None if state is None else net_lots(positions(plan, state, each.symbol)),
                note=each.left_out or each.aside,
            )
            for each in plan.lines
        ],
        in_play=len(plan.orders),
        past=len(plan.past),
        turnover=round(plan.spent.notional, 2),
        untracked_pct=None if outcome is None else round(outcome.untracked_pct, 4),
        tracking_error_pct=None if outcome is None else outcome.tracking_error_pct,
        violations=[] if outcome is None else list(outcome.violations),
    )


def _portfolio(desk: Desk, manager: Manager, kept: Kept, state: State | None) -> wire.PortfolioInfo | None:
    rules = manager.rules.rebalance
    if rules is None or state is None:
        return None
    metrics = portfolio.metrics_of(rules, state, portfolio.given_of(desk, kept), kept)
    return wire.PortfolioInfo(
        mode=kept.guard.mode,
        reason=kept.guard.reason,
        gross=_rounded(metrics.gross),
        net=_rounded(metrics.net),
        var_95_pct=None if metrics.var_95_pct is None else round(metrics.var_95_pct, 4),
        drawdown_pct=_rounded(metrics.drawdown_pct),
        breaches=[str(each) for each in metrics.breaches],
        unknown=[str(each) for each in metrics.unknown],
    )
