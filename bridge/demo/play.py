"""The run itself: time passes, the terminal reports, the EA asks, trades, and says what became of it."""

import time
from collections.abc import Callable

from bridge.client import Client
from bridge.demo.errors import DemoError
from bridge.demo.records import Asked, Outcome, Record
from bridge.demo.schedule import TIMEFRAME
from bridge.demo.strategy import NAME, CrossEA, Idea
from bridge.market.broker import SimulatedBroker
from bridge.market.broker_types import Refusal
from bridge.market.ea import FeedWriter
from bridge.market.recording import TIMEFRAME_MS
from bridge.protocol.messages import SizeReply

REPORT_EVERY_MS = 300_000
"""How often the terminal reports between bars; a real EA does so every second."""
_RESYNCS = 3
"""How often the daemon may ask for everything before something must be wrong."""


class Play:
    """One account, played by this process as its terminal and its EA. `tell` hears of every decision."""

    def __init__(self, broker: SimulatedBroker, client: Client, tell: Callable[[Asked], None]) -> None:
        self.record = Record()
        self._broker = broker
        self._client = client
        self._ea = CrossEA(broker)
        self._writer = FeedWriter(broker, "demo-feed")
        self._tell = tell

    def bar(self, close_ms: int) -> None:
        """Let time pass until a bar closes, and do what it calls for. Raises ClientError, DemoError."""
        record = self.record
        for moment_ms in range(close_ms - TIMEFRAME_MS[TIMEFRAME] + REPORT_EVERY_MS, close_ms + 1, REPORT_EVERY_MS):
            if moment_ms > self._broker.now_ms:
                self._broker.advance(moment_ms)
                self._report()
        for cross in self._ea.crosses(close_ms):
            self._broker.advance(cross.act_ms)
            self._report()
            idea = self._ea.idea(cross)
            if idea is None:
                continue
            self._reverse(idea)
            asked = self._ask(idea)
            record.asked.append(asked)
            self._tell(asked)
        record.bars += 1

    def _report(self) -> None:
        """Send what the terminal shows, then look at the account as the daemon sees it."""
        self._feed()
        self.record.now_ms = self._broker.now_ms
        self.record.saw(self._client.status(), self._broker.now_ms)

    def _feed(self) -> None:
        for _ in range(_RESYNCS):
            messages = self._writer.messages(self._broker.login)
            if not any(self._client.feed(message).resync for message in messages):
                return
            self._writer.resync()
        raise DemoError(f"The daemon asked for a full snapshot {_RESYNCS} times in a row; this is a defect.")

    def _reverse(self, idea: Idea) -> None:
        """Close what the EA holds the other way; the averages say that it was wrong."""
        against = [p for p in self._broker.positions() if p.magic == idea.magic and p.side != idea.side]
        for position in against:
            self._broker.close(position.ticket)
        if against:
            self._report()

    def _ask(self, idea: Idea) -> Asked:
        number = len(self.record.asked) + 1
        begun = time.perf_counter_ns()
        reply = self._client.size(
            idea.symbol,
            idea.side,
            stop_loss=idea.stop_loss,
            take_profit=idea.take_profit,
            confidence=idea.confidence,
            strategy=NAME,
            magic=idea.magic,
            sent_ms=self._broker.now_ms,
            request_id=f"demo-size-{number}",
        )
        took_us = (time.perf_counter_ns() - begun) / 1000
        return Asked(number, self._broker.now_ms, idea, reply, self._trade(idea, reply), took_us)

    def _trade(self, idea: Idea, reply: SizeReply) -> Outcome:
        """Place the order, and tell the daemon what became of the lots it reserved."""
        if reply.lots <= 0 or reply.reservation is None:
            return Outcome("none")
        deal = self._broker.market_order(
            idea.symbol, idea.side, reply.lots, sl=reply.stop_loss, tp=reply.take_profit, magic=idea.magic
        )
        if isinstance(deal, Refusal):
            reason = f"{deal.reason}: {deal.message}"
            state = self._client.release(reply.reservation, reason=reason[:200]).state
            return Outcome("released", state, reason=reason)
        ticket = deal.position_id
        state = self._client.fill(reply.reservation, ticket=ticket, lots=deal.volume, price=deal.price).state
        self._report()
        return Outcome("filled", state, ticket, deal.price)
