"""The odds in words and tables."""

from bridge.odds.batches import GROUP
from bridge.odds.figures import Figure, OddsReport, Row
from bridge.report.page import Facts, Page, Part, Sheet, Text, counted

ASSUMES = "These odds assume that the future resembles the replayed trades."
FEW_TRADES = 100
_METHOD = {
    "trades": (
        "Each drawn day brings its trades with their results and their best and worst floating profit, in percent of "
        "the balance. Trades that were open together are taken to have stood at their best at once, then at their "
        "worst at once: breaches are rather overstated (--paths takes the account's own path)."
    ),
    "paths": (
        "Each drawn day brings the account's path in 15 minutes each, in percent of the balance; within them the high "
        "is taken to come before the low. Winners offset losers in a firm's limit on floating losses."
    ),
}
_UNGUARDED = (
    "Trades are as large as in the replay, times base risk over the replay's. Near a floor lotbridge would give fewer "
    "lots or none, which is not modelled: that, too, overstates breaches."
)


def odds_page(report: OddsReport) -> Page:
    """Everything the report holds, for a person."""
    return Page(
        f"Challenge odds: {report.title}, {counted(report.challenges, 'challenge')} of {counted(report.days, 'day')}",
        [
            Text(_headline(report), "strong"),
            Text(ASSUMES),
            *_warnings(report),
            Facts(_facts(report)),
            *_sheets(report),
            Text(_intervals(report), "quiet"),
            Text(_METHOD[report.source.mode], "quiet"),
            Text(_UNGUARDED, "quiet"),
        ],
    )


def policy_name(row: Row) -> str:
    """A row's policy in a few words."""
    words = [f"{row.base_risk_pct:g} %"]
    if row.daily_stop_pct is not None:
        words.append(f"daily stop {row.daily_stop_pct:g} %")
    if row.max_trades is not None:
        words.append(f"{counted(row.max_trades, 'trade')} a day")
    return ", ".join(words)


def _headline(report: OddsReport) -> str:
    row, figure = max(((row, _main(row)) for row in report.rows), key=lambda pair: pair[1].value)
    what = "passes" if row.passed is not None else "still stands at the end"
    if figure.value == 0:
        return f"None {what.replace('passes', 'passed').replace('still stands', 'still stood')}{_source_words(figure)}."
    most = " most often" if len(report.rows) > 1 else ""
    return f"{policy_name(row)} base risk {what}{most}: {_pct(figure)} %{_source_words(figure)}."


def _source_words(figure: Figure) -> str:
    if figure.source_low is None or figure.source_high is None:
        return ""
    return f"; with only these trades to go by, {figure.source_low * 100:.0f} to {figure.source_high * 100:.0f} %"


def _main(row: Row) -> Figure:
    return row.out_of_days if row.passed is None else row.passed


def _warnings(report: OddsReport) -> list[Text]:
    source, texts = report.source, []
    if source.synthetic:
        texts.append("The replayed market is synthetic: these are no odds of any real challenge.")
    if not source.complete:
        texts.append("The replay is not complete: it was interrupted.")
    if source.breached is not None:
        texts.append(f"The replayed account breached {source.breached}; what came after that is not drawn.")
    if source.trades < FEW_TRADES:
        texts.append(f"Only {counted(source.trades, 'trade')}: see how wide the source's interval is.")
    return [Text(text, "warning") for text in texts]


def _facts(report: OddsReport) -> list[tuple[str, str]]:
    source = report.source
    goal = "none" if report.target_pct is None else f"{report.target_pct:g} %"
    if report.target_pct is not None and report.min_days:
        goal += f", at least {counted(report.min_days, 'trading day')}"
    return [
        ("replay", f"{source.run}, {source.strategy}"),
        ("drawn from", f"{counted(source.trades, 'trade')} of {counted(source.days, 'day')} with market, "
                       f"{source.traded_days:,} of them traded"),
        ("in blocks of", f"{counted(source.block, 'day')}, {source.mode}"),
        ("replayed with", f"{source.base_risk_pct:g} % base risk"),
        ("balance", f"{report.initial_balance:,.2f} {report.currency}"),
        ("target", goal),
        ("seed", str(report.seed)),
    ]  # fmt: skip


def _sheets(report: OddsReport) -> list[Part]:
    found: list[Part] = [_outcomes(report), _breaches(report)]
    if any(row.days_needed is not None for row in report.rows):
        found.append(_days(report))
    found.append(_money(report, "Mean result of a challenge", [row.profit for row in report.rows]))
    values = [row.value for row in report.rows if row.value is not None]
    if values:
        found.append(_money(report, f"Value of a challenge, after its fee of {report.fee:,.2f}", values))
    return found


def _outcomes(report: OddsReport) -> Sheet:
    whole = "passed" if report.target_pct is not None else "stood"
    columns = ("base risk", f"{whole} %", "simulation", "source", "breached %", "out of days %")
    rows = []
    for row in report.rows:
        main = _main(row)
        out = _pct(row.out_of_days) if row.passed is not None else ""
        rows.append((policy_name(row), _pct(main), *_shares(main), _pct(row.breached), out))
    if report.target_pct is None:
        return Sheet("Odds", columns[:-1], (1, 2, 3, 4), [each[:-1] for each in rows])
    return Sheet("Odds", columns, (1, 2, 3, 4, 5), rows)


def _breaches(report: OddsReport) -> Sheet:
    rows = [
        (policy_name(row), rule, _pct(figure), *_shares(figure))
        for row in report.rows
        for rule, figure in row.breaches.items()
    ]
    return Sheet("Ended by a breach", ("base risk", "rule", "%", "simulation", "source"), (2, 3, 4), rows)


def _days(report: OddsReport) -> Sheet:
    rows = []
    for row in report.rows:
        found = row.days_needed
        if found is None:
            rows.append((policy_name(row), "none passed", "", "", ""))
        else:
            mean = f"{found.mean:.1f} ({found.mean_low:.1f} to {found.mean_high:.1f})"
            rows.append((policy_name(row), str(found.median), str(found.percent_10), str(found.percent_90), mean))
    return Sheet(
        "Days needed, of those that passed", ("base risk", "median", "10 %", "90 %", "mean"), (1, 2, 3, 4), rows
    )


def _money(report: OddsReport, title: str, figures: list[Figure]) -> Sheet:
    rows = [
        (
            policy_name(row),
            f"{each.value:,.0f}",
            f"{each.low:,.0f} to {each.high:,.0f}",
            "" if each.source_low is None else f"{each.source_low:,.0f} to {each.source_high:,.0f}",
        )
        for row, each in zip(report.rows, figures, strict=True)
    ]
    columns = ("base risk", report.currency, "simulation", "source")
    return Sheet(title, columns, (1, 2, 3), rows)


def _pct(figure: Figure) -> str:
    return _percent(figure.value)


def _percent(share: float) -> str:
    """A share in percent, to a hundredth where it is small."""
    return f"{share * 100:.1f}" if share >= 0.01 or share == 0 else f"{share * 100:.2f}"


def _shares(figure: Figure) -> tuple[str, str]:
    simulated = f"{_percent(figure.low)} to {_percent(figure.high)}"
    if figure.source_low is None or figure.source_high is None:
        return simulated, ""
    return simulated, f"{figure.source_low * 100:.0f} to {figure.source_high * 100:.0f}"


def _intervals(report: OddsReport) -> str:
    simulation = "simulation: how far another seed might differ; more --challenges narrow it."
    return f"Intervals are of 95 %. {simulation}{_source_interval(report)}"


def _source_interval(report: OddsReport) -> str:
    if not report.resamples:
        return ""
    return (
        f" source: how far another {report.source.days:,} days of the same trading might differ ({report.resamples} "
        f"draws of the days, {GROUP} challenges each); only a longer replay narrows it."
    )
