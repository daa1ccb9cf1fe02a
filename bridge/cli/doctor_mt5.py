"""Whether a live terminal can be read, and whether what it shows can be sized with."""

import struct
from collections.abc import Iterator

from bridge.cli.doctor_checks import FAILED, OK, WARNING, Finding
from bridge.settings import AccountSettings, Mt5Settings
from bridge.terminal.feed_clock import in_range, measured_offset_ms
from bridge.terminal.mt5.asks import AskOffset, AskProbe, Offset, Probe, SymbolProbe
from bridge.terminal.mt5.configure import mt5_config
from bridge.terminal.mt5.dialogue import Dialogue, DialogueError
from bridge.terminal.mt5.margin import pairs_of, plain_spec, rate_from
from bridge.terminal.mt5.remedies import remedy_of
from sizing.money import apart
from sizing.snapshot import Quote

WATCH_S = 15.0
"""How long to wait for ticks that tell the broker's clock."""
_LISTED = 10
_AUTHORISED = 10_027


def look_at_terminal(account: AccountSettings, settings: Mt5Settings, watch_s: float = WATCH_S) -> list[Finding]:
    """Everything, in the order in which it must be right."""
    bits = struct.calcsize("P") * 8
    if bits != 64:
        text = f"Python has {bits} bits; the terminal's package needs 64"
        return [Finding("python", FAILED, text, "Install a 64-bit Python, and lotbridge in it.")]
    config = mt5_config(account.login, settings, account.policy, mode="serve")
    try:
        with Dialogue(config) as dialogue:
            dialogue.attach()
            probe = dialogue.ask(AskProbe(), Probe)
            offset = dialogue.ask(AskOffset(watch_s), Offset)
    except DialogueError as fault:
        return [Finding("terminal", FAILED, fault.problem, fault.remedy)]
    return [*_terminal(probe), *_trading(probe), _clock(offset), *_symbols(account, probe)]


def _terminal(probe: Probe) -> Iterator[Finding]:
    text = f"build {probe.build} in {probe.path}, package {probe.package}"
    yield Finding("terminal", OK, text)
    yield Finding("account", OK, f"{probe.account.login} at {probe.server} ({probe.company}), {probe.account.currency}")
    if probe.connected:
        yield Finding("connection", OK, f"the broker answers in {probe.ping_ms} ms")
    else:
        remedy = "Look at the terminal's lower right corner: check the network, or log in again."
        yield Finding("connection", FAILED, "the terminal has no connection to the broker", remedy)


def _trading(probe: Probe) -> Iterator[Finding]:
    if probe.account_trade_allowed and probe.account_trade_expert:
        yield Finding("trading", OK, "the account may trade, by experts too")
    else:
        who = "the account" if not probe.account_trade_allowed else "experts on the account"
        remedy = "Check that you logged in with the main and not the investor password; else ask the broker."
        yield Finding("trading", FAILED, f"{who} may not trade", remedy)
    if probe.trade_allowed:
        yield Finding("algo trading", OK, "the terminal's switch is on")
    else:
        yield Finding("algo trading", FAILED, "the terminal's switch is off", remedy_of(_AUTHORISED).remedy)


def _clock(offset: Offset) -> Finding:
    if offset.broker_s is None:
        remedy = "Run it again while the market is open. Until a tick comes, the daemon shows no quotes and refuses."
        return Finding("broker's clock", WARNING, "no live tick came, so its offset to UTC is not known", remedy)
    measured = measured_offset_ms(offset.broker_s * 1000, offset.now_ms)
    off_s = abs(offset.broker_s * 1000 - offset.now_ms - measured) / 1000
    if not in_range(measured) or off_s > 60:
        remedy = "Synchronise this computer's clock."
        return Finding("broker's clock", FAILED, f"it is {off_s:.0f} s off this computer's", remedy)
    return Finding("broker's clock", OK, f"UTC{measured / 3_600_000:+g} h, measured on live ticks")


def _symbols(account: AccountSettings, probe: Probe) -> Iterator[Finding]:
    if probe.unknown:
        remedy = "Write symbols_watched with the broker's own names, suffixes included."
        yield Finding("symbols", FAILED, f"the broker has no {_named(probe.unknown)}", remedy)
    nameless = [each.name for each in probe.symbols if account.symbols.find(each.name) is None]
    matched = [each for each in probe.symbols if each.name not in nameless]
    if nameless:
        remedy = (
            "Add a pattern for each to a class in the symbols file, or leave them: they are refused, never guessed."
        )
        yield Finding("symbols", WARNING, f"no pattern matches {_named(nameless)}", remedy)
    if matched:
        yield Finding("symbols", OK, f"{len(matched)} watched and matched: {_named([each.name for each in matched])}")
    else:
        remedy = "Show the symbols you trade in Market Watch, or list them in symbols_watched."
        yield Finding("symbols", FAILED, "not one watched symbol can be sized", remedy)
    broken = [each.name for each in matched if each.info is None]
    if broken:
        remedy = "Their tick size, point or volumes are 0 or contradict each other: ask the broker."
        yield Finding("figures", FAILED, f"unusable for {_named(broken)}", remedy)
    yield from _money(matched, account.policy.money.mismatch_pct)
    yield from _margin(matched, probe, account.policy.money.mismatch_pct)


def _money(symbols: list[SymbolProbe], mismatch_pct: float) -> Iterator[Finding]:
    """Both tick values against what the terminal computes for one lot."""
    differing = [text for each in symbols if (text := _difference(each, mismatch_pct)) is not None]
    silent = [each.name for each in symbols if each.info is not None and not any(c.profit for c in each.checks)]
    if differing:
        remedy = "Such symbols are refused (money_mismatch). Tell the broker, or trade others."
        yield Finding("tick values", FAILED, "; ".join(differing[:_LISTED]), remedy)
    elif len(silent) < len(symbols):
        yield Finding("tick values", OK, "both agree with OrderCalcProfit on both sides")
    if silent:
        remedy = "Wait for their first quote; open their charts once."
        yield Finding("tick values", WARNING, f"OrderCalcProfit says nothing of {_named(silent)}", remedy)


def _difference(symbol: SymbolProbe, mismatch_pct: float) -> str | None:
    info = symbol.info
    if info is None:
        return None
    for check in symbol.checks:
        if not check.profit:
            continue
        ticks = abs(check.price_open - check.price_close) / info.trade_tick_size
        for name in ("trade_tick_value_profit", "trade_tick_value_loss"):
            ours = ticks * getattr(info, name)
            if apart(ours, abs(check.profit)) * 100 > mismatch_pct:
                return (
                    f"{symbol.name}: {name} makes {ours:.2f} of a {check.side}, OrderCalcProfit {abs(check.profit):.2f}"
                )
    return None


def _margin(symbols: list[SymbolProbe], probe: Probe, mismatch_pct: float) -> Iterator[Finding]:
    """Margins out of proportion, and rates that are taken from the very margin that they are meant to check."""
    seen = [margin for each in symbols for margin in each.margins]
    tiered = [
        f"{each.symbol} {each.side}: {each.one_lot:.2f} for one lot, {each.worst:.2f} a lot at {each.where}"
        for each in seen
        if apart(each.one_lot, each.worst) * 100 > mismatch_pct
    ]
    if tiered:
        remedy = "Such symbols are refused (money_mismatch): one margin rate does not fit every size of a position."
        yield Finding("margin", FAILED, "; ".join(tiered[:_LISTED]), remedy)
    derived, unknown = _margin_rates(symbols, probe)
    if derived:
        remedy = "Compare them with the symbols' specifications in the terminal: nothing else confirms them."
        yield Finding("margin", WARNING, f"rates derived from OrderCalcMargin: {_named(derived)}", remedy)
    if unknown:
        remedy = "Show the pairs that convert to the account's currency in Market Watch; else ask the broker."
        yield Finding("margin", WARNING, f"cannot be computed for {_named(unknown)}", remedy)
    if seen and not (tiered or derived or unknown):
        yield Finding("margin", OK, "agrees with OrderCalcMargin at several volumes and prices, all rates 1")


def _margin_rates(symbols: list[SymbolProbe], probe: Probe) -> tuple[list[str], list[str]]:
    """Rates that are not 1, in words, and the sides whose rate cannot be told."""
    specs = {each.name: plain_spec(each.info) for each in probe.symbols if each.info is not None}
    quotes = {each.name: Quote(each.quote.bid, each.quote.ask, 0) for each in probe.symbols if each.quote is not None}
    pairs, account = pairs_of(specs.values()), probe.account
    derived, unknown = [], []
    for seen in (margin for each in symbols for margin in each.margins):
        rate = rate_from(specs[seen.symbol], seen, account.leverage, account.currency, pairs, quotes.get)
        if rate is None:
            unknown.append(f"{seen.symbol} {seen.side}")
        elif rate != 1.0:
            derived.append(f"{seen.symbol} {seen.side} {rate:.4g}")
    return derived, unknown


def _named(names: list[str]) -> str:
    rest = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
