"""Parts of the live terminal by themselves: frames, live ticks, deals, bars, margin rates."""

import ctypes
import io
import time
from collections.abc import Callable
from dataclasses import fields
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from bridge.protocol.messages import RateInfo, SymbolInfo
from bridge.settings import Mt5Settings
from bridge.terminal.mt5.bars import Bars
from bridge.terminal.mt5.calls import Calls
from bridge.terminal.mt5.configure import mt5_config
from bridge.terminal.mt5.deals import Deals
from bridge.terminal.mt5.leash import JobLimits
from bridge.terminal.mt5.live import LiveTicks
from bridge.terminal.mt5.margin_shape import see_margin
from bridge.terminal.mt5.records import orders_of, positions_of, quote_of, rates_of
from bridge.terminal.mt5.wire import (
    MAX_FRAME,
    Beat,
    Config,
    MarginSeen,
    decode_config,
    decode_from_child,
    encode,
    read_frame,
    write_frame,
)
from sizing.policy import Policy
from tests.builders import make_spec
from tests.terminal.mt5_rig import PACKAGES

HOUR = 3_600


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Any:
    import importlib  # noqa: PLC0415

    monkeypatch.syspath_prepend(str(PACKAGES))
    return importlib.import_module("MetaTrader5.tables")


# Frames --------------------------------------------------------------------------------------------------------------


def test_frames_survive_the_pipe() -> None:
    stream = io.BytesIO()
    for body in (b"", b"one", b"x" * 70_000):
        write_frame(stream, body)
    stream.seek(0)
    assert [read_frame(stream.read) for _ in range(4)] == [b"", b"one", b"x" * 70_000, None]


def test_frame_that_is_cut_off_is_the_end() -> None:
    assert read_frame(io.BytesIO(b"\0\0\0\x05abc").read) is None
    assert read_frame(io.BytesIO(b"\0\0").read) is None


def test_frame_longer_than_allowed_is_refused() -> None:
    with pytest.raises(ValueError, match="a frame of"):
        read_frame(io.BytesIO((MAX_FRAME + 1).to_bytes(4, "big")).read)


def test_messages_keep_their_kind() -> None:
    assert decode_from_child(encode(Beat(silence_s=5.0, rounds=3))) == Beat(silence_s=5.0, rounds=3)


def test_password_is_in_no_text() -> None:
    config = mt5_config(
        7, Mt5Settings(path=PACKAGES, server="S"), Policy(), environment={"LOTBRIDGE_MT5_PASSWORD_7": "secret"}
    )
    assert decode_config(encode(config)) == config
    assert config.password == "secret"  # noqa: S105 - no real one
    assert "secret" not in f"{config!r} {config}"


def test_daily_bars_and_the_policys_are_watched() -> None:
    assert mt5_config(7, Mt5Settings(path=PACKAGES, server="S"), Policy(), environment={}).timeframes == ("D1", "H1")
    assert Config(login=7, path="p", server="s").password is None


# Live ticks ----------------------------------------------------------------------------------------------------------


def seen(live: LiveTicks, *rows: tuple[int, float]) -> list[int | None]:
    return [live.observe([tick_ms], now_s) for tick_ms, now_s in rows]


def test_ticks_that_keep_pace_are_live_after_a_while() -> None:
    live = LiveTicks(2.0, 2)
    assert seen(live, (1_000_000, 0.0), (1_001_000, 1.0), (1_002_000, 2.1), (1_002_500, 2.5)) == [
        None,
        None,
        1002,
        1002,
    ]


def test_tick_that_stands_still_tells_nothing() -> None:
    live = LiveTicks(0.0, 2)
    assert seen(live, (1_000_000, 0.0), (1_000_000, 1.0), (1_000_000, 900.0)) == [None, None, None]


def test_old_ticks_that_jump_are_not_live() -> None:
    """A terminal that loads Friday's ticks on a Saturday: some hours within a second."""
    live = LiveTicks(2.0, 2)
    rows = [(1_000_000 + i * 3_600_000, i * 0.3) for i in range(20)]
    assert seen(live, *rows) == [None] * 20


def test_backlog_that_runs_faster_than_time_is_not_live() -> None:
    live = LiveTicks(2.0, 2)
    rows = [(1_000_000 + i * 1_500, i * 0.2) for i in range(40)]
    assert seen(live, *rows) == [None] * 40


def test_quiet_market_stays_live() -> None:
    live = LiveTicks(2.0, 2)
    seen(live, (1_000_000, 0.0), (1_003_000, 3.0))
    assert seen(live, (1_093_000, 93.2), (1_293_500, 293.4)) == [1093, 1293]


def test_two_old_ticks_that_happen_to_keep_pace_prove_nothing() -> None:
    live = LiveTicks(2.0)
    assert seen(live, (1_000_000, 0.0), (1_010_000, 10.0), (1_020_000, 20.0), (1_030_000, 30.0)) == [None] * 4
    assert seen(live, (1_040_000, 40.0)) == [1040]


def test_tick_from_the_future_neither_passes_nor_hides_the_others() -> None:
    live = LiveTicks(0.0, 2)
    seen(live, (1_000_000, 0.0), (1_001_000, 1.0))
    assert seen(live, (9_000_000, 2.0), (1_003_000, 3.0)) == [None, 1003]
    assert live.observe([9_500_000, 1_004_000], 4.0) == 1004
    assert live.broker_ms(5.0) == 1_005_000


def test_first_tick_from_the_future_is_forgotten() -> None:
    live = LiveTicks(0.0, 2)
    seen(live, (9_000_000, 0.0))
    found = seen(live, *[(1_000_000 + i * 1_000, float(i)) for i in range(1, 15)])
    assert found[:10] == [None] * 10
    assert found[-1] == 1014


def test_clock_that_jumps_is_proved_anew() -> None:
    live = LiveTicks(0.0, 2)
    seen(live, (1_000_000, 0.0), (1_001_000, 1.0))
    assert seen(live, (4_661_000, 61.0), (4_662_000, 62.0)) == [None, 4662]


# Margins -------------------------------------------------------------------------------------------------------------


def margin_seen(tell: Callable[[float, float], float | None], **over: Any) -> MarginSeen:
    """What is seen of a buy at 100.00 where the terminal computes `tell(volume, price)`."""

    class Terminal(Package):
        def order_calc_margin(self, _action: int, _symbol: str, volume: float, price: float) -> float | None:
            return tell(volume, price)

    values = {"volume_min": 0.01, "volume_max": 100.0, "volume_step": 0.01, "digits": 2, "trade_calc_mode": 2, **over}
    spec = make_spec("XAUUSD", **values)
    info = SymbolInfo(**{field.name: getattr(spec, field.name) for field in fields(spec)})
    found = see_margin(Calls(Terminal(), lambda _: None), info, "buy", 100.0, 0.01)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("mode", "tell"),
    [
        (2, lambda volume, price: round(volume * price * 7, 2)),
        (2, lambda volume, price: round(volume * price * 0.013, 2)),
        (0, lambda volume, price: volume * price * 7),
        (0, lambda volume, _price: volume * 700),
        (1, lambda volume, _price: volume * 700),
    ],
)
def test_margin_in_proportion_is_that_of_one_lot(mode: int, tell: Callable[[float, float], float]) -> None:
    found = margin_seen(tell, trade_calc_mode=mode)
    assert (found.worst, found.where) == (found.one_lot, "")


@pytest.mark.parametrize(
    ("tell", "worst", "where"),
    [
        (lambda volume, price: volume * price * (2 if volume > 50 else 1), 200.0, "100 lots"),
        (lambda volume, price: volume * price * (3 if volume < 0.05 else 1), 300.0, "0.01 lots"),
        (lambda volume, price: volume * price * (2 if volume == 0.1 else 1), 200.0, "0.1 lots"),
        (lambda volume, price: volume * price * (2 if price > 100.5 else 1), 200.0, "a price of 101"),
        (lambda volume, price: volume * price * (0.5 if price < 99.5 else 1), 50.0, "a price of 99"),
        (lambda volume, price: None if volume > 50 else volume * price, 0.0, "100 lots"),
        (lambda volume, _price: volume * 100.0, 100 / 0.99, "a price of 99"),
    ],
)
def test_margin_out_of_proportion_is_found(tell: Any, worst: float, where: str) -> None:
    found = margin_seen(tell)
    assert found.worst == pytest.approx(worst)
    assert found.where == where


# Records -------------------------------------------------------------------------------------------------------------


def test_quotes_that_cannot_be_are_none(tables: Any) -> None:
    for values in ({"bid": 0.0, "ask": 1.0}, {"bid": 1.2, "ask": 1.1}, {"bid": 1.1, "ask": 0.0}):
        assert quote_of("EURUSD", tables.made(tables.Tick, {**values, "time_msc": 5})) is None
    assert quote_of("EURUSD", None) is None


def test_position_that_cannot_be_read_is_never_left_out(tables: Any) -> None:
    good = {"ticket": 1, "symbol": "EURUSD", "type": 0, "volume": 1.0, "price_open": 1.1, "price_current": 1.1}
    rows = [tables.made(tables.TradePosition, {**good, **over}) for over in ({}, {"volume": 0.0})]
    with pytest.raises(Exception, match="volume"):
        positions_of(rows)


def test_order_that_closes_by_another_opens_nothing(tables: Any) -> None:
    row = tables.made(tables.TradeOrder, {"ticket": 1, "symbol": "EURUSD", "type": 8, "volume_current": 1.0})
    assert orders_of([row]) == []


def test_rows_that_are_no_bars_are_left_out() -> None:
    rows: list[tuple[float, ...]] = [
        (10, 1, 2, 0.5, 1.5, 7), (20, 1, 0.9, 0.5, 1, 7), (30, 0, 1, 0, 1, 7), (25, 1, 1, 1, 1, 0)
    ]  # fmt: skip
    found = rates_of([*rows, (20, 1, 1, 1, 1, 7)])
    assert [(rate.time, rate.tick_volume) for rate in found] == [(10, 7), (25, 0)]


def test_a_count_of_ticks_that_the_wire_cannot_hold_breaks_nothing() -> None:
    (rate,) = rates_of([(10, 1, 1, 1, 1, 2**64 - 1)])
    assert msgspec.json.decode(msgspec.json.encode(rate), type=RateInfo) == rate


# Deals and bars ------------------------------------------------------------------------------------------------------


class Package(ModuleType):
    """Just enough of a package: answers that a test lays out, one after the other."""

    TIMEFRAME_H1 = 0x4001

    def __init__(self, **answers: list[Any]) -> None:
        super().__init__("MetaTrader5")
        self.answers: dict[str, list[Any]] = {"terminal_info": [SimpleNamespace(connected=True)], **answers}
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        if name == "last_error":
            return lambda: (-1, "Terminal: Call failed")

        def call(*arguments: Any, **_named: Any) -> Any:
            self.asked.append((name, arguments))
            answers = self.answers[name]
            return answers.pop(0) if len(answers) > 1 else answers[0]

        return call


def deal(tables: Any, ticket: int, profit: float, **over: Any) -> Any:
    return tables.made(tables.TradeDeal, {"ticket": ticket, "profit": profit, "time_msc": 4_000_000_000_000, **over})


def history(deals: Deals, balance: float) -> tuple[list[Any], int]:
    """What is told at first, of a terminal that keeps its broker."""
    found = deals.whole(balance, 0)
    assert found is not None
    return found[0], found[1]


def test_history_still_loading_is_asked_for_until_it_makes_the_balance(tables: Any) -> None:
    first, second = deal(tables, 1, 1_000.0, type=2), deal(tables, 2, -40.0)
    credit = deal(tables, 3, 500.0, type=3)
    package = Package(history_deals_get=[(), (first,), (first, second, credit), (first, second, credit)])
    pauses: list[float] = []
    found, since_ms = history(Deals(Calls(package, lambda _: None), pauses.append), 960.0)
    assert [each.ticket for each in found] == [1, 2], "credit is no balance"
    assert since_ms < time.time() * 1000 - 89 * 86_400_000
    assert len(pauses) == 2


def test_history_that_never_makes_the_balance_must_stand_still(tables: Any) -> None:
    package = Package(history_deals_get=[(deal(tables, 1, 10.0),)])
    pauses: list[float] = []
    deals = Deals(Calls(package, lambda _: None), pauses.append)
    found, since_ms = history(deals, 999.0)
    assert len(found) == 1
    assert sum(pauses) >= 10.0
    assert since_ms < time.time() * 1000
    assert deals.news() == found, "nothing is sent yet"
    deals.sent(found)
    assert deals.news() == []
    assert deals.due(changed=True)
    assert not deals.due(changed=False)


def test_money_without_any_deal_is_no_history(tables: Any) -> None:
    """A terminal that has just logged in shows none yet: nothing is claimed of what was before."""
    package = Package(history_deals_get=[()])
    found, since_ms = history(Deals(Calls(package, lambda _: None), lambda _: None), 960.0)
    assert found == []
    assert since_ms > time.time() * 1000


def test_history_proves_nothing_while_the_terminal_is_cut_off(tables: Any) -> None:
    """It stands still because nothing can come: no claim is made, and no list of deals."""
    line = [SimpleNamespace(connected=each) for each in (True, True, False, True)]
    package = Package(history_deals_get=[(deal(tables, 1, 10.0),)], terminal_info=line)
    deals = Deals(Calls(package, lambda _: None), lambda _: None)
    assert deals.whole(999.0, 0) is None
    assert len([name for name, _ in package.asked if name == "history_deals_get"]) == 3
    again = deals.whole(999.0, 0)
    assert again is not None
    assert len(again[0]) == 1


def test_history_that_keeps_moving_is_not_believed(tables: Any) -> None:
    growing = [tuple(deal(tables, ticket, 1.0) for ticket in range(1, count)) for count in range(2, 60)]
    package = Package(history_deals_get=growing)
    _, since_ms = history(Deals(Calls(package, lambda _: None), lambda _: None), 999.0)
    assert since_ms > time.time() * 1000


def rates(*opened_h: int) -> Any:
    kind = [("time", "<i8"), ("open", "<f8"), ("high", "<f8"), ("low", "<f8"), ("close", "<f8"), ("tick_volume", "<u8")]
    return np.array([(hour * HOUR, 1.0, 1.0, 1.0, 1.0, 1) for hour in opened_h], dtype=kind)


class Clocked:
    """Bars of one symbol with a clock of their own."""

    def __init__(self, *answers: Any) -> None:
        self.now = 100.0
        self.package = Package(copy_rates_from_pos=list(answers))
        self.bars = Bars(Calls(self.package, lambda _: None), ("H1",), lambda: self.now)

    def hours(self, tick_h: float) -> list[int]:
        """Opening hours of the bars that one round brings."""
        pieces = self.bars.closed({"EURUSD": int(tick_h * HOUR)})
        return [rate.time // HOUR for piece in pieces for info in piece for rate in info.rates]


def test_unfinished_bar_is_never_shown_and_the_next_tick_closes_it() -> None:
    clocked = Clocked(rates(1, 2, 3), rates(1, 2, 3), rates(1, 2, 3, 4))
    assert clocked.hours(3.5) == [1, 2]
    clocked.now += 0.1
    assert clocked.hours(3.9) == []
    clocked.now += 60.0
    clocked.hours(3.9)
    assert 3 in clocked.hours(4.0)


def test_bar_is_asked_for_again_while_the_terminal_is_behind() -> None:
    clocked = Clocked(*[rates(1, 2, 3)] * 8, rates(2, 3, 4))
    for _ in range(6):
        clocked.hours(3.5)
        clocked.now += 100.0
    found: list[int] = []
    for _ in range(20):
        found += clocked.hours(4.01)
        clocked.now += 0.1
        if 3 in found:
            break
    assert 3 in found


def test_empty_history_is_asked_for_less_and_less_often() -> None:
    clocked = Clocked(None)
    asked = []
    for _ in range(1_000):
        clocked.hours(3.5)
        clocked.now += 0.1
        asked.append(len(clocked.package.asked))
    assert asked[2:5] == [1, 2, 2] or asked[2:5] == [1, 1, 2]
    assert 5 <= asked[-1] <= 9


def test_bar_that_was_missing_in_the_middle_is_shown_once_it_is_loaded() -> None:
    clocked = Clocked(rates(1, 2, 3, 8, 9), rates(1, 2, 3, 4, 5, 6, 7, 8, 9))
    assert clocked.hours(9.5) == [1, 2, 3, 8]
    clocked.now += 100.0
    assert clocked.hours(9.5) == [4, 5, 6, 7]


def test_history_that_does_not_reach_back_is_asked_for_whole_again() -> None:
    clocked = Clocked(rates(*range(1, 1_503)), rates(1_510, 1_511), rates(*range(10, 1_512)))
    while clocked.hours(1_502.5):
        pass
    clocked.now += 100.0
    assert clocked.hours(1_511.5) == [1_510]
    clocked.now += 1.0
    assert clocked.hours(1_511.5) == list(range(1_502, 1_510))


def test_series_that_fails_slowly_does_not_delay_the_others() -> None:
    """A call for either of the first two costs a second and gives nothing: each takes a round, then come the others."""
    now = [100.0]

    class Slow(Package):
        def copy_rates_from_pos(self, symbol: str, *_: Any, **_named: Any) -> Any:
            self.asked.append((symbol, ()))
            now[0] += 1.0 if symbol.startswith("BAD") else 0.0
            return None if symbol.startswith("BAD") else rates(1, 2, 3)

    package = Slow()
    bars = Bars(Calls(package, lambda _: None), ("H1",), lambda: now[0])
    ticks_s = dict.fromkeys(("BAD1", "BAD2", "EURUSD", "USDJPY"), int(3.5 * HOUR))
    found = [[info.symbol for piece in bars.closed(ticks_s) for info in piece] for _ in range(3)]
    assert found == [[], [], ["EURUSD", "USDJPY"]]
    assert [symbol for symbol, _ in package.asked[:4]] == ["BAD1", "BAD2", "EURUSD", "USDJPY"]


# The leash -----------------------------------------------------------------------------------------------------------


def test_limits_of_a_job_are_laid_out_as_windows_has_them() -> None:
    assert ctypes.sizeof(JobLimits) == 144
    assert (JobLimits.flags.offset, JobLimits.io.offset, JobLimits.process_memory.offset) == (16, 64, 112)
