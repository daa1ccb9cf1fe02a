"""What the simulation must know of a symbol beside its bars: the broker's figures, the spread, the costs."""

from dataclasses import replace
from typing import NamedTuple

from bridge.market.sample import CROSS, DRIVERS
from sizing.currency import Pair
from sizing.money import CFDINDEX, FOREX
from sizing.snapshot import SymbolSpec
from sizing.symbols import SymbolClass, SymbolTable

CURRENCY = "USD"
"""Of every simulated account."""
_USUAL_SPREAD, _USUAL_SWAP = 10.0, -5.0
"""Points of a currency pair that the sample market does not know; either side pays the swap."""
_FOREX = ("forex", "forex_exotic")
_KNOWN = {item.spec.name.partition(".")[0]: item for item in (*DRIVERS, CROSS)}
_GOLD = ("XAUUSD", "GOLD")


class Instrument(NamedTuple):
    """One symbol. `spread` is in price; tick values in the spec are those of one unit of the profit currency."""

    spec: SymbolSpec
    spread: float
    class_name: str
    symbol_class: SymbolClass


class Rate(NamedTuple):
    """Account currency per unit of a currency: 1, or through the price of one pair."""

    pair: int | None = None
    """Index of the pair among the instruments; None: it is the account's own currency."""
    divides: bool = False
    """The account's currency is the pair's base."""

    def at(self, bids: list[float], spreads: list[float], *, owed: bool) -> float:
        """The rate where the currency is owed (a loss, a margin), or where it is earned."""
        if self.pair is None:
            return 1.0
        bid = bids[self.pair]
        ask = bid + spreads[self.pair]
        if self.divides:
            return 1.0 / bid if owed else 1.0 / ask
        return ask if owed else bid


def instrument_of(name: str, table: SymbolTable) -> Instrument | str:
    """The symbol's figures, or why there are none at hand."""
    found = table.find(name)
    if found is None:
        return "no pattern in the symbols file matches it"
    class_name, canonical = found
    stem = "XAUUSD" if name.startswith(_GOLD) else canonical
    known = _KNOWN.get(stem)
    if known is not None:
        spread = known.spread_points * known.spec.point
        return Instrument(replace(known.spec, name=name), spread, class_name, table.classes[class_name])
    if class_name not in _FOREX or len(canonical) != 6:
        return "its contract figures are not known here"
    digits = 3 if canonical.endswith(("JPY", "HUF")) else 5
    point = 10.0**-digits
    like = replace(
        _KNOWN["EURUSD"].spec, name=name, digits=digits, point=point, trade_tick_size=point, trade_tick_value=0.0,
        currency_base=canonical[:3], currency_profit=canonical[3:], currency_margin=canonical[:3],
        swap_long=_USUAL_SWAP, swap_short=_USUAL_SWAP,
    )  # fmt: skip
    return Instrument(like, _USUAL_SPREAD * point, class_name, table.classes[class_name])


def rate_of(currency: str, instruments: list[Instrument]) -> Rate | None:
    """How a currency is converted into the account's; None where no pair at hand does."""
    if currency == CURRENCY:
        return Rate()
    for index, (spec, *_) in enumerate(instruments):
        if spec.trade_calc_mode == FOREX and (spec.currency_base, spec.currency_profit) == (currency, CURRENCY):
            return Rate(index)
        if spec.trade_calc_mode == FOREX and (spec.currency_base, spec.currency_profit) == (CURRENCY, currency):
            return Rate(index, divides=True)
    return None


def own_tick_value(spec: SymbolSpec) -> float:
    """One tick of one lot in the profit currency."""
    if spec.trade_calc_mode == CFDINDEX:
        return spec.trade_tick_value
    return spec.trade_tick_size * spec.trade_contract_size


def restated(spec: SymbolSpec, own: float, gain: float, loss: float) -> SymbolSpec:
    """The spec with tick values as a terminal shows them; `gain` and `loss` convert the profit currency."""
    if spec.trade_tick_value == own * gain and spec.trade_tick_value_loss == own * loss:
        return spec
    return replace(
        spec, trade_tick_value=own * gain, trade_tick_value_profit=own * gain, trade_tick_value_loss=own * loss
    )


def pairs_of(instruments: list[Instrument]) -> tuple[Pair, ...]:
    """The symbols that convert currencies."""
    specs = [each.spec for each in instruments if each.spec.trade_calc_mode == FOREX]
    return tuple(Pair(spec.name, spec.currency_base, spec.currency_profit) for spec in specs)
