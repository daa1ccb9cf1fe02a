"""Fills, by hand: every figure stands in the test."""

import pytest

from bridge.proof.account import Account
from tests.builders import NOW_MS
from tests.proof.builders import BIDS, EURGBP, EURUSD, GBPUSD, USDJPY, make_account, make_order, with_price
from tests.sizing.builders import ftmo, loss_rule, total_rule


def run(account: Account, *bids: list[float], jumping: bool = False) -> None:
    """Let prices go from where they are to each of these."""
    before = BIDS
    for after in bids:
        account.move(before, after, None, all_jump=jumping)
        before = after


def test_a_stop_that_is_reached_is_filled_at_the_stop() -> None:
    account = make_account()
    account.open(make_order(), BIDS, NOW_MS)
    run(account, with_price(EURUSD, 1.09))
    assert not account.holdings
    assert account.balance == pytest.approx(100_000 - 500)
    assert account.gaps == 0


def test_a_buy_pays_the_spread_slippage_twice_and_commission() -> None:
    account = make_account(spreads=[0.0002, 0.0, 0.0, 0.0], slippage=[0.0001, 0.0, 0.0, 0.0], half=[3.5, 0.0, 0.0, 0.0])
    account.open(make_order(), BIDS, NOW_MS)
    assert account.holdings[0].opened == pytest.approx(1.1003)
    run(account, with_price(EURUSD, 1.09))
    # From 1.1003 to 1.0949 are 54 pips, and 7 of commission.
    assert account.balance == pytest.approx(100_000 - 540 - 7)


def test_a_sells_stop_is_met_by_the_ask() -> None:
    account = make_account(spreads=[0.0002, 0.0, 0.0, 0.0])
    account.open(make_order(sign=-1, sl=1.105, target=1.09), BIDS, NOW_MS)
    run(account, with_price(EURUSD, 1.10479))
    assert account.holdings
    run(account, with_price(EURUSD, 1.1049))
    assert account.balance == pytest.approx(100_000 - 500)


def test_a_stop_that_is_jumped_over_is_filled_where_the_price_lands() -> None:
    account = make_account()
    account.open(make_order(), BIDS, NOW_MS)
    run(account, with_price(EURUSD, 1.08), jumping=True)
    assert account.balance == pytest.approx(100_000 - 2_000)
    assert (account.gaps, account.cuts) == (1, 0)


def test_a_cut_gap_loses_the_worst_case_with_all_costs() -> None:
    account = make_account(cut=True, half=[3.5, 0.0, 0.0, 0.0])
    account.open(make_order(worst=800.0), BIDS, NOW_MS)
    run(account, with_price(EURUSD, 1.08), jumping=True)
    assert account.balance == pytest.approx(100_000 - 800)
    assert (account.gaps, account.cuts) == (1, 1)


def test_a_cut_never_improves_on_the_stop() -> None:
    account = make_account(cut=True)
    account.open(make_order(worst=300.0), BIDS, NOW_MS)
    run(account, with_price(EURUSD, 1.08), jumping=True)
    assert account.balance == pytest.approx(100_000 - 500)


def test_a_gap_within_the_allowance_is_not_cut() -> None:
    account = make_account(cut=True)
    account.open(make_order(worst=800.0), BIDS, NOW_MS)
    run(account, with_price(EURUSD, 1.093), jumping=True)
    assert account.balance == pytest.approx(100_000 - 700)
    assert account.cuts == 0


def test_only_the_symbols_that_jump_are_gapped() -> None:
    account = make_account()
    account.open(make_order(), BIDS, NOW_MS)
    account.open(make_order(symbol=GBPUSD, sl=1.245, target=1.26), BIDS, NOW_MS)
    after = [1.08, 150.0, 0.85, 1.24]
    account.move(BIDS, after, frozenset({EURUSD}), all_jump=False)
    assert account.gaps == 1
    assert account.balance == pytest.approx(100_000 - 2_000 - 500)


def test_a_target_that_is_jumped_over_gains_what_the_price_does() -> None:
    account = make_account()
    account.open(make_order(), BIDS, NOW_MS)
    run(account, with_price(EURUSD, 1.115), jumping=True)
    assert account.balance == pytest.approx(100_000 + 1_500)


def test_yen_convert_at_the_closing_price() -> None:
    account = make_account()
    account.open(make_order(symbol=USDJPY, sl=149.5, target=151.0), BIDS, NOW_MS)
    run(account, with_price(USDJPY, 149.0))
    assert account.balance == pytest.approx(100_000 - 0.5 * 100_000 / 149.5)


def test_a_cross_converts_through_its_pair_as_it_stands_then() -> None:
    account = make_account()
    account.open(make_order(symbol=EURGBP, sl=0.845, target=0.86), BIDS, NOW_MS)
    # Half way down EURGBP meets its stop; GBPUSD has gone half way from 1.25 to 1.27 by then.
    run(account, [1.1, 150.0, 0.84, 1.27])
    assert account.balance == pytest.approx(100_000 - 500 * 1.26)


def test_a_swap_is_charged_by_the_night_and_booked_at_the_close() -> None:
    account = make_account()
    account.open(make_order(), BIDS, NOW_MS)
    account.charge(BIDS, {3: 3})  # Wednesday, with 6.9 points a night for a buy
    assert account.balance == 100_000
    assert account.equity(BIDS) == pytest.approx(100_000 - 20.7)
    account.close(account.holdings[0], BIDS)
    assert account.balance == pytest.approx(100_000 - 20.7)


def test_of_two_fills_in_one_step_the_earlier_comes_first_and_the_floor_is_looked_at_between() -> None:
    # Up 1,000 and then down 5,500: 500 above the floor all the time. The other way round the floor would be met.
    account = make_account()
    account.open(make_order(lots=1.0), BIDS, NOW_MS)
    account.open(make_order(symbol=GBPUSD, lots=11.0, sl=1.245, target=1.26), BIDS, NOW_MS)
    run(account, [1.14, 150.0, 0.85, 1.2445])
    assert account.breach is None
    late = make_account()
    late.open(make_order(lots=1.0), BIDS, NOW_MS)
    late.open(make_order(symbol=GBPUSD, lots=11.0, sl=1.245, target=1.26), BIDS, NOW_MS)
    run(late, [1.1101, 150.0, 0.85, 1.2])
    assert late.breach == "daily"


def test_a_floating_loss_breaches_though_the_price_comes_back() -> None:
    account = make_account()
    account.open(make_order(lots=10.0, sl=1.0, target=1.2), BIDS, NOW_MS)
    run(account, with_price(EURUSD, 1.0949), BIDS)
    assert account.breach == "daily"
    assert account.equity(BIDS) == pytest.approx(100_000)


def test_at_the_floor_only_a_rule_that_is_not_strict_is_breached() -> None:
    for strict, expected in ((True, None), (False, "daily")):
        account = make_account(ftmo(rules=(loss_rule(strict=strict), total_rule())))
        account.open(make_order(lots=10.0, sl=1.095), BIDS, NOW_MS)
        run(account, with_price(EURUSD, 1.09))
        assert account.balance == pytest.approx(95_000)
        assert account.breach == expected
