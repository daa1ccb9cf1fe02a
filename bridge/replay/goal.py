"""When the firm's target was met: everything closed with the profit that it wants, in days enough, no day too good."""

from collections.abc import Mapping

from bridge.replay.paper import PaperAccount
from sizing.prop.calendar import day_bounds
from sizing.prop.firm import Firm
from sizing.prop.progress import DayResult, progress_of

_CENT = 0.005


class Goal:
    """Follows one account; `met_ms` is the first such moment, None before."""

    def __init__(self, firm: Firm, initial: float) -> None:
        self._firm = firm
        self._initial = initial
        self.met_ms: int | None = None
        self.days: dict[int, tuple[float, int]] = {}
        """The firm's days, by their beginning: what their deals made after costs, and positions opened."""
        self.counted = 0
        """Deals that were looked at."""
        self._day = 0, 0, 0

    def restore(self, met_ms: int | None, days: Mapping[int, tuple[float, int]], counted: int) -> None:
        """Go on from there."""
        self.met_ms, self.days, self.counted = met_ms, dict(days), counted

    @property
    def traded(self) -> int:
        """Days on which a position was opened."""
        return sum(opened > 0 for _, opened in self.days.values())

    def look(self, account: PaperAccount) -> None:
        """The account as it stands."""
        deals = account.deals()
        if len(deals) == self.counted:
            return
        for deal in deals[self.counted :]:
            if deal.symbol:
                day = self._day_of(deal.time_ms, account.offset_ms(deal.time_ms))
                profit, opened = self.days.get(day, (0.0, 0))
                self.days[day] = profit + deal.net, opened + (deal.entry in (0, 2))
        self.counted = len(deals)
        if self.met_ms is None and not account.positions() and self._is_met(account.balance):
            self.met_ms = deals[-1].time_ms

    def _is_met(self, balance: float) -> bool:
        """Whether profit, days and the best day are as the firm wants them."""
        percent = self._firm.target_pct
        if percent is None or balance - self._initial < self._initial * percent / 100 - _CENT:
            return False
        days = [DayResult(day, round(profit, 2), opened) for day, (profit, opened) in sorted(self.days.items())]
        progress = progress_of(self._firm, balance, self._initial, days, days[-1].day_ms if days else 0)
        if progress is None or progress.days < self._firm.min_days:
            return False
        return progress.best_day_limit is None or progress.best_day <= progress.best_day_limit + _CENT

    def _day_of(self, moment_ms: int, offset_ms: int) -> int:
        """When the firm's day began that holds a moment."""
        begin, end, offset = self._day
        if not begin <= moment_ms < end or offset != offset_ms:
            self._day = *day_bounds(self._firm, moment_ms, offset_ms), offset_ms
        return self._day[0]
