"""The figures of the audit, as plain values."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sizing.snapshot import Floats, Side

Finding = Literal["too early", "holds", "too few", "too many", "too large", "too many, too large"]
Kind = Literal["journal", "history"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """Both tests over the days that are judged. The first loss of a day counts."""

    exceedances: int
    """Losses beyond the value at risk."""
    expected: float
    accepted: tuple[int, int]
    """The fewest and the most that Kupiec's test accepts."""
    kupiec: float
    z2: float
    unbiased: float
    """The minimally biased statistic."""
    critical: float
    """Of the last two."""

    @property
    def inside(self) -> bool:
        """Kupiec's test accepts the number of exceedances."""
        return self.accepted[0] <= self.exceedances <= self.accepted[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One model: a symbol of an account, or a replayed trade on a symbol."""

    account: int | None
    symbol: str
    side: Side | None
    """None for the journal's own, which are judged together."""
    stop: float | None
    """In volatilities, where a trade is replayed with one."""
    level: float
    compared: int
    pending: int
    days: int
    wanted: int
    """Days from which on it is judged."""
    tests: Tests | None
    finding: Finding
    multiplier: float
    """Of the expected shortfall, as the daemon applies it; 1 while the model is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """Everything that is printed. `unit` is that of losses and forecasts, `tested` the rows that have been compared."""

    kind: Kind
    source: str
    unit: str
    kupiec_critical: float
    inside_band: int
    """Rows whose number of exceedances Kupiec's test accepts."""
    tested: int
    rows: list[AuditRow]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditSeries:
    """The judged days of one row: losses and forecasts, (n,) each."""

    row: AuditRow
    time_ms: NDArray[np.int64]
    losses: Floats
    value_at_risk: Floats
    shortfall: Floats


class Audited(NamedTuple):
    """The report, and what is drawn."""

    report: AuditReport
    series: list[AuditSeries]
