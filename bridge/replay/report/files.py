"""The report's two files: a page for the browser, and its figures as JSON beside it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bridge.errors import ReplayError
from bridge.replay.columns import replace_file
from bridge.replay.report.figures import figures_of
from bridge.replay.report.page import html_report
from bridge.replay.run import Run


def write_report(runs: Sequence[Run], page: Path) -> Path:
    """Write the page and, beside it, the figures of one run or two; where those are. Raises ReplayError."""
    if not page.parent.is_dir():
        raise ReplayError(f"{page.parent} is not a folder: make it, or name another place with --out")
    figures = [figures_of(each) for each in runs]
    beside = page.with_suffix(".json")
    content = html_report(*runs).encode()
    told = msgspec.json.encode(figures[0] if len(figures) == 1 else figures)
    replace_file(page, lambda path: path.write_bytes(content))
    replace_file(beside, lambda path: path.write_bytes(msgspec.json.format(told, indent=2) + b"\n"))
    return beside
