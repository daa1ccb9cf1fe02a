"""Logging for people (console) or machines (JSON lines), on standard error: standard output belongs to the commands.

A thread of its own writes. Whoever reads the log may stop reading (a console with text selected in it, a full pipe, a
reader that died): the daemon goes on, and lines that find no place are counted.
"""

import logging
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from bridge.settings import LogSettings

Log = Callable[[str, str, dict[str, Any]], None]

_LINES_WAITING = 10_000
_FLUSH_S = 1.0


def configure(settings: LogSettings) -> "LogWriter":
    """Set structlog up for this process and return what writes one event: level, name, fields."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    return LogWriter(structlog.get_logger(), level)


@contextmanager
def flushed(log: "LogWriter") -> Iterator[None]:
    """Whatever is logged inside is written by the end."""
    try:
        yield
    finally:
        log.flush()


class LogWriter:
    """Takes events without ever waiting or failing, and writes them in a thread."""

    def __init__(self, logger: Any, level: int) -> None:
        self._logger = logger
        self._levels = {name.lower() for name, each in logging.getLevelNamesMapping().items() if each >= level}
        self._waiting: queue.Queue[tuple[str, str, dict[str, Any]] | threading.Event] = queue.Queue(_LINES_WAITING)
        self._dropped = 0
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def __call__(self, severity: str, name: str, fields: dict[str, Any]) -> None:
        """Have one event written soon, if it is severe enough."""
        if severity not in self._levels:
            return
        try:
            if self._dropped:
                self._waiting.put_nowait(("warning", "log_lines_dropped", {"count": self._dropped}))
                self._dropped = 0
            self._waiting.put_nowait((severity, name, fields))
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        """Wait until what was logged so far is written, but not for a reader that does not read."""
        written = threading.Event()
        try:
            self._waiting.put_nowait(written)
        except queue.Full:
            return
        written.wait(_FLUSH_S)

    def _run(self) -> None:
        while True:
            item = self._waiting.get()
            if isinstance(item, threading.Event):
                item.set()
                continue
            severity, name, fields = item
            try:
                getattr(self._logger, severity)(name, **fields)
            except Exception:  # whatever is wrong with a line or its reader, the log goes on
                self._dropped += 1
