"""The simulated broker's money and fills, against sums worked out by hand."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.market.broker import SimulatedBroker
from bridge.market.broker_types import PendingKind, Refusal, RefusalReason
from sizing.snapshot import Deal, PendingOrder, Position, Side
from tests.builders import NOW_MS, at, make_broker, make_symbol

SECOND = 1_000
MINUTE = 60_000


def rows(
    *bids: float, spread: float = 0.0001, start: int = NOW_MS, step: int = SECOND
) -> list[tuple[int, float, float]]:
    return [(start + i * step, bid, round(bid + spread, 5)) for i, bid in enumerate(bids)]


def done(result: Deal | Refusal) -> Deal:
    assert isinstance(result, Deal), result
    return result


def placed(result: PendingOrder | Refusal) -> PendingOrder:
    assert isinstance(result, PendingOrder), result
    return result


def refused(result: object, reason: RefusalReason) -> None:
    assert isinstance(result, Refusal), result
    assert result.reason == reason
    assert result.message


# Money ---------------------------------------------------------------------------------------------------------------


def test_loss_in_yen_converts_at_the_closing_price() -> None:
    broker = make_broker(make_symbol(rows(149.99, 149.5, spread=0.01), name="USDJPY"))
    deal = done(broker.market_order("USDJPY", "buy", 1.0, sl=149.5))
    assert deal.price == 150.0
    broker.advance(NOW_MS + SECOND)
    out = broker.deals()[-1]
    assert (out.price, out.profit) == (149.5, -334.45)
    assert broker.account().balance == 99_665.55


@pytest.mark.parametrize(
    ("trade", "profit"),
    [
        (("buy", "EURUSD", 1.0, 1.1, 1.095), -500.0),
        (("sell", "EURUSD", 0.5, 1.1, 1.095), 250.0),
        (("buy", "USDJPY", 1.0, 150.0, 149.5), -50_000 / 149.5),
        (("sell", "USDJPY", 1.0, 150.0, 149.0), 100_000 / 149.0),
        (("buy", "EURJPY", 1.0, 165.0, 164.0), -100_000 / 150.0),  # yen are bought: USDJPY's bid
        (("sell", "EURJPY", 1.0, 165.0, 164.0), 100_000 / 150.01),  # yen are sold: USDJPY's ask
        (("buy", "US30", 2.0, 40_000.0, 39_900.0), -20.0),  # a tick value of 0.1 for a tick of 1
        (("buy", "XAUUSD", 0.1, 2_000.0, 1_990.0), -100.0),
    ],
)
def test_order_calc_profit_by_mode(trade: tuple[Side, str, float, float, float], profit: float) -> None:
    assert world().order_calc_profit(*trade) == pytest.approx(profit)


@pytest.mark.parametrize(
    ("symbol", "lots", "price", "margin"),
    [
        ("EURUSD", 1.0, 1.1, 1_100.0),
        ("USDJPY", 1.0, 150.0, 1_000.0),
        ("EURJPY", 1.0, 165.0, 1_000 * 1.1001),  # euros are bought: EURUSD's ask
        ("US30", 1.0, 40_000.0, 4_000.0),  # an index CFD knows no leverage
        ("XAUUSD", 1.0, 2_000.0, 2_000.0),
    ],
)
def test_order_calc_margin_by_mode(symbol: str, lots: float, price: float, margin: float) -> None:
    assert world().order_calc_margin("buy", symbol, lots, price) == pytest.approx(margin)


@pytest.mark.parametrize(
    ("over", "margin"),
    [
        ({"margin_initial": 500.0, "currency_margin": "USD"}, 500.0),
        ({"margin_rate_buy": 2.0}, 2_200.0),
        ({"trade_calc_mode": 5}, 110_000.0),
        ({"trade_calc_mode": 2, "currency_margin": "USD"}, 110_000.0),
        ({"trade_calc_mode": 1, "margin_initial": 1_500.0, "currency_margin": "USD"}, 1_500.0),
        ({"trade_calc_mode": 33, "currency_margin": "USD"}, 0.0),
        ({"trade_calc_mode": 64}, None),
    ],
)
def test_order_calc_margin_follows_the_figures(over: dict[str, Any], margin: float | None) -> None:
    broker = make_broker(make_symbol(rows(1.1), **over))
    assert broker.order_calc_margin("buy", "EURUSD", 1.0, 1.1) == (None if margin is None else pytest.approx(margin))


def test_unknown_symbol_and_unknown_currency_have_no_money() -> None:
    broker = make_broker(make_symbol(rows(0.9), name="NZDCHF", currency_base="NZD", currency_profit="CHF"))
    assert broker.order_calc_profit("buy", "GBPUSD", 1.0, 1.0, 1.1) is None
    assert broker.order_calc_margin("buy", "GBPUSD", 1.0, 1.0) is None
    assert broker.order_calc_profit("buy", "NZDCHF", 1.0, 0.9, 0.8) is None
    refused(broker.market_order("NZDCHF", "buy", 1.0), "no_conversion")


def world() -> SimulatedBroker:
    return make_broker(
        make_symbol(rows(1.1)),
        make_symbol(rows(150.0, spread=0.01), name="USDJPY"),
        make_symbol(rows(165.0, spread=0.01), name="EURJPY"),
        make_symbol(rows(40_000.0, spread=2.0), name="US30"),
        make_symbol(rows(2_000.0, spread=0.2), name="XAUUSD"),
    )


def test_commission_is_half_on_entry_and_half_on_exit() -> None:
    broker = make_broker(make_symbol(rows(1.1), commission_per_lot=7.0))
    opened = done(broker.market_order("EURUSD", "buy", 2.0))
    closed = done(broker.close(opened.position_id))
    assert (opened.commission, closed.commission) == (-7.0, -7.0)
    assert closed.profit == -20.0
    assert broker.account().balance == 100_000 - 20 - 14


def test_equity_is_balance_plus_floating_and_margin_is_taken() -> None:
    broker = make_broker(make_symbol(rows(1.1, 1.102)))
    done(broker.market_order("EURUSD", "sell", 1.0, tp=1.09))
    broker.advance(NOW_MS + SECOND)
    account, (position,) = broker.account(), broker.positions()
    assert position.profit == -210.0
    assert position.price_current == 1.1021
    assert (account.equity, account.margin, account.margin_free) == (99_790.0, 1_100.0, 98_690.0)


# Stops, targets and gaps ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "sl", "tp", "bids", "price"),
    [
        ("buy", 1.095, None, (1.1, 1.0951, 1.095), 1.095),
        ("buy", 1.095, None, (1.1, 1.098, 1.09), 1.09),  # a gap fills at the first tick beyond
        ("buy", None, 1.105, (1.1, 1.1049, 1.1051), 1.1051),
        ("sell", 1.105, None, (1.1, 1.1048, 1.1049), 1.105),  # the ask reaches it, the bid does not
        ("sell", None, 1.095, (1.1, 1.095, 1.0949), 1.095),
        ("sell", 1.105, None, (1.1, 1.12, 1.1), 1.1201),
    ],
)
def test_stop_and_target_fill_on_their_side_of_the_book(
    side: Side, sl: float | None, tp: float | None, bids: tuple[float, ...], price: float
) -> None:
    broker = make_broker(make_symbol(rows(*bids)))
    done(broker.market_order("EURUSD", side, 1.0, sl=sl, tp=tp))
    broker.advance(NOW_MS + MINUTE)
    assert broker.positions() == ()
    assert broker.deals()[-1].price == price


def test_slippage_is_lost_on_market_fills_and_stops_but_not_on_targets() -> None:
    broker = make_broker(make_symbol(rows(1.1, 1.11, 1.0, 1.0)), slippage_points=5)
    first = done(broker.market_order("EURUSD", "buy", 1.0, tp=1.105))
    second = done(broker.market_order("EURUSD", "buy", 1.0, sl=1.05))
    assert first.price == second.price == 1.10015
    broker.advance(NOW_MS + MINUTE)
    assert [deal.price for deal in broker.deals()[-2:]] == [1.11, 0.99995]


def test_stops_in_two_symbols_act_in_order_of_time() -> None:
    eur = make_symbol([(NOW_MS, 1.1, 1.1001), (NOW_MS + 2_000, 1.08, 1.0801)])
    jpy = make_symbol([(NOW_MS, 150.0, 150.01), (NOW_MS + 1_000, 149.0, 149.01)], name="USDJPY")
    broker = make_broker(eur, jpy)
    done(broker.market_order("EURUSD", "buy", 1.0, sl=1.09))
    done(broker.market_order("USDJPY", "buy", 1.0, sl=149.5))
    broker.advance(NOW_MS + MINUTE)
    assert [deal.symbol for deal in broker.deals()[-2:]] == ["USDJPY", "EURUSD"]
    assert [deal.time_ms for deal in broker.deals()[-2:]] == [NOW_MS + 1_000, NOW_MS + 2_000]


def test_time_never_runs_backwards() -> None:
    broker = make_broker(make_symbol(rows(1.1, 1.2)))
    broker.advance(NOW_MS + SECOND)
    broker.advance(NOW_MS)
    assert broker.now_ms == NOW_MS + SECOND
    assert broker.quote("EURUSD") == (1.2, 1.2001, NOW_MS + SECOND)


# Pending orders ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "kind", "price", "bids", "fill"),
    [
        ("buy", "limit", 1.095, (1.1, 1.0949), 1.095),
        ("sell", "limit", 1.105, (1.1, 1.107), 1.107),
        ("buy", "stop", 1.105, (1.1, 1.1049), 1.105),
        ("sell", "stop", 1.095, (1.1, 1.09), 1.09),
    ],
)
def test_pending_order_fills_when_reached(
    side: Side, kind: PendingKind, price: float, bids: tuple[float, ...], fill: float
) -> None:
    broker = make_broker(make_symbol(rows(*bids)))
    order = placed(broker.pending_order("EURUSD", side, kind, 1.0, price=price, magic=7))
    assert broker.orders() == (order,)
    broker.advance(NOW_MS + MINUTE)
    (position,) = broker.positions()
    assert (position.ticket, position.side, position.price_open, position.magic) == (order.ticket, side, fill, 7)
    assert broker.orders() == ()


@pytest.mark.parametrize(
    ("side", "kind", "price"),
    [
        ("buy", "limit", 1.11),
        ("buy", "stop", 1.09),
        ("sell", "limit", 1.09),
        ("sell", "stop", 1.11),
    ],
)
def test_pending_order_on_the_wrong_side_is_refused(side: Side, kind: PendingKind, price: float) -> None:
    broker = make_broker(make_symbol(rows(1.1)))
    refused(broker.pending_order("EURUSD", side, kind, 1.0, price=price), "invalid_price")


def test_pending_order_is_cancelled_and_modified() -> None:
    broker = make_broker(make_symbol(rows(1.1)))
    order = placed(broker.pending_order("EURUSD", "buy", "limit", 1.0, price=1.09))
    changed = broker.modify(order.ticket, 1.08, 1.12)
    assert isinstance(changed, PendingOrder)
    assert (changed.sl, changed.tp) == (1.08, 1.12)
    refused(broker.modify(order.ticket, 1.095, None), "invalid_stops")
    assert broker.cancel(order.ticket) == changed
    refused(broker.cancel(order.ticket), "unknown_ticket")


def test_pending_order_without_margin_is_withdrawn() -> None:
    broker = make_broker(make_symbol(rows(1.1, 1.09)), balance=1_000.0)
    placed(broker.pending_order("EURUSD", "buy", "limit", 1.0, price=1.095))
    broker.advance(NOW_MS + MINUTE)
    assert (broker.positions(), broker.orders()) == ((), ())
    assert broker.account().balance == 1_000.0


# Orders that are refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"symbol": "GBPUSD"}, "unknown_symbol"),
        ({"volume": 0.005}, "invalid_volume"),
        ({"volume": 0.015}, "invalid_volume"),
        ({"volume": 50.01}, "invalid_volume"),
        ({"volume": math.nan}, "invalid_volume"),
        ({"volume": math.inf}, "invalid_volume"),
        ({"volume": 3.0, "side": "sell"}, "volume_limit"),
        ({"volume": 2.0}, "no_money"),
        ({"sl": 1.1}, "invalid_stops"),
        ({"tp": 1.1}, "invalid_stops"),
        ({"side": "sell", "sl": 1.1001}, "invalid_stops"),
        ({"sl": 1.0996}, "invalid_stops"),  # nearer than the stops level of 50 points
    ],
)
def test_market_order_is_refused_with_its_reason(order: dict[str, Any], reason: RefusalReason) -> None:
    broker = make_broker(make_symbol(rows(1.1), trade_stops_level=50, volume_limit=2.5), balance=2_000.0)
    wanted: dict[str, Any] = {"symbol": "EURUSD", "side": "buy", "volume": 0.1, **order}
    refused(broker.market_order(**wanted), reason)
    assert len(broker.deals()) == 1


def test_volume_0_29_is_on_the_lattice() -> None:
    broker = make_broker(make_symbol(rows(1.1)))
    assert done(broker.market_order("EURUSD", "buy", 0.29)).volume == 0.29


def test_symbol_without_recent_quote_is_closed() -> None:
    broker = make_broker(make_symbol([(NOW_MS, 1.1, 1.1001), (NOW_MS + 60 * MINUTE, 1.1, 1.1001)]))
    ticket = done(broker.market_order("EURUSD", "buy", 1.0)).position_id
    broker.advance(NOW_MS + 30 * MINUTE)
    refused(broker.market_order("EURUSD", "buy", 1.0), "market_closed")
    refused(broker.close(ticket), "market_closed")
    refused(broker.modify(ticket, None, None), "market_closed")


@pytest.mark.parametrize(("mode", "side"), [(0, "buy"), (1, "sell"), (2, "buy"), (3, "buy")])
def test_trade_mode_is_respected(mode: int, side: Side) -> None:
    broker = make_broker(make_symbol(rows(1.1), trade_mode=mode))
    refused(broker.market_order("EURUSD", side, 1.0), "trade_disabled")


# Closing and changing ------------------------------------------------------------------------------------------------


def test_partial_close_realises_its_share() -> None:
    broker = make_broker(make_symbol(rows(1.1, 1.105), commission_per_lot=6.0))
    ticket = done(broker.market_order("EURUSD", "buy", 0.3)).position_id
    broker.advance(NOW_MS + SECOND)
    deal = done(broker.close(ticket, 0.1))
    assert (deal.profit, deal.commission, deal.volume) == (49.0, -0.3, 0.1)
    (position,) = broker.positions()
    assert (position.volume, position.profit) == (0.2, 98.0)
    assert broker.account().margin == 220.02
    refused(broker.close(ticket, 0.195), "invalid_volume")
    refused(broker.close(ticket, 0.3), "invalid_volume")
    refused(broker.close(ticket, 0.0), "invalid_volume")
    done(broker.close(ticket))
    refused(broker.close(ticket), "unknown_ticket")
    assert broker.account().balance == pytest.approx(100_000 + 3 * 49 - 2 * 0.9)


def test_modify_moves_the_stop_and_refuses_the_wrong_side() -> None:
    broker = make_broker(make_symbol(rows(1.1, 1.0985)))
    ticket = done(broker.market_order("EURUSD", "buy", 1.0, sl=1.09)).position_id
    refused(broker.modify(ticket, 1.101, None), "invalid_stops")
    refused(broker.modify(1, 1.0, None), "unknown_ticket")
    changed = broker.modify(ticket, 1.099, 1.12)
    assert isinstance(changed, Position)
    assert (changed.sl, changed.tp) == (1.099, 1.12)
    broker.advance(NOW_MS + SECOND)
    assert broker.deals()[-1].price == 1.0985


def test_hedged_volume_takes_no_margin() -> None:
    broker = make_broker(make_symbol(rows(1.1)))
    done(broker.market_order("EURUSD", "buy", 2.0))
    assert broker.account().margin == 2_200.2
    done(broker.market_order("EURUSD", "sell", 1.5))
    assert broker.account().margin == pytest.approx(2_200.2 / 4, abs=0.01)
    assert len(broker.positions()) == 2


# Netting -------------------------------------------------------------------------------------------------------------


def test_netting_adds_at_the_average_price() -> None:
    broker = make_broker(make_symbol(rows(1.1, 1.103)), hedging=False)
    done(broker.market_order("EURUSD", "buy", 1.0, sl=1.09))
    broker.advance(NOW_MS + SECOND)
    done(broker.market_order("EURUSD", "buy", 2.0))
    (position,) = broker.positions()
    assert position.volume == 3.0
    assert position.price_open == pytest.approx((1.1001 + 2 * 1.1031) / 3)
    assert position.sl == 1.09
    assert broker.account().margin_mode == 0


def test_netting_reduces_then_flips() -> None:
    broker = make_broker(make_symbol(rows(1.1, 1.105), commission_per_lot=4.0), hedging=False)
    done(broker.market_order("EURUSD", "buy", 1.0))
    broker.advance(NOW_MS + SECOND)
    reduced = done(broker.market_order("EURUSD", "sell", 0.4))
    assert (reduced.entry, reduced.profit) == (1, 196.0)
    flipped = done(broker.market_order("EURUSD", "sell", 1.0))
    assert (flipped.entry, flipped.profit, flipped.volume, flipped.commission) == (2, 294.0, 1.0, -2.0)
    (position,) = broker.positions()
    assert (position.side, position.volume, position.price_open) == ("sell", 0.4, 1.105)
    assert broker.account().margin == 442.0
    closed = done(broker.market_order("EURUSD", "buy", 0.4))
    assert closed.entry == 1
    assert broker.positions() == ()


# Swaps ---------------------------------------------------------------------------------------------------------------


def days(start: str, count: int) -> list[tuple[int, float, float]]:
    return [(at(start) + i * 86_400_000, 1.1, 1.1001) for i in range(count)]


@pytest.mark.parametrize(
    ("start", "nights"),
    [
        ("2026-03-03 23:00:00", 1),  # Tuesday into Wednesday
        ("2026-03-04 23:00:00", 3),  # Wednesday into Thursday
        ("2026-03-06 23:00:00", 1),  # Friday into Saturday
        ("2026-03-07 23:00:00", 0),  # Saturday into Sunday
        ("2026-03-08 23:00:00", 0),  # Sunday into Monday
    ],
)
def test_swap_is_charged_at_midnight_and_tripled_on_wednesday(start: str, nights: int) -> None:
    broker = make_broker(make_symbol(days(start, 2), swap_mode=1, swap_long=-5.0, swap_short=2.0))
    done(broker.market_order("EURUSD", "buy", 2.0))
    done(broker.market_order("EURUSD", "sell", 1.0))
    broker.advance(at(start) + 3_599_999)
    assert [position.swap for position in broker.positions()] == [0.0, 0.0]
    broker.advance(at(start) + 3_600_000)
    assert [position.swap for position in broker.positions()] == [-10.0 * nights, 2.0 * nights]


def test_swap_goes_into_equity_and_with_the_position_into_the_balance() -> None:
    broker = make_broker(make_symbol(days("2026-03-02 12:00:00", 6), swap_mode=4, swap_long=-3.0))
    ticket = done(broker.market_order("EURUSD", "buy", 1.0)).position_id
    broker.advance(at("2026-03-06 12:00:00"))
    assert broker.account().equity == 100_000 - 10 - 6 * 3.0
    half = done(broker.close(ticket, 0.5))
    assert (half.swap, broker.positions()[0].swap) == (-9.0, -9.0)
    assert done(broker.close(ticket)).swap == -9.0
    assert broker.account().balance == 100_000 - 10 - 18


@pytest.mark.parametrize(
    ("mode", "swap"),
    [
        (0, 0.0),
        (1, -4.0),
        (2, -4.0 * 1.1001),  # euros are bought
        (3, -4.0 * 1.1001),
        (4, -4.0),
        (5, round(-0.04 * 110_000 / 360, 2)),
        (6, round(-0.04 * 110_010 / 360, 2)),
        (7, 0.0),
    ],
)
def test_swap_by_mode(mode: int, swap: float) -> None:
    broker = make_broker(make_symbol(days("2026-03-02 12:00:00", 2), swap_mode=mode, swap_long=-4.0))
    done(broker.market_order("EURUSD", "buy", 1.0))
    broker.advance(at("2026-03-03 00:00:00"))
    assert broker.positions()[0].swap == pytest.approx(swap, abs=0.005)


# Stop-out ------------------------------------------------------------------------------------------------------------


def test_stop_out_closes_the_largest_loser_first() -> None:
    # 5,600.50 of margin: the level reaches 50 % where 12,199.08 are lost, at a bid of 1.0757.
    eur = make_symbol(rows(1.1, 1.09, 1.0758, 1.0757, 1.06, step=MINUTE))
    jpy = make_symbol([(NOW_MS, 150.0, 150.01)], name="USDJPY")
    broker = make_broker(eur, jpy, balance=15_000.0)
    loser = done(broker.market_order("EURUSD", "buy", 5.0)).position_id
    small = done(broker.market_order("USDJPY", "buy", 0.1)).position_id
    broker.advance(NOW_MS + 2 * MINUTE)
    assert len(broker.positions()) == 2
    broker.advance(NOW_MS + 10 * MINUTE)
    assert [position.ticket for position in broker.positions()] == [small]
    out = broker.deals()[-1]
    assert (out.position_id, out.price, out.time_ms) == (loser, 1.0757, NOW_MS + 3 * MINUTE)


def test_stop_out_between_two_polls_is_not_missed() -> None:
    bids = [1.1] * 500 + [1.07] + [1.1] * 500
    broker = make_broker(make_symbol(rows(*bids)), balance=15_000.0)
    done(broker.market_order("EURUSD", "buy", 5.0))
    broker.advance(NOW_MS + 1_000 * SECOND)
    assert broker.positions() == ()
    assert broker.deals()[-1].time_ms == NOW_MS + 500 * SECOND


# Fills that happened elsewhere ---------------------------------------------------------------------------------------


def test_adopted_fill_opens_once_at_its_own_price() -> None:
    broker = make_broker(make_symbol(rows(1.1, 1.11)))
    deal = done(broker.adopt(77, "EURUSD", "buy", 0.5, price=1.0999, sl=1.09, tp=1.105, magic=3))
    assert (deal.position_id, deal.price) == (77, 1.0999)
    refused(broker.adopt(77, "EURUSD", "buy", 0.5, price=1.0999), "known_ticket")
    refused(broker.adopt(78, "EURUSD", "buy", 0.505, price=1.0999), "invalid_volume")
    refused(broker.adopt(79, "GBPUSD", "buy", 0.5, price=1.3), "unknown_symbol")
    broker.advance(NOW_MS + SECOND)
    assert broker.deals()[-1].profit == 505.0
    refused(broker.adopt(77, "EURUSD", "buy", 0.5, price=1.0999), "known_ticket")


# Properties ----------------------------------------------------------------------------------------------------------

moves = st.lists(st.integers(-80, 80), min_size=5, max_size=60)
actions = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell", "limit", "stop", "close", "half"]),
        st.integers(1, 300),
        st.integers(1, 100),
    ),
    min_size=1,
    max_size=15,
)


def act(broker: SimulatedBroker, action: str, steps: int, pips: int) -> None:
    lots, quote = round(steps * 0.02, 2), broker.quote("EURUSD")
    assert quote is not None
    away = pips * 0.0001
    match action:
        case "buy":
            broker.market_order("EURUSD", "buy", lots, sl=quote.bid - away)
        case "sell":
            broker.market_order("EURUSD", "sell", lots, tp=quote.ask - away)
        case "limit":
            broker.pending_order("EURUSD", "buy", "limit", lots, price=quote.ask - away)
        case "stop":
            broker.pending_order("EURUSD", "sell", "stop", lots, price=quote.bid - away)
        case _:
            for position in broker.positions()[:1]:
                broker.close(position.ticket, position.volume if action == "close" else round(position.volume / 2, 2))


@settings(max_examples=60, deadline=None)
@given(moves=moves, actions=actions, hedging=st.booleans(), hours=st.integers(1, 5))
def test_balance_is_always_the_sum_of_the_deals(
    moves: list[int], actions: list[tuple[str, int, int]], hedging: bool, hours: int
) -> None:
    bids = [1.1]
    for move in moves:
        bids.append(round(max(0.5, bids[-1] + move * 0.0001), 5))
    step = hours * 60 * MINUTE
    broker = make_broker(
        make_symbol(rows(*bids, step=step), commission_per_lot=7.0, swap_mode=1, swap_long=-6.3, swap_short=1.1),
        balance=20_000.0,
        hedging=hedging,
        slippage_points=2,
    )
    for i, action in enumerate(actions):
        broker.advance(NOW_MS + i * step)
        act(broker, *action)
        account, positions = broker.account(), broker.positions()
        assert account.balance == pytest.approx(sum(deal.net for deal in broker.deals()), abs=1e-6)
        assert account.equity == pytest.approx(account.balance + sum(p.profit + p.swap for p in positions), abs=1e-6)
        assert account.margin_free == pytest.approx(account.equity - account.margin, abs=1e-6)
        assert hedging or len(positions) <= 1
    assert all(a.time_ms <= b.time_ms for a, b in pairwise(broker.deals()))


@settings(max_examples=40, deadline=None)
@given(moves=moves, stops=st.integers(1, 100), cuts=st.lists(st.integers(0, 60), max_size=6))
def test_polling_often_or_seldom_gives_the_same_history(moves: list[int], stops: int, cuts: list[int]) -> None:
    bids = [1.1]
    for move in moves:
        bids.append(round(bids[-1] + move * 0.0001, 5))

    def run(times: list[int]) -> tuple[Deal, ...]:
        broker = make_broker(make_symbol(rows(*bids, step=MINUTE)), balance=6_000.0)
        broker.market_order("EURUSD", "buy", 5.0, sl=1.1 - stops * 0.0001)
        broker.pending_order("EURUSD", "sell", "stop", 1.0, price=1.0999 - stops * 0.00005)
        for time in times:
            broker.advance(time)
        return broker.deals()

    end = NOW_MS + 100 * MINUTE
    assert run([end]) == run([*(NOW_MS + cut * MINUTE + 1 for cut in sorted(cuts)), end])
