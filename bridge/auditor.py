"""Keeps forecasts until the market has answered them, and what the answers say of each symbol's model."""

import math
from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

from bridge.market.recording import TIMEFRAME_MS, BarSeries
from bridge.terminal.base import AccountReport, Terminal
from sizing.audit import DAY_MS, Forecast, Outcome, Path, correction, deal_loss, judged, path_loss
from sizing.ledger import Reservation
from sizing.policy import Policy
from sizing.snapshot import Deal, TailAudit
from sizing.stats.tail import crosses_weekend

_PENDING = 20_000
"""Forecasts kept while their market goes on; beyond that the oldest go without an answer."""
_AT_ONCE = 200
_HEDGING = 2
"""ENUM_ACCOUNT_MARGIN_MODE: every order has a position of its own."""
_DAY_MINUTES, _WEEKEND_MS = 1_440, 49 * 3_600_000
_SPARE = 100
"""Outcomes of a symbol kept beyond those that are judged, before the list is cut."""


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
        self._outcomes: dict[str, list[Outcome]] = {}
        self._looked_at: dict[str, BarSeries] = {}
        self._queue: dict[str, Forecast] = {}
        self._deals: tuple[object, dict[int, list[Deal]]] = (), {}

    def clear(self) -> None:
        """Forget everything."""
        for kept in (self.audits, self._pending, self._outcomes, self._looked_at, self._queue):
            kept.clear()

    def add(self, forecast: Forecast) -> None:
        """Wait for what becomes of a decision."""
        self._pending[forecast.decision] = forecast
        if len(self._pending) > _PENDING:
            del self._pending[next(iter(self._pending))]

    def opened(self, reservation: Reservation, price: float, now_ms: int) -> Forecast | None:
        """The forecast of a pending order that is filled for the first time, as it counts from now on."""
        waiting = self._pending.get(f"d{reservation.id[1:]}")
        if waiting is None or waiting.at_ms != 0:
            return None
        return waiting._replace(at_ms=now_ms, until_ms=now_ms + waiting.until_ms - reservation.created_ms, entry=price)

    def forget(self, reservation: Reservation) -> None:
        """A pending order that will not be filled has no outcome."""
        key = f"d{reservation.id[1:]}"
        waiting = self._pending.get(key)
        if waiting is not None and waiting.at_ms == 0:
            del self._pending[key]

    def take(self, outcomes: Iterable[Outcome]) -> list[Judgement]:
        """Count outcomes in; the corrections that change."""
        touched = set()
        for outcome in outcomes:
            self._pending.pop(outcome.decision, None)
            kept = self._outcomes.setdefault(outcome.symbol, [])
            kept.append(outcome)
            if len(kept) > self._policy.audit.forecasts + _SPARE:
                self._outcomes[outcome.symbol] = judged(kept, self._policy.audit.forecasts)
            touched.add(outcome.symbol)
        return [change for symbol in sorted(touched) if (change := self._judge(symbol)) is not None]

    def forecasts(self) -> tuple[Forecast, ...]:
        """Those without an answer, oldest first."""
        return tuple(self._pending.values())

    def outcomes(self) -> tuple[Outcome, ...]:
        """Those that are judged."""
        most = self._policy.audit.forecasts
        return tuple(each for kept in self._outcomes.values() for each in judged(kept, most))

    def due(
        self, terminal: Terminal, report: AccountReport, reservation: Callable[[str], Reservation | None]
    ) -> list[Outcome]:
        """Some forecasts that closed bars have answered; `reservation` finds those of decisions.

        Each call looks at a limited number, so that nobody waits long however many there are.
        """
        self._queue_answered(terminal)
        found = []
        for forecast in list(islice(self._queue.values(), _AT_ONCE)):
            del self._queue[forecast.decision]
            loss = _loss(forecast, self._looked_at[forecast.symbol]) if forecast.decision in self._pending else None
            if loss is None:
                continue
            if math.isnan(loss):
                del self._pending[forecast.decision]
            else:
                found.append(_outcome(forecast, loss, self._own_loss(report, reservation(forecast.reservation))))
        return found

    def _queue_answered(self, terminal: Terminal) -> None:
        """Line up the forecasts of symbols of which a bar has closed."""
        symbols = dict.fromkeys(forecast.symbol for forecast in self._pending.values()) if self._pending else {}
        for symbol in symbols:
            bars = terminal.bars(symbol, self._policy.stop.atr_timeframe)
            if bars is not None and bars is not self._looked_at.get(symbol):
                self._looked_at[symbol] = bars
                self._queue.update(
                    (key, each) for key, each in self._pending.items() if each.symbol == symbol and each.at_ms > 0
                )

    def _own_loss(self, report: AccountReport, reservation: Reservation | None) -> float | None:
        """What the decision's own positions have lost, where each has its own and all are closed."""
        if reservation is None or report.account.margin_mode != _HEDGING:
            return None
        if self._deals[0] is not report.deals:
            by_position: dict[int, list[Deal]] = {}
            for deal in report.deals:
                by_position.setdefault(deal.position_id, []).append(deal)
            self._deals = report.deals, by_position
        return deal_loss(self._deals[1].get(ticket, ()) for ticket in reservation.tickets)

    def _judge(self, symbol: str) -> Judgement | None:
        outcomes = judged(self._outcomes[symbol], self._policy.audit.forecasts)
        audit = correction(outcomes, self._policy.audit, self._policy.tail.level)
        if audit == self.audits.get(symbol):
            return None
        if audit is None:
            del self.audits[symbol]
        else:
            self.audits[symbol] = audit
        return Judgement(symbol, audit)


def _loss(forecast: Forecast, bars: BarSeries) -> float | None:
    """The loss on the bars from the decision on; None while it is open, NaN where the bars do not tell."""
    start = int(bars.time_ms.searchsorted(forecast.at_ms))
    inside = start > 0 and int(bars.time_ms[start - 1]) + TIMEFRAME_MS[bars.timeframe] > forecast.at_ms
    start -= inside
    if start >= len(bars):
        return None
    if int(bars.time_ms[start]) - forecast.at_ms > _longest_break(forecast):
        return math.nan
    end = max(start + 1, int(bars.time_ms.searchsorted(forecast.until_ms)))
    opened = bars.open[start:end].copy()
    if inside:  # of the bar it began in, the position saw no opening; whether it saw its extreme is not known
        opened[0] = forecast.entry - (forecast.spread if forecast.side == "buy" else 0.0)
    last_ms = int(bars.time_ms[-1])
    path = Path(
        open=opened,
        high=bars.high[start:end],
        low=bars.low[start:end],
        close=bars.close[start:end],
        complete=last_ms + TIMEFRAME_MS[bars.timeframe] >= forecast.until_ms,
    )
    return path_loss(forecast, path)


def _longest_break(forecast: Forecast) -> int:
    """How long the market may be closed behind a decision: a night, or a weekend."""
    return DAY_MS + (_WEEKEND_MS if crosses_weekend(forecast.at_ms, _DAY_MINUTES) else 0)


def _outcome(forecast: Forecast, loss: float, own: float | None) -> Outcome:
    """The larger loss counts: the market's on the forecast's horizon, or the position's own where it is closed."""
    return Outcome(
        decision=forecast.decision,
        symbol=forecast.symbol,
        at_ms=forecast.at_ms,
        loss=loss if own is None else max(loss, own),
        value_at_risk=forecast.value_at_risk,
        shortfall=forecast.shortfall,
    )
