"""What a review found at the bridge: checks that say nothing, dead quotes, late messages, clocks set back, logs."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bridge.client import Client
from bridge.evidence import Evidence
from bridge.market.recording import BarSeries
from bridge.statistics import market_stats
from sizing.policy import Policy
from sizing.symbols import SymbolClass, SymbolTable
from tests.bridge.builders import (
    NO_RULES,
    Rig,
    account_info,
    account_settings,
    granted,
    order_info,
    position_info,
    quote_info,
    symbol_info,
)
from tests.builders import NOW_MS, make_bars

MINUTE = 60_000
HOUR = 3_600_000
DAY = 24 * HOUR
OFFSET = 2 * HOUR
MIDNIGHT = NOW_MS // DAY * DAY


class PlainClock:
    """The daemon's own clock: no message moves it, and it may be set back."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance_to(self, now_ms: int) -> None:
        self._now_ms = now_ms


class PlainRig(Rig):
    """A rig whose feed does not tell the daemon the time."""

    def _open(self) -> None:
        self.clock = PlainClock(self.clock.now_ms())  # type: ignore[assignment]
        super()._open()

    def broker_fields(self, ahead_ms: int = OFFSET, **parts: Any) -> dict[str, Any]:
        """A full snapshot of now by a broker whose clock runs ahead of UTC by so much."""
        broker_ms = self.clock.now_ms() + ahead_ms
        quotes = [quote_info(time_msc=broker_ms)]
        return self.snapshot_fields(**{"time_trade_server": broker_ms // 1000, "quotes": quotes, **parts})

    def hear(self, ahead_ms: int = OFFSET, **parts: Any) -> None:
        reply = self.ask(**self.broker_fields(ahead_ms, **parts))
        assert (reply["status"], reply["resync"]) == ("ok", False), reply


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[PlainRig]:
    """One FTMO account on the daemon's own clock; it has not been fed."""
    rig = PlainRig(tmp_path)
    yield rig
    rig.close()


# Money checks --------------------------------------------------------------------------------------------------------

YEN_CLASS = SymbolClass(patterns=("EURUSD*", "USDJPY*", "EURJPY*"), max_lots=100.0, max_notional_pct=10_000.0)
YEN_TABLE = SymbolTable(classes={"forex": YEN_CLASS})
CHECK: dict[str, Any] = {"symbol": "EURJPY", "side": "buy", "price_open": 165.0, "price_close": 164.0}
AGREEING = {**CHECK, "profit": -666.7}
YEN_TICK = 0.6667


@pytest.fixture
def yen(tmp_path: Path) -> Iterator[PlainRig]:
    """An account in USD that may trade EURJPY; it has not been fed."""
    rig = PlainRig(tmp_path, account_settings(symbols=YEN_TABLE))
    yield rig
    rig.close()


def feed_yen(rig: PlainRig, *others: tuple[str, float, int], tick: float = YEN_TICK, **parts: Any) -> None:
    """EURJPY at 165, quoted now, and other pairs whose tick value is unknown: name, bid and age of the quote."""
    now_ms = rig.clock.now_ms()
    symbols = [symbol_info("EURJPY", trade_tick_value=tick)]
    symbols += [{**symbol_info(name[:6], trade_tick_value=0.0), "name": name} for name, _, _ in others]
    quotes = [quote_info("EURJPY", 165.0, 165.01, now_ms)]
    quotes += [quote_info(name, bid, bid + 0.01, now_ms - age_ms) for name, bid, age_ms in others]
    rig.hear(0, **{"symbols": symbols, "quotes": quotes, **parts})


def size_yen(rig: PlainRig, **over: Any) -> dict[str, Any]:
    return rig.size(symbol="EURJPY", **{"stop_loss": 164.5, "take_profit": 166.5, "dry_run": True, **over})


@pytest.mark.parametrize(
    "check",
    [
        {}, {"profit": None}, {"profit": 0.0}, {"profit": -0.0},
        {"margin": 1_000.0}, {"profit": 0.0, "margin": 1_000.0},
        {"price_close": 165.0, "profit": 0.0}, {"price_close": 165.0, "profit": -666.7}, {"price_close": 165.0},
    ],
)  # fmt: skip
@pytest.mark.parametrize("tick", [YEN_TICK, YEN_TICK / 10])
def test_a_check_that_says_nothing_confirms_no_tick_value(yen: PlainRig, check: dict[str, Any], tick: float) -> None:
    pair = symbol_info("EURJPY", trade_tick_value=tick, currency_margin="USD")
    yen.hear(0, symbols=[pair], quotes=[quote_info("EURJPY", 165.0, 165.01)], checks=[{**CHECK, **check}])
    reply = size_yen(yen)
    assert (reply["code"], reply["lots"]) == ("money_mismatch", 0)


@pytest.mark.parametrize("others", [[], [{**CHECK, "side": "sell"}], [{**CHECK, "side": "sell", "margin": 1_000.0}]])
def test_a_check_that_agrees_confirms_the_tick_value(yen: PlainRig, others: list[dict[str, Any]]) -> None:
    pair = symbol_info("EURJPY", currency_margin="USD")
    yen.hear(0, symbols=[pair], quotes=[quote_info("EURJPY", 165.0, 165.01)], checks=[*others, AGREEING])
    reply = size_yen(yen)
    assert (reply["code"], reply["lots"] > 0) == (None, True)


def test_a_check_that_disagrees_is_a_mismatch(yen: PlainRig) -> None:
    feed_yen(yen, tick=YEN_TICK / 10, checks=[AGREEING])
    assert size_yen(yen)["code"] == "money_mismatch"


# Conversion quotes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_ms", "code"),
    [
        (0, None), (HOUR, None), (HOUR + 1, "money_mismatch"), (30 * DAY, "money_mismatch"),
        (-HOUR, None), (-HOUR - 1, "money_mismatch"), (-30 * DAY, "money_mismatch"),
    ],
)  # fmt: skip
def test_a_conversion_quote_counts_for_an_hour_either_way(yen: PlainRig, age_ms: int, code: str | None) -> None:
    feed_yen(yen, ("USDJPY", 150.0, age_ms), tick=0.0)
    assert size_yen(yen)["code"] == code


@pytest.mark.parametrize("age_ms", [HOUR + 1, 90 * DAY, -HOUR - 1])
def test_a_live_pair_converts_where_the_first_by_name_is_dead(yen: PlainRig, age_ms: int) -> None:
    feed_yen(yen, ("USDJPY.a", 150.0, 0), tick=0.0)
    alone = granted(size_yen(yen, dry_run=False))
    yen.release(alone["reservation"])
    feed_yen(yen, ("USDJPY", 200.0, age_ms), ("USDJPY.a", 150.0, 0), tick=0.0)
    beside = granted(size_yen(yen, dry_run=False))
    assert (beside["lots"], beside["risk"]) == (alone["lots"], alone["risk"])


def test_a_dead_pair_does_not_contradict_a_check_that_agrees_with_a_live_one(yen: PlainRig) -> None:
    feed_yen(yen, ("USDJPY", 200.0, 90 * DAY), ("USDJPY.a", 150.0, 0), checks=[AGREEING])
    reply = size_yen(yen)
    assert (reply["code"], reply["message"]) == (None, None)


def test_an_open_position_is_not_priced_through_a_dead_pair(yen: PlainRig) -> None:
    held = position_info(symbol="EURJPY", price_open=165.0, price_current=165.0, sl=164.0)
    feed_yen(yen, ("USDJPY", 200.0, 90 * DAY), ("USDJPY.a", 150.0, 0), tick=0.0, positions=[held])
    assert yen.status()["open_risk"] == pytest.approx(100_000 / 150.0, rel=0.01)


def test_the_way_through_a_third_currency_is_used_where_the_direct_one_is_dead(yen: PlainRig) -> None:
    feed_yen(yen, ("USDJPY", 200.0, 90 * DAY), ("EURUSD", 1.1, 0), tick=0.0)
    assert size_yen(yen)["code"] is None


@pytest.mark.parametrize("margin", [None, 1_100.1])
def test_a_mismatch_is_judged_again_once_the_conversion_is_right(yen: PlainRig, margin: float | None) -> None:
    feed_yen(yen, ("USDJPY", 170.0, 0), ("EURUSD", 1.1, 0), checks=[{**AGREEING, "margin": margin}])
    assert size_yen(yen)["code"] == "money_mismatch"
    yen.tick(1_000)
    now_ms = yen.clock.now_ms()
    quotes = [quote_info("EURJPY", 165.0, 165.01, now_ms), quote_info("USDJPY", 150.0, 150.01, now_ms)]
    yen.hear(0, symbols=None, deals=None, quotes=quotes)
    assert size_yen(yen)["code"] is None


def test_a_mismatch_is_judged_again_once_there_is_a_conversion(yen: PlainRig) -> None:
    quotes = [quote_info("EURJPY", 165.0, 165.01)]
    feed_yen(yen, ("USDJPY", 150.0, 0), tick=0.0, quotes=quotes, checks=[AGREEING])
    assert size_yen(yen)["code"] == "money_mismatch"
    yen.hear(0, symbols=None, deals=None, quotes=[quote_info("USDJPY", 150.0, 150.01)])
    assert size_yen(yen)["code"] is None


# Late messages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late_ms", [minutes * MINUTE for minutes in (1, 7, 8, 15, 30, 45, 60)])
def test_a_message_that_is_read_late_is_stale(plain: PlainRig, late_ms: int) -> None:
    plain.hear()
    raw = plain.body(**plain.broker_fields())
    plain.tick(late_ms)
    plain.send(raw)
    reply = plain.size()
    assert (reply["code"], reply["lots"]) == ("stale_account", 0)
    # Within a quarter of an hour it might be the broker's clock that was set back: a hundredth is allowed for that.
    assert reply["ages"]["account_ms"] == pytest.approx(late_ms, rel=0.011)
    assert reply["ages"]["quote_ms"] == pytest.approx(late_ms, rel=0.011)
    assert plain.desks[0].terminal.utc_offset_ms() == OFFSET


def test_a_message_that_is_read_minutes_late_after_a_long_silence_is_stale(plain: PlainRig) -> None:
    plain.hear()
    plain.tick(8 * HOUR)
    raw = plain.body(**plain.broker_fields())
    plain.tick(4 * MINUTE)
    plain.send(raw)
    assert plain.size()["code"] == "stale_account"


@pytest.mark.parametrize("late_ms", [minutes * MINUTE for minutes in (1, 15, 60)])
def test_a_quote_that_is_read_late_is_stale_beside_a_fresh_account(plain: PlainRig, late_ms: int) -> None:
    plain.hear()
    made_ms = plain.clock.now_ms() + OFFSET
    plain.tick(late_ms)
    plain.hear(quotes=[quote_info(time_msc=made_ms)])
    reply = plain.size()
    assert (reply["code"], reply["ages"]["account_ms"], reply["ages"]["quote_ms"]) == ("stale_quote", 0, late_ms)


@pytest.mark.parametrize("late_ms", [15 * MINUTE, 60 * MINUTE])
def test_after_a_first_message_that_was_late_the_next_is_fresh(plain: PlainRig, late_ms: int) -> None:
    plain.hear(OFFSET - late_ms)
    plain.tick(1_000)
    plain.hear()
    assert granted(plain.size())["ages"]["quote_ms"] == 0
    assert plain.desks[0].terminal.utc_offset_ms() == OFFSET


@pytest.mark.parametrize("ahead_ms", [-30_000, 30_000])
def test_a_broker_whose_clock_is_off_feeds_fresh_evidence(plain: PlainRig, ahead_ms: int) -> None:
    for _ in range(5):
        plain.hear(OFFSET + ahead_ms)
        reply = plain.size(dry_run=True)
        assert (reply["code"], reply["ages"]["account_ms"], reply["ages"]["quote_ms"]) == (None, 0, 0)
        plain.tick(5_000)


def test_an_hour_less_is_believed_after_a_minute(plain: PlainRig) -> None:
    plain.hear()
    codes = []
    for _ in range(70):
        plain.tick(1_000)
        plain.hear(OFFSET - HOUR, symbols=None, deals=None)
        codes.append(plain.size(dry_run=True)["code"])
    assert codes == ["stale_account"] * 60 + [None] * 10


def test_a_feed_without_server_time_is_sized_by_its_ticks(plain: PlainRig) -> None:
    plain.hear(time_trade_server=None)
    assert granted(plain.size())["ages"]["quote_ms"] == 0


# Statistics ----------------------------------------------------------------------------------------------------------

OLD = 200 * DAY


def walk(timeframe: str, end_ms: int, step: float) -> BarSeries:
    return make_bars(timeframe, end_ms, 1.1 + np.cumsum(np.random.default_rng(0).normal(0, step, 300)))


def wire(bars: BarSeries, symbol: str = "EURUSD") -> dict[str, Any]:
    columns = zip(bars.time_ms, bars.open, bars.high, bars.low, bars.close, strict=True)
    rates = [
        {"time": int(t) // 1000, "open": float(o), "high": float(h), "low": float(low), "close": float(c)}
        for t, o, h, low, c in columns
    ]
    return {"symbol": symbol, "timeframe": bars.timeframe, "rates": rates}


def test_old_bars_give_no_stop_because_daily_ones_go_on() -> None:
    daily = walk("D1", MIDNIGHT, 0.005)
    stats = market_stats(walk("H1", NOW_MS - OLD, 0.0002), daily, Policy())
    alone = market_stats(None, daily, Policy())
    assert stats is not None
    assert alone is not None
    assert stats.atr is None
    assert (stats.as_of_ms, stats.atr_daily, stats.atr_percentile) == (MIDNIGHT, alone.atr_daily, alone.atr_percentile)


def test_old_daily_bars_give_no_daily_figures_because_hourly_ones_go_on() -> None:
    stats = market_stats(walk("H1", NOW_MS, 0.001), walk("D1", MIDNIGHT - OLD, 0.0002), Policy())
    assert stats is not None
    assert stats.atr is not None
    assert (stats.as_of_ms, stats.atr_daily, stats.atr_percentile, stats.regime) == (NOW_MS, None, None, None)


@pytest.mark.parametrize(("behind_ms", "used"), [(4 * DAY, True), (4 * DAY + HOUR, False)])
def test_a_series_may_be_as_far_behind_as_statistics_may_be_old(behind_ms: int, used: bool) -> None:
    stats = market_stats(walk("H1", MIDNIGHT - behind_ms, 0.001), walk("D1", MIDNIGHT, 0.005), Policy())
    assert stats is not None
    assert (stats.atr is not None) is used


@pytest.mark.parametrize(("age_ms", "code"), [(0, None), (OLD, "stop_required")])
def test_no_stop_is_derived_from_old_bars(plain: PlainRig, age_ms: int, code: str | None) -> None:
    plain.hear(0)
    plain.hear(0, bars=[wire(walk("D1", MIDNIGHT, 0.005)), wire(walk("H1", NOW_MS - age_ms, 0.001))])
    assert plain.size(stop_loss=None, take_profit=None)["code"] == code


@pytest.mark.parametrize(("days", "counted"), [(5, True), (60, True), (61, False), (252, False)])
def test_twins_that_move_apart_share_no_concentration_once_there_is_enough_data(
    tmp_path: Path, days: int, counted: bool
) -> None:
    """61 daily closes make 60 returns; before, the pair is taken to lose together although the few say otherwise."""
    rig = PlainRig(tmp_path, account_settings(symbols=YEN_TABLE))
    random = np.random.default_rng(3)
    bars = [
        wire(make_bars("D1", MIDNIGHT, 1.1 * np.exp(np.cumsum(random.normal(0, 0.005, days)))), name)
        for name in ("EURUSD", "EURJPY")
    ]
    rig.hear(0, symbols=[symbol_info(), {**symbol_info(), "name": "EURJPY"}], positions=[position_info(volume=0.1)],
             quotes=[quote_info(), quote_info("EURJPY")])  # fmt: skip
    rig.hear(0, symbols=None, quotes=None, account_info=None, positions=None, orders=None, bars=bars)
    rig.service.housekeep()
    (cap,) = [cap for cap in rig.size(symbol="EURJPY")["caps"] if cap["name"] == "concentration"]
    assert ("less 0.00 in it" not in cap["detail"]) is counted
    rig.close()


# A clock that steps back ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step_ms", [3_000, HOUR])
def test_a_fill_is_held_though_the_clock_stepped_back(plain: PlainRig, step_ms: int) -> None:
    plain.hear()
    reply = granted(plain.size())
    held = plain.reserved()
    plain.tick(-step_ms)
    plain.fill(reply["reservation"], ticket=78, lots=reply["lots"])
    for _ in range(2):
        plain.service.housekeep()
        assert plain.reserved() == held
        plain.tick(999)


def test_a_fill_is_let_go_once_reports_after_the_step_show_nothing(plain: PlainRig) -> None:
    plain.hear()
    reply = granted(plain.size())
    held = plain.reserved()
    plain.tick(-HOUR)
    plain.fill(reply["reservation"], ticket=78, lots=reply["lots"])
    plain.tick(1_000)
    plain.hear()
    assert plain.reserved() == held
    plain.tick(1_000)
    plain.hear()
    assert plain.reserved() == 0


@pytest.mark.parametrize(("step_ms", "code"), [(10_000, None), (11_000, "stale_account"), (HOUR, "stale_account")])
def test_an_account_reported_in_the_future_is_stale(plain: PlainRig, step_ms: int, code: str | None) -> None:
    plain.hear()
    plain.tick(-step_ms)
    reply = plain.size()
    assert reply["code"] == code
    assert plain.status()["halted"] == code


# Lapses --------------------------------------------------------------------------------------------------------------

HOLD_MS = 30_000


def test_a_lapse_waits_two_seconds_for_an_order_sent_in_time(plain: PlainRig) -> None:
    plain.hear()
    name = granted(plain.size())["reservation"]
    held = plain.reserved()
    plain.tick(HOLD_MS)
    for _ in range(2):
        plain.hear()
        plain.service.housekeep()
        assert plain.reserved() == held
        plain.tick(1_000)
    plain.hear()
    assert plain.reserved() == 0
    assert plain.release(name)["state"] == "lapsed"


def test_an_order_executed_just_after_the_expiry_is_the_reservations(plain: PlainRig) -> None:
    plain.hear()
    reply = granted(plain.size())
    plain.tick(HOLD_MS + 400)
    plain.hear()
    assert plain.reserved() > 0
    plain.tick(1_600)
    made_ms = plain.clock.now_ms() - 1_500 + OFFSET
    plain.hear(positions=[position_info(3, volume=reply["lots"], sl=1.0951, time_msc=made_ms)])
    assert plain.release(reply["reservation"])["state"] == "open"


# Netting accounts ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=[0, 1])
def netting(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[PlainRig, dict[str, Any]]]:
    """An account where positions net, and what its feed says of two symbols."""
    quotes = [quote_info(), quote_info("USDJPY", 150.0, 150.01)]
    parts = {
        "account_info": account_info(margin_mode=request.param), "symbols": [symbol_info(), symbol_info("USDJPY")],
        "quotes": quotes,
    }  # fmt: skip
    rig = PlainRig(tmp_path)
    rig.hear(0, **parts)
    yield rig, parts
    rig.close()


@pytest.mark.parametrize("side", [{}, {"side": "sell", "stop_loss": 1.1049, "take_profit": 1.0849}])
@pytest.mark.parametrize("book", ["positions", "orders", "reserved"])
def test_a_netting_account_opens_one_position_per_symbol(
    netting: tuple[PlainRig, dict[str, Any]], book: str, side: dict[str, Any]
) -> None:
    rig, parts = netting
    if book == "reserved":
        granted(rig.size(max_lots=0.1))
    elif book == "positions":
        rig.hear(0, **parts, positions=[position_info(volume=0.1)])
    else:
        rig.hear(0, **parts, orders=[order_info(volume_current=0.1)])
    assert rig.size(**side)["code"] == "positions_limit"
    granted(rig.size(symbol="USDJPY", stop_loss=149.5, take_profit=151.5))


# Orders in flight ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "price", "sl"), [(0, 1.1001, 1.0951), (1, 1.1, 1.105)])
def test_an_order_without_a_price_risks_what_it_would_at_the_touch(
    plain: PlainRig, kind: int, price: float, sl: float
) -> None:
    risks = []
    for shown in (price, 0.0):
        plain.hear(0, orders=[order_info(9, type=kind, volume_current=2.0, price_open=shown, sl=sl)])
        risks.append(plain.status()["open_risk"])
    assert risks == [pytest.approx(1_000.0)] * 2


# Payouts -------------------------------------------------------------------------------------------------------------


def payout(ticket: int, amount: float) -> dict[str, Any]:
    return {"ticket": ticket, "time_msc": NOW_MS + OFFSET, "profit": -amount, "entry": 0}


@pytest.fixture
def rich(tmp_path: Path) -> Iterator[PlainRig]:
    """An account without rules that began with 100,000 and has made 30,000."""
    rig = PlainRig(tmp_path, account_settings(firm=NO_RULES))
    rig.hear(account_info=account_info(balance=130_000.0))
    yield rig
    rig.close()


def test_two_payouts_are_no_drawdown(rich: PlainRig) -> None:
    rich.hear(account_info=account_info(balance=115_000.0), deals=[payout(900, 15_000.0)])
    granted(rich.size(max_lots=0.01))
    rich.hear(account_info=account_info(), deals=[payout(900, 15_000.0), payout(901, 15_000.0)])
    granted(rich.size(max_lots=0.01))
    rich.reopen()
    rich.hear(session="again", account_info=account_info(), deals=[payout(900, 15_000.0), payout(901, 15_000.0)])
    granted(rich.size(max_lots=0.01))


def test_after_payouts_a_loss_still_counts_from_the_lower_peak(rich: PlainRig) -> None:
    rich.hear(account_info=account_info(), deals=[payout(900, 15_000.0), payout(901, 15_000.0)])
    rich.hear(account_info=account_info(equity=90_001.0, balance=100_000.0), deals=None)
    assert rich.status()["halted"] is None
    rich.hear(account_info=account_info(equity=90_000.0, balance=100_000.0), deals=None)
    assert rich.status()["halted"] == "drawdown_halt"


def test_a_loss_of_the_same_size_is_a_drawdown(rich: PlainRig) -> None:
    loss = {**payout(900, 30_000.0), "symbol": "EURUSD", "entry": 1, "position_id": 5, "volume": 1.0}
    rich.hear(account_info=account_info(), deals=[loss])
    assert rich.size()["code"] == "drawdown_halt"


def test_payouts_of_the_first_history_do_not_lower_the_peak(tmp_path: Path) -> None:
    rig = PlainRig(tmp_path, account_settings(firm=NO_RULES))
    rig.hear(account_info=account_info(equity=90_000.0, balance=90_000.0), deals=[payout(900, 50_000.0)])
    assert rig.size()["code"] == "drawdown_halt"
    rig.close()


def test_an_old_payout_in_a_later_piece_of_history_does_not_lower_the_peak(tmp_path: Path) -> None:
    rig = PlainRig(tmp_path, account_settings(firm=NO_RULES))
    trade = {**payout(1_000, -1.0), "symbol": "EURUSD", "position_id": 5, "volume": 1.0}
    rig.hear(account_info=account_info(equity=90_000.0, balance=90_000.0), deals=[trade])
    rig.hear(account_info=account_info(equity=90_000.0, balance=90_000.0), deals=[payout(500, 50_000.0)])
    assert rig.size()["code"] == "drawdown_halt"
    rig.close()


def test_a_history_that_comes_after_the_account_does_not_lower_the_peak(tmp_path: Path) -> None:
    rig = PlainRig(tmp_path, account_settings(firm=NO_RULES))
    rig.hear(account_info=account_info(equity=90_000.0, balance=90_000.0), deals=None)
    rig.tick(31_000)
    rig.hear(session="again", account_info=account_info(equity=90_000.0), deals=[payout(900, 50_000.0)])
    assert rig.size()["code"] == "drawdown_halt"
    rig.close()


# Pruned queries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folded", [True, False])
def test_after_pruning_new_requests_under_old_ids_are_answered_anew(plain: PlainRig, folded: bool) -> None:
    plain.hear()
    pruned = plain.body(type="ping", id="query")
    reply = plain.send(pruned)
    kept = plain.body(type="size", id="size", symbol="EURUSD", side="buy", stop_loss=1.0951, confidence=75)
    answer = plain.send(kept)
    plain.journal.fold()
    plain.tick(2 * HOUR)
    plain.hear()
    late = plain.body(type="ping", id="late")
    answered = plain.send(late)
    if folded:
        plain.journal.fold()
    plain.service.prune(1)
    assert plain.send(kept) == answer
    assert plain.send(late) == answered
    assert plain.ask(type="release", id="size", reservation="r1", reason="")["code"] == "id_reused"
    assert plain.ask(type="status", id="late")["code"] == "id_reused"
    again = plain.ask(type="status", id="query")
    assert (again["type"], again["status"]) == ("status", "ok")
    assert plain.ask(type="ping", id="query")["code"] == "id_reused"
    assert plain.send(pruned) != reply
    granted(plain.size(id="new", max_lots=0.01))


def test_a_restart_after_pruning_knows_the_same_ids(plain: PlainRig) -> None:
    plain.hear()
    kept = plain.body(type="size", id="size", symbol="EURUSD", side="buy", stop_loss=1.0951, confidence=75)
    plain.ask(type="ping", id="query")
    answer = plain.send(kept)
    plain.journal.fold()
    plain.tick(2 * HOUR)
    plain.service.prune(1)
    plain.reopen()
    assert plain.send(kept) == answer
    assert plain.ask(type="status", id="query")["status"] == "ok"


# A log that nobody reads ---------------------------------------------------------------------------------------------

WAIT_S = 60.0
ASKED = 2_000
"""Their lines are several times what a pipe holds."""


@contextmanager
def logging_daemon(journal: Path) -> Iterator[tuple["subprocess.Popen[bytes]", str, int]]:
    """The real daemon on the sample market, its address, and the reader's end of its log."""
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "bridge", "serve", "--sample", "--bind", "tcp://127.0.0.1:*", "--journal", str(journal)],
        stdout=subprocess.DEVNULL,
        stderr=writer,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "NO_COLOR": "1"},
    )
    os.close(writer)
    try:
        yield process, address_in(reader), reader
    finally:
        process.kill()
        process.wait(WAIT_S)
        with suppress(OSError):
            os.close(reader)


def address_in(reader: int) -> str:
    """What the log says once the daemon is ready."""
    said = b""
    while True:
        piece = os.read(reader, 4096)
        assert piece, said
        said += piece
        ready = re.search(rb"ready.*?(tcp://127\.0\.0\.1:\d+).*\n", said)
        if ready:
            return ready[1].decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
@pytest.mark.parametrize("reader_is", ["gone", "asleep"])
def test_a_log_that_nobody_reads_stops_nothing(tmp_path: Path, reader_is: str) -> None:
    with logging_daemon(tmp_path / "journal.sqlite") as (daemon, address, reader):
        if reader_is == "gone":
            os.close(reader)
        with Client(address, deadline_ms=5_000, attempts=1) as client:
            for _ in range(ASKED):
                client.size("EURUSD.sim", "buy", stop_loss=None, dry_run=True)
            assert client.ping().status == "ok"
        assert daemon.poll() is None
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(WAIT_S) == 0


# Second review -------------------------------------------------------------------------------------------------------


def test_a_margin_that_disagrees_stops_its_symbol_and_no_other(plain: PlainRig) -> None:
    held = position_info(7, symbol="USDJPY", volume=0.1, price_open=150.0, price_current=150.0, sl=149.5)
    check = {"symbol": "USDJPY", "side": "buy", "price_open": 150.0, "price_close": 149.0, "profit": -671.14}
    plain.hear(
        symbols=[symbol_info(), symbol_info("USDJPY")],
        quotes=[
            quote_info(time_msc=plain.clock.now_ms() + OFFSET),
            quote_info("USDJPY", 150.0, 150.01, plain.clock.now_ms() + OFFSET),
        ],
        positions=[held],
        checks=[{**check, "margin": 2_000.0}],
    )
    assert plain.size()["code"] is None
    assert plain.size(symbol="USDJPY", stop_loss=149.5, take_profit=152.0)["code"] == "money_mismatch"


def test_a_new_session_does_not_forget_the_brokers_clock(plain: PlainRig) -> None:
    plain.hear()
    late = plain.broker_fields(session="again")
    plain.tick(300_000)
    assert plain.ask(**late)["status"] == "ok"
    assert plain.size()["code"] == "stale_account"


def test_a_defect_even_in_answering_a_fault_is_internal(plain: PlainRig, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("broken")

    plain.hear()
    monkeypatch.setattr(type(plain.service), "_refuse", broken)
    assert plain.ask(type="pang")["code"] == "internal"
    assert any(event.name == "defect" for event in plain.service.events)
    monkeypatch.undo()
    granted(plain.size())


def test_statistics_of_every_symbol_get_their_turn_however_short_it_is(plain: PlainRig) -> None:
    names = [f"EURUSD.{letter}" for letter in "abcdef"]
    bar = {"time": (NOW_MS + OFFSET) // 1_000 - 7_200, "open": 1.1, "high": 1.2, "low": 1.0, "close": 1.1}
    bars = [{"symbol": name, "timeframe": "H1", "rates": [bar]} for name in names]
    plain.hear(symbols=[symbol_info(name) for name in names], bars=bars)
    # A fresh look: taking the message in has worked them all out already.
    evidence = Evidence(plain.desks[0].settings, plain.desks[0].terminal, {})
    for _ in names:
        evidence.refresh(-1.0)
    assert all(evidence._stats.get(name) is not None for name in names)
