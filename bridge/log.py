"""Logging for people (console) or machines (JSON lines), on standard error: standard output belongs to the commands."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog

from bridge.settings import LogSettings

Log = Callable[[str, str, dict[str, Any]], None]


def configure(settings: LogSettings) -> Log:
    """Set structlog up for this process and return the function that writes one event: level, name, fields."""
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
    logger = structlog.get_logger()

    def write(severity: str, name: str, fields: dict[str, Any]) -> None:
        getattr(logger, severity)(name, **fields)

    return write
