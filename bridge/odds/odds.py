"""From a replay and a wish to the report."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bridge.odds.batches import Deal, Plan, Task, tasks_of
from bridge.odds.days import Days, held_over, path_days, scaled, stopped, trade_days
from bridge.odds.draw import block_length
from bridge.odds.errors import OddsError
from bridge.odds.figures import Drawn, OddsReport, Policy, rows_of
from bridge.odds.source import Source, base_risk_of, source_of
from bridge.odds.spread import Answers
from bridge.replay.run import Run
from sizing.prop.firm import Firm

_FEWEST_DAYS = 5


class Wish(NamedTuple):
    """What to compute. The grid is every base risk with every other value; `base_risks` is empty for the usual ones."""

    firm: Firm
    initial: float
    days: int
    challenges: int
    seed: int
    resamples: int
    """Draws of the source for its interval; 0: none is told."""
    base_risks: tuple[float, ...] = ()
    daily_stops: tuple[float | None, ...] = (None,)
    max_trades: tuple[int | None, ...] = (None,)
    run_risk: float | None = None
    block: int | None = None
    paths: bool = False
    deal: Deal | None = None


RunTasks = Callable[[Plan, list[Task]], Answers]


def odds_of(run: Run, wish: Wish, run_tasks: RunTasks) -> OddsReport:
    """The odds under every policy of the grid. Raises OddsError where the replay is nothing to draw from."""
    source = source_of(run, wish.firm)
    _demand_drawable(run, source, wish)
    own_risk = base_risk_of(run) if wish.run_risk is None else wish.run_risk
    wanted = wish.base_risks or tuple(round(own_risk * factor, 10) for factor in (0.5, 1.0, 1.5, 2.0))
    policies = [Policy(*each) for each in _grid(wanted, wish)]

    plain = {most: _days(source, wish, most) for most in wish.max_trades}
    whole = plain[wish.max_trades[0]]
    if whole.size < _FEWEST_DAYS:
        raise OddsError(f"{run.folder} has {whole.size} days of market; odds need {_FEWEST_DAYS}. Replay more ticks.")
    block = min(wish.block or block_length(whole.sums()), whole.size)
    plan = Plan(
        wish.firm,
        wish.initial,
        tuple(_variant(source, wish, plain[each.max_trades], each, own_risk) for each in policies),
        wish.days,
        block,
        wish.seed,
        wish.challenges,
        wish.resamples,
        wish.deal,
    )
    tasks = tasks_of(plan)
    answers = run_tasks(plan, tasks)
    opened = np.searchsorted(source.bounds, source.trades.opened_ms, side="right")
    return OddsReport(
        firm=wish.firm.name,
        title=wish.firm.title,
        currency=run.info.account.currency,
        initial_balance=wish.initial,
        target_pct=wish.firm.target_pct,
        min_days=wish.firm.min_days,
        days=wish.days,
        challenges=wish.challenges,
        resamples=wish.resamples,
        seed=wish.seed,
        fee=None if wish.deal is None else wish.deal.fee,
        source=Drawn(
            run=run.info.name,
            synthetic=run.info.market.synthetic,
            complete=run.info.complete,
            breached=None if run.info.result.breach is None else run.info.result.breach.rule,
            strategy=run.info.strategy,
            trades=len(source.trades.net),
            days=whole.size,
            traded_days=len(np.unique(opened)),
            base_risk_pct=own_risk,
            mode="paths" if wish.paths else "trades",
            block=block,
        ),
        rows=rows_of(plan, policies, tasks, answers),
    )


def without_target(firm: Firm) -> Firm:
    """The firm's rules for an account that has passed."""
    return dataclasses.replace(firm, target_pct=None, min_days=0, min_day_profit_pct=0.0, consistency=None)


def _grid(base_risks: tuple[float, ...], wish: Wish) -> list[tuple[float, float | None, int | None]]:
    return [(risk, stop, most) for stop in wish.daily_stops for most in wish.max_trades for risk in base_risks]


def _days(source: Source, wish: Wish, most: int | None, stop_pct: float | None = None) -> Days:
    if wish.paths:
        found = path_days(source.trades, source.curve, source.bounds, source.initial)
        return found if stop_pct is None else stopped(found, stop_pct)
    return trade_days(source.trades, source.curve, source.bounds, source.initial, most, stop_pct)


def _variant(source: Source, wish: Wish, plain: Days, policy: Policy, own_risk: float) -> Days:
    factor, stop = policy.base_risk_pct / own_risk, policy.daily_stop_pct
    return scaled(plain if stop is None else _days(source, wish, policy.max_trades, stop / factor), factor)


def _demand_drawable(run: Run, source: Source, wish: Wish) -> None:
    """Refuse what would close a position one day and go on with it the next."""
    held = held_over(source.trades, source.bounds)
    if not held:
        return
    told = f"{run.folder} has {held} trades that were open when a day of {wish.firm.name} ended"
    if wish.paths and any(stop is not None for stop in wish.daily_stops):
        raise OddsError(f"{told}: a path cannot be had without them once --daily-stop has closed them. Omit --paths.")
    for firm in (wish.firm, *(() if wish.deal is None else (wish.deal.firm,))):
        if _pauses(firm):
            raise OddsError(
                f"{told}. {firm.name} pauses an account for the rest of a day and closes what is open, and days drawn "
                "later would go on with it: replay a strategy that closes everything before the day ends."
            )


def _pauses(firm: Firm) -> bool:
    """Whether a day may end early."""
    best = firm.consistency
    reached = best is not None and best.when_reached == "pause" and firm.target_pct is not None
    return reached or any(rule.breach == "pauses" for rule in firm.rules)
