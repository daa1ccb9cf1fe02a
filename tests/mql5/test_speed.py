"""A round trip over the pure MQL5 transport beside one over libzmq's own client, in turn, to the same peer.

The program is compiled with optimisation and without sanitizers. MetaTrader's own sockets are not measured by this.
"""

import json
import os
import subprocess
import threading
from collections.abc import Iterator

import pytest
import zmq

from tests.bridge.sockets import Running
from tests.mql5.builds import FAST, libzmq
from tests.mql5.conftest import Program

MOST = 1.2


@pytest.fixture
def echo() -> Iterator[str]:
    """A ROUTER that sends every message back."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    done = threading.Event()

    def run() -> None:
        while not done.is_set():
            if socket.poll(20):
                socket.send_multipart(socket.recv_multipart())

    thread = threading.Thread(target=run)
    thread.start()
    yield f"tcp://127.0.0.1:{port}"
    done.set()
    thread.join()
    context.destroy(linger=0)


def measured(program: Program, address: str, count: int, size: int) -> float:
    made = subprocess.run(
        [program("speed", FAST), address, str(count), str(size)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SHIM_LIBZMQ": libzmq() or ""},
    )
    figures = json.loads(made.stdout)
    print(size, figures)  # noqa: T201 - `pytest -s` shows the figures
    return float(figures["ratio"])


@pytest.mark.parametrize("size", [0, 2_500, 60_000])
def test_an_echo_costs_at_most_a_fifth_more_than_with_libzmq(program: Program, echo: str, size: int) -> None:
    assert min(measured(program, echo, 1_500, size) for _ in range(2)) <= MOST


def test_a_ping_of_the_daemon_costs_at_most_a_fifth_more_than_with_libzmq(program: Program, running: Running) -> None:
    assert min(measured(program, running.address, 1_000, 0) for _ in range(2)) <= MOST
