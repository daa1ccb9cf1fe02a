"""A daemon without a socket whose account has rules about open positions, and the EA's side of it by hand."""

from pathlib import Path
from typing import Any

from bridge.settings.model import PositionFiles
from tests.bridge.bars import HOUR, rows_info
from tests.bridge.builders import Rig, account_info, account_settings, position_info, quote_info, symbol_info

ACTIVE = """
partial_profit_threshold = 1.0
partial_profit_age_minutes = 0
aggressive_profit_threshold = 2.0
breakeven_threshold = 0.5
breakeven_buffer = 0.1
scaling_profit_threshold = 0
volatility_threshold = 0
time_based_tightening = 0
"""
SHARE = """
title = "Test"
max_virtual_equity_per_instrument_percent = 200
[enter_market]
[[enter_market.rules]]
name = "entry"
action = "increase_instrument_share"
target_percent = 110
all = ["bullish", "confidence >= 50", "instrument_account_share < 100"]
[open_positions]
[[open_positions.rules]]
name = "cut"
action = "decrease_instrument_share"
target_percent = 60
all = ["instrument_account_share > 150"]
"""
REBALANCE = """
[limits]
position_pct = 500
sector_pct = 1000
cluster_pct = 1000
gross = 20
net = 20
turnover_pct = 2000
[classes.forex]
max_leverage = 30
"""


_BARS = 200
"""Hours of 20 pips each: the policy's ATR stop needs them."""


def managed(
    folder: Path,
    *,
    active: str | None = None,
    share: str | None = None,
    rebalance: str | None = None,
    **over: Any,
) -> Rig:
    """A fed daemon with these rule files."""
    rules = folder / "rules"
    rules.mkdir(exist_ok=True)
    paths: dict[str, Path] = {}
    for name, text in (("active", active), ("share", share), ("rebalance", rebalance)):
        if text is not None:
            paths[name] = rules / f"{name}.toml"
            paths[name].write_text(text, encoding="utf-8")
    files = PositionFiles(
        share=(paths["share"],) if "share" in paths else (),
        active=paths.get("active"),
        rebalance=paths.get("rebalance"),
    )
    rig = Rig(folder, account_settings(positions=files, **over))
    start_ms = rig.clock.now_ms() // HOUR * HOUR - _BARS * HOUR
    bars = [rows_info([(1.1, 1.101, 1.099, 1.1)] * _BARS, start_ms)]
    assert rig.feed(bars=bars)["status"] == "ok"
    return rig


def show(rig: Rig, *positions: dict[str, Any], bid: float = 1.1, **parts: Any) -> None:
    """The terminal shows these positions and this price of EURUSD, as of now."""
    profit = sum(each.get("profit", 0.0) for each in positions)
    account = account_info(equity=100_000.0 + profit)
    quote = quote_info(bid=bid, time_msc=rig.clock.now_ms())
    reply = rig.feed(account_info=account, symbols=[symbol_info()], quotes=[quote], positions=list(positions), **parts)
    assert reply["status"] == "ok", reply


def held(ticket: int = 7, *, bid: float = 1.1, volume: float = 1.0, **over: Any) -> dict[str, Any]:
    """A buy of EURUSD at 1.1 as the terminal shows it at a price."""
    profit = round((bid - 1.1) * 100_000 * volume, 2)
    return position_info(ticket, price_current=bid, profit=profit, volume=volume, **over)


def manage(rig: Rig, **fields: Any) -> list[dict[str, Any]]:
    """What an EA is told to do now."""
    reply = rig.ask(type="manage", **fields)
    assert reply["status"] == "ok", reply
    return list(reply["instructions"])


def report(rig: Rig, instruction: dict[str, Any], status: str = "done", **fields: Any) -> dict[str, Any]:
    """The EA's word on an instruction."""
    return rig.ask(type="report", instruction=instruction["id"], status=status, **fields)
