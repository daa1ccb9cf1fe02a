"""Was the forecast of a decision right? What its trade would have lost on the bars that followed, and what it did lose.

Money is in account currency per lot, so that decisions of different size weigh the same.
"""

from bisect import bisect_right, insort_right
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sizing.policy import AuditPolicy
from sizing.snapshot import Deal, Side, TailAudit
from sizing.stats.backtest import Verdict, judge

DAY_MS = 86_400_000
_MINUTES_PER_DAY = 1_440
DUST = 1e-9
"""A stop that is met at its price loses the value at risk, but for the last bits of a float."""
_began_ms = attrgetter("at_ms")
_SPARE = 100
"""Outcomes kept beyond those that are judged: one that comes late may count in the place of others."""
_LEAST_MULTIPLIER = 1.25
"""Of a rejected model: less would not be noticed."""


class Forecast(NamedTuple):
    """What one decision said about its trade's tail, and all it takes to see what became of it."""

    decision: str
    reservation: str
    symbol: str
    side: Side
    at_ms: int
    """When the position began; 0 while a pending order has not been filled."""
    minutes: int
    """The trade's horizon."""
    entry: float
    stop_loss: float
    spread: float
    money: float
    """Per 1.0 of price."""
    costs: float
    value_at_risk: float
    shortfall: float
    """As the model gave it, before any audit's multiplier."""


class Outcome(NamedTuple):
    """A forecast with what was lost; gains are negative."""

    decision: str
    symbol: str
    at_ms: int
    loss: float
    value_at_risk: float
    shortfall: float
    minutes: int = 0
    """The trade's horizon."""

    @property
    def beyond(self) -> bool:
        """More was lost than the value at risk, by more than the dust of floats."""
        return self.loss > self.value_at_risk * (1.0 + DUST)


class Path(NamedTuple):
    """Bars of bids from the one a position was opened in, oldest first: columns of one length.

    `complete` says that they reach to the end of the horizon.
    """

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    complete: bool


def path_loss(forecast: Forecast, path: Path) -> float | None:
    """What one lot lost on the bars that followed, with its costs; None while it has neither met its stop nor its end.

    The stop is met by the side of the book that closes the position. A bar that opens beyond it fills it there.
    """
    buy = forecast.side == "buy"
    sign = 1.0 if buy else -1.0
    # What a short position is closed at lies the spread above the bars.
    shift = 0.0 if buy else forecast.spread
    worst = path.low if buy else path.high + shift
    met = worst <= forecast.stop_loss if buy else worst >= forecast.stop_loss
    first = int(met.argmax()) if len(met) else 0
    if len(met) and met[first]:
        opened = float(path.open[first]) + shift
        price = min(forecast.stop_loss, opened) if buy else max(forecast.stop_loss, opened)
    elif not path.complete or not len(path.close):
        return None
    else:
        price = float(path.close[-1]) + shift
    return (forecast.entry - price) * sign * forecast.money + forecast.costs


def deal_loss(positions: Iterable[Sequence[Deal]]) -> float | None:
    """What one lot of positions, each given by its deals, has lost after costs; None while one is open or unknown."""
    opened = net = 0.0
    for deals in positions:
        volume = sum(deal.volume for deal in deals if deal.entry == 0)
        if volume <= 0 or sum(deal.volume for deal in deals if deal.entry != 0) < volume - 1e-9:
            return None
        opened += volume
        net += sum(deal.net for deal in deals)
    return -net / opened if opened > 0 else None


def judged(outcomes: Iterable[Outcome], forecasts: int) -> list[Outcome]:
    """The first outcome of each day (UTC), the newest so many: what happens together counts once.

    Nor does a trade count that began before the horizon of the last one counted had ended.
    """
    counted: list[Outcome] = []
    for outcome in sorted(outcomes, key=_began_ms):
        if not counted or _counts_after(counted[-1], outcome):
            counted.append(outcome)
    return counted[-forecasts:]


def _counts_after(last: Outcome, outcome: Outcome) -> bool:
    other_day = outcome.at_ms // DAY_MS != last.at_ms // DAY_MS
    return other_day and outcome.at_ms >= last.at_ms + max(0, last.minutes - _MINUTES_PER_DAY) * 60_000


class Record:
    """The outcomes of one symbol, those that are judged among them kept along as they come in."""

    def __init__(self, forecasts: int) -> None:
        self._forecasts = forecasts
        self._all: list[Outcome] = []
        self.judged: list[Outcome] = []
        """What `judged` gives for all of them."""

    def add(self, outcome: Outcome) -> bool:
        """One more; whether those that are judged have changed."""
        before = self.judged
        insort_right(self._all, outcome, key=_began_ms)
        at = bisect_right(before, outcome.at_ms, key=_began_ms)
        # What counts is decided from the first on: one that does not count itself changes nothing.
        if not at or _counts_after(before[at - 1], outcome):
            follows = at == len(before)
            self.judged = [*before, outcome][-self._forecasts :] if follows else judged(self._all, self._forecasts)
        if len(self._all) > self._forecasts + _SPARE:
            self._all = self.judged.copy()
        return self.judged is not before


def verdict(outcomes: Sequence[Outcome], level: float) -> Verdict:
    """Both tests over outcomes (at least one)."""
    return judge(
        np.array([outcome.loss for outcome in outcomes]),
        np.array([outcome.value_at_risk for outcome in outcomes]) * (1.0 + DUST),
        np.array([outcome.shortfall for outcome in outcomes]),
        level,
    )


def correction(outcomes: Sequence[Outcome], policy: AuditPolicy, level: float) -> TailAudit | None:
    """How the expected shortfall of a symbol is corrected; None while its forecasts are not rejected.

    The multiplier is realised tail loss over forecast: with it the forecasts would have been right. It is at least 1.25
    and at most the policy's.
    """
    if len(outcomes) < policy.min_forecasts or policy.max_multiplier <= 1.0:
        return None
    found = verdict(outcomes, level)
    if not found.rejected:
        return None
    multiplier = min(policy.max_multiplier, max(_LEAST_MULTIPLIER, found.realised))
    beyond = f"{found.exceedances} of {found.forecasts} days beyond its value at risk, {found.expected:.1f} expected"
    return TailAudit(multiplier, f"x{multiplier:.2f} by the audit: {beyond}")
