"""How the account has done, and who it is (DESIGN, steps 5, 7 and 9)."""

import hashlib

from sizing.bands import band
from sizing.decision import Factor
from sizing.gates import drawdown_pct
from sizing.policy import DispersionPolicy, DrawdownPolicy, PerformancePolicy
from sizing.snapshot import AccountView, Performance


def performance(policy: PerformancePolicy, recent: Performance) -> Factor:
    """Linear in the win rate of the last closed trades."""
    trades, wins = recent
    if trades < policy.min_trades:
        return Factor("performance", 1.0, f"{trades} closed trades, {policy.min_trades} needed")
    value = policy.base + (wins / trades - policy.pivot) * policy.slope
    return Factor(
        "performance", max(policy.floor, min(policy.ceiling, value)), f"{wins} of the last {trades} trades won"
    )


def drawdown(policy: DrawdownPolicy, view: AccountView) -> Factor:
    """Less the farther equity has fallen from its peak."""
    depth = drawdown_pct(view.peak_equity, view.account.equity)
    return Factor("drawdown", band(depth, policy.levels_pct, policy.factors), f"{depth:.2f} % below peak equity")


def dispersion(policy: DispersionPolicy, login: int, request_id: str) -> Factor:
    """A reduction drawn from account and request id: the same request always gets the same one."""
    most = policy.max_reduction_pct
    if most == 0:
        return _OFF
    digest = hashlib.sha256(f"{login}/{request_id}".encode()).digest()
    reduction = most * int.from_bytes(digest[:8], "big") / 2**64
    return Factor("dispersion", 1.0 - reduction / 100, f"reduced by {reduction:.2f} % of at most {most:g} %")


_OFF = Factor("dispersion", 1.0, "off")
