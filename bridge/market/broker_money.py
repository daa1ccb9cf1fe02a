"""Money as the terminal computes it: OrderCalcProfit, OrderCalcMargin, and swaps.

This repeats on purpose what `sizing/money.py` does, and shares no line with it: the daemon checks its own figures
against the terminal's, and over a recording that check is worth something only if the two were written apart.

Sources: MQL5 reference, ENUM_SYMBOL_CALC_MODE and ENUM_SYMBOL_SWAP_MODE; MT5-FACTS, "Money".
"""

from collections.abc import Callable, Mapping

from bridge.market.broker_types import sign
from sizing.snapshot import Quote, Side, SymbolSpec

FOREX, FUTURES, CFD, CFD_INDEX, CFD_LEVERAGE, FOREX_NO_LEVERAGE = range(6)
EXCH_STOCKS, EXCH_FUTURES, EXCH_FUTURES_FORTS, EXCH_STOCKS_MOEX = 32, 33, 34, 38

BY_TICK_VALUE = frozenset({FUTURES, CFD_INDEX, EXCH_FUTURES, EXCH_FUTURES_FORTS})
BY_CONTRACT = frozenset({FOREX, CFD, CFD_LEVERAGE, FOREX_NO_LEVERAGE, EXCH_STOCKS, EXCH_STOCKS_MOEX})
PAIRS = frozenset({FOREX, FOREX_NO_LEVERAGE})

SWAP_POINTS, SWAP_BASE, SWAP_MARGIN, SWAP_DEPOSIT, SWAP_INTEREST_CURRENT, SWAP_INTEREST_OPEN = 1, 2, 3, 4, 5, 6
BANK_YEAR_DAYS = 360
"""Days of the year that MT5 divides annual interest by."""

QuoteOf = Callable[[str], Quote | None]


class TerminalMoney:
    """Profit, margin and swap in account currency, at the quotes of the moment."""

    def __init__(self, specs: Mapping[str, SymbolSpec], currency: str, leverage: int, quote: QuoteOf) -> None:
        self.specs = specs
        self.currency = currency
        self.leverage = leverage
        self._quote = quote
        self._pairs: dict[tuple[str, str], str] = {}
        for name, spec in specs.items():
            if spec.trade_calc_mode in PAIRS and spec.currency_base != spec.currency_profit:
                self._pairs.setdefault((spec.currency_base, spec.currency_profit), name)
        self._currencies = sorted({currency for pair in self._pairs for currency in pair})

    def convert(self, amount: float, currency: str) -> float | None:
        """Money of another currency in account currency: gains are sold at the bid, losses bought at the ask.

        Through one pair, or through two that share a currency; None where the market holds no way.
        """
        direct = self._through_pair(amount, currency, self.currency)
        if direct is not None:
            return direct
        for between in self._currencies:
            first = self._through_pair(amount, currency, between)
            last = None if first is None else self._through_pair(first, between, self.currency)
            if last is not None:
                return last
        return None

    def way(self, currency: str) -> tuple[tuple[str, bool], ...] | None:
        """The pairs that `convert` leads through now, each with whether it is quoted the other way round."""
        if currency == self.currency:
            return ()
        direct = self._pair(currency, self.currency)
        if direct is not None:
            return (direct,)
        for between in self._currencies:
            first = () if between == currency else (self._pair(currency, between),)
            last = () if between == self.currency else (self._pair(between, self.currency),)
            legs = tuple(leg for leg in (*first, *last) if leg is not None)
            if len(legs) == len(first) + len(last):
                return legs
        return None

    def _pair(self, have: str, want: str) -> tuple[str, bool] | None:
        """The quoted symbol that converts, and whether it is quoted the other way round."""
        name, inverse = self._pairs.get((have, want)), self._pairs.get((want, have))
        found = name or inverse
        return None if found is None or self._quote(found) is None else (found, name is None)

    def _through_pair(self, amount: float, have: str, want: str) -> float | None:
        if have == want or amount == 0:
            return amount
        name, inverse = self._pairs.get((have, want)), self._pairs.get((want, have))
        quote = self._quote(name or inverse or "")
        if quote is None:
            return None
        if name is not None:
            return amount * (quote.bid if amount > 0 else quote.ask)
        return amount / (quote.ask if amount > 0 else quote.bid)

    def profit(self, side: Side, symbol: str, lots: float, price_open: float, price_close: float) -> float | None:
        """OrderCalcProfit: gain (positive) of a trade between two prices, account currency; None if unknowable."""
        spec = self.specs.get(symbol)
        if spec is None:
            return None
        move = (price_close - price_open) * sign(side) * lots
        if spec.trade_calc_mode in BY_TICK_VALUE:
            # The tick value is in account currency already, so nothing is left to convert.
            return move * spec.trade_tick_value / spec.trade_tick_size
        if spec.trade_calc_mode not in BY_CONTRACT:
            return None
        gain = move * spec.trade_contract_size
        if spec.currency_base == self.currency and spec.trade_calc_mode in PAIRS:
            # The symbol is its own conversion, and at the moment of closing it stands at the closing price:
            # USDJPY from 150 to 149.5 loses 50,000 JPY = 334.45 USD, not 333.33.
            return gain / price_close
        return self.convert(gain, spec.currency_profit)

    def margin(self, side: Side, symbol: str, lots: float, price: float) -> float | None:
        """OrderCalcMargin: initial margin of a lone order, account currency; None if it cannot be told."""
        spec = self.specs.get(symbol)
        amount = None if spec is None else self._margin_amount(spec, lots, price)
        if spec is None or amount is None:
            return None
        amount *= spec.margin_rate_buy if side == "buy" else spec.margin_rate_sell
        if spec.trade_calc_mode == CFD_INDEX and spec.margin_initial == 0:
            return amount
        if spec.trade_calc_mode in PAIRS and (spec.currency_margin, self.currency) == (
            spec.currency_base,
            spec.currency_profit,
        ):
            return amount * price
        # Margin is money that would have to be bought: the dearer side of the book.
        cost = self.convert(-amount, spec.currency_margin)
        return None if cost is None else -cost

    def _margin_amount(self, spec: SymbolSpec, lots: float, price: float) -> float | None:
        """Margin in margin currency before rates; of an index CFD in account currency, by its tick value."""
        mode, contracts = spec.trade_calc_mode, lots * spec.trade_contract_size
        if spec.margin_initial > 0:
            return lots * spec.margin_initial
        if mode in PAIRS:
            return contracts / (self.leverage if mode == FOREX else 1)
        if mode == CFD_INDEX:
            return contracts * price * spec.trade_tick_value / spec.trade_tick_size
        if mode in BY_CONTRACT:
            return contracts * price / (self.leverage if mode == CFD_LEVERAGE else 1)
        return 0.0 if mode in BY_TICK_VALUE else None

    def swap(self, side: Side, symbol: str, lots: float, price_open: float) -> float:
        """One night's swap of a position, account currency, negative when it is paid; 0 where it cannot be told.

        Modes 7 and 8 (the position is reopened at a shifted price) are not simulated and charge nothing.
        """
        spec, quote = self.specs[symbol], self._quote(symbol)
        rate = spec.swap_long if side == "buy" else spec.swap_short
        if rate == 0 or quote is None:
            return 0.0
        price = quote.bid if side == "buy" else quote.ask
        if spec.swap_mode == SWAP_POINTS:
            return self.profit("buy", symbol, lots, price, price + rate * spec.point) or 0.0
        if spec.swap_mode in (SWAP_INTEREST_CURRENT, SWAP_INTEREST_OPEN):
            base = price if spec.swap_mode == SWAP_INTEREST_CURRENT else price_open
            # A year's percentage of the money that the position is worth.
            worth = self.profit("buy", symbol, lots, price, price + base * rate / 100 / BANK_YEAR_DAYS)
            return worth or 0.0
        currency = {
            SWAP_BASE: spec.currency_base,
            SWAP_MARGIN: spec.currency_margin,
            SWAP_DEPOSIT: self.currency,
        }.get(spec.swap_mode)
        return 0.0 if currency is None else self.convert(rate * lots, currency) or 0.0


def swap_nights(day: int, triple_day: int) -> int:
    """How many nights the rollover that ends a day charges. Days: 0 Sunday to 6 Saturday, as in MT5.

    A position held over the weekend pays for it on the triple day, so Saturday and Sunday themselves charge nothing.
    """
    if day == triple_day:
        return 3
    return 0 if day in (0, 6) else 1
