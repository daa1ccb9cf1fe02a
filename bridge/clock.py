"""Time is a parameter: the computer's, or the simulated time that a feed or recording dictates."""

import time
from typing import Protocol


class Clock(Protocol):
    """Milliseconds since the Unix epoch, UTC."""

    def now_ms(self) -> int:
        """The present."""


class SystemClock:
    """The computer's clock."""

    def now_ms(self) -> int:
        """The present, by the operating system."""
        return time.time_ns() // 1_000_000


class SteppedClock:
    """A clock that stands still until it is set; it never goes back."""

    def __init__(self, start_ms: int = 0) -> None:
        self._now_ms = start_ms

    def now_ms(self) -> int:
        """What was last set."""
        return self._now_ms

    def advance_to(self, now_ms: int) -> None:
        """Move forward; a time in the past is ignored."""
        self._now_ms = max(self._now_ms, now_ms)


class ScaledClock:
    """A recording's time: begins at `start_ms` now, and runs `speed` times as fast as the computer's."""

    def __init__(self, start_ms: int, speed: float = 1.0) -> None:
        self._start_ms = start_ms
        self._speed = speed
        self._begun_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """The recording's present."""
        return self._start_ms + int((time.monotonic_ns() - self._begun_ns) / 1_000_000 * self._speed)
