"""A bare pyzmq ROUTER: what moving the bytes of a request and of its reply costs, before anything is answered.

Run as `python -m bridge.bench.echo FILE`; prints its address, and answers every message with the bytes of the file (or
with the message itself, without one) until its standard input is closed.
"""

import contextlib
import sys
import threading
from pathlib import Path

import zmq


def main() -> None:
    """Echo until the parent lets go of the pipe."""
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
    socket.bind("tcp://127.0.0.1:*")
    print(socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0"), flush=True)  # noqa: T201 - the address is the output
    reply = Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else None
    threading.Thread(target=_echo, args=(socket, reply), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.read()


def _echo(socket: "zmq.Socket[bytes]", reply: bytes | None) -> None:
    while True:
        frames = socket.recv_multipart()
        if reply is not None:
            frames[-1] = reply
        socket.send_multipart(frames)


if __name__ == "__main__":
    main()
