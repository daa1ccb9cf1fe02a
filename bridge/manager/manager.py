"""One account's manager of what is open: from a `manage` request to instructions, from reports to what is remembered.

It decides nothing about sizes: whatever opens goes through the sizer of an entry, which the service brings along.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from bridge.desk import Desk
from bridge.kept import Issued, Kept
from bridge.manager import lifecycle, offers, origins, portfolio
from bridge.manager.issue import SizeOpen, info, issue
from bridge.manager.offers import Offer
from bridge.manager.rule_files import PositionRules, RuleFiles
from bridge.manager.view import blind, state_of
from bridge.protocol import messages as wire
from bridge.protocol.codec import ProtocolError
from sizing.gates import Refusal
from sizing.ledger import Reservation, end, fill
from sizing.positions import active, share
from sizing.positions.instruction import Instruction, Skipped
from sizing.positions.rebalance import Event, Target, begin, cancel, resume
from sizing.positions.state import Opinion, State
from sizing.prop.halts import MANUAL
from sizing.snapshot import Halt, Position

AT_ONCE = 30
"""Instructions in one reply: no more than an EA can send before they expire, for what it refuses then counts as
failed, and rests."""
_UNKNOWN = "the terminal does not know the symbol, or it matches no pattern of the symbols file"
_LATER = "other instructions go first: it is asked for again next time"
_LOOK_EVERY_MS = 2_000
_HAIR = 5e-9
"""Lots: no symbol's volume_step is smaller."""
_NAMED = 20
"""Unknown symbols that an error names."""
_FAR = 2.0
"""So many times the touch price no fill is away from it."""
_NEWEST = 100
"""Deals at the end of the history among which the one with the highest ticket is."""


class Told(NamedTuple):
    """Something for the log."""

    level: str
    name: str
    fields: dict[str, Any]


class Reported(NamedTuple):
    """An instruction after a report, the lots that it has added, and the reservation if that has changed.

    `news`: whether the report said anything that was not known.
    """

    issued: Issued
    more_lots: float
    reservation: Reservation | None
    news: bool


class Advised(NamedTuple):
    """What an EA is told."""

    refusal: Refusal | None
    instructions: tuple[wire.InstructionInfo, ...] = ()
    skipped: tuple[Skipped, ...] = ()


class Manager:
    """Works on `desk.positions`, which the journal holds. Times are UTC milliseconds."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._files = RuleFiles(desk.settings.positions)
        self._looked_ms: int | None = None
        self._refused_ms: dict[str, int] = {}
        """By key, when the sizer last refused an `open` that is still asked for."""
        self._unpriced: tuple[str, ...] = ()
        self.told: list[Told] = []

    @property
    def rules(self) -> PositionRules:
        """The rules that hold."""
        return self._files.rules

    @property
    def files(self) -> RuleFiles:
        """Where they come from."""
        return self._files

    @property
    def _kept(self) -> Kept:
        return self._desk.positions.kept

    @_kept.setter
    def _kept(self, kept: Kept) -> None:
        self._desk.positions.kept = kept

    # Between requests ------------------------------------------------------------------------------------------------

    def poll(self, now_ms: int, plan_id: str) -> None:
        """Follow the rule files, what became of instructions, and the portfolio's limits."""
        for news in self._files.poll(now_ms):
            if news.taken:
                self._tell("info", "rules_reloaded", detail=news.text)
            else:
                self._tell("error", "rules_kept", detail=news.text)
        if self.rules.empty and not self._kept.issued and self._kept.plan is None:
            return
        report = self._desk.terminal.account()
        if report is None or blind(self._desk, now_ms) is not None:
            return
        self._follow(now_ms)
        looked = self._looked_ms
        if self.rules.rebalance is not None and (looked is None or not 0 <= now_ms - looked < _LOOK_EVERY_MS):
            self._looked_ms = now_ms
            self._look(now_ms, plan_id)

    def _follow(self, now_ms: int) -> None:
        """Take in what the terminal shows: new positions, and the ends of instructions."""
        report = self._desk.terminal.account()
        if report is None:
            return
        kept = origins.follow(self._kept, report, self._reservations(), now_ms)
        kept = portfolio.follow_day(kept, self._desk, report.account.equity)
        if kept.issued:
            seen = lifecycle.Seen(
                {each.ticket: each for each in report.positions},
                frozenset(each.ticket for each in report.orders),
                report.deals,
                report.received_ms,
            )
            for issued in tuple(kept.issued.values()):
                after = lifecycle.settle(issued, seen, self._reservation(issued), now_ms)
                if after is not issued:
                    kept = self._ended(kept, issued, after, now_ms)
        self._kept = kept

    def _ended(self, kept: Kept, before: Issued, after: Issued, now_ms: int) -> Kept:
        """The state with an instruction that the terminal has shown the end of."""
        kept = origins.link(kept.with_issued(after), after)
        if lifecycle.happened(after) and not lifecycle.happened(before):
            kept = origins.remember(kept, after, now_ms)
        if after.settled and not before.final:
            told = {"instruction": after.id, "symbol": after.symbol, "rule": after.rule}
            if after.standing == "expired":
                self._tell("warning", "instruction_unheard", **told)
            else:
                self._tell("info", "instruction_reconciled", **told, filled=after.filled)
        return kept

    def _look(self, now_ms: int, plan_id: str) -> None:
        rules, report = self.rules.rebalance, self._desk.terminal.account()
        if rules is None or report is None:
            return
        kept = self._kept
        state = state_of(self._desk, report, kept.origins, now_ms, None, portfolio.symbols_of(kept))
        self._tell_unpriced(portfolio.unpriced(state))
        looked = portfolio.look(kept, rules, state, portfolio.given_of(self._desk, kept), plan_id)
        self._kept = looked.kept
        self._log(looked.events)
        if looked.halt is not None:
            self._desk.rules.halt(Halt(MANUAL, f"portfolio: {looked.halt}", now_ms, None))

    def _tell_unpriced(self, unpriced: tuple[str, ...]) -> None:
        """Say once which positions the limits cannot see: unknown for a moment must not halt an account for good."""
        if unpriced and unpriced != self._unpriced:
            self._tell("warning", "portfolio_unpriced", symbols=list(unpriced))
        self._unpriced = unpriced

    # Requests --------------------------------------------------------------------------------------------------------

    def advise(self, request: wire.ManageRequest, now_ms: int, name: str, size: SizeOpen) -> Advised:
        """What to do now. `name` begins the ids of the instructions, and has never been used before."""
        refusal, report = blind(self._desk, now_ms), self._desk.terminal.account()
        if refusal is not None or report is None:
            return Advised(refusal)
        opinions, asked = _opinions(request), offers.Asked(request.symbols, request.magics)
        unknown = [Skipped("signals", each, _UNKNOWN) for each in opinions if not self._desk.knows(each)]
        opinions = {name: opinion for name, opinion in opinions.items() if self._desk.knows(name)}
        if self.rules.empty and self._kept.plan is None:
            return Advised(None)
        self._follow(now_ms)
        kept = self._kept
        state = state_of(self._desk, report, kept.origins, now_ms, opinions, portfolio.symbols_of(kept))
        wanted, skipped = self._wanted(state)
        kept, turn_skipped = self._step(kept, state)
        planned: list[Instruction] = []
        if self.rules.rebalance is not None:
            kept, planned = portfolio.fetch(kept, asked, AT_ONCE, now_ms)
        blocked = offers.Blocked(
            set() if self.rules.rebalance is None else portfolio.symbols_of(kept),
            offers.entering((each.symbol for each in self._reservations_held()), kept),
            {each.ticket for each in planned if each.kind == "close"},
        )
        chosen, waiting = offers.choose(wanted, kept, blocked, asked, now_ms)
        chosen = self._fair([*(Offer("rebalance", each) for each in planned), *_in_order(chosen)])
        later = [Skipped(each.instruction.rule, each.instruction.symbol, _LATER) for each in chosen[AT_ONCE:]]
        told: list[wire.InstructionInfo] = []
        refused: list[Skipped] = []
        newest = max((deal.ticket for deal in report.deals[-_NEWEST:]), default=0)
        for number, offer in enumerate(_in_order(chosen[:AT_ONCE]), 1):
            each = offer.instruction
            if each.kind == "open" and each.symbol in blocked.entering:  # the plan knows nothing of others' entries
                issued: Issued | Skipped = Skipped(each.rule, each.symbol, offers.ENTERING)
            else:
                issued = issue(f"{name}-{number}", offer, state, newest, size)
            if isinstance(issued, Skipped):
                refused.append(issued)
                self._refused_ms[offer.instruction.key] = now_ms
                if offer.source == "rebalance":
                    kept = portfolio.tell(kept, offer.instruction.key, "failed", 0.0, None, 0, now_ms)
                continue
            kept = kept.with_issued(issued)
            told.append(info(issued, offer.instruction))
        self._kept = kept
        shown = (*unknown, *skipped, *turn_skipped, *waiting, *later, *refused)
        shown = tuple(each for each in shown if asked.names(each.symbol))
        return Advised(None, tuple(told), shown)

    def _fair(self, chosen: list[Offer]) -> list[Offer]:
        """What is tried now, in order: where it is too much for one reply, what the sizer refused last goes last."""
        keys = {each.instruction.key for each in chosen}
        self._refused_ms = {key: ms for key, ms in self._refused_ms.items() if key in keys}
        if len(chosen) <= AT_ONCE:
            return chosen
        return sorted(chosen, key=lambda offer: self._refused_ms.get(offer.instruction.key, 0))

    def _wanted(self, state: State) -> tuple[list[Offer], list[Skipped]]:
        """What the share rules and the active rules ask for."""
        memory = self._kept.memory
        advices = [("share", share.evaluate(each, state, memory)) for each in self.rules.share]
        if self.rules.active is not None:
            advices.append(("active", active.evaluate(self.rules.active, state, memory)))
        wanted = [
            Offer("share" if source == "share" else "active", each)
            for source, advice in advices
            for each in advice.instructions
        ]
        return wanted, [each for _, advice in advices for each in advice.skipped]

    def _step(self, kept: Kept, state: State) -> tuple[Kept, Sequence[Skipped]]:
        report = self._desk.terminal.account()
        plan = portfolio.running(kept)
        if self.rules.rebalance is None or report is None or plan is None:
            return kept, ()
        age_ms = state.now_ms - report.received_ms
        if age_ms > self.rules.rebalance.execution.settle_s * 1000:
            why = f"the account was last reported {age_ms} ms ago"
            return kept, [Skipped(portfolio.RULE, each, why) for each in sorted(portfolio.symbols_of(kept))]
        # An emergency only reduces: it must not wait for the price of something else.
        if plan.adds and (unpriced := portfolio.unpriced(state)):
            return kept, [Skipped(portfolio.RULE, each, "a position in it cannot be priced now") for each in unpriced]
        turn = portfolio.go_on(kept, self.rules.rebalance, state, portfolio.given_of(self._desk, kept))
        self._log(turn.events)
        return turn.kept, turn.skipped

    def report(self, request: wire.ReportRequest, now_ms: int) -> Reported:
        """Take in what an EA says. Raises ProtocolError for an instruction that was never given."""
        issued = self._kept.find(request.instruction)
        if issued is None:
            message = f"Account {self._desk.login} was given no instruction {request.instruction!r}."
            raise ProtocolError("bad_value", message, field="instruction")
        report = self._desk.terminal.account()
        _demand_sense(request, issued, () if report is None else report.positions)
        after = lifecycle.told(issued, request, now_ms)
        reservation = self._booked(after, now_ms)
        if after is issued:
            return Reported(issued, 0.0, reservation, news=False)
        kept = origins.link(self._kept.with_issued(after), after)
        if lifecycle.happened(after):
            kept = kept if lifecycle.happened(issued) else origins.remember(kept, after, now_ms)
        elif after.standing == "failed":
            kept = self._failed(kept, after, now_ms)
        if after.source == "rebalance":
            kept = portfolio.tell(kept, *portfolio.report_of(after), now_ms)
        self._kept = kept
        return Reported(after, round(after.filled - issued.filled, 8), reservation, news=True)

    def _failed(self, kept: Kept, issued: Issued, now_ms: int) -> Kept:
        if issued.source == "rebalance":
            return kept  # the plan counts by itself
        failure = lifecycle.failed(kept.failures.get(issued.key), issued, now_ms)
        told = {"instruction": issued.id, "rule": issued.rule, "symbol": issued.symbol, "retcode": issued.retcode}
        self._tell("warning", "instruction_failed", **told)
        if lifecycle.gave_up(failure):
            self._tell("error", "instruction_given_up", **told, times=failure.times)
        return replace(kept, failures={**kept.failures, issued.key: failure})

    def _booked(self, issued: Issued, now_ms: int) -> Reservation | None:
        """The reservation of an `open` after a report; None if nothing changes. What is not filled is released."""
        before = self._reservation(issued)
        if before is None:
            return None
        report = self._desk.terminal.account()
        after = before
        if issued.filled > 0 and issued.fill_ticket:
            received_ms = 0 if report is None else report.received_ms
            after = fill(before, issued.fill_ticket, issued.filled, now_ms, received_ms)
        # "done" without lots names no position: the money is held until the terminal shows what there is.
        if issued.final:
            after = end(after, "released")
        return None if after == before else after

    def begin(self, request: wire.RebalanceRequest, now_ms: int, plan_id: str) -> None:
        """Begin a plan or cancel the one that runs. Raises ProtocolError."""
        if request.cancel == (request.targets is not None):
            raise ProtocolError("bad_value", "Send either targets or cancel.", field="targets")
        kept = self._kept
        if request.cancel:
            if kept.plan is None or kept.plan.ended:
                raise ProtocolError("bad_value", "No plan is running.", field="cancel")
            self._kept = self._without_waiting(replace(kept, plan=cancel(kept.plan, request.reason)), now_ms)
        elif request.targets is not None:
            if self.rules.rebalance is None:
                message = f'Account {self._desk.login} has no rebalancing: set rebalance = "positions/rebalance.toml".'
                raise ProtocolError("bad_value", message, field="targets")
            self._demand_known(request.targets)
            targets = tuple(Target(each.symbol, each.weight, each.alpha, each.strategy) for each in request.targets)
            previous = self._without_waiting(kept, now_ms)
            plan = begin(
                plan_id, targets, now_ms, previous=previous.plan, magic=request.magic,
                magics=tuple(request.magics or ()),
            )  # fmt: skip
            self._kept = replace(previous, plan=plan)

    def _demand_known(self, targets: Sequence[wire.TargetInfo]) -> None:
        names = [each.symbol for each in targets]
        for place, name in enumerate(names):
            if name in names[:place]:
                message = f"{name} stands twice among the targets."
                raise ProtocolError("bad_value", message, field=f"targets[{place}].symbol")
        unknown = [place for place, name in enumerate(names) if not self._desk.knows(name)]
        if unknown:
            listed = ", ".join(names[place] for place in unknown[:_NAMED])
            listed += f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
            message = f"The terminal does not know {listed}, or no pattern of the symbols file matches."
            raise ProtocolError("unknown_symbol", message, field=f"targets[{unknown[0]}].symbol")

    def _without_waiting(self, kept: Kept, now_ms: int) -> Kept:
        """What was ordered and not fetched is void."""
        for each in kept.waiting:
            kept = portfolio.tell(kept, each.key, "failed", 0.0, None, 0, now_ms)
        return replace(kept, waiting=())

    def resumed(self, now_ms: int) -> None:
        """Somebody has lifted the halts: the portfolio goes on within smaller limits."""
        if self.rules.rebalance is not None:
            self._kept = replace(self._kept, guard=resume(self._kept.guard, self.rules.rebalance, now_ms))

    # Shared ----------------------------------------------------------------------------------------------------------

    def _reservation(self, issued: Issued) -> Reservation | None:
        return None if issued.reservation is None else self._desk.reservation(issued.reservation)

    def _reservations_held(self) -> Iterable[Reservation]:
        return self._desk.ledger.reservations.values()

    def _reservations(self) -> Iterator[Reservation]:
        return self._desk.every_reservation()

    def _log(self, events: Iterable[Event]) -> None:
        levels = {"info": "info", "warning": "warning", "alert": "error"}
        for each in events:
            self._tell(levels[each.level], f"portfolio_{each.kind}", symbol=each.symbol, detail=each.detail)

    def _tell(self, level: str, name: str, **fields: Any) -> None:
        self.told.append(Told(level, name, {"account": self._desk.login, **fields}))


def _opinions(request: wire.ManageRequest) -> dict[str, Opinion]:
    """The signals by symbol. Raises ProtocolError for a symbol that stands twice."""
    found: dict[str, Opinion] = {}
    for place, each in enumerate(request.signals or ()):
        if each.symbol in found:
            message = f"{each.symbol} stands twice among the signals."
            raise ProtocolError("bad_value", message, field=f"signals[{place}].symbol")
        found[each.symbol] = Opinion(direction=each.direction, confidence=each.confidence, risk_grade=each.risk)
    return found


def _in_order(chosen: Sequence[Offer]) -> list[Offer]:
    """What lowers risk first: it makes room for what raises it."""
    return sorted(chosen, key=lambda offer: offer.instruction.raises_risk)


def _demand_sense(request: wire.ReportRequest, issued: Issued, positions: Iterable[Position]) -> None:
    """Refuse what cannot have happened: it would be believed, and booked."""
    if request.lots > 0 and issued.kind in ("modify_stop", "cancel"):
        raise ProtocolError("bad_value", f"A {issued.kind} fills no lots: send 0.", field="lots")
    if request.lots > 0 and issued.kind == "open" and not (request.ticket or issued.fill_ticket):
        raise ProtocolError("bad_value", "Name the position that was opened.", field="ticket")
    if request.lots > issued.lots + _HAIR and issued.kind not in ("modify_stop", "cancel"):
        message = f"{issued.id} was for {issued.lots:g} lots; {request.lots:g} cannot have been filled for it."
        raise ProtocolError("bad_value", message, field="lots")
    price, touch = request.price, issued.price
    if price is not None and touch is not None and not touch / _FAR <= price <= touch * _FAR:
        raise ProtocolError("bad_value", f"{price:g} is no price of {issued.symbol}, now {touch:g}.", field="price")
    if issued.kind != "open" and request.ticket not in (0, issued.ticket):
        raise ProtocolError("bad_value", f"{issued.id} is about ticket {issued.ticket}.", field="ticket")
    held = next((each for each in positions if each.ticket == request.ticket), None)
    if issued.kind == "open" and held is not None and (held.symbol, held.side) != (issued.symbol, issued.side):
        message = f"Position {held.ticket} is a {held.side} of {held.symbol}, and {issued.id} was none."
        raise ProtocolError("bad_value", message, field="ticket")
