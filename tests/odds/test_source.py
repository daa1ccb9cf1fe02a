"""A run's folder as days to draw from."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bridge.errors import ConfigError
from bridge.market.broker_zone import zone_of
from bridge.odds.challenge import simulate
from bridge.odds.days import path_days, trade_days
from bridge.odds.errors import OddsError
from bridge.odds.source import base_risk_of, firm_named, source_of
from bridge.proof.source import firm_of
from bridge.replay.run import BreachNote, Run, read_run
from bridge.settings import defaults_folder
from sizing.prop.calendar import next_reset
from tests.bridge.builders import Rig
from tests.odds.builders import DAY_MS, INITIAL, START_MS, write_run
from tests.sizing.builders import ftmo, total_rule

HOUR_MS = 3_600_000


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return read_run(write_run(tmp_path / "run", days=15, per_day=3))


def test_days_are_the_firms_and_those_without_market_are_joined_to_the_next(run: Run) -> None:
    source = source_of(run, firm_of("ftmo-2step", INITIAL))
    prague = -HOUR_MS  # in winter its midnight is an hour before UTC's
    weekdays = [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 15, 16, 17, 18]
    # The hour before the first tick belongs to the first day; a Saturday's reset begins the next Monday.
    assert (source.bounds[:-1] - START_MS).tolist() == [day * DAY_MS + prague for day in weekdays]
    assert source.bounds[-1] == START_MS + 19 * DAY_MS + prague


@pytest.mark.parametrize("zone", ["new-york-close", "Europe/Athens", "Africa/Cairo", "+05:30"])
def test_days_of_a_firm_that_follows_its_broker_begin_at_the_midnight_of_the_replays_broker(
    tmp_path: Path, zone: str
) -> None:
    run = read_run(write_run(tmp_path / "run", days=90, per_day=1))
    info = msgspec.structs.replace(run.info, broker={**run.info.broker, "zone": zone})
    bounds = source_of(dataclasses.replace(run, info=info), ftmo(timezone="broker")).bounds.tolist()
    clock = zone_of(zone)
    # In Cairo one midnight is leapt over: the day of 2026-04-24 begins at 01:00.
    leapt = {HOUR_MS} if zone == "Africa/Cairo" else set()
    assert {clock.wall_ms(each) % DAY_MS for each in bounds} == {0} | leapt
    assert len(bounds) - 1 == 90


def ahead_of(zone: str) -> Callable[[int], int]:
    """How far a broker's clock is ahead of UTC."""
    clock = zone_of(zone)
    return lambda at_ms: clock.wall_ms(at_ms) - at_ms


@pytest.mark.parametrize(
    ("zone", "lengths"), [("Europe/Athens", [24, 23, 24]), ("new-york-close", [24, 24, 24]), ("UTC", [24, 24, 24])]
)
def test_a_night_in_which_the_brokers_clock_changes_moves_the_reset_that_follows(zone: str, lengths: list[int]) -> None:
    resets = [START_MS + 81 * DAY_MS]  # Friday 2026-03-27
    for _ in range(4):
        resets.append(next_reset(ftmo(timezone="broker"), resets[-1], ahead_of(zone)))
    assert (np.diff(resets[1:]) // HOUR_MS).tolist() == lengths


def test_an_hour_that_comes_twice_adds_no_day() -> None:
    resets = [START_MS + 291 * DAY_MS]  # Friday 2026-10-23
    for _ in range(4):
        resets.append(next_reset(ftmo(timezone="broker"), resets[-1], ahead_of("Europe/Athens")))
    assert (np.diff(resets[1:]) // HOUR_MS).tolist() == [24, 25, 24]


def test_a_broker_of_no_clock_is_named_with_its_file(run: Run) -> None:
    info = msgspec.structs.replace(run.info, broker={"zone": "Nowhere/Else"})
    with pytest.raises(OddsError, match=r"run\.json: 'Nowhere/Else' is no broker's time zone"):
        source_of(dataclasses.replace(run, info=info), ftmo())


def test_a_commission_that_floating_profit_lacks_is_added_to_the_worst(run: Run) -> None:
    loser = next(place for place, row in enumerate(run.trades) if row.net < 0)
    winner = next(place for place, row in enumerate(run.trades) if row.net > 0)
    rows = list(run.trades)
    for place in (loser, winner):
        rows[place] = rows[place]._replace(commission=-7.0, net=rows[place].net - 7.0)
    trades = source_of(dataclasses.replace(run, trades=rows), ftmo()).trades
    assert trades.worst[winner] == pytest.approx(run.trades[winner].worst - 7.0)
    assert trades.worst[loser] == pytest.approx(run.trades[loser].worst - 7.0)
    assert trades.best[winner] == pytest.approx(run.trades[winner].best)
    assert np.all(trades.worst <= np.minimum(trades.net, 0))


def test_a_trade_that_gapped_was_never_better_than_its_result(run: Run) -> None:
    rows = [row._replace(net=-900.0) if row.net < 0 else row for row in run.trades]
    trades = source_of(dataclasses.replace(run, trades=rows), ftmo()).trades
    assert trades.worst.min() == -900.0


def test_a_run_without_trades_is_nothing_to_draw_from(run: Run) -> None:
    with pytest.raises(OddsError, match="has no trades to draw from"):
        source_of(dataclasses.replace(run, trades=[]), ftmo())


def test_a_run_without_a_day_of_market_is_nothing_to_draw_from(run: Run) -> None:
    few = {name: getattr(run.equity, name)[:20] for name in ("time_ms", "balance", "equity", "low", "high")}
    short = dataclasses.replace(run, equity=dataclasses.replace(run.equity, **few))
    with pytest.raises(OddsError, match="no day with six hours of market"):
        source_of(short, ftmo())


def test_an_account_that_lost_everything_has_no_percent(run: Run) -> None:
    gone = dataclasses.replace(run.equity, balance=run.equity.balance * 0)
    with pytest.raises(OddsError, match="has lost everything"):
        source_of(dataclasses.replace(run, equity=gone), ftmo())


def test_the_base_risk_is_that_of_the_journal(run: Run) -> None:
    with pytest.raises(OddsError, match="--run-risk"):
        base_risk_of(run)
    rig = Rig(run.folder)
    rig.journal.fold()
    with pytest.raises(OddsError, match="holds no decision with its policy: say --run-risk"):
        base_risk_of(run)
    rig.feed()
    assert rig.size()["status"] == "ok"
    rig.close()
    assert base_risk_of(run) == rig.accounts[0].policy.budget.base_risk_pct


def test_a_firm_is_named_or_its_file(tmp_path: Path) -> None:
    assert firm_named("ftmo-1step", INITIAL, None) == firm_of("ftmo-1step", INITIAL)
    shipped = defaults_folder() / "firms" / "topstep.toml"
    assert firm_named(str(shipped), 50_000.0, None) == firm_of("topstep", 50_000.0)
    with pytest.raises(ConfigError, match="has no entry for the initial balance 70000"):
        firm_named(str(shipped), 70_000.0, None)
    mine = tmp_path / "mine.toml"
    mine.write_text('title = "Mine"\nrulez = 1\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="rulez"):
        firm_named(str(mine), INITIAL, None)


def test_the_days_of_a_run_in_their_own_order_end_with_its_own_balance(run: Run) -> None:
    firm = ftmo(rules=(total_rule(amount_pct=90.0),), target_pct=None)
    source = source_of(run, firm)
    for days, apart in (
        (path_days(source.trades, source.curve, source.bounds, source.initial), 1e-6),
        # Trades are sized on the balance that the day begins with, not on that of the moment.
        (trade_days(source.trades, source.curve, source.bounds, source.initial), 30.0),
    ):
        found = simulate(firm, INITIAL, days, np.arange(days.size)[np.newaxis])
        assert found.balance[0] == pytest.approx(run.info.result.balance, abs=apart)


@pytest.mark.parametrize("why", ["breached", "interrupted"])
def test_days_after_the_account_could_trade_are_not_drawn(run: Run, why: str) -> None:
    half = run.trades[:21]
    last_ms = half[-1].closed_ms
    short = dataclasses.replace(run, trades=half)
    assert len(source_of(short, ftmo()).bounds) - 1 == 15
    breach = BreachNote(rule="total", time_ms=last_ms, equity=1.0, floor=2.0)
    changed = {"breach": breach} if why == "breached" else {"end_ms": last_ms}
    result = msgspec.structs.replace(run.info.result, **changed)
    ended = dataclasses.replace(short, info=msgspec.structs.replace(run.info, result=result))
    assert len(source_of(ended, ftmo()).bounds) - 1 == 7
