"""From settings to a running daemon: terminals, clock, journal, service and socket, put together and taken apart."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import zmq

from bridge.auth import Authentication
from bridge.clock import Clock, ScaledClock, SteppedClock, SystemClock
from bridge.desk import Desk
from bridge.history import BarKeeper, history_folder
from bridge.journal.store import Journal
from bridge.log import Log
from bridge.market.broker import SimulatedBroker
from bridge.market.files import read_folder
from bridge.market.recording import RecordedMarket
from bridge.market.store import sample_market
from bridge.server import Server, bind_router
from bridge.service import Service
from bridge.settings import AccountSettings, MarketSettings, Settings
from bridge.terminal.base import Terminal
from bridge.terminal.feed import FeedTerminal
from bridge.terminal.mt5.configure import mt5_config
from bridge.terminal.mt5.terminal import Mt5Terminal
from bridge.terminal.recorded import RecordedTerminal

_WARM_UP_MS = 16 * 3_600_000
"""A recording starts this long after its first tick: every symbol has a quote then, and the sample market is busy."""


@contextmanager
def daemon(
    settings: Settings,
    *,
    log: Log,
    speed: float = 1.0,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Server]:
    """A server ready to run. Raises LotbridgeError; whatever was opened by then is closed again."""
    with ExitStack() as stack:
        markets = _markets(settings, progress)
        clock = _clock(settings, markets, speed)
        desks = [Desk(account, _terminal(account, markets, log, stack)) for account in settings.accounts]
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        stack.callback(context.destroy, linger=500)
        auth = stack.enter_context(Authentication(settings.auth, context))
        # The address first: a second daemon that finds it taken must not touch a journal.
        socket = bind_router(context, settings.server.bind, auth.secure)
        journal = Journal(settings.journal.path, settings.journal.sync)
        stack.callback(journal.close)
        if journal.cut_bytes:
            log("warning", "journal_tail_cut", {"bytes": journal.cut_bytes, "journal": str(journal.path)})
        yield Server(
            Service(desks, journal, clock),
            journal,
            socket,
            permissions=auth.permissions,
            log=log,
            keep_queries_hours=settings.journal.keep_queries_hours,
            keepers=[BarKeeper(history_folder(settings.journal.path, desk.login), desk.terminal) for desk in desks],
        )


def open_market(path: Path | None, progress: Callable[[str], None] | None = None) -> RecordedMarket:
    """A folder of recordings, or the sample market. Raises MarketError."""
    return sample_market(progress=progress) if path is None else read_folder(path)


def _markets(settings: Settings, progress: Callable[[str], None] | None) -> dict[Path | None, RecordedMarket]:
    paths = {account.market.path for account in settings.accounts if account.market is not None}
    return {path: open_market(path, progress) for path in paths}


def _clock(settings: Settings, markets: dict[Path | None, RecordedMarket], speed: float) -> Clock:
    if markets:
        return ScaledClock(min(market.start_ms for market in markets.values()) + _WARM_UP_MS, speed)
    return SteppedClock() if settings.server.clock == "feed" else SystemClock()


def _terminal(
    account: AccountSettings, markets: dict[Path | None, RecordedMarket], log: Log, stack: ExitStack
) -> Terminal:
    if account.mt5 is not None:
        terminal = Mt5Terminal(mt5_config(account.login, account.mt5, account.policy), log=log)
        stack.callback(terminal.close)
        return terminal
    if account.market is None:
        return FeedTerminal(account.login)
    return RecordedTerminal(_broker(account.login, account.market, markets[account.market.path]))


def _broker(login: int, settings: MarketSettings, market: RecordedMarket) -> SimulatedBroker:
    return SimulatedBroker(
        market, login=login, balance=settings.balance, currency=settings.currency, leverage=settings.leverage
    )
