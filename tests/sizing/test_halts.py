"""Halts that nobody asked for, what follows them, and how a firm's file contradicts itself."""

import dataclasses
from typing import Any

import pytest

from sizing.policy import DrawdownPolicy, RecoveryPolicy
from sizing.prop import halts
from sizing.prop.firm import CalendarRule, Consistency, Firm, FirmLimits
from sizing.prop.formats import FieldsError
from sizing.prop.rules import LossRule
from sizing.snapshot import Halt, Recovery
from tests.builders import NOW_MS, make_account, make_position
from tests.sizing.builders import ftmo, loss_rule

DAY = 86_400_000
SOURCE: dict[str, Any] = {"source": "x", "as_of": "2026-11-20"}


@pytest.mark.parametrize(("profit", "halted"), [(-999.99, False), (-1_000.0, True), (-3_000.0, True), (500.0, False)])
def test_losing_positions_at_the_firms_limit_halt_for_good(profit: float, halted: bool) -> None:
    loser = make_position(ticket=1, profit=profit + 10.0, swap=-10.0)
    winner = make_position(ticket=2, profit=5_000.0)
    account = make_account(balance=100_000.0)
    found = halts.floating_breach(account, [loser, winner], 1_000.0, (), NOW_MS)
    assert [(halt.code, halt.until_ms) for halt in found] == ([("rule_breached", None)] if halted else [])
    assert not (halted and halts.floating_breach(account, [loser, winner], 1_000.0, found, NOW_MS))
    assert halts.floating_breach(account, [loser], None, (), NOW_MS) == []


def test_positions_without_their_profit_have_lost_what_equity_lacks() -> None:
    silent = make_position(profit=0.0)
    found = halts.floating_breach(make_account(balance=100_000.0, equity=99_000.0), [silent], 1_000.0, (), NOW_MS)
    assert [halt.rule for halt in found] == ["floating_loss"]


def test_a_drawdown_halts_once_and_for_as_long_as_the_policy_says() -> None:
    policy = DrawdownPolicy(halt_pct=10.0, halt_days=2)
    account = make_account(balance=90_000.0)
    halt = halts.drawdown_halt(account, 100_000.0, (), policy, NOW_MS)
    assert halt is not None
    assert (halt.code, halt.until_ms) == ("drawdown_halt", NOW_MS + 2 * DAY)
    assert halts.drawdown_halt(account, 100_000.0, (halt,), policy, NOW_MS) is None
    assert halts.drawdown_halt(account, 99_999.0, (), policy, NOW_MS) is None
    assert halts.standing((halt,), NOW_MS + 2 * DAY) == ()


def test_sizes_are_smaller_after_losses_until_equity_is_back_or_time_is_over() -> None:
    lost = Halt("drawdown_halt", "x", NOW_MS, None)
    account = make_account(balance=90_000.0)
    found = halts.recovery_after([lost], account, 100_000.0, RecoveryPolicy(), NOW_MS)
    assert found == Recovery(0.5, NOW_MS, NOW_MS + 5 * DAY, 100_000.0, "after drawdown_halt")
    assert halts.still(found, account, NOW_MS + 5 * DAY - 1) == found
    assert halts.still(found, account, NOW_MS + 5 * DAY) is None
    assert halts.still(found, make_account(balance=100_000.0), NOW_MS) is None
    by_hand = Halt("trading_halted", "lunch", NOW_MS, None)
    assert halts.recovery_after([by_hand], account, 100_000.0, RecoveryPolicy(), NOW_MS) is None
    assert halts.recovery_after([lost], account, 100_000.0, RecoveryPolicy(days=0), NOW_MS) is None
    at_peak = halts.recovery_after([lost], account, 90_000.0, RecoveryPolicy(), NOW_MS)
    assert at_peak is not None
    assert at_peak.equity is None


def test_of_several_halts_by_hand_the_longest_stands() -> None:
    short, long = Halt("trading_halted", "a", 0, 10), Halt("trading_halted", "b", 0, None)
    breach = Halt("rule_breached", "c", 0, 20, "daily")
    assert halts.by_hand((breach, long), short) == (breach, long)
    assert halts.by_hand((breach, short), long) == (breach, long)
    assert halts.is_pause(breach)
    assert not halts.is_pause(long)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: CalendarRule(file="news.xml", **SOURCE), "file"),
        (lambda: Consistency(best_day_pct=50.0, of="profit", when_reached="pause", **SOURCE), "when_reached"),
        (lambda: FirmLimits(max_lots_open=1.0, max_lots_by_size={"50000": 5.0}), "max_lots_by_size"),
        (lambda: FirmLimits(max_lots_by_size={"fifty": 5.0}), ("max_lots_by_size", "fifty")),
        (lambda: FirmLimits(max_lots_by_size={"50000": 5.0, "50000.0": 6.0}), ("max_lots_by_size", "50000.0")),
        (lambda: FirmLimits(max_lots_by_size={"50000": 0.0}), ("max_lots_by_size", "50000")),
        (lambda: ftmo(flat_until="16:00"), "flat_until"),
        (lambda: ftmo(min_day_profit_pct=0.5), "min_days"),
        (lambda: ftmo(consistency=Consistency(best_day_pct=50.0, of="target", **SOURCE)), "target_pct"),
        (lambda: loss_rule(amount_pct=None, amount_by_size={"50000": 1.0}, of="anchor"), "of"),
        (
            lambda: loss_rule(scope="total", ratchet=True, amount_pct=10.0, lock_pct=50.0),
            "lock_pct",
        ),
    ],
)  # fmt: skip
def test_a_contradiction_names_its_key(make: Any, key: Any) -> None:
    with pytest.raises(FieldsError) as caught:
        make()
    assert [fault[0] for fault in caught.value.faults] == [key]


def test_money_by_size_is_that_of_the_initial_balance() -> None:
    rule: LossRule = loss_rule(amount_pct=None, amount_by_size={"50000": 2_000.0, "100000": 3_000.0})
    assert (rule.amount(50_000.0, 48_000.0), rule.amount(100_000.0, 1.0)) == (2_000.0, 3_000.0)
    firm: Firm = ftmo(rules=(rule,), limits=FirmLimits(max_lots_by_size={"50000": 5.0}))
    assert firm.lacks_size(50_000.0) == []
    keys = [key for key, _ in firm.lacks_size(75_000.0)]
    assert keys == [("rules", 0, "amount_by_size"), ("limits", "max_lots_by_size")]
    assert firm.limits.lots_open(50_000.0) == 5.0
    assert dataclasses.replace(firm.limits, max_lots_by_size={}, max_lots_open=2.0).lots_open(1.0) == 2.0
