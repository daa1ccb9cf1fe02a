"""The synthetic market behaves like a market: what sizing leans on is asserted, not the exact numbers."""

from datetime import UTC, datetime

import numpy as np
import pytest

from bridge.market.recording import TIMEFRAME_MS, RecordedMarket, RecordedSymbol
from bridge.market.sample import CORRELATION, CROSS, DRIVERS, HISTORY_DAYS, TICK_DAYS, generate

NAMES = [item.spec.name for item in (*DRIVERS, CROSS)]
BREAKERS = ["XAUUSD.sim", "US30.sim", "USOIL.sim"]


@pytest.fixture(scope="module")
def market() -> RecordedMarket:
    return generate(7)


def utc_ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000  # type: ignore[misc, arg-type]


def daily_returns(symbol: RecordedSymbol) -> np.ndarray:
    return np.diff(np.log(symbol.bars["D1"].close))


def kurtosis(values: np.ndarray) -> float:
    centred = values - values.mean()
    return float(np.mean(centred**4) / np.mean(centred**2) ** 2)


def test_the_same_seed_gives_the_same_market_and_another_seed_another(market):
    again, other = generate(7), generate(8)
    for name in NAMES:
        assert np.array_equal(again.symbols[name].ticks.time_ms, market.symbols[name].ticks.time_ms)
        assert np.array_equal(again.symbols[name].ticks.bid, market.symbols[name].ticks.bid)
        assert np.array_equal(again.symbols[name].bars["D1"].high, market.symbols[name].bars["D1"].high)
        assert not np.array_equal(other.symbols[name].bars["D1"].close, market.symbols[name].bars["D1"].close)


def test_the_market_says_that_it_is_synthetic_and_holds_the_seven_instruments(market):
    assert market.synthetic
    assert list(market.symbols) == NAMES
    assert all(name.endswith(".sim") and symbol.spec.name == name for name, symbol in market.symbols.items())


@pytest.mark.parametrize("name", NAMES)
def test_ticks_are_sorted_on_the_grid_and_ask_is_above_bid(market, name):
    symbol = market.symbols[name]
    ticks, digits = symbol.ticks, symbol.spec.digits
    assert len(ticks.time_ms) == len(ticks.bid) == len(ticks.ask)
    assert np.all(np.diff(ticks.time_ms) >= 0)
    assert np.all(ticks.ask > ticks.bid)
    assert symbol.spec.trade_tick_size == symbol.spec.point == float(f"1e-{digits}")
    for prices in (ticks.bid[:2000], ticks.ask[:2000]):
        assert all(float(f"{price:.{digits}f}") == price for price in prices.tolist())
    grid = np.rint(ticks.ask * 10.0**digits) / 10.0**digits
    assert np.array_equal(grid, ticks.ask)


@pytest.mark.parametrize("name", NAMES)
def test_every_tick_changes_the_quote_and_some_share_a_millisecond(market, name):
    ticks = market.symbols[name].ticks
    assert np.all((np.diff(ticks.bid) != 0) | (np.diff(ticks.ask) != 0))
    assert np.any(np.diff(ticks.time_ms) == 0)
    assert 10_000 < len(ticks.bid) / TICK_DAYS < 30_000


def test_the_ticks_cover_two_weeks_with_the_change_of_us_clocks_between(market):
    # 17:00 New York is 22:00 UTC before 10 March 2024 and 21:00 after; Europe changes on the 31st.
    assert utc_ms(2024, 3, 3, 22) <= market.start_ms < utc_ms(2024, 3, 3, 22, 5)
    assert utc_ms(2024, 3, 15, 20, 55) < market.end_ms < utc_ms(2024, 3, 15, 21)


def test_there_is_no_tick_at_the_weekend_and_prices_reopen_elsewhere(market):
    closed, reopened = utc_ms(2024, 3, 8, 22), utc_ms(2024, 3, 10, 21)
    gapped = 0
    for name in NAMES:
        ticks = market.symbols[name].ticks
        assert not np.any((ticks.time_ms >= closed) & (ticks.time_ms < reopened))
        first = int(np.searchsorted(ticks.time_ms, reopened))
        mid = (ticks.bid + ticks.ask) / 2
        gapped += abs(mid[first] - mid[first - 1]) > 2 * np.quantile(np.abs(np.diff(mid)), 0.99)
    assert gapped >= 5


@pytest.mark.parametrize("name", BREAKERS)
def test_gold_index_and_oil_rest_for_an_hour_each_day(market, name):
    time_ms = market.symbols[name].ticks.time_ms
    for break_from in (utc_ms(2024, 3, 5, 22), utc_ms(2024, 3, 12, 21)):
        assert not np.any((time_ms >= break_from) & (time_ms < break_from + 3_600_000))
        assert np.any((time_ms >= break_from + 3_600_000) & (time_ms < break_from + 3_900_000))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("timeframe", ["D1", "H1", "M15"])
def test_bars_of_the_tick_days_are_what_the_bids_give(market, name, timeframe):
    symbol = market.symbols[name]
    bars, ticks = symbol.bars[timeframe], symbol.ticks
    first = int(np.searchsorted(bars.time_ms, ticks.time_ms[0] - TIMEFRAME_MS[timeframe], side="right"))
    covered = 0
    for i in range(first, len(bars)):
        start, end = np.searchsorted(ticks.time_ms, [bars.time_ms[i], bars.time_ms[i] + TIMEFRAME_MS[timeframe]])
        bids = ticks.bid[start:end]
        assert (bars.open[i], bars.high[i], bars.low[i], bars.close[i]) == (bids[0], bids.max(), bids.min(), bids[-1])
        assert bars.tick_volume[i] == len(bids)
        covered += len(bids)
    assert covered == len(ticks.bid)
    assert not bars.tick_volume[: first - 1].any(), "of the time before the ticks nobody knows how many there were"


@pytest.mark.parametrize("name", NAMES)
def test_history_reaches_back_in_well_formed_bars_that_agree_between_timeframes(market, name):
    symbol = market.symbols[name]
    for timeframe, days in HISTORY_DAYS.items():
        bars = symbol.bars[timeframe]
        assert len(bars) > 0.9 * (days + TICK_DAYS) * 86_400_000 / TIMEFRAME_MS[timeframe]
        assert np.all(np.diff(bars.time_ms) >= TIMEFRAME_MS[timeframe])
        assert np.all(bars.high >= np.maximum(bars.open, bars.close))
        assert np.all(bars.low <= np.minimum(bars.open, bars.close))
    daily, hourly = symbol.bars["D1"], symbol.bars["H1"]
    assert len(daily) == HISTORY_DAYS["D1"] + TICK_DAYS
    for i in range(-60, 0):
        start, end = np.searchsorted(hourly.time_ms, [daily.time_ms[i], daily.time_ms[i] + 86_400_000])
        assert daily.high[i] == hourly.high[start:end].max()
        assert daily.low[i] == hourly.low[start:end].min()
        assert daily.close[i] == hourly.close[end - 1]


def test_a_week_has_five_daily_bars_that_open_at_17_new_york(market):
    opens = {datetime.fromtimestamp(ms / 1000, UTC) for ms in market.symbols["EURUSD.sim"].bars["D1"].time_ms.tolist()}
    assert {moment.weekday() for moment in opens} == {6, 0, 1, 2, 3}
    assert {moment.hour for moment in opens} == {21, 22}


@pytest.mark.parametrize("seed", [7, 11])
def test_daily_returns_have_the_correlations_and_volatilities_aimed_at(seed):
    generated = generate(seed)
    returns = np.stack([daily_returns(generated.symbols[name]) for name in NAMES[:-1]])
    # 429 days leave a sampling error of up to 0.05.
    assert np.allclose(np.corrcoef(returns), CORRELATION, atol=0.17)
    ratio = returns.std(axis=1) / np.array([item.daily_volatility for item in DRIVERS])
    assert np.all((ratio > 0.65) & (ratio < 1.5))


def test_returns_have_fat_tails_and_volatility_clusters(market):
    hourly = [np.diff(np.log(market.symbols[name].bars["H1"].close)) for name in NAMES]
    assert all(kurtosis(returns) > 4.5 for returns in hourly)
    daily = [daily_returns(market.symbols[name]) for name in NAMES[:-1]]
    assert np.mean([kurtosis(returns) for returns in daily]) > 3.5
    # Averaged over instruments, days of large ranges follow each other.
    ranges = [np.log(bars.high / bars.low) for bars in (market.symbols[name].bars["D1"] for name in NAMES)]
    assert np.mean([np.corrcoef(values[1:], values[:-1])[0, 1] for values in ranges]) > 0.2


@pytest.mark.parametrize("name", NAMES)
def test_ranges_do_not_jump_where_history_ends_and_ticks_begin(market, name):
    bars = market.symbols[name].bars["H1"]
    first = int(np.searchsorted(bars.time_ms, market.start_ms - 3_600_000))
    before, after = (np.median((bars.high - bars.low)[part]) for part in (slice(first), slice(first, None)))
    assert 0.4 < after / before < 2.5


def test_eurgbp_is_eurusd_over_gbpusd_within_the_spread(market):
    euro, pound, cross = (market.symbols[f"{name}.sim"].ticks for name in ("EURUSD", "GBPUSD", "EURGBP"))
    last = [np.searchsorted(ticks.time_ms, cross.time_ms, side="right") - 1 for ticks in (euro, pound)]
    # Only moments at which all three have just been quoted: an older quote is of another moment.
    fresh = np.all(
        [cross.time_ms - ticks.time_ms[index] < 500 for ticks, index in zip((euro, pound), last, strict=True)], axis=0
    )
    e, p = last[0][fresh], last[1][fresh]
    implied = (euro.bid[e] + euro.ask[e]) / (pound.bid[p] + pound.ask[p])
    distance = np.abs((cross.bid + cross.ask)[fresh] / 2 - implied)
    spread = (cross.ask - cross.bid)[fresh]
    assert len(distance) > 1000
    assert np.mean(distance <= spread) > 0.998
    assert np.median(distance) < 0.2 * np.median(spread)


def test_spreads_widen_at_the_rollover(market):
    for name in NAMES:
        ticks = market.symbols[name].ticks
        spread = ticks.ask - ticks.bid
        hour = (ticks.time_ms // 3_600_000) % 24
        minute = (ticks.time_ms // 60_000) % 60
        in_london = (hour >= 12) & (hour <= 15)
        opening = (hour == (23 if name in BREAKERS else 22)) & (minute < 10) & (ticks.time_ms < utc_ms(2024, 3, 9))
        assert np.median(spread[opening]) > 2 * np.median(spread[in_london])


def test_tick_values_are_in_usd_at_the_first_quotes(market):
    spec = {name: symbol.spec for name, symbol in market.symbols.items()}
    assert spec["EURUSD.sim"].trade_tick_value == spec["XAUUSD.sim"].trade_tick_value == 1.0
    assert spec["US30.sim"].trade_tick_value == 0.1
    assert spec["USOIL.sim"].trade_tick_value == 10.0
    yen, pound = market.symbols["USDJPY.sim"].ticks, market.symbols["GBPUSD.sim"].ticks
    assert spec["USDJPY.sim"].trade_tick_value_loss == pytest.approx(100 / yen.bid[0], abs=1e-7)
    assert spec["USDJPY.sim"].trade_tick_value_profit == pytest.approx(100 / yen.ask[0], abs=1e-7)
    assert spec["EURGBP.sim"].trade_tick_value_loss == pytest.approx(pound.ask[0], abs=1e-7)
    assert [spec[name].trade_calc_mode for name in NAMES] == [0, 0, 0, 4, 3, 2, 0]
    commissions = {name: symbol.commission_per_lot for name, symbol in market.symbols.items()}
    assert {name for name, commission in commissions.items() if commission == 0} == {"US30.sim", "USOIL.sim"}
    assert {commission for commission in commissions.values() if commission} == {7.0}
