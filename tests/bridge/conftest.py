"""A fresh daemon for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bridge.builders import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """One FTMO account that has been fed."""
    rig = Rig(tmp_path)
    assert rig.feed()["status"] == "ok"
    yield rig
    rig.close()
