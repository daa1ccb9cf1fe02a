"""The daemon's own service in a replay: the replayed account is its terminal, the replay's time its clock."""

import math
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from bridge.clock import SteppedClock
from bridge.desk import Desk
from bridge.errors import ReplayError
from bridge.journal.store import Journal
from bridge.manager.portfolio import running
from bridge.market.recording import BarSeries
from bridge.protocol import messages as wire
from bridge.protocol.codec import encode
from bridge.replay.bars import BarStore
from bridge.replay.paper import PaperAccount
from bridge.replay.strategy import Entry, Stance
from bridge.service import Incoming, Service
from bridge.settings import AccountSettings
from bridge.terminal.base import AccountReport, Execution, SymbolReport
from bridge.terminal.recorded import REFRESH_MS, RecordedTerminal

KEEP_HOURS = 24.0
"""How long a `manage` to which there was nothing to do is kept, in market time; a daemon does by default."""
_DEFECTS = frozenset({"defect", "journal_failed"})
_RULES_CHANGED = frozenset({"rules_reloaded", "rules_kept"})


class ReplayTerminal(RecordedTerminal):
    """Shows the replayed account as it stands; the replay moves it. Equity is followed at every tick."""

    def __init__(self, account: PaperAccount, bars: BarStore, start_ms: int) -> None:
        super().__init__(account)
        self._paper = account
        self._store = bars
        self._start_ms = start_ms

    def poll(self, now_ms: int) -> None:
        """Read everything again."""
        paper = self._paper
        report = AccountReport(
            account=paper.account(),
            received_ms=now_ms,
            positions=paper.positions(),
            orders=paper.orders(),
            deals=paper.deals(),
            deals_since_ms=self._start_ms,
            # Only one of the engines looks at ticks that move no position: what stands now counts unrounded in both.
            highest_equity=max(paper.highest, paper.raw_equity(), paper.account().equity),
        )
        paper.highest = -math.inf
        self._account = report
        for name in paper.specs:
            self._read_symbol(name, now_ms)

    def _read_symbol(self, name: str, now_ms: int) -> None:
        """Once a minute of the clock: so it does not matter whether a run was continued in between."""
        known = self._symbols.get(name)
        if known is None or not known.checks or known.received_ms // REFRESH_MS != now_ms // REFRESH_MS:
            spec, checks = self.broker.specs[name], self.broker.checks(name)
            self._symbols[name] = SymbolReport(spec=spec, received_ms=now_ms, checks=checks)

    def connected(self, now_ms: int) -> bool:  # noqa: ARG002 - as every terminal
        """While the replay lasts."""
        return True

    def bars(self, name: str, timeframe: str) -> BarSeries | None:
        """The bars that have closed so far."""
        return self._store.closed(name, timeframe, self._paper.now_ms)

    def utc_offset_ms(self) -> int:
        """The broker's clock less UTC."""
        return self._paper.offset_ms(self._paper.now_ms)

    def executed(self, execution: Execution) -> None:
        """The account has the position already."""

    def closed(self, ticket: int, lots: float, price: float) -> None:
        """The account has closed it already."""

    def modified(self, ticket: int, stop_loss: float | None, take_profit: float | None) -> None:
        """The account has the new stop already."""

    def cancelled(self, ticket: int) -> None:
        """The account has withdrawn it already."""


class Session:
    """Asks the service as an EA does: bytes in, bytes out."""

    def __init__(self, settings: AccountSettings, terminal: ReplayTerminal, journal: Journal) -> None:
        self.clock = SteppedClock()
        self.login = settings.login
        self._desk = Desk(settings, terminal)
        self._service = Service([self._desk], journal, self.clock)

    def poll(self, now_ms: int) -> None:
        """What a daemon does between requests, as of now."""
        self.clock.advance_to(now_ms)
        self._service.housekeep(math.inf)
        for event in self._service.events:
            if event.name in _DEFECTS:
                raise ReplayError(f"The service met a defect: {event.fields}")
            if event.name in _RULES_CHANGED:
                raise ReplayError(f"A file of rules was changed while the replay went on: {event.fields['detail']}")
        self._service.events.clear()

    def forget(self) -> None:
        """Let go of old answers to which there was nothing to do: there is one a minute."""
        self._service.prune(KEEP_HOURS)

    def size(self, entry: Entry, number: int) -> tuple[bytes, bytes, wire.SizeReply | wire.ErrorReply]:
        """Request, reply, and the reply decoded. Raises ReplayError for a defect of the service."""
        request = encode(
            wire.SizeRequest(
                v=1,
                id=f"replay-{number}",
                account=self.login,
                symbol=entry.symbol,
                side=entry.side,
                stop_loss=entry.stop_loss,
                take_profit=entry.take_profit,
                confidence=entry.confidence,
                market_score=entry.market_score,
                strategy=entry.strategy or None,
                magic=entry.magic or None,
            )
        )
        body = self._service.handle(Incoming(request))
        try:
            return request, body, msgspec.json.decode(body, type=wire.SizeReply)
        except msgspec.ValidationError:
            refused = msgspec.json.decode(body, type=wire.ErrorReply)
            if refused.code == "internal":
                raise ReplayError(f"The service met a defect: {refused.message}") from None
            return request, body, refused

    def fill(self, number: int, reservation: str, ticket: int, lots: float, price: float) -> None:
        """Report a fill."""
        self._tell(
            wire.FillRequest(
                v=1, id=f"replay-{number}-fill", account=self.login, reservation=reservation, ticket=ticket, lots=lots,
                price=price,
            )
        )  # fmt: skip

    def release(self, number: int, reservation: str, reason: str) -> None:
        """Give a reservation back."""
        request = wire.ReleaseRequest(
            v=1, id=f"replay-{number}-release", account=self.login, reservation=reservation, reason=reason[:200]
        )
        self._tell(request)

    def manage(self, stances: Iterable[Stance], number: int) -> wire.ManageReply:
        """What is to be done with what is open; with nothing in it while the service cannot tell."""
        signals = [
            wire.SignalInfo(symbol=each.symbol, direction=each.direction, confidence=each.confidence, risk=each.risk)
            for each in stances
        ]
        request = wire.ManageRequest(v=1, id=f"replay-manage-{number}", account=self.login, signals=signals or None)
        body = self._service.handle(Incoming(encode(request)))
        try:
            return msgspec.json.decode(body, type=wire.ManageReply)
        except msgspec.ValidationError:
            refused = msgspec.json.decode(body, type=wire.ErrorReply)
            raise ReplayError(f"The service refused {request}: {refused.code}: {refused.message}") from None

    def rebalance(self, targets: Iterable[wire.TargetInfo], number: int) -> None:
        """Begin a plan, in place of one that still runs."""
        self._tell(
            wire.RebalanceRequest(
                v=1, id=f"replay-rebalance-{number}", account=self.login, reason="replay", targets=list(targets)
            )
        )

    @property
    def plan_runs(self) -> bool:
        """Whether anything may still come of the last plan of rebalancing."""
        return running(self._desk.positions.kept) is not None

    def report(
        self, instruction: str, status: Literal["done", "failed"], ticket: int, lots: float, price: float | None,
        retcode: int,
    ) -> None:  # fmt: skip
        """Say what became of an instruction, for good."""
        self._tell(
            wire.ReportRequest(
                v=1, id=f"replay-{instruction}", account=self.login, instruction=instruction, status=status,
                ticket=ticket, lots=lots, price=price, retcode=retcode,
            )
        )  # fmt: skip

    def _tell(self, request: Any) -> None:
        reply = msgspec.json.decode(self._service.handle(Incoming(encode(request))))
        if reply["status"] != "ok":
            raise ReplayError(f"The service refused {request}: {reply['code']}: {reply['message']}")
