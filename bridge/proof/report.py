"""The proof's figures as they are shown and as JSON."""

from collections import Counter
from dataclasses import dataclass

from bridge.proof.life import Tally
from bridge.proof.prove import Proof, Wish
from bridge.proof.wilson import wilson
from sizing.prop.firm import Firm

LOTBRIDGE = "lotbridge"
_RULE_LIMITS = ("firm_floating_loss", "firm_open_risk")


@dataclass(frozen=True, slots=True)
class Row:
    """One sizer under one kind of gaps. Shares and rates are 0 to 1; risk is percent of the initial balance."""

    sizer: str
    days: int
    breaches: int
    breaches_by_rule: dict[str, int]
    exposed_share: float | None
    """Share of days on which everything open, losing its worst case at once, would have breached; with gaps cut."""
    rate: float
    rate_low: float
    rate_high: float
    lots_per_day: float
    risk_pct_per_day: float
    asked: int
    refused_share: float
    gapped_stops: int
    cut_gaps: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was simulated, and what came of it."""

    firm: str
    title: str
    initial_balance: float
    seed: int
    days: int
    source: str
    synthetic: bool
    symbols: list[str]
    history_days: int
    hourly: bool
    resets_with_positions: int
    """Of lotbridge's accounts, with gaps cut."""
    bound_by_rules: float
    """Share of lotbridge's sizes that one of the firm's loss rules bound."""
    bound_by: dict[str, int]
    within_allowance: list[Row]
    as_drawn: list[Row]
    proved: bool
    seconds: float
    sizes: int
    sizes_per_second: float


def report_of(wish: Wish, proof: Proof, source: str, *, synthetic: bool) -> Report:
    """The report.

    It is proved if lotbridge breached nothing while gaps stayed within the modelled allowance, and at no moment held
    what could have breached within it.
    """
    own = next(each.cut for each in proof.figures if each.name == LOTBRIDGE)
    bound = rules_share(wish.firm, own.bound)
    return Report(
        firm=wish.firm.name,
        title=wish.firm.title,
        initial_balance=wish.initial,
        seed=wish.seed,
        days=proof.days,
        source=source,
        synthetic=synthetic,
        symbols=proof.symbols,
        history_days=proof.history_days,
        hourly=proof.hourly,
        resets_with_positions=own.nights,
        bound_by_rules=bound,
        bound_by=dict(own.bound.most_common()),
        within_allowance=[_row(each.name, each.cut, cut=True) for each in proof.figures],
        as_drawn=[_row(each.name, each.drawn, cut=False) for each in proof.figures],
        proved=own.breaches == 0 and own.exposed == 0,
        seconds=round(proof.seconds, 1),
        sizes=proof.sizes,
        sizes_per_second=round(proof.sizes / proof.seconds, 1),
    )


def rules_share(firm: Firm, bound: Counter[str]) -> float:
    """Share of the sizes whose binding limit follows from one of the firm's loss rules."""
    names = {f"{rule.name}_{kind}" for rule in firm.rules for kind in ("share", "headroom", "trail")}
    hits = sum(count for name, count in bound.items() if name in names or name in _RULE_LIMITS)
    return hits / max(1, bound.total())


def _row(name: str, tally: Tally, *, cut: bool) -> Row:
    interval = wilson(tally.breaches, tally.days)
    return Row(
        sizer=name,
        days=tally.days,
        breaches=tally.breaches,
        breaches_by_rule=dict(tally.by_rule.most_common()),
        exposed_share=tally.exposed / tally.days if cut else None,
        rate=tally.breaches / tally.days,
        rate_low=interval.low,
        rate_high=interval.high,
        lots_per_day=tally.lots / tally.days,
        risk_pct_per_day=tally.risk_pct / tally.days,
        asked=tally.asked,
        refused_share=1.0 - tally.granted / max(1, tally.asked),
        gapped_stops=tally.gaps,
        cut_gaps=tally.cuts,
    )
