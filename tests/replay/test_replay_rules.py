"""Whole replays of a few ticks under loss rules: the very tick of a breach, its figures by hand, and what follows."""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.replay.run import BreachNote, Run
from bridge.replay.strategy import Entry
from sizing.prop.firm import Firm, FirmLimits
from tests.builders import at, make_symbol
from tests.replay.played import eurusd, market_of, one_lot, play, quotes
from tests.sizing.builders import ftmo, loss_rule, total_rule

T = at("2026-03-04 10:00:00")
S = 1000
MINUTE = 60 * S
BUY = Entry("EURUSD", "buy", 1.095, 1.15, 90.0, magic=7)
ROOM = {"caps": {"daily_distance_share_pct": 100.0, "total_distance_share_pct": 100.0, "untargeted_reach_stops": 2.0}}


@pytest.fixture(params=["fast", "events"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"


def of(*rules: Any, **over: Any) -> Firm:
    return ftmo(rules=rules, timezone="UTC", **over)


def least(run: Run, rule: str) -> float:
    return float(run.equity.headrooms[rule].min())


def test_a_gap_through_the_daily_floor_ends_the_run_at_that_tick(out: Path, engine: str) -> None:
    """The stop fills at the gap's price: 1 lot from 1.1001 to 1.0501 is -5,000, which leaves 95,000, the floor itself.

    A pip further it is breached. What is open in the other symbol is closed, and nothing after that tick is played.
    """
    pound = make_symbol(quotes((T, 1.3), (T + 3 * S, 1.2)), name="GBPUSD", currency_base="GBP", currency_margin="GBP")
    market = market_of(make_symbol(quotes((T, 1.1), (T + 2 * S, 1.0499), (T + 3 * S, 1.1))), pound)
    settings = one_lot(of(loss_rule(), total_rule()), **ROOM)
    sold = Entry("GBPUSD", "sell", 1.305, 1.28, 90.0)
    run = play(out, market, {T: [BUY, sold], T + 4 * S: [BUY]}, settings, engine=engine)
    # GBPUSD has shown -10 since it was opened.
    assert run.info.result.breach == BreachNote(rule="daily", time_ms=T + 2 * S, equity=94_970.0, floor=95_000.0)
    assert [(each.symbol, each.reason, each.closed_ms, each.net) for each in run.trades] == [
        ("EURUSD", "sl", T + 2 * S, -5020.0), ("GBPUSD", "end", T + 2 * S, -10.0),
    ]  # fmt: skip
    assert (run.info.result.balance, run.info.result.end_ms, len(run.decisions)) == (94_970.0, T + 2 * S, 2)
    assert (least(run, "daily"), least(run, "total")) == pytest.approx((-30.0, 4970.0))


@pytest.mark.parametrize(("strict", "breached"), [(True, False), (False, True)])
def test_touching_a_floor_is_a_breach_only_where_the_rule_says_so(
    *, out: Path, engine: str, strict: bool, breached: bool
) -> None:
    market = eurusd(quotes((T, 1.1), (T + S, 1.0501), (T + 2 * S, 1.0501)))
    settings = one_lot(of(loss_rule(strict=strict), total_rule()), **ROOM)
    run = play(out, market, {T: [BUY]}, settings, engine=engine)
    assert (run.info.result.breach is not None) is breached
    assert run.info.result.balance == 95_000.0
    assert least(run, "daily") == pytest.approx(0.0, abs=1e-6)


def test_the_total_floor_counts_what_earlier_days_lost(out: Path, engine: str) -> None:
    """Two gaps of about 4,000 each; the daily floor follows the balance, the total one stays at 93,000."""
    next_day = at("2026-03-05 10:00:00")
    market = eurusd(quotes((T, 1.1), (T + S, 1.06), (next_day, 1.1), (next_day + S, 1.06), (next_day + 2 * S, 1.1)))
    settings = one_lot(of(loss_rule(), total_rule(amount_pct=7.0)), **ROOM)
    run = play(out, market, {T: [BUY], next_day: [BUY]}, settings, engine=engine)
    assert [each.lots for each in run.decisions] == [1.0, 1.0]
    assert run.info.result.breach == BreachNote(rule="total", time_ms=next_day + S, equity=91_980.0, floor=93_000.0)
    floors = run.equity.floors["daily"]
    assert (floors[0], floors[-1]) == (95_000.0, 90_990.0)


def test_a_trailing_floor_follows_the_highest_equity_of_any_tick(out: Path, engine: str) -> None:
    """The peak is one of three ticks of a moment: 0.1 lots from 1.1001 to 1.131 raise the floor from 99,000 to 99,309.

    The gap that fills the stop at 1.0301 leaves 99,300.
    """
    rows = quotes((T, 1.1), (T + S, 1.13), (T + S, 1.131), (T + S, 1.1301), (T + 2 * S, 1.0301), (T + 3 * S, 1.1))
    trailing = total_rule(name="trail", amount_pct=1.0, anchor="equity", sampled="tick", ratchet=True)
    run = play(out, eurusd(rows), {T: [BUY]}, one_lot(of(trailing), 0.1, **ROOM), engine=engine)
    breach = run.info.result.breach
    assert breach is not None
    assert (breach.rule, breach.time_ms, breach.equity) == ("trail", T + 2 * S, 99_300.0)
    assert breach.floor == pytest.approx(99_309.0)
    assert least(run, "trail") == pytest.approx(-9.0)
    assert float(run.equity.high.max()) == pytest.approx(100_309.0)


def test_a_lock_holds_the_trailing_floor_where_it_says(out: Path, engine: str) -> None:
    """It stops at 99,200 instead of 99,309, and the same gap is no breach."""
    rows = quotes((T, 1.1), (T + S, 1.131), (T + 2 * S, 1.0301), (T + 3 * S, 1.1))
    trailing = total_rule(name="trail", amount_pct=1.0, anchor="equity", sampled="tick", ratchet=True, lock_pct=99.2)
    run = play(out, eurusd(rows), {T: [BUY]}, one_lot(of(trailing), 0.1, **ROOM), engine=engine)
    assert run.info.result.breach is None
    assert run.equity.floors["trail"][-1] == 99_200.0
    assert least(run, "trail") == pytest.approx(100.0)


def test_a_pause_stops_the_day_and_the_next_reset_lets_go_on(out: Path, engine: str) -> None:
    next_day = at("2026-03-05 10:00:00")
    market = eurusd(quotes(
        (T, 1.1), (T + S, 1.0801), (T + 2 * S, 1.1), (T + MINUTE, 1.1), (next_day, 1.1), (next_day + MINUTE, 1.12),
    ))  # fmt: skip
    firm = of(loss_rule(name="pause", amount_pct=2.0, breach="pauses", strict=False), total_rule())
    run = play(out, market, {T: [BUY], T + 2 * S: [BUY], next_day: [BUY]}, one_lot(firm, **ROOM), engine=engine)
    assert run.info.result.breach is None
    assert [(each.code, each.lots) for each in run.decisions] == [
        (None, 1.0), ("rule_breached", 0.0), (None, 1.0),
    ]  # fmt: skip
    assert least(run, "pause") == pytest.approx(0.0, abs=1e-6)
    assert run.info.result.balance == 98_000 + 1990


def test_open_losses_count_at_the_reset_by_the_rules_clock(out: Path, engine: str) -> None:
    """In Prague the day ends at 23:00 UTC. The floor of the next one counts from the balance, not from equity."""
    midnight = at("2026-03-04 23:00:00")
    market = eurusd(quotes((midnight - MINUTE, 1.1), (midnight - 1, 1.098), (midnight, 1.098), (midnight + S, 1.13)))
    firm = ftmo(rules=(loss_rule(), loss_rule(name="by_equity", anchor="equity", amount_pct=3.0), total_rule()))
    run = play(out, market, {midnight - MINUTE: [BUY]}, one_lot(firm, 0.1, **ROOM), engine=engine)
    daily, equity = run.equity.floors["daily"], run.equity.floors["by_equity"]
    assert (daily[0], daily[-1]) == (95_000.0, 95_000.0)
    assert (equity[0], equity[-1]) == (97_000.0, pytest.approx(100_000 - 21 - 3000))
    assert list(run.equity.time_ms) == [midnight - 15 * MINUTE, midnight]


def test_swaps_alone_can_breach_the_limit_on_floating_losses_at_the_very_rollover(out: Path, engine: str) -> None:
    """Bought on Thursday at 100 a night: with the spread of 1 they are 401 of 400 as Tuesday ends."""
    limits = FirmLimits(floating_loss_pct=0.4, source="a test", as_of="2026-11-21")
    thursday, wednesday = at("2026-03-05 10:00:00"), at("2026-03-11 00:00:00")
    rows = quotes((thursday, 1.1), (wednesday - MINUTE, 1.1), (wednesday, 1.12), (wednesday + 10 * MINUTE, 1.12))
    market = eurusd(rows, swap_mode=1, swap_long=-1000.0, swap_rollover3days=3)
    firm = of(loss_rule(), total_rule(), limits=limits)
    run = play(out, market, {thursday: [BUY]}, one_lot(firm, 0.1, **ROOM), engine=engine)
    assert run.decisions[0].lots == 0.1
    breach = run.info.result.breach
    assert breach is not None
    assert (breach.rule, breach.time_ms, breach.floor) == ("floating_loss", wednesday, -400.0)
    assert breach.equity == pytest.approx(-401.0)
    assert [(each.reason, each.swap, each.profit) for each in run.trades] == [("end", -400.0, -1.0)]


def test_the_target_is_met_with_the_close_that_reaches_it_and_not_before_the_days(out: Path, engine: str) -> None:
    """+990, +990 and +990 against a target of 2 %: reached with the third, and with three days instead of two."""
    days = [at(f"2026-03-0{day} 10:00:00") for day in (3, 4, 5)]
    rows = [row for day in days for row in ((day, 1.1), (day + S, 1.11), (day + 2 * S, 1.11))]
    near = BUY._replace(take_profit=1.11)
    for minimum, met in ((1, days[2] + S), (3, days[2] + S), (4, None)):
        firm = of(loss_rule(), total_rule(), target_pct=2.0, min_days=minimum)
        run = play(out / str(minimum), eurusd(quotes(*rows)), {day: [near] for day in days}, one_lot(firm, **ROOM),
                   engine=engine)  # fmt: skip
        assert [each.net for each in run.trades] == [990.0] * 3
        assert (run.info.result.target_ms, run.info.result.days_traded) == (met, 3)


def test_what_is_open_at_the_last_tick_is_closed_there_and_stands_in_the_last_row(out: Path, engine: str) -> None:
    last = T + 20 * MINUTE
    market = eurusd(quotes((T, 1.1), (last, 1.105)), commission_per_lot=7.0, swap_mode=1, swap_long=-8.0)
    run = play(out, market, {T: [BUY]}, engine=engine, zone="+13:00")
    (trade,) = run.trades
    assert (trade.reason, trade.closed_ms, trade.swap, trade.net) == ("end", last, 0.0, 483.0)
    assert (run.info.result.end_ms, run.info.result.balance) == (last, 100_483.0)
    assert (run.equity.balance[-1], run.equity.equity[-1]) == (100_483.0, 100_483.0)


def test_a_run_keeps_the_very_messages_of_the_protocol(out: Path, engine: str) -> None:
    market = eurusd(quotes((T, 1.1), (T + S, 1.1)))
    run = play(out, market, {T: [BUY._replace(confidence=80.0, market_score=60.0, strategy="night")]}, engine=engine)
    (decision,) = run.decisions
    request, reply = json.loads(decision.request), json.loads(decision.reply)
    assert request == {
        "type": "size", "v": 1, "id": "replay-1", "account": 555_001, "symbol": "EURUSD", "side": "buy",
        "stop_loss": 1.095, "take_profit": 1.15, "confidence": 80.0, "market_score": 60.0, "strategy": "night",
        "magic": 7,
    }  # fmt: skip
    assert (reply["id"], reply["lots"], reply["binding"]) == ("replay-1", decision.lots, decision.binding)
