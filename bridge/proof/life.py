"""One block of days of one account, sized by one sizer: requests, fills, nights and resets in their order."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby

from bridge.proof.account import Account, Terms
from bridge.proof.asks import Ask, Start
from bridge.proof.days import DAY_MS, Days, TradingDay
from bridge.proof.evidence import Moment
from bridge.proof.floors import Floors
from bridge.proof.history import Era
from bridge.proof.paths import Block
from bridge.proof.sizers import Sizer
from sizing.prop.firm import Firm


@dataclass(slots=True)
class Tally:
    """What happened in so many account-days. Risk is the loss at the stops in percent of the initial balance."""

    days: int = 0
    breaches: int = 0
    exposed: int = 0
    """Days on which everything open, had it lost its worst case at once, would have breached a rule."""
    by_rule: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    granted: int = 0
    lots: float = 0.0
    risk_pct: float = 0.0
    bound: Counter[str] = field(default_factory=Counter)
    """Granted sizes by the limit that bound them."""
    nights: int = 0
    """Resets that met open positions."""
    gaps: int = 0
    cuts: int = 0

    def add(self, other: "Tally") -> None:
        """Count another tally in."""
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, Counter):
                mine.update(theirs)
            else:
                setattr(self, name, mine + theirs)


class Life:
    """Runs blocks for one firm and one sizer. An account that has breached is replaced by a new one on the next day."""

    def __init__(self, terms: Terms, firm: Firm, initial: float, days: Days, sizer: Sizer, steps: int) -> None:
        self._terms, self._firm, self._initial, self._days = terms, firm, initial, days
        self.sizer, self._steps, self._step_ms = sizer, steps, DAY_MS // steps

    def run(self, block: Block, asks: list[list[Ask]], starts: list[Start], *, cut: bool) -> Tally:
        """Every day of the block; `asks` and `starts` are each day's."""
        tally = Tally()
        account: Account | None = None
        last: list[float] = []
        for index, bids in enumerate(block.bids):
            day = self._days.day(block.dates[index], block.dates[index + 1])
            era = self._terms.past.eras[block.era]
            if account is None:
                account = self._begin(starts[index], day, cut=cut)
            else:
                account.move(last, bids[0], None, all_jump=True)
            if account.breach is None:
                self._day(account, day, era, bids, block.jumps[index], asks[index], tally)
            tally.days += 1
            last = bids[-1]
            tally.exposed += account.exposed
            account.exposed = False
            if account.breach is not None:
                tally.breaches += 1
                tally.by_rule[account.breach] += 1
            if account.breach is not None or index == len(block.bids) - 1:
                tally.gaps += account.gaps
                tally.cuts += account.cuts
                account = None
        return tally

    def _begin(self, start: Start, day: TradingDay, *, cut: bool) -> Account:
        """A new account, flat; a fresh one where the state drawn would have breached already."""
        begun_ms, initial = self._days.begun_ms(day), self._initial
        for peak, day_balance, balance in (start, Start(initial, initial, initial)):
            floors, shadow = (Floors(self._firm, initial, peak, day_balance, begun_ms) for _ in range(2))
            account = Account(self._terms, floors, shadow, balance, cut=cut)
            account.look([])
            if account.breach is None:
                break
        return account

    def _day(
        self,
        account: Account,
        day: TradingDay,
        era: Era,
        bids: list[list[float]],
        jumps: dict[int, frozenset[int]],
        asks: list[Ask],
        tally: Tally,
    ) -> None:
        by_moment = {at: list(group) for at, group in groupby(asks, key=lambda ask: ask.moment)}
        resets = dict(day.resets)
        self._close_due(account, day, bids[0], day.start_ms)
        for at in range(1, self._steps + 1):
            now = bids[at]
            if account.holdings:
                account.move(bids[at - 1], now, jumps.get(at), all_jump=False)
            if at in resets:
                self._reset(account, now, resets[at], tally)
            now_ms = day.start_ms + at * self._step_ms
            if account.holdings:
                self._close_due(account, day, now, now_ms, at)
            if account.breach is not None:
                return
            if at in by_moment and at not in day.shut:
                self._ask(account, by_moment[at], Moment(now_ms, now, day, era), tally)
        self._night(account, day, bids[-1], tally)

    def _ask(self, account: Account, asks: list[Ask], moment: Moment, tally: Tally) -> None:
        tally.asked += len(asks)
        for grant in self.sizer.answer(asks, account, moment):
            if grant is not None:
                tally.granted += 1
                tally.lots += grant.order.lots
                tally.risk_pct += grant.risk / self._initial * 100
                tally.bound[grant.binding] += 1
                account.open(grant.order, moment.bids, moment.now_ms)

    def _close_due(self, account: Account, day: TradingDay, bids: list[float], now_ms: int, at: int = 0) -> None:
        """EAs close what has lived its time, and everything before a window in which the firm wants none."""
        for holding in list(account.holdings):
            if at in day.flat or holding.close_ms <= now_ms:
                account.close(holding, bids)

    def _reset(self, account: Account, bids: list[float], at_ms: int, tally: Tally) -> None:
        tally.nights += bool(account.holdings)
        account.floors.reset(account.balance, account.equity(bids), at_ms)
        account.look(bids)

    def _night(self, account: Account, day: TradingDay, bids: list[float], tally: Tally) -> None:
        """The broker's midnight: swaps, and the day begins for whoever follows the server's clock."""
        if account.holdings:
            account.charge(bids, day.nights)
        account.shadow.reset(account.balance, account.equity(bids), account.floors.day_ms)
        for at_ms in day.resets_closed:
            self._reset(account, bids, at_ms, tally)
