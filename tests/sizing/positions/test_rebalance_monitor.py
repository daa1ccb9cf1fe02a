"""Limits watched, halts, resumption, and the figures about what was done: known values by hand."""

import math
from dataclasses import replace

import pytest

from sizing.positions.rebalance import Entry, Given, Guard, Order, Report, attribution, measure, quality, resume, watch
from sizing.positions.rebalance.exposure import clusters, sector_of
from sizing.positions.rebalance.monitor import Size
from sizing.positions.rebalance.rules import ClassLimits, EmergencyRules, Limits
from sizing.positions.state import State
from tests.builders import NOW_MS
from tests.sizing.positions.rebalance_scene import GIVEN, WIDE, make_held, make_market, make_rules, make_state

DEFAULTS = make_rules(limits=Limits())


def held(**lots: float) -> State:
    """Positions by symbol, negative for sells; a lot is 1 % of equity."""
    positions = [
        make_held(symbol, abs(size), "buy" if size > 0 else "sell", ticket=ticket)
        for ticket, (symbol, size) in enumerate(lots.items(), start=1)
    ]
    return make_state(*positions)


def size_of(state: State, name: str, given: Given = GIVEN, rules: object = DEFAULTS) -> Size:
    return next(each for each in measure(state, rules, given).sizes if each.name == name)  # type: ignore[arg-type]


def test_gross_net_sector_cluster_and_class_are_measured() -> None:
    state = held(A=30.0, B=-12.0)
    assert size_of(state, "gross").value == pytest.approx(0.42)
    assert size_of(state, "net").value == pytest.approx(0.18)
    assert size_of(state, "position A") == Size("position", "A", pytest.approx(30.0), 5.0)
    assert size_of(state, "sector stocks") == Size("sector", "stocks", pytest.approx(42.0), 20.0)
    twins = replace(GIVEN, correlations={"A": {"B": -0.8}})
    assert size_of(state, "cluster A B", twins) == Size("cluster", "A B", pytest.approx(42.0), 30.0)
    rules = replace(DEFAULTS, classes={"stocks": ClassLimits(max_leverage=0.4, margin_pct=5.0)})
    assert not size_of(state, "asset_class stocks margin", rules=rules).breached
    assert size_of(state, "asset_class stocks leverage", rules=rules).breached


def test_var_95_of_two_positions() -> None:
    # 30 % and 40 % of equity at 1 % and 2 % a day: deviations of 0.3 and 0.8; 1.645 standard deviations of the sum.
    given = replace(GIVEN, volatility_pct={"A": 1.0, "B": 2.0})
    state = held(A=30.0, B=40.0)

    def var(state: State, correlation: float | None) -> float | None:
        table = {} if correlation is None else {"B": {"A": correlation}}
        return size_of(state, "var_95", replace(given, correlations=table)).value

    assert var(state, 0.0) == pytest.approx(1.644854 * math.sqrt(0.09 + 0.64))
    assert var(state, 1.0) == pytest.approx(1.644854 * 1.1)
    assert var(state, -1.0) == pytest.approx(1.644854 * 0.5)
    assert var(state, None) == pytest.approx(1.644854 * 1.1)
    # A short against a long: what is not known still adds up.
    assert var(held(A=30.0, B=-40.0), None) == pytest.approx(1.644854 * 1.1)
    assert var(held(A=30.0, B=-40.0), 1.0) == pytest.approx(1.644854 * 0.5)


def test_var_is_not_known_without_a_volatility() -> None:
    state = make_state(make_held("A"), markets={"A": make_market("A", volatility_pct=None)})
    metrics = measure(state, DEFAULTS, GIVEN)
    assert metrics.var_95_pct is None
    assert [each.rule for each in metrics.unknown] == ["var_95", "disruption"]


def test_daily_drawdown_is_counted_from_the_days_start() -> None:
    given = replace(GIVEN, day_start_equity=110_000.0)
    assert measure(make_state(), DEFAULTS, given).drawdown_pct == pytest.approx(9.0909, abs=1e-4)
    assert measure(make_state(drawdown_pct=3.0), DEFAULTS, replace(given, day_start_equity=None)).drawdown_pct == 3.0
    assert measure(make_state(equity=120_000.0), DEFAULTS, given).drawdown_pct == 0.0


@pytest.mark.parametrize("equity", [0.0, -1.0, math.nan])
def test_without_equity_whatever_is_held_is_too_much(equity: float) -> None:
    state = replace(held(A=1.0), equity=equity)
    assert {"gross", "net", "position"} <= {each.rule for each in measure(state, DEFAULTS, GIVEN).breaches}


@pytest.mark.parametrize(("daily", "halts"), [(4.99, False), (5.0, True)])
def test_a_daily_volatility_of_5_percent_is_a_disruption(daily: float, halts: bool) -> None:
    given = replace(GIVEN, volatility_pct={"B": daily})
    seen = watch(Guard(), DEFAULTS, make_state(), given, symbols=("B",))
    assert (seen.guard.mode == "halted", seen.wants) == (halts, "none")
    rules = replace(DEFAULTS, emergency=EmergencyRules(disruption="close"))
    assert watch(Guard(), rules, make_state(), given, symbols=("B",)).wants == ("close" if halts else "none")


def test_a_breach_is_told_once_and_so_is_its_end() -> None:
    first = watch(Guard(), DEFAULTS, held(A=6.0), GIVEN)
    assert [(event.kind, event.symbol) for event in first.events] == [("breach", "A")]
    assert first.guard.mode == "normal"
    again = watch(first.guard, DEFAULTS, held(A=6.0), GIVEN)
    assert (again.events, again.guard) == ((), first.guard)
    assert [event.kind for event in watch(again.guard, DEFAULTS, held(A=4.0), GIVEN).events] == ["breach_ended"]


def test_a_halt_lasts_until_somebody_resumes_and_then_smaller_limits_hold_for_a_while() -> None:
    rules = make_rules(limits=replace(WIDE, gross=0.05), emergency=EmergencyRules(gross="reduce"))
    too_much = watch(Guard(), rules, held(A=6.0), GIVEN)
    assert (too_much.guard.mode, too_much.wants) == ("halted", "reduce")
    after = watch(too_much.guard, rules, held(A=3.0), GIVEN)
    assert (after.guard.mode, after.wants) == ("halted", "none")

    guard = resume(after.guard, rules, NOW_MS)
    assert (guard.mode, guard.factor, guard.until_ms) == ("limited", 0.5, NOW_MS + 1440 * 60_000)
    assert resume(Guard(), rules, NOW_MS) == Guard()
    later = watch(guard, rules, replace(held(A=3.0), now_ms=guard.until_ms), GIVEN)
    assert later.guard == Guard()


def test_a_breach_that_lasts_does_not_halt_what_was_resumed_until_it_has_ended_once() -> None:
    rules = make_rules(limits=replace(WIDE, gross=0.05), emergency=EmergencyRules(gross="halt"))
    halted = watch(Guard(), rules, held(A=6.0), GIVEN).guard
    resumed = watch(resume(halted, rules, NOW_MS), rules, held(A=6.0), GIVEN).guard
    assert resumed.mode == "limited"
    ended = watch(resumed, rules, held(A=4.0), GIVEN).guard
    assert ended.mode == "limited"
    assert watch(ended, rules, held(A=6.0), GIVEN).guard.mode == "halted"


def test_clusters_link_by_way_of_others_and_what_is_not_known_links() -> None:
    table = {"A": {"B": 0.7, "C": 0.1, "D": 0.0}, "B": {"C": -0.75, "D": 0.0}, "C": {"D": 0.69}}
    assert clusters("DCBA", table, 0.7) == (("A", "B", "C"), ("D",))
    assert clusters("AB", {}, 0.7) == (("A", "B"),)


def test_the_longest_pattern_names_the_sector() -> None:
    rules = make_rules(sectors={"all": ("A*",), "tech": ("AAPL*",)})
    assert sector_of("AAPL.us", rules, "stocks") == "tech"
    assert sector_of("AMZN.us", rules, "stocks") == "all"
    assert sector_of("XAUUSD", rules, "gold") == "gold"
    assert sector_of("XAUUSD", rules, "") == "unknown"


def make_order(**over: object) -> Order:
    values: dict[str, object] = {
        "key": "k", "symbol": "A", "ticket": 0, "kind": "open", "side": "buy", "moves": 1, "lots": 2.0,
        "rule": "rebalance", "strategy": "trend", "price": 10.0, "money_per_price": 100.0, "notional_per_lot": 1_000.0,
        "margin": 0.0, "given_ms": NOW_MS, "expires_ms": NOW_MS + 60_000,
    }  # fmt: skip
    return Order(**{**values, **over})  # type: ignore[arg-type]


@pytest.mark.parametrize(("moves", "price", "bps", "cost"), [(1, 10.01, 10.0, 4.5), (-1, 10.01, -10.0, 1.5)])
def test_slippage_is_positive_where_the_price_was_worse(moves: int, price: float, bps: float, cost: float) -> None:
    # 0.01 of price on 1.5 lots of 100 a lot is 1.5; commission is 3.
    report = Report(key="k", status="done", time_ms=NOW_MS + 250, lots=1.5, price=price, cost=3.0)
    figures = quality(make_order(moves=moves, report=report))
    assert figures.slippage_bps == pytest.approx(bps)
    assert figures.cost == pytest.approx(cost)
    assert (figures.fill_rate, figures.latency_ms) == (0.75, 250)


def test_an_order_that_nobody_reported_has_no_price_and_no_latency() -> None:
    figures = quality(make_order(filled=2.0))
    assert (figures.fill_rate, figures.slippage_bps, figures.latency_ms, figures.cost) == (1.0, None, None, None)


def test_profit_is_attributed_three_times_and_adds_up() -> None:
    entries = (Entry("A", "r1", "s", 10.0, 1.0), Entry("B", "r1", "t", -4.0, 1.0), Entry("A", "r2", "t", 5.0))
    found = attribution(entries)
    assert [(each.name, each.pieces, each.profit, each.cost) for each in found.symbols] == [
        ("A", 2, 15.0, 1.0),
        ("B", 1, -4.0, 1.0),
    ]
    assert [(each.name, each.net) for each in found.rules] == [("r1", 4.0), ("r2", 5.0)]
    assert [(each.name, each.net) for each in found.strategies] == [("s", 9.0), ("t", 0.0)]
    assert attribution(()) == ((), (), ())


def test_the_defaults_are_the_issues() -> None:
    limits = Limits()
    assert (limits.position_pct, limits.sector_pct, limits.cluster_pct) == (5.0, 20.0, 30.0)
    assert (limits.gross, limits.net, limits.turnover_pct, limits.daily_drawdown_pct) == (2.0, 1.0, 50.0, 10.0)
    assert EmergencyRules().disruption_pct == 5.0
