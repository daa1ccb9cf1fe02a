"""What `lotbridge doctor` finds."""

from typing import NamedTuple

OK, WARNING, FAILED = "ok", "warning", "failed"


class Finding(NamedTuple):
    """One thing that was looked at: its state, what was seen, and what to do about it."""

    check: str
    state: str
    text: str
    remedy: str = ""
