"""Instructions: what was told, why, and what became of it; and who earned what."""

from collections.abc import Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.text import Text

from bridge.cli.holding import printable
from bridge.cli.positions_figures import cents, signed
from bridge.cli.screen import BAD, GOOD, NOTE, age, duration, facts, line, lots_of, minute_local, money, price, table
from bridge.protocol.messages import PastInfo, PositionsReply, SumInfo

_STYLES = {"done": GOOD, "partial": NOTE, "failed": BAD, "expired": BAD}
_ANY_WIDTH = 1_000
_DONE_RETCODES = (0, 10_008, 10_009)
"""None, and MT5's TRADE_RETCODE_PLACED and TRADE_RETCODE_DONE."""


def draw_past(console: Console, told: Sequence[PastInfo], now_ms: int) -> None:
    """Some lines for each instruction: reasons are sentences, and no table has room for them."""
    for each in told:
        line(console, f"{printable(each.id)}, {minute_local(each.given_ms)}: {_what(each)}", "bold")
        _below(console, f"{printable(each.rule)}: {printable(each.reason)}")
        _below(console, _end(each, now_ms), _STYLES.get(each.state, ""))


def _below(console: Console, text: str, style: str = "") -> None:
    """Indented, and so is what of it is wrapped."""
    console.print(Padding(Text(text, style=style), (0, 0, 0, 2), expand=False))


def _what(told: PastInfo) -> str:
    """The order in words."""
    where = printable(told.symbol)
    at = f" {told.ticket}" if told.ticket else ""
    stop = "none" if told.stop_loss is None else price(told.stop_loss)
    lots = lots_of(told.lots)
    match told.kind:
        case "open":
            return f"open {told.side} {lots} lots of {where}, stop {stop}"
        case "close":
            return f"close {told.side}{at} of {where}, {lots} lots"
        case "close_partial":
            return f"close {lots} lots of {told.side}{at} of {where}"
        case "modify_stop":
            return f"stop of {told.side}{at} of {where} to {stop}"
        case _:
            return f"{printable(told.kind)} {told.side}{at} of {where}"


def _end(told: PastInfo, now_ms: int) -> str:
    """What became of it. Figures that nobody reported are left out."""
    parts = [printable(told.state)]
    if told.state == "given":
        left = told.expires_ms - now_ms
        parts.append(f"for {duration(left)} yet" if left > 0 else "over, the terminal has not shown its end yet")
    if told.kind in ("open", "close", "close_partial"):
        at = "" if told.price is None else f" at {price(told.price)}"
        parts.append(f"filled {lots_of(told.filled)} of {lots_of(told.lots)}{at}")
    if told.slippage_bps is not None:
        parts.append(f"slippage {signed(told.slippage_bps)} bps")
    if told.latency_ms is not None:
        parts.append(f"after {age(told.latency_ms)}")
    if told.cost is not None:
        parts.append(f"cost {money(cents(told.cost))}")
    if told.retcode not in _DONE_RETCODES:
        parts.append(f"retcode {told.retcode}")
    return ", ".join(parts)


def attribution(console: Console, reply: PositionsReply) -> None:
    """Closed pieces by symbol, rule and strategy: the same money three times."""
    for title, sums in (("symbol", reply.symbols), ("rule", reply.by_rule), ("strategy", reply.strategies)):
        if sums:
            _sums(console, title, sums)


def _sums(console: Console, title: str, sums: Sequence[SumInfo]) -> None:
    right = ("pieces", "profit", "cost", "net")
    made = table(console, f"earned by {title}", *right, right=right)
    for each in sums:
        made.add_row(Text(_name(each)), *_figures(each))
    line(console)
    if Measurement.get(console, console.options.update(max_width=_ANY_WIDTH), made).maximum <= console.width:
        console.print(made)
        return
    line(console, f"earned by {title}", "bold")
    for each in sums:
        line(console, _name(each))
        facts(console, list(zip(right, _figures(each), strict=True)))


def _figures(each: SumInfo) -> tuple[str, ...]:
    return f"{each.pieces:,}", *(money(cents(amount)) for amount in (each.profit, each.cost, each.profit - each.cost))


def _name(each: SumInfo) -> str:
    return printable(each.name) or "(none)"
