"""PLAIN over both transports, CURVE over libzmq, and what a wrong secret gets."""
# ruff: noqa: S106 - the passwords are a test's

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.settings import AuthSettings
from bridge.settings.model import AuthUser
from tests.bridge.builders import Rig, account_settings
from tests.bridge.sockets import Running, serving
from tests.bridge.test_auth import PLAIN, Keys
from tests.mql5.driver import MARGIN_US, Driver
from tests.mql5.test_client import TRANSPORTS


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, account_settings(1), account_settings(2))
    rig.feed(1)
    rig.feed(2)
    yield rig
    rig.close()


@pytest.fixture
def plain(two: Rig) -> Iterator[Running]:
    with serving(two, PLAIN) as running:
        yield running


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_right_password_is_served(driver: Driver, plain: Running, transport: str) -> None:
    for user, password, account in (("ea", "secret", 1), ("owner", "pässwörd", 2)):
        driver.connect(plain.address, transport, account=account, user=user, password=password, deadline_ms=20_000)
        assert driver.do("ping", times=200)["done"]
        assert driver.do("status")["account"] == account


@pytest.mark.parametrize("faults", [{"read_most": 1}, {"send_most": 1}, {"says_zero": True}])
def test_plain_in_crumbs(driver: Driver, plain: Running, faults: dict[str, object]) -> None:
    driver.connect(plain.address, account=1, user="ea", password="secret", deadline_ms=20_000)
    driver.do("faults", **faults)
    assert driver.do("ping")["done"]


@pytest.mark.parametrize(("user", "password"), [("ea", "wrong"), ("nobody", "secret"), ("ea", "x" * 255), ("", "")])
def test_a_wrong_password_is_no_answer_within_the_deadline(
    driver: Driver, plain: Running, user: str, password: str
) -> None:
    driver.connect(plain.address, account=1, user=user, password=password)
    answer = driver.do("ping")
    assert (answer["done"], answer["code"]) == (False, "no_answer")
    assert answer["elapsed_us"] < 500_000 + MARGIN_US
    assert "refuses this user or password (400)" in answer["message"]


def test_libzmq_with_a_wrong_password_gets_no_answer(driver: Driver, plain: Running) -> None:
    driver.connect(plain.address, "libzmq", account=1, user="ea", password="wrong")
    answer = driver.do("ping")
    assert answer["code"] == "no_answer"
    assert answer["elapsed_us"] < 500_000 + MARGIN_US


def test_a_password_that_zeromq_cannot_carry_is_said_to_be(driver: Driver, plain: Running) -> None:
    assert not driver.connect(plain.address, account=1, user="ea", password="x" * 256)["good"]
    assert "255 bytes" in driver.do("ping")["message"]


def test_null_and_plain_do_not_meet(driver: Driver, plain: Running, two: Rig) -> None:
    driver.connect(plain.address, account=1)
    assert "wants the mechanism PLAIN, this program uses NULL" in driver.do("ping")["message"]
    plain.stop()
    with serving(two) as running:
        driver.connect(running.address, user="ea", password="secret")
        assert "wants the mechanism NULL, this program uses PLAIN" in driver.do("ping")["message"]


def test_an_account_that_the_user_may_not_ask_for(driver: Driver, plain: Running) -> None:
    driver.connect(plain.address, account=2, user="ea", password="secret", deadline_ms=20_000)
    answer = driver.do("status")
    assert (answer["status"], answer["code"], answer["field"]) == ("error", "unauthorized", "account")


def test_curve_over_libzmq(driver: Driver, two: Rig, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    known, stranger = pair(keys.known), pair(keys.stranger)
    with serving(two, keys.auth) as running:
        server = {"server_key": keys.server_key, "account": 1}
        driver.connect(running.address, "libzmq", **server, **known, deadline_ms=20_000)
        assert driver.do("ping", times=200)["done"]
        driver.connect(running.address, "libzmq", **server, **stranger)
        assert driver.do("ping")["code"] == "no_answer"
        driver.connect(running.address, "libzmq", **{**server, "server_key": "short"}, **known)
        assert "keys" in driver.do("ping")["message"]
        driver.connect(running.address, account=1)
        assert "wants the mechanism CURVE" in driver.do("ping")["message"]


def pair(path: Path) -> dict[str, str]:
    """Both keys of a file, as the EA's inputs have them."""
    text = path.read_text(encoding="utf-8")
    return {f"{kind}_key": text.split(f'{kind}-key = "')[1].split('"')[0] for kind in ("public", "secret")}


def test_a_user_with_an_umlaut(driver: Driver, two: Rig) -> None:
    auth = AuthSettings(mechanism="plain", users=(AuthUser(name="grün", password="日本", accounts=(1,)),))
    with serving(two, auth) as running:
        driver.connect(running.address, account=1, user="grün", password="日本", deadline_ms=20_000)
        assert driver.do("ping")["done"]
