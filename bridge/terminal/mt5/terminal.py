"""The `Terminal` over a watching child: it drains what the child has sent, and never waits for anything."""

import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

import msgspec

from bridge.market.recording import BarSeries
from bridge.protocol.messages import QuoteInfo, SnapshotRequest, SymbolInfo
from bridge.terminal.base import AccountReport, Execution, SymbolReport
from bridge.terminal.feed import FeedError, FeedTerminal
from bridge.terminal.feed_clock import in_range, measured_offset_ms
from bridge.terminal.mt5.backoff import Backoff
from bridge.terminal.mt5.margin import SAME, pairs_of, plain_spec, rate_from
from bridge.terminal.mt5.process import ChildProcess
from bridge.terminal.mt5.wire import (
    PARTS,
    SILENCE_S,
    Attached,
    Beat,
    Config,
    Evidence,
    Fault,
    MarginSeen,
    decode_from_child,
)
from sizing.money import apart
from sizing.snapshot import Quote

HOLD_MS = 10_000
"""How long the account counts as seen after the child last reported it."""
DRAIN_S = 0.004
"""How long one poll may spend on what has come: others wait meanwhile."""
RESIDUAL_MS = 60_000
"""Offsets are whole quarters of an hour: a clock that is farther from one is not understood, and not rounded."""
AHEAD_MS = 60_000
"""A quote that is farther ahead of the broker's clock is no quote."""
_SESSION = "mt5"

Log = Callable[[str, str, dict[str, Any]], None]
Start = Callable[[Config], ChildProcess]


class Mt5Terminal:
    """One account on one MetaTrader 5 terminal. The child starts with the first poll.

    What it reports goes through the same door as an EA's feed, and is checked there. `monotonic` is the clock of
    deadlines and waits; `start` begins a child.
    """

    source = "mt5"

    def __init__(
        self,
        config: Config,
        *,
        log: Log = lambda *_: None,
        monotonic: Callable[[], float] = time.monotonic,
        start: Start | None = None,
    ) -> None:
        self.login = config.login
        self.problem: str | None = "it has not been tried yet"
        """Why the terminal is not connected; None while it is."""
        self.rounds = 0
        """How often the child that runs has looked at everything, as far as that was read."""
        self._config = config
        self._log = log
        self._monotonic = monotonic
        self._start = start or (lambda config: ChildProcess(config, monotonic))
        # A day is left to the broker's clock being another.
        self._feed = FeedTerminal(config.login, silence_ms=HOLD_MS)
        self._sequence = 0
        self._backoff = Backoff()
        self._child: ChildProcess | None = None
        self._not_before_s = -1e9
        self._allowed_s = 0.0
        self._attached_s: float | None = None
        self._online = self._whole = False
        self._call = ""
        self._rates: dict[str, dict[str, float]] = {}
        self._margins: dict[tuple[str, str], MarginSeen] = {}
        self._tiered: set[tuple[str, str]] = set()
        self._infos: dict[str, SymbolInfo] = {}
        self._reported_ms = 0
        self._clock_known = self._clock_doubted = False
        self._held: dict[str, QuoteInfo] = {}
        """Quotes that wait for the broker's clock to be proved."""

    # Terminal --------------------------------------------------------------------------------------------------------

    def poll(self, now_ms: int) -> None:
        """Take what has come. Start, give up and kill the child as it deserves; all of that at once."""
        child = self._child
        if child is None:
            if self._monotonic() >= self._not_before_s:
                self._begin()
            return
        try:
            drained = self._drain(child, now_ms)
        except (msgspec.MsgspecError, FeedError) as fault:
            self._lose(
                f"it reported what cannot be: {fault}", "Please report it; meanwhile let the EA feed the daemon."
            )
            return
        except Exception:  # what the child has sent is lost with it: the next one sends everything
            self._lose("reading its reports met a defect", "The log has the details; please report it.")
            raise
        if self._child is None:
            return
        if drained and child.ended is not None and child.frames.empty():
            self._lose(child.ended, "Look at the terminal; the package is started again by itself.")
        elif drained and self._monotonic() > max(child.heard_s + SILENCE_S, self._allowed_s):
            what = f"its call {self._call} hangs" if self._call else "it has fallen silent"
            self._lose(what, "Look at the terminal: it may show a dialog, or hang. It is attached again by itself.")

    def connected(self, now_ms: int) -> bool:
        """Whether the child is attached and reports, and its terminal reaches the broker."""
        return self._child is not None and self._whole and self._online and self._feed.connected(now_ms)

    def account(self) -> AccountReport | None:
        """The account as the child last saw it."""
        return self._feed.account()

    def utc_offset_ms(self) -> int:
        """The broker's clock less UTC as measured on live ticks; 0 while that is not known."""
        return self._feed.utc_offset_ms()

    def symbol_names(self) -> Collection[str]:
        """Every symbol that is watched."""
        return self._feed.symbol_names()

    def symbol(self, name: str) -> SymbolReport | None:
        """A symbol's figures as last read."""
        return self._feed.symbol(name)

    def quote(self, name: str) -> Quote | None:
        """The latest quote in UTC; None while the broker's offset is unknown."""
        return self._feed.quote(name)

    def bars(self, name: str, timeframe: str) -> BarSeries | None:
        """The closed bars in UTC; None while the broker's offset is unknown."""
        return self._feed.bars(name, timeframe)

    def executed(self, execution: Execution) -> None:
        """Nothing to do: the terminal shows the position itself."""

    def closed(self, ticket: int, lots: float, price: float) -> None:
        """Nothing to do: the terminal shows what is left."""

    def modified(self, ticket: int, stop_loss: float | None, take_profit: float | None) -> None:
        """Nothing to do: the terminal shows the position itself."""

    def cancelled(self, ticket: int) -> None:
        """Nothing to do: the terminal shows the orders that are left."""

    def close(self) -> None:
        """End the child in good order; kill it if it does not end."""
        if self._child is not None:
            self._child.close()
            self._child = None
        self._not_before_s = float("inf")
        self.problem = "it was closed"

    # The child -------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._online = self._whole = False
        self._attached_s = None
        self._call = "start"
        self.rounds = 0
        # A cold start of Python on a busy machine takes its time.
        self._allowed_s = self._monotonic() + 60.0
        self._child = self._start(self._config)

    def _lose(self, problem: str, remedy: str) -> None:
        """Give the child up and plan the next one."""
        now_s = self._monotonic()
        if self._child is not None:
            self._child.kill()
        self._child = None
        self._online = self._whole = False
        self._held.clear()
        wait_s = self._backoff.after(0.0 if self._attached_s is None else now_s - self._attached_s)
        self._not_before_s = now_s + wait_s
        self.problem = problem
        fields = {"account": self.login, "problem": problem, "remedy": remedy, "again_s": wait_s}
        self._log("warning", "terminal_lost", fields)

    def _drain(self, child: ChildProcess, now_ms: int) -> bool:
        """Take frames until there are no more or time is up; whether there were no more."""
        until_s = time.perf_counter() + DRAIN_S
        while (frame := child.take()) is not None:
            self._take(frame[1], frame[0], now_ms)
            if self._child is None:
                return True
            if time.perf_counter() > until_s:
                return child.frames.empty()
        return True

    def _take(self, body: bytes, heard_s: float, now_ms: int) -> None:
        message = decode_from_child(body)
        match message:
            case Beat():
                self._allowed_s, self._call = heard_s + message.silence_s, message.call
                self.rounds = message.rounds or self.rounds
                if message.online is not None:
                    self._note_online(message.online)
            case Evidence():
                self._allowed_s, self._call = heard_s + SILENCE_S, ""
                waited_ms = int((self._monotonic() - heard_s) * 1000)
                self._apply(message, now_ms - waited_ms)
            case Attached():
                self._attached_s = heard_s
                self._tell_attached(message)
            case Fault():
                self._lose(message.problem, message.remedy)
            case _:
                self._lose("it answered what nobody asked", "Please report it.")

    def _note_online(self, online: bool) -> None:
        if self._online and not online:
            problem = "the terminal has lost its connection to the broker"
            self._log("warning", "terminal_offline", {"account": self.login, "problem": problem})
            self.problem = problem
        self._online = online
        if online and self._whole:
            self.problem = None

    def _tell_attached(self, message: Attached) -> None:
        told = {
            "account": message.login, "server": message.server, "build": message.build, "package": message.package,
            "symbols": len(message.symbols),
        }  # fmt: skip
        self._log("info", "terminal_attached", told)
        if message.unknown:
            self._log("warning", "symbols_unknown", {"account": self.login, "symbols": message.unknown})

    # Evidence --------------------------------------------------------------------------------------------------------

    def _apply(self, message: Evidence, seen_ms: int) -> None:
        """Pass the evidence on as a feed's message. The first of each child starts over: its sequence has a gap."""
        whole = None not in (message.account_info, message.positions, message.orders, message.symbols)
        starts = whole and not self._whole
        self._sequence += 2 if starts else 1
        parts = {name: getattr(message, name) for name in PARTS}
        if message.symbols is not None:
            self._infos.update((info.name, info) for info in message.symbols)
            parts["symbols"] = [self._with_rates(info) for info in message.symbols]
        # Not back with a message that took longer; but never ahead of a clock that was set back.
        self._reported_ms = max(min(self._reported_ms, seen_ms), seen_ms - message.took_s * 1000)
        server_s, known = self._believed(message.time_trade_server, seen_ms), self._clock_known
        parts["quotes"] = self._timely(message.quotes or [], server_s, seen_ms)
        self._feed.apply(
            SnapshotRequest(
                v=1,
                id=f"{_SESSION}-{self._sequence}",
                session=_SESSION,
                sequence=self._sequence,
                time_trade_server=server_s,
                **parts,
            ),
            self._reported_ms,
        )
        self._whole = self._whole or starts
        if message.margins is not None:
            self._margins.update(((seen.symbol, seen.side), seen) for seen in message.margins)
            self._tell_tiers(message.margins)
            self._note_rates(message.margins)
        if self._clock_known and not known:
            self._note_rates(self._margins.values())  # there were no quotes to convert with before

    # The broker's clock ----------------------------------------------------------------------------------------------

    def _believed(self, server_s: int | None, now_ms: int) -> int | None:
        """The trade server's time, unless it and this computer's clock cannot both be right."""
        if server_s is None:
            return None
        offset_ms = measured_offset_ms(server_s * 1000, now_ms)
        off_ms = server_s * 1000 - now_ms - offset_ms
        doubtful = abs(off_ms) > RESIDUAL_MS or not in_range(offset_ms)
        if doubtful and not self._clock_doubted:
            problem = f"the broker's clock is {off_ms / 1000:.0f} s off any time zone, or in none"
            remedy = "Synchronise this computer's clock; until then its time is not taken."
            self._log("warning", "clock_doubtful", {"account": self.login, "problem": problem, "remedy": remedy})
        self._clock_doubted = doubtful
        return None if doubtful else server_s

    def _timely(self, quotes: list[QuoteInfo], server_s: int | None, now_ms: int) -> list[QuoteInfo] | None:
        """Quotes that the feed may see: none while the clock is unproved, for it would measure by them."""
        self._held.update((quote.symbol, quote) for quote in quotes)
        if server_s is None and not self._clock_known:
            return None
        self._clock_known = True
        offset_ms = self._feed.utc_offset_ms() if server_s is None else measured_offset_ms(server_s * 1000, now_ms)
        latest_ms = now_ms + offset_ms + AHEAD_MS
        timely = [quote for quote in self._held.values() if quote.time_msc <= latest_ms]
        self._held.clear()
        return timely or None

    # Margin ----------------------------------------------------------------------------------------------------------

    def _with_rates(self, info: SymbolInfo) -> SymbolInfo:
        rates = self._rates.get(info.name, {})
        if not rates:
            return info
        return msgspec.structs.replace(
            info, margin_rate_buy=rates.get("buy", 1.0), margin_rate_sell=rates.get("sell", 1.0)
        )

    def _tell_tiers(self, margins: Collection[MarginSeen]) -> None:
        """Margins out of proportion, once each; the check that carries them refuses."""
        for seen in margins:
            key = seen.symbol, seen.side
            if seen.where and key not in self._tiered:
                told = {
                    "account": self.login, "symbol": seen.symbol, "side": seen.side, "one_lot": seen.one_lot,
                    "per_lot": seen.worst, "at": seen.where,
                }  # fmt: skip
                self._log("warning", "margin_not_proportional", told)
            (self._tiered.add if seen.where else self._tiered.discard)(key)

    def _note_rates(self, margins: Iterable[MarginSeen]) -> None:
        """Margin rates out of what was seen; symbols whose rates have changed are fed anew with them."""
        report = self._feed.account()
        if report is None:
            return
        reports = {name: found for name in self._feed.symbol_names() if (found := self._feed.symbol(name))}
        pairs = pairs_of(found.spec for found in reports.values())
        fed = [seen for seen in margins if seen.symbol in reports]
        changed = dict.fromkeys(seen.symbol for seen in fed if self._rate_changed(seen, pairs, report))
        if changed:
            for name in changed:
                self._log("info", "margin_rate", {"account": self.login, "symbol": name, **self._rates[name]})
            self._apply(Evidence(symbols=[self._infos[name] for name in changed]), self._reported_ms)

    def _rate_changed(self, seen: MarginSeen, pairs: Any, report: AccountReport) -> bool:
        spec = plain_spec(self._infos[seen.symbol])
        leverage, currency = report.account.leverage, report.account.currency
        rate = rate_from(spec, seen, leverage, currency, pairs, self._feed.quote)
        rates = self._rates.setdefault(seen.symbol, {})
        if rate is None or apart(rate, rates.get(seen.side, 1.0)) < SAME:
            return False
        rates[seen.side] = rate
        return True
