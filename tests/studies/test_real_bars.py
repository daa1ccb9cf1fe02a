"""What the measured tail does on real bars. `python -m tests.studies.franc_shock` shows more."""

import numpy as np
import pytest

from sizing.policy import TailPolicy
from sizing.stats.atr import atr
from sizing.stats.backtest import KUPIEC_CRITICAL, judge
from sizing.stats.stop_tail import stop_tail
from sizing.stats.tail import measured_tail
from sizing.stats.walk import walk_forward
from sizing.stats.windows import moves
from tests.studies.franc_shock import SHOCK_MS, rows
from tests.studies.real_bars import ABSENT, DATA, EJTRADER, OANDA, daily

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=ABSENT)
LEVEL, LEAST = 0.95, 250


def test_the_share_of_days_beyond_the_value_at_risk_is_inside_kupiecs_band_for_most_symbols() -> None:
    inside = outside = 0
    for path in (EJTRADER, OANDA):
        for bars in daily(path).values():
            found = moves(bars)
            assert found is not None
            for side in ("buy", "sell"):
                walk = walk_forward(found, side, LEVEL, LEAST)
                verdict = judge(walk.losses, walk.value_at_risk, walk.shortfall, LEVEL)
                inside += verdict.kupiec <= KUPIEC_CRITICAL
                outside += verdict.kupiec > KUPIEC_CRITICAL
    assert inside + outside == 34
    # At 5 % one or two of 34 right models are rejected; a model that is off by a fifth fails for most of them.
    assert inside >= 30


def test_the_franc_shock_is_not_foreseen_but_the_notional_ceiling_holds() -> None:
    for row in rows():
        assert row.fill < row.stop
        assert row.lost_pct(row.measured_lots) > row.lost_pct(row.thumb_lots) > 5
        assert 0 < row.lost_pct(row.capped_lots) < 5


def test_once_seen_the_shock_stays_in_the_tail() -> None:
    bars = daily(EJTRADER)["EURCHF"]
    later_ms = SHOCK_MS + 365 * 86_400_000
    known = bars.closed_before(later_ms)
    unshocked = bars.closed_before(SHOCK_MS)
    figures = []
    for series in (unshocked, known):
        found, daily_atr = moves(series), float(atr(series.high, series.low, series.close, 14)[-1])
        assert found is not None
        table = stop_tail(found, daily_atr, TailPolicy())
        assert table is not None
        figures.append(measured_tail(table, "buy", daily_atr, 1, weekend=False).shortfall / daily_atr)
    assert figures[0] < 1.2
    assert figures[1] > 3 * figures[0]
    assert np.isfinite(figures).all()
