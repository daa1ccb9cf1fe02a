"""Money per lot, by the symbol's calc mode, with a second source wherever there is one.

Formulas: MQL5 documentation, "ENUM_SYMBOL_CALC_MODE" (profit and margin by mode) and "SymbolInfoMarginRate". All
results are in account currency for one lot.
"""

from sizing.snapshot import Conversion, MoneyCheck, Side, SymbolSpec

FOREX, FUTURES, CFD, CFDINDEX, CFDLEVERAGE, FOREX_NO_LEVERAGE = range(6)
EXCH_STOCKS, EXCH_FUTURES = 32, 33
EXCH_BONDS, EXCH_STOCKS_MOEX, EXCH_BONDS_MOEX = 37, 38, 39

_PRICE_MODES = frozenset({FOREX, FOREX_NO_LEVERAGE, CFD, CFDLEVERAGE, EXCH_STOCKS, EXCH_STOCKS_MOEX})
_TICK_MODES = frozenset({FUTURES, CFDINDEX, EXCH_FUTURES})
_BOND_MODES = frozenset({EXCH_BONDS, EXCH_BONDS_MOEX})


def tick_unit(spec: SymbolSpec) -> float | None:
    """Money per 1.0 of price from the terminal's tick values, the worst of those given; None if none is."""
    value = max(spec.trade_tick_value_profit, spec.trade_tick_value_loss, spec.trade_tick_value)
    return value / spec.trade_tick_size if value > 0 else None


def formula_unit(spec: SymbolSpec, rate: float | None) -> float | None:
    """Money per 1.0 of price from the calc mode's formula; `rate` converts the profit currency.

    None where the mode is not tradable or the profit currency cannot be converted. Bonds are quoted in percent of
    their face value.
    """
    mode = spec.trade_calc_mode
    if mode in _TICK_MODES:
        return tick_unit(spec)
    if rate is None:
        return None
    if mode in _PRICE_MODES:
        return spec.trade_contract_size * rate
    if mode in _BOND_MODES and spec.trade_face_value > 0:
        return spec.trade_contract_size * spec.trade_face_value / 100 * rate
    return None


def rate_at(spec: SymbolSpec, account_currency: str, conversion: Conversion, price: float) -> float | None:
    """Account currency per unit of profit currency when the trade closes at `price`.

    A pair whose base is the account's currency converts at its own closing price (USDJPY from 150 to 149.5 loses
    334.45 USD a lot, not 333.33).
    """
    if spec.currency_profit == account_currency:
        return 1.0
    if spec.currency_base == account_currency and spec.trade_calc_mode in (FOREX, FOREX_NO_LEVERAGE):
        return 1.0 / price
    return conversion.profit


def loss_per_lot(
    spec: SymbolSpec, account_currency: str, conversion: Conversion, entry: float, exit_price: float
) -> float | None:
    """What one lot loses between two prices: the larger of formula and tick value; None if neither is known.

    Where no symbol at hand converts the profit currency, the tick value stands in for the formula: the terminal has
    converted it already.
    """
    by_formula = formula_unit(spec, rate_at(spec, account_currency, conversion, exit_price))
    by_tick = tick_unit(spec)
    if by_formula is None and (by_tick is None or spec.trade_calc_mode not in _PRICE_MODES):
        return None
    return abs(entry - exit_price) * max(by_formula or 0.0, by_tick or 0.0)


def gain_allowance(spec: SymbolSpec, account_currency: str) -> float:
    """What a gain is multiplied with because its currency may rise until then: 1 where the account's takes part."""
    return 1.0 if account_currency in (spec.currency_profit, spec.currency_base) else 1.02


def notional_per_lot(spec: SymbolSpec, conversion: Conversion, price: float) -> float | None:
    """Face value of one lot. None where it cannot be priced."""
    unit = max(formula_unit(spec, conversion.profit) or 0.0, tick_unit(spec) or 0.0)
    return price * unit if unit > 0 else None


def margin_per_lot(spec: SymbolSpec, side: Side, conversion: Conversion, price: float, leverage: int) -> float | None:
    """Margin that one lot ties up at `price`. None where it cannot be computed.

    A non-zero margin_initial overrides the mode's formula; the initial margin rate of the side multiplies either.
    """
    rate = (spec.margin_rate_buy if side == "buy" else spec.margin_rate_sell) or 1.0
    mode = spec.trade_calc_mode
    if spec.margin_initial > 0 or mode in (FUTURES, EXCH_FUTURES):
        known = conversion.margin is not None and spec.margin_initial > 0
        return spec.margin_initial * rate * conversion.margin if known and conversion.margin else None
    if mode in (FOREX, FOREX_NO_LEVERAGE) and conversion.margin is not None:
        face: float | None = spec.trade_contract_size * conversion.margin
    elif mode == CFDINDEX:
        unit = tick_unit(spec)
        face = None if unit is None else spec.trade_contract_size * price * unit
    else:
        face = notional_per_lot(spec, conversion, price)
    if face is None:
        return None
    return face * rate / (leverage if mode in (FOREX, CFDLEVERAGE) else 1)


def units_doubtful(
    spec: SymbolSpec, by_formula: float | None, by_tick: float | None, mismatch_pct: float, checked: bool
) -> str | None:
    """Why the money per price move of a symbol cannot be trusted; None if it can.

    `by_formula` and `by_tick` are `formula_unit` and `tick_unit` now. Where nothing converts the profit currency, the
    tick value alone is trusted only if the terminal's own calculation has confirmed it (`checked`).
    """
    if spec.trade_calc_mode in _TICK_MODES and by_tick is not None and not checked:
        return f"{spec.name} has its tick value as the only source; feed an OrderCalcProfit check that confirms it"
    if by_formula is not None and by_tick is not None:
        if apart(by_formula, by_tick) * 100 > mismatch_pct:
            return (
                f"{spec.name} moves {by_formula:.6g} a lot per 1.0 of price by calc mode, {by_tick:.6g} by tick value"
            )
        return None
    if by_formula is not None or (checked and by_tick is not None and spec.trade_calc_mode in _PRICE_MODES):
        return None
    if spec.trade_calc_mode in _PRICE_MODES:
        return f"no symbol at hand converts {spec.currency_profit}, and no OrderCalcProfit confirms the tick value"
    return f"calc mode {spec.trade_calc_mode} of {spec.name} lacks its tick value or face value, or is not tradable"


def check_disagrees(
    spec: SymbolSpec,
    check: MoneyCheck,
    account_currency: str,
    conversion: Conversion,
    leverage: int,
    mismatch_pct: float,
) -> str | None:
    """Why the terminal's OrderCalcProfit or OrderCalcMargin contradict the computed figures; None if they do not."""
    why = profit_disagrees(spec, check, account_currency, conversion, mismatch_pct)
    if why is not None or check.margin is None:
        return why
    margin = margin_per_lot(spec, check.side, conversion, check.price_open, leverage)
    if margin is None or apart(margin, check.margin) * 100 > mismatch_pct:
        return f"margin for one lot of {spec.name} is {_text(margin)}, the terminal says {check.margin:.2f}"
    return None


def profit_disagrees(
    spec: SymbolSpec, check: MoneyCheck, account_currency: str, conversion: Conversion, mismatch_pct: float
) -> str | None:
    """Why the terminal's OrderCalcProfit contradicts the computed loss; None if it does not, or was not computed."""
    if check.profit is None:
        return None
    # The tick value is of now, the terminal converts at the closing price: only the formula compares exactly.
    rate = rate_at(spec, account_currency, conversion, check.price_close)
    unit = formula_unit(spec, rate) or tick_unit(spec)
    ours = None if unit is None else abs(check.price_open - check.price_close) * unit
    if ours is not None and apart(ours, abs(check.profit)) * 100 <= mismatch_pct:
        return None
    move = f"{check.price_open:g} to {check.price_close:g}"
    return f"one lot of {spec.name} from {move} is {_text(ours)}, the terminal says {abs(check.profit):.2f}"


def swap_per_lot(spec: SymbolSpec, side: Side, conversion: Conversion, price: float) -> float:
    """What one lot pays for one night; 0 where it earns. Modes: MQL5 documentation, "ENUM_SYMBOL_SWAP_MODE".

    A mode or currency that cannot be priced counts as nothing: swaps are an allowance here, never a credit.
    """
    swap = spec.swap_long if side == "buy" else spec.swap_short
    if swap >= 0 or spec.swap_mode == 0:
        return 0.0
    unit = max(formula_unit(spec, conversion.profit) or 0.0, tick_unit(spec) or 0.0)
    if spec.swap_mode in (1, 7, 8):
        return -swap * spec.point * unit
    if spec.swap_mode == 2:
        return -swap * (_base_rate(spec, conversion, price) or 0.0)
    if spec.swap_mode == 3:
        return -swap * (conversion.margin or 0.0)
    if spec.swap_mode == 4:
        return -swap
    return -swap / 100 / 360 * price * unit if spec.swap_mode in (5, 6) else 0.0


def _base_rate(spec: SymbolSpec, conversion: Conversion, price: float) -> float | None:
    """Account currency per unit of the symbol's base currency."""
    if spec.currency_base == spec.currency_profit:
        return conversion.profit
    if spec.currency_base == spec.currency_margin:
        return conversion.margin
    return None if conversion.profit is None else price * conversion.profit


def apart(first: float, second: float) -> float:
    """Relative difference of two positive figures, 0 to 1, of the larger."""
    larger = max(abs(first), abs(second))
    return abs(first - second) / larger if larger > 0 else 0.0


def _text(money: float | None) -> str:
    return "unknown" if money is None else f"{money:.2f}"
