"""The answering child, for `doctor` and `record`: the same package, the same checks, one question at a time."""

import time
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec
import numpy as np

from bridge.protocol.messages import QuoteInfo
from bridge.terminal.mt5.asks import (
    Ask,
    AskBars,
    AskDeals,
    AskOffset,
    AskProbe,
    AskSpecs,
    AskTicks,
    Columns,
    DealRow,
    Offset,
    Probe,
    SymbolProbe,
)
from bridge.terminal.mt5.attach import attached, initialize, select_symbols, verify
from bridge.terminal.mt5.calls import HISTORY_SILENCE_S, CallFailedError, Calls, WrongAccountError
from bridge.terminal.mt5.live import LiveTicks
from bridge.terminal.mt5.records import account_of, deals_of, quote_of, symbol_of
from bridge.terminal.mt5.remedies import IPC_CODES
from bridge.terminal.mt5.watch import checks_of
from bridge.terminal.mt5.wire import SILENCE_S, Answer, Beat, Config, FromChild, read_frame

_LOOK_S = 0.1
_FAR_DAYS = 2
_decode = msgspec.msgpack.Decoder(Ask).decode
_encode = msgspec.msgpack.Encoder().encode


def serve(calls: Calls, config: Config, source: BinaryIO, send: Callable[[FromChild], None]) -> None:
    """Attach, and answer until the questions end."""
    initialize(calls, config)
    symbols, unknown = select_symbols(calls, config)
    send(attached(calls, symbols, unknown))
    desk = _Desk(calls, config, send, symbols, unknown)
    while (frame := read_frame(source.read)) is not None:
        try:
            send(Answer(body=_encode(desk.answer(_decode(frame)))))
        except CallFailedError as fault:
            if fault.code in IPC_CODES:
                raise
            send(Answer(failed=str(fault), remedy=fault.remedy))
        except WrongAccountError as fault:
            send(Answer(failed=str(fault), remedy=fault.remedy))
        calls.told()


class _Desk:
    def __init__(
        self,
        calls: Calls,
        config: Config,
        send: Callable[[FromChild], None],
        symbols: list[str],
        unknown: list[str],
    ) -> None:
        self._calls = calls
        self._config = config
        self._send = send
        self._symbols = symbols
        self._unknown = unknown
        self._unit = 0.01

    def answer(self, ask: Ask) -> Any:
        account = self._calls.must("account_info")
        verify(account, self._config)
        self._unit = 10.0**-account.currency_digits
        match ask:
            case AskProbe():
                return self._probe()
            case AskOffset():
                return self._offset(ask.watch_s)
            case AskTicks():
                return self._ticks(ask)
            case AskBars():
                return self._bars(ask)
            case AskSpecs():
                return [self._symbol(name) for name in ask.symbols]
            case AskDeals():
                return self._deals(ask)

    def _probe(self) -> Probe:
        terminal, account = self._calls.must("terminal_info"), self._calls.must("account_info")
        return Probe(
            package=str(getattr(self._calls.package, "__version__", "unknown")),
            build=terminal.build,
            path=terminal.path,
            connected=bool(terminal.connected),
            trade_allowed=bool(terminal.trade_allowed),
            tradeapi_disabled=bool(terminal.tradeapi_disabled),
            ping_ms=int(terminal.ping_last) // 1000,
            server=account.server,
            company=account.company,
            account=account_of(account, terminal),
            account_trade_allowed=bool(account.trade_allowed),
            account_trade_expert=bool(account.trade_expert),
            symbols=[self._symbol(name) for name in self._symbols],
            unknown=self._unknown,
        )

    def _symbol(self, name: str) -> SymbolProbe:
        info = self._calls.maybe("symbol_info", name)
        quote = quote_of(name, self._calls.maybe("symbol_info_tick", name))
        found = None if info is None else symbol_of(info, session_open=bool(info.trade_mode))
        if found is None or quote is None:
            return SymbolProbe(name=name, info=found, quote=quote)
        checks, margins = checks_of(self._calls, quote, found, self._unit)
        return SymbolProbe(name=name, info=found, quote=quote, checks=checks, margins=margins)

    def _offset(self, watch_s: float) -> Offset:
        """Ticks must keep pace with the clock for a while: at a weekend none does."""
        live = LiveTicks(self._config.proof_s, self._config.proof_ticks)
        known: dict[str, QuoteInfo] = {}
        until = time.monotonic() + watch_s
        while time.monotonic() < until:
            self._send(Beat(silence_s=SILENCE_S))
            quotes = [quote_of(name, self._calls.maybe("symbol_info_tick", name)) for name in self._symbols]
            fresh = [quote for quote in quotes if quote is not None and quote != known.get(quote.symbol)]
            known.update((quote.symbol, quote) for quote in fresh)
            broker_s = live.observe([quote.time_msc for quote in fresh], time.monotonic())
            if broker_s is not None:
                return Offset(broker_s, time.time_ns() // 1_000_000)
            time.sleep(_LOOK_S)
        return Offset(None, time.time_ns() // 1_000_000)

    def _ticks(self, ask: AskTicks) -> Columns:
        every = self._calls.package.COPY_TICKS_ALL
        rows = self._history("copy_ticks_range", ask.symbol, ask.from_s, ask.to_s, every)
        return Columns(_bytes(rows, "time_msc", "<i8"), [_bytes(rows, name, "<f8") for name in ("bid", "ask")])

    def _bars(self, ask: AskBars) -> Columns:
        constant = getattr(self._calls.package, f"TIMEFRAME_{ask.timeframe}")
        newest = self._calls.maybe("copy_rates_from_pos", ask.symbol, constant, 0, 1, silence_s=HISTORY_SILENCE_S)
        rows = self._history("copy_rates_range", ask.symbol, constant, ask.from_s, ask.to_s)
        if newest is not None and len(newest):
            rows = rows[rows["time"] < newest[-1]["time"]]  # the newest bar is unfinished
        prices = [_bytes(rows, name, "<f8") for name in ("open", "high", "low", "close")]
        return Columns(_bytes(rows, "time", "<i8"), prices, _bytes(rows, "tick_volume", "<i8"))

    def _history(self, name: str, *arguments: Any) -> Any:
        """A range of history. An empty first answer may only mean that the terminal has yet to load it."""
        for attempt in range(3):
            rows = self._calls.maybe(name, *arguments, silence_s=HISTORY_SILENCE_S)
            if rows is not None and len(rows):
                return rows
            if attempt < 2:
                self._send(Beat(silence_s=SILENCE_S))
                time.sleep(_LOOK_S * (1 + attempt))
        if rows is None:
            code, text = self._calls.error()
            raise CallFailedError(name, code, text)
        return rows

    def _deals(self, ask: AskDeals) -> list[DealRow]:
        until_s = int(time.time()) + _FAR_DAYS * 86_400
        rows = self._calls.rows("history_deals_get", ask.from_s, until_s, silence_s=HISTORY_SILENCE_S)
        return [
            DealRow(deal=deal, type=row.type, reason=row.reason, order=row.order, comment=row.comment)
            for deal, row in zip(deals_of(rows), rows, strict=True)
        ]


def _bytes(rows: Any, name: str, kind: str) -> bytes:
    return np.ascontiguousarray(rows[name], dtype=kind).tobytes()
