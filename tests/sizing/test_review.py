"""What a review found in the engine: little data that looked independent, netting, unpriced orders, future reports."""

from typing import Any

import pytest

from sizing.book import PricedSymbol, assess
from sizing.decision import Decision
from sizing.engine import size
from sizing.policy import TailPolicy
from sizing.snapshot import Conversion, Exposure, PendingOrder, Quote, Side
from sizing.stats.correlation import Measured, shrink
from tests.builders import NOW_MS, make_account, make_order, make_spec
from tests.sizing.builders import (
    cap_lots,
    cap_of,
    loose_policy,
    make_exposure,
    make_policy,
    make_signal,
    make_snapshot,
    make_stats,
)

NETTING = [0, 1]
"""ENUM_ACCOUNT_MARGIN_MODE: retail netting and exchange."""
HEDGING = 2


# Correlation ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("observations", [3, 10, 20, 59])
@pytest.mark.parametrize("value", [-1.0, 0.0, 0.95])
def test_without_a_prior_few_common_returns_say_nothing(observations: int, value: float) -> None:
    assert shrink(Measured(value, observations, 0.1), None) is None


@pytest.mark.parametrize("observations", [60, 61, 252])
@pytest.mark.parametrize("value", [0.0, 0.1, 0.95])
def test_without_a_prior_enough_common_returns_count_whole(observations: int, value: float) -> None:
    assert shrink(Measured(value, observations, 0.1), None) == value


@pytest.mark.parametrize("observations", [3, 59])
def test_concentration_counts_a_pair_with_too_few_common_returns(observations: int) -> None:
    known = shrink(Measured(0.1, observations, 0.1), None)
    table = {} if known is None else {"EURUSD": {"EURJPY": known}}
    snapshot = make_snapshot(exposures=(make_exposure("EURJPY", risk=100.0),), correlation=table)
    decision = size(make_signal(), snapshot, make_policy())
    assert cap_lots(decision, "concentration") == pytest.approx((750 - 100) / 500)


# Netting -------------------------------------------------------------------------------------------------------------


def decide(margin_mode: int, **over: Any) -> Decision:
    return size(make_signal(), make_snapshot(account=make_account(margin_mode=margin_mode), **over), loose_policy())


@pytest.mark.parametrize("margin_mode", NETTING)
@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("how", ["exposures", "pending", "reserved"])
def test_where_positions_net_a_second_in_the_same_symbol_is_refused(margin_mode: int, side: Side, how: str) -> None:
    decision = decide(margin_mode, **{how: (make_exposure("EURUSD", side, risk=1.0),)})
    assert (decision.code, decision.lots) == ("positions_limit", 0.0)
    assert cap_of(decision, "symbol_positions").detail == "1 of 1"


@pytest.mark.parametrize("margin_mode", NETTING)
@pytest.mark.parametrize("how", ["exposures", "pending", "reserved"])
def test_where_positions_net_one_in_another_symbol_is_no_obstacle(margin_mode: int, how: str) -> None:
    decision = decide(margin_mode, **{how: (make_exposure("XAUUSD", risk=1.0),)})
    assert (decision.code, decision.lots > 0) == (None, True)


@pytest.mark.parametrize("how", ["exposures", "pending", "reserved"])
def test_a_hedging_account_may_add(how: str) -> None:
    decision = decide(HEDGING, **{how: (make_exposure("EURUSD", risk=1.0),)})
    assert (decision.code, decision.lots > 0) == (None, True)


# Orders without a price ----------------------------------------------------------------------------------------------


def pending(order: PendingOrder) -> Exposure:
    priced = PricedSymbol(
        spec=make_spec(), quote=Quote(1.0998, 1.1002, NOW_MS), conversion=Conversion(1.0, 1.1), stats=make_stats()
    )
    book = assess(make_account(), [], [order], {"EURUSD": priced}, TailPolicy()).book
    (exposure,) = book.pending
    return exposure


@pytest.mark.parametrize(("side", "touch", "sl"), [("buy", 1.1002, 1.0952), ("sell", 1.0998, 1.1048)])
def test_an_order_in_flight_is_priced_at_the_quotes_touch(side: Side, touch: float, sl: float) -> None:
    exposure = pending(make_order(side=side, price_open=0.0, sl=sl))
    assert exposure == pending(make_order(side=side, price_open=touch, sl=sl))
    assert exposure.risk == pytest.approx(500.0)
    assert exposure.notional == pytest.approx(touch * 100_000)


def test_an_order_in_flight_without_a_quote_makes_the_book_unpriceable() -> None:
    assert assess(make_account(), [], [make_order(price_open=0.0)], {}, TailPolicy()).book.unpriceable is not None


# Reports from the future ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead_ms", "code"), [(10_000, None), (10_001, "stale_account"), (3_600_000, "stale_account")]
)
def test_an_account_report_from_the_future_is_stale(ahead_ms: int, code: str | None) -> None:
    decision = size(make_signal(), make_snapshot(account_ms=NOW_MS + ahead_ms), make_policy())
    assert decision.code == code
