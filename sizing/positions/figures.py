"""The figures that conditions ask for, of one symbol, each worked out when it is first asked for."""

import math
from collections.abc import Callable

from sizing.positions.conditions import Figure
from sizing.positions.rulesets import Measure
from sizing.positions.state import Held, Market, Opinion, RiskGrade, State

ABSENT = math.nan
"""Of a position where there is none: compares false with everything, so that no condition on it holds."""

_DAY_MS = 86_400_000
_NOTHING = Opinion()


def known(value: float | None) -> float | None:
    """The value, if it is a finite number."""
    return value if value is not None and math.isfinite(value) else None


def worth(held: Held, measure: Measure) -> float | None:
    """What a position is worth by a measure, not negative, account currency; None if that is not known."""
    if measure == "notional":
        value = known(held.notional)
    elif measure == "margin":
        value = known(held.margin)
    else:
        risk = known(held.stop_risk)
        # A stop in profit risks nothing.
        return None if risk is None else max(risk, 0.0)
    return None if value is None else abs(value)


class Figures(dict[str, Figure]):
    """By condition key. None: not known; `ABSENT`: there is no position that it could be of."""

    __slots__ = ("held", "market", "measure", "opinion", "state", "virtual_equity")

    def __init__(
        self, state: State, symbol: str, held: tuple[Held, ...], measure: Measure, virtual_equity: float | None
    ) -> None:
        super().__init__()
        self.state = state
        self.held = held
        self.measure: Measure = measure
        self.virtual_equity = virtual_equity
        self.market: Market | None = state.markets.get(symbol)
        self.opinion = state.opinions.get(symbol, _NOTHING)

    def __missing__(self, key: str) -> Figure:
        found = _FIGURES[key](self) if key in _FIGURES else _headroom_of(self, key)
        self[key] = found
        return found

    @property
    def value(self) -> float | None:
        """What the symbol's positions are worth together, both sides added up; None if that is not known."""
        total = 0.0
        for each in self.held:
            value = worth(each, self.measure)
            if value is None:
                return None
            total += value
        return known(total)

    @property
    def share(self) -> float | None:
        """Their worth in percent of virtual equity; 0 without a position, None if it is not known."""
        if not self.held:
            return 0.0
        if (value := self.value) is None or self.virtual_equity is None:
            return None
        return known(value / self.virtual_equity * 100)


def _profit(figures: Figures) -> Figure:
    if not figures.held:
        return ABSENT
    base = known(sum(abs(each.notional) for each in figures.held))
    profit = known(sum(each.profit for each in figures.held))
    return None if base is None or profit is None or base <= 0 else known(profit / base * 100)


def _days(figures: Figures) -> Figure:
    if not figures.held:
        return ABSENT
    return max(figures.state.now_ms - min(each.opened_ms for each in figures.held), 0) / _DAY_MS


def _is(direction: str) -> Callable[[Figures], Figure]:
    def figure(figures: Figures) -> Figure:
        said = figures.opinion.direction
        return None if said is None else said == direction

    return figure


def _graded(grade: RiskGrade) -> Callable[[Figures], Figure]:
    def figure(figures: Figures) -> Figure:
        said = figures.opinion.risk_grade
        return None if said is None else said == grade

    return figure


def _headroom(figures: Figures) -> Figure:
    rooms = [known(room) for room in figures.state.headroom_pct.values()]
    least = [room for room in rooms if room is not None]
    return min(least) if least and len(least) == len(rooms) else None


def _headroom_of(figures: Figures, key: str) -> Figure:
    return known(figures.state.headroom_pct.get(key[len("headroom(") : -1]))


def _percentile(figures: Figures) -> Figure:
    return None if figures.market is None else known(figures.market.volatility_percentile)


_FIGURES: dict[str, Callable[[Figures], Figure]] = {
    "instrument_account_share": lambda figures: figures.share,
    "confidence": lambda figures: known(figures.opinion.confidence),
    "profit_loss_percent": _profit,
    "days_opened": _days,
    "bullish": _is("bullish"),
    "bearish": _is("bearish"),
    "has_position": lambda figures: bool(figures.held),
    "has_no_position": lambda figures: not figures.held,
    "highrisk": _graded("high"),
    "mediumrisk": _graded("medium"),
    "lowrisk": _graded("low"),
    "regime": lambda figures: None if figures.market is None else figures.market.regime,
    "volatility_percentile": _percentile,
    "drawdown": lambda figures: known(figures.state.drawdown_pct),
    "headroom": _headroom,
}
