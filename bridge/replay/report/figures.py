"""The figures of a run: what report.json holds and every summary shows."""

import statistics
from collections import Counter
from collections.abc import Iterable
from typing import Literal

import msgspec
import numpy as np

from bridge.replay.report.drawdown import drawdowns
from bridge.replay.report.forecast import Forecast, forecast_of
from bridge.replay.run import BreachNote, Equity, Run, RunInfo

Outcome = Literal["passed", "breached", "open"]
DAY_MS = 86_400_000


class Least(msgspec.Struct, frozen=True):
    """The least headroom that a rule had, and in which quarter of an hour."""

    headroom: float
    time_ms: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """A run in numbers. Money in account currency, times UTC ms; None where there is nothing to compute from.

    `outcome` is "passed" if the target came before any breach. `net` is closing equity less the initial balance.
    `days` are calendar days from the first tick to the last; `target` is the profit that the firm wants.
    A trade wins with a net above 0. `profit_factor` is what winners made over what losers lost. `expectancy_r` is the
    mean of the R-multiples. `bound` counts the granted decisions by the cap that bound, `refused` the others by code.
    `instructions` are those of the rules about open positions; None where no rules were asked. `plans` of rebalancing
    were begun, for the weights of `targets_file`; None where no targets were given.
    """

    name: str
    outcome: Outcome
    complete: bool
    firm: str
    firm_title: str
    preset: str | None
    policy_hash: str
    strategy: str
    market: str
    synthetic: bool
    currency: str
    start_ms: int
    end_ms: int
    days: float
    days_traded: int
    min_days: int
    initial_balance: float
    balance: float
    equity: float
    net: float
    net_percent: float
    target: float | None
    target_ms: int | None
    breach: BreachNote | None
    least_headroom: dict[str, Least]
    max_drawdown: float
    max_drawdown_percent: float
    max_drawdown_ms: int | None
    trades: int
    wins: int
    win_rate: float | None
    profit_factor: float | None
    expectancy_r: float | None
    expectancy: float | None
    median_r: float | None
    best_r: float | None
    worst_r: float | None
    swap: float
    commission: float
    closed_by: dict[str, int]
    decisions: int
    granted: int
    filled: int
    refused_by_broker: int
    bound: dict[str, int]
    refused: dict[str, int]
    forecast: Forecast
    instructions: int | None
    instructions_done: int | None
    plans: int | None
    targets_file: str | None
    ticks: int
    engine: str
    version: str
    seconds: float


def figures_of(run: Run) -> Figures:
    """All of them."""
    info, result = run.info, run.info.result
    initial = info.account.initial_balance
    nets = [trade.net for trade in run.trades]
    multiples = [trade.r_multiple for trade in run.trades if trade.r_multiple is not None]
    won, lost = sum(net for net in nets if net > 0), -sum(net for net in nets if net < 0)
    wins = sum(net > 0 for net in nets)
    deepest = next(iter(drawdowns(run.equity, initial, 1)), None)
    net = result.equity - initial
    return Figures(
        name=info.name,
        outcome=outcome_of(info),
        complete=info.complete,
        firm=info.config.firm,
        firm_title=info.config.firm_title,
        preset=info.config.preset,
        policy_hash=info.config.policy_hash,
        strategy=info.strategy,
        market=info.market.name,
        synthetic=info.market.synthetic,
        currency=info.account.currency,
        start_ms=info.market.start_ms,
        end_ms=result.end_ms,
        days=(result.end_ms - info.market.start_ms) / DAY_MS,
        days_traded=result.days_traded,
        min_days=info.config.min_days,
        initial_balance=initial,
        balance=result.balance,
        equity=result.equity,
        net=net,
        net_percent=net / initial * 100,
        target=target_of(info),
        target_ms=result.target_ms,
        breach=result.breach,
        least_headroom=_least(run.equity),
        max_drawdown=0.0 if deepest is None else deepest.amount,
        max_drawdown_percent=0.0 if deepest is None else deepest.percent,
        max_drawdown_ms=None if deepest is None else deepest.trough_ms,
        trades=len(nets),
        wins=wins,
        win_rate=wins / len(nets) if nets else None,
        profit_factor=won / lost if lost else None,
        expectancy_r=statistics.fmean(multiples) if multiples else None,
        expectancy=statistics.fmean(nets) if nets else None,
        median_r=statistics.median(multiples) if multiples else None,
        best_r=max(multiples, default=None),
        worst_r=min(multiples, default=None),
        swap=sum(trade.swap for trade in run.trades),
        commission=sum(trade.commission for trade in run.trades),
        closed_by=_counted(trade.reason for trade in run.trades),
        decisions=len(run.decisions),
        granted=sum(each.code is None for each in run.decisions),
        filled=sum(each.outcome == "filled" for each in run.decisions),
        refused_by_broker=sum(each.outcome == "refused_by_broker" for each in run.decisions),
        bound=_counted(each.binding or "none" for each in run.decisions if each.code is None),
        refused=_counted(each.code for each in run.decisions if each.code is not None),
        forecast=forecast_of(run),
        instructions=result.instructions,
        instructions_done=None if result.instructions is None else sum(e.status == "done" for e in run.instructions),
        plans=result.plans,
        targets_file=None if info.rebalancing is None else info.rebalancing.targets_file,
        ticks=info.market.ticks,
        engine=info.engine,
        version=info.version,
        seconds=result.seconds,
    )


def target_of(info: RunInfo) -> float | None:
    """The profit that the firm wants, in money."""
    percent = info.config.target_pct
    return None if percent is None else info.account.initial_balance * percent / 100


def outcome_of(info: RunInfo) -> Outcome:
    """How the challenge ended: at whichever came first."""
    breach, target_ms = info.result.breach, info.result.target_ms
    if target_ms is not None and (breach is None or target_ms < breach.time_ms):
        return "passed"
    return "open" if breach is None else "breached"


def _least(equity: Equity) -> dict[str, Least]:
    found = {}
    for rule, headroom in equity.headrooms.items():
        if not np.all(np.isnan(headroom)):
            place = int(np.nanargmin(headroom))
            found[rule] = Least(float(headroom[place]), int(equity.time_ms[place]))
    return found


def _counted(names: Iterable[str]) -> dict[str, int]:
    """Most frequent first, then by name."""
    return dict(sorted(Counter(names).items(), key=lambda each: (-each[1], each[0])))
