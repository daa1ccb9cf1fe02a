"""The MQL5 client against the real daemon: questions, answers, repetition, restarts, refusals."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bridge.builders import Rig, size_fields
from tests.bridge.paper import PaperAccount
from tests.bridge.processes import Daemon, PatientClient, trading
from tests.bridge.sockets import Running, serving
from tests.builders import LOGIN, NOW_MS
from tests.mql5.driver import MARGIN_US, Driver

QUESTION = {key: value for key, value in size_fields().items() if key != "type"}
TRANSPORTS = ("zmtp", "libzmq")


@pytest.fixture(params=TRANSPORTS)
def client(request: pytest.FixtureRequest, driver: Driver, running: Running) -> Driver:
    """A client of the fed account, over either transport."""
    driver.connect(running.address, request.param, account=LOGIN, deadline_ms=20_000)
    return driver


def test_a_size_question_gets_the_daemons_lots(client: Driver, rig: Rig) -> None:
    answer = client.do("size", **QUESTION)
    assert (answer["status"], answer["code"], answer["message"]) == ("ok", "", "")
    assert answer["lots"] > 0
    assert answer["reservation"]
    assert answer["expires_ms"] > NOW_MS
    assert answer["currency"] == "USD"
    again = client.do("again")
    assert {**again, "elapsed_us": 0} == {**answer, "elapsed_us": 0}


def test_every_field_of_a_question_is_understood(client: Driver) -> None:
    answer = client.do(
        "size",
        **QUESTION,
        entry=1.1002,
        market_score=60,
        regime="trending",
        strategy="Überholspur 😀",
        magic=-7,
        order="pending",
        horizon_minutes=600,
        max_lots=0.29,
        max_risk_pct=0.5,
        sent_ms=NOW_MS,
        dry_run=True,
    )
    assert (answer["status"], answer["lots"], answer["reservation"]) == ("ok", 0.29, "")


def test_a_fill_and_a_release_change_the_reservation(client: Driver) -> None:
    answer = client.do("size", **QUESTION)
    half = round(answer["lots"] / 2, 2)
    filled = client.do("fill", reservation=answer["reservation"], ticket=90_211, lots=half, price=1.10009)
    assert (filled["done"], filled["state"]) == (True, "partly_open")
    released = client.do("release", reservation=answer["reservation"], reason="rest not filled " * 20)
    assert (released["done"], released["state"]) == (True, "open")


def test_status_tells_the_account_and_its_rules(client: Driver, rig: Rig) -> None:
    status = client.do("status")
    wanted = rig.status()
    for key in ("account", "equity", "balance", "currency", "open_risk", "reserved_risk", "protocol", "version"):
        assert status[key] == wanted[key], key
    assert status["connected"] is True
    assert [rule["floor"] for rule in status["rules"]] == [rule["floor"] for rule in wanted["rules"]]


def test_the_policys_stop_is_asked_for_by_null(client: Driver) -> None:
    answer = client.do("size", **{**QUESTION, "stop_loss": None})
    assert (answer["status"], answer["code"], answer["lots"]) == ("reject", "stop_required", 0)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_a_stop_that_is_no_number_is_not_sent(client: Driver, text: str) -> None:
    question = {key: value for key, value in QUESTION.items() if key != "stop_loss"}
    answer = client.do("size", **question, stop_loss_text=text)
    assert (answer["status"], answer["code"], answer["lots"]) == ("none", "bad_request", 0)
    assert "stop_loss" in answer["message"]
    assert client.do("net")["sent"] == 0


def test_a_question_without_a_stop_or_with_an_empty_value_is_an_error(client: Driver) -> None:
    question = {key: value for key, value in QUESTION.items() if key != "stop_loss"}
    answer = client.do("size", **question)
    assert (answer["status"], answer["code"], answer["field"]) == ("error", "missing_field", "stop_loss")
    answer = client.do("size", **question, stop_loss_text="1.7976931348623157e308")
    assert (answer["status"], answer["code"], answer["lots"]) == ("error", "bad_value", 0)


def test_a_reject_is_0_lots_and_says_why(client: Driver) -> None:
    answer = client.do("size", **{**QUESTION, "stop_loss": 1.2})
    assert (answer["done"], answer["status"], answer["code"]) == (False, "reject", "stop_wrong_side")
    assert answer["lots"] == 0
    assert "1.2" in answer["message"]


def test_thousands_of_requests_on_one_connection(driver: Driver, running: Running) -> None:
    driver.connect(running.address, account=LOGIN, deadline_ms=20_000)
    assert driver.do("ping", times=3_000)["done"]
    for _ in range(150):
        answer = driver.do("size", **QUESTION, max_lots=0.01)
        assert driver.do("release", reservation=answer["reservation"], reason="next")["state"] == "released"
    net = driver.do("net")
    assert (net["sent"], net["connects"], net["sockets"]) == (3_300, 1, 1)


def test_the_daemons_clock_comes_with_every_reply(client: Driver) -> None:
    assert client.do("ping")["server_ms"] == NOW_MS


def test_ids_differ_between_questions_and_runs(driver: Driver) -> None:
    ids = driver.do("ids")
    assert len({ids["first"], ids["next"], ids["other"]}) == 3
    assert ids["first"].rpartition("-")[0] == ids["next"].rpartition("-")[0] != ids["other"].rpartition("-")[0]
    assert len(ids["first"]) <= 64


# Nobody there -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_without_a_daemon_there_is_no_answer_within_the_deadline(driver: Driver, transport: str) -> None:
    driver.connect("tcp://127.0.0.1:9", transport, account=LOGIN)
    answer = driver.do("size", **QUESTION)
    assert (answer["status"], answer["code"], answer["lots"], answer["done"]) == ("none", "no_answer", 0, False)
    assert answer["elapsed_us"] < 500_000 + MARGIN_US


def test_after_no_answer_the_next_questions_are_not_sent_for_a_while(driver: Driver, running: Running) -> None:
    driver.connect(running.address, account=LOGIN)
    driver.do("faults", refuse=3)
    assert "Is the daemon running?" in driver.do("ping")["message"]
    assert driver.do("net")["connects"] == 3
    answer = driver.do("ping")
    assert (answer["code"], driver.do("net")["connects"]) == ("no_answer", 3)
    assert answer["elapsed_us"] < 20_000
    driver.do("pass", ms=251)
    assert driver.do("ping")["done"]


def test_the_pauses_grow_and_end(driver: Driver, running: Running) -> None:
    driver.connect(running.address, account=LOGIN)
    driver.do("faults", refuse=1_000)
    for pause in (250, 500, 1_000, 2_000, 4_000, 5_000, 5_000):
        before = driver.do("net")["connects"]
        assert not driver.do("ping")["done"]
        assert driver.do("net")["connects"] == before + 3
        driver.do("pass", ms=pause - 100)
        driver.do("ping")
        assert driver.do("net")["connects"] == before + 3, pause
        driver.do("pass", ms=101)
    driver.do("faults")
    assert driver.do("ping")["done"]


@pytest.mark.parametrize(
    "address", ["", "tcp://", "tcp://host", "tcp://:5", "ipc://x", "tcp://host:0", "tcp://h:99999"]
)
def test_an_address_that_is_none_is_said_to_be(driver: Driver, address: str) -> None:
    driver.connect(address, account=LOGIN)
    assert "must look like tcp://127.0.0.1:5757" in driver.do("ping")["message"]


def test_port_443_is_refused(driver: Driver) -> None:
    driver.connect("tcp://127.0.0.1:443", account=LOGIN)
    assert "TLS" in driver.do("ping")["message"]


def test_an_address_that_the_user_has_not_allowed_names_the_clicks(driver: Driver, running: Running) -> None:
    driver.connect(running.address, account=LOGIN)
    driver.do("faults", allowed="10.0.0.1")
    message = driver.do("ping")["message"]
    assert "4014" in message
    assert "Tools > Options > Expert Advisors" in message


def test_the_strategy_tester_has_no_sockets_but_the_dll(driver: Driver, running: Running) -> None:
    driver.connect(running.address, account=LOGIN)
    driver.do("faults", tester=True)
    assert "strategy tester" in driver.do("ping")["message"]
    driver.connect(running.address, "libzmq", account=LOGIN, deadline_ms=20_000)
    assert driver.do("ping")["done"]


def test_a_dll_that_is_not_allowed_names_the_click(driver: Driver, running: Running) -> None:
    driver.connect(running.address, "libzmq", account=LOGIN)
    driver.do("dlls", allowed=0)
    assert "Allow DLL imports" in driver.do("ping")["message"]
    driver.do("dlls", allowed=1)


def test_a_program_that_is_being_removed_does_not_wait(driver: Driver, running: Running) -> None:
    driver.connect(running.address, account=LOGIN)
    driver.do("faults", stopped=True)
    answer = driver.do("ping")
    assert answer["code"] == "no_answer"
    assert answer["elapsed_us"] < 200_000


# Restarts -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[Daemon, PatientClient]]:
    folder = tmp_path / "process"  # beside the rig's journal
    folder.mkdir()
    with trading(folder, NOW_MS) as (daemon, feeder):
        daemon.start()
        yield daemon, feeder


def feed(rig: Rig, daemon: Daemon, feeder: PatientClient) -> None:
    """Hand a full snapshot, from the first deposit on, to a daemon of its own process."""
    snapshot = {**rig.snapshot_fields(), **PaperAccount(NOW_MS - 86_400_000).parts()}
    assert feeder.ask(daemon, rig.body(**snapshot))["status"] == "ok"


def test_a_daemon_killed_and_started_again_repeats_its_answer(
    driver: Driver, rig: Rig, process: tuple[Daemon, PatientClient]
) -> None:
    daemon, feeder = process
    feed(rig, daemon, feeder)
    driver.connect(daemon.address, account=LOGIN, deadline_ms=20_000)
    answer = driver.do("size", **QUESTION)
    assert answer["lots"] > 0
    for _ in range(3):
        daemon.kill()
        daemon.start()
        again = driver.do("again")
        assert {**again, "elapsed_us": 0} == {**answer, "elapsed_us": 0}
        assert driver.do("status")["reserved_risk"] == pytest.approx(answer["worst_case"], abs=0.02)


def test_while_the_daemon_is_dead_there_are_no_lots_and_afterwards_there_are(
    driver: Driver, rig: Rig, process: tuple[Daemon, PatientClient]
) -> None:
    daemon, feeder = process
    feed(rig, daemon, feeder)
    driver.connect(daemon.address, account=LOGIN)
    daemon.kill()
    answer = driver.do("size", **QUESTION)
    assert (answer["lots"], answer["code"]) == (0, "no_answer")
    assert answer["elapsed_us"] < 500_000 + MARGIN_US
    daemon.start()
    feed(rig, daemon, feeder)
    driver.do("disconnect")
    assert driver.do("again")["lots"] > 0


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_daemon_that_stands_still_does_not_hold_up_the_chart(
    driver: Driver, process: tuple[Daemon, PatientClient], transport: str
) -> None:
    daemon, _ = process
    driver.connect(daemon.address, transport, account=LOGIN)
    assert driver.do("ping")["done"]
    with daemon.stopped():
        answer = driver.do("size", **QUESTION)
    assert (answer["lots"], answer["code"]) == (0, "no_answer")
    assert 400_000 < answer["elapsed_us"] < 500_000 + MARGIN_US


def test_requests_that_were_stored_while_the_client_gave_up_are_answered_the_same(
    driver: Driver, rig: Rig, process: tuple[Daemon, PatientClient]
) -> None:
    daemon, feeder = process
    feed(rig, daemon, feeder)
    driver.connect(daemon.address, account=LOGIN)
    assert driver.do("ping")["done"]
    with daemon.stopped():
        assert driver.do("size", **QUESTION)["code"] == "no_answer"
    driver.do("disconnect")
    answer: dict[str, Any] = driver.do("again")
    assert answer["lots"] > 0
    assert driver.do("status")["reserved_risk"] == pytest.approx(answer["worst_case"], abs=0.02), "reserved once"


# Serving anew -------------------------------------------------------------------------------------------------------


def test_a_connection_that_the_daemon_closed_is_opened_anew(driver: Driver, rig: Rig) -> None:
    with serving(rig) as first:
        driver.connect(first.address, account=LOGIN, deadline_ms=20_000)
        assert driver.do("ping")["done"]
        address = first.address
    with serving(rig, bind=address):
        assert driver.do("ping")["done"]
    assert driver.do("net")["connects"] == 2
