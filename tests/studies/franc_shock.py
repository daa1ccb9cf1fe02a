"""The franc shock of 2015-01-15: what was sized the day before, by the old rule of thumb and by the measured tail.

`python -m tests.studies.franc_shock` prints the table of docs/risk.md. The rule of thumb takes 1.5 times the loss at
the stop for the expected shortfall of any trade.
"""

from typing import NamedTuple

import numpy as np

from bridge.market.recording import TIMEFRAME_MS, BarSeries
from bridge.settings import defaults_folder, load
from bridge.statistics import market_stats
from sizing.decision import Decision
from sizing.engine import size
from sizing.lots import lattice
from sizing.policy import Policy
from sizing.snapshot import Conversion, Quote, SymbolSpec
from tests.builders import make_account, make_spec
from tests.sizing.builders import make_signal, make_snapshot, make_view
from tests.studies.real_bars import EJTRADER, daily

SHOCK_MS = int(np.datetime64("2015-01-15").astype("datetime64[ms]").astype(np.int64))
SPREAD = 0.0002
RULE_OF_THUMB = 1.5


class Row(NamedTuple):
    """One long trade with the policy's ATR stop, opened at the last close before the shock, account of 100,000 USD."""

    symbol: str
    last_close: float
    stop: float
    fill: float
    """The first price after the shock that the bars show: an opening beyond the stop, else the day's close."""
    thumb_lots: float
    measured_lots: float
    """By the budget alone, as the rule of thumb's."""
    capped_lots: float
    """With every ceiling of the preset "guide"."""
    source: str
    loss_per_lot: float

    def lost_pct(self, lots: float) -> float:
        """Percent of the account that so many lots lost."""
        return lots * self.loss_per_lot / 1_000.0


def study(symbol: str, bars: dict[str, BarSeries]) -> Row:
    """Size a buy on what was known on the evening before, and fill its stop at what came next."""
    series, usdchf = bars[symbol], bars["USDCHF"]
    before = int(np.searchsorted(series.time_ms, SHOCK_MS))
    known = series.closed_before(SHOCK_MS)
    rate = 1.0 / float(usdchf.close[int(np.searchsorted(usdchf.time_ms, SHOCK_MS)) - 1])
    after = 1.0 / float(usdchf.close[int(np.searchsorted(usdchf.time_ms, SHOCK_MS))])
    decision = decide(symbol, known, rate)
    assert decision.entry is not None and decision.stop_loss is not None  # noqa: PT018 - a buy was sized
    opened = float(series.open[before])
    fill = opened if opened < decision.stop_loss else float(series.close[before])
    grid = lattice(0.01, 50.0, 0.01)
    return Row(
        symbol=symbol,
        last_close=float(known.close[-1]),
        stop=decision.stop_loss,
        fill=fill,
        thumb_lots=grid.lots(grid.floor(decision.budget / (RULE_OF_THUMB * decision.stop_loss_per_lot))),
        measured_lots=grid.lots(grid.floor(decision.base_lots)),
        capped_lots=decision.lots,
        source=decision.rooms[0].detail,
        loss_per_lot=(decision.entry - fill) * 100_000 * after,
    )


def decide(symbol: str, known: BarSeries, rate: float) -> Decision:
    """The engine's answer at the end of the last bar; `rate` is dollars per franc."""
    end_ms = int(known.time_ms[-1]) + TIMEFRAME_MS["D1"]
    settings = load(defaults_folder()).accounts[0]
    policy: Policy = settings.policy
    stats = market_stats(known, known, policy)
    found = settings.symbols.find(symbol)
    assert found is not None
    view = make_view(
        spec=spec_of(symbol, rate), stats=stats, class_name=found[0], symbol_class=settings.symbols.classes[found[0]]
    )
    bid = float(known.close[-1])
    snapshot = make_snapshot(
        account=make_account(),
        view=view,
        now_ms=end_ms,
        account_ms=end_ms,
        spec_ms=end_ms,
        quote=Quote(bid, bid + SPREAD, end_ms),
        conversion=Conversion(rate, bid * rate if symbol.startswith("EUR") else 1.0),
    )
    signal = make_signal(symbol=symbol, stop_loss=None, take_profit=None, confidence=75.0)
    return size(signal, snapshot, policy)


def spec_of(symbol: str, rate: float) -> SymbolSpec:
    """The pair as a dollar account sees it."""
    return make_spec(
        symbol,
        currency_base=symbol[:3],
        currency_margin=symbol[:3],
        currency_profit="CHF",
        trade_tick_value=rate,
    )


def rows() -> list[Row]:
    """Both pairs of the file that the franc moved against."""
    bars = daily(EJTRADER)
    return [study(symbol, bars) for symbol in ("EURCHF", "USDCHF")]


def main() -> None:
    """Print the table."""
    for row in rows():
        print(f"{row.symbol}: close {row.last_close:.5f}, stop {row.stop:.5f}, filled at {row.fill:.5f}")
        print(f"  {row.source}")
        for name, lots in (
            ("1.5 x the stop", row.thumb_lots),
            ("measured tail", row.measured_lots),
            ("with all ceilings", row.capped_lots),
        ):
            print(f"  {name:18} {lots:6.2f} lots, lost {row.lost_pct(lots):6.2f} % of the account")


if __name__ == "__main__":
    main()
