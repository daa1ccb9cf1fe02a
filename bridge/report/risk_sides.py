"""What one side of a stop trade loses: in history, as sizing counts it, and on its worst days."""

import numpy as np

from bridge.report.case import Case
from bridge.report.counted import counted
from bridge.report.interval import shortfall_interval
from bridge.report.risk_report import End, Sample, SideRisk, WorstDay
from sizing.snapshot import Floats, Side
from sizing.stats.shortfall import expected_shortfall, value_at_risk
from sizing.stats.windows import Moves, stop_trade_losses

_WORST = 5
_TIE = 1e-9


def side_risk(case: Case, side: Side) -> tuple[SideRisk, Floats | None]:
    """The figures of one side, and the losses of its paths in price; None where there are too few paths."""
    losses = _losses(case, side)
    found = SideRisk(
        side=side,
        stop=case.amount(case.stop),
        stop_atrs=None if case.figures.atr is None else case.stop / case.figures.atr,
        sample=None if losses is None else _sample(case, losses),
        counted=counted(case, side, losses),
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


def _ran(path: Moves, side: Side) -> Floats:
    """How far each day ran against the side, in volatilities of then: what happened, whatever is possible now."""
    return -np.minimum(path.low, path.open) if side == "buy" else np.maximum(path.high, path.open)


def _end(loss: float, stop: float) -> End:
    if loss > stop * (1 + _TIE):
        return "gap"
    return "stop" if loss >= stop * (1 - _TIE) else "close"
