"""Each cap turns a limit into a ceiling in lots. All are evaluated and all are reported."""

from collections.abc import Callable, Iterable

from sizing.caps.broker import margin, positions, volumes
from sizing.caps.book import concentration, exposure, portfolio_shortfall
from sizing.caps.limits import request, symbol
from sizing.caps.prop import loss_rules
from sizing.decision import Cap
from sizing.trade import Trade

CAPS: tuple[Callable[[Trade], Iterable[Cap]], ...] = (
    request,
    symbol,
    loss_rules,
    concentration,
    portfolio_shortfall,
    margin,
    exposure,
    positions,
    volumes,
)

REFUSALS: dict[str, str] = {
    "concentration": "correlation_limit",
    "portfolio_shortfall": "portfolio_shortfall",
    "margin": "margin",
    "gross_exposure": "exposure_limit",
    "net_exposure": "exposure_limit",
    "positions": "positions_limit",
    "symbol_positions": "positions_limit",
    "volume_limit": "volume_limit",
}
"""The code of a refusal by the cap that leaves less than the smallest volume; others say below_volume_min."""


def refusal_code(trade: Trade, binding: str) -> str:
    """The code of a refusal that the cap `binding` caused."""
    for rule in trade.snapshot.firm.rules:
        if binding in (f"{rule.name}_share", f"{rule.name}_headroom"):
            return "daily_loss_headroom" if rule.scope == "daily" else "total_loss_headroom"
    return REFUSALS.get(binding, "below_volume_min")
