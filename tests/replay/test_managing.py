"""How a replay's EA carries instructions out: what the broker then shows, and what is refused, with its report."""

from pathlib import Path
from typing import Any

import pytest

from bridge.clock import SteppedClock
from bridge.errors import ReplayError
from bridge.protocol import messages as wire
from bridge.replay.agenda import Agenda
from bridge.replay.managing import Manager
from bridge.replay.paper import PaperAccount
from bridge.replay.run import InstructionRow, RunWriter
from bridge.replay.strategy import Stance
from bridge.replay.trader import Trader
from sizing.prop.firm import Firm
from sizing.snapshot import Deal
from tests.replay.paper_market import SPECS, START_MS, account, ticks

LATENCY_MS = 200
FREE = Firm(name="free", title="Free")


class FakeSession:
    """Gives what it was told to give, once, and keeps what is reported."""

    def __init__(self, *given: wire.InstructionInfo) -> None:
        self.clock = SteppedClock()
        self.given = list(given)
        self.asked: list[tuple[int, tuple[Stance, ...]]] = []
        self.reports: list[tuple[Any, ...]] = []

    def poll(self, now_ms: int) -> None:
        self.clock.advance_to(now_ms)

    def manage(self, stances: Any, number: int) -> wire.ManageReply:
        self.asked.append((number, tuple(stances)))
        given, self.given = self.given, []
        return wire.ManageReply(
            v=1, id="a", type="manage", status="ok", code=None, message=None, server_ms=0,
            instructions=given, skipped=[], problems=[],
        )  # fmt: skip

    def report(self, *told: Any) -> None:
        self.reports.append(told)


class Scene:
    """One lot of EURUSD bought at 1.10005 with its stop 100 points below, and the ticks that follow."""

    def __init__(self, folder: Path, *steps: tuple[int, int, int], side: Any = "buy", stop: int = 100) -> None:
        tapes = {name: ticks(name, [(1000, 0, 5), *(steps if name == "EURUSD" else [])]) for name in SPECS}
        self.account: PaperAccount = account("fast", tapes, FREE, START_MS + 86_400_000)
        self.account.slippage_points = 0.0
        self.account.advance(START_MS + 1000)
        way = 1 if side == "buy" else -1
        price = 1.1 if way > 0 else 1.10005
        opened = self.account.market_order("EURUSD", side, 1.0, sl=round(price - way * stop / 1e5, 5))
        assert isinstance(opened, Deal)
        self.ticket = opened.position_id
        self.writer = RunWriter(folder)
        self.agenda = Agenda()

    def instruction(self, kind: Any, **changed: Any) -> wire.InstructionInfo:
        values: dict[str, Any] = {
            "id": "i1-1", "kind": kind, "ticket": 0 if kind == "open" else self.ticket, "symbol": "EURUSD",
            "side": "buy", "lots": 0.0, "price": None, "stop_loss": None, "take_profit": None, "order": "market",
            "magic": 7, "rule": "a rule", "reason": "because", "expires_ms": START_MS + 31_000, "reservation": None,
            "decision": None,
        }  # fmt: skip
        return wire.InstructionInfo(**values | changed)

    def carry_out(self, *given: wire.InstructionInfo) -> FakeSession:
        """Ask, and let pass what follows."""
        session: Any = FakeSession(*given)
        trader = Trader(self.account, session, self.agenda, self.writer, LATENCY_MS)
        manager = Manager(
            self.account, session, self.agenda, self.writer, trader, latency_ms=LATENCY_MS, every_ms=60_000
        )
        manager.ask()
        while (item := self.agenda.pop(START_MS + 86_400_000)) is not None:
            self.account.advance(item.time_ms)
            manager.carry(item.what)
            trader.take_closed()
        kept: FakeSession = session
        return kept

    @property
    def row(self) -> InstructionRow:
        (row,) = self.writer.instructions
        return row


def test_an_entry_is_filled_after_the_latency_with_its_stop_and_target(tmp_path: Path) -> None:
    scene = Scene(tmp_path, (100, 1, 5))
    told = scene.instruction("open", lots=0.2, price=1.10005, stop_loss=1.09, take_profit=1.12)
    session = scene.carry_out(told)
    held = scene.account.positions()[1]
    assert (held.volume, held.sl, held.tp, held.magic, held.price_open) == (0.2, 1.09, 1.12, 7, 1.10006)
    assert session.reports == [("i1-1", "done", held.ticket, 0.2, 1.10006, 10009)]
    assert session.clock.now_ms() == START_MS + 1000 + LATENCY_MS
    row = scene.row
    assert (row.status, row.ticket, row.filled, row.fill_price) == ("done", held.ticket, 0.2, 1.10006)
    assert (row.time_ms, row.done_ms) == (START_MS + 1000, START_MS + 1000 + LATENCY_MS)


def test_a_part_is_closed_and_the_rest_goes_on_with_its_new_stop(tmp_path: Path) -> None:
    scene = Scene(tmp_path, (100, 300, 5), (1000, -150, 5))
    part = scene.instruction("close_partial", lots=0.3)
    stop = scene.instruction("modify_stop", id="i1-2", stop_loss=1.102, take_profit=1.2)
    session = scene.carry_out(part, stop)
    (held,) = scene.account.positions()
    assert (held.volume, held.sl, held.tp) == (0.7, 1.102, 1.2)
    assert [each[:4] for each in session.reports] == [
        ("i1-1", "done", scene.ticket, 0.3), ("i1-2", "done", scene.ticket, 0.0)
    ]  # fmt: skip
    # The bid comes down to 1.1015: below the new stop, far above the old one.
    scene.account.advance(START_MS + 10_000)
    assert scene.account.positions() == ()
    closed = scene.account.closed[-1]
    assert (closed.reason, closed.deal.price) == ("sl", 1.1015)
    assert [trade.reason for trade in scene.writer.trades] == ["rule"]


def test_a_whole_position_is_closed(tmp_path: Path) -> None:
    scene = Scene(tmp_path, (100, 10, 5))
    session = scene.carry_out(scene.instruction("close", lots=1.0))
    assert scene.account.positions() == ()
    assert session.reports == [("i1-1", "done", scene.ticket, 1.0, 1.1001, 10009)]


def test_an_order_that_waits_is_withdrawn(tmp_path: Path) -> None:
    scene = Scene(tmp_path, (100, 10, 5))
    order = scene.account.pending_order("EURUSD", "buy", "limit", 0.1, price=1.09)
    session = scene.carry_out(scene.instruction("cancel", ticket=order.ticket))  # type: ignore[union-attr]
    assert scene.account.orders() == ()
    assert session.reports[0][1] == "done"


QUIET = [(100, 0, 5)]
REFUSED: list[tuple[str, list[tuple[int, int, int]], str, dict[str, Any], str, int]] = [
    ("expired", QUIET, "close", {"expires_ms": START_MS + 1000 + LATENCY_MS}, "it has expired", 0),
    ("gone", [(100, -150, 5)], "close", {}, "the position is gone", 0),
    ("another symbol", QUIET, "close", {"symbol": "GBPUSD"}, "the position is gone", 0),
    ("another side", QUIET, "close", {"side": "sell"}, "the position is gone", 0),
    ("too many lots", QUIET, "close_partial", {"lots": 1.01}, "1.01 lots are more than the position's 1.0", 0),
    ("no part of a step", QUIET, "close_partial", {"lots": 0.995}, "lots of|multiple of", 10014),
    ("backwards", QUIET, "modify_stop", {"stop_loss": 1.0989}, "would move away from profit: from 1.099 to 1.0989", 0),
    ("taken away", QUIET, "modify_stop", {"stop_loss": None}, "would move away from profit: from 1.099 to None", 0),
    ("at the price", QUIET, "modify_stop", {"stop_loss": 1.1}, "1 points or more below|0 points or more below", 10016),
    ("beyond the price", QUIET, "modify_stop", {"stop_loss": 1.102}, "points or more below 1.1", 10016),
    ("no such order", QUIET, "cancel", {}, "no pending order", 10036),
    ("stop beyond", QUIET, "open", {"lots": 0.1, "stop_loss": 1.101, "price": 1.10005}, "points or more", 10016),
    ("ran away", [(100, 20, 5)], "open", {"lots": 0.1, "stop_loss": 1.09, "price": 1.10005},
     "the price has run away from 1.10005 by 20 points, 5 are allowed", 0),
    ("off the steps", QUIET, "open", {"lots": 0.015, "stop_loss": 1.09, "price": 1.10005}, "multiple of", 10014),
    ("too dear", QUIET, "open", {"lots": 40.0, "stop_loss": 1.09, "price": 1.10005}, "margin of", 10019),
    ("no market order", QUIET, "open", {"lots": 0.1, "order": "limit", "price": 1.09}, "only market orders", 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "kind", "changed", "said", "retcode"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    tmp_path: Path, steps: Any, kind: str, changed: dict[str, Any], said: str, retcode: int
) -> None:
    scene = Scene(tmp_path, *steps)
    before = [(each.ticket, each.volume, each.sl) for each in scene.account.positions()]
    session = scene.carry_out(scene.instruction(kind, **changed))
    ((name, status, ticket, lots, price, code),) = session.reports
    assert (name, status, lots, price, code) == ("i1-1", "failed", 0.0, None, retcode)
    assert ticket == scene.row.ticket == (0 if kind == "open" else scene.ticket)
    assert any(part in scene.row.note for part in said.split("|"))
    assert scene.row.status == "failed"
    after = [(each.ticket, each.volume, each.sl) for each in scene.account.positions()]
    assert after == ([] if "gone" in said and steps != QUIET else before)


def test_a_sell_s_stop_moves_down_only(tmp_path: Path) -> None:
    scene = Scene(tmp_path, (100, -200, 5), side="sell")
    down = scene.instruction("modify_stop", side="sell", stop_loss=1.1)
    up = scene.instruction("modify_stop", id="i1-2", side="sell", stop_loss=1.101)
    session = scene.carry_out(down, up)
    assert [each[1] for each in session.reports] == ["done", "failed"]
    assert scene.account.positions()[0].sl == 1.1


def test_a_closed_market_fills_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, (900_000, 0, 5))
    scene.account.advance(START_MS + 600_000)
    session = scene.carry_out(scene.instruction("close", expires_ms=START_MS + 700_000))
    assert session.reports[0][1:] == ("failed", scene.ticket, 0.0, None, 10018)


def test_an_instruction_that_is_given_twice_is_a_defect(tmp_path: Path) -> None:
    scene = Scene(tmp_path, (100, 0, 5))
    with pytest.raises(ReplayError, match="gave instruction i1-1 twice"):
        scene.carry_out(scene.instruction("close"), scene.instruction("close"))
