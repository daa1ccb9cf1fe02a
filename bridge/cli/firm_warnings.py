"""What `lotbridge check` says of a firm's file that is valid, but perhaps not right any more."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from bridge.calendar_event import utc_text
from bridge.calendar_file import CalendarFault, CalendarWatch, read_calendar
from bridge.settings import AccountSettings
from sizing.prop.firm import Firm
from sizing.prop.formats import iso_date

_OLD_DAYS = 365


def warnings_of(account: AccountSettings, now: datetime) -> list[str]:
    """One sentence each; none where all is well. A warning stops nothing."""
    found = [*_old(account.firm, now.astimezone(UTC).date()), *_unguarded(account)]
    missing = _calendar_fault(account, now)
    if missing is not None:
        found.append(f"{account.firm.name}: {missing}. Until then every size is refused (news_window).")
    return found


def calendar_reach(account: AccountSettings) -> str | None:
    """Until when the account's calendar tells of news; None without one that can be read."""
    if account.calendar is None:
        return None
    try:
        events = read_calendar(account.calendar)
    except CalendarFault:
        return None
    return utc_text(events[-1].at_ms) if events else None


def _calendar_fault(account: AccountSettings, now: datetime) -> str | None:
    """What the daemon would find wrong with the calendar."""
    rule = account.firm.calendar
    if rule is None or account.calendar is None:
        return None
    now_ms = int(now.timestamp() * 1000)
    watch = CalendarWatch(account.calendar, rule)
    watch.poll(now_ms)
    return watch.missing(now_ms)


def _unguarded(account: AccountSettings) -> Iterator[str]:
    """What leaves the account with less protection than one may think."""
    firm, initial, halt_pct = account.firm, account.initial_balance, account.policy.drawdown.halt_pct
    if not firm.rules:
        yield f"{firm.name}: has no [[rules]], so no loss limit is kept."
    if initial is None:
        return
    totals = [rule.amount(initial, initial) / initial * 100 for rule in firm.rules if rule.scope == "total"]
    if totals and halt_pct > min(totals):
        yield (
            f"drawdown.halt_pct is {halt_pct:g} %, and {firm.name} allows {min(totals):g} % in all: "
            f"the halt would come too late. Set it lower in the policy file."
        )


def _old(firm: Firm, today: date) -> Iterator[str]:
    dates: dict[str, list[str]] = {}
    for name, as_of in _dated(firm):
        if as_of is not None and not 0 <= (today - iso_date(as_of)).days <= _OLD_DAYS:
            dates.setdefault(as_of, []).append(name)
    for as_of, names in dates.items():
        what = f"{firm.name}: {', '.join(names)}"
        when = "more than a year ago" if iso_date(as_of) < today else "which is still to come"
        yield f"{what} read on {as_of}, {when}: compare with your contract, put in the new date."


def _dated(firm: Firm) -> Iterator[tuple[str, str | None]]:
    """Every part of the file that says when it was read."""
    yield from ((rule.name, rule.as_of) for rule in firm.rules)
    yield "limits", firm.limits.as_of
    if firm.consistency is not None:
        yield "consistency", firm.consistency.as_of
    if firm.calendar is not None:
        yield "calendar", firm.calendar.as_of
