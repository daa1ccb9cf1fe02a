"""Real daily bars that lie beside the project, where they do."""

from pathlib import Path

import numpy as np
import pandas as pd

from bridge.market.recording import BarSeries

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
EJTRADER = DATA / "bars_ejtrader_D1_2012-2022.parquet"
OANDA = DATA / "bars_oanda_D1_bidask_2006-2019.parquet"
ABSENT = "the real bars of ../shared/data are not here"


def daily(path: Path) -> dict[str, BarSeries]:
    """Bars of bids by symbol."""
    table = pd.read_parquet(path)
    names = ("bo", "bh", "bl", "bc") if "bo" in table else ("open", "high", "low", "close")
    return {
        str(symbol): BarSeries(
            timeframe="D1",
            time_ms=rows["time"].to_numpy().astype("datetime64[ms]").astype(np.int64),
            **{
                column: rows[name].to_numpy(dtype=np.float64)
                for column, name in zip(("open", "high", "low", "close"), names, strict=True)
            },
        )
        for symbol, rows in table.groupby("symbol")
    }
