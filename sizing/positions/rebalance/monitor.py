"""What the portfolio is now, which limits it breaches, and whether it may go on: pure functions of what is given."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sizing.positions.rebalance.exposure import (
    class_of,
    clusters,
    deviation,
    sector_of,
    share,
    volatility,
    weights,
)
from sizing.positions.rebalance.given import Event, Given, Guard
from sizing.positions.rebalance.rules import ACTIONS, ClassLimits, Limits, Rebalance
from sizing.positions.state import State

_QUANTILE_95 = 1.6448536269514722
"""Of the standard normal distribution."""

Wants = Literal["none", "reduce", "close"]


class Size(NamedTuple):
    """One figure that has a limit, both in the limit's unit. `value` None: it is not known."""

    rule: str
    subject: str
    value: float | None
    limit: float

    @property
    def name(self) -> str:
        return f"{self.rule} {self.subject}".rstrip()

    @property
    def breached(self) -> bool:
        # Written as "not within", so that NaN is a breach; what is not known is none, and is said apart.
        return self.value is not None and not self.value <= self.limit + 1e-9

    def __str__(self) -> str:
        return f"{self.name} is {'not known' if self.value is None else f'{self.value:.2f}'}, limit {self.limit:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """All figures of one moment."""

    sizes: tuple[Size, ...]
    gross: float
    net: float
    var_95_pct: float | None
    drawdown_pct: float

    @property
    def breaches(self) -> tuple[Size, ...]:
        return tuple(each for each in self.sizes if each.breached)

    @property
    def unknown(self) -> tuple[Size, ...]:
        return tuple(each for each in self.sizes if each.value is None)


class Watched(NamedTuple):
    """`wants`: the emergency plan that is due now; it is said once, when the breach begins."""

    guard: Guard
    metrics: Metrics
    events: tuple[Event, ...]
    wants: Wants


def drawdown(state: State, given: Given) -> float:
    """Percent lost since the day began; endless where equity is no number."""
    start = given.day_start_equity
    if start is None or not (math.isfinite(start) and start > 0):
        return state.drawdown_pct if math.isfinite(state.drawdown_pct) else math.inf
    lost = (start - state.equity) / start * 100
    return max(0.0, lost) if math.isfinite(lost) else math.inf


def limits_now(limits: Limits, guard: Guard, now_ms: int) -> Limits:
    """The limits that hold: smaller ones for a while after a halt."""
    if guard.mode != "limited" or now_ms >= guard.until_ms:
        return limits
    return Limits(
        position_pct=limits.position_pct * guard.factor,
        sector_pct=limits.sector_pct * guard.factor,
        cluster_pct=limits.cluster_pct * guard.factor,
        cluster_correlation=limits.cluster_correlation,
        gross=limits.gross * guard.factor,
        net=limits.net * guard.factor,
        turnover_pct=limits.turnover_pct * guard.factor,
        daily_drawdown_pct=limits.daily_drawdown_pct,
        var_95_pct=limits.var_95_pct,
    )


def measure(state: State, rules: Rebalance, given: Given, symbols: Iterable[str] = ()) -> Metrics:
    """Every figure that has a limit. `symbols` are watched for disruption though nothing is held in them."""
    limits, held = rules.limits, weights(state)
    gross, net = sum(each.gross for each in held.values()), sum(each.net for each in held.values())
    net = net if math.isfinite(net) else math.inf
    spread = deviation({symbol: each.net for symbol, each in held.items()}, state, given)
    var = None if spread is None else spread * _QUANTILE_95 * 100
    lost = drawdown(state, given)
    sizes = [
        Size("gross", "", gross, limits.gross),
        Size("net", "", abs(net), limits.net),
        Size("drawdown", "", lost, limits.daily_drawdown_pct),
        Size("var_95", "", var, limits.var_95_pct),
        *(Size("position", symbol, each.gross * 100, limits.position_pct) for symbol, each in held.items()),
        *_sectors(state, rules),
        *_clusters(state, rules, given),
        *_classes(state, rules),
        *_disruptions({*held, *symbols}, state, rules, given),
    ]
    return Metrics(sizes=tuple(sizes), gross=gross, net=net, var_95_pct=var, drawdown_pct=lost)


def _sectors(state: State, rules: Rebalance) -> list[Size]:
    sums: dict[str, float] = {}
    for symbol, each in weights(state).items():
        name = sector_of(symbol, rules, class_of(symbol, state))
        sums[name] = sums.get(name, 0.0) + each.gross
    return [Size("sector", name, value * 100, rules.limits.sector_pct) for name, value in sorted(sums.items())]


def _clusters(state: State, rules: Rebalance, given: Given) -> list[Size]:
    held = weights(state)
    groups = clusters(held, given.correlations, rules.limits.cluster_correlation)
    return [
        Size("cluster", " ".join(group), sum(held[each].gross for each in group) * 100, rules.limits.cluster_pct)
        for group in groups
        if len(group) > 1
    ]


def _classes(state: State, rules: Rebalance) -> list[Size]:
    notional: dict[str, float] = {}
    margin: dict[str, float] = {}
    for each in state.held:
        name = class_of(each.symbol, state) or "unknown"
        notional[name] = notional.get(name, 0.0) + share(each.notional, state.equity)
        margin[name] = margin.get(name, 0.0) + share(each.margin, state.equity)
    found = []
    for name in sorted(notional):
        limits = rules.classes.get(name, ClassLimits())
        found.append(Size("asset_class", f"{name} leverage", notional[name], limits.max_leverage))
        found.append(Size("asset_class", f"{name} margin", margin[name] * 100, limits.margin_pct))
    return found


def _disruptions(symbols: Iterable[str], state: State, rules: Rebalance, given: Given) -> list[Size]:
    # From the threshold on, not only beyond it.
    limit = rules.emergency.disruption_pct - 2e-9
    return [Size("disruption", each, volatility(each, state, given), limit) for each in sorted(symbols)]


def watch(guard: Guard, rules: Rebalance, state: State, given: Given, symbols: Iterable[str] = ()) -> Watched:
    """The guard after a look at the portfolio, and what to say and to do about it."""
    metrics = measure(state, rules, given, symbols)
    breached = {each.name: each for each in metrics.breaches}
    new = [each for each in metrics.breaches if each.name not in guard.active]
    events = [Event("breach", str(each), _symbol(each), "alert") for each in new]
    events += [Event("breach_ended", name) for name in guard.active if name not in breached]
    accepted = tuple(name for name in guard.accepted if name in breached)
    guard = guard._replace(active=tuple(breached), accepted=accepted)
    if guard.mode == "limited" and state.now_ms >= guard.until_ms:
        guard = Guard(active=guard.active, accepted=guard.accepted)
        events.append(Event("limits_restored", "the time of smaller limits is over"))
    halting = [each for each in metrics.breaches if _action(each, rules) != "alert" and each.name not in accepted]
    if halting and guard.mode != "halted":
        guard = guard._replace(mode="halted", reason=str(halting[0]), since_ms=state.now_ms, until_ms=0, factor=1.0)
        events.append(Event("halted", str(halting[0]), level="alert"))
    return Watched(guard, metrics, tuple(events), _wants([_action(each, rules) for each in new]))


def resume(guard: Guard, rules: Rebalance, now_ms: int) -> Guard:
    """What somebody's word makes of a halt: smaller limits for a while, whatever still lasts being accepted."""
    if guard.mode != "halted":
        return guard
    until = now_ms + rules.emergency.resume_minutes * 60_000
    factor = rules.emergency.resume_limits_pct / 100
    return Guard("limited", guard.reason, now_ms, until, factor, guard.active, guard.active)


def halted(state: State, rules: Rebalance, given: Given) -> str | None:
    """Why nothing may be added now; None if something may."""
    if state.entries_halted is not None:
        return state.entries_halted
    if given.guard.mode == "halted":
        return f"halted: {given.guard.reason}"
    lost = drawdown(state, given)
    if not lost <= rules.limits.daily_drawdown_pct and "drawdown" not in given.guard.accepted:
        return f"the day has lost {lost:.2f} %, limit {rules.limits.daily_drawdown_pct:g} %"
    return None


def _symbol(size: Size) -> str:
    return size.subject if size.rule in ("position", "disruption") else ""


def _action(size: Size, rules: Rebalance) -> str:
    return str(getattr(rules.emergency, size.rule))


def _wants(actions: list[str]) -> Wants:
    worst = max(actions, key=ACTIONS.index, default="alert")
    return "close" if worst == "close" else "reduce" if worst == "reduce" else "none"
