"""The live terminal when things go wrong: real child processes that hang, die, lie and lose their account."""

import ast
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bridge
from bridge.terminal.base import Execution
from bridge.terminal.mt5 import bars as bars_module
from bridge.terminal.mt5 import calls as calls_module
from bridge.terminal.mt5 import terminal as terminal_module
from bridge.terminal.mt5.backoff import Backoff
from bridge.terminal.mt5.calls import READS
from bridge.terminal.mt5.remedies import REMEDIES, remedy_of
from sizing.money import check_disagrees
from sizing.snapshot import Conversion, Deal, PendingOrder
from tests.builders import NOW_MS, make_bars, make_broker, make_symbol
from tests.docs.pages import OPERATIONS, text
from tests.docs.wire import tables_of
from tests.terminal.mt5_rig import PACKAGES, Mt5Rig

SECOND = 1_000
Make = Callable[..., Mt5Rig]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Rigs that are closed in the end."""
    monkeypatch.setenv("PYTHONPATH", str(PACKAGES))
    rigs: list[Mt5Rig] = []

    def maker(*arguments: Any, **named: Any) -> Mt5Rig:
        rigs.append(Mt5Rig(*arguments, **named))
        return rigs[-1]

    yield maker
    for rig in rigs:
        rig.close()


def lost(rig: Mt5Rig, now_ms: int) -> dict[str, Any]:
    """What the log says once the terminal is lost."""
    count = len(rig.told("terminal_lost"))
    rig.until(lambda: len(rig.told("terminal_lost")) > count, now_ms)
    assert not rig.live.connected(now_ms)
    return rig.told("terminal_lost")[-1]


def again(rig: Mt5Rig, now_ms: int) -> None:
    """Let the wait pass, and see a round of the next child."""
    rig.seconds += 120.0
    rig.live.poll(now_ms)
    rig.tick(now_ms)


# Nothing trades ------------------------------------------------------------------------------------------------------


def test_no_code_refers_to_a_call_that_trades() -> None:
    """Buy, Sell and Close are words that others may use: they trade only where the package is at hand."""
    trading, words = {"order_send", "order_check", "_RawOrder"}, {"Buy", "Sell", "Close"}
    folder, holders = Path(bridge.__file__).parent, set()
    for path in (*folder.rglob("*.py"), *folder.parent.glob("sizing/**/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        names |= {text for text in texts if isinstance(text, str)}
        assert not trading & names, path
        assert not words & names or folder / "terminal" not in path.parents, path
        if "MetaTrader5" in names:
            holders.add(path)
    assert holders == {Path(calls_module.__file__)}, "the package is loaded in one place"
    assert not READS & (trading | words)


def test_a_call_that_is_not_among_those_that_read_is_refused() -> None:
    calls = calls_module.Calls(sys, lambda _: None)
    with pytest.raises(AssertionError, match="only read"):
        calls.must("exit")


def test_whole_session_makes_reading_calls_only(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    assert set(rig.fake.calls) <= READS
    assert {"account_info", "positions_get", "orders_get", "history_deals_get", "copy_rates_from_pos"} <= set(
        rig.fake.calls
    )


# Attaching -----------------------------------------------------------------------------------------------------------


def test_terminal_that_shows_the_account_is_not_logged_in_again(make: Make) -> None:
    rig = make(password="secret", portable=True)  # noqa: S106 - no real one
    rig.tick(NOW_MS + SECOND)
    arguments, named = rig.fake.asked["initialize"]
    assert arguments == [str(rig.fake.path)]
    assert named == {"login": 0, "password": "", "server": "", "portable": True}
    assert rig.fake.calls["initialize"] == 1
    (told,) = rig.told("terminal_attached")
    assert told["build"] == 5200


def test_terminal_of_another_account_is_logged_in_where_a_password_says_so(make: Make) -> None:
    rig = make(password="secret", portable=True)  # noqa: S106 - no real one
    rig.fake.over["account"] = {"login": 999}
    rig.tick(NOW_MS + SECOND)
    arguments, named = rig.fake.asked["initialize"]
    assert arguments == [str(rig.fake.path)]
    assert named == {"login": rig.live.login, "password": "secret", "server": "Fake-Demo", "portable": True}
    assert rig.live.connected(NOW_MS + SECOND)
    assert "secret" not in repr(rig.events)


def test_terminal_of_another_account_keeps_it_where_no_password_is_configured(make: Make) -> None:
    rig = make()
    rig.fake.over["account"] = {"login": 999}
    assert "shows account 999" in lost(rig, NOW_MS)["problem"]
    assert rig.fake.over["account"] == {"login": 999}


@pytest.mark.parametrize("shown", [{"login": 0}, None])
def test_terminal_without_an_account_is_logged_in_with_the_saved_password(make: Make, shown: Any) -> None:
    rig = make()
    rig.fake.over["account"] = shown or {}
    if shown is None:
        rig.fake.once["initialize"] = [{"value": False, "error": [-6, "Terminal: Authorization failed"]}]
    rig.tick(NOW_MS + SECOND)
    named = rig.fake.asked["initialize"][1]
    assert named == {"login": rig.live.login, "password": "", "server": "Fake-Demo", "portable": False}
    assert rig.live.connected(NOW_MS + SECOND)


def test_other_terminal_than_the_configured_one_is_never_taken(make: Make, tmp_path: Path) -> None:
    rig = make()
    rig.fake.over["terminal"] = {"path": str(tmp_path)}
    told = lost(rig, NOW_MS)
    assert f"the terminal in {tmp_path} answered" in told["problem"]
    assert "path" in told["remedy"]
    assert rig.live.account() is None


@pytest.mark.parametrize(
    ("over", "problem"),
    [({"login": 999}, "shows account 999, not 555001"), ({"server": "Other-Live"}, "logged in at 'Other-Live'")],
)
def test_wrong_account_is_never_taken(make: Make, over: dict[str, Any], problem: str) -> None:
    rig = make()
    rig.fake.over["account"] = over
    told = lost(rig, NOW_MS)
    assert problem in told["problem"]
    assert "installations" in told["remedy"]
    assert rig.live.account() is None


def test_account_that_changes_under_way_is_lost_at_once(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    rig.fake.over["account"] = {"login": 999, "balance": 1.0}
    told = lost(rig, NOW_MS + SECOND)
    assert "999" in told["problem"]
    report = rig.live.account()
    assert report is not None
    assert report.account.login == rig.live.login
    assert report.account.balance != 1.0


@pytest.mark.parametrize("code", [-10003, -10004, -10005, -6])
def test_failure_to_initialize_is_told_with_its_remedy(make: Make, code: int) -> None:
    rig = make()
    rig.fake.do["initialize"] = {"value": False, "error": [code, "as it is"]}
    told = lost(rig, NOW_MS)
    assert f"({code}, as it is)" in told["problem"]
    assert told["remedy"] == REMEDIES[code].remedy


def test_missing_terminal_is_told(make: Make) -> None:
    rig = make(path="nowhere/terminal64.exe")
    assert "no 64-bit MetaTrader 5 terminal" in lost(rig, NOW_MS)["problem"]


def test_missing_package_is_told(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told = lost(make(), NOW_MS)
    assert "cannot be imported" in told["problem"]
    assert "lotbridge[mt5]" in told["remedy"]


def test_configured_symbols_are_selected_and_unknown_ones_told(make: Make) -> None:
    rig = make(symbols=("EURUSD", "NOPE"))
    rig.fake.hidden = {"EURUSD", "USDJPY"}
    rig.tick(NOW_MS + SECOND)
    assert set(rig.live.symbol_names()) == {"EURUSD"}
    assert rig.live.quote("EURUSD") is not None
    assert rig.told("symbols_unknown")[0]["symbols"] == ["NOPE"]


def test_symbol_of_an_open_position_is_watched_though_not_configured(make: Make) -> None:
    rig = make(symbols=("EURUSD",))
    rig.tick(NOW_MS + SECOND)
    assert isinstance(rig.broker.market_order("USDJPY", "buy", 0.1), Deal)
    rig.tick(NOW_MS + 2 * SECOND)
    rig.tick(NOW_MS + 3 * SECOND)
    assert rig.live.symbol("USDJPY") is not None


# Hanging and dying ---------------------------------------------------------------------------------------------------


def test_hanging_call_is_killed_past_its_deadline_and_tried_again(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    assert rig.live.connected(NOW_MS + SECOND)
    hung = rig.taps[0]
    rig.fake.do["positions_get"] = {"do": "hang"}
    count = rig.fake.calls["positions_get"]
    rig.fake.await_calls("positions_get", count + 1)
    while not hung.empty():
        rig.live.poll(NOW_MS + SECOND)
    rig.seconds += 4.9
    rig.live.poll(NOW_MS + SECOND)
    assert not rig.told("terminal_lost")
    rig.seconds += 0.2
    told = lost(rig, NOW_MS + SECOND)
    assert "silent" in told["problem"] or "hangs" in told["problem"]
    hung.inner._thread.join(30)
    assert hung.ended is not None
    del rig.fake.do["positions_get"]
    again(rig, NOW_MS + 2 * SECOND)
    assert rig.live.connected(NOW_MS + 2 * SECOND)
    assert len(rig.taps) == 2


def test_long_call_may_be_as_long_as_it_was_announced(make: Make) -> None:
    rig = make()
    rig.fake.do["initialize"] = {"do": "hang"}
    rig.live.poll(NOW_MS)
    rig.fake.await_calls("initialize", 1)
    rig.until(lambda: rig.live._call == "initialize", NOW_MS)
    rig.seconds += 70.0
    rig.live.poll(NOW_MS)
    assert not rig.told("terminal_lost")
    rig.seconds += 6.0
    assert "its call initialize hangs" in lost(rig, NOW_MS)["problem"]


def test_child_that_dies_is_missed_and_started_again(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    rig.fake.once["account_info"] = [{"do": "die"}]
    told = lost(rig, NOW_MS + SECOND)
    assert "exit code 77" in told["problem"]
    assert rig.live.problem == told["problem"]
    again(rig, NOW_MS + 2 * SECOND)
    assert rig.live.connected(NOW_MS + 2 * SECOND)
    assert rig.live.problem is None


def test_last_words_of_a_child_reach_the_log(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    rig.fake.once["account_info"] = [{"do": "die", "says": "x" * 200_000 + "\nfirst line\n  heap corrupted\n"}]
    problem = lost(rig, NOW_MS + SECOND)["problem"]
    assert "exit code 77" in problem
    assert problem.endswith("first line | heap corrupted")
    assert len(problem) < 3_000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_child_killed_from_outside_is_missed(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    pid = rig.taps[0].inner.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert "signal 9" in lost(rig, NOW_MS + SECOND)["problem"]


def test_terminal_that_closes_is_lost_with_the_pipe(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    rig.fake.drop()
    told = lost(rig, NOW_MS + SECOND)
    assert "-1000" in told["problem"]


def test_waits_double_by_a_stepped_clock(make: Make) -> None:
    rig = make(path="nowhere/terminal64.exe")
    waits = []
    for _ in range(4):
        waits.append(lost(rig, NOW_MS)["again_s"])
        starts = len(rig.taps)
        rig.seconds += waits[-1] - 0.1
        rig.live.poll(NOW_MS)
        assert len(rig.taps) == starts
        rig.seconds += 0.2
    assert waits == [1.0, 2.0, 4.0, 8.0]


def test_backoff_starts_over_once_the_terminal_has_worked_for_a_while() -> None:
    backoff = Backoff()
    assert [backoff.after(0.0) for _ in range(8)] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert backoff.after(61.0) == 1.0
    assert backoff.after(0.0) == 2.0


def test_two_accounts_one_hangs_the_other_goes_on(make: Make) -> None:
    first, second = make(), make()
    first.tick(NOW_MS + SECOND)
    second.tick(NOW_MS + SECOND)
    first.fake.do["symbol_info_tick"] = {"do": "hang"}
    first.fake.await_calls("symbol_info_tick", first.fake.calls["symbol_info_tick"] + 1)
    slowest = 0.0
    for step in range(2, 30):
        begun = time.perf_counter()
        first.live.poll(NOW_MS + step * SECOND)
        slowest = max(slowest, time.perf_counter() - begun)
        second.tick(NOW_MS + step * SECOND)
        assert second.live.connected(NOW_MS + step * SECOND)
        report = second.live.account()
        assert report is not None
        assert report.received_ms == NOW_MS + step * SECOND
    # A blocking read would last until the hang ends: never.
    assert slowest < 1.0
    first.seconds += 60.0
    assert lost(first, NOW_MS + 30 * SECOND)


def test_closing_ends_the_process(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    tap = rig.taps[0]
    rig.live.close()
    assert tap.ended is not None
    assert "exit code 0" in tap.ended
    rig.live.poll(NOW_MS + SECOND)
    assert not rig.live.connected(NOW_MS + SECOND)
    assert len(rig.taps) == 1


def test_closing_a_hanging_child_kills_it(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    rig.fake.do["orders_get"] = {"do": "hang"}
    rig.fake.await_calls("orders_get", rig.fake.calls["orders_get"] + 1)
    rig.live.close()
    assert rig.taps[0].ended is not None


# Evidence ------------------------------------------------------------------------------------------------------------


def test_terminal_without_its_broker_is_not_connected(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    before = rig.live.account()
    rig.fake.over["terminal"] = {"connected": False}
    rig.tick(NOW_MS + 2 * SECOND)
    assert not rig.live.connected(NOW_MS + 2 * SECOND)
    assert rig.live.account() is before
    assert rig.told("terminal_offline")
    rig.fake.over["terminal"] = {}
    rig.tick(NOW_MS + 3 * SECOND)
    assert rig.live.connected(NOW_MS + 3 * SECOND)
    assert rig.live.problem is None


def test_terminal_that_loses_its_broker_while_history_is_read_tells_nothing_yet(make: Make) -> None:
    """Looked at: on attaching twice, at the round's beginning, and after the first look at history."""
    rig = make()
    cut = {**rig.fake._terminal_info({}), "connected": False}
    shown = [rig.fake._terminal_info({}) for _ in range(3)]
    rig.fake.once["terminal_info"] = [{"value": each, "error": [1, "Success"]} for each in (*shown, cut)]
    rig.tick(NOW_MS + SECOND)
    assert not rig.fake.once["terminal_info"]
    rig.tick(NOW_MS + 2 * SECOND)
    assert rig.live.connected(NOW_MS + 2 * SECOND)
    assert rig.fake.calls["history_deals_get"] >= 2, "the first look was for nothing"
    report = rig.live.account()
    assert report is not None
    assert report.deals


def test_order_that_is_gone_between_two_calls_only_is_not_missed(make: Make) -> None:
    """An order that fills between two calls stands in neither list: the book is read until two looks agree."""
    rig = make()
    rig.tick(NOW_MS + SECOND)
    assert isinstance(rig.broker.pending_order("USDJPY", "sell", "stop", 0.3, price=149.0), PendingOrder)
    rig.tick(NOW_MS + 2 * SECOND)
    for step in range(3, 8):
        rig.fake.once["orders_get"] = [{"value": [], "error": [1, "Success"]}]
        rig.tick(NOW_MS + step * SECOND)
        report = rig.live.account()
        assert report is not None
        assert [order.symbol for order in report.orders] == ["USDJPY"]
        assert not rig.fake.once["orders_get"]


def orders_that_move(rig: Mt5Rig) -> list[dict[str, Any]]:
    """Answers of which no two in a row agree, and none with what is open, for many rounds."""
    (row,) = rig.fake._picture["orders"]
    moved = [{**row, "volume_current": volume} for volume in (0.1, 0.2)]
    return [{"value": [moved[i % 2]], "error": [1, "Success"]} for i in range(20_000)]


def test_book_that_never_stands_still_is_not_told(make: Make) -> None:
    rig = make(settle_s=1e9)
    assert isinstance(rig.broker.pending_order("USDJPY", "sell", "stop", 0.3, price=149.0), PendingOrder)
    rig.tick(NOW_MS + SECOND)
    before = rig.live.account()
    assert before is not None
    rig.fake.once["orders_get"] = orders_that_move(rig)
    rig.tick(NOW_MS + 2 * SECOND)  # a round that had begun before may still tell its book
    rig.tick(NOW_MS + 5 * SECOND)
    report = rig.live.account()
    assert report is not None
    assert [order.volume_current for order in report.orders] == [0.3]
    assert report.received_ms < NOW_MS + 5 * SECOND, "the account ages meanwhile"
    rig.fake.once["orders_get"].clear()
    rig.tick(NOW_MS + 6 * SECOND)
    report = rig.live.account()
    assert report is not None
    assert report.received_ms == NOW_MS + 6 * SECOND


def test_book_that_does_not_stand_still_for_long_is_no_book(make: Make) -> None:
    rig = make(settle_s=0.0)
    assert isinstance(rig.broker.pending_order("USDJPY", "sell", "stop", 0.3, price=149.0), PendingOrder)
    rig.tick(NOW_MS + SECOND)
    rig.fake.once["orders_get"] = orders_that_move(rig)
    assert "did not stand still" in lost(rig, NOW_MS + 2 * SECOND)["problem"]


def foreign_deals(rig: Mt5Rig) -> None:
    """The terminal changes to another account after it was asked for its own, and tells the other's deals."""
    row = {
        "ticket": 9_999,
        "time": NOW_MS // 1000,
        "time_msc": NOW_MS,
        "type": 2,
        "profit": rig.broker.account().balance,
    }
    rig.fake.do["history_deals_get"] = {"value": [row], "error": [1, "Success"]}
    rig.fake.then["history_deals_get"] = lambda: rig.fake.over.update(account={"login": 999})


def test_deals_of_an_account_that_came_in_between_are_thrown_away(make: Make) -> None:
    rig = make()
    foreign_deals(rig)
    assert "shows account 999" in lost(rig, NOW_MS)["problem"]
    assert rig.live.account() is None


def test_later_deals_of_an_account_that_came_in_between_are_thrown_away(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    foreign_deals(rig)
    assert isinstance(rig.broker.market_order("EURUSD", "buy", 0.2), Deal)
    rig.fake.show()
    assert "shows account 999" in lost(rig, NOW_MS + 2 * SECOND)["problem"]
    report = rig.live.account()
    assert report is not None
    assert 9_999 not in {deal.ticket for deal in report.deals}


def test_report_that_was_lost_in_a_defect_is_told_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)

    def broken(*_: object) -> bool:
        raise ZeroDivisionError

    assert isinstance(rig.broker.market_order("EURUSD", "buy", 0.2), Deal)
    rig.fake.show()
    with monkeypatch.context() as patch:
        patch.setattr(rig.live._feed, "apply", broken)
        with pytest.raises(ZeroDivisionError):
            rig.until(lambda: False, NOW_MS + 2 * SECOND)
    assert not rig.live.connected(NOW_MS + 2 * SECOND)
    assert "defect" in rig.told("terminal_lost")[-1]["problem"]
    again(rig, NOW_MS + 3 * SECOND)
    report = rig.live.account()
    assert report is not None
    assert [position.symbol for position in report.positions] == ["EURUSD"]
    assert len(report.deals) == len(rig.broker.deals())


def test_quotes_wait_until_the_brokers_clock_is_proved(make: Make) -> None:
    """A lone old tick lies within a minute of some time zone often enough."""
    rig = make(-2, proof_s=1e9)
    rig.fake.live = True
    rig.until(lambda: rig.live.rounds >= 10, time.time_ns() // 1_000_000)
    assert rig.live.symbol("EURUSD") is not None
    assert rig.live.utc_offset_ms() == 0
    assert rig.live.quote("EURUSD") is None


def test_quotes_that_waited_are_told_with_the_proof(make: Make) -> None:
    quick = make_symbol([(NOW_MS + i * SECOND, 1.1, 1.1001) for i in range(60)])
    slow = make_symbol([(NOW_MS, 150.0, 150.01)], name="USDJPY")
    rig = make(2, broker=make_broker(quick, slow))
    rig.tick(NOW_MS + SECOND)
    assert rig.live.quote("EURUSD") == rig.broker.quote("EURUSD")
    assert rig.live.quote("USDJPY") == rig.broker.quote("USDJPY")


def test_clock_that_fits_no_time_zone_is_not_rounded(make: Make) -> None:
    rig = make(2)
    rig.fake.offset_ms += 5 * 60_000
    rig.tick(NOW_MS + 2 * SECOND)
    rig.tick(NOW_MS + 3 * SECOND)
    assert rig.live.utc_offset_ms() == 0
    assert rig.live.quote("EURUSD") is None
    (told,) = rig.told("clock_doubtful")
    assert "300 s off" in told["problem"]
    assert "Synchronise" in told["remedy"]


def test_quote_from_the_future_is_left_out(make: Make) -> None:
    rig = make(2)
    rig.tick(NOW_MS + 2 * SECOND)
    before = rig.live.quote("USDJPY")
    rig.fake.ahead_ms["USDJPY"] = 3_600_000
    rig.tick(NOW_MS + 3 * SECOND)
    rig.tick(NOW_MS + 4 * SECOND)
    assert rig.live.quote("USDJPY") == before
    assert rig.live.quote("EURUSD") == rig.broker.quote("EURUSD")
    rig.fake.ahead_ms.clear()
    rig.tick(NOW_MS + 5 * SECOND)
    assert rig.live.quote("USDJPY") == rig.broker.quote("USDJPY")


def test_report_is_never_of_a_time_that_the_clock_went_back_from(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + 50 * SECOND)
    rig.tick(NOW_MS + 10 * SECOND)
    report = rig.live.account()
    assert report is not None
    assert report.received_ms == NOW_MS + 10 * SECOND


def test_restart_keeps_the_measured_offset_and_shows_everything_again(make: Make) -> None:
    rig = make(3)
    assert isinstance(rig.broker.market_order("EURUSD", "buy", 0.2), Deal)
    rig.tick(NOW_MS + 61 * SECOND)
    before = rig.live.account()
    rig.fake.once["account_info"] = [{"do": "die"}]
    lost(rig, NOW_MS + 61 * SECOND)
    again(rig, NOW_MS + 62 * SECOND)
    after = rig.live.account()
    assert before is not None
    assert after is not None
    assert after.deals == before.deals
    assert after.positions[0].ticket == before.positions[0].ticket
    assert after.deals_since_ms is not None
    assert rig.live.utc_offset_ms() == 3 * 3_600_000
    assert rig.live.quote("EURUSD") == rig.broker.quote("EURUSD")
    assert rig.live.bars("EURUSD", "M1") is not None


def test_switch_of_the_terminal_counts_for_experts(make: Make) -> None:
    rig = make()
    rig.fake.over["terminal"] = {"trade_allowed": False}
    rig.tick(NOW_MS + SECOND)
    report = rig.live.account()
    assert report is not None
    assert not report.account.trade_expert
    assert report.account.trade_allowed


def test_account_that_cannot_be_fails_closed(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    rig.fake.over["account"] = {"leverage": 0}
    told = lost(rig, NOW_MS + SECOND)
    assert "reported what cannot be" in told["problem"]


def test_symbol_with_broken_figures_is_left_out(make: Make) -> None:
    rig = make()
    rig.fake.over["USDJPY"] = {"trade_tick_size": 0.0}
    rig.tick(NOW_MS + SECOND)
    assert rig.live.symbol("USDJPY") is None
    assert rig.live.symbol("EURUSD") is not None


def test_disabled_symbol_has_no_session(make: Make) -> None:
    rig = make()
    rig.fake.over["USDJPY"] = {"trade_mode": 0}
    rig.tick(NOW_MS + SECOND)
    report = rig.live.symbol("USDJPY")
    assert report is not None
    assert not report.session_open


def test_first_history_may_be_missing_or_partial(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make()
    rig.fake.once["copy_rates_from_pos"] = [{"error": [-1, "Terminal: Call failed"]}] * 2
    rig.fake.partial = 2
    rig.tick(NOW_MS + SECOND)
    rig.until(lambda: rig.live.bars("EURUSD", "H1") is not None, NOW_MS + SECOND)
    short = rig.live.bars("EURUSD", "H1")
    assert short is not None
    assert len(short) == 1
    rig.fake.partial = None
    rig.until(lambda: len(rig.live.bars("EURUSD", "H1") or ()) == 3, NOW_MS + SECOND)


def with_rates(**rates: float) -> Any:
    return make_broker(make_symbol([(NOW_MS + i * SECOND, 1.1, 1.1001) for i in range(60)], **rates))


def contradictions(rig: Mt5Rig) -> list[str]:
    """What sizing would refuse EURUSD for."""
    report = rig.live.symbol("EURUSD")
    assert report is not None
    found = [
        check_disagrees(report.spec, check, "USD", Conversion(1.0, 1.1), rig.broker.account().leverage, 2.0)
        for check in report.checks
    ]
    assert found
    return [why for why in found if why is not None]


def test_margin_rate_is_taken_from_the_terminals_own_margin_and_told(make: Make) -> None:
    rig = make(broker=with_rates(margin_rate_buy=0.2, margin_rate_sell=0.5))
    rig.tick(NOW_MS + SECOND)
    rig.tick(NOW_MS + 2 * SECOND)
    report = rig.live.symbol("EURUSD")
    assert report is not None
    assert report.spec.margin_rate_buy == pytest.approx(0.2, rel=1e-3)
    assert report.spec.margin_rate_sell == pytest.approx(0.5, rel=1e-3)
    assert contradictions(rig) == []
    (told,) = rig.told("margin_rate")
    assert told["symbol"] == "EURUSD"
    assert (told["buy"], told["sell"]) == (pytest.approx(0.2, rel=1e-3), pytest.approx(0.5, rel=1e-3))
    assert not rig.told("margin_not_proportional")


def test_margin_rate_that_changes_is_followed_and_told(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    assert not rig.told("margin_rate")
    rig.fake.margin = lambda margin, _volume, _price: margin * 0.25
    rig.fake.once["account_info"] = [{"do": "die"}]
    lost(rig, NOW_MS + SECOND)
    again(rig, NOW_MS + 2 * SECOND)
    rig.tick(NOW_MS + 3 * SECOND)
    report = rig.live.symbol("EURUSD")
    assert report is not None
    assert report.spec.margin_rate_buy == pytest.approx(0.25, rel=1e-3)
    assert contradictions(rig) == []
    assert {told["symbol"] for told in rig.told("margin_rate")} == {"EURUSD", "USDJPY"}


@pytest.mark.parametrize("rates", [{}, {"margin_rate_buy": 0.2, "margin_rate_sell": 0.5}])
@pytest.mark.parametrize(
    "tiers",
    [
        lambda margin, volume, _price: margin * (2 if volume > 20 else 1),
        lambda margin, _volume, price: margin * (2 if price > 1.105 else 1),
    ],
)
def test_symbol_with_margin_tiers_is_refused_and_told(make: Make, rates: dict[str, float], tiers: Any) -> None:
    rig = make(broker=with_rates(**rates))
    rig.fake.margin = tiers
    rig.tick(NOW_MS + SECOND)
    rig.tick(NOW_MS + 2 * SECOND)
    assert len(contradictions(rig)) == 2
    assert {told["side"] for told in rig.told("margin_not_proportional")} == {"buy", "sell"}


def test_reported_fill_is_left_to_the_terminal(make: Make) -> None:
    rig = make()
    rig.tick(NOW_MS + SECOND)
    before = rig.live.account()
    rig.live.executed(Execution(42, "EURUSD", "buy", 0.5, 1.1, None, None, 0))
    assert rig.live.account() is before


def test_history_longer_than_a_round_comes_in_pieces(make: Make) -> None:
    hours = make_bars("H1", NOW_MS, list(np.linspace(1.0, 1.2, 1_400)))
    symbol = make_symbol([(NOW_MS + i * SECOND, 1.1, 1.1001) for i in range(60)], bars=[hours])
    rig = make(broker=make_broker(symbol), timeframes=("H1",))
    rig.tick(NOW_MS + SECOND)
    # The newest of the recorded bars is the fake's unfinished one.
    rig.until(lambda: len(rig.live.bars("EURUSD", "H1") or ()) == 1_399, NOW_MS + SECOND)
    assert bars_module.PIECE < 1_399


def test_every_event_of_the_live_terminal_is_explained() -> None:
    source = Path(terminal_module.__file__).read_text(encoding="utf-8")
    written = set(re.findall(r'self\._log\("\w+", "(\w+)"', source))
    explained = {word for row in tables_of(text(OPERATIONS))["event"] for word in row.replace("`", "").split(", ")}
    assert {"terminal_lost", "margin_rate"} <= written <= explained


def test_every_error_of_the_package_has_a_remedy() -> None:
    codes = [*range(-8, 0), *range(-10_005, -9_999), 10_027]
    assert all(code in REMEDIES for code in codes)
    assert remedy_of(12_345).remedy
