"""The EA's feed: gaps, conflicts, the broker's clock, and messages that cannot be true."""

from typing import Any

import msgspec
import pytest

from bridge.market.ea import FeedWriter
from bridge.protocol.messages import (
    AccountInfo,
    BarsInfo,
    CheckInfo,
    DealInfo,
    OrderInfo,
    PositionInfo,
    QuoteInfo,
    RateInfo,
    SnapshotRequest,
    SymbolInfo,
)
from bridge.terminal import feed_history
from bridge.terminal.feed import FeedConflict, FeedError, FeedTerminal
from sizing.snapshot import Deal
from tests.builders import LOGIN, NOW_MS, make_account, make_bars, make_broker, make_spec, make_symbol

HOUR = 3_600_000
QUOTE = QuoteInfo(symbol="EURUSD", time_msc=NOW_MS, bid=1.1, ask=1.1001)
DEAL = DealInfo(ticket=1, time_msc=NOW_MS - HOUR, profit=5.0)


def account_info(**over: Any) -> AccountInfo:
    account = make_account(**over)
    return msgspec.convert(account, AccountInfo, from_attributes=True)


def symbol_info(**over: Any) -> SymbolInfo:
    return msgspec.convert(make_spec(**over), SymbolInfo, from_attributes=True)


def message(sequence: int, session: str = "one", **parts: Any) -> SnapshotRequest:
    parts.setdefault("time_trade_server", NOW_MS // 1000)
    return SnapshotRequest(v=1, id=f"{session}-{sequence}", session=session, sequence=sequence, **parts)


def full(sequence: int, session: str = "one", **parts: Any) -> SnapshotRequest:
    book = {"account_info": account_info(), "positions": [], "orders": [], "quotes": [QUOTE], **parts}
    return message(sequence, session, **book)


def position(ticket: int = 1, **over: Any) -> PositionInfo:
    values = {"symbol": "EURUSD", "type": 0, "volume": 1.0, "price_open": 1.1, "price_current": 1.1, **over}
    return PositionInfo(ticket=ticket, **values)


def order(ticket: int = 1, kind: int = 2, **over: Any) -> OrderInfo:
    return OrderInfo(
        **{"ticket": ticket, "symbol": "EURUSD", "type": kind, "volume_current": 1.0, "price_open": 1.1, **over}
    )


def rate(time_ms: int, **over: float) -> RateInfo:
    return RateInfo(**{"time": time_ms // 1000, "open": 1.1, "high": 1.2, "low": 1.0, "close": 1.1, **over})  # type: ignore[arg-type]


def bars(*rates: RateInfo, timeframe: Any = "H1") -> list[BarsInfo]:
    return [BarsInfo(symbol="EURUSD", timeframe=timeframe, rates=list(rates))]


def fed(*messages: SnapshotRequest, now_ms: int = NOW_MS) -> FeedTerminal:
    terminal = FeedTerminal(LOGIN)
    for each in messages:
        assert terminal.apply(each, now_ms) is False
    return terminal


# Sessions and sequences ----------------------------------------------------------------------------------------------


def test_first_message_that_is_not_full_asks_for_everything_and_changes_nothing() -> None:
    terminal = FeedTerminal(LOGIN)
    assert terminal.apply(message(0, account_info=account_info(), symbols=[symbol_info()]), NOW_MS) is True
    assert terminal.account() is None
    assert list(terminal.symbol_names()) == []
    assert not terminal.connected(NOW_MS)
    # Nor does it take the account: another session may start.
    assert terminal.apply(full(0, "two"), NOW_MS) is False


def test_session_may_start_at_any_sequence() -> None:
    terminal = fed(full(1_000), message(1_001, account_info=account_info(balance=5.0)))
    report = terminal.account()
    assert report is not None
    assert report.account.balance == 5.0


def test_gap_drops_what_must_be_complete_until_a_full_snapshot() -> None:
    terminal = fed(full(0, deals=[DEAL], symbols=[symbol_info()]), message(1))
    assert terminal.apply(message(3, account_info=account_info(balance=1.0), quotes=[QUOTE]), NOW_MS) is True
    assert terminal.account() is None
    assert terminal.quote("EURUSD") is None
    assert not terminal.connected(NOW_MS)
    assert terminal.symbol("EURUSD") is not None
    assert terminal.apply(message(4, quotes=[QUOTE]), NOW_MS) is True
    assert terminal.quote("EURUSD") is None
    assert terminal.apply(full(40, deals=[]), NOW_MS) is False
    report = terminal.account()
    assert report is not None
    assert terminal.connected(NOW_MS)
    assert terminal.quote("EURUSD") is not None
    assert [deal.ticket for deal in report.deals] == [1]
    assert terminal.apply(message(41), NOW_MS) is False


def test_whole_snapshot_after_a_gap_needs_no_resync() -> None:
    terminal = fed(full(0))
    assert terminal.apply(full(9, deals=[], symbols=[]), NOW_MS) is False
    report = terminal.account()
    assert report is not None
    assert report.deals_since_ms == NOW_MS - 48 * HOUR


def test_full_lists_after_a_gap_show_the_account_but_history_is_asked_for() -> None:
    terminal = fed(full(0, deals=[]))
    # The deals of an increment are not the history: the lost message may have held others.
    assert terminal.apply(full(2, deals=[DEAL]), NOW_MS) is True
    report = terminal.account()
    assert report is not None
    assert report.deals_since_ms is None
    assert terminal.apply(message(3), NOW_MS) is True
    assert terminal.apply(full(4, deals=[]), NOW_MS) is False


def test_repeated_message_is_not_a_gap() -> None:
    terminal = fed(full(0), message(1))
    assert terminal.apply(message(1), NOW_MS) is False
    assert terminal.account() is not None


def test_older_sequence_is_a_gap() -> None:
    terminal = fed(full(5), message(6))
    assert terminal.apply(message(5), NOW_MS) is True
    assert terminal.account() is None


def test_other_session_conflicts_until_the_first_is_silent() -> None:
    terminal = fed(full(0))
    with pytest.raises(FeedConflict):
        terminal.apply(full(0, "two"), NOW_MS + 29_999)
    assert terminal.apply(message(1, "two"), NOW_MS + 30_000) is True
    assert terminal.apply(message(1), NOW_MS + 30_000) is False
    assert terminal.apply(full(0, "two"), NOW_MS + 60_000) is False
    with pytest.raises(FeedConflict):
        terminal.apply(message(2), NOW_MS + 60_000)


def test_new_session_starts_from_nothing() -> None:
    terminal = fed(full(0, symbols=[symbol_info()], deals=[DEAL], bars=bars(rate(NOW_MS - 2 * HOUR))))
    assert terminal.bars("EURUSD", "H1") is not None
    later = NOW_MS + HOUR
    assert terminal.apply(full(0, "two", time_trade_server=later // 1000), later) is False
    report = terminal.account()
    assert report is not None
    assert (report.deals, report.deals_since_ms) == ((), None)
    assert terminal.symbol("EURUSD") is None
    assert terminal.bars("EURUSD", "H1") is None


def test_connected_while_fed_within_the_silence_allowed() -> None:
    terminal = FeedTerminal(LOGIN, silence_ms=5_000)
    assert not terminal.connected(NOW_MS)
    terminal.apply(full(0), NOW_MS)
    assert terminal.connected(NOW_MS + 5_000)
    assert not terminal.connected(NOW_MS + 5_001)


# Messages that cannot be true ----------------------------------------------------------------------------------------

BAD: list[tuple[str, dict[str, Any]]] = [
    ("account_info.login", {"account_info": account_info(login=1)}),
    ("time_trade_server", {"time_trade_server": (NOW_MS + 15 * HOUR) // 1000}),
    ("time_trade_server", {"time_trade_server": (NOW_MS - 13 * HOUR) // 1000}),
    ("time_trade_server", {"time_trade_server": NOW_MS}),
    ("symbols[1].name", {"symbols": [symbol_info(), symbol_info()]}),
    ("symbols[0].volume_max", {"symbols": [symbol_info(volume_max=0.001)]}),
    ("positions[2].ticket", {"positions": [position(1), position(2), position(1)]}),
    ("positions[0].time_msc", {"positions": [position(time_msc=-1)]}),
    ("orders[1].ticket", {"orders": [order(1), order(1)]}),
    ("orders[0].time_setup_msc", {"orders": [order(time_setup_msc=2**62)]}),
    ("deals[1].ticket", {"deals": [DEAL, DEAL]}),
    ("deals[0].time_msc", {"deals": [DealInfo(ticket=1, time_msc=-5, profit=0.0)]}),
    ("deals_since", {"deals_since": 5_000_000_000_000}),
    ("deals[0].entry", {"deals": [DealInfo(ticket=1, time_msc=5, profit=0.0, entry=4)]}),
    ("quotes[1].bid", {"quotes": [QUOTE, QuoteInfo(symbol="X", time_msc=NOW_MS, bid=2.0, ask=1.0)]}),
    ("quotes[0].time_msc", {"quotes": [QuoteInfo(symbol="X", time_msc=2**62, bid=1.0, ask=1.0)]}),
    ("bars[0].rates[1].time", {"bars": bars(rate(NOW_MS), rate(NOW_MS))}),
    ("bars[0].rates[1].time", {"bars": bars(rate(NOW_MS), rate(NOW_MS - HOUR))}),
    ("bars[0].rates[0].time", {"bars": bars(rate(-1_000))}),
    ("bars[0].rates[0].high", {"bars": bars(rate(NOW_MS, high=0.9))}),
    ("bars[0].rates[0].open", {"bars": bars(rate(NOW_MS, open=1.3))}),
    ("bars[0].rates[0].close", {"bars": bars(rate(NOW_MS, close=0.9))}),
]


@pytest.mark.parametrize(("field", "parts"), BAD, ids=[f"{i} {field}" for i, (field, _) in enumerate(BAD)])
def test_bad_value_is_named_and_nothing_is_half_applied(field: str, parts: dict[str, Any]) -> None:
    terminal = fed(full(0, symbols=[symbol_info(name="USDJPY")]))
    before = terminal.account()
    good: dict[str, Any] = {
        "account_info": account_info(balance=1.0),
        "symbols": [symbol_info()],
        "positions": [position(9)],
        "deals": [DealInfo(ticket=9, time_msc=NOW_MS, profit=0.0)],
        "bars": bars(rate(NOW_MS - 2 * HOUR)),
    }
    with pytest.raises(FeedError) as caught:
        terminal.apply(message(1, **{**good, **parts}), NOW_MS)
    assert caught.value.field == field
    assert field in str(caught.value)
    assert terminal.account() is before
    assert list(terminal.symbol_names()) == ["USDJPY"]
    assert terminal.bars("EURUSD", "H1") is None
    # The sequence did not move either: the mended message is no gap.
    assert terminal.apply(message(1, **good), NOW_MS) is False


# The broker's clock --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [-12 * HOUR, -5 * HOUR, 0, 2 * HOUR, 3 * HOUR, 5 * HOUR + HOUR // 2, 14 * HOUR])
@pytest.mark.parametrize("server", [True, False])
def test_broker_times_become_utc(offset: int, server: bool) -> None:
    raw = NOW_MS + offset
    parts: dict[str, Any] = {
        "time_trade_server": raw // 1000 - 2 if server else None,
        "positions": [position(time_msc=raw - 5_000)],
        "orders": [order(time_setup_msc=raw - 6_000)],
        "quotes": [QuoteInfo(symbol="EURUSD", time_msc=raw - 700, bid=1.1, ask=1.1001)],
        "deals": [DealInfo(ticket=1, time_msc=raw - HOUR, profit=0.0)],
        "bars": bars(rate(raw - 2 * HOUR), rate(raw - HOUR)),
    }
    terminal = fed(full(0, **parts))
    report, quote, series = terminal.account(), terminal.quote("EURUSD"), terminal.bars("EURUSD", "H1")
    assert report is not None
    assert quote is not None
    assert series is not None
    assert terminal.utc_offset_ms() == offset
    assert quote.time_ms == NOW_MS - 700
    assert report.positions[0].time_ms == NOW_MS - 5_000
    assert report.orders[0].time_setup_ms == NOW_MS - 6_000
    assert report.deals[0].time_ms == NOW_MS - HOUR
    assert series.time_ms.tolist() == [NOW_MS - 2 * HOUR, NOW_MS - HOUR]


def test_offset_is_measured_again_when_the_broker_changes_its_clock() -> None:
    raw = NOW_MS + 2 * HOUR
    quote = QuoteInfo(symbol="EURUSD", time_msc=raw, bid=1.1, ask=1.1001)
    deal = DealInfo(ticket=1, time_msc=raw, profit=0.0)
    history = bars(rate(raw - 2 * HOUR))
    terminal = fed(full(0, time_trade_server=raw // 1000, quotes=[quote], deals=[deal], bars=history))
    before = terminal.bars("EURUSD", "H1")
    assert terminal.apply(message(1, time_trade_server=(raw + HOUR) // 1000), NOW_MS) is False
    moved, after, report = terminal.quote("EURUSD"), terminal.bars("EURUSD", "H1"), terminal.account()
    assert before is not None
    assert after is not None
    assert moved is not None
    assert report is not None
    assert moved.time_ms == NOW_MS - HOUR
    assert (after.time_ms - before.time_ms).tolist() == [-HOUR]
    assert report.deals[0].time_ms == NOW_MS - HOUR


@pytest.mark.parametrize("age", [-5_001, 60_001, 300_000, 7 * 60_000])
def test_without_server_time_a_stale_tick_tells_no_offset(age: int) -> None:
    quote = QuoteInfo(symbol="EURUSD", time_msc=NOW_MS + 2 * HOUR - age, bid=1.1, ask=1.1001)
    history: dict[str, Any] = {
        "deals": [DEAL],
        "bars": bars(rate(NOW_MS - HOUR)),
        "positions": [position(time_msc=NOW_MS)],
    }
    terminal = fed(full(0, time_trade_server=None, quotes=[quote], **history))
    report = terminal.account()
    assert terminal.utc_offset_ms() == 0
    assert terminal.quote("EURUSD") is None
    assert terminal.bars("EURUSD", "H1") is None
    assert report is not None
    assert (report.deals, report.deals_since_ms, report.positions[0].time_ms) == ((), None, 0)
    # What waited is shown once the offset is known, the bar as of the time it came.
    assert terminal.apply(message(1), NOW_MS) is False
    report = terminal.account()
    assert report is not None
    assert (len(report.deals), report.deals_since_ms) == (1, NOW_MS - 48 * HOUR)
    assert terminal.bars("EURUSD", "H1") is not None
    assert terminal.quote("EURUSD") is not None


def test_old_tick_does_not_move_the_offset_as_it_ages() -> None:
    quote = QuoteInfo(symbol="EURUSD", time_msc=NOW_MS + 2 * HOUR, bid=1.1, ask=1.1001)
    terminal = fed(full(0, time_trade_server=None, quotes=[quote]))
    assert terminal.apply(message(1, time_trade_server=None, quotes=[quote]), NOW_MS + 900_000) is False
    shown = terminal.quote("EURUSD")
    assert shown is not None
    assert shown.time_ms == NOW_MS


def test_server_time_wins_over_ticks() -> None:
    terminal = fed(full(0, time_trade_server=(NOW_MS + 3 * HOUR) // 1000))
    quote = QuoteInfo(symbol="EURUSD", time_msc=NOW_MS + 2 * HOUR, bid=1.1, ask=1.1001)
    assert terminal.apply(message(1, time_trade_server=None, quotes=[quote]), NOW_MS) is False
    shown = terminal.quote("EURUSD")
    assert shown is not None
    assert shown.time_ms == NOW_MS - HOUR


# What adds up --------------------------------------------------------------------------------------------------------


def test_unfinished_bar_is_ignored() -> None:
    terminal = fed(full(0, bars=bars(rate(NOW_MS - HOUR), rate(NOW_MS - HOUR // 2))))
    series = terminal.bars("EURUSD", "H1")
    assert series is not None
    assert series.time_ms.tolist() == [NOW_MS - HOUR]


def test_bar_that_just_closed_by_the_brokers_clock_counts() -> None:
    # The daemon's clock is three seconds behind; the bar comes once only.
    late = full(0, time_trade_server=NOW_MS // 1000, bars=bars(rate(NOW_MS - HOUR)))
    assert fed(late, now_ms=NOW_MS - 3_000).bars("EURUSD", "H1") is not None


def test_bars_add_up_and_overlaps_replace() -> None:
    first = [rate(NOW_MS - 4 * HOUR), rate(NOW_MS - 3 * HOUR)]
    terminal = fed(full(0, bars=bars(*first)))
    before = terminal.bars("EURUSD", "H1")
    assert terminal.apply(message(1, bars=bars(*first)), NOW_MS) is False
    assert terminal.bars("EURUSD", "H1") is before
    more = [
        rate(NOW_MS - 3 * HOUR, close=1.15),
        rate(NOW_MS - HOUR),
    ]
    assert terminal.apply(message(2, bars=bars(rate(NOW_MS - 9 * HOUR), *more)), NOW_MS) is False
    series = terminal.bars("EURUSD", "H1")
    assert series is not None
    assert ((NOW_MS - series.time_ms) // HOUR).tolist() == [9, 4, 3, 1]
    assert series.close.tolist() == [1.1, 1.1, 1.15, 1.1]


def ticks_of(terminal: FeedTerminal) -> list[int] | None:
    series = terminal.bars("EURUSD", "H1")
    assert series is not None
    return None if series.tick_volume is None else series.tick_volume.tolist()


def test_ticks_of_bars_are_kept_where_the_feed_tells_them() -> None:
    """A feed of before it told them goes on untold; what one bar lacks is 0, not known."""
    terminal = fed(full(0, bars=bars(rate(NOW_MS - 4 * HOUR), rate(NOW_MS - 3 * HOUR))))
    assert ticks_of(terminal) is None
    terminal.apply(message(1, bars=bars(rate(NOW_MS - 2 * HOUR, tick_volume=70))), NOW_MS)
    assert ticks_of(terminal) == [0, 0, 70]
    terminal.apply(message(2, bars=bars(rate(NOW_MS - 3 * HOUR, tick_volume=60), rate(NOW_MS - HOUR))), NOW_MS)
    assert ticks_of(terminal) == [0, 60, 70, 0]
    before = terminal.bars("EURUSD", "H1")
    terminal.apply(message(3, bars=bars(rate(NOW_MS - 2 * HOUR, tick_volume=70))), NOW_MS)
    assert terminal.bars("EURUSD", "H1") is before
    terminal.apply(message(4, bars=bars(rate(NOW_MS - HOUR, tick_volume=80))), NOW_MS)
    assert ticks_of(terminal) == [0, 60, 70, 80]


def test_bars_without_ticks_stay_the_same_object_beside_an_unfinished_one_with_some() -> None:
    terminal = fed(full(0, bars=bars(rate(NOW_MS - 2 * HOUR))))
    before = terminal.bars("EURUSD", "H1")
    again = bars(rate(NOW_MS - 2 * HOUR), rate(NOW_MS - HOUR // 2, tick_volume=9))
    terminal.apply(message(1, bars=again), NOW_MS)
    assert terminal.bars("EURUSD", "H1") is before


def test_only_the_newest_bars_and_deals_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_history, "MAX_BARS", 3)
    monkeypatch.setattr(feed_history, "MAX_DEALS", 2)
    deals = [DealInfo(ticket=i, time_msc=NOW_MS - (5 - i) * HOUR, profit=1.0) for i in range(1, 5)]
    history = [rate(NOW_MS - i * HOUR) for i in range(6, 1, -1)]
    terminal = fed(full(0, deals=deals[:2], bars=bars(*history)), message(1, deals=deals[2:]))
    assert terminal.apply(message(2, bars=bars(rate(NOW_MS - HOUR))), NOW_MS) is False
    report, series = terminal.account(), terminal.bars("EURUSD", "H1")
    assert series is not None
    assert ((NOW_MS - series.time_ms) // HOUR).tolist() == [3, 2, 1]
    assert report is not None
    assert [deal.ticket for deal in report.deals] == [3, 4]
    assert report.deals_since_ms == report.deals[0].time_ms


def test_deals_add_up_by_ticket_in_order_of_time() -> None:
    older = DealInfo(ticket=7, time_msc=NOW_MS - 2 * HOUR, profit=1.0, entry=1, symbol="EURUSD", commission=-2.0)
    terminal = fed(full(0, deals=[DEAL]), message(1, deals=[DEAL, older]), message(2, deals=[older]))
    report = terminal.account()
    assert report is not None
    assert [deal.ticket for deal in report.deals] == [7, 1]
    assert report.deals[0] == Deal(
        ticket=7,
        position_id=0,
        symbol="EURUSD",
        entry=1,
        volume=0.0,
        price=0.0,
        profit=1.0,
        time_ms=NOW_MS - 2 * HOUR,
        commission=-2.0,
    )


@pytest.mark.parametrize(("deals", "since"), [(None, None), ([], NOW_MS - 48 * HOUR), ([DEAL], NOW_MS - 48 * HOUR)])
def test_history_is_known_only_where_the_first_message_holds_deals(
    deals: list[DealInfo] | None, since: int | None
) -> None:
    terminal = fed(full(0, deals=deals), full(1, deals=[DEAL]))
    report = terminal.account()
    assert report is not None
    assert report.deals_since_ms == since


def since_of(terminal: FeedTerminal) -> int | None:
    report = terminal.account()
    assert report is not None
    return report.deals_since_ms


def test_feed_says_from_when_on_it_has_told_all_deals() -> None:
    terminal = fed(full(0, deals=[DEAL], deals_since=NOW_MS - 5 * HOUR))
    assert since_of(terminal) == NOW_MS - 5 * HOUR
    assert terminal.apply(message(1, deals=[], deals_since=NOW_MS - 90 * HOUR), NOW_MS) is False
    assert since_of(terminal) == NOW_MS - 90 * HOUR
    # Older deals turned up in the terminal's history after all.
    assert terminal.apply(message(2, deals_since=NOW_MS), NOW_MS) is False
    assert since_of(terminal) == NOW_MS


def test_told_history_is_by_the_brokers_clock() -> None:
    server = (NOW_MS + 3 * HOUR) // 1000
    terminal = fed(full(0, deals=[], deals_since=NOW_MS - 2 * HOUR, time_trade_server=server))
    assert since_of(terminal) == NOW_MS - 5 * HOUR
    assert terminal.apply(message(1, deals_since=0), NOW_MS) is False
    assert since_of(terminal) == 0


def test_history_may_be_told_after_a_full_message_without_it() -> None:
    terminal = fed(full(0))
    assert since_of(terminal) is None
    assert terminal.apply(message(1, deals=[DEAL]), NOW_MS) is False
    assert since_of(terminal) is None
    assert terminal.apply(message(2, deals=[DEAL], deals_since=0), NOW_MS) is False
    assert since_of(terminal) == 0


def test_history_told_before_a_gap_says_nothing_after_it() -> None:
    terminal = fed(full(0, deals=[DEAL], deals_since=0))
    # The lost message may have held a deal, and the EA does not know that it was lost.
    assert terminal.apply(full(2, deals_since=0), NOW_MS) is True
    assert since_of(terminal) is None
    assert terminal.apply(full(3, deals=[DEAL], deals_since=7), NOW_MS) is False
    assert since_of(terminal) == 7


@pytest.mark.parametrize(("kind", "side"), [(2, "buy"), (3, "sell"), (4, "buy"), (5, "sell"), (6, "buy"), (7, "sell")])
def test_pending_side_follows_the_order_type(kind: int, side: str) -> None:
    report = fed(full(0, orders=[order(kind=kind)])).account()
    assert report is not None
    assert report.orders[0].side == side


def test_checks_join_their_symbol_whichever_comes_first() -> None:
    check = CheckInfo(symbol="EURUSD", side="buy", price_open=1.1, price_close=1.089, profit=-1_100.0, margin=1_100.0)
    terminal = fed(full(0, checks=[check]), message(1, symbols=[symbol_info(), symbol_info(name="USDJPY")]))
    report = terminal.symbol("EURUSD")
    assert report is not None
    assert report.checks == (("EURUSD", "buy", 1.1, 1.089, -1_100.0, 1_100.0),)
    assert terminal.apply(message(2, checks=[check]), NOW_MS) is False
    assert terminal.symbol("EURUSD") is report
    newer = msgspec.structs.replace(check, profit=-1_101.0)
    assert terminal.apply(message(3, checks=[newer]), NOW_MS) is False
    changed = terminal.symbol("EURUSD")
    assert changed is not None
    assert changed.checks[0].profit == -1_101.0


def test_closed_session_is_reported() -> None:
    closed = msgspec.structs.replace(symbol_info(), session_open=False)
    report = fed(full(0, symbols=[closed])).symbol("EURUSD")
    assert report is not None
    assert report.session_open is False


# The stand-in EA -----------------------------------------------------------------------------------------------------


def test_writer_cuts_history_into_bodies_below_200_kb() -> None:
    closes = [1.1 + 0.0000123456789 * i for i in range(4_000)]
    series = [make_bars(timeframe, NOW_MS, closes) for timeframe in ("M5", "H1", "D1")]
    ticks = [(NOW_MS, 1.1, 1.1001)]
    names = [f"PAIR{i:02d}" for i in range(4)]
    broker = make_broker(*(make_symbol(ticks, name=name, bars=series) for name in names))
    writer = FeedWriter(broker, "demo", broker_offset_ms=2 * HOUR)
    messages = writer.messages(LOGIN)
    assert max(len(msgspec.json.encode(each)) for each in messages) < 200_000
    assert [each.sequence for each in messages] == list(range(len(messages)))
    assert len({each.id for each in messages}) == len(messages)
    terminal = fed(*(msgspec.json.decode(msgspec.json.encode(each), type=SnapshotRequest) for each in messages))
    for name in names:
        for timeframe in ("M5", "H1", "D1"):
            shown = terminal.bars(name, timeframe)
            assert shown is not None
            assert len(shown) == 1_500
            assert shown.time_ms.tolist() == series[("M5", "H1", "D1").index(timeframe)].time_ms[-1_500:].tolist()


def test_writer_sends_small_increments_and_starts_over_when_asked() -> None:
    broker = make_broker()
    writer, terminal = FeedWriter(broker, "demo"), FeedTerminal(LOGIN)
    first = writer.messages(LOGIN)
    for each in first:
        terminal.apply(each, NOW_MS)
    broker.advance(NOW_MS + 1_000)
    lost = writer.messages(LOGIN)
    assert len(lost) == 1
    assert (lost[0].symbols, lost[0].positions, lost[0].deals, lost[0].bars) == (None, None, None, None)
    broker.market_order("EURUSD", "buy", 1.0)
    broker.advance(NOW_MS + 2_000)
    (after,) = writer.messages(LOGIN)
    assert terminal.apply(after, NOW_MS + 2_000) is True
    writer.resync()
    again = writer.messages(LOGIN)
    assert [terminal.apply(each, NOW_MS + 2_000) for each in again] == [False] * len(first)
    report = terminal.account()
    assert report is not None
    assert (report.positions, report.deals) == (broker.positions(), broker.deals())
    assert report.deals_since_ms == NOW_MS + 2_000 - 48 * HOUR
