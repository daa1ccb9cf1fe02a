"""The expected shortfall that sizing takes, and what decided it."""

import numpy as np
from numpy.typing import NDArray

from bridge.report.case import Case
from bridge.report.interval import shortfall_interval
from bridge.report.risk_report import Counted, Decided, When
from bridge.statistics import market_stats
from sizing.snapshot import Floats, Side, TailModel
from sizing.stats.resampling import BLOCK
from sizing.stats.tail import TailFigures, assumed_tail, careful_shortfall, measured_tail, shortfall
from sizing.stats.windows import Moves

_NEAR = 1.02
"""A figure so near an interval's end is that end: the table's places to read it at are its own."""


def counted(case: Case, side: Side, losses: Floats | None) -> list[Counted]:
    """What sizing takes: measured, in the week and over a weekend where they differ; else assumed.

    `losses` are those of the side's paths, None where there are too few.
    """
    tail, model = case.figures.tail, _assumed_gap(case)
    if tail is None:
        price = shortfall(case.stop, model.gap_probability, model.gap_excess, case.policy.tail.level)
        source = model.source
        return [Counted(when="", shortfall=case.amount(price), source=source, basis=source, decided="assumed")]
    week, weekend = (measured_tail(tail, side, case.stop, case.days, weekend=crosses) for crosses in (False, True))
    if week == weekend:
        return [_measured(case, model, "", week, losses)]
    both: tuple[tuple[When, TailFigures], ...] = (("within the week", week), ("over a weekend", weekend))
    return [_measured(case, model, when, found, losses) for when, found in both]


def _assumed_gap(case: Case) -> TailModel:
    stats = market_stats(None, case.bars, case.policy, case.figures)
    return assumed_tail(case.policy.tail, stats, case.close)


def _measured(case: Case, model: TailModel, when: When, found: TailFigures, losses: Floats | None) -> Counted:
    """As `sizing.risk` does it, without costs: the table's figure, or what the assumed gap still counts beside it."""
    price, source = careful_shortfall(found, model, case.stop, 0.0, case.policy.tail)
    upper = None if losses is None or case.path is None else _upper(case, case.path, when, losses)
    decided: Decided = "table" if upper is None or price > upper * _NEAR else "interval"
    return Counted(
        when=when,
        shortfall=case.amount(price),
        source=source,
        basis=found.source.removesuffix(f" {when}"),
        decided=decided if source == found.source else "assumed gap",
        upper=None if upper is None else case.amount(upper),
    )


def _upper(case: Case, path: Moves, when: When, losses: Floats) -> float:
    """The upper end of the interval of the very paths, at the very stop."""
    rows = _rows(path, case.days, when)
    block = max(1, round(BLOCK * float(rows.mean())))
    return shortfall_interval(losses[rows], case.policy.tail.level, case.policy.tail.interval, block)[1]


def _rows(path: Moves, days: int, when: When) -> NDArray[np.bool_]:
    """The paths that a figure rests on, as the table of stops picks them."""
    if not when:
        return np.ones(len(path) + 1 - days, dtype=bool)
    marked = path.weekend if when == "over a weekend" else path.weekend & ~path.hole
    some = np.asarray(np.lib.stride_tricks.sliding_window_view(marked, days).any(axis=1))
    return some if when == "over a weekend" else ~some
