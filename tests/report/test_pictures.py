"""Pictures: whole files or none, in every format, without a reference to anywhere else."""

import importlib.util
import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from bridge.journal.records import Changes
from bridge.report.audit import history_audit, journal_audit
from bridge.report.audit_page import audit_page
from bridge.report.audit_plot import draw_audit
from bridge.report.audit_report import Audited
from bridge.report.errors import ReportError
from bridge.report.html import html_page
from bridge.report.page import Facts, Page, Sheet, Text
from bridge.report.picture import demand_place, save
from bridge.report.risk import Wish, risk_of
from bridge.report.risk_page import risk_page
from bridge.report.risk_plot import draw_risk
from sizing.policy import Policy
from tests.report.builders import outcome, source, wander, zigzag

PAGE = Page(
    "A <title> & more",
    [Text("plain <b>"), Facts([("name", "1 < 2")]), Sheet("Numbers", ("a", "b"), (1,), [("x", "1")])],
)


def risk_picture(**wish: object) -> tuple[Figure, Page]:
    first = wander(1)
    there = source(EURUSD=first, GBPUSD=wander(2, like=first), AUDNZD=wander(3))
    report, series = risk_of(there, Wish("EURUSD", **wish))  # type: ignore[arg-type]
    return draw_risk(report, series), risk_page(report)


def audited() -> Audited:
    return history_audit("bars", {"A": wander(1, 600), "B": wander(2, 600)}, Policy())


def pixels(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return np.asarray(imread(path))[..., :3]


def texts(figure: Figure) -> str:
    found = []
    for axes in figure.axes:
        legend = axes.get_legend()
        found += [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
        found += [text.get_text() for text in (*axes.texts, *(legend.get_texts() if legend else ()))]
    return "\n".join(found)


class Parsed(HTMLParser):
    """Tags that are opened and closed, references, and text."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.open: list[str] = []
        self.feed(body)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("kind", ["risk", "one side", "short", "audit", "one symbol", "journal", "nothing"])
def test_every_picture_is_drawn(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "plot.png"
    figure, page = drawn(kind)
    save(path, figure, page)
    found = pixels(path)
    assert found.shape[1] == 1650
    assert len(np.unique(found.reshape(-1, 3), axis=0)) > (2 if kind == "nothing" else 50)
    assert np.mean(found.min(axis=-1) < 0.9) > (0 if kind == "nothing" else 0.01)


def drawn(kind: str) -> tuple[Figure, Page]:
    if kind in ("risk", "one side"):
        return risk_picture(side=None if kind == "risk" else "buy")
    if kind == "short":
        report, series = risk_of(source(X=zigzag(25)), Wish("X", stop=0.01))
        return draw_risk(report, series), risk_page(report)
    if kind == "audit":
        found = audited()
    elif kind == "one symbol":
        found = history_audit("bars", {"A": wander(1, 600)}, Policy())
    else:
        days = tuple(outcome(day, 90.0 + day % 20, number=day) for day in range(1, 90)) if kind == "journal" else ()
        found = journal_audit("journal", [(7, Changes(outcomes=days))] if days else [], {}, Policy())
    return draw_audit(*found), audit_page(found.report)


def test_the_risk_picture_names_its_units_and_marks() -> None:
    said = texts(risk_picture()[0])
    for part in (
        "buy, held up to 1 day", "sell, held up to 1 day", "loss, multiples of the stop", "share of paths, %",
        "EWMA, % per day", "regime", "correlation used for sizing", "stop: 1", "VaR 95 %: ", "ES 95 %: ",
        "ES, 90 % interval: ", "sizing", "very low", "extreme",
    ):  # fmt: skip
        assert part in said


def test_the_audits_picture_has_a_cell_for_each_symbol() -> None:
    figure = draw_audit(*audited())
    assert [axes.get_title(loc="left") for axes in figure.axes[::2]] == ["A", "B"]
    assert "loss, volatilities of the day" in texts(figure)


@pytest.mark.parametrize("kind", ["risk", "audit"])
@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_vectors_and_pages_refer_to_nothing_outside(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"plot{suffix}"
    save(path, *drawn(kind))
    body = path.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\"'<> )]*", body)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    parsed = Parsed(body)
    assert parsed.open == []
    assert all(each.startswith(("#", "data:")) for each in parsed.references)
    assert "<svg" in body


def test_the_same_figures_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        save(tmp_path / name, *risk_picture())
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_page_shows_everything_and_no_markup_of_others() -> None:
    body = html_page(PAGE, "<svg></svg>")
    assert Parsed(body).open == []
    for part in ("A &lt;title&gt; &amp; more", "plain &lt;b&gt;", "<td>1 &lt; 2</td>", '<td class="right">1</td>'):
        assert part in body


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"plot\.pdf is none of \.png, \.svg, \.html"):
        demand_place(tmp_path / "plot.pdf")


def test_a_place_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ReportError, match="is a folder"):
        demand_place(tmp_path / "folder.png")
    with pytest.raises(ReportError, match=r"cannot be written: .*Name another place with --plot"):
        demand_place(tmp_path / "missing" / "plot.png")
    demand_place(tmp_path / "PLOT.PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ReportError, match=r'extra "plot": pip install "lotbridge\[plot\]"'):
        demand_place(tmp_path / "plot.png")


def test_a_failed_write_leaves_the_old_picture_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plot.svg"
    path.write_text("old")
    figure, page = drawn("nothing")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ReportError, match="No space left on device"):
        save(path, figure, page)
    assert [each.name for each in tmp_path.iterdir()] == ["plot.svg"]
    assert path.read_text() == "old"


def test_matplotlibs_settings_are_left_as_they_were() -> None:
    before = dict(mpl.rcParams)
    risk_picture()
    assert dict(mpl.rcParams) == before
