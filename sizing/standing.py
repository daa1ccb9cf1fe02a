"""What every request for one symbol and side has in common, until account, book, rules or statistics change.

None of it depends on the request, the quote or the time of day, so a caller may work it out once and pass it to
`engine.size` again and again; `engine.size` works it out itself where it is not given.
"""

from dataclasses import dataclass

from sizing import caps, gates
from sizing.caps.prop import Trail, trails
from sizing.correlation import signed_correlations, with_book, with_promise
from sizing.decision import Factor
from sizing.factors.account import drawdown, performance
from sizing.factors.book import diversification
from sizing.factors.market import classified_regime, volatility
from sizing.gates import Refusal
from sizing.policy import Policy
from sizing.rooms import Room
from sizing.snapshot import Exposure, MarketStats, Side, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`stats` are those of the snapshot, or None where they were too old when this was worked out."""

    symbol: str
    side: Side
    magic: int | None
    """The strategy whose trades were looked at; None where that makes no difference."""
    stats: MarketStats | None
    refusal: Refusal | None
    regime: Factor
    factors: tuple[Factor, ...]
    """Diversification, performance, volatility and drawdown."""
    rooms: tuple[Room, ...]
    trails: tuple[Trail, ...]
    open_risk: float


def stand(snapshot: Snapshot, side: Side, policy: Policy, magic: int = 0) -> Standing:
    """Work out gates, factors and rooms of one symbol and side, for the strategy of that magic number."""
    stats = fresh_stats(snapshot, policy)
    symbol = snapshot.symbol.spec.name
    view, table = snapshot.account, snapshot.correlation
    held: tuple[Exposure, ...] = view.book.exposures
    # Pending orders and reservations are promises: they may take room and count as company, but a hedge that may never
    # be filled makes nothing safer.
    promised = view.book.pending + snapshot.reserved
    with_held = signed_correlations(table, symbol, side, held)
    with_promised = signed_correlations(table, symbol, side, promised)
    pairs = tuple(zip(promised, with_promised, strict=True))
    books = with_book(table, held, with_held), *(with_promise(table, held, with_held, *pair) for pair in pairs)
    hedged = _hedged(snapshot, policy, tuple(zip(held, with_held, strict=True)), pairs)
    return Standing(
        symbol=symbol,
        side=side,
        magic=magic if policy.performance.per_strategy else None,
        stats=stats,
        refusal=gates.standing_refusal(snapshot, side, policy),
        regime=classified_regime(policy.regime, stats),
        factors=(
            diversification(policy.diversification, books, with_held + with_promised, hedged),
            performance(policy.performance, view, magic),
            volatility(policy.volatility, stats),
            drawdown(policy.drawdown, view),
        ),
        rooms=caps.rooms(snapshot, side, policy, held, promised, with_held + with_promised),
        trails=trails(snapshot, held + promised),
        open_risk=sum(exposure.risk for exposure in held + promised),
    )


def _hedged(
    snapshot: Snapshot,
    policy: Policy,
    held: tuple[tuple[Exposure, float], ...],
    promised: tuple[tuple[Exposure, float], ...],
) -> float:
    """Open risk that a new position would offset, as a share of what one trade may risk before its factors.

    Exposures come with their correlation. What others offset already, or may once they are filled, is taken off.
    """
    account = snapshot.account.account
    base = min(account.balance, account.equity) * policy.budget.base_risk_pct / 100
    net = sum(exposure.risk * each for exposure, each in held)
    net += sum(exposure.risk * max(0.0, each) for exposure, each in promised)
    return max(0.0, -net) / base if base > 0 else 0.0


def fresh_stats(snapshot: Snapshot, policy: Policy) -> MarketStats | None:
    """The symbol's statistics, unless their last bar closed too long ago."""
    stats = snapshot.symbol.stats
    if stats is None or snapshot.now_ms - stats.as_of_ms > policy.freshness.max_stats_age_ms:
        return None
    return stats
