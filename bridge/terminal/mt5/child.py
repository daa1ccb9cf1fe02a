"""The child process: its pipes, its end, and the word it leaves behind when something goes wrong."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

import msgspec

from bridge.terminal.mt5.calls import (
    CallFailedError,
    Calls,
    NoPackageError,
    UnsettledError,
    WrongAccountError,
    WrongTerminalError,
    load_package,
)
from bridge.terminal.mt5.leash import die_with
from bridge.terminal.mt5.serve import serve
from bridge.terminal.mt5.watch import Watch
from bridge.terminal.mt5.wire import Config, Fault, FromChild, decode_config, encode, read_frame, write_frame


def main() -> None:
    """Do what the first frame on standard input says, until that ends. The last argument is the parent's process."""
    die_with(int(sys.argv[-1]))
    for name in ("SIGINT", "SIGBREAK"):
        # Ctrl-C reaches every process of the console; it is the parent that ends this one.
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, signal.SIG_IGN)
    source, sink = _pipes()
    frame = read_frame(source.read)
    if frame is None:
        return
    config = decode_config(frame)

    def send(message: FromChild) -> None:
        write_frame(sink, encode(message))

    fault = _run(config, source, send)
    with suppress(OSError):
        if fault is not None:
            send(fault)


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for frames alone: whatever prints, prints to nowhere."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - Windows only

        for stream in (source, sink):
            msvcrt.setmode(stream.fileno(), os.O_BINARY)
    return source, sink


def _run(config: Config, source: BinaryIO, send: Callable[[FromChild], None]) -> Fault | None:
    try:
        package = load_package()
    except NoPackageError as fault:
        return Fault(problem=str(fault), remedy=fault.remedy)
    calls = Calls(package, send)
    try:
        if config.mode == "serve":
            serve(calls, config, source, send)
        else:
            threading.Thread(target=_end_with_parent, args=(source,), daemon=True).start()
            Watch(calls, config, send).run()
    except CallFailedError as fault:
        return Fault(problem=str(fault), remedy=fault.remedy, code=fault.code)
    except (WrongAccountError, WrongTerminalError, UnsettledError) as fault:
        return Fault(problem=str(fault), remedy=fault.remedy)
    except msgspec.ValidationError as fault:
        remedy = "Please report it with the terminal's build; until then let the EA feed the daemon."
        return Fault(problem=f"the terminal reported what cannot be: {fault}", remedy=remedy)
    except OSError:  # the parent has gone
        return None
    except Exception:  # a defect is told, so that the daemon's log has it
        return Fault(problem=traceback.format_exc(limit=-8), remedy="This is a defect of lotbridge; please report it.")
    finally:
        with suppress(Exception):
            package.shutdown()
    return None


def _end_with_parent(source: BinaryIO) -> None:
    """Nothing more comes on standard input; its end means that the parent has gone or wants the child to go."""
    while source.read(4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
