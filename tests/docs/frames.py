"""The example frames of PROTOCOL.md, made by the real service. `python -m tests.docs.write` writes them anew."""

import dataclasses
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.cli.sample import sample_account
from bridge.desk import Desk
from bridge.journal.store import Journal
from bridge.service import Incoming, Service
from bridge.settings import PositionFiles
from bridge.settings.defaults import defaults_folder
from bridge.terminal.feed import FeedTerminal

NOW_MS = 1_772_618_400_000
"""Wednesday, 4 March 2026, 10:00 UTC."""
BROKER_AHEAD_MS = 2 * 3_600_000
_BLOCK = re.compile(r"(<!-- frame: (\S+) -->\n```json\n)(.*?)(\n```)", re.DOTALL)
_LINE = 118
_ANCHOR = {"rule": "max_daily_loss", "value": 101_000.0, "reason": "as the firm's dashboard shows it"}


class _StandingClock:
    def now_ms(self) -> int:
        return NOW_MS


def made() -> dict[str, Any]:
    """Every frame of the page by its name: `ping`, `ping-reply` and so on."""
    frames: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.sqlite")
        files = PositionFiles(
            active=defaults_folder() / "positions" / "active-forex-day.toml", folder=defaults_folder()
        )
        settings = dataclasses.replace(sample_account(), terminal="ea_feed", market=None, positions=files)
        service = Service([Desk(settings, FeedTerminal(settings.login))], journal, _StandingClock())

        def ask(name: str, request: dict[str, Any]) -> dict[str, Any]:
            body = json.dumps(request).encode()
            reply: dict[str, Any] = json.loads(service.handle(Incoming(body)))
            assert service.handle(Incoming(body)) == json.dumps(reply, separators=(",", ":")).encode() or reply["code"]
            if name:
                frames[name], frames[f"{name}-reply"] = request, reply
            return reply

        _converse(ask)
        journal.close()
    return frames


def _converse(ask: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
    account = {"account": 1_000_001}
    ask("ping", {"v": 1, "type": "ping", "id": "ea7-1"})
    ask("snapshot", {"v": 1, "type": "snapshot", "id": "ea7-2", **account, **_snapshot()})
    question = {
        "symbol": "EURUSD", "side": "buy", "stop_loss": 1.095, "take_profit": 1.11, "confidence": 75, "magic": 7,
    }  # fmt: skip
    answer = ask("size", {"v": 1, "type": "size", "id": "ea7-3", **account, **question})
    ask("reused", {"v": 1, "type": "size", "id": "ea7-3", **account, **question, "confidence": 80})
    reservation = {"reservation": answer["reservation"]}
    ask(
        "fill",
        {
            "v": 1,
            "type": "fill",
            "id": "ea7-4",
            **account,
            **reservation,
            "ticket": 90211,
            "lots": 0.5,
            "price": 1.10009,
        },
    )
    ask("release", {"v": 1, "type": "release", "id": "ea7-5", **account, **reservation, "reason": "rest not filled"})
    ask(
        "reject",
        {"v": 1, "type": "size", "id": "ea7-6", **account, "symbol": "EURUSD", "side": "buy", "stop_loss": 1.2},
    )
    ask(
        "error",
        {"v": 1, "type": "size", "id": "ea7-7", **account, "symbol": "EURUSD", "side": "buy", "stop_los": 1.095},
    )
    ask("status", {"v": 1, "type": "status", "id": "ea7-8"})
    ask("rules", {"v": 1, "type": "rules", "id": "ea7-10"})
    ask("halt", {"v": 1, "type": "halt", "id": "ea7-11", "reason": "central bank at noon", "minutes": 90})
    ask("resume", {"v": 1, "type": "resume", "id": "ea7-12", "reason": "it is over", "factor": 0.5, "days": 2})
    ask("anchor", {"v": 1, "type": "anchor", "id": "ea7-13", **_ANCHOR})
    ask("", {"v": 1, "type": "snapshot", "id": "ea7-14", **account, **_winner()})
    signals = [{"symbol": "EURUSD", "direction": "bullish", "confidence": 70, "risk": "low"}]
    told = ask(
        "manage", {"v": 1, "type": "manage", "id": "ea7-15", **account, "symbols": ["EURUSD"], "signals": signals}
    )
    done = {
        "status": "done",
        "ticket": 90211,
        "lots": told["instructions"][0]["lots"],
        "price": 1.10608,
        "retcode": 10009,
    }
    ask("report", {"v": 1, "type": "report", "id": "ea7-16", "instruction": told["instructions"][0]["id"], **done})
    ask("positions", {"v": 1, "type": "positions", "id": "ea7-17", "history": 10})
    ask("gap", {"v": 1, "type": "snapshot", "id": "ea7-9", "session": "chart-1", "sequence": 3, "quotes": []})


def _snapshot() -> dict[str, Any]:
    broker_ms = NOW_MS + BROKER_AHEAD_MS
    return {
        "session": "chart-1",
        "sequence": 0,
        "time_trade_server": broker_ms // 1000,
        "account_info": {
            "login": 1_000_001, "currency": "USD", "balance": 100_000.0, "equity": 100_000.0, "margin": 0.0,
            "margin_free": 100_000.0, "leverage": 100,
        },
        "symbols": [
            {
                "name": "EURUSD", "trade_calc_mode": 0, "digits": 5, "point": 0.00001, "trade_tick_size": 0.00001,
                "trade_tick_value": 1.0, "trade_tick_value_profit": 1.0, "trade_tick_value_loss": 1.0,
                "trade_contract_size": 100_000.0, "volume_min": 0.01, "volume_max": 50.0, "volume_step": 0.01,
                "currency_base": "EUR", "currency_profit": "USD", "currency_margin": "EUR",
            }
        ],
        "positions": [],
        "orders": [],
        "deals": [],
        "quotes": [{"symbol": "EURUSD", "time_msc": broker_ms - 200, "bid": 1.1, "ask": 1.10008}],
        "checks": [
            {
                "symbol": "EURUSD", "side": "buy", "price_open": 1.10008, "price_close": 1.09008, "profit": -1000.0,
                "margin": 1100.08,
            }
        ],
    }  # fmt: skip


def _winner() -> dict[str, Any]:
    """The position that was filled, an hour later and 60 pips higher."""
    broker_ms = NOW_MS + BROKER_AHEAD_MS
    position = {
        "ticket": 90211, "symbol": "EURUSD", "type": 0, "volume": 0.5, "price_open": 1.10009, "price_current": 1.10609,
        "sl": 1.095, "tp": 1.11, "profit": 300.0, "magic": 7, "time_msc": broker_ms - 3_600_000,
    }  # fmt: skip
    quote = {"symbol": "EURUSD", "time_msc": broker_ms - 100, "bid": 1.10609, "ask": 1.10617}
    account = {**_snapshot()["account_info"], "equity": 100_300.0}
    return {"session": "chart-1", "sequence": 1, "account_info": account, "positions": [position], "quotes": [quote]}


def replaced(page: str) -> str:
    """The page with every frame as the service makes it today."""
    frames = made()
    return _BLOCK.sub(lambda match: match[1] + written(frames[match[2]]) + match[4], page)


def shown(page: str) -> dict[str, str]:
    """The frames that a page holds, by name, as they stand there."""
    return {match[2]: match[3] for match in _BLOCK.finditer(page)}


def written(frame: dict[str, Any]) -> str:
    """A frame in lines of a readable length, where its parts allow: white space between them means nothing."""
    return _object(frame, 0)


def _object(value: dict[str, Any], indent: int) -> str:
    pad = " " * (indent + 1)
    lines, line = [], " " * indent + "{"
    for index, (key, part) in enumerate(value.items()):
        text = f"{json.dumps(key)}: {_value(part, indent + 1)}" + ("}" if index == len(value) - 1 else ",")
        if len(line) > indent + 1 and (len(line) + len(text) + 1 > _LINE or "\n" in text):
            lines.append(line)
            line = pad + text
        else:
            line += text if line.endswith("{") else f" {text}"
    return "\n".join([*lines, line])


def _value(value: Any, indent: int) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(_object(each, indent + 1) for each in value) + "]"
    if isinstance(value, dict) and len(json.dumps(value)) > _LINE // 2:
        return _object(value, indent).lstrip()
    return json.dumps(value)
