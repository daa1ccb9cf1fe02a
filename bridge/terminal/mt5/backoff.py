"""How long to wait before a terminal is tried again."""

FIRST_S, MOST_S = 1.0, 60.0
STEADY_S = 60.0
"""A terminal that has worked for so long starts over with the shortest wait."""


class Backoff:
    """Waits that double from one failure to the next."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def after(self, worked_s: float) -> float:
        """The wait after a failure; `worked_s` is how long the terminal had been attached before it."""
        if worked_s >= STEADY_S:
            self._next_s = FIRST_S
        wait_s, self._next_s = self._next_s, min(MOST_S, self._next_s * 2)
        return wait_s
