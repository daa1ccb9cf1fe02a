"""A firm's rules, evaluated: floors and headroom of one account now and after the next reset."""

from collections.abc import Sequence

from sizing.prop.calendar import day_bounds, weekend_bounds
from sizing.prop.rules import Firm, LossRule
from sizing.snapshot import Account, Deal, FirmState, NewsWindow, RuleStatus


def balance_at(moment_ms: int, balance: float, deals: Sequence[Deal]) -> float:
    """The balance at a past moment: today's, less everything that was booked from that moment on.

    Money paid in since then counts as having been there (day one begins with the initial balance), so of the deals
    without a symbol only charges and withdrawals are undone. Either way the anchor is not understated.
    """
    return balance - sum(deal.net if deal.symbol else min(0.0, deal.net) for deal in deals if deal.time_ms >= moment_ms)


def firm_state(
    firm: Firm, account: Account, initial_balance: float | None, day_anchor: float | None, now_ms: int
) -> FirmState:
    """Every rule of the firm for this account. Money is in account currency.

    `day_anchor` is the balance at the last reset; None where it cannot be established, which makes a firm with daily
    rules refuse.
    """
    if not firm.rules:
        return _state(firm, (), None, now_ms)
    if initial_balance is None:
        return _state(firm, (), "The account's initial_balance is not configured.", now_ms)
    if day_anchor is None and any(rule.scope == "daily" for rule in firm.rules):
        missing = "The balance at the day's reset is unknown: feed the deals since then."
        return _state(firm, (), missing, now_ms)
    resets_ms = day_bounds(firm, now_ms)[1]
    anchor = initial_balance if day_anchor is None else day_anchor
    rules = tuple(evaluate(rule, account, initial_balance, anchor, resets_ms) for rule in firm.rules)
    return _state(firm, rules, None, now_ms)


def evaluate(rule: LossRule, account: Account, initial_balance: float, day_anchor: float, resets_ms: int) -> RuleStatus:
    """One rule now, and projected past the next reset.

    A rule on the balance still counts floating losses: they become realised ones. At the next reset the anchor may be
    anything up to the larger of balance and equity, because floating profit may be realised before it.
    """
    measured = account.equity if rule.measured_on == "equity" else min(account.balance, account.equity)
    daily = rule.scope == "daily"
    anchor = day_anchor if daily else initial_balance
    next_anchor = max(account.balance, account.equity) if daily else initial_balance
    amount = _amount(rule, initial_balance, anchor)
    floor = anchor - amount
    floor_after = next_anchor - _amount(rule, initial_balance, next_anchor)
    headroom = measured - floor
    return RuleStatus(
        name=rule.name,
        scope=rule.scope,
        floor=floor,
        headroom=headroom,
        floor_after_reset=floor_after,
        headroom_after_reset=measured - floor_after,
        start_distance=amount,
        used_percent=max(0.0, (amount - headroom) / amount * 100),
        resets_ms=resets_ms if daily else None,
    )


def _amount(rule: LossRule, initial_balance: float, anchor: float) -> float:
    return rule.amount_pct / 100 * (initial_balance if rule.of == "initial" else anchor)


def _state(firm: Firm, rules: tuple[RuleStatus, ...], missing: str | None, now_ms: int) -> FirmState:
    weekend = weekend_bounds(firm, now_ms)
    return FirmState(
        name=firm.name,
        rules=rules,
        anchor_missing=missing,
        weekend_from_ms=weekend[0] if weekend else None,
        weekend_until_ms=weekend[1] if weekend else None,
        news=tuple(NewsWindow(each.start_ms, each.end_ms, each.currencies, each.title) for each in firm.news),
    )
