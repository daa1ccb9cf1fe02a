"""What keeps an account from trading, or makes its trades smaller, in sentences."""

from collections.abc import Iterable

from bridge.cli.moments import until_here
from bridge.cli.screen import minute_local, money
from bridge.protocol.messages import HaltInfo, RecoveryInfo, RuleDetail, WindowInfo

REASONED = ("rule_breached", "drawdown_halt", "trading_halted", "stale_account")
"""Codes that a halt or a rule's missing anchor may stand behind."""


def printable(text: str) -> str:
    """One line of what somebody else wrote, without anything that moves a cursor."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def halt_text(halt: HaltInfo, now_ms: int) -> str:
    """One halt: until when, its code, why and since when."""
    until = "`lotbridge resume`" if halt.until_ms is None else until_here(halt.until_ms, now_ms)
    return f"No entries until {until}: {halt.code}, {printable(halt.reason)}. Since {minute_local(halt.since_ms)}."


def window_text(window: WindowInfo, now_ms: int) -> str:
    """One window without entries that holds now."""
    until = until_here(window.end_ms, now_ms)
    if window.kind != "news":
        return f"No entries until {until}: the firm's {window.kind}."
    where = f" in {', '.join(window.currencies)}" if window.currencies else ""
    return f"No entries{where} until {until}: news, {printable(window.title)}."


def recovery_text(recovery: RecoveryInfo, now_ms: int) -> str:
    """By how much sizes are multiplied, and what ends that."""
    until = f"until {until_here(recovery.until_ms, now_ms)}"
    back = "" if recovery.equity is None else f", or until equity is back at {money(recovery.equity)}"
    return f"sizes times {recovery.factor:g} {until}{back} ({printable(recovery.reason)})"


def breach_text(rule: RuleDetail) -> str:
    """What it means that this rule is breached."""
    what = "the account is lost" if rule.breach == "ends" else "no entries until the next reset"
    return f"{rule.name} is breached: {what}."


def why_halted(code: str, halts: Iterable[HaltInfo], rules: Iterable[RuleDetail], now_ms: int) -> list[str]:
    """What stands behind the code of a refusal; nothing where it says everything."""
    if code == "stale_account":
        return [printable(rule.missing) for rule in rules if rule.missing is not None]
    return [halt_text(halt, now_ms) for halt in halts if halt.code == code]
