"""From what a terminal reports to what the engine reads. Figures are kept until the report they came from changes."""

import time
from collections import deque
from collections.abc import Mapping

from bridge.correlations import Correlations
from bridge.deals import known_already
from bridge.market.recording import BarSeries
from bridge.settings import AccountSettings
from bridge.statistics import DAILY, DailyFigures, daily_figures, market_stats
from bridge.terminal.base import AccountReport, SymbolReport, Terminal
from sizing.book import PricedSymbol, assess
from sizing.currency import Pair, Route, convert, find_route
from sizing.money import FOREX, FOREX_NO_LEVERAGE, check_disagrees, profit_disagrees
from sizing.snapshot import (
    NO_TRADES,
    AccountView,
    Conversion,
    Deal,
    MarketStats,
    MoneyCheck,
    Performance,
    Quote,
    SymbolSpec,
    SymbolView,
    TailAudit,
)
from sizing.stats.joint import DayMoves, Leg
from sizing.stats.performance import TradeLog, performance_by_magic
from sizing.stats.tail import crosses_weekend
from sizing.swaps import DAY_MS, nights

_NAMES_REMEMBERED = 10_000
_DAY_MINUTES = 1_440
_CLOSED_MS = 4 * 3_600_000
"""Without a quote for so long a market is taken to be closed."""


class Evidence:
    """One account's terminal, seen through its policy and symbol table."""

    def __init__(self, settings: AccountSettings, terminal: Terminal, audits: Mapping[str, TailAudit]) -> None:
        self.now_ms = 0
        """The present, as the desk last said."""
        self._policy = settings.policy
        self._table = settings.symbols
        self._terminal = terminal
        self._audits = audits
        self._views: dict[
            str, tuple[tuple[SymbolReport, MarketStats | None, bool, TailAudit | None], SymbolView | str]
        ] = {}
        self._stats: dict[str, tuple[tuple[BarSeries | None, BarSeries | None], MarketStats | None]] = {}
        self._daily: dict[str, tuple[BarSeries, DailyFigures]] = {}
        self._routes: dict[tuple[str, str], Route | None] = {}
        self._known_pairs: tuple[Pair, ...] = ()
        self._names: frozenset[str] = frozenset()
        self._order: deque[str] = deque()
        self.correlations = Correlations(lambda name: terminal.bars(name, DAILY), self._prior, lambda: self.now_ms)
        self._classes: dict[str, tuple[str, str] | None] = {}
        self._due: set[str] = set()
        self._book_symbols: list[str] = []
        self._counted_deals: tuple[Deal, ...] | None = None
        self._trades = TradeLog()
        self._performance = NO_TRADES
        self._strategies: tuple[tuple[int, Performance], ...] = ()
        self.legs: tuple[Leg, ...] = ()
        """Open positions and pending orders one by one, as of the last `account_view`."""
        self._view: AccountView | None = None
        self._view_token: tuple[object, ...] = ()

    def refresh(self, budget_s: float) -> None:
        """Look for closed bars, and work out statistics and correlations of their symbols: never inside a request.

        What is not done within about `budget_s` seconds waits for the next call, and keeps its old figures until then.
        """
        begun = time.monotonic()
        names = frozenset(self._terminal.symbol_names())
        if names != self._names:
            self._names = names
            self._routes.clear()
            self._known_pairs = self._pairs()
            self._order = deque(sorted(names))
        for _ in range(len(self._order)):
            # Each call goes on behind the symbol where the last one ended, so that none waits for ever.
            name = self._order[0]
            self._order.rotate(-1)
            if self._update_stats(name) or name in self._due:
                self._due.discard(name)
                self.correlations.update(name, sorted(self._names - {name}))
            if time.monotonic() - begun > budget_s:
                return

    def knows(self, name: str) -> bool:
        """Whether the terminal reports the symbol and the symbols file has a class for it."""
        return self._terminal.symbol(name) is not None and self._class_of(name) is not None

    def symbol_view(self, name: str) -> SymbolView | str:
        """A symbol's figures and statistics, or why it cannot be sized; the same object until something changes."""
        report, account = self._terminal.symbol(name), self._terminal.account()
        if report is None:
            return f"The terminal does not know {name}."
        if name not in self._stats and self._update_stats(name):
            self._due.add(name)
        stats = self._stats.get(name)
        key = report, None if stats is None else stats[1], account is None, self._audits.get(name)
        cached = self._views.get(name)
        if cached is not None and cached[0][0] is report and cached[0][1:] == key[1:] and not _doubtful(cached[1]):
            return cached[1]
        view = self._make_view(name, report, key[1])
        if cached is not None and cached[1] == view:
            view = cached[1]
        self._views[name] = key, view
        return view

    def conversion(self, spec: SymbolSpec, *, fresh: bool = False) -> Conversion:
        """What the symbol's currencies cost in account currency, through fresh quotes if any way leads through such.

        Otherwise through the last ones known: an open position is better priced by an old rate than not at all. A new
        one is not; it asks for `fresh`.
        """
        report = self._terminal.account()
        currency = report.account.currency if report is not None else ""
        return Conversion(
            self._rate(spec.currency_profit, currency, fresh=fresh),
            self._rate(spec.currency_margin, currency, fresh=fresh),
        )

    def day_moves(self) -> dict[str, DayMoves]:
        """What the next day may do to each symbol that has enough history."""
        oldest_ms = self.now_ms - self._policy.freshness.max_stats_age_ms
        fresh = ((name, known[1]) for name, known in self._daily.items() if known[1].end_ms >= oldest_ms)
        days = ((name, figures.weekend if self._weekend(name) else figures.week) for name, figures in fresh)
        return {name: moves for name, moves in days if moves is not None}

    def account_view(self, report: AccountReport, peak_equity: float) -> AccountView:
        """The account with its book priced and its last trades counted; the same object until something changes."""
        token = report, peak_equity, self._book_evidence()
        if self._view is not None and token == self._view_token:
            return self._view
        self._book_symbols = _symbols_of(report)
        if report.deals is not self._counted_deals:
            count = known_already(self._counted_deals or (), report.deals)
            self._counted_deals = report.deals
            trades = self._policy.performance.trades
            if not count:
                self._trades = TradeLog()
            self._trades.add(report.deals[count:])
            self._performance = self._trades.recent(trades)
            if self._policy.performance.per_strategy:
                self._strategies = performance_by_magic(report.deals, trades)
        book, self.legs = assess(
            report.account, report.positions, report.orders, self._priced(), self._policy.tail,
            self._policy.caps.untargeted_reach_stops,
        )  # fmt: skip
        view = AccountView(
            account=report.account,
            peak_equity=peak_equity,
            book=book,
            performance=self._performance,
            strategies=self._strategies,
        )
        if self._view is None or self._view != view:
            self._view = view
        self._view_token = report, peak_equity, self._book_evidence()
        return self._view

    def legs_apart(self, report: AccountReport) -> list[Leg | None]:
        """The open positions, each by itself: where one cannot be priced the book has no legs, but the others have."""
        priced, policy = self._priced(), self._policy
        reach = policy.caps.untargeted_reach_stops
        alone = (assess(report.account, (each,), (), priced, policy.tail, reach).legs for each in report.positions)
        return [legs[0] if legs else None for legs in alone]

    def _weekend(self, name: str) -> bool:
        """Whether the market may be closed for a weekend before the next day has ended.

        One whose quotes have stopped for hours is closed now, whatever the day: its gap is still to come.
        """
        quote = self._terminal.quote(name)
        closed = quote is None or self.now_ms - quote.time_ms > _CLOSED_MS
        return closed or crosses_weekend(self.now_ms, _DAY_MINUTES)

    def _book_evidence(self) -> list[object]:
        """What the book's price rests on beside the account: quotes and statistics of its symbols."""
        found: list[object] = []
        for name in self._book_symbols:
            stats = self._stats[name][1] if name in self._stats else None
            found += (self._terminal.quote(name), stats, self._weekend(name), self._audits.get(name))
            found += (self._nights(name), *self._figures_of(name))
        return found

    def _figures_of(self, name: str) -> tuple[object, ...]:
        """A symbol's figures and what its currencies cost."""
        symbol = self._terminal.symbol(name)
        return () if symbol is None else (symbol.spec, self.conversion(symbol.spec), symbol.checks)

    def next_rollover_ms(self) -> int:
        """When the broker next charges swaps: its midnight."""
        offset = self._terminal.utc_offset_ms()
        return (self.now_ms + offset) // DAY_MS * DAY_MS + DAY_MS - offset

    def _nights(self, name: str) -> int:
        symbol, minutes = self._terminal.symbol(name), self._policy.cost.horizon_minutes
        return 0 if symbol is None else nights(symbol.spec, self.now_ms, self.next_rollover_ms(), minutes)

    def _make_view(self, name: str, report: SymbolReport, stats: MarketStats | None) -> SymbolView | str:
        found = self._class_of(name)
        if found is None:
            return f"No pattern in the symbols file matches {name}."
        account = self._terminal.account()
        mismatch, checked = None, False
        if account is not None:
            conversion = self.conversion(report.spec)
            for check in report.checks:
                checked = checked or _says_something(check)
                mismatch = mismatch or check_disagrees(
                    report.spec, check, account.account.currency, conversion, account.account.leverage,
                    self._policy.money.mismatch_pct,
                )  # fmt: skip
        return SymbolView(
            spec=report.spec,
            class_name=found[0],
            symbol_class=self._table.classes[found[0]],
            stats=stats,
            mismatch=mismatch,
            checked=checked and mismatch is None,
            session_open=report.session_open,
            audit=self._audits.get(name),
        )

    def _update_stats(self, name: str) -> bool:
        """Work the statistics of a symbol out anew if one of its bars has closed; whether that was so."""
        bars = self._terminal.bars(name, self._policy.stop.atr_timeframe), self._terminal.bars(name, DAILY)
        cached = self._stats.get(name)
        if cached is not None and cached[0][0] is bars[0] and cached[0][1] is bars[1]:
            return False
        self._stats[name] = bars, market_stats(*bars, self._policy, self._figures(name, bars[1]))
        return cached is None or cached[0][1] is not bars[1]

    def _figures(self, name: str, daily: BarSeries | None) -> DailyFigures | None:
        """What the daily bars say; worked out anew only when a day has closed."""
        if daily is None or not len(daily):
            self._daily.pop(name, None)
            return None
        known = self._daily.get(name)
        if known is None or known[0] is not daily:
            known = self._daily[name] = daily, daily_figures(daily, self._policy)
        return known[1]

    def _class_of(self, name: str) -> tuple[str, str] | None:
        """Class and canonical instrument of a symbol; the table's search is too slow for every request."""
        if name not in self._classes:
            if len(self._classes) > _NAMES_REMEMBERED:
                self._classes.clear()
            self._classes[name] = self._table.find(name)
        return self._classes[name]

    def _priced(self) -> dict[str, PricedSymbol]:
        priced: dict[str, PricedSymbol] = {}
        for name in self._book_symbols:
            symbol, quote = self._terminal.symbol(name), self._terminal.quote(name)
            if symbol is None or quote is None:
                continue
            found = self._class_of(name)
            priced[name] = PricedSymbol(
                spec=symbol.spec,
                quote=quote,
                conversion=self.conversion(symbol.spec),
                stats=self._stats[name][1] if name in self._stats else None,
                symbol_class=None if found is None else self._table.classes[found[0]],
                mismatch=self._contradiction(symbol),
                weekend=self._weekend(name),
                audit=self._audits.get(name),
                nights=self._nights(name),
            )
        return priced

    def _contradiction(self, report: SymbolReport) -> str | None:
        """Why the terminal contradicts what a position in the symbol can lose; its margin does not matter here."""
        account = self._terminal.account()
        if account is None:
            return None
        conversion, currency = self.conversion(report.spec), account.account.currency
        whys = (
            profit_disagrees(report.spec, check, currency, conversion, self._policy.money.mismatch_pct)
            for check in report.checks
        )
        return next((why for why in whys if why is not None), None)

    def _pairs(self) -> tuple[Pair, ...]:
        pairs = []
        for name in sorted(self._names):
            report = self._terminal.symbol(name)
            if report is not None and report.spec.trade_calc_mode in (FOREX, FOREX_NO_LEVERAGE):
                pairs.append(Pair(name, report.spec.currency_base, report.spec.currency_profit))
        return tuple(pairs)

    def _rate(self, source: str, target: str, *, fresh: bool) -> float | None:
        if source == target:
            return 1.0
        key = source, target
        if key not in self._routes:
            self._routes[key] = find_route(source, target, self._known_pairs)
        rate = convert(self._routes[key], self._fresh_quote)
        if rate is None and self._routes[key] is not None:
            # The shortest way leads through a dead symbol: look for another among those that are quoted.
            live = tuple(pair for pair in self._known_pairs if self._fresh_quote(pair.symbol) is not None)
            rate = convert(find_route(source, target, live), self._fresh_quote)
        return rate if rate is not None or fresh else convert(self._routes[key], self._terminal.quote)

    def _fresh_quote(self, name: str) -> Quote | None:
        quote = self._terminal.quote(name)
        if quote is None or abs(self.now_ms - quote.time_ms) > self._policy.freshness.max_conversion_age_ms:
            return None
        return quote

    def _prior(self, first: str, second: str) -> float | None:
        one, two = self._class_of(first), self._class_of(second)
        return None if one is None or two is None else self._table.prior(one[1], two[1])


def _doubtful(view: SymbolView | str) -> bool:
    """Whether a view refuses for its money: the conversion it was judged by may have been wrong, so judge anew."""
    return isinstance(view, SymbolView) and view.mismatch is not None


def _says_something(check: MoneyCheck) -> bool:
    """Whether a check holds a profit that can confirm money per price move; a failed calculation is null or 0."""
    return bool(check.profit) and check.price_open != check.price_close


def _symbols_of(report: AccountReport) -> list[str]:
    held = {position.symbol for position in report.positions} | {order.symbol for order in report.orders}
    return sorted(held)
