"""Reasons not to size at all, in the order in which they are told. Each answers (code, sentence) or None."""

from collections.abc import Callable

from sizing.snapshot import Snapshot
from sizing.trade import Trade

Refusal = tuple[str, str]


def evidence(trade: Trade) -> Refusal | None:
    """Refuse on old evidence."""
    snapshot, fresh, signal = trade.snapshot, trade.policy.freshness, trade.signal
    now = snapshot.now_ms
    if signal.sent_ms is not None and now - signal.sent_ms > fresh.max_request_age_ms:
        return "request_expired", f"The request was sent {now - signal.sent_ms} ms ago."
    age = now - snapshot.account_ms
    if age > fresh.max_account_age_ms:
        return "stale_account", f"The account was last reported {age} ms ago."
    if snapshot.firm.anchor_missing is not None:
        return "stale_account", snapshot.firm.anchor_missing
    age = now - snapshot.quote.time_ms
    if age > fresh.max_quote_age_ms:
        return "stale_quote", f"The last quote of {signal.symbol} is {age} ms old."
    if snapshot.quote.ask < snapshot.quote.bid:
        return "stale_quote", f"The quote of {signal.symbol} is crossed: bid {snapshot.quote.bid}, ask {snapshot.quote.ask}."
    age = now - snapshot.spec_ms
    if age > fresh.max_spec_age_ms:
        return "stale_quote", f"The figures of {signal.symbol} were last reported {age} ms ago."
    return None


def market(trade: Trade) -> Refusal | None:
    """Refuse where broker or terminal would not open the position."""
    account, symbol = trade.account, trade.snapshot.symbol
    if not (account.trade_allowed and account.trade_expert):
        who = "the account" if not account.trade_allowed else "expert advisors"
        return "trading_halted", f"The broker does not allow {who} to trade."
    mode = symbol.spec.trade_mode
    if mode not in (4, 1 if trade.sign > 0 else 2) or not symbol.session_open:
        return "market_closed", f"{symbol.spec.name} opens no {trade.signal.side} positions now (trade_mode {mode})."
    return None


def calendar(trade: Trade) -> Refusal | None:
    """Refuse inside the firm's weekend and news windows."""
    firm, now = trade.snapshot.firm, trade.snapshot.now_ms
    if firm.weekend_from_ms is not None and firm.weekend_until_ms is not None:
        if firm.weekend_from_ms <= now < firm.weekend_until_ms:
            return "weekend", f"{firm.name} wants no positions over the weekend."
    for window in firm.news:
        if window.start_ms <= now < window.end_ms and _touches(window.currencies, trade.snapshot):
            return "news_window", f"News window of {firm.name}: {window.title}."
    return None


def rules(trade: Trade) -> Refusal | None:
    """Refuse on breached rules, a drawdown at its halt, and books that cannot be priced."""
    view = trade.snapshot.account
    if view.book.unpriceable is not None:
        return "unpriceable_position", view.book.unpriceable
    if trade.account.equity <= 0 or trade.account.balance <= 0:
        return "rule_breached", f"Equity is {trade.account.equity:.2f}, balance {trade.account.balance:.2f}."
    for rule in trade.snapshot.firm.rules:
        if rule.headroom <= 0:
            return "rule_breached", f"{rule.name}: {-rule.headroom:.2f} below its floor of {rule.floor:.2f}."
    drawdown = drawdown_pct(view.peak_equity, trade.account.equity)
    if drawdown >= trade.policy.drawdown.halt_pct:
        return "drawdown_halt", f"Equity is {drawdown:.2f} % below its peak of {view.peak_equity:.2f}."
    return None


def drawdown_pct(peak_equity: float, equity: float) -> float:
    """Drawdown from peak equity in percent, 0 at the peak."""
    return max(0.0, (peak_equity - equity) / peak_equity * 100) if peak_equity > 0 else 0.0


def _touches(currencies: tuple[str, ...], snapshot: Snapshot) -> bool:
    spec = snapshot.symbol.spec
    return not currencies or spec.currency_base in currencies or spec.currency_profit in currencies


GATES: tuple[Callable[[Trade], Refusal | None], ...] = (evidence, market, calendar, rules)
