"""Entry, stop and target as the engine takes them."""

from decimal import Decimal
from typing import Any

import pytest

from sizing.decision import Decision
from sizing.engine import size
from sizing.snapshot import Quote
from tests.builders import NOW_MS, make_spec
from tests.sizing.builders import NO_FIRM, loose_policy, make_signal, make_snapshot, make_stats, make_view

QUOTE = Quote(1.0998, 1.1, NOW_MS)
SELL: dict[str, Any] = {"side": "sell", "stop_loss": 1.105, "take_profit": 1.085}


def decide(policy: Any = None, view: Any = None, quote: Quote = QUOTE, **signal: Any) -> Decision:
    snapshot = make_snapshot(quote=quote, view=view or make_view(), firm=NO_FIRM)
    return size(make_signal(**signal), snapshot, policy or loose_policy())


@pytest.mark.parametrize(
    ("signal", "entry"),
    [
        ({}, 1.1),  # a buy at the ask
        (SELL, 1.0998),  # a sell at the bid
        ({"entry": 1.0990}, 1.1),  # the price has risen since the EA looked
        ({"entry": 1.1010}, 1.1010),  # it has fallen: the EA's price is the worse one
        ({**SELL, "entry": 1.1005}, 1.0998),
        ({**SELL, "entry": 1.0990}, 1.0990),
        ({"entry": 1.0990, "order": "pending"}, 1.0990),  # a limit order is filled at its price
        ({"entry": 1.1010, "order": "pending"}, 1.1010),
        ({"order": "pending"}, 1.1),
    ],
)
def test_a_market_order_is_sized_at_the_worse_price_and_a_pending_one_at_its_own(
    signal: dict[str, Any], entry: float
) -> None:
    decision = decide(**signal)
    assert decision.code is None
    assert decision.entry == entry


def test_the_answer_carries_the_stop_and_target_it_was_sized_with() -> None:
    decision = decide()
    assert (decision.stop_loss, decision.take_profit) == (1.095, 1.115)


@pytest.mark.parametrize(
    ("side", "expected"),
    [("buy", 1.1 - 2 * 0.00333), ("sell", 1.0998 + 2 * 0.00333)],
)
def test_without_a_stop_the_atr_gives_one_on_the_tick_grid_and_never_nearer(side: Any, expected: float) -> None:
    view = make_view(spec=make_spec(trade_tick_size=0.00005, trade_tick_value=5.0), stats=make_stats(atr=0.00333))
    decision = decide(view=view, side=side, stop_loss=None, take_profit=None)
    stop = decision.stop_loss
    assert stop is not None
    assert Decimal(repr(stop)) % Decimal("0.00005") == 0
    away = expected - stop if side == "buy" else stop - expected
    assert -1e-12 <= away < 0.00005


def test_the_atr_stop_is_as_far_as_the_policy_says() -> None:
    view = make_view(stats=make_stats(atr=0.002))
    decision = decide(loose_policy(stop={"atr_multiple": 3.0}), view, stop_loss=None, take_profit=None)
    assert decision.stop_loss == pytest.approx(1.094)


def test_the_stop_of_a_market_order_is_measured_from_where_it_triggers() -> None:
    # A buy's stop is hit by the bid of 1.0998, a sell's by the ask of 1.1: 500 points from there is the least.
    view = make_view(spec=make_spec(trade_stops_level=500))
    assert decide(view=view, stop_loss=1.09479).code is None
    assert decide(view=view, stop_loss=1.0949).code == "stop_too_close"
    assert decide(view=view, stop_loss=1.0949, entry=1.1, order="pending").code is None
    assert decide(view=view, **{**SELL, "stop_loss": 1.1049}).code == "stop_too_close"
    assert decide(view=view, **{**SELL, "stop_loss": 1.10501}).code is None


def test_a_stop_exactly_at_the_brokers_least_distance_is_allowed() -> None:
    # MT5's trade_stops_level is the least distance that is allowed; floats must not make it the first that is not.
    view = make_view(spec=make_spec(trade_stops_level=50))
    refused = []
    for points in range(100_000, 140_000, 997):
        price, stop = points / 100_000, (points - 50) / 100_000
        decision = decide(view=view, quote=Quote(price, price, NOW_MS), stop_loss=stop, take_profit=price + 0.002)
        if decision.code is not None:
            refused.append((price, stop, decision.code))
    assert refused == []


def test_a_stop_as_near_as_the_spread_is_too_close() -> None:
    wide = Quote(1.1, 1.1001, NOW_MS)
    assert decide(quote=wide, stop_loss=1.1, take_profit=1.102).code == "stop_too_close"
    assert decide(quote=wide, stop_loss=1.0999, take_profit=1.102).code is None
    pending = {"order": "pending", "entry": 1.09, "take_profit": 1.1}
    assert decide(quote=wide, stop_loss=1.08995, **pending).code == "stop_too_close"
    assert decide(quote=wide, stop_loss=1.0898, **pending).code is None


def test_the_target_is_measured_from_the_entry_that_is_sized() -> None:
    # 1.75 R at 3:1 from the ask of 1.1; from an entry 10 pips worse it is 140 against 60.
    decision = decide(confidence=50.0, entry=1.101, take_profit=1.115)
    assert decision.factors[0].value == pytest.approx(0.5 * 140 / 60 - 0.5)
