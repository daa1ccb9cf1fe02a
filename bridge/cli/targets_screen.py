"""Target weights on the console, beside what is held now."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from bridge.cli.holding import printable
from bridge.cli.last_column import fits
from bridge.cli.positions_figures import cents
from bridge.cli.screen import NOTE, QUIET, facts, line, table
from bridge.protocol.messages import PositionsReply, TargetInfo
from sizing.positions.rebalance.rules import ValidationRules

_LEAST_STRATEGY = 8


def draw_targets(console: Console, wanted: Sequence[TargetInfo], now: PositionsReply | None = None) -> None:
    """Each target and their sums; with `now` also what each symbol is, and what is held without a target."""
    shown = ["weight %", *(["now %"] if now is not None else []), "alpha"]
    made = table(console, "symbol", *shown, "strategy", right=tuple(shown))
    rows = [(printable(each.symbol), _cells(each, now), printable(each.strategy)) for each in wanted]
    for symbol, cells, strategy in rows:
        made.add_row(Text(symbol), *cells, Text(strategy))
    if fits(console, made, _LEAST_STRATEGY):
        line(console)
        console.print(made)
    else:
        for symbol, cells, strategy in rows:
            line(console)
            line(console, symbol, "bold")
            facts(console, [*zip(shown, cells, strict=True), ("strategy", strategy)])
    line(console)
    weights = [each.weight for each in wanted]
    sums = f"{_percent(math.fsum(map(abs, weights)))} % long and short added, {_percent(math.fsum(weights))} % net"
    line(console, f"{len(wanted)} target{'s' * (len(wanted) != 1)}, {sums}.")
    _large(console, weights)
    held = [] if now is None else now.positions
    others = sorted({each.symbol for each in held} - {each.symbol for each in wanted})
    if others:
        line(console, f"Held without a target, and left alone: {', '.join(map(printable, others))}.", QUIET)


def _large(console: Console, weights: Sequence[float]) -> None:
    """Say what a plan's validation will say of the sum, by the figures that the rule file is shipped with."""
    rules, total = ValidationRules(), math.fsum(map(abs, weights))
    if total <= rules.warn_sum:
        return
    large = f"The absolute weights add up to {total:.3f}, more than"
    if total > rules.scale_sum:
        line(console, f"{large} {rules.scale_sum:g}: all will be scaled, to {rules.scaled_to:g} in sum.", NOTE)
    else:
        line(console, f"{large} {rules.warn_sum:g}: is that meant?", NOTE)
    line(console, "These limits are the defaults: [validation] of the account's rebalance file decides.", NOTE)


def _cells(target: TargetInfo, now: PositionsReply | None) -> list[str]:
    share = [] if now is None else [_share(target.symbol, now)]
    return [_percent(target.weight), *share, f"{target.alpha:g}"]


def _share(symbol: str, now: PositionsReply) -> str:
    """A symbol's net notional now in percent of equity, negative for short."""
    signed = [
        None if each.share_pct is None else each.share_pct * (1 if each.side == "buy" else -1)
        for each in now.positions
        if each.symbol == symbol
    ]
    known = [share for share in signed if share is not None]
    if len(known) < len(signed) or now.balance is None or now.equity is None or now.equity <= 0:
        return "?"
    return f"{cents(math.fsum(known) * now.balance / now.equity):.2f}"


def _percent(weight: float) -> str:
    return f"{cents(weight * 100):.2f}"
