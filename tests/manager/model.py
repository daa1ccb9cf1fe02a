"""What EAs, traders, markets and networks may do to one account with rules about its positions, and what must hold.

The books are the modelled broker's, and so is the worst case; nothing is judged by what the daemon says of itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bridge.kept import Kept, PositionsChange, changed, difference
from tests.bridge.builders import decoded
from tests.bridge.model import Model
from tests.bridge.model_broker import DIGITS, PIP, Broker, Held, MarginMode, Side, Statement
from tests.bridge.model_rules import FIRMS, INITIAL, RuleBook
from tests.bridge.model_world import Effect, Grant
from tests.builders import at
from tests.manager.model_daemon import CUT_PERCENT, ENTRY_PERCENT, FIRM, Daemon
from tests.manager.model_ea import LEAST, REJECTED, REQUOTE, SIGN, TIMEOUT, Desk, Letter, Outcome, Task

LATEST_S = 1.5
"""No message of the feed is longer on its way: the daemon reckons with two seconds."""
OLDEST_MS = 10_000
"""The policy's max_account_age_ms."""
_LOT = 100_000.0
_ONCE = ("partial_profit", "aggressive_profit", "breakeven", "volatility")
_HAIR = 1e-6
_RATES = 0.02
"""How far the daemon's rate of the yen may be off: the value of a tick comes with the symbols, which come rarely."""


@dataclass
class Underway:
    """A message of the feed on its way, and what it will have told."""

    raw: bytes
    statement: Statement
    grants: dict[str, dict[int, float]]
    tasks: dict[str, float]


@dataclass
class Lost:
    """A question whose answer did not arrive."""

    raw: bytes
    sent_ms: int


@dataclass
class Aim:
    """A plan: the weights, and by symbol the least and the most lots that they have stood for since it began."""

    weights: dict[str, float]
    least: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)


class Managed(Model):
    """Every method is something that happens. At first the daemon knows the account and what its rules count from."""

    def __init__(self, folder: Path, kinds: tuple[str, ...], mode: MarginMode, start: str) -> None:
        self.broker = Broker(at(start) - 3 * 86_400_000, mode)
        self.broker.pay(INITIAL)
        self.broker.advance(at(start))
        self.daemon: Daemon = Daemon(folder, self.broker, kinds)
        self.rules = RuleBook(FIRMS[FIRM], self.broker, self.broker.statement())
        self.grants: dict[str, Grant] = {}
        self.connected = False
        self.effect: Effect = "none"
        self.hidden = False
        self.allowed = {rule.name: 0.0 for rule in self.rules.firm.rules}
        self.kinds = kinds
        self.desk = Desk(self.broker)
        self.underway: Underway | None = None
        self.lost: list[Lost] = []
        self.halted = False
        self.quoted = False
        """Newer prices were told than those of the last report."""
        self.aim: Aim | None = None
        self.effects: dict[tuple[str, int], list[Task]] = {}
        self.added: dict[int, float] = {}
        self.stop_moved_by_hand: set[int] = set()
        self.by_hand: set[int] = set()
        self.tried: set[int] = set()
        """Positions for which a close was ever given."""
        self.feed(full=True)
        self.set_anchors()
        self.check()

    # The feed --------------------------------------------------------------------------------------------------------

    def feed(self, *, full: bool = False) -> None:
        """Tell the daemon how things are; what is on its way arrives first."""
        self.arrive()
        super().feed(full=full)

    def quotes(self) -> None:
        """Only prices are told."""
        self.arrive()
        self.daemon.quotes()
        self.quoted = True

    def send_slowly(self) -> None:
        """The terminal writes down how things are; the message is on its way."""
        self.arrive()
        raw = self.daemon.message()
        grants = {each.id: dict(each.opened) for each in self.grants.values()}
        tasks = {name: each.done for name, each in self.desk.tasks.items()}
        self.underway = Underway(raw, self.broker.statement(), grants, tasks)

    def arrive(self) -> None:
        """What is on its way arrives; what has been so for too long is as good as lost, and never sent."""
        on_way, self.underway = self.underway, None
        if on_way is None:
            return
        if self.now_ms > on_way.statement.at_ms + LATEST_S * 1000:
            return
        reply = decoded(self.daemon.send(on_way.raw))
        self.connected = reply["status"] == "ok" and not reply["resync"]
        if not self.connected:
            super().feed(full=True)  # the EA has read the reply
            return
        self.rules.tell(on_way.statement, self.daemon.unknown_rules())
        for name, opened in on_way.grants.items():
            self.grants[name].told = opened
        for name, done in on_way.tasks.items():
            self.desk.tasks[name].told = done
        self._follow_aim()

    def _told(self) -> None:
        super()._told()
        for task in self.desk.tasks.values():
            task.told = task.done
        self._follow_aim()

    def _follow_aim(self) -> None:
        self.quoted = False
        if self.aim is None:
            return
        told = self.rules.told
        for symbol, weight in self.aim.weights.items():
            lots = abs(weight) * told.equity / self._notional(symbol, told)
            self.aim.least[symbol] = min(self.aim.least.get(symbol, math.inf), lots)
            self.aim.most[symbol] = max(self.aim.most.get(symbol, 0.0), lots)

    @staticmethod
    def _notional(symbol: str, told: Statement) -> float:
        return _LOT * round(told.bids[symbol] + PIP[symbol], DIGITS[symbol]) if symbol == "EURUSD" else _LOT

    # Questions -------------------------------------------------------------------------------------------------------

    def manage(
        self, symbols: list[str] | None = None, signals: list[dict[str, Any]] | None = None, *, lost: bool = False
    ) -> list[Task]:
        """An EA asks; its instructions, which it does not get where the reply is lost. Asked again, nothing is new."""
        self.hidden = self.hidden or self.effect != "none"
        if self.hidden:
            self.mark("other")
        raw = self.daemon.body(type="manage", symbols=symbols, signals=signals)
        reply = decoded(self.daemon.send(raw))
        assert reply["status"] in ("ok", "reject"), reply
        assert reply["status"] == "ok" or not reply["instructions"], reply
        given = [self._given(each, signals or ()) for each in reply["instructions"]]
        if reply["status"] == "ok":
            self._check_missed(reply, symbols)
        self._ask_until_quiet(symbols, signals, reply)
        if lost:
            self.lost.append(Lost(raw, self.now_ms))
            for task in given:
                task.seen = False
        return given

    def _ask_until_quiet(self, symbols: Any, signals: Any, first: dict[str, Any]) -> None:
        """Asked again, nothing is new; but what the sizer refuses may end a plan, which lets other rules go on."""
        before = self.kept
        for turn in range(5):
            again = self.daemon.ask(type="manage", symbols=symbols, signals=signals)["instructions"]
            if not again:
                return
            assert turn < 4, f"given without end: {again} after {first}"
            assert "rebalance" in self.kinds, f"given again: {again} after {first}"
            assert before.plan != self.kept.plan, f"given again, and no plan went on: {again} after {first}"
            for each in again:
                self._given(each, signals or ()).seen = False

    def ask_again(self, which: int) -> None:
        """A question whose answer was lost is sent once more; the EA counts from the first time."""
        lost = self.lost.pop(which % len(self.lost))
        for info in decoded(self.daemon.send(lost.raw))["instructions"]:
            self.desk.tasks[info["id"]].seen = True

    def positions(self) -> None:
        """Everything about what is open: always answered."""
        reply = self.daemon.ask(type="positions", history=500)
        assert reply["status"] == "ok", reply

    def rebalance(self, weights: dict[str, float]) -> None:
        """A plan begins."""
        targets = [{"symbol": symbol, "weight": weight} for symbol, weight in weights.items()]
        reply = self.daemon.ask(type="rebalance", reason="test", targets=targets)
        assert reply["status"] == "ok", reply
        self.aim = Aim(weights)
        self._follow_aim()

    def cancel_plan(self) -> None:
        """Nothing more is ordered, or nothing was planned."""
        reply = self.daemon.ask(type="rebalance", reason="test", cancel=True)
        assert reply["status"] == "ok" or reply["field"] == "cancel", reply
        self.aim = None

    def halt(self, **span: Any) -> None:
        """Entries are halted until somebody resumes."""
        super().halt(**span)
        self.halted = True

    def resume(self) -> None:
        """Entries go on."""
        super().resume()
        self.halted = False

    # Instructions ----------------------------------------------------------------------------------------------------

    def _given(self, info: dict[str, Any], signals: Sequence[dict[str, Any]]) -> Task:
        assert info["id"] not in self.desk.tasks, f"an id that was given before: {info}"
        held = self._told_position(info["ticket"])
        deadline_ms = self.now_ms + info["expires_ms"] - self.now_ms
        task = Task(info, deadline_ms, 0.0 if held is None else held.lots, ticket=info["ticket"], seen=True)
        assert info["expires_ms"] > self.now_ms, f"given when it was over: {info}"
        assert self.connected, f"given without knowing the account: {info}"
        age_ms = self.now_ms - self.rules.told.at_ms
        assert age_ms <= OLDEST_MS + LATEST_S * 1000, f"given on an account of {age_ms} ms ago: {info}"
        if task.closes:
            self._check_close(task, held, signals)
            self.tried.add(info["ticket"])
        elif task.kind == "modify_stop":
            self._check_stop(task, held)
        elif task.kind == "open":
            self._check_open(task)
        else:
            assert info["ticket"] in {each.ticket for each in self.rules.told.orders}, info
            self._check_alone(task, ("cancel",))
        self.desk.tasks[info["id"]] = task
        return task

    def _told_position(self, ticket: int) -> Held | None:
        return next((each for each in self.rules.told.positions if each.ticket == ticket), None)

    def _in_play(self, kinds: Sequence[str], ticket: int) -> list[Task]:
        """What may still happen, or has happened unseen, for a ticket."""
        return [
            each
            for each in self.desk.tasks.values()
            if each.kind in kinds
            and each.info["ticket"] == ticket
            and (each.unseen(self.now_ms) > 0 if each.closes else not each.ended and self.now_ms < each.deadline_ms)
        ]

    def _check_alone(self, task: Task, kinds: Sequence[str]) -> None:
        playing = self._in_play(kinds, task.info["ticket"])
        assert not playing, f"{task.info} while {[each.info['id'] for each in playing]} is in play"

    def _check_close(self, task: Task, held: Held | None, signals: Sequence[dict[str, Any]]) -> None:
        info = task.info
        assert held is not None, f"a close of what is not there: {info}"
        assert (held.symbol, held.side) == (info["symbol"], info["side"]), info
        self._check_alone(task, ("close", "close_partial"))
        lots, rest = info["lots"], round(held.lots - info["lots"], 8)
        assert 0 < lots <= held.lots + _HAIR, f"more than the {held.lots} that are held: {info}"
        assert rest == 0 or rest >= LEAST - _HAIR, f"a rest of {rest}: {info}"
        assert (task.kind == "close") == (rest == 0), info
        assert abs(lots * 100 - round(lots * 100)) < _HAIR, info
        assert lots >= LEAST - _HAIR or rest == 0, info
        if info["rule"] == "share/cut":  # what other rules close at the same time it does not count
            told = self.rules.told
            least = CUT_PERCENT / 100 * told.balance / self._notional(info["symbol"], told)
            left = self._gross(info["symbol"]) - self._closing(info["symbol"], "share/") - lots
            assert left >= least * (1 - _RATES) - 0.01 - _HAIR, (
                f"{left} lots are left, {least} is the target: {info}; {self._situation(info['symbol'])}"
            )
        if info["rule"] == "rebalance":
            self._check_reduction(task, held)

    def _check_reduction(self, task: Task, held: Held) -> None:
        assert self.aim is not None, f"no plan runs: {task.info}"
        symbol = held.symbol
        weight = self.aim.weights.get(symbol, 0.0)
        net = self._net(symbol) * (1 if weight > 0 else -1)
        if weight == 0 or net <= 0:
            return  # all of it goes
        left = net - self._closing(symbol) - task.info["lots"]
        assert left >= self.aim.least[symbol] * (1 - _RATES) - LEAST - _HAIR, f"{left} of {self.aim}: {task.info}"

    def _situation(self, symbol: str) -> str:
        """What the daemon was told of a symbol, and what is in play in it."""
        told = [(each.ticket, each.side, each.lots) for each in self.rules.told.positions if each.symbol == symbol]
        tasks = [each for each in self.desk.tasks.values() if each.info["symbol"] == symbol]
        playing = [
            (each.info["id"], each.info["ticket"], each.info["rule"], each.unseen(self.now_ms)) for each in tasks
        ]
        return f"told {told}, in play {[each for each in playing if each[-1]]}"

    def _gross(self, symbol: str) -> float:
        return sum(each.lots for each in self.rules.told.positions if each.symbol == symbol)

    def _net(self, symbol: str) -> float:
        return sum(each.lots * SIGN[each.side] for each in self.rules.told.positions if each.symbol == symbol)

    def _closing(self, symbol: str, rules: str = "") -> float:
        """Lots that instructions of these rules close or have closed, and that the last report still shows."""
        there = {each.ticket for each in self.rules.told.positions}
        return sum(
            each.unseen(self.now_ms)
            for each in self.desk.tasks.values()
            if each.closes
            and each.info["symbol"] == symbol
            and each.info["ticket"] in there
            and each.info["rule"].startswith(rules)
        )

    def _opening(self, symbol: str, *, instructed: bool = False) -> float:
        """Lots on their way that the terminal's last report does not show: of everybody, or of instructions alone."""
        own = {each.info["reservation"] for each in self.desk.tasks.values()}
        return sum(
            each.uncovered(self.now_ms)
            for each in self.grants.values()
            if each.symbol == symbol and (not instructed or each.id in own)
        )

    def _check_stop(self, task: Task, held: Held | None) -> None:
        info = task.info
        assert held is not None, f"a stop for what is not there: {info}"
        assert info["stop_loss"] is not None, info
        sign = SIGN[held.side]
        assert not held.sl or (info["stop_loss"] - held.sl) * sign > 0, f"away from profit, {held}: {info}"
        assert (info["take_profit"] or 0.0) == held.tp, f"another target, {held}: {info}"
        self._check_alone(task, ("modify_stop", "close"))

    def _check_open(self, task: Task) -> None:
        info, told = task.info, self.rules.told
        symbol, side, lots = info["symbol"], info["side"], info["lots"]
        assert not self.halted, f"opened while entries are halted: {info}"
        assert not self.rules.breached(), f"opened after a breach: {info}"
        assert lots >= LEAST - _HAIR, info
        planned = info["rule"].startswith("rebalance")
        assert not self._opening(symbol, instructed=planned), f"opened while another entry is on its way: {info}"
        there = [each for each in told.positions if each.symbol == symbol]
        if self.broker.mode == 0:
            assert all(each.side == side for each in there), f"it would close or turn what is there: {info}"
        if info["rule"].startswith("share/"):
            most = ENTRY_PERCENT / 100 * told.balance / self._notional(symbol, told)
            orders = sum(each.lots for each in told.orders if each.symbol == symbol)
            whole = self._gross(symbol) + orders + self._opening(symbol) + lots
            assert whole <= most * (1 + _RATES) + _HAIR, f"{whole} lots, {most} is the target: {info}"
        if planned:
            assert self.aim is not None, f"no plan runs: {info}"
            whole = self._net(symbol) * SIGN[side] + lots
            assert self.aim.weights[symbol] * SIGN[side] > 0, info
            assert whole <= self.aim.most[symbol] * (1 + _RATES) + _HAIR, f"{whole} lots of {self.aim}: {info}"
        grant = Grant(
            info["reservation"], symbol, side, lots, info["price"], info["stop_loss"], info["take_profit"] or 0.0,
            False, info["magic"], info["expires_ms"],
        )  # fmt: skip
        assert grant.id not in self.grants, "a reservation's id was given twice"
        self.grants[grant.id] = grant
        self.check_answer(info)

    def _check_missed(self, reply: dict[str, Any], symbols: list[str] | None) -> None:
        """The first profit of a position is taken, whether entries are halted or not.

        Not looked at where a plan may hold the symbol, or additions the average price.
        """
        told = self.rules.told
        only_these = "active" in self.kinds and "rebalance" not in self.kinds and self.broker.mode == 2
        if not only_these or not self.connected or self.quoted or self.added or self.now_ms - told.at_ms > 5_000:
            return
        closes = {each["ticket"] for each in reply["instructions"] if each["kind"] in ("close", "close_partial")}
        for held in told.positions:
            price = told.bids[held.symbol] + (0.0 if held.side == "buy" else PIP[held.symbol])
            gain = (price - held.opened) * SIGN[held.side] / held.opened * 100
            asked = symbols is None or held.symbol in symbols
            if asked and gain >= 0.16 and held.lots >= 4 * LEAST and held.ticket not in self.tried:
                assert held.ticket in closes, f"no profit was taken of {held}: {reply}"

    # Carrying out ----------------------------------------------------------------------------------------------------

    def carry_out(self, task: Task, outcome: Outcome, share: float = 0.5) -> Letter | None:
        """An EA does what it was told, or refuses; its report, which it has not sent."""
        if self.desk.refusal(task):
            task.ended = True
            return self._written(task.words("failed"), task)
        if outcome in ("reject", "requote"):
            task.ended = True
            return self._written(task.words("failed", REJECTED if outcome == "reject" else REQUOTE), task)
        self.desk.carry_out(task, share if outcome == "part" else 1.0)
        self._count(task)
        if outcome == "unsure":
            task.ended = True
            return Letter(task.info["id"], {"status": "partial", "retcode": TIMEOUT, "ticket": 0, "lots": 0.0})
        if task.closes or task.kind == "open":
            over = task.rest(self.now_ms) <= 0
            if task.closes and task.info["ticket"] not in self.broker.positions:
                over = True
            task.ended = over
            return self._written(task.words("done" if over else "partial"), task)
        task.ended = True
        return self._written(task.words("done"), task)

    def give_up(self, task: Task) -> Letter:
        """The rest of it is not traded any more."""
        task.ended = True
        return self._written(task.words("done" if task.done else "failed"), task)

    def _written(self, letter: Letter, task: Task) -> Letter:
        grant = self._grant(task)
        if grant is not None and task.ended:
            grant.given_back = True
        return letter

    def _grant(self, task: Task) -> Grant | None:
        name = task.info["reservation"]
        return None if name is None else self.grants[name]

    def _count(self, task: Task) -> None:
        """Note what was done, and demand that it was not done before."""
        info = task.info
        grant = self._grant(task)
        if info["ticket"] in self.by_hand:
            self.mark("other")  # a win raises the next day's floor, and nobody sized the position
        if grant is not None:
            grant.opened[task.ticket] = round(task.done, 2)
            others = [each for each in self.broker.positions.values() if each.symbol == info["symbol"]]
            if self.broker.mode == 0 and any(each.lots > task.done + _HAIR for each in others):
                self.mark("other")  # it goes into a position whose stop it moves
        rule, ticket = info["rule"], info["ticket"]
        if rule == "scaling_profit":
            ticket = int(info["reason"].partition("added to position ")[2].partition(";")[0])
            self.added[ticket] = self.added.get(ticket, 0.0) + task.done
        done = self.effects.setdefault((rule, ticket), [])
        if task in done:
            return
        done.append(task)
        if rule in ("breakeven", "volatility") and ticket in self.stop_moved_by_hand:
            return  # what was not reported cannot be found any more
        assert rule not in _ONCE or len(done) == 1, f"{rule} twice for {ticket}: {[each.info for each in done]}"
        assert rule != "scaling_profit" or len(done) <= 2, f"added a third time to {ticket}"
        if rule == "partial_profit":
            assert ("aggressive_profit", ticket) not in self.effects, f"a lower level after a higher one: {info}"

    def deliver(self, letter: Letter) -> None:
        """A report arrives."""
        reply = self.daemon.ask(type="report", instruction=letter.task, **letter.fields)
        assert reply["status"] == "ok", reply
        grant = self._grant(self.desk.tasks[letter.task])
        if grant is not None and letter.fields["status"] != "partial":
            held = self.ledger.get(grant.id)
            assert held is None or held.rest_lots == 0, f"money is held for what was given back: {held}"

    # Hands -----------------------------------------------------------------------------------------------------------

    def trade_by_hand(self, symbol: str, side: Side, lots: float, stop_pips: float | None) -> None:
        """Somebody opens something; on a netting account that may set another stop."""
        super().trade_by_hand(symbol, side, lots, stop_pips)
        ticket = self.broker.deals[-1].position
        self.stop_moved_by_hand.add(ticket)
        self.by_hand.add(ticket)

    def close_by_hand(self, held: Held, share: float) -> None:
        """Somebody closes something: a win may raise the next day's floor, and nobody sized what was opened by hand."""
        super().close_by_hand(held, share)
        self.mark("other")

    def move(self, symbol: str, pips: float, *, jump: bool) -> None:
        """The market moves; where it closes what was opened by hand, that is like a close by hand."""
        before = self.by_hand & self.broker.positions.keys()
        super().move(symbol, pips, jump=jump)
        if not before <= self.broker.positions.keys():
            self.mark("other")

    def move_stop_by_hand(self, held: Held, pips: float) -> None:
        """Somebody sets another stop, or none."""
        price = self.broker.closing_price(held.symbol, held.side)
        held.sl = round(price - SIGN[held.side] * pips * PIP[held.symbol], DIGITS[held.symbol]) if pips else 0.0
        self.stop_moved_by_hand.add(held.ticket)
        self.mark("other")

    def place_by_hand(self, symbol: str, side: Side) -> None:
        """Somebody places a pending order."""
        price = round(self.broker.bids[symbol] - SIGN[side] * 300 * PIP[symbol], DIGITS[symbol])
        stop = round(price - SIGN[side] * 50 * PIP[symbol], DIGITS[symbol])
        self.broker.place(symbol, side, 0.2, price, stop, 0.0, 0)
        self.mark("other")

    # The daemon ------------------------------------------------------------------------------------------------------

    @property
    def kept(self) -> Kept:
        """What the daemon remembers."""
        return self.daemon.desks[0].positions.kept

    def restart(self, *, clean: bool) -> None:
        """The daemon stops or dies, and starts: it remembers the same, and so does a copy of its whole state."""
        before = self.kept
        self.underway = None
        self.connected = False
        self.daemon.restart(clean=clean)
        same_kept(self.kept, before)
        whole = difference(Kept(), before)
        if whole is not None:
            change = msgspec.msgpack.decode(msgspec.msgpack.encode(whole), type=PositionsChange)
            same_kept(changed(Kept(), change), before)


def same_kept(kept: Kept, before: Kept) -> None:
    """Both are equal, and show ended instructions in the same order."""
    assert kept == before
    assert list(kept.ended) == list(before.ended)
