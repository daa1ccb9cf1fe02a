"""How far a market has moved of late, and whether more is traded than usual: what scaling in asks about."""

import numpy as np

from bridge.market.recording import BarSeries


def momentum_pct(bars: BarSeries, bid: float, count: int = 3) -> float | None:
    """The move in percent from the close of the bar `count` bars back to the present bid.

    The last closed bar is 1 back. None with fewer bars than that.
    """
    if not 0 < count <= len(bars):
        return None
    close = float(bars.close[-count])
    return (bid - close) / close * 100


def volume_ratio(bars: BarSeries, usual: int = 20) -> float | None:
    """Ticks of the last closed bar, over the mean of the `usual` bars before it.

    None with fewer bars than that, and where the ticks of any of them are not known: a mean that lacks some of them
    would be too small, and the last bar seem busier than it was.
    """
    ticks = bars.tick_volume
    if ticks is None or not 0 < usual < len(bars):
        return None
    window = ticks[-usual - 1 :]
    if not (window > 0).all():
        return None
    return float(window[-1] / np.mean(window[:-1]))
