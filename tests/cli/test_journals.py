"""Which journal a command reads where nobody names one."""

from pathlib import Path

import pytest

from bridge.cli import folders
from bridge.cli.journals import find_journal, opened
from bridge.errors import JournalError
from bridge.settings import defaults_folder


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sample's journal, and a configuration in the present folder whose daemon never ran."""
    journal = tmp_path / "sample.sqlite"
    monkeypatch.setattr(folders, "sample_journal", lambda: journal)
    config = tmp_path / "config"
    config.mkdir()
    for path in defaults_folder().rglob("*.toml"):
        copy = config / path.relative_to(defaults_folder())
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    return journal


def test_a_configuration_nobody_named_gives_way_to_the_samples_journal(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample.write_bytes(b"")
    assert find_journal(None)[0] == sample
    assert "does not exist yet" in capsys.readouterr().err


def test_a_configuration_that_was_named_is_kept(sample: Path, tmp_path: Path) -> None:
    sample.write_bytes(b"")
    assert find_journal(tmp_path / "config")[0] != sample


def test_without_a_samples_journal_the_configured_one_is_meant(sample: Path) -> None:
    assert find_journal(None)[0] != sample


@pytest.mark.parametrize("content", [None, b"\x89PNG and so on, longer than a head"])
def test_a_file_that_is_no_journal_is_called_so(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "picture.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(JournalError, match="Name another with --journal"), opened(path, named=True):
        pass
