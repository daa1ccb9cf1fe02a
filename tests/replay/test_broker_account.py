"""The replayed account's broker in both engines: margin, stop-out, netting, commission, gaps and rollover, by hand.

A tick of `paper_market` is (milliseconds later, points up, spread in points); slippage is two points.
"""

from typing import Any

import pytest

from bridge.market.broker_types import Refusal
from bridge.replay.paper import PaperAccount
from sizing.prop.firm import Firm
from sizing.snapshot import Deal
from tests.replay.paper_market import BALANCE, START_MS, account, ticks

FREE = Firm(name="free", title="Free")
HOUR = 3_600_000
S = 1000


@pytest.fixture(params=["fast", "events"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def told(engine: str, *euro: tuple[int, int, int], hours: int = 2, **over: Any) -> PaperAccount:
    """An account of 10,000 at the first tick of EURUSD: 1.10000 to 1.10005."""
    return account(engine, {"EURUSD": ticks("EURUSD", euro)}, FREE, START_MS + hours * HOUR, **over)


def done(result: Deal | Refusal) -> Deal:
    assert isinstance(result, Deal), result
    return result


def test_an_order_without_margin_is_refused(engine: str) -> None:
    """At a leverage of 5 half a lot takes 11,000.70 and 0.45 lots 9,900.63."""
    broker = told(engine, (S, 0, 5), leverage=5)
    refused = broker.market_order("EURUSD", "buy", 0.5)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.message) == ("no_money", "margin of 11000.70 needed, 10000.00 free")
    done(broker.market_order("EURUSD", "buy", 0.45))
    assert broker.account().margin == 9900.63
    assert broker.balance == BALANCE - 1.57  # half of 7 a lot, in cents


def test_the_stop_out_closes_the_largest_loser_at_the_first_tick_at_half_the_margin(engine: str) -> None:
    """0.45 lots bought at 1.10007 take 9,900.63. With a balance of 9,998.43 and 45,000 euros, equity is half of that,
    4,950.315, at a bid of 1.10007 - 5,048.115 / 45,000 = 0.9878897.
    """
    broker = told(engine, (S, -11_210, 5), (S, -1, 5), (S, -1, 5), (S, 5000, 5), leverage=5)
    opened = done(broker.market_order("EURUSD", "buy", 0.45))
    assert opened.price == 1.10007
    broker.advance(START_MS + HOUR)
    (closed,) = broker.closed
    # The bids are 0.98790, 0.98789 and 0.98788; the fill loses two points more.
    assert (closed.reason, closed.deal.time_ms, closed.deal.price) == ("stop_out", START_MS + 3 * S, 0.98786)
    assert closed.deal.profit == round(-0.11221 * 45_000, 2)


def test_of_several_positions_the_stop_out_leaves_those_that_are_safe_without_it(engine: str) -> None:
    """What is hedged takes no margin: 0.3 lots take 6,600, and 0.3 lots less 0.235 leave 2,950. Then 0.1 take 2,200."""
    broker = told(engine, (S, -400, 5), (S, -3100, 5), (S, -20_000, 5), leverage=5)
    small = done(broker.market_order("EURUSD", "sell", 0.1))
    large = done(broker.market_order("EURUSD", "buy", 0.4))
    broker.advance(START_MS + HOUR)
    assert [(each.held.ticket, each.reason) for each in broker.closed] == [(large.position_id, "stop_out")]
    assert [each.ticket for each in broker.positions()] == [small.position_id]
    assert broker.closed[0].deal.time_ms == START_MS + 3 * S


@pytest.mark.parametrize(
    ("side", "sl", "tp", "steps", "price", "reason"),
    [
        ("buy", 1.099, None, [(-99, 5), (-1, 5)], 1.09898, "sl"),  # bid on the stop, less two points
        ("buy", 1.099, None, [(-99, 5), (-80, 5)], 1.09819, "sl"),  # a gap fills at its own price
        ("buy", None, 1.101, [(99, 5), (1, 5)], 1.101, "tp"),
        ("buy", None, 1.101, [(99, 5), (50, 5)], 1.10149, "tp"),  # a gap in favour is kept
        ("sell", 1.101, None, [(95, 4), (0, 5)], 1.10102, "sl"),  # the ask reaches it though the bid stands still
        ("sell", None, 1.099, [(-105, 6), (0, 5)], 1.099, "tp"),
    ],
)
def test_stops_and_targets_act_on_their_side_of_the_book(
    engine: str, side: Any, sl: float | None, tp: float | None, steps: Any, price: float, reason: str
) -> None:
    broker = told(engine, *((S, move, spread) for move, spread in steps), (S, 0, 5))
    done(broker.market_order("EURUSD", side, 0.1, sl=sl, tp=tp))
    broker.advance(START_MS + HOUR)
    (closed,) = broker.closed
    assert (closed.deal.price, closed.reason, closed.deal.time_ms) == (price, reason, START_MS + 2 * S)


def test_the_stop_comes_before_the_target_and_older_positions_before_younger_ones(engine: str) -> None:
    broker = told(engine, (S, -2000, 5), (S, 0, 5))
    tickets = [done(broker.market_order("EURUSD", "buy", 0.1, sl=1.09 + 0.001 * i)).position_id for i in range(3)]
    broker.advance(START_MS + HOUR)
    assert [each.held.ticket for each in broker.closed] == tickets
    assert {each.deal.time_ms for each in broker.closed} == {START_MS + S}


def test_netting_averages_reduces_and_turns(engine: str) -> None:
    """0.1 at 1.10007 and 0.1 at 1.10107 are 0.2 at 1.10057; selling 0.5 closes them and leaves a sell of 0.3."""
    broker = told(engine, (S, 100, 5), (S, 100, 5), (S, 0, 5), hedging=False)
    first = done(broker.market_order("EURUSD", "buy", 0.1))
    broker.advance(START_MS + S)
    second = done(broker.market_order("EURUSD", "buy", 0.1))
    assert second.position_id == first.position_id
    (held,) = broker.positions()
    assert (held.volume, held.price_open) == (0.2, pytest.approx(1.10057))
    broker.advance(START_MS + 2 * S)
    turned = done(broker.market_order("EURUSD", "sell", 0.5))
    assert (turned.entry, turned.price, turned.profit) == (2, 1.10198, pytest.approx(0.00141 * 20_000))
    (held,) = broker.positions()
    assert (held.side, held.volume, held.price_open) == ("sell", 0.3, 1.10198)
    (closed,) = broker.closed
    assert (closed.reason, closed.deal.volume, closed.deal.commission) == ("reverse", 0.2, -0.7)
    broker.close_all()
    assert [each.reason for each in broker.closed] == ["reverse", "end"]
    assert broker.positions() == ()


def test_a_close_after_the_end_is_an_exit_again(engine: str) -> None:
    broker = told(engine, (S, 100, 5))
    done(broker.market_order("EURUSD", "buy", 0.1))
    broker.close_all()
    again = done(broker.market_order("EURUSD", "buy", 0.1))
    done(broker.close(again.position_id))
    assert [each.reason for each in broker.closed] == ["end", "exit"]


def test_extremes_of_a_position_are_those_of_every_tick(engine: str) -> None:
    """Bought at 1.10007 with 10,000 euros; seen are -0.70, +2.30 for one of two ticks of a moment, and -5.70."""
    broker = told(engine, (S, 30, 5), (0, -10, 5), (S, -70, 5), (S, 40, 5))
    done(broker.market_order("EURUSD", "buy", 0.1))
    broker.look()
    broker.advance(START_MS + HOUR)
    broker.close_all()
    (closed,) = broker.closed
    assert (closed.worst, closed.best) == pytest.approx((-5.7, 2.3))
    assert closed.deal.profit == -1.9  # two points of slippage below 1.09990


def test_a_position_in_yen_is_valued_by_its_own_price_and_one_in_pounds_by_gbpusd(engine: str) -> None:
    tapes = {
        "USDJPY": ticks("USDJPY", [(S, -100, 5), (9 * S, 0, 5)]),
        "GBPUSD": ticks("GBPUSD", [(3 * S, 1000, 5), (9 * S, 0, 5)]),
        "EURGBP": ticks("EURGBP", [(2 * S, -100, 5), (9 * S, 0, 5)]),
        "EURUSD": ticks("EURUSD", [(9 * S, 0, 5)]),
    }
    broker = account(engine, tapes, FREE, START_MS + HOUR)
    yen = done(broker.market_order("USDJPY", "sell", 0.1))
    euro = done(broker.market_order("EURGBP", "buy", 0.1))
    broker.advance(START_MS + 9 * S)
    floating = {each.ticket: each.profit for each in broker.positions()}
    # Sold at 149.998, now 149.905; bought at 0.86007, now 0.85900, in pounds that cost 1.29005 to buy.
    assert floating[yen.position_id] == round(0.093 * 10_000 / 149.905, 2)
    assert floating[euro.position_id] == round(-0.00107 * 10_000 * 1.29005, 2)
    assert broker.raw_equity() == pytest.approx(broker.account().equity, abs=0.011)
