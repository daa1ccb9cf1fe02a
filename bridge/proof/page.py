"""The proof as a page: what was simulated, the figures, and what they mean."""

from bridge.proof.paths import BLOCK, CRASH_SIZE, CRASHES
from bridge.proof.prove import BASE_RISK_PCT, SHARES_PCT
from bridge.proof.report import LOTBRIDGE, Report, Row
from bridge.report.page import Facts, Page, Part, Sheet, Text, counted

_COLUMNS = ("sizer", "breaches", "% of days", "95 % interval", "lots/day", "risk/day", "refused")


def proof_page(report: Report) -> Page:
    """All of it."""
    own = report.within_allowance[0]
    drawn = report.as_drawn[0]
    parts: list[Part] = [
        _verdict(report, own),
        Facts(_what(report)),
        Text(_how(report)),
        Sheet("Gaps within the modelled allowance", _COLUMNS, (1, 2, 3, 4, 5, 6), _rows(report.within_allowance)),
        Text(
            f"Here {CRASHES * 100:g} % of the days have a crash: all prices jump at once by {CRASH_SIZE:g} times a "
            "whole day's move. A position whose stop is jumped over loses what the jump costs, but at most the worst "
            f"case that the engine counted for it: {own.cut_gaps:,} of {own.gapped_stops:,} such losses were cut to "
            "that. lotbridge promises that no rule is breached then: its breaches must be 0."
        ),
        Text(_exposed(report)),
        Sheet("Gaps as history has them", _COLUMNS, (1, 2, 3, 4, 5, 6), _rows(report.as_drawn)),
        Text(_meaning(drawn)),
        Text(
            'risk/day: loss at the stops of a day\'s orders, in percent of the initial balance. "fixed 1 %" risks one '
            'percent of equity per trade and knows no rules. "nearest step" does as weak bridges do: the same policy '
            "and caps as lotbridge, but each trade is judged alone, the day begins at the server's midnight, and the "
            "size is rounded to the nearest step and lifted to the smallest volume after the caps.",
            "quiet",
        ),
        Text(_time(report), "quiet"),
    ]
    return Page(f"Monte-Carlo proof: {report.title}, {report.initial_balance:,.0f} USD", parts)


def _verdict(report: Report, own: Row) -> Text:
    if not report.proved:
        worst = ", ".join(f"{name} {count:,}" for name, count in own.breaches_by_rule.items())
        found = f"{own.breaches:,} breaches" + (f" ({worst})" if worst else "")
        exposed = round((own.exposed_share or 0.0) * own.days)
        return Text(
            f"NOT PROVED: {found} in {own.days:,} account-days within the allowance, and {counted(exposed, 'day')} "
            "on which the worst case of everything stood below a floor.",
            "warning",
        )
    return Text(
        f"Proved on these days: 0 breaches in {own.days:,} account-days. If there is a rate, it is below "
        f"1 in {1 / own.rate_high:,.0f} (95 % interval).",
        "strong",
    )


def _exposed(report: Report) -> str:
    days = [f"{row.sizer} on {round((row.exposed_share or 0.0) * row.days):,}" for row in report.within_allowance]
    return (
        "Stricter still: at every moment everything that is open is taken to lose its worst case at once. That would "
        f"have breached a rule: {', '.join(days)} of {report.days:,} days. lotbridge's must be 0, too."
    )


def _what(report: Report) -> list[tuple[str, str]]:
    made = " (synthetic)" if report.synthetic else ""
    kind = "hourly bars" if report.hourly else "daily bars"
    return [
        ("firm", f"{report.firm}: {report.title}"),
        ("bars", f"{report.source}{made}, {report.history_days:,} days in common, {kind}"),
        ("symbols", ", ".join(report.symbols)),
        ("account-days", f"{report.days:,} in blocks of {BLOCK}, seed {report.seed}"),
        ("open over a reset", f"{report.resets_with_positions:,} times"),
        ("bound by a loss rule", f"{report.bound_by_rules * 100:.1f} % of lotbridge's sizes"),
    ]


def _how(report: Report) -> str:
    shares = ", ".join(f"{share:g}" for share in SHARES_PCT)
    path = "the hours' prices" if report.hourly else "a random walk through open, high, low and close"
    return (
        "Each account begins somewhere in its life: fresh, up, near its total floor, or in the red today. Up to four "
        "EAs ask up to eight times a day in any symbol and side, with stops of 0.2 to 3 daily ATRs, often while other "
        f"orders are in flight. The policy is made to bind: {BASE_RISK_PCT:g} % risk per trade, {shares} % of the "
        f"distance to a floor per trade in turn. Prices are {path}, days are drawn in blocks, all symbols on the same "
        "dates. Spread, slippage, commission and swaps are charged. Equity is compared with every floor at every "
        "moment, through the firm's resets and into the next days. A breach ends the account; the next day has a new "
        "one. One order in four has no target. Pending orders and the broker's own stop-out are not simulated."
    )


def _meaning(drawn: Row) -> str:
    if drawn.breaches == 0:
        return (
            f"No gap was cut here. lotbridge breached nothing; {drawn.gapped_stops:,} stops were jumped over. A gap "
            "wider than any of this history can still breach: sizing cannot rule that out."
        )
    return (
        f"No gap was cut here: what {LOTBRIDGE} breached, it breached by gaps beyond the worst case that history and "
        "policy told of."
    )


def _rows(rows: list[Row]) -> list[tuple[str, ...]]:
    return [
        (
            row.sizer,
            f"{row.breaches:,}",
            f"{row.rate * 100:.3f}",
            f"{row.rate_low * 100:.3f} to {row.rate_high * 100:.3f}",
            f"{row.lots_per_day:.2f}",
            f"{row.risk_pct_per_day:.2f}",
            f"{row.refused_share * 100:.0f} %",
        )
        for row in rows
    ]


def _time(report: Report) -> str:
    return f"{report.sizes:,} sizes in {report.seconds:,.0f} seconds, {report.sizes_per_second:,.0f} a second."
