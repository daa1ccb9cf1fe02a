"""The audit in words and tables."""

from collections.abc import Callable
from typing import NamedTuple

from bridge.report.audit import WALK_STOP
from bridge.report.audit_report import AuditReport, AuditRow, Tests
from bridge.report.page import Page, Part, Sheet, Text, counted, percent

_WORDS = {
    "too early": "too early to judge",
    "holds": "holds",
    "too few": "too few losses beyond",
    "too many": "too many losses beyond",
    "too large": "too large losses",
    "too many, too large": "too many and too large losses",
}


def audit_page(report: AuditReport) -> Page:
    """Everything the report holds, for a person."""
    title = f"Forecasts against what happened, from {report.source}"
    if not report.rows:
        return Page(title, [Text("No forecast has been made yet.", "warning"), *_first_steps()])
    parts = _journal_parts(report) if report.kind == "journal" else _history_parts(report)
    return Page(title, [*parts, Text(_legend(report), "quiet")])


def _first_steps() -> list[Part]:
    return [
        Text(
            "First an EA must be granted lots and have them reserved (a dry run makes no forecast); then its trade's "
            "horizon must pass or its stop be met, and the terminal must report the bars since."
        )
    ]


class _Column(NamedTuple):
    """One column of the tables: its name, its text, and whether it holds numbers."""

    name: str
    text: Callable[[AuditRow], str]
    right: bool = True


def _test(text: Callable[[Tests], str]) -> Callable[[AuditRow], str]:
    """A column that is empty where nothing has been compared."""
    return lambda row: "" if row.tests is None else text(row.tests)


_SYMBOL = _Column("symbol", lambda row: row.symbol, right=False)
_ACCOUNT = _Column("account", lambda row: str(row.account or ""), right=False)
_SIDE = _Column("side", lambda row: row.side or "", right=False)
_COMPARED = _Column("compared", lambda row: f"{row.compared:,}")
_PENDING = _Column("pending", lambda row: f"{row.pending:,}")
_DAYS = _Column("days", lambda row: str(row.days))
_BEYOND = _Column("beyond", _test(lambda tests: str(tests.exceedances)))
_EXPECTED = _Column("exp.", _test(lambda tests: f"{tests.expected:.1f}"))
_BAND = _Column("band", _test(lambda tests: f"{tests.accepted[0]}-{tests.accepted[1]}"))
_KUPIEC = _Column("LR", _test(lambda tests: f"{tests.kupiec:.1f}"))
_Z2 = _Column("Z2", _test(lambda tests: f"{tests.z2:+.2f}"))
_UNBIASED = _Column("MB", _test(lambda tests: f"{tests.unbiased:+.2f}"))
_CRITICAL = _Column("crit.", _test(lambda tests: f"{tests.critical:+.2f}"))
_FINDING = _Column("verdict", lambda row: row.finding, right=False)
_TIMES = _Column("times", lambda row: "" if row.multiplier == 1 else f"x{row.multiplier:.2f}")


def _sheet(title: str, columns: list[_Column], rows: list[AuditRow]) -> Sheet:
    return Sheet(
        title,
        tuple(column.name for column in columns),
        tuple(place for place, column in enumerate(columns) if column.right),
        [tuple(column.text(row) for column in columns) for row in rows],
    )


def _journal_parts(report: AuditReport) -> list[Part]:
    rows = report.rows
    key = [_ACCOUNT, _SYMBOL] if len({row.account for row in rows}) > 1 else [_SYMBOL]
    compared = any(row.compared for row in rows)
    return [
        *([] if compared else [Text("Nothing has been compared yet.", "warning"), *_first_steps()]),
        _sheet("Decisions", [*key, _COMPARED, _PENDING, _DAYS, _BEYOND, _EXPECTED, _BAND], rows),
        *([_sheet("Tests", [*key, _KUPIEC, _Z2, _UNBIASED, _CRITICAL, _FINDING, _TIMES], rows)] if compared else []),
        *(
            Text(_sentence(row, several=len(key) > 1), "plain" if row.multiplier == 1 else "warning")
            for row in rows
            if row.compared
        ),
    ]


def _sentence(row: AuditRow, *, several: bool = False) -> str:
    parts = (row.symbol, row.side, "with a stop" if row.stop is not None else "", f"of {row.account}" * several)
    name = " ".join(part for part in parts if part)
    text = f"{name}: {_WORDS[row.finding]}"
    if row.finding == "too early":
        return f"{text}, {row.days} of {counted(row.wanted, 'day')} compared."
    taken = "as forecast" if row.multiplier == 1 else f"times {row.multiplier:.2f}"
    return f"{text}. Sizing takes the expected shortfall {taken}."


def _history_parts(report: AuditReport) -> list[Part]:
    columns = [_SYMBOL, _SIDE, _DAYS, _BEYOND, _EXPECTED, _BAND, _KUPIEC, _Z2, _UNBIASED, _CRITICAL, _FINDING]
    without, stopped = ([row for row in report.rows if (row.stop is None) == wanted] for wanted in (True, False))
    return [
        _sheet("Each day forecast from those before it, without a stop", columns, without),
        _sheet(f"The same with a stop of {WALK_STOP:g} volatility", columns, stopped),
        *(Text(_sentence(row), "warning") for row in report.rows if row.multiplier != 1),
        Text(
            f"inside Kupiec's band: {report.inside_band} of {report.tested} "
            f"(without a stop {_inside(without)}, with a stop {_inside(stopped)})",
            "strong",
        ),
        Text(
            "With a stop most bad days end at the value at risk itself, so few lie beyond it: too few is then no fault "
            "of the model, and MB is the test to look at.",
            "quiet",
        ),
    ]


def _inside(rows: list[AuditRow]) -> str:
    tests = [row.tests for row in rows if row.tests is not None]
    return f"{sum(each.inside for each in tests)} of {len(tests)}"


def _legend(report: AuditReport) -> str:
    levels = " or ".join(sorted({percent(row.level) for row in report.rows}))
    return (
        f"Losses beyond the value at risk at {levels}; exp. and band: expected, and accepted by Kupiec's test, whose "
        f"LR is then at most {report.kupiec_critical:.2f}. Z2 (Acerbi and Szekely) or MB (minimally biased) is "
        "below crit. where losses were larger than the expected shortfall."
    )
