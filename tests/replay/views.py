"""What a strategy sees, made by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.market.recording import BarSeries
from sizing.snapshot import Position, Quote, SymbolSpec
from tests.builders import make_quote, make_spec


@dataclass
class HandView:
    """Bars by symbol, of one timeframe, closed ones only; one quote for every symbol."""

    now_ms: int
    series: Mapping[str, BarSeries] = field(default_factory=dict)
    now: Quote | None = field(default_factory=make_quote)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.series)

    def spec(self, symbol: str) -> SymbolSpec:
        return make_spec(symbol)

    def bars(self, symbol: str, timeframe: str) -> BarSeries | None:
        series = self.series[symbol]
        return series.closed_before(self.now_ms) if series.timeframe == timeframe else None

    def quote(self, symbol: str) -> Quote | None:
        return self.now

    def positions(self, symbol: str, magic: int) -> tuple[Position, ...]:
        return ()
