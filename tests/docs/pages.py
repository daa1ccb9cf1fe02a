"""The pages, as the tests read them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROTOCOL = ROOT / "bridge" / "protocol" / "PROTOCOL.md"
SIZING = ROOT / "docs" / "sizing.md"
OPERATIONS = ROOT / "docs" / "operations.md"
CLIENT = ROOT / "docs" / "client.md"

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
_ANCHOR = re.compile(r'<a id="([^"]+)"')


def text(page: Path) -> str:
    """A page as it stands."""
    return page.read_text(encoding="utf-8")


def all_pages() -> list[Path]:
    """Every page of the project."""
    folders = (ROOT, ROOT / "docs", ROOT / "mql5", ROOT / "bridge" / "protocol")
    return sorted(page for folder in folders for page in folder.glob("*.md"))


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of one language."""
    return [body for kind, body in _FENCE.findall(text(page)) if kind == language]


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", text(page))


def links(page: Path) -> list[str]:
    """Targets of a page's links to other places in the project."""
    return [target for target in _LINK.findall(prose(page)) if "://" not in target and not target.startswith("mailto:")]


def anchors(page: Path) -> set[str]:
    """Where a link into a page may point, as GitHub derives it from headings."""
    slugs = {_slug(heading) for heading in _HEADING.findall(prose(page))}
    return slugs | set(_ANCHOR.findall(text(page)))


def _slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")
