"""All pages: links lead somewhere, and nothing in the repository belongs to one machine."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, all_pages, anchors, links, text

MACHINE = re.compile(
    r"(?<![\w.])/(?:home|root|Users)/\w|(?<![\w./])/(?:work|tmp)/\w|[A-Za-z]:\\+(?:Users|Documents and Settings)\\",
    re.IGNORECASE,
)
"""A folder that only somebody's own machine has."""
REGISTRY = re.compile(
    r"(?:extra-)?index-url|(?:https?://|@)[\w.\-]*(?:pypi|registry|artifactory|jfrog|nexus|devpi|mirror)[\w.\-]*",
    re.IGNORECASE,
)
"""Where somebody gets packages from."""


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_is_plain_text_in_lines_that_fit_a_screen(page: Path) -> None:
    body = text(page)
    assert body.endswith("\n")
    assert "\t" not in body
    assert "\r" not in body
    fenced = False
    for number, line in enumerate(body.splitlines(), start=1):
        fenced ^= line.lstrip().startswith("```")
        assert line == line.rstrip(), number
        # Tables, links on their own, and what a program printed cannot be broken.
        assert len(line) <= 120 or line.startswith(("|", "[", "!", "<")) or fenced, number


def test_no_file_names_a_folder_of_one_machine_or_a_package_registry() -> None:
    found = []
    for path in _tracked():
        if path == Path(__file__).resolve():
            continue
        try:
            body = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        for number, line in enumerate(body.splitlines(), start=1):
            if MACHINE.search(line) or REGISTRY.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found


def _tracked() -> list[Path]:
    """The files under version control; in an unpacked source distribution all files of its folders."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z"],  # noqa: S607 - whichever git there is
            cwd=ROOT,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
        return [ROOT / name for name in listed.stdout.split("\0") if name]
    folders = ("bridge", "sizing", "config", "tests", "docs", "mql5")
    inside = [path for folder in folders for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    return [path for path in (*inside, *ROOT.glob("*")) if path.is_file()]
