"""The real service on the modelled broker, for an account with rules about open positions."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from bridge.settings.model import PositionFiles
from tests.bridge import model_daemon
from tests.bridge.builders import Rig, decoded
from tests.bridge.model_broker import OFFSET_MS, PIP, START, Broker
from tests.bridge.model_daemon import settings_for
from tests.manager.model_ea import LEAST

HOUR = 3_600_000
DAY = 24 * HOUR
FIRM = "ftmo-2step"

ACTIVE = """
partial_profit_threshold = 0.15
partial_profit_age_minutes = 0
aggressive_profit_threshold = 0.4
scaling_profit_threshold = 0.05
scaling_momentum_threshold = 0.01
scaling_volume_threshold = 0.5
breakeven_threshold = 0.1
breakeven_buffer = 0.02
volatility_threshold = 0.1
volatility_tightening = 0.03
time_based_tightening = 0.01
time_tightening_age_hours = 0
"""
SHARE = """
title = "Test"
max_virtual_equity_per_instrument_percent = 1000
[enter_market]
stop_atr = 2.0
[[enter_market.rules]]
name = "entry"
action = "increase_instrument_share"
target_percent = 300
cooldown_minutes = 0.1
all = ["confidence >= 50", "instrument_account_share < 280"]
[open_positions]
[[open_positions.rules]]
name = "flatten"
priority = 2
action = "decrease_instrument_share"
target_percent = 0
cooldown_minutes = 0.1
all = ["confidence < 10"]
[[open_positions.rules]]
name = "cut"
action = "decrease_instrument_share"
target_percent = 200
cooldown_minutes = 0.1
all = ["instrument_account_share > 400"]
"""
ENTRY_PERCENT, CUT_PERCENT = 300.0, 200.0
REBALANCE = """
[validation]
warn_sum = 100
scale_sum = 200
[limits]
position_pct = 2000
sector_pct = 5000
cluster_pct = 5000
gross = 100
net = 100
turnover_pct = 100000
daily_drawdown_pct = 90
var_95_pct = 100
[classes.forex]
max_leverage = 100
margin_pct = 100
[execution]
expires_s = 25
settle_s = 6
retry_s = 3
[emergency]
disruption = "alert"
"""
RULES = {"active": ACTIVE, "share": SHARE, "rebalance": REBALANCE}


class Daemon(model_daemon.Daemon):
    """Fed like the other one, with bars as well. `held` is a message that is on its way."""

    def __init__(self, folder: Path, broker: Broker, kinds: tuple[str, ...]) -> None:
        self.broker = broker
        self.whole_history = True
        self.session, self.sequence = "ea-1", 0
        self.sent: list[tuple[bytes, bytes]] = []
        self._resync = True
        self._deals_sent = self._full_ms = self._bars_ms = 0
        self._orders_sent: list[dict[str, Any]] | None = None
        rules = folder / "rules"
        rules.mkdir()
        for kind in kinds:
            (rules / f"{kind}.toml").write_text(RULES[kind], encoding="utf-8")
        files = PositionFiles(
            share=(rules / "share.toml",) if "share" in kinds else (),
            active=rules / "active.toml" if "active" in kinds else None,
            rebalance=rules / "rebalance.toml" if "rebalance" in kinds else None,
        )
        Rig.__init__(self, folder, replace(settings_for(FIRM), positions=files), now_ms=broker.now_ms)

    def send(self, raw: bytes, allowed: Any = None) -> bytes:
        """Nothing may ever be answered with `internal`, nor be a defect that is only in the log."""
        reply = Rig.send(self, raw, allowed)
        fields = decoded(reply)
        self._demand_no_defect(fields)
        self.service.events.clear()
        if fields["code"] not in ("feed_conflict", "id_reused"):
            self.sent.append((raw, reply))
        return reply

    def settle(self) -> None:
        """What the daemon does between requests."""
        self.service.housekeep()
        self._demand_no_defect({"code": None})

    def _demand_no_defect(self, fields: dict[str, Any]) -> None:
        defects = [each.fields for each in self.service.events if each.name in ("defect", "journal_failed")]
        assert fields["code"] != "internal", (fields, defects)
        assert not defects, defects

    def new_session(self) -> None:
        """The EA starts anew, and sends everything."""
        super().new_session()
        self._bars_ms = 0

    def restart(self, *, clean: bool) -> None:
        """Bars come from the EA: a daemon that starts anew has none."""
        super().restart(clean=clean)
        self._bars_ms = 0

    def _frame(self, parts: dict[str, Any]) -> bytes:
        now = self.broker.now_ms
        if now - self._bars_ms >= 4 * HOUR and "account_info" in parts:
            self._bars_ms = now
            parts = parts | {"bars": [_bars(name, step, now) for name in PIP for step in ("H1", "D1")]}
        return super()._frame(parts)

    def _symbols(self) -> list[dict[str, Any]]:
        return [each | {"volume_min": LEAST} for each in super()._symbols()]


def _bars(name: str, timeframe: str, now_ms: int) -> dict[str, Any]:
    """Bars that all stand at the first price: 40 pips in an hour, 1.2 % in a day."""
    step, count = (HOUR, 120) if timeframe == "H1" else (DAY, 60)
    price, half = START[name], 20 * PIP[name] if timeframe == "H1" else START[name] * 0.006
    first = (now_ms + OFFSET_MS) // step * step - count * step
    rates = [
        {
            "time": (first + number * step) // 1000, "open": price, "high": price + half, "low": price - half,
            "close": price, "tick_volume": 1000,
        }
        for number in range(count)
    ]  # fmt: skip
    return {"symbol": name, "timeframe": timeframe, "rates": rates}
