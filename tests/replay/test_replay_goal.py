"""When a challenge counts as passed, when the firm's day begins, and rows that add up to the balance to the cent."""

import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bridge.market.broker_types import Refusal
from bridge.market.broker_zone import zone_of
from bridge.replay.agenda import Agenda
from bridge.replay.goal import Goal
from bridge.replay.run import RunWriter
from bridge.replay.strategy import Entry, Exit
from bridge.replay.trader import Trader
from sizing.prop.calendar import next_reset
from sizing.prop.firm import Consistency, Firm
from sizing.snapshot import Deal
from tests.builders import at, make_symbol
from tests.replay.paper_market import BALANCE, START_MS, account, ticks
from tests.replay.played import market_of, one_lot, play, quotes
from tests.sizing.builders import ftmo, loss_rule, total_rule

S = 1000
DAY = 86_400 * S
WHERE: dict[str, Any] = {"source": "a test", "as_of": "2026-11-21"}


class Told(NamedTuple):
    """As much of an account as a goal looks at."""

    balance: float
    all_deals: tuple[Deal, ...]

    def deals(self) -> tuple[Deal, ...]:
        return self.all_deals

    def positions(self) -> tuple[()]:
        return ()

    def offset_ms(self, at_ms: int) -> int:
        return 0


def earned(*profits: float) -> Told:
    """An account of 100,000 that opened and closed one position a day, with these results."""
    deals = []
    for number, profit in enumerate(profits):
        for entry, made in ((0, 0.0), (1, profit)):
            deals.append(
                Deal(
                    ticket=2 * number + entry, position_id=number, symbol="EURUSD", entry=entry, volume=1.0, price=1.1,
                    profit=made, time_ms=START_MS // DAY * DAY + number * DAY + 3600 * S + entry,
                )
            )  # fmt: skip
    return Told(100_000.0 + sum(profits), tuple(deals))


def met(firm: Firm, *profits: float) -> bool:
    """Whether the target was met at any of the closes."""
    goal = Goal(firm, 100_000.0)
    for count in range(1, len(profits) + 1):
        goal.look(earned(*profits[:count]))  # type: ignore[arg-type]
    return goal.met_ms is not None


def test_days_that_earn_too_little_do_not_count() -> None:
    firm = ftmo(target_pct=10.0, min_days=3, min_day_profit_pct=0.5)
    assert not met(firm, 10_003.0, 8.0, 8.0)
    assert met(firm, 9_003.0, 500.0, 500.0)
    assert met(ftmo(target_pct=10.0, min_days=3), 10_003.0, 8.0, 8.0)


def test_a_best_day_that_is_too_good_must_be_outgrown() -> None:
    rule = Consistency(best_day_pct=50.0, of="profit", **WHERE)
    firm = ftmo(target_pct=10.0, min_days=0, consistency=rule)
    assert not met(firm, 9_000.0, 1_000.0)
    assert met(firm, 9_000.0, 1_000.0, 8_000.0)


def test_days_traded_are_those_on_which_something_was_opened() -> None:
    goal = Goal(ftmo(), 100_000.0)
    goal.look(earned(10.0, -10.0, 5.0))  # type: ignore[arg-type]
    assert goal.traded == 3


@pytest.mark.parametrize(
    ("zone", "after", "expected"),
    [
        ("new-york-close", "2026-03-06 22:00:00", "2026-03-07 22:00:00"),
        # New York's clocks go forward on 8 March, in the broker's night of that Sunday.
        ("new-york-close", "2026-03-07 22:00:00", "2026-03-08 21:00:00"),
        ("new-york-close", "2026-03-08 21:00:00", "2026-03-09 21:00:00"),
        ("Europe/Athens", "2026-03-28 22:00:00", "2026-03-29 21:00:00"),
        ("Europe/Athens", "2026-10-24 21:00:00", "2026-10-25 22:00:00"),
        ("Europe/Athens", "2026-10-25 22:00:00", "2026-10-26 22:00:00"),
    ],
)
def test_the_brokers_midnight_is_that_of_its_own_clock_when_it_changes(zone: str, after: str, expected: str) -> None:
    clock = zone_of(zone)
    firm = ftmo(timezone="broker", reset="00:00")
    assert next_reset(firm, at(after), lambda ms: clock.wall_ms(ms) - ms) == at(expected)


def test_a_breach_at_one_of_several_ticks_of_a_moment_leaves_none_of_them_unread(tmp_path: Path) -> None:
    """EURUSD gaps through a rule that pauses at the very moment at which GBPUSD's exit can be filled at last."""
    begin, sunday = at("2026-03-06 20:00:00"), at("2026-03-08 22:00:00")
    room = {
        "caps": {"daily_distance_share_pct": 100.0, "total_distance_share_pct": 100.0, "untargeted_reach_stops": 2.0}
    }
    firm = ftmo(rules=(loss_rule(breach="pauses", amount_pct=1.0), total_rule()), timezone="UTC")
    euro = make_symbol(quotes((begin, 1.1), (begin + S, 1.1), (sunday, 1.08), (sunday + S, 1.08)))
    pound = make_symbol(
        quotes((begin, 1.3), (begin + S, 1.3), (sunday, 1.3), (sunday + S, 1.3)),
        name="GBPUSD", currency_base="GBP", currency_margin="GBP",
    )  # fmt: skip
    wishes = {
        begin: [Entry("EURUSD", "buy", 1.07, 1.15, 90.0, magic=7), Entry("GBPUSD", "buy", 1.29, 1.35, 90.0, magic=7)],
        begin + 3600 * S: [Exit("GBPUSD", 7)],
    }
    run = play(tmp_path / "run", market_of(euro, pound), wishes, one_lot(firm, **room))
    assert [(each.symbol, each.reason, each.closed_ms) for each in run.trades] == [
        ("GBPUSD", "exit", sunday), ("EURUSD", "end", sunday + S),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_rows_of_a_netting_account_add_up_to_its_balance_to_the_cent(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)  # noqa: S311 - a test
    tape = ticks("EURUSD", [(S, dice.choice((-3, 0, 3)), 5) for _ in range(2_500)])
    paper = account("fast", {"EURUSD": tape}, ftmo(rules=()), START_MS + DAY, hedging=False, leverage=500)
    writer = RunWriter(tmp_path)
    trader = Trader(paper, None, Agenda(), writer, 0)  # type: ignore[arg-type]  # nothing is asked
    for number in range(60):
        paper.advance(START_MS + S * (number * 40 + 1))
        deal = paper.market_order("EURUSD", dice.choice(("buy", "sell")), dice.randint(1, 9) / 100)
        if not isinstance(deal, Refusal):
            trader.book(number, deal, 100.0)
        trader.take_closed()
    paper.close_all()
    trader.take_closed()
    assert sum(each.net for each in writer.trades) == pytest.approx(paper.balance - BALANCE, abs=1e-6)
    assert "reverse" in {each.reason for each in writer.trades}
