"""How the account has done, and who it is (DESIGN, steps 5, 7 and 9)."""

import hashlib

from sizing.bands import band
from sizing.decision import Factor
from sizing.gates import drawdown_pct
from sizing.policy import DispersionPolicy, DrawdownPolicy, PerformancePolicy
from sizing.snapshot import NO_TRADES, AccountView, Recovery


def performance(policy: PerformancePolicy, view: AccountView, magic: int) -> Factor:
    """Linear in the win rate of the last closed trades: all of them, or those of one magic number."""
    recent, whose = view.performance, ""
    if policy.per_strategy:
        recent, whose = dict(view.strategies).get(magic, NO_TRADES), f" of magic {magic}"
    trades, wins = recent.trades, recent.wins
    if trades < policy.min_trades:
        return Factor("performance", 1.0, f"{trades} closed trades{whose}, {policy.min_trades} needed")
    value = policy.base + (wins / trades - policy.pivot) * policy.slope
    factor = "" if recent.profit_factor is None else f", profit factor {recent.profit_factor:.2f}"
    return Factor(
        "performance",
        max(policy.floor, min(policy.ceiling, value)),
        f"{wins} of the last {trades} trades{whose} won{factor}",
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


def recovery(since: Recovery) -> Factor:
    """Less after a halt."""
    return Factor("recovery", since.factor, since.reason)


_OFF = Factor("dispersion", 1.0, "off")
