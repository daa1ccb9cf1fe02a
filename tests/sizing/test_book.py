"""The open book, priced: what every position and pending order could still lose."""

from typing import Any

import pytest

from sizing.book import PricedSymbol, assess, merge
from sizing.policy import TailPolicy
from sizing.snapshot import Book, Conversion, Exposure, PendingOrder, Position, Quote
from sizing.symbols import SymbolClass
from tests.builders import NOW_MS, make_account, make_order, make_position, make_spec
from tests.sizing.builders import NO_GAP, make_stats

STRESS = TailPolicy(no_stop_stress_atr=3.0)
COSTS = SymbolClass(patterns=("*",), commission_per_lot=7.0, slippage_points=5.0)


def priced(name: str = "EURUSD", bid: float = 1.1, ask: float = 1.1, **over: Any) -> PricedSymbol:
    """A symbol without costs whose tail adds nothing."""
    values: dict[str, Any] = {
        "spec": make_spec(name), "quote": Quote(bid, ask, NOW_MS), "conversion": Conversion(1.0, 1.1),
        "stats": make_stats(),
    }  # fmt: skip
    return PricedSymbol(**{**values, **over})


def book(
    *legs: Position | PendingOrder, symbols: dict[str, PricedSymbol] | None = None, tail: TailPolicy | None = None
) -> Book:
    """The book of these legs; EURUSD stands at 1.1 unless the symbols say otherwise."""
    positions = [leg for leg in legs if isinstance(leg, Position)]
    orders = [leg for leg in legs if isinstance(leg, PendingOrder)]
    figures = {"EURUSD": priced()} if symbols is None else symbols
    return assess(make_account(), positions, orders, figures, TailPolicy() if tail is None else tail).book


def only(result: Book) -> Exposure:
    assert result.unpriceable is None
    (exposure,) = result.exposures + result.pending
    return exposure


def test_an_empty_account_has_an_empty_book() -> None:
    assert book() == Book()


def test_a_position_risks_the_way_from_its_current_price_to_its_stop() -> None:
    # Bought at 1.08, now 1.10, stop 1.095: equity has the 200 pips already, 50 are left to lose on two lots.
    exposure = only(book(make_position(volume=2.0, price_open=1.08)))
    assert (exposure.symbol, exposure.side, exposure.positions, exposure.lots) == ("EURUSD", "buy", 1, 2.0)
    assert exposure.risk == pytest.approx(1_000.0)
    assert exposure.worst == pytest.approx(1_000.0)
    assert exposure.notional == pytest.approx(220_000.0)
    assert exposure.margin == 0.0, "its margin is out of the free margin already"


@pytest.mark.parametrize(
    ("side", "sl", "price_current", "bid", "ask", "pips"),
    [
        ("buy", 1.095, 1.1, 1.0990, 1.0991, 50),  # the report is newer and higher
        ("buy", 1.095, 1.1, 1.1020, 1.1021, 70),  # the quote is
        ("sell", 1.105, 1.1, 1.1008, 1.1010, 50),
        ("sell", 1.105, 1.1, 1.0978, 1.0980, 70),
    ],
)
def test_the_distance_counts_from_the_worse_of_report_and_quote(
    side: Any, sl: float, price_current: float, bid: float, ask: float, pips: float
) -> None:
    position = make_position(side=side, sl=sl, price_current=price_current)
    assert only(book(position, symbols={"EURUSD": priced(bid=bid, ask=ask)})).risk == pytest.approx(pips * 10)


@pytest.mark.parametrize(("side", "sl"), [("buy", 1.1001), ("buy", 1.12), ("sell", 1.0999), ("sell", 1.08)])
def test_a_stop_that_has_locked_in_profit_risks_costs_only(side: Any, sl: float) -> None:
    position = make_position(side=side, sl=sl, price_open=1.05 if side == "buy" else 1.15)
    assert only(book(position)).risk == 0.0
    exposure = only(book(position, symbols={"EURUSD": priced(symbol_class=COSTS)}))
    assert exposure.risk == pytest.approx(7 + 5 * 0.00001 * 100_000)


def test_costs_and_gap_are_added() -> None:
    stats = make_stats(tail=NO_GAP._replace(gap_probability=0.01, gap_excess=0.003))
    exposure = only(book(make_position(volume=2.0), symbols={"EURUSD": priced(stats=stats, symbol_class=COSTS)}))
    assert exposure.risk == pytest.approx(2 * (500 + 7 + 5))
    assert exposure.worst == pytest.approx(2 * (500 + 7 + 5 + 300))


def test_without_statistics_the_gap_is_the_policys_percentage_of_the_price() -> None:
    exposure = only(book(make_position(), symbols={"EURUSD": priced(stats=None)}))
    assert exposure.worst - exposure.risk == pytest.approx(0.005 * 110_000)


def test_a_pending_order_risks_the_way_from_its_price_to_its_stop_and_takes_margin() -> None:
    exposure = only(book(make_order(volume_current=0.5)))
    assert exposure.risk == pytest.approx(250.0)
    assert exposure.notional == pytest.approx(0.5 * 109_000)
    assert exposure.margin == pytest.approx(0.5 * 1_100)


def test_a_pending_order_does_not_move_with_the_quote() -> None:
    far = {"EURUSD": priced(bid=1.2, ask=1.2)}
    assert only(book(make_order(), symbols=far)).risk == pytest.approx(500.0)


def test_positions_of_one_side_are_one_exposure_sides_are_two_and_pending_orders_are_apart() -> None:
    result = book(
        make_position(),
        make_order(),
        make_position(ticket=3, side="sell", sl=1.103),
        make_position(ticket=4, volume=0.5),
    )
    long, short = sorted(result.exposures, key=lambda each: each.side)
    assert (long.positions, long.lots) == (2, 1.5)
    assert long.risk == pytest.approx(500 + 250)
    (pending,) = result.pending
    assert (pending.side, pending.positions, pending.lots) == ("buy", 1, 1.0)
    assert (short.positions, short.lots) == (1, 1.0)
    assert short.risk == pytest.approx(300)


def test_merging_adds_every_figure() -> None:
    one = Exposure("EURUSD", "buy", 1, 0.5, 1.0, 2.0, 3.0, 4.0)
    other = Exposure("EURUSD", "buy", 2, 0.25, 10.0, 20.0, 30.0, 40.0)
    assert merge(one, other) == Exposure("EURUSD", "buy", 3, 0.75, 11.0, 22.0, 33.0, 44.0)


@pytest.mark.parametrize("leg", [make_position(sl=None), make_order(sl=None)], ids=["position", "order"])
def test_no_stop_makes_the_book_unpriceable(leg: Any) -> None:
    result = book(make_position(ticket=9), leg)
    assert result.exposures == ()
    assert result.unpriceable is not None
    assert "no stop" in result.unpriceable
    assert str(leg.ticket) in result.unpriceable


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_no_stop_is_stressed_where_the_policy_says_so(side: Any) -> None:
    symbols = {"EURUSD": priced(stats=make_stats(atr_daily=0.01))}
    exposure = only(book(make_position(side=side, sl=None), symbols=symbols, tail=STRESS))
    assert exposure.risk == pytest.approx(3 * 0.01 * 100_000)


@pytest.mark.parametrize("stats", [None, make_stats(), make_stats(atr_daily=0.0)])
def test_stress_needs_a_daily_atr(stats: Any) -> None:
    assert book(make_position(sl=None), symbols={"EURUSD": priced(stats=stats)}, tail=STRESS).unpriceable is not None


def test_stress_never_falls_below_a_price_of_one_tick() -> None:
    symbols = {"EURUSD": priced(stats=make_stats(atr_daily=1.0))}
    exposure = only(book(make_position(sl=None), symbols=symbols, tail=STRESS))
    assert exposure.risk == pytest.approx((1.1 - 0.00001) * 100_000)


@pytest.mark.parametrize("leg", [make_position(symbol="GBPUSD"), make_order(symbol="GBPUSD")])
def test_a_symbol_without_figures_makes_the_book_unpriceable(leg: Any) -> None:
    result = book(make_position(ticket=9), leg)
    assert result.unpriceable is not None
    assert "GBPUSD" in result.unpriceable


def test_a_symbol_whose_money_cannot_be_computed_makes_the_book_unpriceable() -> None:
    spec = make_spec(currency_profit="XYZ", trade_tick_value=0.0)
    symbols = {"EURUSD": priced(spec=spec, conversion=Conversion(None, 1.0))}
    assert book(make_position(), symbols=symbols).unpriceable is not None


def test_a_yen_pair_is_converted_at_its_stop() -> None:
    symbols = {"USDJPY": priced("USDJPY", 150.0, 150.0, conversion=Conversion(1 / 150, 1.0))}
    position = make_position(symbol="USDJPY", price_current=150.0, sl=149.5)
    assert only(book(position, symbols=symbols)).risk == pytest.approx(334.448, abs=0.001)


def test_an_index_moves_by_its_tick_value() -> None:
    symbols = {"US30": priced("US30", 40_000.0, 40_000.0, conversion=Conversion(1.0, 1.0))}
    exposure = only(book(make_position(symbol="US30", price_current=40_000.0, sl=39_900.0), symbols=symbols))
    assert (exposure.risk, exposure.notional) == pytest.approx((10.0, 4_000.0))
