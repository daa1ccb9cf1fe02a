"""Reasons not to size at all. Each answers (code, sentence) or None."""

from sizing.policy import FreshnessPolicy, Policy
from sizing.snapshot import FirmState, Side, Signal, Snapshot

Refusal = tuple[str, str]


def evidence_refusal(signal: Signal, snapshot: Snapshot, fresh: FreshnessPolicy) -> Refusal | None:
    """Refuse a late request, and evidence that is old or makes no sense."""
    now, quote = snapshot.now_ms, snapshot.quote
    if signal.sent_ms is not None and now - signal.sent_ms > fresh.max_request_age_ms:
        return "request_expired", f"The request was sent {now - signal.sent_ms} ms ago."
    if now - snapshot.account_ms > fresh.max_account_age_ms:
        return "stale_account", f"The account was last reported {now - snapshot.account_ms} ms ago."
    if snapshot.firm.anchor_missing is not None:
        return "stale_account", snapshot.firm.anchor_missing
    if now - quote.time_ms > fresh.max_quote_age_ms:
        return "stale_quote", f"The last quote of {signal.symbol} is {now - quote.time_ms} ms old."
    if quote.time_ms - now > fresh.max_quote_age_ms:
        return (
            "stale_quote",
            f"The quote of {signal.symbol} is {quote.time_ms - now} ms in the future: check the clocks.",
        )
    if quote.ask < quote.bid:
        return "stale_quote", f"The quote of {signal.symbol} is crossed: bid {quote.bid}, ask {quote.ask}."
    if now - snapshot.spec_ms > fresh.max_spec_age_ms:
        return "stale_quote", f"The figures of {signal.symbol} were last reported {now - snapshot.spec_ms} ms ago."
    return None


def calendar_refusal(snapshot: Snapshot) -> Refusal | None:
    """Refuse inside the firm's weekend and news windows."""
    firm, now = snapshot.firm, snapshot.now_ms
    if _is_weekend(firm, now):
        return "weekend", f"{firm.name} wants no positions over the weekend."
    for window in firm.news:
        if window.start_ms <= now < window.end_ms and _touches(window.currencies, snapshot):
            return "news_window", f"News window of {firm.name}: {window.title}."
    return None


def standing_refusal(snapshot: Snapshot, side: Side, policy: Policy) -> Refusal | None:
    """Refuse where broker or terminal would not open the position, and while account or book forbid any."""
    return _market_refusal(snapshot, side) or _rules_refusal(snapshot, policy)


def drawdown_pct(peak_equity: float, equity: float) -> float:
    """Drawdown from peak equity in percent, 0 at the peak."""
    return max(0.0, (peak_equity - equity) / peak_equity * 100) if peak_equity > 0 else 0.0


def _market_refusal(snapshot: Snapshot, side: Side) -> Refusal | None:
    account, symbol = snapshot.account.account, snapshot.symbol
    if not (account.trade_allowed and account.trade_expert):
        who = "the account" if not account.trade_allowed else "expert advisors"
        return "trading_halted", f"The broker does not allow {who} to trade."
    mode = symbol.spec.trade_mode
    if mode not in (4, 1 if side == "buy" else 2) or not symbol.session_open:
        return "market_closed", f"{symbol.spec.name} opens no {side} positions now (trade_mode {mode})."
    return None


def _rules_refusal(snapshot: Snapshot, policy: Policy) -> Refusal | None:
    view, account = snapshot.account, snapshot.account.account
    if view.book.unpriceable is not None:
        return "unpriceable_position", view.book.unpriceable
    if account.equity <= 0 or account.balance <= 0:
        return "rule_breached", f"Equity is {account.equity:.2f}, balance {account.balance:.2f}."
    for rule in snapshot.firm.rules:
        if rule.headroom <= 0:
            return "rule_breached", f"{rule.name}: {-rule.headroom:.2f} below its floor of {rule.floor:.2f}."
    drawdown = drawdown_pct(view.peak_equity, account.equity)
    if drawdown >= policy.drawdown.halt_pct:
        return "drawdown_halt", f"Equity is {drawdown:.2f} % below its peak of {view.peak_equity:.2f}."
    return None


def _is_weekend(firm: FirmState, now: int) -> bool:
    start, end = firm.weekend_from_ms, firm.weekend_until_ms
    return start is not None and end is not None and start <= now < end


def _touches(currencies: tuple[str, ...], snapshot: Snapshot) -> bool:
    spec = snapshot.symbol.spec
    return not currencies or spec.currency_base in currencies or spec.currency_profit in currencies
