"""One account, two demo EAs that trade, and a Python client, each on its own, against one daemon process.

The EAs' terminals show the same account: what one of them makes is told to the other afterwards, as a broker does.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bridge.client import Client
from tests.bridge.processes import Daemon, trading
from tests.builders import LOGIN, NOW_MS
from tests.mql5.conftest import Program
from tests.mql5.driver import Driver
from tests.mql5.test_demo import HOUR_MS, price

QUARTERS = 160
FEW, MANY = 1, 12
"""Questions of the Python client in a quarter of an hour: of every one, and of every fourth."""


class Account(NamedTuple):
    """The programs that trade it; the first EA feeds the daemon."""

    daemon: Daemon
    eas: tuple[Driver, Driver]
    client: Client


@pytest.fixture
def account(program: Program, tmp_path: Path) -> Iterator[Account]:
    with ExitStack() as stack:
        daemon, _ = stack.enter_context(trading(tmp_path, NOW_MS - 1))
        daemon.start()
        eas = (stack.enter_context(Driver(program("terminal"))), stack.enter_context(Driver(program("terminal"))))
        for chart, ea in enumerate(eas, 1):
            ea.do("begin", login=LOGIN, now_ms=NOW_MS, chart=chart)
            ea.do("history", hours=60)
            follows = {"follows": True} if chart == 2 else {}
            assert ea.do("init", address=daemon.address, magic=7_000 + chart, **follows)["result"] == 0
        client = stack.enter_context(Client(daemon.address, account=LOGIN, deadline_ms=20_000))
        yield Account(daemon, eas, client)


def sizes(client: Client, bid: float, count: int) -> list[bool]:
    """Whether each of so many questions got lots. What was granted is left to lapse."""
    return [
        client.size("EURUSD", "buy", stop_loss=round(bid - 0.005, 5), confidence=90, magic=9).lots > 0
        for _ in range(count)
    ]


def exchange(eas: tuple[Driver, Driver]) -> list[dict[str, Any]]:
    """Tell each terminal what the other has made; all of it."""
    made = [ea.do("made")["trades"] for ea in eas]
    for ea, trades in zip(eas, reversed(made), strict=True):
        for trade in trades:
            ea.do("mirror", **{key: value for key, value in trade.items() if key != "elapsed_us"})
    return made[0] + made[1]


def risk(client: Client) -> tuple[float, float]:
    """Money that is open or reserved, and what the nearest floor leaves."""
    status = client.status()
    return status.open_risk + status.reserved_risk, min(rule.headroom for rule in status.rules)


def test_two_eas_and_a_python_client_never_risk_more_than_the_rules_leave(account: Account) -> None:
    first, second = account.eas
    trades: list[dict[str, Any]] = []
    granted: list[bool] = []
    with ThreadPoolExecutor(3) as pool:
        for number in range(QUARTERS):
            hour, part = 1 + number // 4, 0.25 * (1 + number % 4)
            bid = round(price(hour - 1) * (1 - part) + price(hour) * part, 5)
            for ea in account.eas:
                ea.do("pass", ms=HOUR_MS // 4)
                ea.do("quote", bid=bid)
            trades += exchange(account.eas)
            first.do("timer")
            asking = pool.submit(sizes, account.client, bid, FEW if number % 4 else MANY)
            for tick in [pool.submit(ea.do, "tick") for ea in account.eas]:
                tick.result()
            granted += asking.result()
            standing, headroom = risk(account.client)
            assert standing <= headroom + 0.01, number
            trades += exchange(account.eas)
            for ea in account.eas:
                ea.do("pass", ms=3_000)
                ea.do("quote", bid=bid)
                ea.do("timer")
            standing, headroom = risk(account.client)
            assert standing <= headroom + 0.01, number
    opened = {trade["magic"] for trade in trades if trade["opens"]}
    assert opened == {7_001, 7_002}, "both have traded"
    assert set(granted) == {True, False}, "the headroom was used up, and not always"
    assert first.do("timer")["equity"] == second.do("timer")["equity"]
    lapse(account)


def lapse(account: Account) -> None:
    """In the end nothing is reserved, and what is open is what the terminals show."""
    first = account.eas[0]
    for _ in range(2):
        for ea in account.eas:
            ea.do("pass", ms=40_000)
            ea.do("quote", bid=price(QUARTERS // 4))
        exchange(account.eas)
        book = first.do("timer")
    status = account.client.status()
    assert status.reserved_risk == 0
    assert (status.open_risk > 0) == (book["positions"] > 0)
    assert status.equity == pytest.approx(book["equity"])
