"""The tail of a stop trade: what is lost beyond the stop."""

from sizing.policy import TailPolicy
from sizing.snapshot import MarketStats, TailModel


def shortfall(loss_at_stop: float, gap_probability: float, gap_excess: float, level: float) -> float:
    """Expected shortfall of a trade that loses `loss_at_stop` at its stop, and `gap_excess` more when it is gapped.

    The worst `1 - level` of outcomes holds every gap, if gaps are rarer than that: a stop at 50 with a 1 % gap of mean
    excess 30 gives 56 at 95 %. Source: definition of expected shortfall, Rockafellar and Uryasev (2002).
    """
    share = min(1.0, gap_probability / (1.0 - level))
    return loss_at_stop + share * gap_excess


def assumed_tail(policy: TailPolicy, stats: MarketStats | None, price: float) -> TailModel:
    """The labelled fallback where history does not tell: a policy's gap, in daily ATRs or in percent of the price."""
    if stats is not None and stats.atr_daily:
        excess, basis = policy.gap_excess_atr * stats.atr_daily, f"{policy.gap_excess_atr:g} daily ATR"
    else:
        excess, basis = policy.gap_excess_pct / 100 * price, f"{policy.gap_excess_pct:g} % of the price"
    return TailModel(policy.gap_probability, excess, f"assumed: {policy.gap_probability:.1%} gaps of {basis}")
