"""Were the forecasts right? What the journal says of each symbol's, and what history would have said."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bridge.journal.records import Changes
from bridge.market.recording import BarSeries
from bridge.report.audit_report import Audited, AuditReport, AuditRow, AuditSeries, Finding, Kind, Tests
from bridge.report.errors import ReportError
from sizing.audit import Outcome, correction, judged, verdict
from sizing.policy import Policy
from sizing.snapshot import Side
from sizing.stats.backtest import KUPIEC_CRITICAL, Verdict, accepted_exceedances
from sizing.stats.walk import walk_forward
from sizing.stats.windows import Moves, moves

WALK_STOP = 1.0
"""Volatilities between entry and stop, where history is replayed with one."""
_SIDES: tuple[Side, ...] = ("buy", "sell")


# From the journal ----------------------------------------------------------------------------------------------------


class _Seen(NamedTuple):
    """What a journal holds, by account and symbol."""

    outcomes: dict[tuple[int, str], list[Outcome]]
    pending: Counter[tuple[int, str]]


def journal_audit(
    source: str,
    changes: Iterable[tuple[int, Changes]],
    policies: Mapping[int, Policy],
    default: Policy,
    symbol: str | None = None,
) -> Audited:
    """The journal's forecasts, judged by each account's policy. Raises ReportError for a symbol without any."""
    seen = _collect(changes)
    keys = sorted(seen.outcomes.keys() | seen.pending.keys())
    if symbol is not None and keys:
        keys = _chosen(keys, symbol)
    found = [
        _journal_row(key, seen.outcomes.get(key, []), seen.pending[key], policies.get(key[0], default)) for key in keys
    ]
    return _audited("journal", source, "account currency per lot", found)


def _collect(changes: Iterable[tuple[int, Changes]]) -> _Seen:
    waiting: dict[tuple[int, str], str] = {}
    outcomes: dict[tuple[int, str], list[Outcome]] = defaultdict(list)
    for account, change in changes:
        waiting.update(((account, each.decision), each.symbol) for each in change.forecasts)
        for outcome in change.outcomes:
            waiting.pop((account, outcome.decision), None)
            outcomes[account, outcome.symbol].append(outcome)
    return _Seen(outcomes, Counter((account, symbol) for (account, _), symbol in waiting.items()))


def _chosen(keys: list[tuple[int, str]], symbol: str) -> list[tuple[int, str]]:
    chosen = [key for key in keys if key[1] == symbol]
    if not chosen:
        there = ", ".join(sorted({name for _, name in keys}))
        raise ReportError(f"The journal holds no forecast of {symbol}; it holds those of {there}.")
    return chosen


def _journal_row(key: tuple[int, str], outcomes: list[Outcome], pending: int, policy: Policy) -> AuditSeries:
    days = judged(outcomes, policy.audit.forecasts)
    return _judge(_Model(key[1], account=key[0]), days, policy, compared=len(outcomes), pending=pending)


# From history --------------------------------------------------------------------------------------------------------


def history_audit(
    source: str,
    bars: Mapping[str, BarSeries],
    policy: Policy,
    symbol: str | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Audited:
    """The forecasts replayed over every symbol's bars. Raises ReportError for a symbol that is not there."""
    if symbol is not None and symbol not in bars:
        raise ReportError(f"No bars of {symbol} in {source}; there are {', '.join(sorted(bars))}.")
    names = sorted(bars) if symbol is None else [symbol]
    found = []
    for done, name in enumerate(names):
        progress(done, len(names))
        path = moves(bars[name])
        found += [_walk(name, path, side, stop, policy) for stop in (None, WALK_STOP) for side in _SIDES]
    return _audited("history", source, "volatilities of the day", found)


def _walk(symbol: str, path: Moves | None, side: Side, stop: float | None, policy: Policy) -> AuditSeries:
    days = [] if path is None else _outcomes(symbol, path, side, stop, policy)
    return _judge(_Model(symbol, side=side, stop=stop), days, policy, compared=len(days), pending=0)


def _outcomes(symbol: str, path: Moves, side: Side, stop: float | None, policy: Policy) -> list[Outcome]:
    walk = walk_forward(path, side, policy.tail.level, policy.tail.min_history, stop)
    columns = (walk.time_ms, walk.losses, walk.value_at_risk, walk.shortfall)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [Outcome("", symbol, at_ms, loss, at_risk, shortfall) for at_ms, loss, at_risk, shortfall in rows]


# Both ----------------------------------------------------------------------------------------------------------------


class _Model(NamedTuple):
    """Whose forecasts they are."""

    symbol: str
    account: int | None = None
    side: Side | None = None
    stop: float | None = None


def _judge(model: _Model, days: list[Outcome], policy: Policy, *, compared: int, pending: int) -> AuditSeries:
    level, wanted = policy.tail.level, policy.audit.min_forecasts
    found = verdict(days, level) if days else None
    corrected = correction(days, policy.audit, level) if days else None
    row = AuditRow(
        **model._asdict(),
        level=level,
        compared=compared,
        pending=pending,
        days=len(days),
        wanted=wanted,
        tests=None if found is None else _tests(found, level),
        finding="too early" if found is None or len(days) < wanted else _finding(found),
        multiplier=1.0 if corrected is None else corrected.multiplier,
    )
    return AuditSeries(
        row=row,
        time_ms=np.array([each.at_ms for each in days], dtype=np.int64),
        losses=np.array([each.loss for each in days]),
        value_at_risk=np.array([each.value_at_risk for each in days]),
        shortfall=np.array([each.shortfall for each in days]),
    )


def _tests(found: Verdict, level: float) -> Tests:
    return Tests(
        exceedances=found.exceedances,
        expected=found.expected,
        accepted=band(found.forecasts, level),
        kupiec=found.kupiec,
        z2=found.z2,
        unbiased=found.unbiased,
        critical=found.critical,
    )


@lru_cache(maxsize=4096)
def band(forecasts: int, level: float) -> tuple[int, int]:
    """Kupiec's accepted band, worked out once: many symbols have as many days."""
    return accepted_exceedances(forecasts, level)


def _finding(found: Verdict) -> Finding:
    if found.too_many and found.too_large:
        return "too many, too large"
    if found.too_many:
        return "too many"
    if found.too_large:
        return "too large"
    return "too few" if found.kupiec > KUPIEC_CRITICAL else "holds"


def _audited(kind: Kind, source: str, unit: str, found: list[AuditSeries]) -> Audited:
    tests = [each.row.tests for each in found if each.row.tests is not None]
    report = AuditReport(
        kind=kind,
        source=source,
        unit=unit,
        kupiec_critical=KUPIEC_CRITICAL,
        inside_band=sum(each.inside for each in tests),
        tested=len(tests),
        rows=[each.row for each in found],
    )
    return Audited(report, found)
