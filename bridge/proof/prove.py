"""The proof itself: the same paths and requests for every sizer, with gaps cut to the allowance and as drawn."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bridge.proof.account import Terms, terms_of
from bridge.proof.asks import Ask, Start, asks, starts
from bridge.proof.days import Days
from bridge.proof.evidence import Evidence
from bridge.proof.history import Past
from bridge.proof.life import Life, Tally
from bridge.proof.paths import BLOCK, Pair, draw, steps_of
from bridge.proof.sizers import Careless, FixedPercent, Lotbridge, Sizer
from sizing.policy import Policy
from sizing.prop.firm import Firm
from sizing.symbols import SymbolTable

_BATCH = 200
"""Blocks drawn at a time."""
SHARES_PCT = (100.0, 50.0, 25.0)
"""Percent of the distance to a floor that one trade may take, by block in turn."""
BASE_RISK_PCT = 10.0


class Wish(NamedTuple):
    """What to simulate."""

    firm: Firm
    initial: float
    days: int
    seed: int


class Setting(NamedTuple):
    """What a sizer is made from."""

    evidence: Evidence
    policy: Policy


MakeSizer = Callable[[Setting], Sizer]
SIZERS: tuple[MakeSizer, ...] = (
    lambda setting: Lotbridge(setting.evidence, setting.policy),
    lambda setting: FixedPercent(setting.evidence),
    lambda setting: Careless(setting.evidence, setting.policy),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One sizer's tallies: with gaps cut to the modelled allowance, and as drawn from history."""

    name: str
    cut: Tally
    drawn: Tally


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found."""

    days: int
    symbols: list[str]
    history_days: int
    hourly: bool
    figures: list[Figures]
    seconds: float
    sizes: int
    """Calls of the engine."""


def free_table(table: SymbolTable) -> SymbolTable:
    """The symbol table with its costs, and without its ceilings on lots and face value."""
    classes = {
        name: dataclasses.replace(each, max_lots=1e9, max_notional_pct=1e9) for name, each in table.classes.items()
    }
    return dataclasses.replace(table, classes=classes)


def aggressive(policy: Policy, share_pct: float) -> Policy:
    """A policy whose own limits stay out of the way, so that the firm's rules are what binds."""
    return dataclasses.replace(
        policy,
        edge=dataclasses.replace(policy.edge, min_expected_return=0.0),
        budget=dataclasses.replace(policy.budget, model="fixed", base_risk_pct=BASE_RISK_PCT),
        heat=dataclasses.replace(policy.heat, limit_pct=100.0, factor=1.0),
        drawdown=dataclasses.replace(policy.drawdown, halt_pct=100.0),
        caps=dataclasses.replace(
            policy.caps,
            daily_distance_share_pct=share_pct,
            total_distance_share_pct=share_pct,
            concentration_pct=100.0,
            concentration_correlation=1.0,
            daily_budget_share_pct=100.0,
            portfolio_shortfall_pct=100.0,
            margin_use_pct=100.0,
            gross_exposure=1e6,
            net_exposure=1e6,
            max_positions=1000,
            max_positions_per_symbol=1000,
        ),
    )


def prove(
    wish: Wish,
    past: Past,
    policy: Policy,
    progress: Callable[[float], None] = lambda _: None,
    sizers: Sequence[MakeSizer] = SIZERS,
) -> Proof:
    """Simulate at least `wish.days` account-days for every sizer. The same wish and past give the same figures.

    `progress` is told the share that is done.
    """
    begun = time.perf_counter()
    terms, steps = terms_of(past), steps_of(past)
    lives = [_lives(wish, terms, aggressive(policy, share), steps, sizers) for share in SHARES_PCT]
    tallies = [(Tally(), Tally()) for _ in sizers]
    blocks = -(-wish.days // BLOCK)
    done = 0
    while done < blocks:
        count = min(_BATCH, blocks - done)
        _batch(wish, past, lives, tallies, (done, count), steps)
        done += count
        progress(done / blocks)
    return Proof(
        days=blocks * BLOCK,
        symbols=[each.spec.name for each in past.instruments],
        history_days=len(past.dates),
        hourly=past.hours is not None,
        figures=[Figures(life.sizer.name, *pair) for life, pair in zip(lives[0], tallies, strict=True)],
        seconds=time.perf_counter() - begun,
        sizes=sum(life.sizer.sizes for made in lives for life in made),
    )


def _lives(wish: Wish, terms: Terms, policy: Policy, steps: int, sizers: Sequence[MakeSizer]) -> list[Life]:
    evidence = Evidence(terms, wish.firm, wish.initial, policy)
    days = Days(wish.firm, steps)
    made = [make(Setting(evidence, policy)) for make in sizers]
    return [Life(terms, wish.firm, wish.initial, days, sizer, steps) for sizer in made]


def _batch(
    wish: Wish,
    past: Past,
    lives: list[list[Life]],
    tallies: list[tuple[Tally, Tally]],
    part: tuple[int, int],
    steps: int,
) -> None:
    first, count = part
    rng = np.random.default_rng([wish.seed, first])
    pairs = draw(past, count, rng)
    wanted = asks(count * BLOCK, steps, len(past.instruments), rng)
    begun = starts(wish.firm, wish.initial, count * BLOCK, rng)
    for index, pair in enumerate(pairs):
        rows = slice(index * BLOCK, (index + 1) * BLOCK)
        for life, (cut, drawn) in zip(lives[(first + index) % len(lives)], tallies, strict=True):
            _both(life, pair, (wanted[rows], begun[rows]), cut, drawn)


def _both(life: Life, pair: Pair, days: tuple[list[list[Ask]], list[Start]], cut: Tally, drawn: Tally) -> None:
    """Both kinds of gaps; where there is no crash, and no gap had to be cut, they are the same."""
    found = life.run(pair.crashed, *days, cut=True)
    cut.add(found)
    same = pair.drawn is pair.crashed and not found.cuts
    drawn.add(found if same else life.run(pair.drawn, *days, cut=False))
