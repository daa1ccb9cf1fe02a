"""`lotbridge status`: the account at a glance."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from bridge.cli import options
from bridge.cli.connection import connected
from bridge.cli.holding import REASONED, why_halted
from bridge.cli.screen import (
    BAD,
    GOOD,
    NOTE,
    age,
    duration,
    facts,
    line,
    minute_local,
    minute_utc,
    money,
    print_json,
    screen,
    show,
    table,
    utc,
)
from bridge.client import Client
from bridge.protocol.codes import CODES
from bridge.protocol.messages import RuleInfo, StatusReply

_USED_A_LOT_PCT = 50


def status(
    *,
    account: options.Account = None,
    address: options.Address = None,
    config: options.Config = None,
    key: options.KeyFile = None,
    server_key: options.ServerKey = None,
    user: options.User = None,
    password: options.Password = None,
    as_json: options.Json = False,
) -> None:
    """Show the account of a running daemon: equity, loss rules, risk, and whether it may trade."""
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
        reply = client.status()
        why = [] if as_json or reply.halted not in REASONED else _why(client, reply.halted)
    if as_json:
        print_json(reply)
    else:
        draw_status(screen(), reply, why)


def _why(client: Client, code: str) -> list[str]:
    found = client.rules()
    return why_halted(code, found.halts, found.rules, found.server_ms)


def _quote(age_ms: int | None) -> str:
    return "no quote yet" if age_ms is None else f"newest quote {age(age_ms)} old"


def draw_status(console: Console, reply: StatusReply, why: Sequence[str] = ()) -> None:
    """The whole account on one screen. `why` it may not trade, beyond the code."""
    if reply.halted is None:
        line(console, f"Account {reply.account}: may trade", f"bold {GOOD}")
    else:
        line(console, f"Account {reply.account}: no trades, {reply.halted}", f"bold {BAD}")
        for each in why:
            line(console, each, BAD)
        line(console, f"What to do: {CODES.get(reply.halted, 'see the daemon log')}", BAD)
    terminal = reply.terminal
    state = "connected" if terminal.connected else "not connected"
    facts(
        console,
        [
            ("equity", f"{money(reply.equity)} {reply.currency or ''}".rstrip()),
            ("balance", f"{money(reply.balance)} {reply.currency or ''}".rstrip()),
            ("open risk", f"{money(reply.open_risk)} to the stops of open positions and pending orders"),
            ("reserved risk", f"{money(reply.reserved_risk)} promised to answers in flight, worst case"),
            ("terminal", f"{terminal.source}, {state}, {_quote(terminal.quote_age_ms)}"),
            ("daemon", f"lotbridge {reply.version}, protocol {reply.protocol}, policy {reply.policy_hash}"),
            ("its clock", utc(reply.server_ms)),
        ],
    )
    if reply.rules:
        _rules(console, reply)
    elif reply.halted is None:
        line(console, "No loss rules.")


def _rules(console: Console, reply: StatusReply) -> None:
    made = table(
        console, "loss rule", "floor", "headroom", "used %", "next reset", right=("floor", "headroom", "used %")
    )
    for rule in reply.rules:
        made.add_row(
            rule.name, money(rule.floor), money(rule.headroom), _used(rule), _reset(rule.resets_ms, reply.server_ms)
        )
    show(console, made)


def _used(rule: RuleInfo) -> Text:
    style = BAD if rule.headroom <= 0 else NOTE if rule.used_percent >= _USED_A_LOT_PCT else GOOD
    return Text(f"{rule.used_percent:.1f}", style=style)


def _reset(resets_ms: int | None, now_ms: int) -> str:
    if resets_ms is None:
        return "never"
    left = duration(max(0, resets_ms - now_ms))
    return f"{minute_utc(resets_ms)}\n{minute_local(resets_ms)}\nin {left}"
