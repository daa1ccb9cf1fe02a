"""Replies to `rules` with good defaults: name only what the test is about."""

from typing import Any

from bridge.protocol.messages import RuleDetail, RulesReply

NOW_MS = 1_772_618_400_000
"""Wednesday, 4 March 2026, 10:00 UTC."""
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
UNKNOWN: dict[str, Any] = dict.fromkeys(
    ("anchor", "floor", "headroom", "used_percent", "floor_after_reset", "headroom_after_reset")
)
"""Figures of a rule whose anchor is not known."""


def make_rule(**over: Any) -> RuleDetail:
    """FTMO's daily rule with nothing lost."""
    values: dict[str, Any] = {
        "name": "max_daily_loss", "scope": "daily", "anchor": 100_000.0, "floor": 95_000.0, "headroom": 5_000.0,
        "used_percent": 0.0, "floor_after_reset": 95_000.0, "headroom_after_reset": 5_000.0,
        "resets_ms": NOW_MS + 13 * HOUR_MS, "breached": False, "breach": "ends", "missing": None,
        "source": "https://example.com/rules", "as_of": "2026-11-20",
    }  # fmt: skip
    return RuleDetail(**{**values, **over})


def make_reply(*rules: RuleDetail, **over: Any) -> RulesReply:
    """An account of 100,000 USD in Prague's day with a broker two hours ahead; its daily rule, if no other is named."""
    values: dict[str, Any] = {
        "v": 1, "type": "rules", "id": "q", "status": "ok", "code": None, "message": None, "server_ms": NOW_MS,
        "account": 1_000_001, "currency": "USD", "balance": 100_000.0, "equity": 100_000.0, "firm": "ftmo-2step",
        "title": "FTMO 2-step", "timezone": "Europe/Prague", "day_from_ms": NOW_MS - 11 * HOUR_MS,
        "resets_ms": NOW_MS + 13 * HOUR_MS, "broker_offset_ms": 2 * HOUR_MS, "at_risk": 539.03,
        "rules": list(rules or (make_rule(),)), "limits": [], "halts": [], "recovery": None, "progress": None,
        "windows": [], "news_missing": None,
    }  # fmt: skip
    return RulesReply(**{**values, **over})
