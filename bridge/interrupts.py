"""Ctrl-C and the system's request to stop, as something that a long command can act on in order."""

import signal
from types import FrameType, TracebackType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_CTRL_C_EXIT = 130


class Interrupts:
    """Inside its `with` block signals raise KeyboardInterrupt, or, while `held`, are only remembered in `number`."""

    def __init__(self, *, insisting: bool = False) -> None:
        """With `insisting` a second signal raises even while they are held."""
        self.number: int | None = None
        self.held = False
        self._insisting = insisting
        self._before: dict[int, Any] = {}

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that ended for this signal: 130 for Ctrl-C, and so for Ctrl-Break."""
        pressed = self.number in (signal.SIGINT, getattr(signal, "SIGBREAK", None))
        return _CTRL_C_EXIT if pressed or self.number is None else 128 + self.number

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has come."""
        if self.number is not None:
            raise KeyboardInterrupt

    def __enter__(self) -> "Interrupts":
        for name in _NAMES:
            number = getattr(signal, name, None)
            # What is ignored on purpose (SIGHUP under nohup) stays ignored.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        first = self.number is None
        self.number = self.number or number
        if (first and not self.held) or (not first and self._insisting):
            raise KeyboardInterrupt
