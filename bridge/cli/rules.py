"""`lotbridge rules`: what the firm allows now, rule by rule."""

from typing import Annotated

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.text import Text

from bridge.cli import options
from bridge.cli.connection import connected
from bridge.cli.holding import breach_text, halt_text, printable, recovery_text, window_text
from bridge.cli.moments import here, in_broker, in_firm
from bridge.cli.rules_beside import limits, progress, sources, windows
from bridge.cli.screen import BAD, GOOD, NOTE, QUIET, duration, facts, line, money, print_json, screen, show, table
from bridge.protocol.messages import RuleDetail, RulesReply

_USED_A_LOT_PCT = 50
_ANY_WIDTH = 1_000


def rules(
    *,
    with_sources: Annotated[
        bool, typer.Option("--sources", help="Show the page and the date that each rule was read on.")
    ] = False,
    account: options.Account = None,
    address: options.Address = None,
    config: options.Config = None,
    key: options.KeyFile = None,
    server_key: options.ServerKey = None,
    user: options.User = None,
    password: options.Password = None,
    as_json: options.Json = False,
) -> None:
    """Show every rule of the account's firm: floor, headroom, next reset, limits, halts, progress, windows."""
    with connected(
        config=config,
        address=address,
        account=account,
        as_json=as_json,
        key=key,
        server_key=server_key,
        user=user,
        password=password,
    ) as client:
        reply = client.rules()
    if as_json:
        print_json(reply)
    else:
        draw_rules(screen(), reply, with_sources=with_sources)


def draw_rules(console: Console, reply: RulesReply, *, with_sources: bool = False) -> None:
    """Everything that holds now, what forbids trading first."""
    line(console, f"Account {reply.account}, {printable(reply.title)} ({reply.firm})", "bold")
    _standing(console, reply)
    currency = reply.currency or ""
    facts(
        console,
        [
            ("equity", money(reply.equity, currency)),
            ("balance", money(reply.balance, currency)),
            ("at risk", f"{money(reply.at_risk)} worst case of all that is open, pending and reserved"),
        ],
    )
    if reply.rules:
        _loss_rules(console, reply)
    else:
        line(console, "No loss rules.")
    _next_reset(console, reply)
    limits(console, reply)
    progress(console, reply)
    windows(console, reply)
    if with_sources:
        sources(console, reply)
    elif reply.rules:
        line(console)
        line(console, "Firms change their rules; --sources shows where and when each was read.", QUIET)


def _standing(console: Console, reply: RulesReply) -> None:
    """What keeps the account from trading, or makes it trade smaller."""
    for halt in reply.halts:
        line(console, halt_text(halt, reply.server_ms), BAD)
    for rule in reply.rules:
        if rule.breached:
            line(console, breach_text(rule), BAD)
        if rule.missing is not None:
            line(console, f"No entries: {printable(rule.missing)}", BAD)
    for window in reply.windows:
        if window.start_ms <= reply.server_ms < window.end_ms:
            line(console, window_text(window, reply.server_ms), BAD)
    if reply.news_missing is not None:
        line(console, f"No entries: {printable(reply.news_missing)}", BAD)
    if reply.recovery is not None and reply.recovery.until_ms > reply.server_ms:
        line(console, f"After a halt: {recovery_text(reply.recovery, reply.server_ms)}.", NOTE)


def _loss_rules(console: Console, reply: RulesReply) -> None:
    """A table, or where that is too wide one block for each rule."""
    falls = any(map(_falls, reply.rules))
    right = ("counts\nfrom", "floor", "headroom", *(("after\nreset",) if falls else ()), "used %")
    made = table(console, "loss rule", *right, "on\nbreach", right=right)
    for rule in reply.rules:
        after = (_after(rule),) if falls else ()
        figures = (money(rule.anchor), money(rule.floor), _headroom(rule.headroom), *after, _used(rule))
        made.add_row(_name(rule), *figures, rule.breach)
    if Measurement.get(console, console.options.update(max_width=_ANY_WIDTH), made).maximum <= console.width:
        show(console, made)
        return
    for rule in reply.rules:
        _block(console, rule)
    line(console)


def _block(console: Console, rule: RuleDetail) -> None:
    line(console)
    line(
        console, f"{rule.name}, {rule.scope}, {rule.breach} on breach", BAD if rule.missing or rule.breached else "bold"
    )
    rows = [("counts from", money(rule.anchor)), ("floor", money(rule.floor)), ("headroom", money(rule.headroom))]
    if _falls(rule):
        rows.append(("after reset", money(rule.headroom_after_reset)))
    facts(console, [*rows, ("used", "unknown" if rule.used_percent is None else f"{rule.used_percent:.1f} %")])


def _falls(rule: RuleDetail) -> bool:
    """Whether less is left after the next reset."""
    if rule.headroom is None or rule.headroom_after_reset is None:
        return False
    return rule.headroom_after_reset < rule.headroom


def _name(rule: RuleDetail) -> Text:
    return Text(rule.name, style=BAD if rule.missing is not None or rule.breached else "")


def _headroom(amount: float | None) -> Text:
    return Text(money(amount), style=BAD if amount is None or amount <= 0 else "")


def _after(rule: RuleDetail) -> Text:
    return _headroom(rule.headroom_after_reset) if _falls(rule) else Text("same", style=QUIET)


def _used(rule: RuleDetail) -> Text:
    if rule.used_percent is None or rule.headroom is None:
        return Text("unknown", style=BAD)
    style = BAD if rule.headroom <= 0 else NOTE if rule.used_percent >= _USED_A_LOT_PCT else GOOD
    return Text(f"{rule.used_percent:.1f}", style=style)


def _next_reset(console: Console, reply: RulesReply) -> None:
    """The moment by three clocks."""
    line(console, f"The firm's next day begins in {duration(max(0, reply.resets_ms - reply.server_ms))}:")
    offset = reply.broker_offset_ms
    unknown = reply.balance is None and offset == 0
    facts(
        console,
        [
            ("firm", in_firm(reply.resets_ms, reply.timezone, offset)),
            ("broker", "not known before the terminal has reported" if unknown else in_broker(reply.resets_ms, offset)),
            ("here", here(reply.resets_ms)),
        ],
    )
