"""What an account's deals tell of its past: balances at past moments, and whether anything was open then."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from sizing.snapshot import Deal

_CENT = 0.005


def balance_at(moment_ms: int, balance: float, deals: Sequence[Deal]) -> float:
    """The balance at a past moment: today's, less everything that was booked from that moment on.

    Money paid in since then counts as having been there (day one begins with the initial balance), so of the deals
    without a symbol only charges and withdrawals are undone. Either way the anchor is not understated.
    """
    return balance - sum(_undone(deal) for deal in deals if deal.time_ms >= moment_ms)


def balances_at(moments_ms: Sequence[int], balance: float, deals: Sequence[Deal]) -> list[float]:
    """`balance_at` for many moments, ascending, in one pass over the deals, which are in order of time."""
    found: list[float] = []
    newest_first = reversed(deals)
    deal = next(newest_first, None)
    for moment in reversed(moments_ms):
        while deal is not None and deal.time_ms >= moment:
            balance -= _undone(deal)
            deal = next(newest_first, None)
        found.append(balance)
    return found[::-1]


def balances_since(moment_ms: int, balance: float, deals: Sequence[Deal]) -> Iterator[float]:
    """The balance after each deal from a moment on, newest first, beginning with today's."""
    yield balance
    for deal in takewhile(lambda deal: deal.time_ms >= moment_ms, reversed(deals)):
        balance -= deal.net
        yield balance


def begins_with_the_account(balance: float, deals: Sequence[Deal]) -> bool:
    """Whether the deals are all there ever were: together they make the balance."""
    return bool(deals) and abs(balance - sum(deal.net for deal in deals)) < _CENT


def withdrawn_since(moment_ms: int, deals: Sequence[Deal], least: float = 0.0) -> float:
    """Money that left the account other than by a trade, in pieces of at least so much."""
    recent = takewhile(lambda deal: deal.time_ms >= moment_ms, reversed(deals))
    return -sum(deal.net for deal in recent if not deal.symbol and deal.net < 0 and -deal.net >= least)


def traded_since(moment_ms: int, deals: Sequence[Deal]) -> bool:
    """Whether any trade was booked from a moment on."""
    return any(deal.symbol for deal in takewhile(lambda deal: deal.time_ms >= moment_ms, reversed(deals)))


def was_flat(moment_ms: int, opened_ms: Sequence[int], deals: Sequence[Deal]) -> bool:
    """Whether nothing was open at a moment since when all deals are known.

    `opened_ms` are the opening times of what is open now. What was closed later without having been opened later was
    open then.
    """
    if any(opened < moment_ms for opened in opened_ms):
        return False
    recent = [deal for deal in takewhile(lambda deal: deal.time_ms >= moment_ms, reversed(deals)) if deal.symbol]
    opened = {deal.position_id for deal in recent if deal.entry in (0, 2)}
    return all(deal.position_id in opened for deal in recent if deal.entry != 0)


def _undone(deal: Deal) -> float:
    return deal.net if deal.symbol else min(0.0, deal.net)
