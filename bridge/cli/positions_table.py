"""The open positions: a table, or where that is too wide some lines for each."""

from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.cli.holding import printable
from bridge.cli.last_column import fits
from bridge.cli.positions_figures import signed
from bridge.cli.screen import BAD, GOOD, duration, line, lots_of, money, price, prices, table
from bridge.protocol.messages import HeldInfo, PositionsReply

_LEAST_DONE = 14
"""Columns of the console that the list of what was done must have."""
_COLUMNS = (
    "ticket", "symbol", "side", "lots", "opened\nat", "price", "P/L", "P/L\n%", "R", "age", "share\n%",
    "at risk", "stop", "done",
)  # fmt: skip
_UNKNOWN = "?"
"""In the table, where a longer word would cost the columns of every row."""
_LEFT = ("symbol", "side", "done")


def held_table(console: Console, reply: PositionsReply) -> None:
    """Every position, in the order of the reply."""
    made = _table(console, reply)
    if fits(console, made, _LEAST_DONE):
        line(console)
        console.print(made)
        return
    for held in reply.positions:
        _block(console, held, reply.server_ms)


def _table(console: Console, reply: PositionsReply) -> Table:
    made = table(console, *_COLUMNS, right=tuple(name for name in _COLUMNS if name not in _LEFT))
    for held in reply.positions:
        opened, now, stop = _aligned(held.price_open, held.price, held.sl)
        made.add_row(
            str(held.ticket), Text(printable(held.symbol)), held.side, _lots(held, "\n"), opened, now, _profit(held),
            _plus(held.gain_pct), _plus(held.r), _age(held, reply.server_ms), _share(held),
            _at_risk(held), Text("none", style=BAD) if stop is None else stop, Text(", ".join(_done(held))),
        )  # fmt: skip
    return made


def _block(console: Console, held: HeldInfo, now_ms: int) -> None:
    line(console)
    line(console, f"{printable(held.symbol)} {held.side} {_lots(held, ' ')} lots, ticket {held.ticket}", "bold")
    line(console, f"P/L {_earned(held)}, held for {_age(held, now_ms)}", _style(held.profit))
    line(
        console,
        prices(("opened at", held.price_open), ("price", held.price), ("stop", held.sl), ("target", held.tp)),
    )
    share = "share unknown" if held.share_pct is None else f"{held.share_pct:.2f} % of the balance"
    if held.sl is None and held.stop_risk is None:
        line(console, f"{share}, no stop", BAD)
    else:
        line(console, f"{share}, {money(held.stop_risk)} at risk at the stop")
    if done := _done(held):
        line(console, f"done: {', '.join(done)}")


def _lots(held: HeldInfo, between: str) -> str:
    """What is left, and of how much where a part was closed."""
    if held.volume == held.initial_volume:
        return lots_of(held.volume)
    return f"{lots_of(held.volume)}{between}of {lots_of(held.initial_volume)}"


def _age(held: HeldInfo, now_ms: int) -> str:
    return duration(max(0, now_ms - held.opened_ms))


def _done(held: HeldInfo) -> list[str]:
    family = [f"added to {held.added_to}"] if held.added_to else []
    return family + [printable(each) for each in held.actions]


def _share(held: HeldInfo) -> str:
    return _UNKNOWN if held.share_pct is None else f"{held.share_pct:.2f}"


def _profit(held: HeldInfo) -> Text:
    return Text(_plus(held.profit), style=_style(held.profit))


def _at_risk(held: HeldInfo) -> Text:
    if held.stop_risk is not None:
        return Text(money(held.stop_risk))
    return Text("no stop" if held.sl is None else "unknown", style=BAD)


def _earned(held: HeldInfo) -> str:
    """In money, percent and R, as far as it is known."""
    parts = [_plus(held.profit)]
    parts += ["percent unknown"] if held.gain_pct is None else [f"{signed(held.gain_pct)} %"]
    return ", ".join([*parts, "R unknown" if held.r is None else f"{signed(held.r)} R"])


def _plus(amount: float | None) -> str:
    return _UNKNOWN if amount is None else signed(amount)


def _style(profit: float) -> str:
    return GOOD if profit > 0 else BAD if profit < 0 else ""


def _aligned(*values: float | None) -> list[str | None]:
    """Prices of one symbol with as many decimals as the longest has."""
    known = [None if value is None else Decimal(price(value)) for value in values]
    decimals = max(max(0, -int(each.as_tuple().exponent)) for each in known if each is not None)
    return [None if each is None else f"{each:.{decimals}f}" for each in known]
