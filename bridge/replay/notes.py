"""What run.json says of a run."""

from importlib.metadata import version

from bridge.replay.paper import Found, PaperAccount
from bridge.replay.plan import Plan
from bridge.replay.run import (
    AccountNote,
    BreachNote,
    ConfigNote,
    MarketNote,
    RebalancingNote,
    ResultNote,
    RuleNote,
    RunInfo,
    RunWriter,
)
from bridge.settings import policy_hash


def run_info(plan: Plan, result: ResultNote, *, complete: bool) -> RunInfo:
    """The whole note."""
    source, firm, wish = plan.source, plan.settings.firm, plan.broker
    return RunInfo(
        name=plan.name,
        version=version("lotbridge"),
        engine=plan.engine,
        complete=complete,
        market=MarketNote(
            name=source.name,
            synthetic=source.synthetic,
            symbols=tuple(source.symbols),
            start_ms=source.start_ms,
            end_ms=source.end_ms,
            ticks=source.count,
            notes=(*source.notes, *plan.notes),
        ),
        account=AccountNote(
            login=plan.settings.login,
            currency=wish.currency,
            initial_balance=wish.balance,
            leverage=wish.leverage,
            hedging=wish.hedging,
        ),
        broker={"latency_ms": wish.latency_ms, "slippage_points": wish.slippage_points, "zone": wish.zone},
        strategy=plan.strategy_text,
        config=ConfigNote(
            policy_hash=policy_hash(plan.settings),
            preset=plan.preset,
            firm=firm.name,
            firm_title=firm.title,
            target_pct=firm.target_pct,
            min_days=firm.min_days,
            rules_files=plan.rules_files(),
            manage_every_s=plan.manage_every_s if plan.manages else None,
        ),
        rules=tuple(
            RuleNote(name=rule.name, scope=rule.scope, strict=rule.strict, measured_on=rule.measured_on)
            for rule in firm.rules
        ),
        result=result,
        rebalancing=_rebalancing_note(plan),
    )


def _rebalancing_note(plan: Plan) -> RebalancingNote | None:
    wanted = plan.rebalancing
    return None if wanted is None else RebalancingNote(targets_file=wanted.file, every_days=wanted.every_days)


def result_note(
    account: PaperAccount,
    writer: RunWriter,
    breach: Found | None,
    *,
    target_ms: int | None,
    days_traded: int,
    granted: int,
    manages: bool,
    plans: int | None,
    seconds: float,
) -> ResultNote:
    """How the account stands."""
    found = None
    if breach is not None:
        met = breach.breach
        found = BreachNote(rule=met.rule, time_ms=breach.time_ms, equity=met.value, floor=met.floor)
    return ResultNote(
        balance=account.balance,
        equity=account.account().equity,
        end_ms=account.now_ms,
        breach=found,
        target_ms=target_ms,
        days_traded=days_traded,
        decisions=len(writer.decisions),
        granted=granted,
        trades=len(writer.trades),
        seconds=round(seconds, 3),
        instructions=len(writer.instructions) if manages else None,
        plans=plans,
    )
