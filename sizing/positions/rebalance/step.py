"""One step of a plan: take in what happened, move to the next phase if this one is over, say what is to be done.

The caller stores the plan that comes back before it sends the instructions. Each instruction is given once; another
one for the same symbol follows only when the terminal has shown, for certain, what became of the first. That is so
when the EA has reported it for good, or when it has expired: the EA refuses what has expired.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from sizing.positions.instruction import Advice, Instruction, Skipped
from sizing.positions.rebalance.construction import fit, spread
from sizing.positions.rebalance.execution import Cut, cuts, excess, lacking
from sizing.positions.rebalance.exposure import NOTHING, deviation, floor_lots, net_lots, sign, usable, weights
from sizing.positions.rebalance.given import Event, Given
from sizing.positions.rebalance.monitor import Wants, halted, limits_now, measure
from sizing.positions.rebalance.plan import Line, Order, Outcome, Phase, Plan, Report, take_over
from sizing.positions.rebalance.rules import Rebalance
from sizing.positions.rebalance.settlement import positions, settle, take_reports
from sizing.positions.rebalance.targets import sane_weights, stale
from sizing.positions.state import Held, Market, State

RULE = "rebalance"
EMERGENCY = "rebalance_emergency"


class Stepped(NamedTuple):
    """The plan to store, what to do now, and the log of this step."""

    plan: Plan
    advice: Advice
    events: tuple[Event, ...]


def step(
    plan: Plan, rules: Rebalance, state: State, reports: Iterable[Report] = (), given: Given | None = None
) -> Stepped:
    """Never raises, and gives nothing new as long as nothing changes."""
    turn = _Turn(take_reports(plan, tuple(reports), state.now_ms), rules, state, given or Given())
    if plan.ended and not plan.orders:
        return Stepped(plan, Advice(()), ())
    turn.settle()
    phases = {
        "validation": turn.validate,
        "construction": turn.construct,
        "reduce": turn.reduce,
        "add": turn.add,
        "reconciliation": turn.reconcile,
    }
    before: Phase | None = None
    while turn.plan.phase != before and turn.plan.phase in phases:
        before = turn.plan.phase
        phases[before]()
    ordered = sorted(turn.instructions, key=lambda each: -each.priority)
    return Stepped(turn.plan, Advice(tuple(ordered), tuple(turn.skipped)), tuple(turn.events))


def emergency_plan(
    plan_id: str,
    rules: Rebalance,
    state: State,
    wants: Wants,
    previous: Plan | None = None,
    magics: tuple[int, ...] = (),
) -> Plan:
    """A plan that keeps `reduce_to_pct` of every position, or none of it, and adds nothing. It replaces `previous`."""
    keep = 0.0 if wants == "close" else rules.emergency.reduce_to_pct / 100
    plan = Plan(
        id=plan_id,
        phase="reduce",
        created_ms=state.now_ms,
        targets=(),
        lines=(),
        magics=magics,
        adds=False,
        why=wants,
    )
    playing = {each.symbol for each in previous.orders} if previous is not None else set()
    lines = []
    for symbol in sorted({each.symbol for each in state.held}):
        net = net_lots(positions(plan, state, symbol))
        old = previous.line(symbol) if previous is not None and symbol in playing else None
        market = state.markets.get(symbol)
        lots = _kept(net, keep, market)
        lines.append(Line(symbol=symbol, weight=0.0, lots=lots, base=net if old is None else old.base))
    return take_over(replace(plan, lines=tuple(lines)), previous)


def _kept(net: float, keep: float, market: Market | None) -> float | None:
    """Net lots to keep; None where a part of them cannot be told."""
    if keep == 0:
        return 0.0
    if net == 0 or market is None or usable(market) is not None:
        return None
    lots = floor_lots(abs(net) * keep, market, most=False)
    return lots if net > 0 else -lots


class _Turn:
    """The plan on its way through one step."""

    def __init__(self, plan: Plan, rules: Rebalance, state: State, given: Given) -> None:
        self.plan = plan
        self.rules = rules
        self.state = state
        self.given = given
        self.instructions: list[Instruction] = []
        self.skipped: list[Skipped] = []
        self.events: list[Event] = []

    def settle(self) -> None:
        self.plan, events = settle(self.plan, self.rules, self.state, self.given)
        self.events += events

    # Phase 1

    def validate(self) -> None:
        sane = sane_weights(self.plan.targets, self.rules.validation)
        fault = sane.fault or (None if self._has_equity() else "the account has no equity")
        if fault is not None:
            self.plan = replace(self.plan, phase="failed", why=fault)
            self.events.append(Event("failed", fault, level="alert"))
            return
        old = stale(tuple(each.symbol for each in sane.targets), self.state)
        if old and self._age_ms() < self.rules.validation.fresh_wait_s * 1000:
            self.skipped += [Skipped(RULE, symbol, why) for symbol, why in old.items()]
            return
        self.events += sane.events
        self.events += [Event("left_out", why, symbol, "warning") for symbol, why in old.items()]
        self.events += self._risks()
        sizes = {each.symbol: each.weight for each in sane.targets}
        lines = tuple(
            replace(line, weight=sizes.get(line.symbol, 0.0), left_out=old.get(line.symbol, ""))
            for line in self.plan.lines
        )
        self._enter("construction", replace(self.plan, lines=lines))

    def _risks(self) -> list[Event]:
        metrics = measure(self.state, self.rules, self.given, [each.symbol for each in self.plan.targets])
        var = "not known" if metrics.var_95_pct is None else f"{metrics.var_95_pct:.2f} %"
        text = (
            f"gross {metrics.gross:.2f}, net {metrics.net:.2f}, VaR 95 {var}, day's loss {metrics.drawdown_pct:.2f} %"
        )
        found = [Event("breach", str(each), level="alert") for each in metrics.breaches]
        return [
            Event("risk", text),
            *found,
            *(Event("unknown", str(each), level="warning") for each in metrics.unknown),
        ]

    # Phase 2

    def construct(self) -> None:
        named = {each.symbol for each in self.plan.targets}
        live = [line for line in self.plan.lines if line.symbol in named and not line.left_out]
        wanted = {line.symbol: line.weight for line in live}
        alphas = {line.symbol: line.alpha for line in live}
        held = weights(self.state)
        fixed = {symbol: each for symbol, each in held.items() if symbol not in wanted}
        mine = {each.ticket for each in self._mine()}
        others = tuple(each for each in self.state.held if each.symbol in wanted and each.ticket not in mine)
        fixed.update(weights(replace(self.state, held=others)))
        fitted = fit(wanted, fixed, alphas, self.rules, self.state, self.given)
        self.events += fitted.events
        self.events += [
            Event("untargeted", "held, but not among the targets: the plan leaves it alone", symbol)
            for symbol in sorted(held)
            if symbol not in named
        ]
        lines = {line.symbol: self._constructed(line, fitted.weights[line.symbol]) for line in live}
        plan = replace(self.plan, lines=tuple(lines.get(each.symbol, each) for each in self.plan.lines))
        self._enter("reduce", self._within_turnover(plan))

    def _constructed(self, line: Line, weight: float) -> Line:
        market = self.state.markets.get(line.symbol)
        if market is None or usable(market) is not None:
            return replace(line, left_out="its figures are not known")
        lots = floor_lots(abs(weight) * self.state.equity / market.notional_per_lot, market, most=False)
        if lots == 0 and weight != 0:
            self.events.append(
                Event("too_small", f"{weight * 100:.3f} % of equity is less than volume_min", line.symbol)
            )
        base = net_lots(positions(self.plan, self.state, line.symbol)) if line.base is None else line.base
        return replace(line, fitted=weight, lots=lots if weight > 0 else -lots + 0.0, base=base)

    def _within_turnover(self, plan: Plan) -> Plan:
        """Additions cut to what may still be traded today, the highest alpha first. Reductions count, and go on."""
        limits = limits_now(self.rules.limits, self.given.guard, self.state.now_ms)
        cut, more = 0.0, {}
        for line in plan.lines:
            market = self.state.markets.get(line.symbol)
            if line.lots is None or line.base is None or market is None:
                continue
            over = excess(line.base, line.lots)
            cut += over * market.notional_per_lot
            missing = abs(line.lots) if over and line.base * line.lots < 0 else abs(lacking(line.base, line.lots))
            more[line.symbol] = missing * market.notional_per_lot
        room = self.state.equity * limits.turnover_pct / 100 - plan.spent.notional - cut
        if sum(more.values()) <= room:
            return plan
        dealt = spread(more, {line.symbol: line.alpha for line in plan.lines}, room)
        for line in plan.lines:
            if more.get(line.symbol, 0.0) > dealt.get(line.symbol, 0.0):
                plan = self._cut_addition(plan, line, dealt[line.symbol], "turnover")
        return plan

    def _cut_addition(self, plan: Plan, line: Line, notional: float, limit: str) -> Plan:
        """A line whose addition may have so much notional, rounded down; a reduction on the way to it stays."""
        market, base, wanted = self.state.markets[line.symbol], line.base or 0.0, line.lots or 0.0
        kept = base if base * wanted > 0 else 0.0
        lots = floor_lots(notional / market.notional_per_lot, market)
        # On the lattice from where the position stands; a sum of two volumes on it is on it, too.
        target = round(abs(kept) + lots, 8) if lots > 0 else abs(kept)
        target = target if wanted > 0 else -target
        self.events.append(Event("limited", f"{wanted:g} to {target:g} lots by the limit: {limit}", line.symbol))
        return plan.with_line(replace(line, lots=target))

    # Phase 3

    def reduce(self) -> None:
        waiting = bool(self.plan.orders)
        found: list[tuple[float, Line, Cut]] = []
        for line in self.plan.lines:
            if self._given_up(line) or self.plan.in_play(line.symbol):
                continue
            market = self.state.markets.get(line.symbol)
            due = self._due(line, market)
            if not due:
                continue
            if self._blocked(line, market, closing=line.lots == 0):
                waiting = True
                continue
            relief = market.margin_per_lot if market is not None else math.inf
            found += [(cut.lots * relief, line, cut) for cut in due]
        if self._too_old():
            found, waiting = [], bool(self.plan.orders)
        found.sort(key=lambda each: (-each[0], each[1].symbol, each[2].held.ticket))
        for rank, (_, line, cut) in enumerate(found):
            self._order_cut(line, cut, len(found) - rank)
        if found or waiting:
            return
        if not self.plan.adds or self._too_old():
            self._enter("reconciliation", self.plan)
        elif self._has_equity():
            self._enter("add", self._fitted())

    def _due(self, line: Line, market: Market | None) -> tuple[Cut, ...]:
        target, held = line.lots or 0.0, positions(self.plan, self.state, line.symbol)
        found, left = cuts(held, target, market, self.rules.execution)
        if left:
            self.skipped.append(Skipped(self._rule, line.symbol, left))
        if not found or target == 0 or market is None or net_lots(held) * target < 0:
            return found
        value = sum(each.lots for each in found) * market.notional_per_lot
        if value < self._least_change():
            why = f"{value:.2f} is less than {self.rules.execution.min_change_pct:g} % of equity"
            self.skipped.append(Skipped(self._rule, line.symbol, why))
            return ()
        return found

    def _order_cut(self, line: Line, cut: Cut, priority: int) -> None:
        held, market = cut.held, self.state.markets.get(line.symbol)
        unit = held.margin / held.volume
        text = (
            f"{held.volume:g} lots to {round(held.volume - cut.lots, 8):g}, frees about {unit * cut.lots:.2f} of margin"
        )
        instruction = Instruction(
            key=self._key(line.symbol),
            kind="close" if cut.whole else "close_partial",
            symbol=line.symbol,
            side=held.side,
            rule=self._rule,
            reason=text,
            ticket=held.ticket,
            lots=cut.lots,
            magic=held.magic,
            priority=priority,
        )
        self._give(instruction, line, market, -int(sign(held)), 0.0)

    # Phase 4

    def _fitted(self) -> Plan:
        """The plan with every addition cut to the limits as positions are now, and to the free margin."""
        plan = self.plan
        lines: dict[str, Line] = {}
        wanted: dict[str, float] = {}
        for line in plan.lines:
            missing = self._missing(line)
            market = self.state.markets.get(line.symbol)
            if not missing or line.aside or self._given_up(line):
                continue
            if market is None or usable(market) is not None:
                plan = plan.with_line(replace(line, aside="not priced when additions were fitted"))
                continue
            lines[line.symbol] = line
            wanted[line.symbol] = missing * market.notional_per_lot / self.state.equity
        alphas = {symbol: line.alpha for symbol, line in lines.items()}
        sizes = fit(wanted, weights(self.state), alphas, self.rules, self.state, self.given).weights
        factor = self._margin_factor(sizes)
        for symbol, line in lines.items():
            notional = abs(sizes[symbol]) * self.state.equity * factor
            if notional < abs(wanted[symbol]) * self.state.equity * (1 - 1e-9):
                shown = replace(line, base=self._net(line))
                name = "free margin" if factor < 1 else "limits beside what is held now"
                plan = self._cut_addition(plan.with_line(shown), shown, notional, name)
        return plan

    def _margin_factor(self, sizes: dict[str, float]) -> float:
        """What all additions are multiplied with so that their margin fits."""
        needed = 0.0
        for symbol, size in sizes.items():
            market = self.state.markets[symbol]
            needed += abs(size) * self.state.equity / market.notional_per_lot * market.margin_per_lot
        room = self._margin_room()
        return 1.0 if needed <= room else room / needed

    def _margin_room(self) -> float:
        room = self.state.margin_free * self.rules.execution.margin_use_pct / 100
        room -= sum(order.margin for order in self.plan.orders)
        return room if room > 0 else 0.0

    def add(self) -> None:
        waiting = bool(self.plan.orders)
        found = [(line, missing) for line in self.plan.lines if (missing := self._addition(line))]
        if found and (why := self._no_additions()) is not None:
            self.skipped += [Skipped(self._rule, line.symbol, why) for line, _ in found]
            found, waiting = [], True
        if self._too_old():
            found, waiting = [], bool(self.plan.orders)
        room = self._margin_room()
        found.sort(key=lambda each: (-each[0].alpha, each[0].symbol))
        for rank, (line, lots) in enumerate(found):
            waiting = True
            market = self.state.markets.get(line.symbol)
            if self._blocked(line, market, closing=False) or market is None:
                continue
            need = abs(lots) * market.margin_per_lot
            if not need <= room:
                self.skipped.append(Skipped(self._rule, line.symbol, f"needs {need:.2f} of margin, {room:.2f} is free"))
                continue
            room -= need
            self._order_addition(line, market, lots, len(found) - rank)
        if not found and not waiting:
            self._enter("reconciliation", self.plan)

    def _addition(self, line: Line) -> float:
        """Lots to add now, signed; 0 where there is nothing to add, or no more."""
        if line.aside or self._given_up(line) or self.plan.in_play(line.symbol):
            return 0.0
        missing, market = self._missing(line), self.state.markets.get(line.symbol)
        if market is None or usable(market) is not None:
            return missing
        lots = floor_lots(abs(missing), market)
        if lots * market.notional_per_lot < self._least_change():
            return 0.0
        return lots if missing > 0 else -lots

    def _missing(self, line: Line) -> float:
        return 0.0 if line.lots is None else lacking(self._net(line), line.lots)

    def _no_additions(self) -> str | None:
        return halted(self.state, self.rules, self.given) if self._has_equity() else "the account has no equity"

    def _order_addition(self, line: Line, market: Market, lots: float, priority: int) -> None:
        net = self._net(line)
        weight = (line.fitted or 0.0) * 100
        instruction = Instruction(
            key=self._key(line.symbol),
            kind="open",
            symbol=line.symbol,
            side="buy" if lots > 0 else "sell",
            rule=self._rule,
            reason=f"net {net:g} to {line.lots or 0.0:g} lots for {weight:.2f} % of equity",
            lots=abs(lots),
            magic=self.plan.magic,
            priority=priority,
        )
        self._give(instruction, line, market, 1 if lots > 0 else -1, abs(lots) * market.margin_per_lot)

    # Phase 5

    def reconcile(self) -> None:
        reached = weights(replace(self.state, held=self._mine()))
        off = {line.symbol: line.weight - reached.get(line.symbol, NOTHING).net for line in self.plan.lines}
        spread_day = deviation(off, self.state, self.given)
        breaches = measure(self.state, self.rules, self.given).breaches
        equity = self.state.equity
        outcome = Outcome(
            untracked_pct=sum(abs(each) for each in off.values()) * 100,
            tracking_error_pct=None if spread_day is None else spread_day * 100,
            turnover_pct=self.plan.spent.notional / equity * 100 if equity > 0 else 0.0,
            violations=tuple(str(each) for each in breaches),
        )
        self.events += [Event("violation", text, level="alert") for text in outcome.violations]
        detail = f"{outcome.untracked_pct:.2f} % of equity away from the weights wanted"
        self.events.append(Event("reconciled", detail))
        self._enter("done", replace(self.plan, outcome=outcome))

    def _mine(self) -> tuple[Held, ...]:
        return tuple(each for line in self.plan.lines for each in positions(self.plan, self.state, line.symbol))

    # What the phases share

    @property
    def _rule(self) -> str:
        return RULE if self.plan.adds else EMERGENCY

    def _net(self, line: Line) -> float:
        return net_lots(positions(self.plan, self.state, line.symbol))

    def _given_up(self, line: Line) -> bool:
        """Whether nothing is ordered in a symbol in this phase, or at all."""
        return line.lots is None or bool(line.left_out) or line.attempts >= self.rules.execution.attempts

    def _has_equity(self) -> bool:
        return 0 < self.state.equity < math.inf

    def _age_ms(self) -> int:
        return self.state.now_ms - self.plan.created_ms

    def _too_old(self) -> bool:
        return self._age_ms() >= self.rules.execution.plan_minutes * 60_000

    def _least_change(self) -> float:
        return self.state.equity * self.rules.execution.min_change_pct / 100

    def _key(self, symbol: str) -> str:
        """Never the same twice within a plan: orders only ever go from those in play to those past."""
        number = len(self.plan.past) + len(self.plan.orders) + 1
        return f"rebalance/{self.plan.id}/{self.plan.phase}/{symbol}/{number}"

    def _blocked(self, line: Line, market: Market | None, *, closing: bool) -> bool:
        """Whether nothing can be ordered in a symbol now. A full close needs no figures, only an open market."""
        if line.retry_ms > self.state.now_ms:
            why: str | None = "tried just now"
        elif market is not None and not market.fresh:
            why = "its price is stale or its session closed"
        else:
            why = None if closing else usable(market)
        if why is not None:
            self.skipped.append(Skipped(self._rule, line.symbol, why))
        return why is not None

    def _give(self, instruction: Instruction, line: Line, market: Market | None, moves: int, margin: float) -> None:
        known = market is not None and usable(market) is None
        order = Order(
            key=instruction.key,
            symbol=instruction.symbol,
            ticket=instruction.ticket,
            kind=instruction.kind,
            side=instruction.side,
            moves=moves,
            lots=instruction.lots,
            rule=instruction.rule,
            strategy=line.strategy,
            price=(market.quote.ask if moves > 0 else market.quote.bid) if known and market is not None else None,
            money_per_price=market.money_per_price if known and market is not None else None,
            notional_per_lot=market.notional_per_lot if known and market is not None else 0.0,
            margin=margin,
            given_ms=self.state.now_ms,
            expires_ms=self.state.now_ms + self.rules.execution.expires_s * 1000,
        )
        self.plan = replace(self.plan, orders=(*self.plan.orders, order))
        self.instructions.append(replace(instruction, expires_ms=order.expires_ms))

    def _enter(self, phase: Phase, plan: Plan) -> None:
        """The next phase; a symbol given up in execution gets its chance in the next one, one left out does not."""
        lines = tuple(replace(line, attempts=0, retry_ms=0) for line in plan.lines)
        self.plan = replace(plan, phase=phase, lines=lines)
        self.events.append(Event("phase", phase))
