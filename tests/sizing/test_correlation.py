"""Hedges are credited, unknown pairs lose together, and the lookup goes by canonical names."""

import dataclasses
import tomllib
from pathlib import Path

import pytest

import tests
from sizing.correlation import signed_correlations, with_book
from sizing.engine import size
from sizing.snapshot import Exposure, Side
from sizing.stats.correlation import shrink
from sizing.symbols import SymbolClass, SymbolTable
from tests.builders import make_spec
from tests.sizing.builders import (
    NO_FIRM,
    cap_lots,
    factor_of,
    loose_policy,
    make_exposure,
    make_policy,
    make_signal,
    make_snapshot,
)


def factor(*exposures: Exposure, table: dict[str, dict[str, float]] | None = None, side: Side = "buy") -> float:
    signal = make_signal(side=side) if side == "buy" else make_signal(side=side, stop_loss=1.105, take_profit=1.085)
    snapshot = make_snapshot(exposures=exposures, correlation=table or {})
    return factor_of(size(signal, snapshot, make_policy()), "diversification").value


KNOWN = {"EURUSD": {"GBPUSD": 0.8}, "GBPUSD": {"EURUSD": 0.8}}


def test_a_hedge_of_the_open_book_is_credited_and_not_counted_in_concentration() -> None:
    for hedge in (make_exposure("EURUSD", "sell", risk=700.0), make_exposure("GBPUSD", "sell", risk=700.0)):
        decision = size(make_signal(), make_snapshot(exposures=(hedge,), correlation=KNOWN), make_policy())
        assert factor_of(decision, "diversification").value > 1
        assert cap_lots(decision, "concentration") == pytest.approx(750 / 500)
        assert decision.lots > 0


def test_a_hedged_book_gets_more_lots_than_an_empty_one_and_a_doubled_one_fewer() -> None:
    policy = loose_policy()

    def lots(*exposures: Exposure) -> float:
        return size(make_signal(), make_snapshot(exposures=exposures, correlation=KNOWN, firm=NO_FIRM), policy).lots

    assert lots(make_exposure("GBPUSD", "sell")) > lots() > lots(make_exposure("GBPUSD", "buy"))


@pytest.mark.parametrize(
    ("symbol", "side", "other_side", "expected"),
    [
        ("GBPUSD", "buy", "buy", 0.6), ("GBPUSD", "buy", "sell", 1.4), ("GBPUSD", "sell", "sell", 0.6),
        ("GBPUSD", "sell", "buy", 1.4), ("EURUSD", "buy", "buy", 0.5), ("EURUSD", "buy", "sell", 1.5),
        ("EURUSD", "sell", "sell", 0.5), ("EURUSD", "sell", "buy", 1.5),
    ],
)  # fmt: skip
def test_the_sign_follows_the_sides(symbol: str, side: Side, other_side: Side, expected: float) -> None:
    assert factor(make_exposure(symbol, other_side), table=KNOWN, side=side) == pytest.approx(expected)


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("other_side", ["buy", "sell"])
def test_a_pair_nobody_knows_is_taken_to_lose_together_on_every_side(side: Side, other_side: Side) -> None:
    other = make_exposure("USOIL", other_side, risk=100.0)
    assert factor(other, side=side) == 0.5
    signal = make_signal(side=side) if side == "buy" else make_signal(side=side, stop_loss=1.105, take_profit=1.085)
    decision = size(signal, make_snapshot(exposures=(other,)), make_policy())
    assert cap_lots(decision, "concentration") == pytest.approx((750 - 100) / 500)


def test_a_pair_that_nobody_knows_within_the_book_does_not_make_the_new_trade_look_diversified() -> None:
    # The new trade is the same as half of the book. Whether the other half moves with the first or not is unknown;
    # not knowing must not give a better factor than knowing that it does not.
    both = (make_exposure("GBPUSD"), make_exposure("USOIL"))
    row = {"EURUSD": {"GBPUSD": 1.0, "USOIL": 0.0}}
    known = {**row, "GBPUSD": {"USOIL": 0.0}, "USOIL": {"GBPUSD": 0.0}}
    assert factor(*both, table=row) <= factor(*both, table=known)


def test_a_perfectly_hedged_book_correlates_with_nothing() -> None:
    assert factor(make_exposure("GBPUSD", "buy"), make_exposure("GBPUSD", "sell"), table=KNOWN) == 1.0


def test_what_can_lose_nothing_does_not_count() -> None:
    assert factor(make_exposure("GBPUSD", risk=0.0), table=KNOWN) == 1.0
    assert factor(make_exposure("GBPUSD", risk=0.0), make_exposure("EURUSD", "sell"), table=KNOWN) == pytest.approx(1.5)


def test_the_correlation_with_a_book_is_the_one_of_the_weighted_sum() -> None:
    table = {
        "A": {"B": 0.5, "C": -0.25}, "B": {"A": 0.5, "C": 0.1}, "C": {"A": -0.25, "B": 0.1},
        "N": {"A": 0.6, "B": 0.2, "C": 0.4},
    }  # fmt: skip
    book = (make_exposure("A", risk=3.0), make_exposure("B", "sell", risk=2.0), make_exposure("C", risk=1.0))
    correlations = signed_correlations(table, "N", "buy", book)
    assert correlations == (0.6, -0.2, 0.4)
    # cov = 3 * 0.6 - 2 * 0.2 + 0.4 = 1.8; var = 9 + 4 + 1 + 2 * (-3 + 3 * -0.25 - 2 * 0.1) = 6.1
    assert with_book(table, book, correlations) == pytest.approx(1.8 / 6.1**0.5)
    assert with_book(table, (), ()) == 0.0


def test_a_table_that_contradicts_itself_still_gives_a_correlation() -> None:
    table = {"A": {"B": -1.0}, "B": {"A": -1.0}, "N": {"A": 1.0, "B": 1.0}}
    book = (make_exposure("A", risk=3.0), make_exposure("B", risk=2.9))
    assert with_book(table, book, signed_correlations(table, "N", "buy", book)) == 1.0


def promised(*reserved: Exposure, held: tuple[Exposure, ...] = (), pending: tuple[Exposure, ...] = ()) -> float:
    snapshot = make_snapshot(exposures=held, pending=pending, reserved=reserved, correlation=KNOWN)
    return factor_of(size(make_signal(), snapshot, make_policy()), "diversification").value


def test_a_promise_counts_as_company_and_never_as_a_hedge() -> None:
    together, hedge = make_exposure("GBPUSD", "buy"), make_exposure("GBPUSD", "sell")
    assert promised(together) == promised(pending=(together,)) == pytest.approx(0.6)
    assert promised(hedge) == promised(pending=(hedge,)) == 1.0
    # Neither takes away what an open hedge has earned, nor adds to it.
    assert promised(hedge, held=(hedge,)) == promised(held=(hedge,)) == pytest.approx(1.4)
    assert promised(together, held=(hedge,)) == pytest.approx(0.6)


# Canonical names ---------------------------------------------------------------------------------------------------

TABLE = SymbolTable(
    classes={
        "forex": SymbolClass(patterns=("EURUSD*", "GBPUSD*")),
        "indices": SymbolClass(patterns=("US30*", "WS30*", "US100*")),
    },
    aliases={"WS30": "US30"},
    correlations={"EURUSD/GBPUSD": 0.7, "US100/US30": 0.85},
)


def prior(first: str, second: str) -> float | None:
    one, other = TABLE.find(first), TABLE.find(second)
    assert one is not None
    assert other is not None
    return TABLE.prior(one[1], other[1])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("EURUSD.sim", "GBPUSD.sim", 0.7), ("GBPUSD.sim", "EURUSD.sim", 0.7), ("EURUSD", "GBPUSD.r", 0.7),
        ("EURUSD.sim", "EURUSD.r", 1.0), ("WS30.sim", "US30F26", 1.0), ("WS30", "US100.cash", 0.85),
        ("EURUSD.sim", "US30", None),
    ],
)  # fmt: skip
def test_the_lookup_finds_a_brokers_names(first: str, second: str, expected: float | None) -> None:
    assert prior(first, second) == expected


def test_eurusd_sim_against_gbpusd_sim_in_a_decision() -> None:
    value = shrink(None, prior("EURUSD.sim", "GBPUSD.sim"))
    assert value == 0.7
    snapshot = make_snapshot(
        spec=make_spec("EURUSD.sim"), exposures=(make_exposure("GBPUSD.sim"),),
        correlation={"EURUSD.sim": {"GBPUSD.sim": value}},
    )  # fmt: skip
    decision = size(make_signal(symbol="EURUSD.sim"), snapshot, make_policy())
    assert factor_of(decision, "diversification").value == pytest.approx(0.65)


def test_the_shipped_table_knows_eurusd_against_gbpusd_under_any_suffix() -> None:
    path = Path(tests.__file__).parent.parent / "config" / "symbols.toml"
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    classes = {
        name: SymbolClass(**{**keys, "patterns": tuple(keys["patterns"])}) for name, keys in raw["classes"].items()
    }
    shipped = SymbolTable(classes=classes, aliases=raw["aliases"], correlations=raw["correlations"])
    found = shipped.find("EURUSD.sim"), shipped.find("GBPUSD.sim")
    assert found == (("forex", "EURUSD"), ("forex", "GBPUSD"))
    assert shipped.prior("EURUSD", "GBPUSD") == 0.7


def test_the_table_is_only_read() -> None:
    table = {key: dict(row) for key, row in KNOWN.items()}
    snapshot = make_snapshot(exposures=(make_exposure("GBPUSD"), make_exposure("USOIL")), correlation=table)
    size(make_signal(), dataclasses.replace(snapshot), make_policy())
    assert table == KNOWN


def test_a_tiny_hedge_earns_no_more_than_it_offsets() -> None:
    # The base risk of one trade is 1.1 % of 100,000: a hedge of 110 offsets a tenth of it, whatever its correlation.
    assert factor(make_exposure("EURUSD", "sell", risk=110.0)) == pytest.approx(1.1)
    assert factor(make_exposure("EURUSD", "sell", risk=5_000.0)) == pytest.approx(1.5)
    # What offsets nothing earns nothing: risk on the same side must not make room for the credit.
    both = make_exposure("EURUSD", "sell", risk=110.0), make_exposure("XAUUSD", risk=1.0)
    apart = {"EURUSD": {"XAUUSD": 0.0}, "XAUUSD": {"EURUSD": 0.0}}
    assert factor(*both, table=apart) == pytest.approx(1.1)


def test_a_hedge_that_others_offset_already_earns_only_what_is_left() -> None:
    sell, buy = make_exposure("EURUSD", "sell", risk=1_000.0), make_exposure("EURUSD", "buy", risk=900.0)
    assert factor(sell, buy) == pytest.approx(1 + 100 / 1_100)
    # The same where the offset is only promised, and in two parts of which neither would do alone.
    half = make_exposure("EURUSD", "buy", risk=500.0)
    assert promised(half, held=(sell,)) == pytest.approx(1 + 500 / 1_100)
    assert promised(half, half._replace(symbol="GBPUSD"), held=(sell,)) == pytest.approx(1 + 100 / 1_100)
