"""What a strategy sees of a replay, as of the moment at which it is called."""

from collections.abc import Collection

from bridge.market.recording import BarSeries
from bridge.replay.bars import BarStore
from bridge.replay.paper import PaperAccount
from sizing.snapshot import Position, Quote, SymbolSpec


class AccountView:
    """The replayed account, read only."""

    def __init__(self, account: PaperAccount, bars: BarStore) -> None:
        self._account = account
        self._bars = bars
        self.symbols: Collection[str] = tuple(account.specs)

    @property
    def now_ms(self) -> int:
        """UTC milliseconds."""
        return self._account.now_ms

    def spec(self, symbol: str) -> SymbolSpec:
        """The symbol's figures. Raises KeyError for a symbol that is not replayed."""
        return self._account.specs[symbol]

    def bars(self, symbol: str, timeframe: str) -> BarSeries | None:
        """Closed bars, oldest first."""
        return self._bars.closed(symbol, timeframe, self._account.now_ms)

    def quote(self, symbol: str) -> Quote | None:
        """The newest."""
        return self._account.quote(symbol)

    def positions(self, symbol: str, magic: int) -> tuple[Position, ...]:
        """What this magic holds in the symbol."""
        found = self._account.positions()
        return tuple(each for each in found if each.symbol == symbol and each.magic == magic)
