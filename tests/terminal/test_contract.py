"""What every terminal promises, asked of each of them over one and the same broker."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Protocol

import pytest

from bridge.market.broker import SimulatedBroker
from bridge.market.ea import FeedWriter
from bridge.market.recording import TIMEFRAME_MS
from bridge.terminal.base import AccountReport, Execution, Terminal
from bridge.terminal.feed import FeedTerminal
from bridge.terminal.recorded import RecordedTerminal
from sizing.snapshot import Deal, PendingOrder
from tests.builders import LOGIN, NOW_MS, make_broker
from tests.terminal.mt5_rig import PACKAGES, Mt5Rig

SECOND = 1_000


class Rig(Protocol):
    """A terminal, the broker behind it, and a way to let time pass."""

    broker: SimulatedBroker
    terminal: Terminal
    offset_ms: int

    def tick(self, now_ms: int) -> None:
        """Let the terminal see the market as of `now_ms`."""


class RecordedRig:
    offset_ms = 0

    def __init__(self) -> None:
        self.broker = make_broker()
        self.terminal: Terminal = RecordedTerminal(self.broker)

    def tick(self, now_ms: int) -> None:
        self.terminal.poll(now_ms)


class FeedRig:
    def __init__(self, offset_hours: int = 0) -> None:
        self.broker = make_broker()
        self.feed = FeedTerminal(LOGIN)
        self.terminal: Terminal = self.feed
        self.offset_ms = offset_hours * 3_600_000
        self.writer = FeedWriter(self.broker, "one", broker_offset_ms=self.offset_ms)

    def tick(self, now_ms: int) -> None:
        self.broker.advance(now_ms)
        for message in self.writer.messages(LOGIN):
            assert self.feed.apply(message, now_ms) is False
        self.terminal.poll(now_ms)


RIGS: dict[str, Callable[[], Rig]] = {
    "recorded": RecordedRig,
    "feed in UTC": FeedRig,
    "feed at +2 h": lambda: FeedRig(2),
    "feed at -5 h": lambda: FeedRig(-5),
    "mt5 at +3 h": lambda: Mt5Rig(3),
    "mt5 at -5 h": lambda: Mt5Rig(-5),
}


@pytest.fixture(params=list(RIGS))
def rig(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setenv("PYTHONPATH", str(PACKAGES))
    made = RIGS[request.param]()
    yield made
    if isinstance(made, Mt5Rig):
        made.close()


def opened(result: object) -> int:
    assert isinstance(result, Deal), result
    return result.position_id


def test_before_the_first_report_there_is_nothing(rig: Rig) -> None:
    assert rig.terminal.account() is None
    assert rig.terminal.symbol("EURUSD") is None


def test_terminal_names_its_account_and_source(rig: Rig) -> None:
    assert rig.terminal.login == LOGIN
    assert rig.terminal.utc_offset_ms() == 0
    rig.tick(NOW_MS + SECOND)
    assert rig.terminal.utc_offset_ms() == rig.offset_ms
    assert rig.terminal.source in ("recorded", "ea_feed", "mt5")


def test_unknown_symbol_gives_none(rig: Rig) -> None:
    rig.tick(NOW_MS + SECOND)
    assert rig.terminal.symbol("GBPUSD") is None
    assert rig.terminal.quote("GBPUSD") is None
    assert rig.terminal.bars("GBPUSD", "H1") is None
    assert rig.terminal.bars("EURUSD", "D1") is None
    assert rig.terminal.bars("EURUSD", "nonsense") is None


def test_symbol_names_are_the_brokers(rig: Rig) -> None:
    rig.tick(NOW_MS + SECOND)
    assert set(rig.terminal.symbol_names()) == {"EURUSD", "USDJPY"}
    for name in rig.terminal.symbol_names():
        report = rig.terminal.symbol(name)
        assert report is not None
        assert report.spec == rig.broker.specs[name]
        assert report.session_open


def test_quotes_are_in_utc_with_the_markets_time(rig: Rig) -> None:
    rig.tick(NOW_MS + 10_500)
    quote = rig.terminal.quote("EURUSD")
    assert quote is not None
    assert quote.time_ms == NOW_MS + 10_000
    assert quote.bid <= quote.ask
    assert quote == rig.broker.quote("EURUSD")


def test_unchanged_parts_stay_the_same_objects(rig: Rig) -> None:
    opened(rig.broker.market_order("USDJPY", "buy", 1.0))
    rig.tick(NOW_MS + 119_000)
    before, quote = rig.terminal.account(), rig.terminal.quote("EURUSD")
    symbol, bars = rig.terminal.symbol("EURUSD"), rig.terminal.bars("EURUSD", "H1")
    rig.tick(NOW_MS + 119_500)
    after = rig.terminal.account()
    assert before is not None
    assert after is not None
    assert after.account is before.account
    assert after.positions is before.positions
    assert after.orders is before.orders
    assert after.deals is before.deals
    assert rig.terminal.quote("EURUSD") is quote
    assert rig.terminal.symbol("EURUSD") is symbol
    assert rig.terminal.bars("EURUSD", "H1") is bars
    assert rig.terminal.account() is after


def test_reports_carry_the_time_they_were_seen(rig: Rig) -> None:
    for now in (NOW_MS + SECOND, NOW_MS + 90 * SECOND):
        rig.tick(now)
        report, symbol = rig.terminal.account(), rig.terminal.symbol("EURUSD")
        assert report is not None
        assert report.received_ms == now
        assert symbol is not None
        assert now - 90 * SECOND <= symbol.received_ms <= now


def test_only_closed_bars_in_utc_and_in_order(rig: Rig) -> None:
    lengths = []
    for second in (1, 59, 60, 119):
        now = NOW_MS + second * SECOND
        rig.tick(now)
        bars = rig.terminal.bars("EURUSD", "M1")
        assert bars is not None
        assert bars.time_ms[-1] + TIMEFRAME_MS["M1"] <= now
        assert all(a < b for a, b in pairwise(bars.time_ms.tolist()))
        assert bars.time_ms.tolist() == rig.broker.market.symbols["EURUSD"].bars["M1"].time_ms[: len(bars)].tolist()
        lengths.append(len(bars))
    assert lengths == [2, 2, 3, 3]
    assert rig.terminal.bars("USDJPY", "M1") is None


def test_bars_tell_how_many_ticks_they_had_where_that_is_known(rig: Rig) -> None:
    rig.tick(NOW_MS + 60 * SECOND)
    minutes, hours = rig.terminal.bars("EURUSD", "M1"), rig.terminal.bars("EURUSD", "H1")
    assert minutes is not None
    assert minutes.tick_volume is not None
    assert minutes.tick_volume.tolist() == [61, 62, 60]
    assert hours is not None
    assert hours.tick_volume is None


def test_new_bar_is_a_new_object(rig: Rig) -> None:
    rig.tick(NOW_MS + 59 * SECOND)
    before = rig.terminal.bars("EURUSD", "M1")
    rig.tick(NOW_MS + 60 * SECOND)
    assert rig.terminal.bars("EURUSD", "M1") is not before


def test_account_money_is_consistent(rig: Rig) -> None:
    opened(rig.broker.market_order("EURUSD", "buy", 1.0))
    opened(rig.broker.market_order("USDJPY", "sell", 0.5))
    for second in range(1, 8):
        rig.tick(NOW_MS + second * SECOND)
        report = rig.terminal.account()
        assert report is not None
        account = report.account
        floating = sum(position.profit + position.swap for position in report.positions)
        assert account.equity == pytest.approx(account.balance + floating, abs=0.005)
        assert account.margin_free == pytest.approx(account.equity - account.margin, abs=0.005)
        assert account.balance == pytest.approx(sum(deal.net for deal in report.deals), abs=0.005)
        assert account == rig.broker.account()


def test_positions_and_orders_without_stop_show_none(rig: Rig) -> None:
    bare = opened(rig.broker.market_order("EURUSD", "buy", 0.2))
    stopped = opened(rig.broker.market_order("EURUSD", "sell", 0.1, sl=1.2, tp=1.0, magic=9))
    assert isinstance(rig.broker.pending_order("USDJPY", "sell", "stop", 0.3, price=149.0), PendingOrder)
    assert isinstance(rig.broker.pending_order("USDJPY", "buy", "limit", 0.3, price=149.0, sl=148.0), PendingOrder)
    rig.tick(NOW_MS + SECOND)
    report = rig.terminal.account()
    assert report is not None
    stops = {position.ticket: (position.side, position.sl, position.tp) for position in report.positions}
    assert stops == {bare: ("buy", None, None), stopped: ("sell", 1.2, 1.0)}
    assert [(order.side, order.sl, order.tp) for order in report.orders] == [("sell", None, None), ("buy", 148.0, None)]
    assert report.positions == rig.broker.positions()
    assert report.orders == rig.broker.orders()


def test_deals_are_the_whole_history_in_order(rig: Rig) -> None:
    rig.tick(NOW_MS + SECOND)
    ticket = opened(rig.broker.market_order("EURUSD", "buy", 0.2))
    rig.tick(NOW_MS + 2 * SECOND)
    rig.broker.close(ticket)
    rig.tick(NOW_MS + 3 * SECOND)
    report = rig.terminal.account()
    assert report is not None
    assert report.deals == rig.broker.deals()
    assert [(deal.symbol, deal.entry) for deal in report.deals] == [("", 0), ("EURUSD", 0), ("EURUSD", 1)]
    assert all((a.time_ms, a.ticket) < (b.time_ms, b.ticket) for a, b in pairwise(report.deals))
    assert report.deals_since_ms is not None
    assert report.deals_since_ms <= NOW_MS


def test_checks_are_the_terminals_own_money_for_one_lot(rig: Rig) -> None:
    rig.tick(NOW_MS + SECOND)
    report = rig.terminal.symbol("EURUSD")
    assert report is not None
    assert [check.side for check in report.checks] == ["buy", "sell"]
    for check in report.checks:
        loss = rig.broker.order_calc_profit(check.side, "EURUSD", 1.0, check.price_open, check.price_close)
        assert check.profit == loss
        assert loss is not None
        assert loss < 0
        assert check.margin == rig.broker.order_calc_margin(check.side, "EURUSD", 1.0, check.price_open)


def test_connected_while_reports_come(rig: Rig) -> None:
    rig.tick(NOW_MS + 10 * SECOND)
    assert rig.terminal.connected(NOW_MS + 11 * SECOND)
    assert not rig.terminal.connected(NOW_MS + 3_600_000)


# What only one of them does ------------------------------------------------------------------------------------------


def fill(ticket: int, lots: float = 0.5) -> Execution:
    return Execution(ticket, "EURUSD", "buy", lots, 1.1001, 1.09, 1.12, 5)


def test_recorded_terminal_opens_a_reported_fill_once() -> None:
    rig = RecordedRig()
    rig.tick(NOW_MS + SECOND)
    for _ in range(2):
        rig.terminal.executed(fill(42))
        rig.terminal.executed(fill(43, lots=0.123))
    rig.tick(NOW_MS + 2 * SECOND)
    report = rig.terminal.account()
    assert report is not None
    (position,) = report.positions
    assert (position.ticket, position.volume, position.price_open) == (42, 0.5, 1.1001)
    assert (position.sl, position.tp, position.magic) == (1.09, 1.12, 5)


def test_feed_leaves_a_reported_fill_to_the_ea() -> None:
    rig = FeedRig()
    rig.tick(NOW_MS + SECOND)
    before = rig.terminal.account()
    rig.terminal.executed(fill(42))
    assert rig.terminal.account() is before


def reported(rig: Rig) -> AccountReport:
    report = rig.terminal.account()
    assert report is not None
    return report


def test_what_an_ea_reports_of_a_real_position_is_left_to_the_terminal(rig: Rig) -> None:
    """As far as it sees it: the recorded one, which has nothing else to go by, does it on paper."""
    rig.tick(NOW_MS + SECOND)
    ticket = opened(rig.broker.market_order("EURUSD", "buy", 0.5, sl=1.0, tp=1.2))
    order = rig.broker.pending_order("EURUSD", "sell", "limit", 0.1, price=1.15)
    assert isinstance(order, PendingOrder)
    rig.tick(NOW_MS + 2 * SECOND)
    before, closed = reported(rig), len(rig.broker.deals())
    rig.terminal.closed(ticket, 0.2, 1.1005)
    rig.terminal.modified(ticket, 1.05, None)
    rig.terminal.cancelled(order.ticket)
    assert rig.terminal.account() is before, "a report is as of the last look"
    rig.tick(NOW_MS + 3 * SECOND)
    (position,) = reported(rig).positions
    shown = (position.volume, position.sl, position.tp), len(reported(rig).orders), len(rig.broker.deals()) - closed
    on_paper = rig.terminal.source == "recorded"
    assert shown == (((0.3, 1.05, None), 0, 1) if on_paper else ((0.5, 1.0, 1.2), 1, 0))


def with_position(lots: float = 0.5) -> RecordedRig:
    rig = RecordedRig()
    rig.tick(NOW_MS + SECOND)
    rig.terminal.executed(fill(42, lots))
    return rig


def test_recorded_terminal_books_a_reported_close_at_its_own_price() -> None:
    rig = with_position()
    rig.terminal.closed(42, 0.2, 1.1051)
    rig.terminal.closed(42, 0.3, 1.0951)
    rig.tick(NOW_MS + 2 * SECOND)
    report = reported(rig)
    assert report.positions == ()
    deals = [(deal.position_id, deal.entry, deal.volume, deal.price, deal.profit) for deal in report.deals[-2:]]
    assert deals == [(42, 1, 0.2, 1.1051, 100.0), (42, 1, 0.3, 1.0951, -150.0)]
    assert report.account.balance == 100_000 - 50


def test_what_is_left_of_cumulative_lots_closes_the_whole_position() -> None:
    rig = with_position(0.3)
    rig.terminal.closed(42, 0.1, 1.1)
    rig.terminal.closed(42, 0.3 - 0.1, 1.1)  # 0.19999999999999998
    assert rig.broker.positions() == ()


@pytest.mark.parametrize("lots", [0.0, -0.1, 0.51, 0.495, 0.0001, float("nan"), float("inf"), float("-inf")])
def test_recorded_terminal_ignores_a_close_of_lots_that_cannot_be(lots: float) -> None:
    rig = with_position()
    before, deals = rig.broker.positions(), rig.broker.deals()
    rig.terminal.closed(42, lots, 1.1)
    assert (rig.broker.positions(), rig.broker.deals()) == (before, deals)


@pytest.mark.parametrize("price", [0.0, -1.1, float("nan"), float("inf")])
def test_recorded_terminal_ignores_prices_that_are_none(price: float) -> None:
    rig = with_position()
    before = rig.broker.positions()
    rig.terminal.closed(42, 0.5, price)
    rig.terminal.modified(42, price, None)
    rig.terminal.modified(42, None, price)
    assert rig.broker.positions() == before


def test_recorded_terminal_ignores_reports_about_tickets_that_are_not_there() -> None:
    rig = with_position()
    order = rig.broker.pending_order("EURUSD", "sell", "limit", 0.1, price=1.15)
    assert isinstance(order, PendingOrder)
    before = rig.broker.positions(), rig.broker.orders(), rig.broker.deals()
    for ticket in (7, order.ticket):
        rig.terminal.closed(ticket, 0.1, 1.1)
        rig.terminal.modified(ticket, 1.0, 1.2)
    for ticket in (7, 42):
        rig.terminal.cancelled(ticket)
    assert (rig.broker.positions(), rig.broker.orders(), rig.broker.deals()) == before


def test_a_stop_that_was_reported_ends_the_position_on_paper() -> None:
    rig = with_position()
    rig.terminal.modified(42, 1.10001, None)  # the bid falls to 1.1 after seven seconds
    rig.tick(NOW_MS + 6 * SECOND)
    assert [position.sl for position in reported(rig).positions] == [1.10001]
    rig.tick(NOW_MS + 8 * SECOND)
    assert reported(rig).positions == ()


def test_recorded_terminal_never_goes_back_and_ends_with_its_recording() -> None:
    rig = RecordedRig()
    rig.tick(NOW_MS + 50 * SECOND)
    rig.tick(NOW_MS + 10 * SECOND)
    report = rig.terminal.account()
    assert report is not None
    assert report.received_ms == NOW_MS + 50 * SECOND
    assert rig.terminal.connected(rig.broker.market.end_ms)
    assert not rig.terminal.connected(rig.broker.market.end_ms + 1)


def test_recorded_checks_are_read_again_once_a_minute() -> None:
    rig = RecordedRig()
    rig.tick(NOW_MS)
    first = rig.terminal.symbol("EURUSD")
    rig.tick(NOW_MS + 59_999)
    assert rig.terminal.symbol("EURUSD") is first
    rig.tick(NOW_MS + 60_000)
    second = rig.terminal.symbol("EURUSD")
    assert second is not None
    assert second.received_ms == NOW_MS + 60_000
