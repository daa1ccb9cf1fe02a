"""The ledger through the service: what is promised, filled, given back, forgotten, and rebuilt."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.bridge.builders import (
    LOGIN,
    NO_RULES,
    Rig,
    account_info,
    account_settings,
    decoded,
    granted,
    order_info,
    position_info,
    recomputed,
    roomy_policy,
    size_fields,
)
from tests.bridge.sockets import serving
from tests.builders import NOW_MS

HOLD_MS = 30_000
GRACE_MS = 2_000
"""An order sent in time is executed a little later: a lapse waits so long."""
ONE_AND_A_BIT = {"firm": NO_RULES, "policy": roomy_policy(caps={"portfolio_shortfall_pct": 2.5})}
"""Room for 2,500 in all, of which one answer takes more than half."""


@pytest.fixture
def tight(tmp_path: Path) -> Any:
    """A daemon with headroom for one answer."""
    rig = Rig(tmp_path, account_settings(**ONE_AND_A_BIT))
    rig.feed()
    yield rig
    rig.close()


def held_by(rig: Rig, reply: dict[str, Any]) -> float:
    """What the answer reserved, in whole cents as the ledger keeps it."""
    assert rig.reserved() == pytest.approx(reply["risk"]["worst_case"], abs=0.011)
    return rig.reserved()


# Headroom for one ----------------------------------------------------------------------------------------------------


def test_two_requests_for_headroom_that_suffices_for_one(tight: Rig) -> None:
    first, second = tight.size(), tight.size()
    assert granted(first)["risk"]["worst_case"] > 1_250
    assert second["lots"] < first["lots"]
    assert tight.reserved() <= 2_500
    for _ in range(20):
        tight.size()
    assert tight.reserved() <= 2_500
    assert tight.size()["code"] == "portfolio_shortfall"


def test_headroom_to_the_loss_limits_is_shared_by_symbols_and_sides(rig: Rig) -> None:
    for number in range(20):
        sell = {"side": "sell", "stop_loss": 1.105, "take_profit": 1.085}
        rig.size(**(sell if number % 2 else {}))
    status = rig.status()
    assert 0 < status["reserved_risk"] <= status["rules"][0]["headroom"] == 5_000


def test_a_dry_run_reserves_nothing(rig: Rig) -> None:
    dry = rig.size(dry_run=True)
    assert dry["lots"] > 0
    assert (dry["reservation"], dry["expires_ms"]) == (None, None)
    assert rig.reserved() == 0
    assert granted(rig.size())["lots"] == dry["lots"]


CLIENT = """
import sys
from bridge.client import Client
address, account, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with Client(address, account=account, deadline_ms=20_000, attempts=1) as client:
    client.ping()
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(count):
        reply = client.size("EURUSD", "buy", stop_loss=1.0951, take_profit=1.1151, confidence=75)
        print(reply.risk.worst_case, reply.reservation, flush=True)
"""


def test_two_client_processes_at_once_stay_inside(tight: Rig) -> None:
    with serving(tight) as running:
        arguments = [sys.executable, "-c", CLIENT, running.address, str(LOGIN), "40"]
        clients = [
            subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
        ]
        try:
            for client in clients:
                assert client.stdout is not None
                assert client.stdout.readline() == "ready\n"
            with ThreadPoolExecutor(len(clients)) as pool:
                answers = [out for out, _ in pool.map(lambda client: client.communicate("go\n", timeout=60), clients)]
        finally:
            for client in clients:
                client.kill()
                client.communicate()
        assert [client.returncode for client in clients] == [0, 0]
    rows = [line.split() for answer in answers for line in answer.splitlines()]
    assert len(rows) == 80
    worst = sum(float(money) for money, _ in rows)
    assert 0 < worst <= 2_500
    names = [name for _, name in rows if name != "None"]
    assert len(names) == len(set(names)) > 0
    assert tight.reserved() == pytest.approx(worst, abs=0.01 * len(names) + 0.001)


# Fills and releases --------------------------------------------------------------------------------------------------


def test_a_release_gives_the_headroom_back(rig: Rig) -> None:
    reply = granted(rig.size())
    assert rig.release(reply["reservation"])["state"] == "released"
    assert rig.reserved() == 0
    assert rig.release(reply["reservation"])["state"] == "released"
    assert granted(rig.size())["lots"] == reply["lots"]


def test_a_fills_money_is_held_until_the_terminal_shows_the_position_and_not_counted_twice(rig: Rig) -> None:
    reply = granted(rig.size())
    name, lots, held = reply["reservation"], reply["lots"], held_by(rig, reply)
    assert rig.fill(name, ticket=7, lots=lots)["state"] == "open"
    assert rig.reserved() == held
    rig.service.housekeep()
    rig.tick(1_000)
    rig.feed()
    assert rig.reserved() == held, "a report within two seconds of the fill may be older than it"
    shown = position_info(7, volume=lots, price_open=1.1001, sl=1.0951, time_msc=rig.clock.now_ms())
    rig.feed(positions=[shown])
    status = rig.status()
    assert status["reserved_risk"] == 0
    # The book counts the distance from the bid to the stop; the answer counted the spread as well.
    assert status["open_risk"] == pytest.approx(lots * 490, rel=0.001)


def test_a_fill_whose_position_is_gone_again_is_let_go(rig: Rig) -> None:
    reply = granted(rig.size())
    rig.fill(reply["reservation"], ticket=7, lots=reply["lots"])
    rig.tick(2_000)
    rig.service.housekeep()
    assert rig.reserved() > 0, "no report since"
    rig.feed()
    assert rig.reserved() == 0


def test_a_partial_fill_leaves_the_rest_reserved(rig: Rig) -> None:
    reply = granted(rig.size())
    name, held = reply["reservation"], held_by(rig, reply)
    part = round(reply["lots"] / 4, 2)
    assert rig.fill(name, ticket=7, lots=part)["state"] == "partly_open"
    assert rig.reserved() == pytest.approx(held, abs=0.01)
    shown = position_info(7, volume=part, sl=1.0951)
    rig.feed(positions=[shown])
    rest = held * (reply["lots"] - part) / reply["lots"]
    assert rig.reserved() == pytest.approx(rest, abs=0.02)
    assert rig.fill(name, ticket=8, lots=reply["lots"] - part)["state"] == "open"
    rig.feed(positions=[shown, position_info(8, volume=reply["lots"] - part, sl=1.0951)])
    assert rig.reserved() == 0


def test_a_release_after_a_partial_fill_frees_only_the_rest(rig: Rig) -> None:
    reply = granted(rig.size())
    name, held = reply["reservation"], held_by(rig, reply)
    half = reply["lots"] / 2
    rig.fill(name, ticket=7, lots=half)
    assert rig.release(name)["state"] == "open"
    assert rig.reserved() == pytest.approx(held / 2, abs=0.02)


def test_a_release_after_the_fill_changes_nothing(rig: Rig) -> None:
    reply = granted(rig.size())
    name, held = reply["reservation"], held_by(rig, reply)
    rig.fill(name, ticket=7, lots=reply["lots"])
    assert rig.release(name)["state"] == "open"
    assert rig.reserved() == held


def test_an_over_fill_is_held_in_full(rig: Rig) -> None:
    reply = granted(rig.size())
    held = held_by(rig, reply)
    assert rig.fill(reply["reservation"], ticket=7, lots=reply["lots"] * 2)["state"] == "open"
    assert rig.reserved() == pytest.approx(2 * held, abs=0.02)


@pytest.mark.parametrize("ended", ["released", "lapsed"])
def test_a_fill_after_the_end_is_held_all_the_same(rig: Rig, ended: str) -> None:
    reply = granted(rig.size())
    name, held = reply["reservation"], held_by(rig, reply)
    if ended == "released":
        rig.release(name)
    else:
        rig.tick(HOLD_MS + GRACE_MS)
        rig.feed()
    assert rig.reserved() == 0
    assert rig.fill(name, ticket=7, lots=reply["lots"])["state"] == "open"
    assert rig.reserved() == pytest.approx(held, abs=0.01)
    rig.reopen()
    assert rig.reserved() == pytest.approx(held, abs=0.01)
    rig.tick(2_000)
    rig.feed(session="restarted")
    assert rig.reserved() == 0


@pytest.mark.parametrize("kind", ["fill", "release"])
def test_an_unknown_reservation_is_a_bad_value(rig: Rig, kind: str) -> None:
    fields = {"ticket": 1, "lots": 1, "price": 1} if kind == "fill" else {"reason": "x"}
    reply = rig.ask(type=kind, reservation="r999", **fields)
    assert (reply["code"], reply["field"]) == ("bad_value", "reservation")


def test_reservations_of_another_account_are_unknown(tmp_path: Path) -> None:
    rig = Rig(tmp_path, account_settings(1), account_settings(2))
    rig.feed(1)
    name = granted(rig.size(account=1))["reservation"]
    assert rig.release(name, account=2)["code"] == "bad_value"
    assert rig.fill(name, account=2)["code"] == "bad_value"
    assert (rig.reserved(account=1) > 0, rig.reserved(account=2)) == (True, 0)
    rig.close()


# Lapses --------------------------------------------------------------------------------------------------------------


def test_a_reservation_lapses_only_with_a_report_made_after_its_time(rig: Rig) -> None:
    reply = granted(rig.size())
    assert reply["expires_ms"] == NOW_MS + HOLD_MS
    rig.tick(HOLD_MS - 1_000)
    rig.feed()
    assert rig.reserved() > 0
    rig.tick(1_000)
    rig.service.housekeep()
    assert rig.reserved() > 0, "the last report is older than the expiry"
    rig.tick(60_000)
    rig.service.housekeep()
    assert rig.reserved() > 0, "the feed is silent"
    rig.feed()
    assert rig.reserved() == 0
    assert rig.release(reply["reservation"])["state"] == "lapsed"


def lapsing(rig: Rig, request: dict[str, Any], *, before: dict[str, Any], after: dict[str, Any]) -> str:
    """The state of a reservation after its time, when the terminal shows something at its end."""
    rig.feed(**before)
    name = granted(rig.size(**request))["reservation"]
    rig.tick(HOLD_MS + GRACE_MS)
    rig.feed(**after)
    assert rig.reserved() == 0
    return str(rig.release(name)["state"])


OURS = position_info(7, volume=0.1, magic=5, time_msc=NOW_MS + 3_000)


@pytest.mark.parametrize(
    ("shown", "state"),
    [
        ({"positions": [OURS]}, "open"),
        ({"positions": [{**OURS, "time_msc": NOW_MS - 1_000}]}, "open"),
        ({"positions": [{**OURS, "time_msc": NOW_MS - 10_000}]}, "lapsed"),
        ({"positions": [{**OURS, "magic": 6}]}, "lapsed"),
        ({"positions": [{**OURS, "type": 1, "sl": 1.105}]}, "lapsed"),
        ({"orders": [order_info(8, magic=5, time_setup_msc=NOW_MS + 3_000)]}, "open"),
        ({"orders": [order_info(8, magic=5, type=3, sl=1.105, time_setup_msc=NOW_MS + 3_000)]}, "lapsed"),
        ({}, "lapsed"),
    ],
)
def test_a_lapse_looks_for_the_position_by_symbol_side_magic_and_time(
    rig: Rig, shown: dict[str, Any], state: str
) -> None:
    assert lapsing(rig, {"magic": 5}, before={}, after=shown) == state


def test_one_position_answers_for_one_reservation_only(rig: Rig) -> None:
    names = [granted(rig.size(magic=5))["reservation"] for _ in range(2)]
    rig.tick(HOLD_MS + GRACE_MS)
    rig.feed(positions=[OURS])
    assert sorted(rig.release(name)["state"] for name in names) == ["lapsed", "open"]


def test_a_position_that_was_reported_for_one_reservation_is_not_anothers(rig: Rig) -> None:
    first, second = granted(rig.size(magic=5)), granted(rig.size(magic=5))
    rig.fill(first["reservation"], ticket=7, lots=first["lots"])
    shown = {**OURS, "volume": first["lots"]}
    rig.feed(positions=[shown])
    rig.tick(HOLD_MS + GRACE_MS)
    rig.feed(positions=[shown])
    assert rig.release(second["reservation"])["state"] == "lapsed"


# Restarts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["tail", "folded", "saved", "saved and more", "clean"])
def test_a_restart_rebuilds_the_ledger(rig: Rig, how: str) -> None:
    first, second, third = (granted(rig.size(max_lots=0.2)) for _ in range(3))
    rig.fill(first["reservation"], ticket=7, lots=first["lots"] / 2)
    rig.release(second["reservation"])
    if how == "folded":
        rig.journal.fold()
    if how.startswith("saved"):
        rig.service.save_state()
    if how == "saved and more":
        granted(rig.size(max_lots=0.1))
        rig.fill(third["reservation"], ticket=8, lots=third["lots"])
    held, before = rig.reserved(), rig.size(dry_run=True)
    assert held > 0
    for _ in range(2):
        rig.reopen(clean=how == "clean")
        assert rig.reserved() == held
    rig.feed(session="restarted")
    assert rig.reserved() == held
    after = rig.size(dry_run=True)
    assert (after["lots"], after["caps"]) == (before["lots"], before["caps"])
    assert rig.release(second["reservation"])["state"] == "released"
    rig.tick(HOLD_MS + GRACE_MS)
    rig.feed(session="restarted")
    assert rig.reserved() == 0
    path = rig.path
    rig.reopen(clean=True)
    assert recomputed(path) >= 5


def drawdown(rig: Rig) -> str:
    return str(next(each["detail"] for each in rig.size(dry_run=True)["factors"] if each["name"] == "drawdown"))


@pytest.mark.parametrize("clean", [False, True])
def test_a_restart_remembers_the_peak_of_the_equity(tmp_path: Path, clean: bool) -> None:
    rig = Rig(tmp_path, account_settings(firm=NO_RULES))
    rig.feed(account_info=account_info(equity=105_000.0))
    rig.feed(account_info=account_info(equity=101_000.0))
    before = drawdown(rig)
    assert before.startswith("3.81 %")
    for _ in range(2):
        rig.reopen(clean=clean)
        rig.feed(session="restarted", account_info=account_info(equity=101_000.0))
        assert drawdown(rig) == before
    rig.reopen(clean=clean)
    rig.feed(session="again", account_info=account_info(equity=94_500.0))
    assert rig.status()["halted"] == "drawdown_halt"
    assert rig.size()["code"] == "drawdown_halt"
    rig.close()


@pytest.mark.parametrize("clean", [False, True])
def test_a_restart_remembers_the_days_starting_balance(rig: Rig, clean: bool) -> None:
    floor = rig.status()["rules"][0]["floor"]
    assert floor == 95_000
    for number in range(2):
        rig.reopen(clean=clean)
        # Without deals nothing but the journal can tell what the balance was at midnight.
        rig.feed(session=f"s{number}", deals=None, account_info=account_info(balance=99_000.0))
        assert rig.status()["rules"][0]["floor"] == floor
        assert rig.size(dry_run=True)["lots"] > 0
    rig.tick(24 * 3_600_000)
    rig.feed(session="tomorrow", deals=None, account_info=account_info(balance=99_000.0))
    assert rig.size()["code"] == "stale_account"


def test_reservation_names_are_never_given_twice(rig: Rig) -> None:
    names = set()
    for number in range(12):
        names.add(granted(rig.size(max_lots=0.02))["reservation"])
        rig.ask(type="ping")
        if number % 3 == 0:
            rig.reopen(clean=number % 2 == 0)
            rig.feed(session=f"s{number}", positions=[])
        rig.release(sorted(names)[0])
        rig.tick(HOLD_MS + GRACE_MS)
        rig.feed(session=f"s{number - number % 3}")
    assert len(names) == 12


def test_answers_do_not_depend_on_the_journal_being_folded(rig: Rig) -> None:
    raw = rig.body(**size_fields())
    first = rig.send(raw)
    rig.journal.fold()
    rig.ask(type="ping")
    assert rig.send(raw) == first
    assert granted(decoded(first))
