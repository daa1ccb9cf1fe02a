"""The replay itself: span after span, one thing after the other, until the recording or the account ends."""

import dataclasses
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version

import numpy as np

from bridge.errors import ReplayError
from bridge.journal.store import Journal
from bridge.market.recording import TIMEFRAME_MS, BarSeries, RecordedMarket, RecordedSymbol
from bridge.replay.agenda import Agenda, Item
from bridge.replay.bars import BarStore
from bridge.replay.judge import Judge
from bridge.replay.jumping import JumpingAccount
from bridge.replay.paper import NO_TICKS, Found, PaperAccount
from bridge.replay.plan import Plan
from bridge.replay.run import (
    BAR_TIMEFRAME,
    JOURNAL_FILE,
    AccountNote,
    BreachNote,
    ConfigNote,
    MarketNote,
    ResultNote,
    RuleNote,
    RunInfo,
    RunWriter,
)
from bridge.replay.session import ReplayTerminal, Session
from bridge.replay.sheet import BUCKET_MS, Last, Sheet
from bridge.replay.strategy import Entry
from bridge.replay.ticking import TickingAccount
from bridge.replay.ticks import Span
from bridge.replay.trader import Trader
from bridge.replay.view import AccountView
from bridge.settings import policy_hash
from sizing.prop.calendar import day_bounds, resets_between

Progress = Callable[[float], None]


class Replay:
    """One run. `play` goes through all of it; what it finds is in `writer`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.writer = RunWriter(plan.out)
        self.seconds = 0.0
        self._firm = plan.settings.firm
        self._initial = plan.broker.balance
        self._judge = Judge(self._firm, self._initial)
        self._last = Last.beginning(self._judge, self._initial)
        self._agenda = Agenda()
        self._bars = BarStore({name: history.bars for name, history in plan.source.symbols.items()}, _timeframes(plan))
        self._until_ms = plan.source.start_ms // BUCKET_MS * BUCKET_MS
        """Up to here everything has been played."""
        self._begun = False
        self._owed = False
        """A bar has closed after the last tick of a span: the strategy hears of it at the next one."""
        self._breach: Found | None = None
        self._target_ms: int | None = None
        self._traded_days: set[int] = set()
        self._days_of = 0

    def play(self, progress: Progress | None = None) -> RunInfo:
        """Go through the recording. Raises ReplayError, MarketError and JournalError."""
        begun = time.monotonic()
        plan = self.plan
        plan.out.mkdir(parents=True, exist_ok=True)
        journal = Journal(plan.out / JOURNAL_FILE)
        try:
            for span in plan.source.spans():
                self._open(span, journal)
                self._play(span)
                self._close(span)
                if self._breach is not None:
                    break
                if progress is not None:
                    progress((span.end_ms - plan.source.start_ms) / max(1, plan.source.end_ms - plan.source.start_ms))
                journal.tidy(idle=True)
            self._finish()
        finally:
            journal.close()
        self.seconds = time.monotonic() - begun
        return self.info(complete=True)

    # Spans -----------------------------------------------------------------------------------------------------------

    def _open(self, span: Span, journal: Journal) -> None:
        """Let the ticks in, and put what is known to come on the agenda."""
        self._bars.add(span.ticks)
        begin_ms = min(self._until_ms, span.start_ms)
        sheet = Sheet(begin_ms, span.end_ms, self._judge, self._last)
        for ticks in span.ticks.values():
            sheet.ticked(ticks.time_ms)
        if self._begun:
            self._account.go_on(span.ticks, sheet)
        else:
            self._begun = True
            self._begin(span, sheet, journal)
        for reset_ms in resets_between(self._firm, begin_ms, span.end_ms - 1):
            self._agenda.add(Item(reset_ms, "reset"))
        for moment in self._moments(span).tolist():
            self._agenda.add(Item(moment, "strategy"))

    def _begin(self, span: Span, sheet: Sheet, journal: Journal) -> None:
        plan, wish = self.plan, self.plan.broker
        kind = JumpingAccount if plan.engine == "fast" else TickingAccount
        self._account: PaperAccount = kind(
            _market(plan, span), {name: each.first_quote for name, each in plan.source.symbols.items()},
            self._judge, sheet, login=plan.settings.login, balance=wish.balance,
            currency=wish.currency, leverage=wish.leverage, hedging=wish.hedging,
            slippage_points=wish.slippage_points,
        )  # fmt: skip
        terminal = ReplayTerminal(self._account, self._bars, self._account.now_ms)
        self._session = Session(plan.settings, terminal, journal)
        self._trader = Trader(self._account, self._session, self._agenda, self.writer, wish.latency_ms)
        self._view = AccountView(self._account, self._bars)
        self._session.poll(self._account.now_ms)
        self._account.look()

    def _moments(self, span: Span) -> "np.typing.NDArray[np.int64]":
        """When the strategy is called within a span: at its times, or at the first tick after each bar's close."""
        strategy = self.plan.strategy
        if strategy.timeframe is None:
            times = strategy.times()
            times = np.empty(0, np.int64) if times is None else times
            return times[(times >= self._until_ms) & (times < span.end_ms)]
        closes = self._bars.closes(strategy.timeframe)
        if self._owed:
            closes = np.append(span.start_ms, closes)
        firsts = np.full(len(closes), np.iinfo(np.int64).max)
        for ticks in span.ticks.values():
            at = np.searchsorted(ticks.time_ms, closes)
            inside = at < len(ticks.time_ms)
            firsts[inside] = np.minimum(firsts[inside], ticks.time_ms[at[inside]])
        moments = np.unique(firsts)
        self._owed = bool(len(moments)) and int(moments[-1]) >= span.end_ms
        return moments[moments < span.end_ms]

    def _play(self, span: Span) -> None:
        while self._breach is None and (item := self._agenda.pop(span.end_ms)) is not None:
            if item.kind == "reset":
                self._reset(item.time_ms)
                continue
            self._reach(item.time_ms)
            if self._breach is not None:
                return
            if item.kind == "order":
                self._trader.act(item.what)
            else:
                self._call_strategy()
            self._settle_up()
        if self._breach is None:
            self._reach(span.end_ms - 1)

    def _close(self, span: Span) -> None:
        rows, self._last = self._account.sheet.rows(min(span.end_ms - 1, self._account.now_ms))
        self.writer.equity.append(rows)
        self._bars.next_span()
        self._until_ms = span.end_ms

    # Moments ---------------------------------------------------------------------------------------------------------

    def _reach(self, ms: int) -> None:
        """Let time pass, every tick of `ms` included; a breach that ends the account stops it."""
        while True:
            self._account.advance(ms)
            self._settle_up()
            if self._breach is not None or self._account.now_ms >= ms:
                return

    def _settle_up(self) -> None:
        """Deal with whatever the last step has brought: closes, and breaches."""
        found = self._account.take()
        if found is not None and found.breach.ends:
            self._breach = found
            self._close_everything()
        elif found is not None:
            # The service halts by itself, once it sees the account where it is now.
            self._session.poll(found.time_ms)
        if self._account.closed:
            self._trader.take_closed()
            self._look_for_target()

    def _reset(self, ms: int) -> None:
        """The firm's day begins, before any tick of that moment."""
        self._reach(ms - 1)
        if self._breach is not None:
            return
        self._account.begin_day(ms)
        self._session.poll(ms)
        self._settle_up()

    def _call_strategy(self) -> None:
        for wish in self.plan.strategy.on_time(self._view):
            if isinstance(wish, Entry) and wish.symbol not in self.plan.source.symbols:
                raise ReplayError(
                    f"The strategy wants to trade {wish.symbol}, which is not recorded; "
                    f"there are {', '.join(self.plan.source.symbols)}"
                )
            self._trader.wish(wish, self._until_own_tick(wish.symbol))
            self._settle_up()
            if self._breach is not None:
                return

    def _until_own_tick(self, symbol: str) -> int:
        """An EA learns of a closed bar with a tick of its own chart: how long that takes, 0 beyond a bar's length."""
        timeframe, account = self.plan.strategy.timeframe, self._account
        if timeframe is None:
            return 0
        length, quote = TIMEFRAME_MS[timeframe], account.quote(symbol)
        next_ms = account.next_tick_ms(symbol)
        if next_ms is None or (quote is not None and quote.time_ms >= account.now_ms - account.now_ms % length):
            return 0
        wait_ms = next_ms - account.now_ms
        return wait_ms if wait_ms < length else 0

    def _look_for_target(self) -> None:
        """The first moment at which everything is closed with the profit that the firm wants, in days enough."""
        percent = self._firm.target_pct
        if percent is None or self._target_ms is not None or self._account.positions():
            return
        earned = self._account.balance - self._initial >= self._initial * percent / 100 - 0.005
        if earned and self._days() >= self._firm.min_days:
            self._target_ms = self._account.now_ms

    def _days(self) -> int:
        """The firm's days on which a position was opened so far."""
        deals = self._account.deals()
        for deal in deals[self._days_of :]:
            if deal.symbol and deal.entry != 1:
                self._traded_days.add(day_bounds(self._firm, deal.time_ms)[0])
        self._days_of = len(deals)
        return len(self._traded_days)

    # The end ---------------------------------------------------------------------------------------------------------

    def _close_everything(self) -> None:
        account = self._account
        account.why = "end"
        account.close_all()
        account.take()  # whatever else is breached by now changes nothing

    def _finish(self) -> None:
        if self._breach is None:
            self._close_everything()
        self._trader.take_closed()
        self._look_for_target()
        self.writer.bars = self._recorded_bars()

    def _recorded_bars(self) -> dict[str, BarSeries]:
        start_ms = self.plan.source.start_ms
        whole = self._bars.all(BAR_TIMEFRAME)
        return {name: _since(series, start_ms) for name, series in whole.items()}

    def info(self, *, complete: bool) -> RunInfo:
        """The run as it stands."""
        plan, source, firm, account = self.plan, self.plan.source, self._firm, self._account
        breach = self._breach
        return RunInfo(
            name=plan.name,
            version=version("lotbridge"),
            engine=plan.engine,
            complete=complete,
            market=MarketNote(
                name=source.name, synthetic=source.synthetic, symbols=tuple(source.symbols), start_ms=source.start_ms,
                end_ms=source.end_ms, ticks=source.count, notes=tuple(source.notes),
            ),
            account=AccountNote(
                login=plan.settings.login, currency=plan.broker.currency, initial_balance=self._initial,
                leverage=plan.broker.leverage, hedging=plan.broker.hedging,
            ),
            broker={
                key: value for key, value in dataclasses.asdict(plan.broker).items()
                if key in ("latency_ms", "slippage_points")
            },
            strategy=plan.strategy.name,
            config=ConfigNote(
                policy_hash=policy_hash(plan.settings), preset=plan.preset, firm=firm.name, firm_title=firm.title,
                target_pct=firm.target_pct, min_days=firm.min_days,
            ),
            rules=tuple(
                RuleNote(name=rule.name, scope=rule.scope, strict=rule.strict, measured_on=rule.measured_on)
                for rule in firm.rules
            ),
            result=ResultNote(
                balance=account.balance,
                equity=account.account().equity,
                end_ms=account.now_ms,
                breach=None if breach is None else BreachNote(
                    rule=breach.breach.rule, time_ms=breach.time_ms, equity=breach.breach.value,
                    floor=breach.breach.floor,
                ),
                target_ms=self._target_ms,
                days_traded=self._days(),
                decisions=len(self.writer.decisions),
                granted=self._trader.granted,
                trades=len(self.writer.trades),
                seconds=round(self.seconds, 3),
            ),
        )  # fmt: skip


def _timeframes(plan: Plan) -> Iterable[str]:
    """Whatever policy, strategy and report want bars of."""
    wanted = {"M15", "H1", "D1", BAR_TIMEFRAME, plan.settings.policy.stop.atr_timeframe}
    return wanted if plan.strategy.timeframe is None else wanted | {plan.strategy.timeframe}


def _market(plan: Plan, span: Span) -> RecordedMarket:
    """What the broker begins with: the figures of every symbol, and the ticks of the first span."""
    symbols = {
        name: RecordedSymbol(
            spec=history.spec,
            ticks=span.ticks.get(name, NO_TICKS),
            commission_per_lot=history.commission_per_lot,
        )
        for name, history in plan.source.symbols.items()
    }
    return RecordedMarket(name=plan.source.name, synthetic=plan.source.synthetic, symbols=symbols)


def _since(series: BarSeries, start_ms: int) -> BarSeries:
    at = int(np.searchsorted(series.time_ms, start_ms))
    columns = {name: getattr(series, name)[at:] for name in ("time_ms", "open", "high", "low", "close")}
    return BarSeries(timeframe=series.timeframe, **columns)
