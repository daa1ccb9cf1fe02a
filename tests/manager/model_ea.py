"""EAs that carry out instructions on the modelled broker, well or badly: an independent reading of the protocol."""

from dataclasses import dataclass, field
from typing import Any, Literal

from tests.bridge.model_broker import PIP, Broker, Held

Outcome = Literal["whole", "part", "reject", "requote", "unsure"]
"""What the broker makes of an order. `unsure`: it is carried out, and the terminal does not say so (a timeout)."""

REJECTED, REQUOTE, TIMEOUT = 10006, 10004, 10012
LEAST = 0.02
"""The broker's smallest volume, in steps of 0.01."""
SIGN = {"buy": 1, "sell": -1}
_DEVIATION_PIPS = 1.0
_HAIR = 1e-9


@dataclass
class Letter:
    """A report that is written and not delivered yet."""

    task: str
    fields: dict[str, Any]


@dataclass
class Task:
    """One instruction as an EA has it. Lots: `done` at the broker, `told` of them by the last report of the terminal.

    `deadline_ms` counts from the moment the question was first sent.
    """

    info: dict[str, Any]
    deadline_ms: int
    volume: float
    """Lots of its position, as the daemon was told when it gave the instruction."""
    done: float = 0.0
    told: float = 0.0
    ended: bool = False
    """The EA does nothing more about it."""
    moved: bool = False
    """A stop has been changed, or an order been cancelled."""
    seen: bool = False
    ticket: int = 0
    price: float | None = None

    @property
    def kind(self) -> str:
        return str(self.info["kind"])

    @property
    def closes(self) -> bool:
        return self.kind in ("close", "close_partial")

    def rest(self, now_ms: int) -> float:
        """Lots that may still be traded."""
        if self.ended or now_ms >= self.deadline_ms:
            return 0.0
        return round(self.info["lots"] - self.done, 2)

    def unseen(self, now_ms: int) -> float:
        """Lots that the terminal's last report does not show: not traded yet, or not told."""
        return round(self.rest(now_ms) + self.done - self.told, 2)

    def words(self, status: str, retcode: int = 0) -> Letter:
        """A report of how it stands."""
        fields: dict[str, Any] = {"status": status, "retcode": retcode, "ticket": self.ticket, "lots": self.done}
        if self.done:
            fields["price"] = self.price
        return Letter(str(self.info["id"]), fields)


@dataclass
class Desk:
    """Every instruction that was given, whether its reply arrived or not, and the letters on the EAs' desks."""

    broker: Broker
    tasks: dict[str, Task] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)

    def open_tasks(self) -> list[Task]:
        """Those that are not done with; over time ones too: an EA has to refuse them."""
        return [each for each in self.tasks.values() if not each.ended]

    def refusal(self, task: Task) -> bool:
        """Whether the last look before it is carried out finds that it does not fit."""
        info, broker = task.info, self.broker
        if broker.now_ms >= task.deadline_ms:
            return True
        if task.kind == "cancel":
            return info["ticket"] not in broker.orders
        if task.kind == "open":
            return self._may_not_open(info)
        held = broker.positions.get(info["ticket"])
        if held is None or held.symbol != info["symbol"] or held.side != info["side"]:
            return True
        if task.kind == "modify_stop":
            return self._may_not_move(held, info["stop_loss"])
        rest = round(held.lots - task.rest(broker.now_ms), 2)
        return rest < 0 or (rest > 0 and (task.kind == "close" or rest < LEAST - _HAIR))

    def _may_not_open(self, info: dict[str, Any]) -> bool:
        broker, sign = self.broker, SIGN[info["side"]]
        price = broker.opening_price(info["symbol"], info["side"])
        if (price - info["price"]) * sign / PIP[info["symbol"]] > _DEVIATION_PIPS + 1e-6:
            return True
        leaves = broker.closing_price(info["symbol"], info["side"])
        if (leaves - info["stop_loss"]) * sign <= 0 or (
            info["take_profit"] and (info["take_profit"] - price) * sign <= 0
        ):
            return True
        there = [each for each in broker.positions.values() if broker.mode == 0 and each.symbol == info["symbol"]]
        return any(
            each.side != info["side"] or (each.sl and (info["stop_loss"] - each.sl) * sign < -_HAIR) for each in there
        )

    def _may_not_move(self, held: Held, stop: float | None) -> bool:
        sign = SIGN[held.side]
        if stop is None or (held.sl and (stop - held.sl) * sign < 0):
            return True
        return (self.broker.closing_price(held.symbol, held.side) - stop) * sign <= 0

    def carry_out(self, task: Task, share: float) -> None:
        """Do it, or so much of its lots. Nothing here looks whether it may be done."""
        info, broker = task.info, self.broker
        if task.kind == "modify_stop":
            held = broker.positions[info["ticket"]]
            held.sl, held.tp = info["stop_loss"] or 0.0, info["take_profit"] or 0.0
            task.moved = True
        elif task.kind == "cancel":
            del broker.orders[info["ticket"]]
            task.moved = True
        else:
            rest = task.rest(broker.now_ms)
            self._trade(task, min(rest, max(0.01, round(rest * share, 2))))

    def _trade(self, task: Task, lots: float) -> None:
        info, broker = task.info, self.broker
        if task.closes:
            task.price = broker.closing_price(info["symbol"], info["side"])
            task.ticket = info["ticket"]
            broker.close(info["ticket"], lots)
        elif task.ticket in broker.positions and broker.mode == 2:
            task.price = broker.positions[task.ticket].opened
            broker.grow(task.ticket, lots)
        else:
            task.price = broker.opening_price(info["symbol"], info["side"])
            target = info["take_profit"] or self._target_there(info["symbol"])
            args = info["symbol"], info["side"], lots, info["stop_loss"], target, info["magic"]
            task.ticket = broker.open(*args)
        task.done = round(task.done + lots, 2)

    def _target_there(self, symbol: str) -> float:
        """An order without a target leaves that of a netting account's position."""
        broker = self.broker
        there = next((each for each in broker.positions.values() if each.symbol == symbol), None)
        return there.tp if there is not None and broker.mode == 0 else 0.0
