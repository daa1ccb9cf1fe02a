"""Keeps forecasts until the market has answered them, and what the answers say of each symbol's model."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

from bridge.deals import known_already
from bridge.market.recording import TIMEFRAME_MS, BarSeries
from bridge.terminal.base import AccountReport, Terminal
from sizing.audit import DAY_MS, Forecast, Outcome, Path, Record, correction, deal_loss, path_loss
from sizing.ledger import Reservation
from sizing.policy import Policy
from sizing.snapshot import Deal, TailAudit
from sizing.stats.tail import horizon_end

_PENDING = 20_000
"""Forecasts kept while their market goes on; beyond that the oldest go without an answer."""
_HEDGING = 2
"""ENUM_ACCOUNT_MARGIN_MODE: every order has a position of its own."""
_SATURDAY = 2


class Judgement(NamedTuple):
    """A symbol whose correction has changed; None stands for a model that is believed (again)."""

    symbol: str
    audit: TailAudit | None


class Auditor:
    """One account's forecasts and outcomes."""

    def __init__(self, policy: Policy) -> None:
        self.audits: dict[str, TailAudit] = {}
        """The correction of each symbol whose forecasts were found to understate."""
        self._policy = policy
        self._pending: dict[str, Forecast] = {}
        self._symbols: Counter[str] = Counter()
        self._records: dict[str, Record] = {}
        self._looked_at: dict[str, BarSeries] = {}
        self._queue: dict[str, Forecast] = {}
        self._deals: tuple[tuple[Deal, ...], dict[int, list[Deal]]] = (), {}

    def clear(self) -> None:
        """Forget everything."""
        for kept in (self.audits, self._pending, self._records, self._looked_at, self._queue, self._symbols):
            kept.clear()

    def add(self, forecast: Forecast) -> None:
        """Wait for what becomes of a decision."""
        self._drop(forecast.decision)
        self._pending[forecast.decision] = forecast
        self._symbols[forecast.symbol] += 1
        if len(self._pending) > _PENDING:
            self._drop(next(iter(self._pending)))

    def opened(self, reservation: Reservation, price: float, now_ms: int) -> Forecast | None:
        """The forecast of a pending order that is filled for the first time, as it counts from now on."""
        waiting = self._pending.get(f"d{reservation.id[1:]}")
        if waiting is None or waiting.at_ms != 0:
            return None
        return waiting._replace(at_ms=now_ms, entry=price)

    def forget(self, reservation: Reservation) -> None:
        """A pending order that will not be filled has no outcome."""
        key = f"d{reservation.id[1:]}"
        waiting = self._pending.get(key)
        if waiting is not None and waiting.at_ms == 0:
            self._drop(key)

    def take(self, outcomes: Iterable[Outcome]) -> list[Judgement]:
        """Count outcomes in; the corrections that change."""
        touched = set()
        for outcome in outcomes:
            self._drop(outcome.decision)
            record = self._records.get(outcome.symbol)
            if record is None:
                record = self._records[outcome.symbol] = Record(self._policy.audit.forecasts)
            if record.add(outcome):
                touched.add(outcome.symbol)
        return [change for symbol in sorted(touched) if (change := self._judge(symbol)) is not None]

    def forecasts(self) -> tuple[Forecast, ...]:
        """Those without an answer, oldest first."""
        return tuple(self._pending.values())

    def outcomes(self) -> tuple[Outcome, ...]:
        """Those that are judged."""
        return tuple(each for record in self._records.values() for each in record.judged)

    def due(
        self,
        terminal: Terminal,
        report: AccountReport,
        reservation: Callable[[str], Reservation | None],
        most: int | None,
    ) -> list[Outcome]:
        """Some forecasts that closed bars have answered; `reservation` finds those of decisions.

        Each call looks at `most`, so that nobody waits long however many there are.
        """
        self._queue_answered(terminal, report, reservation)
        found = []
        for forecast in list(islice(self._queue.values(), most)):
            del self._queue[forecast.decision]
            loss = _loss(forecast, self._looked_at[forecast.symbol]) if forecast.decision in self._pending else None
            if loss is not None:
                found.append(_outcome(forecast, loss, self._own_loss(report, reservation(forecast.reservation))))
        return found

    def _queue_answered(
        self, terminal: Terminal, report: AccountReport, reservation: Callable[[str], Reservation | None]
    ) -> None:
        """Line up the forecasts of symbols of which a bar has closed; forget orders that are gone."""
        for symbol in list(self._symbols):
            bars = terminal.bars(symbol, self._policy.stop.atr_timeframe)
            if bars is None or bars is self._looked_at.get(symbol):
                continue
            self._looked_at[symbol] = bars
            there = {each.ticket for each in report.positions} | {each.ticket for each in report.orders}
            for forecast in [each for each in self._pending.values() if each.symbol == symbol]:
                if forecast.at_ms > 0:
                    self._queue[forecast.decision] = forecast
                elif _gone(reservation(forecast.reservation), there):
                    self._drop(forecast.decision)

    def _drop(self, decision: str) -> None:
        forecast = self._pending.pop(decision, None)
        if forecast is not None:
            self._symbols[forecast.symbol] -= 1
            if not self._symbols[forecast.symbol]:
                del self._symbols[forecast.symbol]

    def _own_loss(self, report: AccountReport, reservation: Reservation | None) -> float | None:
        """What the decision's own positions have lost, where each has its own and all are closed."""
        if reservation is None or report.account.margin_mode != _HEDGING:
            return None
        if self._deals[0] is not report.deals:
            count = known_already(self._deals[0], report.deals)
            by_position = self._deals[1] if count else {}
            for deal in report.deals[count:]:
                by_position.setdefault(deal.position_id, []).append(deal)
            self._deals = report.deals, by_position
        return deal_loss(self._deals[1].get(ticket, ()) for ticket in reservation.tickets)

    def _judge(self, symbol: str) -> Judgement | None:
        audit = correction(self._records[symbol].judged, self._policy.audit, self._policy.tail.level)
        if audit == self.audits.get(symbol):
            return None
        if audit is None:
            del self.audits[symbol]
        else:
            self.audits[symbol] = audit
        return Judgement(symbol, audit)


def _gone(reservation: Reservation | None, there: set[int]) -> bool:
    """Whether a pending order has neither been filled nor is still waiting."""
    return reservation is None or (reservation.rest_lots == 0 and there.isdisjoint(reservation.tickets))


def _loss(forecast: Forecast, bars: BarSeries) -> float | None:
    """The loss on the bars from the decision on; None while the trade is open, or bars of then are not known."""
    length = TIMEFRAME_MS[bars.timeframe]
    start = int(bars.time_ms.searchsorted(forecast.at_ms))
    if start == 0 and int(bars.time_ms[0]) > forecast.at_ms:
        return None
    # Of a day's bar too much lies before the decision to be laid at its door.
    inside = length < DAY_MS and start > 0 and int(bars.time_ms[start - 1]) + length > forecast.at_ms
    start -= inside
    if start >= len(bars):
        return None
    until_ms = _until(forecast, bars)
    end = max(start + 1, int(bars.time_ms.searchsorted(until_ms)))
    opened = bars.open[start:end]
    if inside:  # of the bar it began in, the position saw no opening; whether it saw its extreme is not known
        opened = opened.copy()
        opened[0] = forecast.entry - (forecast.spread if forecast.side == "buy" else 0.0)
    path = Path(
        open=opened,
        high=bars.high[start:end],
        low=bars.low[start:end],
        close=bars.close[start:end],
        complete=int(bars.time_ms[-1]) + length >= until_ms,
    )
    return path_loss(forecast, path)


def _until(forecast: Forecast, bars: BarSeries) -> int:
    """The end of the trade's horizon: weekends count only where they are traded."""
    plain_ms, end_ms = forecast.at_ms + forecast.minutes * 60_000, horizon_end(forecast.at_ms, forecast.minutes)
    if end_ms == plain_ms:
        return end_ms
    recent = bars.time_ms[bars.time_ms.searchsorted(forecast.at_ms - 14 * DAY_MS) :]
    # The epoch began on a Thursday, so a Saturday is day 2 of its weeks.
    return plain_ms if (recent // DAY_MS % 7 == _SATURDAY).any() else end_ms


def _outcome(forecast: Forecast, loss: float, own: float | None) -> Outcome:
    """The larger loss counts: the market's on the forecast's horizon, or the position's own where it is closed."""
    return Outcome(
        decision=forecast.decision,
        symbol=forecast.symbol,
        at_ms=forecast.at_ms,
        loss=loss if own is None else max(loss, own),
        value_at_risk=forecast.value_at_risk,
        shortfall=forecast.shortfall,
        minutes=forecast.minutes,
    )
