"""How far a long command is, told on the error stream every few seconds."""

import time
from collections.abc import Callable

from bridge.cli.screen import QUIET, line, screen


def progress(every_s: float = 10.0) -> Callable[[float], None]:
    """A function to be called with the share that is done, 0 to 1."""
    console = screen(stderr=True)
    begun = told = time.monotonic()

    def tell(share: float) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= every_s and 0 < share < 1:
            told = now
            left = (now - begun) / share * (1 - share)
            line(console, f"{share * 100:.0f} % done, about {left:.0f} seconds to go", QUIET, wrap=False)

    return tell
