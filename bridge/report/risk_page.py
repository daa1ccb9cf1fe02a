"""The risk report in words and tables."""

from itertools import chain

from bridge.report.correlation_row import Pair
from bridge.report.page import Facts, Page, Part, Sheet, Text, counted, day, percent
from bridge.report.risk_report import Amount, Counted, History, RiskReport, Sample, SideRisk, Volatility

_ENDS = {"gap": "beyond the stop", "stop": "at the stop", "close": "at the close"}
_COSTS = "Bars are bids: spread, slippage, commission and swap come on top."


def risk_page(report: RiskReport) -> Page:
    """Everything the report holds, for a person."""
    return Page(
        f"{report.symbol}: what a stop trade loses in its worst {_tail(report)}",
        [
            *(Text(_headline(report, side)) for side in report.sides),
            Facts(_facts(report)),
            *_warnings(report),
            _losses(report),
            *(Text(text, "quiet") for text in _footnotes(report)),
            _worst(report),
            *_correlations(report.correlations),
        ],
    )


def _tail(report: RiskReport) -> str:
    return percent(1 - report.level)


def _headline(report: RiskReport, side: SideRisk) -> str:
    digits, stop = report.history.digits, side.stop.price
    trade = f"A {side.side} with its stop {stop:.{digits}f} away"
    if side.sample is None:
        found = side.counted[0].shortfall
        return f"{trade} is assumed to lose {found.price:.{digits}f} in its worst {_tail(report)}: {_times(found)}."
    loss = side.sample.shortfall
    days = counted(report.days, "day")
    return f"{trade} loses {loss.price:.{digits}f} on average in the worst {_tail(report)} of {days}: {_times(loss)}."


def _times(amount: Amount) -> str:
    return f"{amount.stops:.2f} times the stop"


def _facts(report: RiskReport) -> list[tuple[str, str]]:
    history, digits = report.history, report.history.digits
    days = f"{history.days:,} daily bars, {day(history.from_ms)} to {day(history.to_ms)}"
    return [
        ("bars", history.source),
        ("history", days + _missing(history)),
        ("last close", f"{history.last_close:.{digits}f}, {day(history.to_ms)}"),
        ("volatility", _volatility(report.volatility, digits)),
        ("regime", _regime(report.volatility)),
        ("horizon", _horizon(report)),
    ]


def _horizon(report: RiskReport) -> str:
    paths = max((side.sample.paths for side in report.sides if side.sample is not None), default=0)
    return counted(report.days, "day") + (f", {counted(paths, 'path')}" if paths else "")


def _missing(history: History) -> str:
    if history.longest_gap_ms is None:
        return ""
    before, after = history.longest_gap_ms
    return f"; {counted(history.gaps, 'gap')} of bars, the longest {day(before)} to {day(after)}"


def _volatility(found: Volatility, digits: int) -> str:
    parts = ["unknown" if found.per_day_pct is None else f"{found.per_day_pct:.2f} % a day (EWMA)"]
    if found.atr is not None:
        parts.append(f"daily ATR {found.atr:.{digits}f} ({found.atr_pct:.2f} %)")
    return ", ".join(parts)


def _regime(found: Volatility) -> str:
    if found.percentile is None:
        kind = f"volatility unknown (needs {found.lookback} daily ATRs)"
    else:
        kind = f"volatility {found.regime} (percentile {found.percentile:.0f} of {found.lookback} days)"
    return f"{kind}, market {found.market or 'unknown'}"


def _warnings(report: RiskReport) -> list[Text]:
    texts = []
    if any(each.assumed for each in _every_counted(report)):
        texts.append(
            f"Too little history: fewer than {report.min_history} paths (tail.min_history). "
            "What sizing takes is ASSUMED, not measured."
        )
    elif any(side.sample is None for side in report.sides):
        texts.append(f"Fewer than {report.min_history} paths of {report.days} days: no figures of the sample.")
    return [Text(text, "warning") for text in texts]


def _every_counted(report: RiskReport) -> list[Counted]:
    return list(chain.from_iterable(side.counted for side in report.sides))


# The table of losses -------------------------------------------------------------------------------------------------


def _losses(report: RiskReport) -> Sheet:
    digits, width = report.history.digits, 1 + 3 * len(report.sides)
    rows = [
        _row(_stop_name(report), [side.stop for side in report.sides], digits),
        *_sample_rows(report),
        *_counted_rows(report),
    ]
    columns = chain.from_iterable((side.side, "stops", "%") for side in report.sides)
    return Sheet("Losses in price, stops and percent of the price", ("", *columns), tuple(range(1, width)), rows)


def _stop_name(report: RiskReport) -> str:
    atrs = report.sides[0].stop_atrs
    return "stop" if atrs is None else f"stop ({atrs:.3g} daily ATR)"


def _sample_rows(report: RiskReport) -> list[tuple[str, ...]]:
    samples, digits = [side.sample for side in report.sides], report.history.digits
    if all(sample is None for sample in samples):
        return []
    interval = f"  {percent(report.interval)} interval"

    def amounts(name: str, field: str) -> tuple[str, ...]:
        return _row(name, [None if sample is None else getattr(sample, field) for sample in samples], digits)

    return [
        _shares("paths stopped", samples, "stopped_pct"),
        _shares("paths gapped", samples, "gapped_pct"),
        amounts("  mean gap beyond the stop", "mean_gap"),
        amounts(f"value at risk {percent(report.level)}", "value_at_risk"),
        amounts(f"expected shortfall {percent(report.level)}", "shortfall"),
        amounts(f"{interval} from", "lower"),
        amounts(f"{interval} to", "upper"),
    ]


def _counted_rows(report: RiskReport) -> list[tuple[str, ...]]:
    """One row for each kind of day that sizing tells apart; both sides tell the same."""
    rows = []
    for index, first in enumerate(report.sides[0].counted):
        name = "assumed" if first.assumed else f"sizing, {first.when}" if first.when else "sizing"
        rows.append(_row(name, [side.counted[index].shortfall for side in report.sides], report.history.digits))
    return rows


def _row(name: str, amounts: list[Amount | None], digits: int) -> tuple[str, ...]:
    return (name, *chain.from_iterable(_cells(amount, digits) for amount in amounts))


def _cells(amount: Amount | None, digits: int) -> tuple[str, str, str]:
    if amount is None:
        return ("none", "", "")
    return (f"{amount.price:.{digits}f}", f"{amount.stops:.2f}", f"{amount.percent:.2f}")


def _shares(name: str, samples: list[Sample | None], field: str) -> tuple[str, ...]:
    cells = (("none" if each is None else f"{getattr(each, field):.1f} %", "", "") for each in samples)
    return (name, *chain.from_iterable(cells))


def _footnotes(report: RiskReport) -> list[str]:
    taken = "" if _every_counted(report)[0].assumed else ", the upper end of an interval,"
    by_side = {side.side: " and ".join(dict.fromkeys(map(_basis, side.counted))) for side in report.sides}
    if len(set(by_side.values())) == 1:
        basis = f"on {next(iter(by_side.values()))}"
    else:
        basis = "; ".join(f"for a {side} on {text}" for side, text in by_side.items())
    return [f"What sizing takes{taken} rests {basis}.", _COSTS]


def _basis(counted: Counted) -> str:
    """What a figure of sizing rests on, with the kind of days at its end."""
    if not counted.when:
        return counted.source
    return f"{counted.source.replace(f' {counted.when}', '')} {counted.when}"


# Days and correlations -----------------------------------------------------------------------------------------------


def _worst(report: RiskReport) -> Sheet:
    digits = report.history.digits
    rows = [
        (
            side.side,
            day(each.time_ms),
            f"{each.loss.price:.{digits}f}",
            f"{each.loss.stops:.2f}",
            _ENDS[each.end],
            f"{each.ran_pct:.2f}",
            f"{each.ran_volatilities:.1f}",
        )
        for side in report.sides
        for each in side.worst
    ]
    columns = ("side", "day", "loss now", "stops", "ended", "ran then %", "in volatilities")
    return Sheet("Worst days, scaled to the volatility of now", columns, (2, 3, 5, 6), rows)


def _correlations(pairs: list[Pair]) -> list[Part]:
    if not pairs:
        return [Text("No other symbol is at hand to correlate with.", "quiet")]
    rows = [
        (
            pair.symbol,
            _signed(pair.measured),
            "" if pair.error is None else f"{pair.error:.2f}",
            str(pair.observations),
            "" if pair.prior is None else _signed(pair.prior),
            _signed(pair.used),
            "" if pair.broken is None else f"BROKEN: {pair.broken[0]:+.2f}, was {pair.broken[1]:+.2f}",
        )
        for pair in pairs
    ]
    columns = ("symbol", "measured", "error", "days", "prior", "used", "")
    return [Sheet("Correlation of daily returns", columns, (1, 2, 3, 4, 5), rows)]


def _signed(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.2f}"
