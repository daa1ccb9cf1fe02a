"""A report's picture as a file: PNG, SVG, or an HTML page that holds the picture and the tables.

Nothing in an SVG or a page refers to anywhere else: they can be mailed, and read without a network.
"""

import importlib.util
import io
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.report.errors import ReportError, how_to_install
from bridge.report.html import html_page
from bridge.report.page import Page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".html")
_DOTS_PER_INCH = 150
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.hashsalt": "lotbridge",  # equal figures give equal files
}


def demand_place(path: Path) -> None:
    """That a picture can be drawn and written there, before any work is done. Raises ReportError."""
    if path.suffix.lower() not in SUFFIXES:
        raise ReportError(f"{path} is none of {', '.join(SUFFIXES)}; name the plot accordingly.")
    if importlib.util.find_spec("matplotlib") is None:
        raise ReportError(f'A plot needs the extra "plot": {how_to_install("plot")}')
    if path.is_dir():
        raise ReportError(f"{path} is a folder; name a file in it.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as fault:
        raise _unwritable(path, fault) from fault


@contextmanager
def styled() -> Iterator[None]:
    """Figures that are made inside look alike; matplotlib's own settings come back afterwards."""
    import matplotlib as mpl  # noqa: PLC0415 - optional

    with mpl.rc_context({**mpl.rcParamsDefault, **_STYLE}):
        yield


def save(path: Path, figure: "Figure", page: Page) -> None:
    """Put a picture in place, whole or not at all. Raises ReportError."""
    content = _content(path.suffix.lower(), figure, page)
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as fault:
        temporary.unlink(missing_ok=True)
        raise _unwritable(path, fault) from fault
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _content(kind: str, figure: "Figure", page: Page) -> bytes:
    if kind == ".png":
        return _rendered(figure, "png", dpi=_DOTS_PER_INCH, metadata={"Title": page.title})
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    svg = _rendered(figure, "svg", dpi=_DOTS_PER_INCH, metadata=nothing).decode("utf-8")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = svg[svg.index("<svg") :]  # without the document type, which names an address
    return (svg if kind == ".svg" else html_page(page, svg)).encode("utf-8")


def _rendered(figure: "Figure", kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format=kind, **options)
    return buffer.getvalue()


def _unwritable(path: Path, fault: OSError) -> ReportError:
    return ReportError(f"{path} cannot be written: {fault.strerror or fault}. Name another place with --plot.")
