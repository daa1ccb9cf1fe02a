"""The fake package has the surface of the real one: what was read in the wheel 5.0.6231 stands here as figures."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.terminal.mt5.calls import READS
from tests.builders import NOW_MS, make_broker
from tests.terminal.fake_mt5.terminal import SERVER, FakeTerminal
from tests.terminal.mt5_rig import PACKAGES

FUNCTIONS = (
    "initialize shutdown login version terminal_info account_info last_error symbols_total symbols_get symbol_info "
    "symbol_info_tick symbol_select market_book_add market_book_get market_book_release copy_rates_from "
    "copy_rates_from_pos copy_rates_range copy_ticks_from copy_ticks_range orders_total orders_get positions_total "
    "positions_get history_orders_total history_orders_get history_deals_total history_deals_get order_check "
    "order_send order_calc_margin order_calc_profit"
)
SIZES = {
    "Tick": 8, "TradePosition": 19, "AccountInfo": 28, "TradeOrder": 24, "TradeDeal": 18, "TerminalInfo": 22,
    "SymbolInfo": 96, "BookInfo": 4, "TradeRequest": 17, "OrderCheckResult": 9, "OrderSendResult": 11,
}  # fmt: skip
HOUR_MS = 3_600_000


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(PACKAGES))
    found = importlib.import_module("MetaTrader5")
    yield found
    found.shutdown()
    for name in [name for name in sys.modules if name.partition(".")[0] == "MetaTrader5"]:
        del sys.modules[name]


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeTerminal]:
    broker = make_broker()
    broker.advance(NOW_MS + 30_000)
    made = FakeTerminal(tmp_path, broker, offset_ms=2 * HOUR_MS)
    yield made
    made.close()


def attached(package: Any, fake: FakeTerminal) -> Any:
    assert package.initialize(str(fake.path), login=fake.broker.login, server=SERVER)
    return package


def test_all_32_functions_are_there(package: Any) -> None:
    names = FUNCTIONS.split()
    assert len(names) == 32
    assert all(callable(getattr(package, name)) for name in names)
    assert set(names) >= READS


@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_named_tuples_have_the_real_number_of_fields(package: Any, name: str, size: int) -> None:
    fields = getattr(sys.modules["MetaTrader5.tables"], name)._fields
    assert len(fields) == len(set(fields)) == size


def test_fields_stand_in_the_real_order(package: Any) -> None:
    tables = sys.modules["MetaTrader5.tables"]
    assert tables.Tick._fields == ("time", "bid", "ask", "last", "volume", "time_msc", "flags", "volume_real")
    assert tables.SymbolInfo._fields[:4] == ("custom", "chart_mode", "select", "visible")
    assert tables.SymbolInfo._fields[44:50] == (
        "point", "trade_tick_value", "trade_tick_value_profit", "trade_tick_value_loss", "trade_tick_size",
        "trade_contract_size",
    )  # fmt: skip
    assert tables.SymbolInfo._fields[-3:] == ("name", "page", "path")
    assert tables.AccountInfo._fields[-4:] == ("name", "server", "currency", "company")
    assert tables.TerminalInfo._fields[2:6] == ("connected", "dlls_allowed", "trade_allowed", "tradeapi_disabled")
    assert tables.TradeDeal._fields[9:15] == ("volume", "price", "commission", "swap", "profit", "fee")


def test_arrays_have_the_real_types(package: Any, fake: FakeTerminal) -> None:
    mt5 = attached(package, fake)
    rates = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_H1, 0, 10)
    assert rates.dtype.names == ("time", "open", "high", "low", "close", "tick_volume", "spread", "real_volume")
    assert [rates.dtype[name].str for name in rates.dtype.names] == ["<i8", *["<f8"] * 4, "<u8", "<i4", "<u8"]
    ticks = mt5.copy_ticks_range("EURUSD", 0, 2**31, mt5.COPY_TICKS_ALL)
    assert ticks.dtype.names == ("time", "bid", "ask", "last", "volume", "time_msc", "flags", "volume_real")
    assert [ticks.dtype[name].str for name in ("time_msc", "flags", "volume_real")] == ["<i8", "<u4", "<f8"]


def test_times_are_the_brokers_wall_clock(package: Any, fake: FakeTerminal) -> None:
    tick = attached(package, fake).symbol_info_tick("EURUSD")
    assert tick.time_msc == NOW_MS + 30_000 + 2 * HOUR_MS
    assert tick.time == tick.time_msc // 1000


def test_failure_is_none_and_last_error(package: Any, fake: FakeTerminal) -> None:
    assert package.account_info() is None
    assert package.last_error() == (-10004, "No IPC connection")
    mt5 = attached(package, fake)
    assert mt5.last_error() == (1, "Success")
    assert mt5.symbol_info("NOPE") is None
    assert mt5.last_error()[0] == -4
    fake.drop()
    assert mt5.account_info() is None
    assert mt5.last_error()[0] in (-10001, -10002)


def test_symbol_outside_market_watch_has_no_tick(package: Any, fake: FakeTerminal) -> None:
    fake.hidden = {"EURUSD"}
    mt5 = attached(package, fake)
    assert mt5.symbol_info_tick("EURUSD") is None
    assert mt5.symbol_select("EURUSD", True)
    assert mt5.symbol_info_tick("EURUSD").bid > 0


def test_wrong_path_is_no_terminal(package: Any) -> None:
    assert package.initialize("nowhere/terminal64.exe") is False
    assert package.last_error()[0] == -10003
