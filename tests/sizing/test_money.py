"""Money per lot by calc mode, against tables worked out by hand from MT5's documentation."""

import dataclasses
from typing import Any

import pytest

from sizing import money
from sizing.engine import size
from sizing.snapshot import Conversion, MoneyCheck, Quote, SymbolSpec
from sizing.symbols import SymbolClass
from tests.builders import NOW_MS, at, make_account, make_spec
from tests.sizing.builders import (
    NO_FIRM,
    loose_policy,
    make_policy,
    make_signal,
    make_snapshot,
    make_stats,
    make_view,
)

USD = Conversion(1.0, 1.0)


def make_mode(mode: int, **over: Any) -> SymbolSpec:
    """A symbol quoted in USD, without tick values, whose contract is 100 units."""
    values: dict[str, Any] = {
        "trade_calc_mode": mode, "trade_contract_size": 100.0, "trade_tick_size": 0.01, "point": 0.01,
        "trade_tick_value": 0.0, "currency_base": "USD", "currency_profit": "USD", "currency_margin": "USD",
    }  # fmt: skip
    return make_spec("ANY", **{**values, **over})


# Loss, margin and face value of one lot from 250 to 245 at leverage 50, by mode -------------------------------------

QUARTER_TICKS = {"trade_tick_size": 0.25, "trade_tick_value": 12.5}
TABLE = [
    # name, spec, loss, margin, notional
    ("forex", make_mode(0), 500.0, 100 * 1 / 50, 25_000.0),
    ("forex, no leverage", make_mode(5), 500.0, 100.0, 25_000.0),
    ("CFD", make_mode(2), 500.0, 25_000.0, 25_000.0),
    ("CFD index", make_mode(3, trade_tick_size=0.5, trade_tick_value=2.0), 20.0, 100 * 250 * 4.0, 1_000.0),
    ("CFD leverage", make_mode(4), 500.0, 500.0, 25_000.0),
    ("futures", make_mode(1, **QUARTER_TICKS, margin_initial=6_000.0), 250.0, 6_000.0, 12_500.0),
    ("exchange stocks", make_mode(32), 500.0, 25_000.0, 25_000.0),
    ("exchange futures", make_mode(33, **QUARTER_TICKS, margin_initial=600.0), 250.0, 600.0, 12_500.0),
    ("exchange bonds", make_mode(37, trade_face_value=10.0), 50.0, 2_500.0, 2_500.0),
    ("MOEX stocks", make_mode(38), 500.0, 25_000.0, 25_000.0),
    ("MOEX bonds", make_mode(39, trade_face_value=10.0), 50.0, 2_500.0, 2_500.0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "loss", "margin", "notional"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_one_lot_by_calc_mode(spec: SymbolSpec, loss: float, margin: float, notional: float) -> None:
    assert money.loss_per_lot(spec, "USD", USD, 250.0, 245.0) == pytest.approx(loss)
    assert money.loss_per_lot(spec, "USD", USD, 245.0, 250.0) == pytest.approx(loss)
    assert money.margin_per_lot(spec, "buy", USD, 250.0, 50) == pytest.approx(margin)
    assert money.notional_per_lot(spec, USD, 250.0) == pytest.approx(notional)


def test_the_dow_with_a_tick_value_of_a_tenth_moves_a_tenth_a_point() -> None:
    # WS30: contract 1, tick size 1, tick value 0.1. 100 points are 10 a lot, the margin is price * 0.1.
    spec = make_spec("US30")
    assert money.loss_per_lot(spec, "USD", USD, 40_000.0, 39_900.0) == pytest.approx(10.0)
    assert money.margin_per_lot(spec, "buy", USD, 40_000.0, 100) == pytest.approx(4_000.0)
    assert money.notional_per_lot(spec, USD, 40_000.0) == pytest.approx(4_000.0)


def test_usdjpy_from_150_to_149_5_loses_334_45_converted_at_the_stop() -> None:
    spec = make_spec("USDJPY", trade_tick_value=0.0)
    conversion = Conversion(1 / 150, 1.0)
    assert money.loss_per_lot(spec, "USD", conversion, 150.0, 149.5) == pytest.approx(334.448, abs=0.001)
    # Upwards the yen is worth less at the stop.
    assert money.loss_per_lot(spec, "USD", conversion, 150.0, 150.5) == pytest.approx(332.226, abs=0.001)


def test_the_tick_value_counts_where_it_is_the_worse_of_the_two_sources() -> None:
    spec = make_spec("USDJPY", trade_tick_value=0.67)
    assert money.loss_per_lot(spec, "USD", Conversion(1 / 150, 1.0), 150.0, 150.5) == pytest.approx(335.0)


def test_a_yen_cross_converts_through_the_pair_at_hand() -> None:
    # EURJPY 160 to 159 in USD: 100,000 yen at 1 / 149.9.
    spec = make_spec("EURJPY", trade_tick_value=0.0)
    conversion = Conversion(1 / 149.9, 1.08)
    assert money.loss_per_lot(spec, "USD", conversion, 160.0, 159.0) == pytest.approx(667.11, abs=0.005)
    assert money.notional_per_lot(spec, conversion, 160.0) == pytest.approx(106_737.8, abs=0.1)
    assert money.margin_per_lot(spec, "buy", conversion, 160.0, 100) == pytest.approx(1_080.0)


def test_eurgbp_in_usd_and_in_gbp() -> None:
    spec = make_spec("EURGBP", currency_profit="GBP", trade_tick_value=0.0)
    assert money.loss_per_lot(spec, "USD", Conversion(1.26, 1.1), 0.87, 0.865) == pytest.approx(630.0)
    assert money.loss_per_lot(spec, "GBP", Conversion(None, 0.87), 0.87, 0.865) == pytest.approx(500.0)
    # EURGBP in EUR: the base is the account's currency, so the stop's own rate converts.
    assert money.loss_per_lot(spec, "EUR", Conversion(None, 1.0), 0.87, 0.865) == pytest.approx(500 / 0.865)


def test_a_base_in_account_currency_converts_at_its_price_in_forex_only() -> None:
    # An index in USD on a EUR account whose base currency the broker calls EUR is no exchange rate.
    spec = make_spec("US30", trade_calc_mode=4, currency_base="EUR", trade_tick_value=0.0)
    assert money.rate_at(spec, "EUR", Conversion(0.9, 1.0), 40_000.0) == 0.9


def test_an_unknown_currency_leaves_the_terminals_tick_value() -> None:
    spec = make_spec("EURUSD", currency_profit="XYZ", trade_tick_value=2.0)
    assert money.loss_per_lot(spec, "USD", Conversion(None, 1.0), 1.1, 1.095) == pytest.approx(1_000.0)


def test_an_unknown_currency_without_a_tick_value_has_no_loss() -> None:
    spec = make_spec("EURUSD", currency_profit="XYZ", trade_tick_value=0.0)
    assert money.loss_per_lot(spec, "USD", Conversion(None, 1.0), 1.1, 1.095) is None
    assert money.notional_per_lot(spec, Conversion(None, 1.0), 1.1) is None


@pytest.mark.parametrize("mode", [34, 36, 64, 99])
def test_a_mode_that_is_not_traded_here_has_no_money(mode: int) -> None:
    spec = make_mode(mode)
    assert money.loss_per_lot(spec, "USD", USD, 250.0, 245.0) is None
    assert money.margin_per_lot(spec, "buy", USD, 250.0, 50) is None


@pytest.mark.parametrize("field", ["trade_tick_value", "trade_tick_value_profit", "trade_tick_value_loss"])
def test_the_worst_of_the_tick_values_counts(field: str) -> None:
    values: dict[str, Any] = {"trade_tick_value": 1.0, "trade_tick_value_profit": 1.0, "trade_tick_value_loss": 1.0}
    spec = make_spec(**{**values, field: 1.01})
    assert money.tick_unit(spec) == pytest.approx(101_000.0)


# Margin ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0, 1, 2, 3, 4, 5, 32, 33, 37])
def test_a_margin_initial_overrides_every_formula(mode: int) -> None:
    spec = make_mode(mode, margin_initial=1_234.0, trade_tick_value=1.0, trade_face_value=10.0)
    assert money.margin_per_lot(spec, "buy", USD, 250.0, 50) == pytest.approx(1_234.0)
    assert money.margin_per_lot(spec, "buy", Conversion(1.0, 1.1), 250.0, 50) == pytest.approx(1_357.4)


def test_the_maintenance_margin_is_not_the_initial_one() -> None:
    spec = make_mode(2, margin_maintenance=1.0)
    assert money.margin_per_lot(spec, "buy", USD, 250.0, 50) == pytest.approx(25_000.0)


@pytest.mark.parametrize("mode", [1, 33])
def test_futures_without_an_initial_margin_cannot_be_margined(mode: int) -> None:
    assert money.margin_per_lot(make_mode(mode, trade_tick_value=1.0), "buy", USD, 250.0, 50) is None


@pytest.mark.parametrize(("side", "expected"), [("buy", 50_000.0), ("sell", 12_500.0)])
def test_the_margin_rate_of_the_side_multiplies(side: Any, expected: float) -> None:
    spec = make_mode(2, margin_rate_buy=2.0, margin_rate_sell=0.5)
    assert money.margin_per_lot(spec, side, USD, 250.0, 50) == pytest.approx(expected)
    override = dataclasses.replace(spec, margin_initial=1_000.0)
    assert money.margin_per_lot(override, side, USD, 250.0, 50) == pytest.approx(expected / 25)


def test_a_margin_rate_of_zero_means_that_the_terminal_did_not_say() -> None:
    assert money.margin_per_lot(make_mode(2, margin_rate_buy=0.0), "buy", USD, 250.0, 50) == pytest.approx(25_000.0)


def test_forex_margin_is_the_contract_in_the_margin_currency() -> None:
    # GBPJPY on a USD account at 1:30: 100,000 GBP at 1.26.
    spec = make_spec("GBPJPY", currency_base="GBP", currency_profit="JPY", currency_margin="GBP")
    assert money.margin_per_lot(spec, "buy", Conversion(1 / 150, 1.26), 189.0, 30) == pytest.approx(4_200.0)


# Two sources -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tick_value", "agree"),
    [(1.0, True), (1.02, True), (1.0205, False), (0.9801, True), (0.9799, False), (10.0, False), (0.1, False)],
)
def test_formula_and_tick_value_may_differ_by_two_percent(tick_value: float, agree: bool) -> None:
    decision = size(make_signal(), make_snapshot(spec=make_spec(trade_tick_value=tick_value)), make_policy())
    assert decision.code == (None if agree else "money_mismatch")


def test_nzdchf_with_a_tick_value_ten_times_too_large_is_refused() -> None:
    spec = make_spec(
        "NZDCHF", currency_base="NZD", currency_profit="CHF", currency_margin="NZD", trade_tick_value=11.2,
    )  # fmt: skip
    snapshot = make_snapshot(spec=spec, quote=Quote(0.52, 0.52, NOW_MS), conversion=Conversion(1.12, 0.6))
    decision = size(make_signal(symbol="NZDCHF", stop_loss=0.515, take_profit=0.535), snapshot, make_policy())
    assert (decision.code, decision.lots) == ("money_mismatch", 0.0)
    right = dataclasses.replace(spec, trade_tick_value=1.12, trade_tick_value_profit=1.12, trade_tick_value_loss=1.12)
    snapshot = dataclasses.replace(snapshot, symbol=dataclasses.replace(snapshot.symbol, spec=right))
    assert size(make_signal(symbol="NZDCHF", stop_loss=0.515, take_profit=0.535), snapshot, make_policy()).lots > 0


def code_of(
    spec: SymbolSpec, price: float, conversion: Conversion, checked: bool = False, mismatch: str | None = None
) -> str | None:
    """What the engine says to a buy with a stop 1 % below and a target 3 % above."""
    view = make_view(spec=spec, checked=checked, mismatch=mismatch)
    snapshot = make_snapshot(view=view, quote=Quote(price, price, NOW_MS), conversion=conversion, firm=NO_FIRM)
    signal = make_signal(symbol=spec.name, stop_loss=price * 0.99, take_profit=price * 1.03)
    return size(signal, snapshot, loose_policy()).code


def test_a_tick_value_alone_is_trusted_only_when_the_terminal_confirmed_it() -> None:
    spec = make_spec(currency_profit="XYZ", trade_tick_value=1.0)
    assert code_of(spec, 1.1, Conversion(None, 1.1), checked=False) == "money_mismatch"
    assert code_of(spec, 1.1, Conversion(None, 1.1), checked=True) is None


def test_the_formula_alone_is_enough_where_the_terminal_gives_no_tick_value() -> None:
    assert code_of(make_spec(trade_tick_value=0.0), 1.1, Conversion(1.0, 1.1)) is None


def test_a_contradiction_found_outside_is_told() -> None:
    assert code_of(make_spec(), 1.1, Conversion(1.0, 1.1), mismatch="500 here, 5 there") == "money_mismatch"


@pytest.mark.parametrize("mode", [1, 3, 33])
def test_a_mode_that_lives_on_tick_values_needs_one(mode: int) -> None:
    assert code_of(make_mode(mode, margin_initial=100.0), 250.0, USD, checked=True) == "money_mismatch"
    spec = make_mode(mode, margin_initial=100.0, trade_tick_value=1.0)
    # The tick value is the only source then, so the terminal's own calculation must have confirmed it.
    assert code_of(spec, 250.0, USD) == "money_mismatch"
    assert code_of(spec, 250.0, USD, checked=True) is None


@pytest.mark.parametrize("mode", [37, 39])
def test_bonds_without_a_face_value_cannot_be_trusted(mode: int) -> None:
    assert code_of(make_mode(mode), 250.0, USD, checked=True) == "money_mismatch"
    assert code_of(make_mode(mode, trade_face_value=10.0), 250.0, USD) is None


@pytest.mark.parametrize("mode", [34, 36, 64, 99])
def test_a_mode_that_is_not_traded_here_is_refused_even_with_a_tick_value(mode: int) -> None:
    assert code_of(make_mode(mode, trade_tick_value=1.0), 250.0, USD, checked=True) == "money_mismatch"


@pytest.mark.parametrize("mode", [1, 33])
def test_futures_without_an_initial_margin_are_refused(mode: int) -> None:
    assert code_of(make_mode(mode, trade_tick_value=1.0), 250.0, USD, checked=True) == "money_mismatch"


CHECK = MoneyCheck("EURUSD", "buy", 1.1, 1.095, -500.0, 1_100.0)


@pytest.mark.parametrize(
    ("profit", "margin", "agree"),
    [
        (-500.0, 1_100.0, True), (500.0, 1_100.0, True), (-509.0, 1_100.0, True), (-511.0, 1_100.0, False),
        (-491.0, 1_100.0, True), (-489.0, 1_100.0, False), (-500.0, 1_122.0, True), (-500.0, 1_123.0, False),
        (-500.0, 1_077.0, False), (None, 1_100.0, True), (-500.0, None, True), (None, None, True), (0.0, None, False),
    ],
)  # fmt: skip
def test_the_terminals_own_calculation_may_differ_by_two_percent(
    profit: float | None, margin: float | None, agree: bool
) -> None:
    check = CHECK._replace(profit=profit, margin=margin)
    why = money.check_disagrees(make_spec(), check, "USD", Conversion(1.0, 1.1), 100, 2.0)
    assert (why is None) is agree


def test_what_cannot_be_computed_disagrees_with_the_terminal() -> None:
    spec = make_spec(currency_profit="XYZ", trade_tick_value=0.0)
    assert money.check_disagrees(spec, CHECK, "USD", Conversion(None, 1.1), 100, 2.0) is not None


def test_a_pending_order_far_from_the_market_is_not_taken_for_a_mismatch() -> None:
    # USDJPY stands at 150, where formula (666.67) and tick value (0.6667 / 0.001) agree. An order 3 % above the market
    # does not make the two sources disagree: the tick value is the terminal's at today's rate, not at the order's.
    spec = make_spec("USDJPY")
    snapshot = make_snapshot(spec=spec, quote=Quote(150.0, 150.0, NOW_MS), conversion=Conversion(1 / 150, 1.0))
    market = make_signal(symbol="USDJPY", side="sell", stop_loss=151.0, take_profit=147.0)
    assert size(market, snapshot, loose_policy()).code is None
    pending = dataclasses.replace(market, order="pending", entry=154.5, stop_loss=155.5, take_profit=151.5)
    assert size(pending, snapshot, loose_policy()).code is None


# Swaps -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0, 0.0),  # disabled
        (1, 5 * 0.00001 * 100_000),  # points
        (2, 5 * 1.1),  # 5 EUR, the base currency
        (3, 5 * 1.1),  # 5 EUR, the margin currency
        (4, 5.0),  # account currency
        (5, 0.05 / 360 * 110_000),  # percent a year of the current price
        (6, 0.05 / 360 * 110_000),  # percent a year of the opening price
        (7, 5.0),  # points by reopening at the close
        (8, 5.0),  # points by reopening at the bid
    ],
)
def test_one_nights_swap_by_mode(mode: int, expected: float) -> None:
    spec = make_spec(swap_mode=mode, swap_long=-5.0, swap_short=3.0)
    conversion = Conversion(1.0, 1.1)
    assert money.swap_per_lot(spec, "buy", conversion, 1.1) == pytest.approx(expected)
    assert money.swap_per_lot(spec, "sell", conversion, 1.1) == 0.0, "a swap that earns is no credit"


def test_a_swap_in_the_base_currency_of_an_index_is_that_many_dollars() -> None:
    # CFDs often have one currency for base, profit and margin: 5 USD a lot are 5 USD, not 5 times the price.
    spec = make_spec("US30", swap_mode=2, swap_long=-5.0)
    assert money.swap_per_lot(spec, "buy", USD, 40_000.0) == pytest.approx(5.0)


WEDNESDAY_MIDNIGHT = at("2026-03-05 00:00:00")  # the night from Wednesday to Thursday, charged three times
NIGHT = 5.0
"""5 points of a EURUSD lot."""


def stop_loss_per_lot(now: str, horizon_minutes: int, rollover_ms: int | None, **spec: Any) -> float:
    now_ms = at(now)
    snapshot = make_snapshot(
        now_ms=now_ms, account_ms=now_ms, spec_ms=now_ms, quote=Quote(1.1, 1.1, now_ms), next_rollover_ms=rollover_ms,
        firm=NO_FIRM,
        view=make_view(
            spec=make_spec(swap_mode=1, swap_long=-5.0, **spec), stats=make_stats(as_of_ms=now_ms)
        ),
    )  # fmt: skip
    return size(make_signal(horizon_minutes=horizon_minutes), snapshot, loose_policy()).stop_loss_per_lot


@pytest.mark.parametrize(
    ("now", "horizon_minutes", "rollover", "nights"),
    [
        ("2026-03-02 10:00:00", 13 * 60, "2026-03-03 00:00:00", 0),  # closed before midnight
        ("2026-03-02 10:00:00", 14 * 60, "2026-03-03 00:00:00", 1),  # Monday's
        ("2026-03-02 10:00:00", 38 * 60, "2026-03-03 00:00:00", 2),  # Monday's and Tuesday's
        ("2026-03-02 10:00:00", 62 * 60, "2026-03-03 00:00:00", 5),  # and Wednesday's, which is triple
        ("2026-03-04 10:00:00", 14 * 60, "2026-03-05 00:00:00", 3),  # Wednesday's alone
        ("2026-03-05 10:00:00", 14 * 60, "2026-03-06 00:00:00", 1),  # Thursday's
        ("2026-03-04 10:00:00", 12 * 60, "2026-03-04 22:00:00", 3),  # the broker's midnight two hours earlier
        ("2026-03-04 10:00:00", 11 * 60, "2026-03-04 21:00:00", 3),  # and three
    ],
)
def test_the_expected_nights_are_charged_and_the_triple_day_three_times(
    now: str, horizon_minutes: int, rollover: str, nights: int
) -> None:
    assert stop_loss_per_lot(now, horizon_minutes, at(rollover)) == pytest.approx(500 + NIGHT * nights)


def test_the_triple_day_is_the_brokers_also_west_of_greenwich() -> None:
    # A broker at UTC-5 ends its Wednesday on Thursday at 05:00 UTC, and its Tuesday on Wednesday at 05:00 UTC.
    wednesday = stop_loss_per_lot("2026-03-04 12:00:00", 18 * 60, at("2026-03-05 05:00:00"))
    tuesday = stop_loss_per_lot("2026-03-03 12:00:00", 18 * 60, at("2026-03-04 05:00:00"))
    assert (wednesday, tuesday) == pytest.approx((500 + 3 * NIGHT, 500 + NIGHT))


@pytest.mark.parametrize("day", range(7))
def test_the_triple_day_may_be_any_day(day: int) -> None:
    # 1 March 2026 is a Sunday, day 0.
    charged = [
        stop_loss_per_lot(
            f"2026-03-0{date} 12:00:00", 12 * 60, at(f"2026-03-0{date + 1} 00:00:00"), swap_rollover3days=day
        )
        for date in range(1, 8)
    ]
    assert charged == pytest.approx([500 + NIGHT * (3 if date == day else 1) for date in range(7)])


def test_without_a_rollover_no_swap_is_expected() -> None:
    assert stop_loss_per_lot("2026-03-04 10:00:00", 100_000, None) == pytest.approx(500.0)


# Costs -------------------------------------------------------------------------------------------------------------


def test_the_loss_at_the_stop_holds_distance_spread_slippage_commission_and_swap() -> None:
    limits = SymbolClass(patterns=("*",), commission_per_lot=7.0, slippage_points=5.0)
    view = make_view(spec=make_spec(swap_mode=4, swap_long=-2.0), symbol_class=limits)
    snapshot = make_snapshot(view=view, quote=Quote(1.0998, 1.1, NOW_MS), next_rollover_ms=WEDNESDAY_MIDNIGHT)
    # Wednesday 10:00 with a day's horizon: 500 + 1.5 spreads of 20 + 5 points + 7 + 3 * 2.
    policy = make_policy(cost={"spread_allowance": 1.5})
    assert size(make_signal(), snapshot, policy).stop_loss_per_lot == pytest.approx(500 + 30 + 5 + 7 + 6)


def test_usdjpy_is_sized_with_the_rate_at_its_stop() -> None:
    view = make_view(spec=make_spec("USDJPY"))
    snapshot = make_snapshot(
        account=make_account(), view=view, quote=Quote(150.0, 150.0, NOW_MS), conversion=Conversion(1 / 150, 1.0)
    )
    decision = size(make_signal(symbol="USDJPY", stop_loss=149.5, take_profit=151.5), snapshot, make_policy())
    assert decision.stop_loss_per_lot == pytest.approx(334.448, abs=0.001)
    assert decision.notional_per_lot == pytest.approx(100_000.0, rel=1e-3)
