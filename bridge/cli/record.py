"""`lotbridge record`: ticks, bars, figures and deals of a live terminal as files that a recorded terminal plays."""

import dataclasses
import time
from pathlib import Path
from typing import Annotated

import filelock
import typer

from bridge.cli import options
from bridge.cli.folders import settings_of
from bridge.cli.screen import GOOD, line, lines, note, screen
from bridge.errors import ConfigError, MarketError
from bridge.market.broker_zone import BrokerZone, zone_of
from bridge.market.recording import TIMEFRAME_MS
from bridge.record.recorder import DAY_MS, Patience, Recorder, Wish, day_ms
from bridge.settings import AccountSettings
from bridge.terminal.mt5.configure import mt5_config
from bridge.terminal.mt5.dialogue import Dialogue

WATCH_S = 15.0
APART_S = 30.0
_LOCK = ".lotbridge-record.lock"


def record(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write, or to go on.", show_default=False)],
    symbols: Annotated[
        list[str] | None,
        typer.Option(
            "--symbol", metavar="NAME", help="A symbol by the broker's name; once for each.", show_default=False
        ),
    ] = None,
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="DAY", help="First day of ticks, as 2026-03-02. Default: seven days ago."),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last day of ticks. Default: today, as far as it is.")
    ] = None,
    timeframes: Annotated[
        list[str] | None,
        typer.Option("--bars", metavar="NAME", help="A timeframe of bars; once for each. Default: H1 and M15."),
    ] = None,
    bars_days: Annotated[
        int, typer.Option(min=0, max=10_000, help="How many days the bars begin before the ticks.")
    ] = 1_100,
    zone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help="The broker's clock over the year: new-york-close, UTC, +02:00, or an IANA name. "
            "Default: as DIR was begun; a new one takes new-york-close if the live ticks fit it now.",
            show_default=False,
        ),
    ] = None,
    account: options.Account = None,
    config: options.Config = None,
) -> None:
    """Record symbols of a live terminal (terminal = "mt5"). Ctrl-C loses nothing; the same command goes on.

    A day is complete when it is past and the terminal has answered the same twice; until then it is asked for again.
    """
    chosen = _account(config, account)
    if chosen.mt5 is None:  # pragma: no cover - _account chose one that has it
        raise AssertionError
    names = tuple(dict.fromkeys(symbols or chosen.mt5.symbols))
    if not names:
        raise typer.BadParameter("Name at least one symbol.", param_hint="--symbol")
    from_ms, to_ms = _span(first, last, time.time_ns() // 1_000_000)
    wish = Wish(
        folder=folder,
        symbols=names,
        from_ms=from_ms,
        to_ms=to_ms,
        timeframes=_timeframes(timeframes),
        bars_days=bars_days,
        zone=_zone(zone),
    )
    watched = dataclasses.replace(chosen.mt5, symbols=names)
    try:
        with _locked(folder), Dialogue(mt5_config(chosen.login, watched, chosen.policy, mode="serve")) as dialogue:
            Recorder(dialogue, wish, note, Patience(watch_s=WATCH_S, apart_s=APART_S)).run()
    except KeyboardInterrupt:
        note("Stopped; run the same command again to go on.")
        raise
    console = screen()
    line(console, "Recorded. To play it, put into an account of bridge.toml:", GOOD)
    lines(console, 'terminal = "recorded"', f"market = '{folder.absolute()}'")


def _account(config: Path | None, login: int | None) -> AccountSettings:
    settings = settings_of(config)
    live = [each for each in settings.accounts if each.mt5 is not None and login in (None, each.login)]
    if not live:
        raise ConfigError(f'{settings.folder} has no such account with terminal = "mt5"; only those can be recorded.')
    return live[0]


def _span(first: str | None, last: str | None, now_ms: int) -> tuple[int, int]:
    """From the first day's midnight to the last one's end, UTC ms; without a last day until now."""
    today_ms = now_ms // DAY_MS * DAY_MS
    from_ms = today_ms - 7 * DAY_MS if first is None else _day(first, "--from")
    last_ms = today_ms if last is None else _day(last, "--to")
    for option, text, day in (("--from", first, from_ms), ("--to", last, last_ms)):
        if day > today_ms:
            raise typer.BadParameter(f"{text} has not begun yet, by UTC.", param_hint=option)
    if from_ms > last_ms:
        given = "seven days ago, since it is not given" if first is None else first
        raise typer.BadParameter(f"{last or 'today'} is before --from, which is {given}.", param_hint="--to")
    return from_ms, now_ms if last is None else last_ms + DAY_MS


def _day(text: str, option: str) -> int:
    try:
        return day_ms(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day such as 2026-03-02.", param_hint=option) from None


def _timeframes(names: list[str] | None) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(names or ("H1", "M15")))
    unknown = [name for name in chosen if name not in TIMEFRAME_MS]
    if unknown:
        known = ", ".join(TIMEFRAME_MS)
        raise typer.BadParameter(f"{', '.join(unknown)} is none of {known}.", param_hint="--bars")
    return chosen


def _zone(text: str | None) -> BrokerZone | None:
    try:
        return None if text is None else zone_of(text)
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint="--zone") from fault


def _locked(folder: Path) -> filelock.BaseFileLock:
    """Two that record into one folder would undo each other's files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / _LOCK, timeout=0)
        lock.acquire()
    except filelock.Timeout as fault:
        raise MarketError(f"{folder} is being recorded into by another process.") from fault
    except OSError as fault:
        raise MarketError(f"{folder} cannot be written: {fault.strerror or fault}") from fault
    return lock
