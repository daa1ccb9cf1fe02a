"""How well instructions were carried out, and where profit came from: pure sums."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from sizing.positions.rebalance.plan import Order


class Quality(NamedTuple):
    """Of one instruction. Slippage is positive where the price was worse than when it was given."""

    key: str
    symbol: str
    rule: str
    strategy: str
    wanted: float
    filled: float
    fill_rate: float
    """Share of the lots wanted, 0 to 1."""
    slippage_bps: float | None
    """Hundredths of a percent of the price; None where no price was reported."""
    latency_ms: int | None
    """From the instruction to the report; None where none came."""
    cost: float | None
    """Slippage and commission, account currency; None where the slippage is not known."""


def quality(order: Order) -> Quality:
    """The figures of an order that is out of play, or of what is known of it so far."""
    report = order.report
    filled = order.filled if order.filled is not None else report.lots if report is not None else 0.0
    slip = _slip(order)
    bps = None if slip is None or order.price is None else slip / order.price * 10_000
    unit = order.money_per_price
    cost = None if slip is None or unit is None or report is None else slip * unit * filled + report.cost
    return Quality(
        key=order.key,
        symbol=order.symbol,
        rule=order.rule,
        strategy=order.strategy,
        wanted=order.lots,
        filled=filled,
        fill_rate=min(1.0, filled / order.lots) if order.lots > 0 else 0.0,
        slippage_bps=bps,
        latency_ms=None if report is None else max(0, report.time_ms - order.given_ms),
        cost=cost,
    )


def _slip(order: Order) -> float | None:
    """Price lost against the price when the order was given."""
    report = order.report
    if report is None or report.price is None or order.price is None:
        return None
    if not (math.isfinite(report.price) and report.price > 0 and order.price > 0):
        return None
    return (report.price - order.price) * order.moves


class Entry(NamedTuple):
    """What one closed piece of a position earned: account currency, costs positive when paid."""

    symbol: str
    rule: str
    strategy: str
    profit: float
    cost: float = 0.0


class Total(NamedTuple):
    """Sums of a group."""

    name: str
    pieces: int
    profit: float
    cost: float

    @property
    def net(self) -> float:
        return self.profit - self.cost


class Attribution(NamedTuple):
    """The same entries three times; each sorted by name, each adding up to the same."""

    symbols: tuple[Total, ...]
    rules: tuple[Total, ...]
    strategies: tuple[Total, ...]


def attribution(entries: Iterable[Entry]) -> Attribution:
    """Who earned what."""
    entries = tuple(entries)
    return Attribution(
        _totals(entries, lambda entry: entry.symbol),
        _totals(entries, lambda entry: entry.rule),
        _totals(entries, lambda entry: entry.strategy),
    )


def _totals(entries: tuple[Entry, ...], name_of: Callable[[Entry], str]) -> tuple[Total, ...]:
    names = sorted({name_of(entry) for entry in entries})
    groups = {name: [entry for entry in entries if name_of(entry) == name] for name in names}
    return tuple(
        Total(name, len(group), math.fsum(each.profit for each in group), math.fsum(each.cost for each in group))
        for name, group in groups.items()
    )
