"""Whole replays of a few ticks: where and when orders fill and close, and what the run's rows say; sums by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.errors import ReplayError
from bridge.market.recording import RecordedMarket
from bridge.replay.engine import Replay
from bridge.replay.strategy import Entry, Exit, View
from sizing.symbols import SymbolTable
from tests.builders import at, make_symbol
from tests.replay.played import Script, eurusd, market_of, one_lot, plan_of, play, quotes

T = at("2026-03-04 10:00:00")
S = 1000
BUY = Entry("EURUSD", "buy", 1.095, 1.12, 90.0, magic=7)


@pytest.fixture(params=["fast", "events"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "a run"


def test_without_latency_a_buy_fills_at_the_ask_of_its_moment_and_its_stop_at_the_first_bid_beyond(
    out: Path, engine: str
) -> None:
    market = eurusd(quotes((T, 1.1), (T + S, 1.1002), (T + 3 * S, 1.0951), (T + 4 * S, 1.0938), (T + 5 * S, 1.1)))
    run = play(out, market, {T + 2 * S: [BUY]}, engine=engine)
    (decision,), (trade,) = run.decisions, run.trades
    assert (decision.time_ms, decision.lots, decision.entry, decision.outcome) == (T + 2 * S, 1.0, 1.1003, "filled")
    assert (trade.ticket, trade.decision, trade.reason, trade.magic) == (decision.ticket, 1, "sl", 7)
    assert (trade.opened_ms, trade.open_price) == (T + 2 * S, 1.1003)
    assert (trade.closed_ms, trade.close_price) == (T + 4 * S, 1.0938)
    assert (trade.profit, trade.net) == (-650.0, -650.0)
    assert (trade.worst, trade.best) == (-650.0, 0.0)
    # The stop is 53 pips away, and one spread more is assumed at it.
    assert trade.risk_amount == decision.risk_amount == 540.0
    assert trade.r_multiple == pytest.approx(-650 / 540)
    assert run.info.result.balance == 99_350.0


def test_a_sell_opens_at_the_bid_and_its_target_is_reached_by_the_ask(out: Path, engine: str) -> None:
    market = eurusd(quotes((T, 1.1), (T + S, 1.095), (T + 2 * S, 1.0949), (T + 3 * S, 1.1)))
    run = play(out, market, {T: [Entry("EURUSD", "sell", 1.105, 1.095, 90.0)]}, engine=engine)
    (trade,) = run.trades
    assert (trade.open_price, trade.close_price, trade.closed_ms, trade.reason) == (1.1, 1.095, T + 2 * S, "tp")
    assert trade.profit == 500.0
    assert (trade.worst, trade.best) == pytest.approx((-10.0, 500.0))


def test_latency_decides_at_one_price_and_fills_at_another(out: Path, engine: str) -> None:
    market = eurusd(quotes((T, 1.1), (T + 150, 1.1004), (T + 250, 1.101), (T + 60 * S, 1.101)))
    run = play(out, market, {T: [BUY]}, engine=engine, latency_ms=200)
    (decision,), (trade,) = run.decisions, run.trades
    assert (decision.time_ms, decision.entry) == (T, 1.1001)
    assert (trade.opened_ms, trade.open_price) == (T + 200, 1.1005)
    assert (trade.reason, trade.close_price) == ("end", 1.101)


def test_slippage_is_lost_by_orders_and_stops_and_not_by_targets(out: Path, engine: str) -> None:
    sell = Entry("EURUSD", "sell", 1.12, 1.095, 90.0)
    market = eurusd(quotes((T, 1.1), (T + S, 1.1), (T + 2 * S, 1.094), (T + 3 * S, 1.094)))
    run = play(out, market, {T: [BUY], T + S: [sell]}, engine=engine, slippage_points=20)
    bought, sold = sorted(run.trades, key=lambda trade: trade.ticket)
    assert (bought.open_price, bought.close_price, bought.reason) == (1.1003, 1.0938, "sl")
    assert (sold.open_price, sold.close_price, sold.reason) == (1.0998, 1.0941, "tp")
    assert (bought.profit, sold.profit) == (-650.0, 570.0)


def test_commission_is_paid_half_on_each_way_and_belongs_to_the_trade(out: Path, engine: str) -> None:
    market = eurusd(quotes((T, 1.1), (T + S, 1.12), (T + 2 * S, 1.12)), commission_per_lot=7.0)
    run = play(out, market, {T: [BUY]}, engine=engine)
    (trade,) = run.trades
    assert (trade.profit, trade.commission, trade.net) == (1990.0, -7.0, 1983.0)
    assert run.info.result.balance == 101_983.0


@pytest.mark.parametrize(("of_market", "paid"), [(0.0, -5.0), (7.0, -7.0)])
def test_a_recording_that_does_not_know_its_commission_costs_what_the_sizer_reckons_with(
    out: Path, engine: str, of_market: float, paid: float
) -> None:
    settings = one_lot()
    table = SymbolTable(classes={"all": replace(settings.symbols.classes["all"], commission_per_lot=5.0)})
    market = eurusd(quotes((T, 1.1), (T + S, 1.12)), commission_per_lot=of_market)
    run = play(out, market, {T: [BUY]}, replace(settings, symbols=table), engine=engine)
    assert [each.commission for each in run.trades] == [paid]


@pytest.mark.parametrize(
    ("zone", "first", "nights"),
    [
        ("UTC", "2026-03-04 22:30:00", 3),  # the night after Wednesday
        ("UTC", "2026-03-05 22:30:00", 1),
        ("+02:00", "2026-03-04 21:30:00", 3),  # there Wednesday ends at 22:00 UTC
        ("+02:00", "2026-03-04 22:30:00", 0),  # and this is Thursday already
        ("new-york-close", "2026-03-04 21:30:00", 3),  # 17:00 in New York, in winter 22:00 UTC
        ("new-york-close", "2026-03-11 20:30:00", 3),  # and 21:00 UTC after the clocks have changed
        ("new-york-close", "2026-03-11 21:30:00", 0),
    ],
)
def test_swaps_are_charged_at_the_brokers_midnight(out: Path, engine: str, zone: str, first: str, nights: int) -> None:
    """A lot of 100,000 euros at -8 points a night is -8 dollars. The position is open for an hour and a half."""
    begin = at(first)
    market = eurusd(
        quotes(*((begin + minute * 60 * S, 1.1) for minute in range(200))),
        swap_mode=1, swap_long=-8.0, swap_short=3.0, swap_rollover3days=3,
    )  # fmt: skip
    bought = BUY._replace(exit_ms=begin + 90 * 60 * S)
    run = play(out, market, {begin: [bought]}, engine=engine, zone=zone)
    (trade,) = run.trades
    assert (trade.swap, trade.profit, trade.net) == (-8.0 * nights, -10.0, -10.0 - 8.0 * nights)
    assert trade.worst == trade.net


def test_an_exit_time_closes_at_that_very_moment(out: Path, engine: str) -> None:
    market = eurusd(quotes((T, 1.1), (T + S, 1.101), (T + 2 * S, 1.102), (T + 3 * S, 1.103)))
    run = play(out, market, {T: [BUY._replace(exit_ms=T + 2 * S)]}, engine=engine, latency_ms=100)
    (trade,) = run.trades
    assert (trade.closed_ms, trade.close_price, trade.reason) == (T + 2 * S, 1.102, "exit")


def test_an_exit_time_while_the_market_is_closed_closes_at_the_first_tick_after(out: Path, engine: str) -> None:
    friday, monday = at("2026-03-06 21:59:00"), at("2026-03-09 00:00:07")
    market = eurusd(quotes((friday, 1.1), (friday + S, 1.1), (monday, 1.098), (monday + S, 1.099)))
    leaving = BUY._replace(exit_ms=at("2026-03-07 12:00:00"))
    run = play(out, market, {friday: [leaving]}, engine=engine)
    (trade,) = run.trades
    assert (trade.closed_ms, trade.close_price, trade.reason) == (monday, 1.098, "exit")


def test_an_exit_time_beyond_the_last_tick_of_a_span_waits_for_the_next(
    out: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each day of ticks is a span of its own here, so none of Friday's ticks follows the exit."""
    monkeypatch.setattr("bridge.replay.ticks.SPAN_TICKS", 1)
    monkeypatch.setattr("bridge.replay.ticks.ROWS", 1)
    monkeypatch.setattr("bridge.market.packed.ROWS", 1)
    friday, monday = at("2026-03-06 21:59:00"), at("2026-03-09 00:00:07")
    market = eurusd(quotes((friday, 1.1), (friday + S, 1.1), (monday, 1.098), (monday + S, 1.099)))
    leaving = BUY._replace(exit_ms=at("2026-03-06 23:00:00"))
    plan = plan_of(out, market, {friday: [leaving]}, engine=engine)
    assert len(list(plan.source.spans())) == 2
    run = play(out, market, {friday: [leaving]}, engine=engine)
    (trade,) = run.trades
    assert (trade.closed_ms, trade.close_price, trade.reason) == (monday, 1.098, "exit")


def test_an_exit_closes_its_magic_and_side_only(out: Path, engine: str) -> None:
    sell = Entry("EURUSD", "sell", 1.105, 1.09, 90.0, magic=7)
    other = BUY._replace(magic=8)
    market = eurusd(quotes(*((T + i * S, 1.1) for i in range(6))))
    run = play(
        out, market, {T: [BUY, other, sell], T + 2 * S: [Exit("EURUSD", 7, "buy")], T + 3 * S: [Exit("EURUSD", 7)]},
        engine=engine,
    )  # fmt: skip
    closed = {(trade.magic, trade.side): (trade.closed_ms, trade.reason) for trade in run.trades}
    assert closed == {
        (7, "buy"): (T + 2 * S, "exit"), (7, "sell"): (T + 3 * S, "exit"), (8, "buy"): (T + 5 * S, "end"),
    }  # fmt: skip


def test_reverse_closes_the_other_way_first_and_asks_when_that_is_through(out: Path, engine: str) -> None:
    market = eurusd(quotes(*((T + i * 100, 1.1 + 0.0001 * i) for i in range(20))))
    turn = Entry("EURUSD", "sell", 1.11, 1.09, 90.0, magic=7, reverse=True)
    run = play(out, market, {T: [BUY], T + 500: [turn]}, engine=engine, latency_ms=200)
    first, second = run.trades
    assert (first.side, first.opened_ms, first.closed_ms, first.reason) == ("buy", T + 200, T + 700, "reverse")
    assert [each.time_ms for each in run.decisions] == [T, T + 700]
    assert (second.side, second.opened_ms, second.reason) == ("sell", T + 900, "end")


def test_netting_keeps_one_position_in_a_symbol_and_turns_it_through_a_close(out: Path, engine: str) -> None:
    """The sizer gives nothing on top of it, in either direction; a strategy turns round by closing first."""
    market = eurusd(quotes(*((T + i * S, 1.1) for i in range(6))), commission_per_lot=6.0)
    sell = Entry("EURUSD", "sell", 1.11, 1.09, 90.0, magic=7)
    wishes = {T: [BUY], T + S: [BUY], T + 2 * S: [sell], T + 3 * S: [sell._replace(reverse=True)]}
    run = play(out, market, wishes, engine=engine, hedging=False)
    assert [each.outcome for each in run.decisions] == ["filled", "none", "none", "filled"]
    assert [each.binding for each in run.decisions[1:3]] == ["symbol_positions"] * 2
    assert [(each.side, each.lots, each.reason, each.net) for each in run.trades] == [
        ("buy", 1.0, "reverse", -16.0), ("sell", 1.0, "end", -16.0),
    ]  # fmt: skip
    assert (run.info.account.hedging, run.info.result.balance) == (False, 99_968.0)


def test_hedging_holds_both_ways_at_once(out: Path, engine: str) -> None:
    market = eurusd(quotes((T, 1.1), (T + S, 1.1), (T + 2 * S, 1.102)))
    run = play(out, market, {T: [BUY], T + S: [Entry("EURUSD", "sell", 1.11, 1.09, 90.0)]}, engine=engine)
    assert [(each.side, each.profit) for each in run.trades] == [("buy", 190.0), ("sell", -210.0)]


def test_an_order_that_its_broker_refuses_gives_its_lots_back(out: Path, engine: str) -> None:
    """Between question and fill the price has run through the stop; the next question finds all the room there was."""
    market = eurusd(quotes((T, 1.1), (T + 50, 1.0949), (T + 5 * S, 1.1), (T + 6 * S, 1.1)))
    settings = one_lot(caps={"max_positions": 1})
    run = play(out, market, {T: [BUY], T + 5 * S: [BUY]}, settings, engine=engine, latency_ms=100)
    refused, filled = run.decisions
    assert (refused.code, refused.lots, refused.outcome, refused.ticket) == (None, 1.0, "refused_by_broker", 0)
    assert (filled.code, filled.lots, filled.outcome) == (None, 1.0, "filled")
    assert (run.info.result.granted, len(run.trades)) == (2, 1)


def test_ticks_of_one_millisecond_keep_their_order(out: Path, engine: str) -> None:
    """The stop is reached by the second of three ticks of one moment; the third would have been better."""
    moment = T + S
    market = eurusd(quotes((T, 1.1), (moment, 1.0999), (moment, 1.0944), (moment, 1.0999), (T + 2 * S, 1.1)))
    run = play(out, market, {T: [BUY], moment: [BUY]}, engine=engine)
    assert (run.trades[0].close_price, run.trades[0].closed_ms, run.trades[0].reason) == (1.0944, moment, "sl")
    # Who asks at that moment has seen all three.
    assert (run.decisions[1].entry, run.decisions[1].equity) == (1.1, 100_000 - 570)


def test_a_signal_acts_after_the_ticks_of_its_moment_and_not_before(out: Path, engine: str) -> None:
    market = eurusd(quotes((T, 1.1), (T + S, 1.2), (T + S + 1, 1.3)))
    script = Script({T + S - 1: [BUY], T + S: [BUY._replace(stop_loss=1.19, take_profit=1.25)]})
    run = play(out, market, script, engine=engine)
    assert script.seen == [T + S - 1, T + S]
    assert [each.entry for each in run.decisions] == [1.1001, 1.2001]


def test_signals_outside_the_recorded_time_are_not_asked(out: Path, engine: str) -> None:
    """Also not in the minutes before the first tick, within whose quarter of an hour the run begins."""
    market = eurusd(quotes((T + 7 * S, 1.1), (T + 8 * S, 1.1)))
    script = Script({T: [BUY], T + 8 * S: [BUY], T + 9 * S: [BUY]})
    run = play(out, market, script, engine=engine)
    assert script.seen == [T + 8 * S]
    assert len(run.decisions) == 1


def test_a_symbol_whose_ticks_begin_later_is_refused_before_them_and_traded_after(
    out: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first tick is in another span."""
    for name in ("bridge.replay.ticks.SPAN_TICKS", "bridge.replay.ticks.ROWS", "bridge.market.packed.ROWS"):
        monkeypatch.setattr(name, 1)
    later = at("2026-03-05 10:00:00")
    yen = make_symbol([(later, 150.0, 150.01), (later + S, 150.0, 150.01)], name="USDJPY")
    market = market_of(make_symbol(quotes((T, 1.1), (later, 1.1), (later + S, 1.1))), yen)
    wish = Entry("USDJPY", "buy", 149.0, 152.0, 90.0)
    run = play(out, market, {T: [wish], later: [wish]}, engine=engine)
    assert [(each.code, each.outcome) for each in run.decisions] == [("stale_quote", "none"), (None, "filled")]


def test_a_symbol_that_is_not_recorded_ends_the_run_by_name(out: Path, engine: str) -> None:
    plan_wishes = {T: [BUY._replace(symbol="EURUSDx")]}
    with pytest.raises(ReplayError, match="EURUSDx, which is not recorded; there are EURUSD"):
        play(out, eurusd(quotes((T, 1.1))), plan_wishes, engine=engine)


def test_symbols_are_merged_in_the_order_of_time(out: Path, engine: str) -> None:
    """A yen position is worth more dollars at the moment at which USDJPY, and not its own symbol, ticks."""
    market = yen_market()
    run = play(out, market, {T: [Entry("USDJPY", "buy", 149.0, 152.0, 90.0)]}, engine=engine)
    (trade,) = run.trades
    assert (trade.open_price, trade.close_price, trade.reason) == (150.01, 148.9, "sl")
    assert trade.profit == round(-1.11 * 100_000 / 148.9, 2)
    assert run.info.market.ticks == 7
    assert [len(run.bars[name]) for name in ("EURUSD", "USDJPY")] == [1, 1]


def yen_market() -> RecordedMarket:
    yen = [(T, 150.0, 150.01), (T + 1500, 149.5, 149.51), (T + 2500, 148.9, 148.91)]
    return market_of(
        make_symbol(quotes(*((T + i * S, 1.1) for i in range(4)))),
        make_symbol(yen, name="USDJPY"),
    )


class Raising(Script):
    """A strategy with a defect."""

    def on_time(self, view: View) -> tuple[Entry | Exit, ...]:
        raise ReplayError(f"a defect at {view.now_ms}")


def test_a_run_that_fails_at_once_leaves_its_folder_free(tmp_path: Path) -> None:
    market = eurusd(quotes((T, 1.1), (T + 1000, 1.1)))
    broken = plan_of(tmp_path / "run", market, Raising({T: []}))
    with pytest.raises(ReplayError, match="a defect"):
        Replay(broken).play()
    assert list((tmp_path / "run").iterdir()) == []
    assert play(tmp_path / "run", market, {T: []}).info.complete
