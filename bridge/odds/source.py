"""A replay's folder as what the odds are drawn from."""

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from bridge.errors import ConfigError, JournalError
from bridge.journal.reader import JournalReader
from bridge.journal.records import Inputs, PolicyPart
from bridge.market.broker_zone import BrokerZone, zone_of
from bridge.odds.days import Curve, Ints, Trades
from bridge.odds.errors import OddsError
from bridge.proof.source import firm_of
from bridge.replay.run import JOURNAL_FILE, RUN_FILE, Run
from bridge.settings.schema import parse
from bridge.settings.source import read
from sizing.prop.calendar import day_bounds, next_reset
from sizing.prop.firm import Firm

_WHOLE_DAY = 24
"""Buckets of 15 minutes that a day of the market has at least: six hours."""
_ASKED = 1_000
"""Decisions to look through for one whose policy is kept."""


class Source(NamedTuple):
    """Trades by opening, the account's path, and where the firm's days begin and end (UTC ms, ascending)."""

    trades: Trades
    curve: Curve
    bounds: Ints
    initial: float


def firm_named(name: str, initial: float, config: Path | None) -> Firm:
    """A firm by its name, or by its file where `name` ends in .toml. Raises ConfigError."""
    path = Path(name)
    if path.suffix != ".toml":
        return firm_of(name, initial, config)
    file = read(path, path.name)
    found, faults = parse(Firm, file, {**file.data, "name": path.stem})
    if found is None:
        raise ConfigError("\n  ".join([f"{path}:", *(str(fault) for fault in faults)]))
    if lacking := found.lacks_size(initial):
        raise ConfigError(f"{path}: {lacking[0][1]}. Name one of them with --balance.")
    return found


def source_of(run: Run, firm: Firm) -> Source:
    """What a replay has left. Raises OddsError where that is nothing to draw from."""
    rows = sorted(run.trades, key=lambda row: row.opened_ms)
    if not rows:
        raise OddsError(f"{run.folder} has no trades to draw from; replay a strategy that trades.")
    found = {name: np.array([getattr(row, name) for row in rows]) for name in ("ticket", "opened_ms", "closed_ms")}
    net = np.array([row.net for row in rows])
    # Floating profit is without commission; what is paid at the opening is missing from equity all along.
    paid = np.array([min(row.commission, 0.0) for row in rows])
    trades = Trades(
        **found,
        net=net,
        worst=np.minimum(np.array([row.worst for row in rows]) + paid, np.minimum(net, 0.0)),
        best=np.maximum(np.array([row.best for row in rows]), np.maximum(net, 0.0)),
    )
    equity = run.equity
    curve = Curve(equity.time_ms, equity.balance, equity.equity, equity.low, equity.high)
    if not bool(np.all(curve.balance > 0)):
        raise OddsError(f"The account of {run.folder} has lost everything: its trades cannot be put in percent.")
    return Source(trades, curve, _bounds(run, firm, curve), run.info.account.initial_balance)


def base_risk_of(run: Run) -> float:
    """The base risk that the replay sized with, percent, from its journal. Raises OddsError."""
    try:
        reader = JournalReader(run.folder / JOURNAL_FILE)
    except JournalError as fault:
        raise OddsError(f"{fault} Say with --run-risk which base risk the replay was sized with.") from fault
    try:
        for entry in reader.latest("size", _ASKED):
            if entry.inputs is not None:
                inputs = msgspec.msgpack.decode(entry.inputs, type=Inputs)
                return reader.part(inputs.policy_part, PolicyPart).policy.budget.base_risk_pct
    except (JournalError, msgspec.MsgspecError) as fault:
        raise OddsError(f"{run.folder / JOURNAL_FILE} cannot be read ({fault}): say --run-risk.") from fault
    finally:
        reader.close()
    raise OddsError(f"{run.folder / JOURNAL_FILE} holds no decision with its policy: say --run-risk.")


def _traded_until(run: Run) -> int:
    """Until when the account could trade: to a breach, to where the replay was interrupted, or to the last tick."""
    result = run.info.result
    end_ms = min(run.info.market.end_ms, result.end_ms)
    return end_ms if result.breach is None else min(end_ms, result.breach.time_ms)


def _bounds(run: Run, firm: Firm, curve: Curve) -> Ints:
    """Where the firm's days begin, and the end of the last. Days with a few hours of market are joined to the next.

    For a firm whose day is its broker's, that is by the clock of the replay's broker.
    """
    zone, start_ms = _zone(run), run.info.market.start_ms
    begin_ms = day_bounds(firm, start_ms, zone.wall_ms(start_ms) - start_ms)[0]
    last_ms = max(_traded_until(run), *(row.closed_ms for row in run.trades))

    def offset_ms(at_ms: int) -> int:
        return zone.wall_ms(at_ms) - at_ms

    after_ms = next_reset(firm, last_ms, offset_ms)
    bounds, reset_ms = [begin_ms], begin_ms
    while (reset_ms := next_reset(firm, reset_ms, offset_ms)) <= after_ms:
        buckets = np.searchsorted(curve.time_ms, [bounds[-1], reset_ms])
        if buckets[1] - buckets[0] >= _WHOLE_DAY:
            bounds.append(reset_ms)
    if len(bounds) == 1:
        raise OddsError(f"{run.folder} holds no day with six hours of market; replay more ticks.")
    bounds[-1] = after_ms
    return np.array(bounds, dtype=np.int64)


def _zone(run: Run) -> BrokerZone:
    """The clock of the replay's broker."""
    text = str(run.info.broker.get("zone", "UTC"))
    try:
        return zone_of(text)
    except ValueError as fault:
        raise OddsError(f"{run.folder / RUN_FILE}: {fault}. Replay into a new folder.") from fault
