"""A bare pyzmq ROUTER that sends every message back: what a round trip costs before anything is answered.

Run as `python -m bridge.bench.echo`; prints its address and echoes until its standard input is closed.
"""

import sys
import threading

import zmq


def main() -> None:
    """Echo until the parent lets go of the pipe."""
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
    socket.bind("tcp://127.0.0.1:*")
    print(socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0"), flush=True)  # noqa: T201 - the address is the output
    threading.Thread(target=_echo, args=(socket,), daemon=True).start()
    sys.stdin.read()


def _echo(socket: "zmq.Socket[bytes]") -> None:
    while True:
        socket.send_multipart(socket.recv_multipart())


if __name__ == "__main__":
    main()
