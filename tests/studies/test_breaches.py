"""The Monte-Carlo proof on real bars, in small. `python -m tests.studies.breaches` shows more."""

from pathlib import Path

import pytest

from tests.studies.breaches import FILES, HOURLY, study
from tests.studies.real_bars import ABSENT, DATA

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=ABSENT)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("firm", ["ftmo-2step", "the5ers-high-stakes"])
def test_nothing_is_breached_within_the_allowance(path: Path, firm: str) -> None:
    report = study(path, 300, firm)
    own = report.within_allowance[0]
    assert own.breaches == 0, own.breaches_by_rule
    assert own.exposed_share == 0
    assert report.proved
    assert report.hourly is (path == HOURLY)
    assert report.bound_by_rules > 0.9
