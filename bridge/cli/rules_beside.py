"""What stands beside the loss rules in `lotbridge rules`: limits, progress, windows without entries, sources."""

from rich.console import Console

from bridge.cli.holding import printable
from bridge.cli.moments import span_here
from bridge.cli.screen import NOTE, duration, facts, line, lots_of, minute_local, money
from bridge.protocol.messages import LimitInfo, ProgressInfo, RulesReply, WindowInfo

_LIMITS = {
    "open_risk": "risk to all stops",
    "floating_loss": "floating loss, worst",
    "max_positions": "positions",
    "max_positions_per_day": "positions today",
    "max_lots_per_order": "lots of one order",
    "max_lots_open": "lots in all",
}
_MONEY = ("open_risk", "floating_loss")
_WINDOWS_SHOWN = 5


def limits(console: Console, reply: RulesReply) -> None:
    """Each limit, and how much of it is used."""
    if not reply.limits:
        return
    _heading(console, "Limits beside the loss rules")
    facts(console, [(_LIMITS.get(each.name, each.name), _used(each)) for each in reply.limits])


def _used(limit: LimitInfo) -> str:
    most = _amount(limit.name, limit.limit)
    if limit.name == "max_lots_per_order":
        return f"{most} at most"
    if limit.used is None:
        return f"not known, {most} at most: feed the deals since the reset"
    return f"{_amount(limit.name, limit.used)} of {most} ({limit.used / limit.limit * 100:.0f} %)"


def _amount(name: str, value: float) -> str:
    if name in _MONEY:
        return money(value)
    return f"{value:g}" if name.startswith("max_positions") else lots_of(value)


def progress(console: Console, reply: RulesReply) -> None:
    """How far the account is with what its firm wants."""
    if reply.progress is None:
        return
    _heading(console, "Progress")
    facts(console, _progress(reply.progress))


def _progress(found: ProgressInfo) -> list[tuple[str, str]]:
    rows = [("earned", money(found.earned))]
    if found.target:
        share = f" ({max(0.0, found.earned) / found.target * 100:.1f} %)"
        rows = [("earned", f"{money(found.earned)} of {money(found.target)}{share}")]
    days = f"{found.days} of {found.min_days}" if found.min_days else f"{found.days}"
    since = "" if found.since_ms is None else f", counted since {minute_local(found.since_ms)}"
    rows.append(("trading days", f"{days}{since}"))
    share = "" if found.best_day_pct is None else f" ({found.best_day_pct:.1f} % as the firm counts)"
    limit = "" if found.best_day_limit is None else f", {money(found.best_day_limit)} at most"
    rows.append(("best day", f"{money(found.best_day)}{share}{limit}"))
    return [*rows, ("today", money(found.today))]


def windows(console: Console, reply: RulesReply) -> None:
    """When there are no entries, the next ones first."""
    if not reply.windows:
        return
    _heading(console, "No entries")
    shown = reply.windows[:_WINDOWS_SHOWN]
    for each in shown:
        now = each.start_ms <= reply.server_ms < each.end_ms
        when = "NOW" if now else f"in {duration(max(0, each.start_ms - reply.server_ms))}"
        line(console, f"{_title(each)}: {span_here(each.start_ms, each.end_ms)}, {when}", NOTE if now else "")
    if len(reply.windows) > len(shown):
        line(console, f"and {len(reply.windows) - len(shown)} more")


def _title(window: WindowInfo) -> str:
    if window.kind != "news":
        return window.kind
    return f"news {'/'.join(window.currencies) or 'every symbol'}, {printable(window.title)}"


def sources(console: Console, reply: RulesReply) -> None:
    """Where and when each rule was read."""
    _heading(console, "Where the rules were read")
    for rule in reply.rules:
        line(console, f"{rule.name}, {rule.as_of}: {printable(rule.source)}", wrap=False)
    line(console, "Firms change their rules, often without notice: compare them with your own contract.", NOTE)


def _heading(console: Console, text: str) -> None:
    line(console)
    line(console, text, "bold")
