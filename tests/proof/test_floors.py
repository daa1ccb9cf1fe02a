"""The judge's floors, by hand and beside the engine's own anchors."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bridge.proof.floors import FLOATING, Floors
from bridge.proof.source import firm_of
from bridge.settings import defaults_folder
from sizing.prop.anchors import Observation, RuleState, Seen, observe
from sizing.prop.calendar import day_bounds
from sizing.prop.firm import FirmLimits
from sizing.snapshot import Deal
from tests.builders import NOW_MS
from tests.sizing.builders import ftmo, loss_rule, total_rule

FIRMS = sorted(path.stem for path in Path(defaults_folder() / "firms").glob("*.toml"))
INITIAL = 100_000.0


def test_a_daily_floor_follows_the_balance_at_the_reset_and_not_before() -> None:
    floors = Floors(ftmo(), INITIAL, INITIAL, INITIAL, NOW_MS)
    assert floors.seen(104_000, 95_000) is None
    floors.reset(104_000, 104_000, NOW_MS + 1)
    assert floors.seen(104_000, 98_999.99) == "daily"


def test_a_trailing_floor_follows_equity_up_to_its_lock() -> None:
    rule = total_rule(amount_pct=4.0, anchor="equity", sampled="tick", ratchet=True, lock_pct=100.0)
    floors = Floors(ftmo(rules=(rule,)), INITIAL, INITIAL, INITIAL, NOW_MS)
    assert floors.seen(100_000, 102_000) is None
    assert floors.seen(100_000, 98_000) is None
    assert floors.seen(100_000, 97_999) == "total"
    assert floors.seen(100_000, 110_000) is None
    assert floors.seen(100_000, 100_000) is None
    assert floors.seen(100_000, 99_999) == "total"


def test_a_balance_peak_counts_what_was_closed_only() -> None:
    rule = total_rule(amount_pct=4.0, anchor="balance", sampled="close", ratchet=True)
    floors = Floors(ftmo(rules=(rule,)), INITIAL, INITIAL, INITIAL, NOW_MS)
    assert floors.seen(100_000, 103_000) is None
    assert floors.seen(100_000, 97_000) is None
    floors.closed(103_000)
    assert floors.seen(103_000, 98_999) == "total"


def test_a_rule_on_the_balance_counts_floating_losses_too() -> None:
    floors = Floors(ftmo(rules=(loss_rule(measured_on="balance"),)), INITIAL, INITIAL, INITIAL, NOW_MS)
    assert floors.seen(100_000, 94_999) == "daily"


def test_the_limit_on_floating_losses_is_met_when_it_is_touched() -> None:
    floors = Floors(ftmo(limits=FirmLimits(floating_loss_pct=1.0)), INITIAL, INITIAL, INITIAL, NOW_MS)
    assert floors.floating(999.99) is None
    assert floors.floating(1_000.0) == FLOATING


@pytest.mark.parametrize("name", FIRMS)
def test_the_judge_and_the_engine_keep_the_same_anchors(name: str) -> None:
    firm = dataclasses.replace(firm_of(name, INITIAL), timezone="Europe/Prague", reset="00:00")
    rng = np.random.default_rng(len(name))
    day_ms = day_bounds(firm, NOW_MS)[0]
    floors = Floors(firm, INITIAL, INITIAL, INITIAL, day_ms)
    deals = [Deal(ticket=1, position_id=0, symbol="", entry=0, volume=0.0, price=0.0, profit=INITIAL, time_ms=day_ms)]
    states: dict[str, RuleState] = {}
    before: Seen | None = None
    balance = equity = INITIAL
    for step in range(400):
        now_ms = NOW_MS + step * 600_000
        begun_ms = day_bounds(firm, now_ms)[0]
        if begun_ms != floors.day_ms:
            # A report at the very reset; the last one before it was of the same balance and equity.
            floors.reset(balance, equity, begun_ms)
        elif rng.random() < 0.1:
            gain = float(np.round(rng.normal(0, 800), 2))
            balance = round(balance + gain, 2)
            deals.append(
                Deal(ticket=step + 2, position_id=1, symbol="EURUSD", entry=1, volume=1.0, price=1.1, profit=gain,
                     time_ms=now_ms)
            )  # fmt: skip
            floors.closed(balance)
        if begun_ms != now_ms:
            equity = round(balance + float(rng.normal(0, 1_000)), 2)
        floors.follow(balance, equity)
        now = Seen(now_ms, balance, equity, flat=False)
        seen = Observation(
            now=now, before=before, opened_ms=(day_ms,), deals=tuple(deals), since_ms=day_ms, day_ms=begun_ms,
            unwatched_ms=3_600_000,
        )  # fmt: skip
        if step == 0:
            states = {rule.name: RuleState(rule.name, rule.kind, INITIAL, begun_ms, now_ms) for rule in firm.rules}
        states = observe(firm, INITIAL, states, seen)
        before = now
        for rule, anchor in floors.anchors():
            assert states[rule.name].anchor == pytest.approx(anchor), (step, rule.name)
