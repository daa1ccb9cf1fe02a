"""The part of a replay's EA that manages what is open: it asks what to do, does it at once or not at all, and reports.

It refuses what an EA refuses: what has expired, what does not fit the position, a stop that moves away from profit, an
entry whose price has run away.
"""

import math
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bridge.errors import ReplayError
from bridge.market.broker_types import Refusal
from bridge.protocol import messages as wire
from bridge.replay.agenda import Agenda, Item
from bridge.replay.paper import PaperAccount
from bridge.replay.rebalancing import Rebalancing
from bridge.replay.run import InstructionRow, RunWriter
from bridge.replay.session import Session
from bridge.replay.strategy import Stance
from bridge.replay.ticks import Span
from bridge.replay.trader import Trader
from sizing.snapshot import Deal, Position

_DRIFT_SHARE = 0.05
"""Of the distance from entry to stop; Prices.mqh has the same for entries: LB_DRIFT_PART."""
_HAIR = 1e-6
"""Points: 0.0001 by 0.00001 is 9.999999999999998."""
_DONE = 10009
_RETCODES = {
    "trade_disabled": 10017,
    "market_closed": 10018,
    "invalid_volume": 10014,
    "volume_limit": 10034,
    "invalid_price": 10015,
    "invalid_stops": 10016,
    "no_money": 10019,
    "unknown_ticket": 10036,
}
"""TRADE_RETCODE_... of MetaTrader for the broker's refusals; the others are plain 10006, rejected."""
_REJECTED = 10006


class Carry(NamedTuple):
    """An instruction that reaches the broker now. `row` is its place among the run's instructions."""

    row: int
    told: wire.InstructionInfo


class ManagerState(msgspec.Struct, frozen=True):
    """What is kept between two spans."""

    stances: tuple[Stance, ...] = ()
    asked: int = 0
    """Questions so far."""
    seen: int = -1
    """Ticks of all symbols that had come when it last asked."""
    scheduled_ms: int = 0
    """Up to here it is known when to ask."""
    plans: int = 0
    """Plans of rebalancing begun so far."""
    begun_ms: int | None = None
    """When the last of them was."""


class Manager:
    """Asks about every `every_ms` of market time, and when told to; with `rebalancing` it begins plans, too."""

    def __init__(
        self,
        account: PaperAccount,
        session: Session,
        agenda: Agenda,
        writer: RunWriter,
        trader: Trader,
        *,
        latency_ms: int,
        every_ms: int,
        rebalancing: Rebalancing | None = None,
    ) -> None:
        self._account = account
        self._session = session
        self._agenda = agenda
        self._writer = writer
        self._trader = trader
        self._latency_ms, self._every_ms = latency_ms, every_ms
        self._rebalancing = rebalancing
        self._stances: dict[str, Stance] = {}
        self._ids: set[str] = set()
        self._kept = ManagerState()

    def concerned(self, at_ms: int) -> bool:
        """Whether there may be anything to ask about at a moment."""
        return self._manages or self._due(at_ms)

    @property
    def plans(self) -> int:
        """Plans of rebalancing begun so far."""
        return self._kept.plans

    def hear(self, stance: Stance) -> bool:
        """Take over what is expected of a symbol from now on; whether that is something else than before."""
        before = self._stances.pop(stance.symbol, None)
        if stance.direction is None:
            return before is not None
        self._stances[stance.symbol] = stance
        return stance != before

    def moments(self, span: Span) -> NDArray[np.int64]:
        """When to ask because of the ticks of a span: at the full interval at or after each of them."""
        every = self._every_ms
        times = [-(-ticks.time_ms // every) * every for ticks in span.ticks.values()]
        found = np.unique(np.concatenate(times))
        found = found[found > self._kept.scheduled_ms]
        if len(found):
            self._keep(scheduled_ms=int(found[-1]))
        return found

    def ask(self) -> None:
        """Ask what to do now, unless no tick has come since the last time; it reaches the broker after the latency."""
        account = self._account
        seen, begins = account.ticks_read, self._begins()
        if not (self._manages or begins) or seen == self._kept.seen:
            return
        self._session.poll(account.now_ms)
        if begins:
            self._begin_plan()
        number = self._kept.asked + 1
        self._keep(asked=number, seen=seen)
        stances = [self._stances[symbol] for symbol in sorted(self._stances)]
        for told in self._session.manage(stances, number).instructions:
            self._take(told)

    def carry(self, order: Carry) -> None:
        """Do it, or refuse it, and report."""
        account, told = self._account, order.told
        self._session.clock.advance_to(account.now_ms)
        why = self._objection(told)
        done = Refusal("unknown_ticket", why) if why is not None else self._do(told)
        if isinstance(done, Refusal):
            retcode = 0 if why is not None else _RETCODES.get(done.reason, _REJECTED)
            self._told(order, "failed", told.ticket, 0.0, None, retcode, done.message)
        elif isinstance(done, Deal):
            if told.kind == "open":
                self._trader.book(-1, done, self._risk(told, done))
            account.look()
            self._told(order, "done", done.position_id, done.volume, done.price, _DONE, "")
        else:
            self._told(order, "done", told.ticket, 0.0, None, _DONE, "")

    def state(self) -> ManagerState:
        """Everything of it, at the end of a span."""
        return msgspec.structs.replace(self._kept, stances=tuple(self._stances.values()))

    def restore(self, state: ManagerState) -> None:
        """Stand where another one stood."""
        self._kept = state
        self._stances = {each.symbol: each for each in state.stances}
        self._ids = {each.id for each in self._writer.instructions}

    @property
    def _manages(self) -> bool:
        """Whether something is open, expected, or under way."""
        planned = self._rebalancing is not None and self._session.plan_runs
        return planned or self._account.holds or bool(self._stances)

    # Plans of rebalancing --------------------------------------------------------------------------------------------

    def _due(self, at_ms: int) -> bool:
        return self._rebalancing is not None and self._rebalancing.due(at_ms, self._kept.begun_ms)

    def _begins(self) -> bool:
        """Whether a plan is to begin now: every one of its symbols has a price."""
        if self._rebalancing is None or not self._due(self._account.now_ms):
            return False
        return all(self._account.quote(each.symbol) is not None for each in self._rebalancing.targets)

    def _begin_plan(self) -> None:
        if self._rebalancing is not None:
            number = self._kept.plans + 1
            self._session.rebalance(self._rebalancing.targets, number)
            self._keep(plans=number, begun_ms=self._account.now_ms)

    # Instructions ----------------------------------------------------------------------------------------------------

    def _take(self, told: wire.InstructionInfo) -> None:
        account, rows = self._account, self._writer.instructions
        if told.id in self._ids:
            raise ReplayError(f"The service met a defect: it gave instruction {told.id} twice")
        self._ids.add(told.id)
        row = InstructionRow(
            time_ms=account.now_ms,
            id=told.id,
            kind=told.kind,
            ticket=told.ticket,
            symbol=told.symbol,
            side=told.side,
            lots=told.lots,
            price=told.price if told.kind == "open" else self._exit_price(told),
            stop_loss=told.stop_loss,
            take_profit=told.take_profit,
            rule=told.rule,
            reason=told.reason,
            status="given",
            done_ms=None,
            filled=0.0,
            fill_price=None,
            note="",
        )
        self._agenda.add(Item(account.now_ms + self._latency_ms, "order", Carry(len(rows), told)))
        rows.append(row)

    def _exit_price(self, told: wire.InstructionInfo) -> float | None:
        quote = self._account.quote(told.symbol)
        return None if quote is None else quote.bid if told.side == "buy" else quote.ask

    def _do(self, told: wire.InstructionInfo) -> Any:
        """Give the order: the deal, the position or order that was changed, or a refusal of the broker's."""
        account = self._account
        if told.kind == "open":
            return account.market_order(
                told.symbol, told.side, told.lots, sl=told.stop_loss, tp=told.take_profit, magic=told.magic
            )
        if told.kind == "modify_stop":
            return account.modify(told.ticket, told.stop_loss, told.take_profit)
        if told.kind == "cancel":
            return account.cancel(told.ticket)
        account.why = "rule"
        done = account.close(told.ticket, told.lots if told.kind == "close_partial" else None)
        account.why = "exit"
        return done

    def _told(
        self, order: Carry, status: Any, ticket: int, lots: float, price: float | None, retcode: int, note: str
    ) -> None:
        rows, now_ms = self._writer.instructions, self._account.now_ms
        self._session.report(order.told.id, status, ticket, lots, price, retcode)
        rows[order.row] = rows[order.row]._replace(
            ticket=ticket, status=status, done_ms=now_ms, filled=lots, fill_price=price, note=note
        )

    def _risk(self, told: wire.InstructionInfo, deal: Deal) -> float:
        """What a new position loses from its fill to its stop, with commission both ways; 0 without a stop."""
        if told.stop_loss is None:
            return 0.0
        gain = self._account.order_calc_profit(told.side, told.symbol, deal.volume, deal.price, told.stop_loss)
        return 0.0 if gain is None else max(0.0, -gain - 2 * deal.commission)

    # What an EA refuses by itself ------------------------------------------------------------------------------------

    def _objection(self, told: wire.InstructionInfo) -> str | None:
        if self._account.now_ms >= told.expires_ms:
            return "it has expired"
        if told.kind == "open":
            return self._against_opening(told)
        if told.kind == "cancel":
            return None
        held = next((each for each in self._account.positions() if each.ticket == told.ticket), None)
        if held is None or (held.symbol, held.side) != (told.symbol, told.side):
            return "the position is gone"
        if told.kind == "modify_stop":
            return _moves_away(held, told.stop_loss)
        if told.lots > held.volume:
            return f"{told.lots} lots are more than the position's {held.volume}"
        return None

    def _against_opening(self, told: wire.InstructionInfo) -> str | None:
        if told.order != "market":
            return "only market orders are simulated"
        quote = self._account.quote(told.symbol)
        if quote is None or told.price is None or told.stop_loss is None:
            return None
        point = self._account.specs[told.symbol].point
        near = min(quote.ask - quote.bid, _DRIFT_SHARE * abs(told.price - told.stop_loss))
        allowed = max(1, math.floor(near / point + _HAIR))
        away = quote.ask - told.price if told.side == "buy" else told.price - quote.bid
        drift = math.ceil(away / point - _HAIR)
        if drift <= allowed:
            return None
        return f"the price has run away from {told.price} by {drift} points, {allowed} are allowed"

    def _keep(self, **changed: int) -> None:
        self._kept = msgspec.structs.replace(self._kept, **changed)


def _moves_away(held: Position, stop: float | None) -> str | None:
    if held.sl is None or stop == held.sl:
        return None
    if stop is not None and (stop > held.sl if held.side == "buy" else stop < held.sl):
        return None
    return f"the stop would move away from profit: from {held.sl} to {stop}"
