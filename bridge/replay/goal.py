"""When the firm's target was met: everything closed with the profit that it wants, in days enough."""

from collections.abc import Iterable

from bridge.replay.paper import PaperAccount
from sizing.prop.calendar import day_bounds
from sizing.prop.firm import Firm

_CENT = 0.005


class Goal:
    """Follows one account; `met_ms` is the first such moment, None before."""

    def __init__(self, firm: Firm, initial: float) -> None:
        self._firm = firm
        self._initial = initial
        self.met_ms: int | None = None
        self.days: set[int] = set()
        """The firm's days, by their beginning, on which a position was opened."""
        self.counted = 0
        """Deals that were looked at."""
        self._day = 0, 0, 0

    def restore(self, met_ms: int | None, days: Iterable[int], counted: int) -> None:
        """Go on from there."""
        self.met_ms, self.days, self.counted = met_ms, set(days), counted

    def look(self, account: PaperAccount) -> None:
        """The account as it stands."""
        deals = account.deals()
        for deal in deals[self.counted :]:
            if deal.symbol and deal.entry != 1:
                self.days.add(self._day_of(deal.time_ms, account.offset_ms(deal.time_ms)))
        self.counted = len(deals)
        percent = self._firm.target_pct
        if percent is None or self.met_ms is not None or account.positions():
            return
        earned = account.balance - self._initial >= self._initial * percent / 100 - _CENT
        if earned and len(self.days) >= self._firm.min_days:
            self.met_ms = deals[-1].time_ms

    def _day_of(self, moment_ms: int, offset_ms: int) -> int:
        """When the firm's day began that holds a moment."""
        begin, end, offset = self._day
        if not begin <= moment_ms < end or offset != offset_ms:
            self._day = *day_bounds(self._firm, moment_ms, offset_ms), offset_ms
        return self._day[0]
