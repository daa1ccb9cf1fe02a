"""Builds the test programs once per session."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bridge.builders import Rig
from tests.bridge.sockets import Running, serving
from tests.mql5 import builds
from tests.mql5.driver import Driver

Program = Callable[..., Path]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """`program("driver")` is the path of the built `programs/driver.cpp`."""
    if builds.compiler() is None:
        pytest.skip("there is no g++ to compile the MQL5 sources with")
    folder = tmp_path_factory.mktemp("mql5")
    made: dict[tuple[str, tuple[str, ...]], Path] = {}

    def built(name: str, options: tuple[str, ...] = builds.SANITIZED) -> Path:
        if (name, options) not in made:
            made[name, options] = builds.build(name, folder, options)
        return made[name, options]

    return built


@pytest.fixture
def driver(program: Program) -> Iterator[Driver]:
    """The client as a program of its own; it must end without a complaint."""
    with Driver(program("driver")) as driver:
        yield driver


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """One FTMO account that has been fed."""
    rig = Rig(tmp_path)
    assert rig.feed()["status"] == "ok"
    yield rig
    rig.close()


@pytest.fixture
def running(rig: Rig) -> Iterator[Running]:
    """The real daemon in a thread, on a port of its own."""
    with serving(rig) as running:
        yield running
