"""How the account has done, and who it is (DESIGN, steps 5, 7 and 9)."""

import hashlib

from sizing.bands import band
from sizing.decision import Factor
from sizing.gates import drawdown_pct
from sizing.trade import Trade


def performance(trade: Trade) -> Factor:
    """Linear in the win rate of the last closed trades."""
    policy, (trades, wins) = trade.policy.performance, trade.snapshot.account.performance
    if trades < policy.min_trades:
        return Factor("performance", 1.0, f"{trades} closed trades, {policy.min_trades} needed")
    value = policy.base + (wins / trades - policy.pivot) * policy.slope
    return Factor("performance", max(policy.floor, min(policy.ceiling, value)), f"{wins} of the last {trades} trades won")


def drawdown(trade: Trade) -> Factor:
    """Less the farther equity has fallen from its peak."""
    policy = trade.policy.drawdown
    depth = drawdown_pct(trade.snapshot.account.peak_equity, trade.account.equity)
    return Factor("drawdown", band(depth, policy.levels_pct, policy.factors), f"{depth:.2f} % below peak equity")


def dispersion(trade: Trade) -> Factor:
    """A reduction drawn from account and request id: the same request always gets the same one."""
    most = trade.policy.dispersion.max_reduction_pct
    if most == 0:
        return Factor("dispersion", 1.0, "off")
    digest = hashlib.sha256(f"{trade.account.login}/{trade.signal.id}".encode()).digest()
    reduction = most * int.from_bytes(digest[:8], "big") / 2**64
    return Factor("dispersion", 1.0 - reduction / 100, f"reduced by {reduction:.2f} % of at most {most:g} %")
