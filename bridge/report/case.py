"""One symbol and one trade, whichever the side."""

from typing import NamedTuple

from bridge.market.recording import BarSeries
from bridge.report.risk_report import Amount
from bridge.statistics import DailyFigures
from sizing.policy import Policy
from sizing.stats.windows import Moves


class Case(NamedTuple):
    """Bars, what is known of them, and the trade."""

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
