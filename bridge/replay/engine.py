"""The replay itself: span after span, one thing after the other, until the recording or the account ends."""

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from bridge.errors import ReplayError
from bridge.journal.store import Journal
from bridge.market.recording import TIMEFRAME_MS, BarSeries, RecordedMarket, RecordedSymbol
from bridge.replay.agenda import Agenda, Item
from bridge.replay.bars import BarStore
from bridge.replay.checkpoint import (
    Checkpoint,
    read_checkpoint,
    restored,
    restored_bars,
    stored,
    stored_bars,
    write_checkpoint,
)
from bridge.replay.columns import arrow
from bridge.replay.folder import clear_failed, clear_unfinished, new_folder
from bridge.replay.goal import Goal
from bridge.replay.judge import Judge
from bridge.replay.jumping import JumpingAccount
from bridge.replay.managing import Carry, Manager
from bridge.replay.notes import result_note, run_info
from bridge.replay.paper import NO_TICKS, Found, PaperAccount
from bridge.replay.plan import Plan
from bridge.replay.run import (
    BAR_TIMEFRAME,
    CHECKPOINT_FILE,
    JOURNAL_FILE,
    RUN_FILE,
    Counts,
    RunInfo,
    RunWriter,
    read_info,
    read_rows,
)
from bridge.replay.session import ReplayTerminal, Session
from bridge.replay.sheet import BUCKET_MS, Last, Sheet
from bridge.replay.strategy import Exit, Stance
from bridge.replay.ticking import TickingAccount
from bridge.replay.ticks import Span
from bridge.replay.trader import Trader
from bridge.replay.view import AccountView
from sizing.prop.calendar import next_reset

SAVE_EVERY_S = 10.0
"""How much work an interruption may cost."""


class Replay:
    """One run. `stop` is asked at the end of each span; `tell` hears what share is done."""

    def __init__(
        self,
        plan: Plan,
        *,
        stop: Callable[[], bool] = lambda: False,
        tell: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.plan = plan
        self.writer = RunWriter(plan.out)
        self._stop, self._tell = stop, tell
        self._firm = plan.settings.firm
        self._judge = Judge(self._firm, plan.broker.balance)
        self._goal = Goal(self._firm, plan.broker.balance)
        self._last = Last.beginning(self._judge, plan.broker.balance)
        self._agenda = Agenda()
        recorded = {name: history.bars for name, history in plan.source.symbols.items()}
        self._bars = BarStore(recorded, _timeframes(plan), plan.broker.zone)
        self._until_ms = plan.source.start_ms // BUCKET_MS * BUCKET_MS
        """Up to here everything has been played."""
        self._owed = False
        """A bar has closed after the last tick of a span: the strategy hears of it at the next one."""
        self._account: PaperAccount | None = None
        self._manager: Manager | None = None
        self._breach: Found | None = None
        self._seconds, self._saved_s = 0.0, time.monotonic()

    def play(self, *, go_on: bool = False) -> RunInfo:
        """Go through the recording, with `go_on` from where an interrupted run stands, and write the run's folder.

        A run that is complete stays as it is. Raises ReplayError, MarketError and JournalError.
        """
        begun = time.monotonic()
        arrow()  # without it nothing of the run could be kept
        if go_on and (done := self._complete()) is not None:
            return done
        checkpoint = self._checkpoint_of() if go_on else None
        if checkpoint is None:
            new_folder(self.plan.out)
        else:
            clear_unfinished(self.plan.out)
        journal = Journal(self.plan.out / JOURNAL_FILE, "later")
        complete, failed = True, True
        try:
            for span in self.plan.source.spans(0 if checkpoint is None else checkpoint.until_ms):
                if self._account is None:
                    self._begin(span, journal, checkpoint)
                self._open(span)
                self._play(span)
                self._close(span)
                journal.tidy(idle=True)
                if self.plan.manages:
                    self._session.forget()
                if self._breach is not None:
                    break
                self._tell((span.end_ms - self.plan.source.start_ms) / self._length())
                complete = span.end_ms > self.plan.source.end_ms or not self._stop()
                if not complete or time.monotonic() - self._saved_s > SAVE_EVERY_S:
                    self._save(journal, begun)
                if not complete:
                    break
            self._seconds += time.monotonic() - begun
            info = self._finish() if complete else self._info(complete=False)
            failed = False
        finally:
            journal.close()
            if failed and checkpoint is None:
                clear_failed(self.plan.out)
        return info

    # Spans -----------------------------------------------------------------------------------------------------------

    def _begin(self, span: Span, journal: Journal, checkpoint: Checkpoint | None) -> None:
        """Make the account, and the service that looks after it."""
        plan, wish = self.plan, self.plan.broker
        kind = JumpingAccount if plan.engine == "fast" else TickingAccount
        account: PaperAccount = kind(
            _market(plan, span), {name: each.first_quote for name, each in plan.source.symbols.items()},
            self._judge, self._sheet(span), wish, login=plan.settings.login,
        )  # fmt: skip
        if checkpoint is not None:
            self._restore(account, journal, checkpoint)
        self._account = account
        terminal = ReplayTerminal(account, self._bars, plan.source.start_ms)
        self._session = Session(plan.settings, terminal, journal)
        self._trader = Trader(account, self._session, self._agenda, self.writer, wish.latency_ms)
        if plan.manages:
            self._manager = Manager(
                account, self._session, self._agenda, self.writer, self._trader, latency_ms=wish.latency_ms,
                every_ms=plan.manage_every_s * 1000, rebalancing=plan.rebalancing,
            )  # fmt: skip
        if checkpoint is not None:
            self._trader.opened, self._trader.granted = checkpoint.opened, checkpoint.granted
            if self._manager is not None and checkpoint.manager is not None:
                self._manager.restore(checkpoint.manager)
        self._view = AccountView(account, self._bars)

    def _open(self, span: Span) -> None:
        """Let the ticks in, and put what is known to come on the agenda."""
        account = self._there()
        self._bars.add(span.ticks)
        account.go_on(span.ticks, self._sheet(span))
        for ticks in span.ticks.values():
            account.sheet.ticked(ticks.time_ms)
        if self._until_ms <= self.plan.source.start_ms:
            # Later spans are none of the service's business: where one ends must change no decision.
            self._session.poll(account.now_ms)
        for reset_ms in self._resets(max(self._until_ms - 1, account.now_ms), span.end_ms - 1):
            self._agenda.add(Item(reset_ms, "reset"))
        for moment in self._moments(span).tolist():
            self._agenda.add(Item(moment, "strategy"))
        if self._manager is not None:
            for moment in self._manager.moments(span).tolist():
                self._agenda.add(Item(moment, "manage"))

    def _sheet(self, span: Span) -> Sheet:
        return Sheet(min(self._until_ms, span.start_ms), span.end_ms, self._judge, self._last)

    def _resets(self, after_ms: int, until_ms: int) -> Iterator[int]:
        """The firm's resets, by the broker's clock of each night where it follows that."""
        while (after_ms := next_reset(self._firm, after_ms, self._there().offset_ms)) <= until_ms:
            yield after_ms

    def _moments(self, span: Span) -> NDArray[np.int64]:
        """When the strategy is called within a span: at its times, or at the first tick after each bar's close."""
        strategy, none = self.plan.strategy, np.empty(0, np.int64)
        if strategy.timeframe is None:
            times = strategy.times()
            times = none if times is None else np.asarray(times, dtype=np.int64)
            # Before the first tick and after the last there is no market to ask about.
            begin_ms = max(self._until_ms, self.plan.source.start_ms)
            end_ms = min(span.end_ms, self.plan.source.end_ms + 1)
            return np.asarray(times[(times >= begin_ms) & (times < end_ms)])
        closes = self._bars.closes(strategy.timeframe)
        closes = np.append(span.start_ms, closes) if self._owed else closes
        never = np.iinfo(np.int64).max
        firsts = np.full(len(closes), never)
        for ticks in span.ticks.values():
            at = np.searchsorted(ticks.time_ms, closes)
            inside = at < len(ticks.time_ms)
            firsts[inside] = np.minimum(firsts[inside], ticks.time_ms[at[inside]])
        self._owed = bool((firsts == never).any())
        return np.unique(firsts[firsts < never])

    def _play(self, span: Span) -> None:
        # The recording ends with its last tick, and not with that day: nothing is charged after it.
        end_ms = min(span.end_ms, self.plan.source.end_ms + 1)
        while self._breach is None and (item := self._agenda.pop(end_ms)) is not None:
            if item.kind == "reset":
                self._reset(item.time_ms)
                continue
            if item.kind == "manage" and not self._to_manage(item.time_ms):
                continue
            self._reach(item.time_ms)
            if self._breach is None:
                self._do(item)
        if self._breach is None:
            self._reach(end_ms - 1, restate=False)
        if self._breach is None and span.end_ms > self.plan.source.end_ms:
            self._there().close_all()
            self._settle_up()

    def _close(self, span: Span) -> None:
        account = self._there()
        rows, self._last = account.sheet.rows(min(span.end_ms - 1, account.now_ms))
        self.writer.equity.append(rows)
        self._bars.next_span()
        self._until_ms = span.end_ms

    # Moments ---------------------------------------------------------------------------------------------------------

    def _do(self, item: Item) -> None:
        if item.kind == "strategy":
            self._ask_strategy()
        elif item.kind == "manage":
            self._manage()
        elif self._manager is not None and isinstance(item.what, Carry):
            self._manager.carry(item.what)
            self._settle_up()
        else:
            self._trader.act(item.what)
            self._settle_up()

    def _ask_strategy(self) -> None:
        manager, changed = self._manager, False
        for wish in self.plan.strategy.on_time(self._view):
            if not isinstance(wish, Exit) and wish.symbol not in self.plan.source.symbols:
                there = ", ".join(self.plan.source.symbols)
                raise ReplayError(
                    f"The strategy wants to trade {wish.symbol}, which is not recorded; there are {there}"
                )
            if isinstance(wish, Stance):
                changed |= manager is not None and manager.hear(wish)
                continue
            self._trader.wish(wish, self._until_own_tick(wish.symbol))
            self._settle_up()
            if self._breach is not None:
                return
        if changed:
            self._manage()

    def _to_manage(self, ms: int) -> bool:
        """Whether there is anything to ask the rules about: time that passes closes positions, and opens none."""
        return self._manager is not None and self._manager.concerned(ms)

    def _manage(self) -> None:
        if self._manager is not None:
            self._manager.ask()
            self._settle_up()

    def _until_own_tick(self, symbol: str) -> int:
        """An EA learns of a closed bar with a tick of its own chart: how long that takes, 0 beyond a bar's length."""
        timeframe, account = self.plan.strategy.timeframe, self._there()
        if timeframe is None:
            return 0
        quote, next_ms = account.quote(symbol), account.next_tick_ms(symbol)
        # This is the first tick of any symbol since the close: an older quote is from before it.
        if next_ms is None or (quote is not None and quote.time_ms >= account.now_ms):
            return 0
        wait_ms = next_ms - account.now_ms
        return wait_ms if wait_ms < TIMEFRAME_MS[timeframe] else 0

    def _reach(self, ms: int, *, restate: bool = True) -> None:
        """Let time pass, every tick of `ms` included; a breach that ends the account stops it."""
        account, stopped = self._there(), True
        while stopped and self._breach is None:
            account.advance(ms, restate=restate)
            stopped = account.found is not None
            self._settle_up()

    def _reset(self, ms: int) -> None:
        """The firm's day begins, before any tick of that moment."""
        self._reach(ms - 1)
        if self._breach is None:
            self._there().begin_day(ms)
            self._session.poll(ms)
            self._settle_up()

    def _settle_up(self) -> None:
        """Deal with whatever the last step has brought: breaches and closes."""
        account = self._there()
        found = account.take()
        if found is not None and found.breach.ends:
            self._breach = found
            account.close_all()
            account.take()  # whatever else is breached by now changes nothing
        elif found is not None:
            # The service halts by itself, once it sees the account where it is now.
            self._session.poll(found.time_ms)
        self._trader.take_closed()
        self._goal.look(account)

    # Beginning and end -----------------------------------------------------------------------------------------------

    def _there(self) -> PaperAccount:
        if self._account is None:
            raise ReplayError(f"{self.plan.source.name} has no ticks")
        return self._account

    def _length(self) -> int:
        return max(1, self.plan.source.end_ms - self.plan.source.start_ms)

    def _finish(self) -> RunInfo:
        info = self._info(complete=True)
        self.writer.write(info)
        (self.plan.out / CHECKPOINT_FILE).unlink(missing_ok=True)
        return info

    def _info(self, *, complete: bool) -> RunInfo:
        start_ms = self.plan.source.start_ms
        self.writer.bars = {name: _since(each, start_ms) for name, each in self._bars.all(BAR_TIMEFRAME).items()}
        goal = self._goal
        result = result_note(
            self._there(), self.writer, self._breach, target_ms=goal.met_ms, days_traded=goal.traded,
            granted=self._trader.granted, manages=self.plan.manages, plans=self._plans(), seconds=self._seconds,
        )  # fmt: skip
        return run_info(self.plan, result, complete=complete)

    def _plans(self) -> int | None:
        """Plans of rebalancing begun; None where none is asked for."""
        return None if self._manager is None or self.plan.rebalancing is None else self._manager.plans

    # Going on --------------------------------------------------------------------------------------------------------

    def _complete(self) -> RunInfo | None:
        """The note of the run in the folder, if there is nothing left to play."""
        out = self.plan.out
        if (out / CHECKPOINT_FILE).exists() or not (out / RUN_FILE).exists():
            return None
        found = read_info(out)
        own = run_info(self.plan, found.result, complete=True)
        parts = {"market": "market", "account": "account", "broker": "broker", "strategy": "strategy"}
        parts |= {"config": "configuration", "engine": "engine"}
        parts |= {"rebalancing": "plan of rebalancing"}
        self._demand_same([text for name, text in parts.items() if getattr(own, name) != getattr(found, name)])
        return found if found.complete else None

    def _checkpoint_of(self) -> Checkpoint:
        found, own = read_checkpoint(self.plan.out), self.plan.key()
        self._demand_same([name for name, value in own.items() if found.plan.get(name) != value])
        return found

    def _demand_same(self, other: list[str]) -> None:
        if other:
            raise ReplayError(
                f"{self.plan.out} was replayed with another {' and another '.join(other)}: "
                "give the same as then, or replay into a new folder"
            )

    def _save(self, journal: Journal, begun: float) -> None:
        """Write the run so far, and then where it stands."""
        self._seconds += time.monotonic() - begun
        self.writer.write(self._info(complete=False))
        self._seconds -= time.monotonic() - begun
        goal, writer = self._goal, self.writer
        checkpoint = Checkpoint(
            plan=self.plan.key(),
            until_ms=self._until_ms,
            owed=self._owed,
            target_ms=goal.met_ms,
            days=goal.days,
            days_of=goal.counted,
            account=self._there().state(),
            lines=[(line.anchor, line.spent) for line in self._judge.lines],
            told=self._judge.told,
            last=self._last,
            agenda=[stored(item) for item in self._agenda.to_keep()],
            opened=self._trader.opened,
            granted=self._trader.granted,
            manager=None if self._manager is None else self._manager.state(),
            bars=[stored_bars(symbol, series) for (symbol, _), series in self._bars.everything().items()],
            journal=(journal.next_seq, journal.next_part),
            rows=Counts(
                len(writer.decisions),
                len(writer.trades),
                sum(len(block) for block in writer.equity),
                len(writer.instructions) if self.plan.manages else None,
            ),
            seconds=self._seconds + time.monotonic() - begun,
        )
        write_checkpoint(self.plan.out, checkpoint)
        self._saved_s = time.monotonic()

    def _restore(self, account: PaperAccount, journal: Journal, kept: Checkpoint) -> None:
        """Stand where the checkpoint was written; what the files hold beyond it is forgotten."""
        if journal.next_seq < kept.journal[0]:
            raise ReplayError(f"{journal.path} has lost entries: replay into a new folder")
        journal.rewind(*kept.journal)
        read_rows(self.writer, kept.rows, [line.rule.name for line in self._judge.lines])
        account.restore(kept.account)
        for line, (anchor, spent) in zip(self._judge.lines, kept.lines, strict=True):
            line.set(anchor)
            line.spent = spent
        self._judge.told = kept.told
        self._goal.restore(kept.target_ms, kept.days, kept.days_of)
        for item in kept.agenda:
            self._agenda.add(restored(item))
        self._bars.restore({(each.symbol, each.timeframe): restored_bars(each) for each in kept.bars})
        self._last, self._owed, self._until_ms = kept.last, kept.owed, kept.until_ms
        self._seconds = kept.seconds


def _timeframes(plan: Plan) -> set[str]:
    """Whatever policy, strategy and report want bars of."""
    wanted = {"M15", "H1", "D1", BAR_TIMEFRAME, plan.settings.policy.stop.atr_timeframe}
    return wanted if plan.strategy.timeframe is None else wanted | {plan.strategy.timeframe}


def _market(plan: Plan, span: Span) -> RecordedMarket:
    """What the broker begins with: the figures of every symbol, and a moment with a tick."""
    symbols = {
        name: RecordedSymbol(
            spec=history.spec,
            ticks=span.ticks.get(name, NO_TICKS),
            commission_per_lot=history.commission_per_lot or _commission(plan, name),
        )
        for name, history in plan.source.symbols.items()
    }
    return RecordedMarket(name=plan.source.name, synthetic=plan.source.synthetic, symbols=symbols)


def _commission(plan: Plan, name: str) -> float:
    """What the sizer reckons with, for a recording that does not say what its broker charges."""
    table = plan.settings.symbols
    found = table.find(name)
    return 0.0 if found is None else table.classes[found[0]].commission_per_lot


def _since(series: BarSeries, start_ms: int) -> BarSeries:
    at = int(np.searchsorted(series.time_ms, start_ms))
    columns = {name: getattr(series, name)[at:] for name in ("time_ms", "open", "high", "low", "close")}
    return BarSeries(timeframe=series.timeframe, **columns)
