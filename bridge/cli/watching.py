"""A drawing that is made anew until Ctrl-C, and outlives a daemon that is away for a while."""

import time
from collections.abc import Callable
from io import StringIO
from typing import Generic, TypeVar

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from bridge.cli.holding import printable
from bridge.cli.screen import BAD, QUIET, duration, line, utc
from bridge.errors import ClientError
from bridge.interrupts import Interrupts
from bridge.protocol.messages import Reply

_R = TypeVar("_R", bound=Reply)
_CTRL_C_EXIT = 130


class Watch(Generic[_R]):
    """Asks and draws every so many seconds.

    On a terminal one drawing stands in place, cut to its height; elsewhere they follow each other, whole.
    """

    def __init__(
        self,
        console: Console,
        ask: Callable[[], _R],
        draw: Callable[[Console, _R], None],
        every_s: float,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._console = console
        self._ask = ask
        self._draw = draw
        self._every_s = every_s
        self._wait = wait
        self._in_place = console.is_terminal and not console.is_dumb_terminal

    def run(self) -> None:
        """Until Ctrl-C, which is its good end. Raises ClientError if the first question gets no answer.

        Where a later one gets none, the newest answer stays, and that it is old is said.
        """
        with Interrupts() as interrupts:
            try:
                self._run()
            except KeyboardInterrupt:
                if interrupts.exit_code != _CTRL_C_EXIT:
                    raise typer.Exit(interrupts.exit_code) from None

    def _run(self) -> None:
        first = self._ask()
        if not self._in_place:
            self._follow(first, lambda text: self._console.print(text, soft_wrap=True))
            return
        # Nothing else writes meanwhile, so nothing has to be redirected.
        with Live(console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
            self._follow(first, lambda text: live.update(text, refresh=True))

    def _follow(self, reply: _R, show: Callable[[Text], None]) -> None:
        away = ""
        since = time.monotonic()
        while True:
            show(self._drawn(reply, away))
            self._wait(self._every_s)
            try:
                reply, away, since = self._ask(), "", time.monotonic()
            except ClientError as fault:
                gone = duration(int((time.monotonic() - since) * 1000))
                away = f"{printable(str(fault))} What stands below is {gone} old; still asking."

    def _drawn(self, reply: _R, away: str) -> Text:
        """What `draw` writes, below the moment it is of."""
        paper = _Paper(self._console.encoding)
        console = Console(
            file=paper,
            width=self._console.width,
            height=self._console.height,
            force_terminal=self._console.is_terminal,
            color_system=self._console.color_system,  # type: ignore[arg-type]  # by its own name
            no_color=self._console.no_color,
            legacy_windows=False,
            markup=False,
            highlight=False,
            emoji=False,
        )
        line(console, f"{utc(reply.server_ms)}, anew every {self._every_s:g} s until Ctrl-C", QUIET)
        if away:
            line(console, away, BAD)
        self._draw(console, reply)
        rows = paper.getvalue().rstrip("\n").split("\n")
        room = self._console.height - 1
        if self._in_place and len(rows) > room:
            rows[room - 1 :] = [f"... and {len(rows) - room + 1} lines more: without --watch all of it is shown"]
        return Text.from_ansi("\n".join(rows), no_wrap=True, overflow="crop")


class _Paper(StringIO):
    """Holds what is drawn; as wide in letters as the console that it is for."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # rich asks it whether lines may be drawn
        return self._encoding
