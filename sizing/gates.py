"""Reasons not to size at all. Each answers (code, sentence) or None."""

from sizing.policy import FreshnessPolicy, Policy
from sizing.prop.halts import standing
from sizing.snapshot import Account, AccountView, FirmState, Quote, Side, Signal, Snapshot, SymbolView

Refusal = tuple[str, str]


def evidence_refusal(signal: Signal, snapshot: Snapshot, fresh: FreshnessPolicy) -> Refusal | None:
    """Refuse a late request, and evidence that is old or makes no sense."""
    now = snapshot.now_ms
    if signal.sent_ms is not None and now - signal.sent_ms > fresh.max_request_age_ms:
        return "request_expired", f"The request was sent {now - signal.sent_ms} ms ago."
    return (
        age_refusal(snapshot.firm, snapshot.account_ms, now, fresh)
        or _quote_refusal(signal.symbol, snapshot.quote, now, fresh)
        or _spec_refusal(signal.symbol, snapshot.spec_ms, now, fresh)
    )


def age_refusal(firm: FirmState, account_ms: int, now: int, fresh: FreshnessPolicy) -> Refusal | None:
    """Refuse while the account, or the day's starting balance, is not known."""
    if now - account_ms > fresh.max_account_age_ms:
        return "stale_account", f"The account was last reported {now - account_ms} ms ago."
    if account_ms - now > fresh.max_account_age_ms:
        return "stale_account", f"The account was reported {account_ms - now} ms in the future: check the clocks."
    return ("stale_account", firm.missing[0][1]) if firm.missing else None


def standing_refusal(snapshot: Snapshot, side: Side, policy: Policy) -> Refusal | None:
    """Refuse where broker or terminal would not open the position, and while account or book forbid any."""
    view = snapshot.account
    return (
        _trading_refusal(view.account)
        or _market_refusal(snapshot.symbol, side)
        or _rules_refusal(view, snapshot.firm, policy)
    )


def account_refusal(view: AccountView, firm: FirmState, now: int, policy: Policy) -> Refusal | None:
    """Refuse whatever the symbol: what of the other gates looks at the account alone."""
    return (
        _trading_refusal(view.account)
        or _halt_refusal(firm, now)
        or _rules_refusal(view, firm, policy)
        or _window_refusal(firm, now)
        or _news_refusal(firm, now, None)
    )


def calendar_refusal(snapshot: Snapshot) -> Refusal | None:
    """Refuse while a halt stands, and inside the firm's weekend, daily break and news windows."""
    firm, now, spec = snapshot.firm, snapshot.now_ms, snapshot.symbol.spec
    return (
        _halt_refusal(firm, now)
        or _window_refusal(firm, now)
        or _news_refusal(firm, now, (spec.currency_base, spec.currency_profit))
    )


def drawdown_pct(peak_equity: float, equity: float) -> float:
    """Drawdown from peak equity in percent, 0 at the peak."""
    return max(0.0, (peak_equity - equity) / peak_equity * 100) if peak_equity > 0 else 0.0


def _quote_refusal(symbol: str, quote: Quote, now: int, fresh: FreshnessPolicy) -> Refusal | None:
    if now - quote.time_ms > fresh.max_quote_age_ms:
        return "stale_quote", f"The last quote of {symbol} is {now - quote.time_ms} ms old."
    if quote.time_ms - now > fresh.max_quote_age_ms:
        return "stale_quote", f"The quote of {symbol} is {quote.time_ms - now} ms in the future: check the clocks."
    if quote.ask < quote.bid:
        return "stale_quote", f"The quote of {symbol} is crossed: bid {quote.bid}, ask {quote.ask}."
    return None


def _spec_refusal(symbol: str, spec_ms: int, now: int, fresh: FreshnessPolicy) -> Refusal | None:
    if now - spec_ms > fresh.max_spec_age_ms:
        return "stale_quote", f"The figures of {symbol} were last reported {now - spec_ms} ms ago."
    return None


def _trading_refusal(account: Account) -> Refusal | None:
    if account.trade_allowed and account.trade_expert:
        return None
    who = "the account" if not account.trade_allowed else "expert advisors"
    return "trading_halted", f"The broker does not allow {who} to trade."


def _market_refusal(symbol: SymbolView, side: Side) -> Refusal | None:
    mode = symbol.spec.trade_mode
    if mode not in (4, 1 if side == "buy" else 2) or not symbol.session_open:
        return "market_closed", f"{symbol.spec.name} opens no {side} positions now (trade_mode {mode})."
    return None


def _rules_refusal(view: AccountView, firm: FirmState, policy: Policy) -> Refusal | None:
    account = view.account
    if view.book.unpriceable is not None:
        return "unpriceable_position", view.book.unpriceable
    if account.equity <= 0 or account.balance <= 0:
        return "rule_breached", f"Equity is {account.equity:.2f}, balance {account.balance:.2f}."
    for rule in firm.rules:
        if rule.breached:
            where = f"{rule.floor - rule.measured:.2f} below" if rule.measured < rule.floor else "at"
            return "rule_breached", f"The account is {where} the floor of {rule.name}, {rule.floor:.2f}."
    drawdown = drawdown_pct(view.peak_equity, account.equity)
    if drawdown >= policy.drawdown.halt_pct:
        return "drawdown_halt", f"Equity is {drawdown:.2f} % below its peak of {view.peak_equity:.2f}."
    return None


def _halt_refusal(firm: FirmState, now: int) -> Refusal | None:
    for halt in standing(firm.halts, now) if firm.halts else ():
        lift = "until `lotbridge resume` lifts it"
        until = lift if halt.until_ms is None else f"for {_minutes(halt.until_ms - now)} more"
        return halt.code, f"Halted {until}: {halt.reason}."
    return None if firm.pause is None else ("trading_halted", firm.pause)


def _minutes(milliseconds: int) -> str:
    minutes = -(-milliseconds // 60_000)
    if minutes == 1:
        return "a minute"
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"


def _window_refusal(firm: FirmState, now: int) -> Refusal | None:
    if _inside(firm.weekend_from_ms, now, firm.weekend_until_ms):
        return "weekend", f"{firm.name} wants no positions over the weekend."
    if _inside(firm.break_from_ms, now, firm.break_until_ms):
        return "daily_break", f"{firm.name} wants no positions in its daily break."
    return None


def _inside(start: int | None, now: int, end: int | None) -> bool:
    return start is not None and end is not None and start <= now < end


def _news_refusal(firm: FirmState, now: int, currencies: tuple[str, str] | None) -> Refusal | None:
    """`currencies` of the symbol; None asks for windows that hold for every symbol."""
    if firm.news_missing is not None:
        return "news_window", firm.news_missing
    for window in firm.news:
        touched = not window.currencies or (
            currencies is not None and not set(currencies).isdisjoint(window.currencies)
        )
        if touched and window.start_ms <= now < window.end_ms:
            return "news_window", f"News window of {firm.name}: {window.title}."
    return None
