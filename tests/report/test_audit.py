"""The audit's figures: from a journal with known outcomes, and from history replayed."""

from pathlib import Path

import numpy as np
import pytest

from bridge.journal.reader import JournalReader
from bridge.journal.records import Changes
from bridge.report.audit import history_audit, journal_audit
from bridge.report.audit_page import audit_page
from bridge.report.audit_report import AuditRow
from bridge.report.bars_file import read_bars
from bridge.report.errors import ReportError
from bridge.report.page import Sheet, Text
from sizing.policy import AuditPolicy, Policy, TailPolicy
from tests.report.builders import ABSENT, EJTRADER, forecast, outcome, wander, write_journal, zigzag

LOGIN, OTHER = 7, 8


def changes(*losses: float, symbol: str = "EURUSD", shortfall: float = 110.0) -> tuple[int, Changes]:
    """Outcomes of successive days."""
    days = enumerate(losses, start=1)
    return LOGIN, Changes(outcomes=tuple(outcome(day, loss, symbol, shortfall=shortfall) for day, loss in days))


def rows(*given: tuple[int, Changes], policy: Policy | None = None, symbol: str | None = None) -> list[AuditRow]:
    return journal_audit("journal", given, {}, policy or Policy(), symbol).report.rows


def with_beyond(count: int, days: int = 100, loss: float = 120.0) -> tuple[float, ...]:
    """So many losses beyond the value at risk of 100, among days without any."""
    return (loss,) * count + (0.0,) * (days - count)


# The journal ---------------------------------------------------------------------------------------------------------


def test_changes_come_oldest_first_from_the_database_and_the_tail(tmp_path: Path) -> None:
    given = [(login, Changes(peak_equity=float(number))) for number, login in enumerate([7, 8, 7, 7, 8])]
    reader = JournalReader(write_journal(tmp_path / "journal.sqlite", *given[:3], unfolded=given[3:]))
    assert list(reader.changes()) == given
    assert list(reader.changes(8)) == [given[1], given[4]]
    assert list(reader.changes(9)) == []
    reader.close()


def test_what_a_daemon_folds_after_the_tail_was_read_comes_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    given = [(LOGIN, Changes(peak_equity=float(number))) for number in range(4)]
    reader = JournalReader(write_journal(path, *given[:2], unfolded=given[2:]))
    path.with_name(path.name + "-tail").unlink()
    path.unlink()
    write_journal(path, *given)
    late = JournalReader(path)
    late._entries = reader._entries
    assert list(late.changes()) == given
    reader.close()
    late.close()


def test_a_forecast_waits_until_its_outcome() -> None:
    (row,) = rows(
        (LOGIN, Changes(forecasts=(forecast(1), forecast(2)))),
        (LOGIN, Changes(outcomes=(outcome(0, 50.0, number=2),))),
    )
    assert (row.account, row.symbol, row.compared, row.pending, row.days) == (LOGIN, "EURUSD", 1, 1, 1)


def test_accounts_and_symbols_are_kept_apart() -> None:
    found = rows(
        changes(0.0, symbol="US30"),
        (OTHER, Changes(forecasts=(forecast(1),))),
        (LOGIN, Changes(forecasts=(forecast(1),))),
    )
    assert [(row.account, row.symbol, row.compared, row.pending) for row in found] == [
        (LOGIN, "EURUSD", 0, 1),
        (LOGIN, "US30", 1, 0),
        (OTHER, "EURUSD", 0, 1),
    ]


def test_each_account_is_judged_by_its_own_policy() -> None:
    loose = Policy(tail=TailPolicy(level=0.9))
    given = changes(*with_beyond(5))
    (row,) = journal_audit("journal", [given], {LOGIN: loose}, Policy()).report.rows
    assert row.level == 0.9
    assert row.tests is not None
    assert row.tests.expected == pytest.approx(10)


@pytest.mark.parametrize(
    ("count", "loss", "shortfall", "finding"),
    [
        (5, 120.0, 110.0, "holds"),
        (0, 0.0, 110.0, "too few"),
        (12, 101.0, 150.0, "too many"),
        (5, 400.0, 110.0, "too large"),
        (15, 300.0, 110.0, "too many, too large"),
    ],
)
def test_the_verdict(*, count: int, loss: float, shortfall: float, finding: str) -> None:
    (row,) = rows(changes(*with_beyond(count, loss=loss), shortfall=shortfall))
    assert row.finding == finding
    assert row.tests is not None
    assert row.tests.exceedances == count
    assert row.tests.expected == pytest.approx(5)
    assert row.tests.accepted == (2, 9)
    assert (row.multiplier > 1) == finding.startswith(("too many", "too large"))


def test_before_there_are_enough_days_nobody_is_judged() -> None:
    (row,) = rows(changes(*with_beyond(20, days=59)))
    assert (row.finding, row.multiplier, row.days, row.wanted) == ("too early", 1.0, 59, 60)


def test_the_multiplier_is_the_daemons() -> None:
    (row,) = rows(changes(*with_beyond(50, loss=1000.0)), policy=Policy(audit=AuditPolicy(max_multiplier=2.0)))
    assert row.multiplier == 2.0


def test_of_one_day_the_first_decision_counts() -> None:
    (row,) = rows((LOGIN, Changes(outcomes=(outcome(1, 0.0, number=1), outcome(1, 500.0, number=2)))))
    assert (row.compared, row.days) == (2, 1)
    assert row.tests is not None
    assert row.tests.exceedances == 0


def test_a_symbol_without_forecasts_lists_those_with() -> None:
    with pytest.raises(ReportError, match="no forecast of XXX; it holds those of EURUSD"):
        rows(changes(0.0), symbol="XXX")
    assert rows(symbol="XXX") == []


# History -------------------------------------------------------------------------------------------------------------


def test_a_walk_that_never_surprises_is_inside_the_band() -> None:
    found = history_audit("bars", {"A": wander(1, 1500), "B": wander(2, 1500)}, Policy())
    assert [(row.symbol, row.side, row.stop) for row in found.report.rows[:4]] == [
        ("A", "buy", None), ("A", "sell", None), ("A", "buy", 1.0), ("A", "sell", 1.0),
    ]  # fmt: skip
    for series in found.series:
        row, tests = series.row, series.row.tests
        assert tests is not None
        assert row.days == len(series.losses) == 1500 - 31 - 250
        assert tests.exceedances == np.count_nonzero(series.losses > series.value_at_risk)
        assert tests.expected == pytest.approx(row.days * 0.05)
        assert tests.inside == (tests.accepted[0] <= tests.exceedances <= tests.accepted[1])
        if row.stop is None:
            assert tests.inside
        else:
            assert row.finding == "too few"  # these bars have no gaps: nothing is lost beyond a stop
    assert (found.report.inside_band, found.report.tested) == (4, 8)


def test_one_symbol_of_a_file_or_a_list_of_them() -> None:
    bars = {"A": wander(1, 400), "B": wander(2, 400)}
    assert {row.symbol for row in history_audit("bars", bars, Policy(), "B").report.rows} == {"B"}
    with pytest.raises(ReportError, match="No bars of C in bars; there are A, B"):
        history_audit("bars", bars, Policy(), "C")


def test_too_short_a_history_is_not_judged() -> None:
    report = history_audit("bars", {"A": zigzag(20), "B": zigzag(200)}, Policy()).report
    assert {row.finding for row in report.rows} == {"too early"}
    assert {row.tests for row in report.rows} == {None}
    assert report.tested == 0


@pytest.mark.skipif(not EJTRADER.is_file(), reason=ABSENT)
def test_most_real_symbols_are_inside_the_band() -> None:
    report = history_audit("real", read_bars(EJTRADER, "none"), Policy()).report
    without = [row.tests for row in report.rows if row.stop is None and row.tests is not None]
    assert len(without) == 24
    assert sum(tests.inside for tests in without) >= 20


# In words ------------------------------------------------------------------------------------------------------------


def words(*given: tuple[int, Changes]) -> str:
    page = audit_page(journal_audit("journal", given, {}, Policy()).report)
    return "\n".join(part.text for part in page.parts if isinstance(part, Text))


def test_with_nothing_to_audit_the_page_says_what_comes_first() -> None:
    assert "No forecast has been made yet." in words()
    assert "a dry run makes no forecast" in words()
    waiting = words((LOGIN, Changes(forecasts=(forecast(1),))))
    assert "Nothing has been compared yet." in waiting


def test_the_page_says_the_verdict_and_what_it_does() -> None:
    assert "EURUSD: holds. Sizing takes the expected shortfall as forecast." in words(changes(*with_beyond(5)))
    bad = words(changes(*with_beyond(50, loss=1000.0)))
    assert "EURUSD: too many and too large losses. Sizing takes the expected shortfall times 3.00." in bad
    assert "EURUSD: too early to judge, 3 of 60 days compared." in words(changes(0.0, 0.0, 0.0))


def test_history_ends_with_how_many_were_inside() -> None:
    report = history_audit("bars", {"A": wander(1, 1500)}, Policy()).report
    page = audit_page(report)
    assert any("inside Kupiec's band: 2 of 4" in part.text for part in page.parts if isinstance(part, Text))
    assert [len(part.rows) for part in page.parts if isinstance(part, Sheet)] == [2, 2]
