"""Every code is reached: each scenario is a small change to a good feed that would be granted lots."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from bridge.protocol.codec import MAX_BODY_BYTES
from bridge.protocol.codes import CODES, ERROR_CODES
from bridge.service import Incoming
from sizing.codes import REJECT_CODES
from sizing.prop.firm import FirmLimits, NewsBlackout
from tests.bridge.builders import (
    LOGIN,
    NO_RULES,
    Rig,
    account_info,
    account_settings,
    decoded,
    granted,
    position_info,
    quote_info,
    roomy_policy,
    size_fields,
    symbol_info,
)
from tests.bridge.sockets import connected, frames, received, serving
from tests.builders import NOW_MS
from tests.sizing.builders import ftmo

Reply = dict[str, Any]
Scenario = Callable[[Path], Reply]


def opened(folder: Path, **over: Any) -> Rig:
    """A daemon for an account with these settings, not fed yet."""
    return Rig(folder, account_settings(**over))


def asking(*, fed: dict[str, Any] | None = None, settings: dict[str, Any] | None = None, **request: Any) -> Scenario:
    """A good feed with some parts changed, then a good size request with some fields changed."""

    def scenario(folder: Path) -> Reply:
        rig = opened(folder, **(settings or {}))
        try:
            assert rig.feed(**(fed or {}))["status"] == "ok"
            return rig.size(**request)
        finally:
            rig.close()

    return scenario


def caps(**keys: Any) -> dict[str, Any]:
    """Settings whose policy has other caps, with no rules of a firm in the way."""
    return {"firm": NO_RULES, "policy": roomy_policy(caps=keys)}


def sending(raw: bytes) -> Scenario:
    """These very bytes."""

    def scenario(folder: Path) -> Reply:
        rig = opened(folder)
        try:
            return decoded(rig.send(raw))
        finally:
            rig.close()

    return scenario


def after(by_ms: int, **refreshed: Any) -> Scenario:
    """A good feed, then so much time, then an increment if there is one."""

    def scenario(folder: Path) -> Reply:
        rig = opened(folder)
        try:
            rig.feed()
            rig.tick(by_ms)
            if refreshed:
                parts = {"symbols": None, "positions": None, "orders": None, "quotes": None, "deals": None, **refreshed}
                rig.feed(**parts)
            return rig.size()
        finally:
            rig.close()

    return scenario


def id_reused(folder: Path) -> Reply:
    rig = opened(folder)
    try:
        rig.ask(type="ping", id="a")
        return rig.ask(type="status", id="a")
    finally:
        rig.close()


def unauthorized(folder: Path) -> Reply:
    rig = opened(folder)
    try:
        return decoded(rig.send(rig.body(type="ping"), allowed=(LOGIN + 1,)))
    finally:
        rig.close()


def feed_conflict(folder: Path) -> Reply:
    rig = opened(folder)
    try:
        rig.feed()
        return rig.feed(session="another")
    finally:
        rig.close()


def too_large(folder: Path) -> Reply:
    rig = opened(folder)
    try:
        with serving(rig) as running, connected(running.address) as socket:
            socket.send(rig.body(type="ping") + b" " * MAX_BODY_BYTES)
            return decoded(received(socket))
    finally:
        rig.close()


def overloaded(folder: Path) -> Reply:
    """More questions than the daemon lets wait, all of them asked before it looks."""
    rig = opened(folder)
    asks, clients = 1_000, 4

    def ask(address: str) -> None:
        for client in range(clients):
            socket = contexts.enter_context(connected(address))
            sockets.append(socket)
            for number in range(asks):
                socket.send(rig.body(type="ping", id=f"{client}-{number}"))

    sockets: list[zmq.Socket[bytes]] = []
    try:
        with ExitStack() as contexts, serving(rig, before=ask):
            replies = [decoded(received(socket)) for socket in sockets for _ in range(asks)]
        codes = {reply["code"] for reply in replies}
        assert codes == {None, "overloaded"}
        return next(reply for reply in replies if reply["code"] == "overloaded")
    finally:
        rig.close()


def internal(folder: Path) -> Reply:
    """The journal takes no more."""
    rig = opened(folder)
    try:
        rig.feed()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.write", _no_space)
            reply = rig.size()
        assert rig.reserved() == 0
        granted(rig.size())
        return reply
    finally:
        rig.close()


def _no_space(*_: object) -> int:
    raise OSError(28, "No space left on device")


PING = b'{"v":1,"type":"ping","id":"a"}'
HOUR = 3_600_000
NEWS = NewsBlackout(start="2026-03-04T09:55:00Z", end="2026-03-04T10:05:00Z", currencies=("USD",), title="Payrolls")
ONE_OPEN = {"positions": [position_info()]}

ERRORS: dict[str, tuple[Scenario, str | None]] = {
    "bad_json": (sending(PING[:-1]), None),
    "too_large": (too_large, None),
    "unsupported_version": (sending(PING.replace(b"1", b"2", 1)), "v"),
    "unknown_type": (sending(PING.replace(b"ping", b"pong")), "type"),
    "missing_field": (sending(b'{"v":1,"type":"release","id":"a","reason":"x"}'), "reservation"),
    "unknown_field": (asking(stop_los=1.09), "stop_los"),
    "bad_value": (asking(side="long"), "side"),
    "id_reused": (id_reused, "id"),
    "unknown_account": (asking(account=LOGIN + 1), "account"),
    "unknown_symbol": (asking(symbol="GBPUSD"), "symbol"),
    "unauthorized": (unauthorized, "account"),
    "feed_conflict": (feed_conflict, None),
    "overloaded": (overloaded, None),
    "internal": (internal, None),
}
"""Scenario and the field that the error names."""

REJECTS: dict[str, Scenario] = {
    "below_volume_min": asking(max_lots=0.009),
    "negative_expectancy": asking(confidence=0),
    "insufficient_edge": asking(confidence=50, take_profit=1.1061),
    "stop_required": asking(stop_loss=None),
    "stop_wrong_side": asking(stop_loss=1.1011),
    "stop_too_close": asking(fed={"symbols": [symbol_info(trade_stops_level=600)]}),
    "target_wrong_side": asking(take_profit=1.0999),
    "stale_quote": after(10_001, account_info=account_info()),
    "stale_account": after(10_001),
    "terminal_unavailable": after(30_001),
    "money_mismatch": asking(fed={"symbols": [symbol_info(trade_tick_value=1.03)]}),
    "unpriceable_position": asking(fed={"positions": [position_info(sl=0.0)]}),
    "daily_loss_headroom": asking(fed={"account_info": account_info(equity=95_010.0)}),
    "total_loss_headroom": asking(fed={"account_info": account_info(balance=90_010.0)}),
    "rule_breached": asking(fed={"account_info": account_info(equity=94_999.0)}),
    "drawdown_halt": asking(fed={"account_info": account_info(equity=90_000.0)}, settings={"firm": NO_RULES}),
    "positions_limit": asking(fed=ONE_OPEN, settings=caps(max_positions_per_symbol=1)),
    "correlation_limit": asking(fed=ONE_OPEN, settings=caps(concentration_pct=16.0)),
    "margin": asking(fed={"account_info": account_info(margin_free=10.0)}),
    "news_window": asking(settings={"firm": ftmo(news=(NEWS,))}),
    "weekend": asking(settings={"firm": ftmo(weekend_flat=True, weekend_from="Wed 10:59", weekend_until="Wed 11:01")}),
    "daily_break": asking(settings={"firm": ftmo(flat_daily=True, flat_from="10:59", flat_until="11:01")}),
    "firm_limit": asking(settings={"firm": ftmo(limits=FirmLimits(max_lots_per_order=0.001))}),
    "trading_halted": asking(fed={"account_info": account_info(trade_expert=False)}),
    "market_closed": asking(fed={"symbols": [symbol_info(session_open=False)]}),
    "request_expired": asking(sent_ms=NOW_MS - 5_001),
    "exposure_limit": asking(fed=ONE_OPEN, settings=caps(gross_exposure=1.1)),
    "portfolio_shortfall": asking(fed=ONE_OPEN, settings=caps(portfolio_shortfall_pct=1.0)),
    "volume_limit": asking(fed={**ONE_OPEN, "symbols": [symbol_info(volume_limit=1.0)]}, settings=caps()),
}


def test_every_code_has_a_scenario() -> None:
    assert {**ERRORS, **REJECTS}.keys() == CODES.keys()
    assert ERRORS.keys() == ERROR_CODES.keys()
    assert REJECTS.keys() == REJECT_CODES.keys()


def test_the_good_request_is_granted(tmp_path: Path) -> None:
    granted(asking()(tmp_path))
    granted(asking(settings=caps(), fed=ONE_OPEN)(tmp_path / "caps"))


@pytest.mark.parametrize("code", list(ERRORS))
def test_error(tmp_path: Path, code: str) -> None:
    scenario, field = ERRORS[code]
    reply = scenario(tmp_path)
    assert (reply["status"], reply["code"], reply["field"]) == ("error", code, field), reply
    assert reply["message"][0].isupper()
    assert reply["message"].rstrip("`").endswith(".")


@pytest.mark.parametrize("code", list(REJECTS))
def test_reject(tmp_path: Path, code: str) -> None:
    reply = REJECTS[code](tmp_path)
    assert (reply["status"], reply["code"], reply["lots"]) == ("reject", code, 0), reply
    assert reply["reservation"] is None
    assert reply["expires_ms"] is None
    assert reply["decision"].startswith("d")
    assert reply["message"].endswith(".")


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_market_closed_by_trade_mode(tmp_path: Path, side: str) -> None:
    modes = {"buy": (0, 2, 3), "sell": (0, 1, 3)}
    prices = (
        {"stop_loss": 1.0951, "take_profit": 1.1151} if side == "buy" else {"stop_loss": 1.105, "take_profit": 1.085}
    )
    for mode in modes[side]:
        folder = tmp_path / str(mode)
        reply = asking(fed={"symbols": [symbol_info(trade_mode=mode)]}, side=side, **prices)(folder)
        assert reply["code"] == "market_closed"


def test_before_the_first_report_nothing_is_an_unknown_symbol(tmp_path: Path) -> None:
    rig = opened(tmp_path)
    assert rig.size()["code"] == "terminal_unavailable"
    rig.close()


def test_a_missing_anchor_of_the_day_is_stale_account(tmp_path: Path) -> None:
    reply = asking(fed={"deals": None})(tmp_path)
    assert reply["code"] == "stale_account"
    assert "deals" in reply["message"]


def test_a_quote_from_the_future_is_stale(tmp_path: Path) -> None:
    assert asking(fed={"quotes": [quote_info(time_msc=NOW_MS + 10_001)]})(tmp_path)["code"] == "stale_quote"


def test_a_symbol_without_a_quote_is_stale(tmp_path: Path) -> None:
    assert asking(fed={"quotes": []})(tmp_path)["code"] == "stale_quote"


def test_a_symbol_that_matches_no_pattern_is_unknown(tmp_path: Path) -> None:
    fed = {"symbols": [symbol_info("GBPUSD")], "quotes": [quote_info("GBPUSD")]}
    assert asking(fed=fed, symbol="GBPUSD")(tmp_path)["code"] == "unknown_symbol"


def test_a_request_in_time_is_answered(tmp_path: Path) -> None:
    granted(asking(sent_ms=NOW_MS - 5_000)(tmp_path))


def test_the_waterfall_is_whole(tmp_path: Path) -> None:
    reply = granted(asking()(tmp_path))
    caps = {cap["name"]: cap["lots"] for cap in reply["caps"]}
    assert reply["binding"] in caps
    assert reply["runner_up"] in caps
    assert all(lots is None or reply["lots"] <= lots for lots in caps.values())
    assert reply["risk"]["amount"] <= reply["risk"]["worst_case"]
    assert reply["risk"]["amount"] <= reply["lots"] * reply["risk"]["per_lot"] + 0.01
    assert reply["risk"]["percent"] == pytest.approx(reply["risk"]["amount"] / 1_000, abs=1e-4)
    assert reply["ages"] == {"quote_ms": 0, "account_ms": 0, "spec_ms": 0, "stats_ms": None}
    assert msgspec.json.encode(size_fields())  # what the scenarios change


def test_overload_leaves_nothing_behind_and_the_same_id_may_be_asked_again(tmp_path: Path) -> None:
    rig = opened(tmp_path)
    incoming = rig.body(type="ping", id="a")
    told = decoded(rig.service.overloaded(Incoming(incoming)))
    assert (told["id"], told["code"]) == ("a", "overloaded")
    assert decoded(rig.send(incoming))["status"] == "ok"
    rig.close()


def test_a_req_socket_gets_the_large_bodys_error_too(tmp_path: Path) -> None:
    rig = opened(tmp_path)
    with serving(rig) as running, connected(running.address, zmq.REQ) as socket:
        socket.send(b" " * (MAX_BODY_BYTES + 1))
        assert decoded(frames(socket)[0])["code"] == "too_large"
    rig.close()
