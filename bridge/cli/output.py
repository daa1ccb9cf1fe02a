"""How a command ends that cannot write what it found."""

import errno
import os
import sys
from contextlib import suppress

from rich.text import Text

from bridge.cli.screen import BAD, screen

FAILURE_EXIT = 1
_READER_GONE = (errno.EPIPE, errno.EINVAL) if sys.platform == "win32" else (errno.EPIPE,)


def complain(text: str) -> None:
    """One error on standard error, on one line."""
    with suppress(OSError):
        screen(stderr=True).print(Text(f"Error: {text}", style=BAD), soft_wrap=True)


def lost_output(fault: OSError) -> int:
    """The exit code where standard output takes no more; any other fault is raised again.

    A full disk is said. A reader that has gone, as `head` does, has seen enough.
    """
    if _writable():
        raise fault
    # What is still to be written would be tried once more at the very end.
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if fault.errno not in _READER_GONE:
        complain(f"The output cannot be written: {fault.strerror or fault}.")
    return FAILURE_EXIT


def _writable() -> bool:
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        return False
    return True
