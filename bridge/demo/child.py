"""The daemon's process: `lotbridge` with the arguments given, which also ends when its standard input is closed.

Whoever started it holds the other end of that pipe, so it cannot outlive the demo, however the demo ends; and closing
the pipe is a way to stop it gently on every system.
"""

import os
import runpy
import signal
import sys
import threading

_STDIN = 0


def main() -> None:
    """Run `python -m bridge` with this process's arguments."""
    threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
    sys.argv[0] = "lotbridge"
    runpy.run_module("bridge", run_name="__main__", alter_sys=True)


def _stop_at_end_of_input() -> None:
    # Not through sys.stdin: a thread that waits inside it holds a lock which the interpreter's end needs.
    while os.read(_STDIN, 1024):
        pass
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    main()
