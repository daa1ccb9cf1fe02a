"""What one side of a stop trade loses: in history, as sizing counts it, and on its worst days."""

from typing import NamedTuple

import numpy as np

from bridge.market.recording import BarSeries
from bridge.report.interval import shortfall_interval
from bridge.report.risk_report import Amount, Counted, End, Sample, SideRisk, When, WorstDay
from bridge.statistics import DailyFigures, market_stats
from sizing.policy import Policy
from sizing.snapshot import Floats, Side, TailModel
from sizing.stats.shortfall import expected_shortfall, value_at_risk
from sizing.stats.tail import TailFigures, assumed_tail, careful_shortfall, measured_tail, shortfall
from sizing.stats.windows import Moves, stop_trade_losses

_WORST = 5
_TIE = 1e-9


class Case(NamedTuple):
    """One symbol and one trade, whichever the side."""

    bars: BarSeries
    path: Moves | None
    figures: DailyFigures
    policy: Policy
    stop: float
    days: int

    def amount(self, price: float) -> Amount:
        """A loss in its three units."""
        return Amount(price=price, stops=price / self.stop, percent=price / self.close * 100)

    @property
    def close(self) -> float:
        """The last one."""
        return float(self.bars.close[-1])


def side_risk(case: Case, side: Side) -> tuple[SideRisk, Floats | None]:
    """The figures of one side, and the losses of its paths in price; None where there are too few paths."""
    losses = _losses(case, side)
    found = SideRisk(
        side=side,
        stop=case.amount(case.stop),
        stop_atrs=None if case.figures.atr is None else case.stop / case.figures.atr,
        sample=None if losses is None else _sample(case, losses),
        counted=_counted(case, side),
        worst=_worst(case, side),
    )
    return found, losses


def _losses(case: Case, side: Side) -> Floats | None:
    """Losses of all paths in price; None where there are fewer than sizing wants."""
    if case.path is None or len(case.path) + 1 - case.days < case.policy.tail.min_history:
        return None
    return stop_trade_losses(case.path, side, case.stop, case.days)


def _sample(case: Case, losses: Floats) -> Sample:
    level = case.policy.tail.level
    beyond = losses[losses > case.stop * (1 + _TIE)] - case.stop
    lower, upper = shortfall_interval(losses, level, case.policy.tail.interval)
    return Sample(
        paths=len(losses),
        stopped_pct=float(np.mean(losses >= case.stop * (1 - _TIE))) * 100,
        gapped_pct=len(beyond) / len(losses) * 100,
        mean_gap=case.amount(float(beyond.mean())) if len(beyond) else None,
        value_at_risk=case.amount(value_at_risk(losses, level)),
        shortfall=case.amount(expected_shortfall(losses, level)),
        lower=case.amount(lower),
        upper=case.amount(upper),
    )


def _counted(case: Case, side: Side) -> list[Counted]:
    """What sizing takes: measured, in the week and over a weekend where they differ; else assumed."""
    tail, model = case.figures.tail, _assumed_gap(case)
    if tail is None:
        price = shortfall(case.stop, model.gap_probability, model.gap_excess, case.policy.tail.level)
        return [Counted(when="", shortfall=case.amount(price), source=model.source, assumed=True)]
    week, weekend = (measured_tail(tail, side, case.stop, case.days, weekend=crosses) for crosses in (False, True))
    if week == weekend:
        return [_measured(case, model, "", week)]
    return [_measured(case, model, "within the week", week), _measured(case, model, "over a weekend", weekend)]


def _assumed_gap(case: Case) -> TailModel:
    stats = market_stats(None, case.bars, case.policy, case.figures)
    return assumed_tail(case.policy.tail, stats, case.close)


def _measured(case: Case, model: TailModel, when: When, found: TailFigures) -> Counted:
    """As `sizing.risk` does it, without costs: the table's figure, or what the assumed gap still counts beside it."""
    price, source = careful_shortfall(found, model, case.stop, 0.0, case.policy.tail)
    return Counted(when=when, shortfall=case.amount(price), source=source, assumed=False)


def _worst(case: Case, side: Side) -> list[WorstDay]:
    """The days whose loss, scaled to now, is largest for a trade of one day; of equal ones those that ran farthest."""
    path = case.path
    if path is None:
        return []
    # How far the day ran then, though scaled to now it may be more than the whole price.
    losses, ran = stop_trade_losses(path, side, case.stop), -path.low if side == "buy" else path.high
    order = np.lexsort((ran, losses))[::-1][:_WORST]
    return [
        WorstDay(
            time_ms=int(path.time_ms[row]),
            loss=case.amount(float(losses[row])),
            end=_end(float(losses[row]), case.stop),
            ran_pct=float(ran[row] * path.volatility[row]) * 100,
            ran_volatilities=float(ran[row]),
        )
        for row in order.tolist()
    ]


def _end(loss: float, stop: float) -> End:
    if loss > stop * (1 + _TIE):
        return "gap"
    return "stop" if loss >= stop * (1 - _TIE) else "close"
