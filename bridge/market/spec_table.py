"""`symbol_specs_*.csv`: a broker's figures of one day, made into the specs of a recording of another day.

What `lotbridge record` wrote has the calc mode and more, which is taken as it is; other tables may lack it. Tick values
are of the table's own date, in USD (the recorded broker's account currency).

- Calc mode, where the table has none, by evidence: where tick size times contract size, converted to USD at the table's
  own quotes, gives the table's tick value within 2 %, profit is price change times contract size: FOREX (0) where base
  and profit currency differ, else CFD (2). Where it does not, the tick value is a figure of its own: CFDINDEX (3).
- Tick value, at the recording's first quotes: tick size times contract size times the conversion then; for CFDINDEX the
  table's figure, times the change of the conversion since. A currency that nothing recorded converts leaves the symbol
  out: money is never converted at a rate of another year.
- Swaps are taken as points per lot and night (swap mode 1) where no mode is given, which fits their size; margin rates
  are 1.
"""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bridge.errors import MarketError
from sizing.snapshot import SymbolSpec

ACCOUNT_CURRENCY = "USD"
TOLERANCE = 0.02

Rates = Mapping[str, tuple[float, float]]
"""Bid and ask by symbol."""

_TEXTS = ("name", "currency_base", "currency_profit", "currency_margin")
_POSITIVE = (
    *("point", "trade_tick_size", "trade_tick_value", "trade_contract_size"),
    *("volume_min", "volume_max", "volume_step", "bid", "ask"),
)
_COLUMNS = (*_TEXTS, "digits", *_POSITIVE, "swap_long", "swap_short")
_WHOLE = ("trade_calc_mode", "trade_mode", "trade_stops_level", "trade_freeze_level", "swap_mode", "swap_rollover3days")
_OPTIONAL = (*_WHOLE, "volume_limit", "margin_initial", "margin_maintenance")
"""Columns that are taken as they are where the table has them."""
_TICK_MODES = (1, 3, 33)
"""ENUM_SYMBOL_CALC_MODE: the tick value is a figure of its own (futures, index CFDs)."""


class UnknownRateError(Exception):
    """A symbol's money cannot be converted to the account's currency."""


@dataclass(frozen=True, slots=True)
class SpecRow:
    """One row of the table: its texts and its numbers by column."""

    texts: dict[str, str]
    numbers: dict[str, float]

    @property
    def quote(self) -> tuple[float, float]:
        return self.numbers["bid"], self.numbers["ask"]


def read_spec_table(folder: Path) -> dict[str, SpecRow]:
    """The newest (by name) symbol_specs_*.csv of a folder, by symbol. Raises MarketError."""
    paths = sorted(folder.glob("symbol_specs_*.csv"))
    if not paths:
        raise MarketError(f"{folder} has no symbol_specs_<date>.csv; add the broker's figures of the symbols")
    path = paths[-1]
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise MarketError(f"{path} lacks the column {', '.join(missing)}; export the symbols again")
            rows = [_row(path, index, raw) for index, raw in enumerate(reader)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MarketError(f"{path} cannot be read as CSV ({error}); export the symbols again") from error
    return {row.texts["name"]: row for row in rows}


def _row(path: Path, index: int, raw: Mapping[str, str | None]) -> SpecRow:
    texts = {name: (raw[name] or "").strip() for name in _TEXTS}
    empty = [name for name, text in texts.items() if not text]
    if empty:
        raise MarketError(f"{path}, row {index}: {', '.join(empty)} is empty; fill it in")
    wanted = [name for name in _COLUMNS if name not in _TEXTS] + [name for name in _OPTIONAL if raw.get(name)]
    numbers = {name: _number(path, index, name, raw[name]) for name in wanted}
    for name in _POSITIVE:
        if numbers[name] <= 0:
            raise MarketError(f"{path}, row {index}: {name} is {raw[name]}, it must be positive; correct it")
    return SpecRow(texts, numbers)


def _number(path: Path, index: int, name: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise MarketError(f"{path}, row {index}: {name} is '{text or ''}', not a number; correct it")
    return value


def account_per(currency: str, table: Mapping[str, SpecRow], rates: Rates) -> tuple[float, float] | None:
    """Account currency per unit of another, low and high side, from a pair of the two; None without one."""
    if currency == ACCOUNT_CURRENCY:
        return 1.0, 1.0
    for name, (bid, ask) in rates.items():
        texts = table[name].texts
        pair = (texts["currency_base"], texts["currency_profit"])
        if pair == (currency, ACCOUNT_CURRENCY):
            return bid, ask
        if pair == (ACCOUNT_CURRENCY, currency):
            return 1 / ask, 1 / bid
    return None


def calc_mode(row: SpecRow, conversion: tuple[float, float]) -> int:
    """ENUM_SYMBOL_CALC_MODE as the figures prove it; see the module's text."""
    computed = row.numbers["trade_tick_size"] * row.numbers["trade_contract_size"] * sum(conversion) / 2
    if abs(computed / row.numbers["trade_tick_value"] - 1) > TOLERANCE:
        return 3
    return 2 if row.texts["currency_base"] == row.texts["currency_profit"] else 0


def spec_at(table: Mapping[str, SpecRow], symbol: str, rates: Rates) -> SymbolSpec:
    """The symbol's spec with tick values at the recorded `rates`. Raises UnknownRateError."""
    row = table[symbol]
    currency = row.texts["currency_profit"]
    then = account_per(currency, table, {name: other.quote for name, other in table.items()})
    if then is None:
        raise UnknownRateError(
            f"symbol_specs has no pair of {currency} and {ACCOUNT_CURRENCY} to prove its calc mode by"
        )
    now = account_per(currency, table, rates)
    if now is None:
        raise UnknownRateError(f"no recorded pair converts {currency} to {ACCOUNT_CURRENCY} at the ticks' time")
    numbers = row.numbers
    mode = int(numbers["trade_calc_mode"]) if "trade_calc_mode" in numbers else calc_mode(row, then)
    if mode in _TICK_MODES:
        own = numbers["trade_tick_value"] / (sum(then) / 2)
    else:
        own = numbers["trade_tick_size"] * numbers["trade_contract_size"]
    low, high = round(own * now[0], 8), round(own * now[1], 8)
    known: dict[str, Any] = {
        name: int(numbers[name]) if name in _WHOLE else numbers[name] for name in _OPTIONAL if name in numbers
    }
    spec = SymbolSpec(
        name=symbol,
        trade_calc_mode=mode,
        digits=int(numbers["digits"]),
        point=numbers["point"],
        trade_tick_size=numbers["trade_tick_size"],
        trade_tick_value=low,
        trade_tick_value_profit=low,
        trade_tick_value_loss=high,
        trade_contract_size=numbers["trade_contract_size"],
        volume_min=numbers["volume_min"],
        volume_max=numbers["volume_max"],
        volume_step=numbers["volume_step"],
        currency_base=row.texts["currency_base"],
        currency_profit=currency,
        currency_margin=row.texts["currency_margin"],
        swap_mode=1,
        swap_long=numbers["swap_long"],
        swap_short=numbers["swap_short"],
    )
    return replace(spec, **known)
