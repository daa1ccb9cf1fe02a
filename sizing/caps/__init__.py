"""Each cap turns a limit into a ceiling in lots: here as the room it leaves, which the engine divides by a lot's share.

All are evaluated and all are reported.
"""

from sizing.caps.book import concentration, exposure, portfolio_shortfall
from sizing.caps.broker import margin, positions, volumes
from sizing.caps.limits import symbol
from sizing.caps.prop import firm_limits, loss_rules
from sizing.policy import Policy
from sizing.rooms import Room
from sizing.snapshot import Exposure, Side, Snapshot

REFUSALS: dict[str, str] = {
    "concentration": "correlation_limit",
    "portfolio_shortfall": "portfolio_shortfall",
    "margin": "margin",
    "gross_exposure": "exposure_limit",
    "net_exposure": "exposure_limit",
    "positions": "positions_limit",
    "symbol_positions": "positions_limit",
    "volume_limit": "volume_limit",
    "firm_open_risk": "firm_limit",
    "firm_floating_loss": "firm_limit",
    "firm_positions": "firm_limit",
    "firm_positions_today": "firm_limit",
    "firm_max_lots": "firm_limit",
    "firm_open_lots": "firm_limit",
}
"""The code of a refusal by the cap that leaves less than the smallest volume; others say below_volume_min."""


def rooms(
    snapshot: Snapshot,
    side: Side,
    policy: Policy,
    held: tuple[Exposure, ...],
    promised: tuple[Exposure, ...],
    correlations: tuple[float, ...],
) -> tuple[Room, ...]:
    """What every limit but the request's own leaves, after what is open (`held`) and what is pending or reserved.

    `correlations` are those of the new position with each exposure, first the held ones.
    """
    exposures = held + promised
    return (
        *symbol(snapshot),
        *loss_rules(snapshot, policy.caps, exposures),
        *firm_limits(snapshot, exposures),
        concentration(snapshot, policy.caps, exposures, correlations),
        portfolio_shortfall(snapshot, policy.caps, exposures),
        margin(snapshot, policy.caps, exposures),
        *exposure(snapshot, side, policy.caps, held, promised),
        *positions(snapshot, policy.caps, exposures),
        *volumes(snapshot, side, exposures),
    )


def refusal_code(snapshot: Snapshot, binding: str) -> str:
    """The code of a refusal that the cap `binding` caused."""
    for rule in snapshot.firm.rules:
        if binding in (f"{rule.name}_share", f"{rule.name}_headroom", f"{rule.name}_trail"):
            return "daily_loss_headroom" if rule.scope == "daily" else "total_loss_headroom"
    return REFUSALS.get(binding, "below_volume_min")
