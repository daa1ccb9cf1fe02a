"""The report in a real browser: charts are drawn, nothing complains, nothing is asked for, keys work."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bridge.replay.report.page import html_report
from bridge.replay.run import Run, RunWriter, read_run
from tests.replay.chromium import Page, chromium
from tests.replay.runs import write_run
from tests.replay.sample_run import sample_run
from tests.replay.test_report import HOSTILE, hostile

SECTIONS = ("equity", "headroom", "drawdown", "breach", "lots", "multiples", "forecast")
PAPER = {False: (255, 255, 255), True: (20, 23, 27)}
BLUE = {False: (0, 103, 168), True: (98, 181, 240)}
RED = {False: (194, 65, 12), True: (255, 154, 98)}
"""Colours of the page, light and dark: equity and bars, and the daily floor."""

DRAWN = """[...document.querySelectorAll("#%s figure")].filter((figure) =>
  [...figure.querySelectorAll("svg[role=img] .drawn:not(.guide)")].some((each) => {
    const { width, height } = each.getBoundingClientRect();
    return width + height > 4;
  })).length"""
"""How many charts of a section show data, not only axes and guide lines."""
OUTSIDE = """[...document.querySelectorAll("#%s svg[role=img]")].flatMap((svg) => {
  const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll(".drawn, text")].filter((each) => {
    const own = each.getBoundingClientRect();
    return own.left < box.left - 8 || own.right > box.right + 8 || own.top < box.top - 8 || own.bottom > box.bottom + 8;
  }).map((each) => each.outerHTML.slice(0, 80));
})"""
"""What is drawn beyond its chart."""
CONTRASTS = """(() => {
  const light = (text) => {
    const [r, g, b] = text.match(/\\d+/g).map((each) => each / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const of = (name) => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(--${name})`;
    const told = light(getComputedStyle(probe).color);
    probe.remove();
    return told;
  };
  const paper = of("paper");
  return ["ink", "quiet", "blue", "red", "green", "purple", "gold"]
    .map((name) => Math.max(of(name), paper) / Math.min(of(name), paper));
})()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with chromium() as page:
        yield page


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    folder = tmp_path_factory.mktemp("runs")
    good = sample_run(folder / "good", name="standard")
    bad = sample_run(folder / "bad", name="bold", luck=-0.25, risk=900.0)
    return [read_run(good), read_run(bad)]


def show(browser: Page, folder: Path, *runs: Run, width: int = 1280, dark: bool = False) -> None:
    path = folder / "report.html"
    path.write_text(html_report(*runs), "utf-8", newline="\n")
    browser.open(path, width=width, dark=dark)
    browser.wait("document.documentElement.dataset.ready === 'yes'")
    browser.settle()
    assert browser.problems == []
    assert browser.requests == [path.resolve().as_uri()]


def painted(path: Path, colour: tuple[int, int, int]) -> int:
    """How many of a picture's pixels have a colour, edges that fade not counted."""
    from matplotlib.image import imread  # noqa: PLC0415 - 1 s that only this needs

    pixels = np.round(imread(path)[:, :, :3] * 255)
    return int(np.sum(np.all(np.abs(pixels - colour) < 12, axis=2)))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("count", [1, 2])
def test_every_chart_is_drawn(
    browser: Page, samples: list[Run], tmp_path: Path, width: int, dark: bool, count: int
) -> None:
    show(browser, tmp_path, *samples[:count], width=width, dark=dark)
    for section in SECTIONS:
        charts = browser.value(f"document.querySelectorAll('#{section} figure').length")
        assert charts >= count, section
        assert browser.value(DRAWN % section) == charts, section
        assert browser.value(OUTSIDE % section) == [], section
    assert browser.value("document.querySelectorAll('#caps .bar').length") > 4 * count
    assert browser.value("document.documentElement.scrollWidth") <= width
    for name, selector in (("equity", "#equity svg[role=img]"), ("bars", "#caps table")):
        browser.picture(tmp_path / f"{name}.png", selector)
        assert painted(tmp_path / f"{name}.png", BLUE[dark]) > 200, name
    assert painted(tmp_path / "equity.png", RED[dark]) > 50
    assert painted(tmp_path / "equity.png", PAPER[dark]) > 10_000


def test_colours_of_a_theme_are_far_from_its_paper(browser: Page, samples: list[Run], tmp_path: Path) -> None:
    for dark in (False, True):
        show(browser, tmp_path, samples[0], dark=dark)
        assert min(browser.value(CONTRASTS)) >= 4.5


def test_a_narrower_window_draws_the_charts_anew(browser: Page, samples: list[Run], tmp_path: Path) -> None:
    show(browser, tmp_path, samples[0])
    browser.size(500, 900)
    browser.wait("document.querySelector('#equity svg[role=img]').getBoundingClientRect().width < 500")
    browser.settle()
    drawn = browser.value("document.querySelector('#equity svg[role=img]').viewBox.baseVal.width")
    assert drawn == pytest.approx(browser.value("document.querySelector('#equity .plot').clientWidth"), abs=1)


def test_a_chart_is_read_by_keys(browser: Page, samples: list[Run], tmp_path: Path) -> None:
    show(browser, tmp_path, samples[1])
    browser.value("document.querySelector('#equity .plot').focus()")
    browser.press("End")
    told = browser.value("document.querySelector('#equity .readout').textContent")
    assert f"{samples[1].equity.equity[-1]:,.2f}" in told
    browser.press("ArrowLeft")
    before = browser.value("document.querySelector('#equity .plot').getAttribute('aria-valuetext')")
    assert before != told
    assert f"{samples[1].equity.equity[-2]:,.2f}" in before


def test_a_decision_is_found_sorted_and_opened_by_keys(browser: Page, samples: list[Run], tmp_path: Path) -> None:
    show(browser, tmp_path, samples[0])
    row = "document.querySelector('#decisions tbody tr:not(.detail)')"
    browser.value("document.querySelector('#decisions th:nth-child(5) button').focus()")
    browser.press("Enter")
    browser.press("Enter")
    assert browser.value("document.querySelector('#decisions th:nth-child(5)').ariaSort") == "descending"
    largest = max(samples[0].decisions, key=lambda each: each.lots)
    assert browser.value(f"{row}.cells[4].textContent") == f"{largest.lots:.2f}"
    browser.value("document.querySelector('#decisions input').focus()")
    for letter in "xauusd":
        browser.press(letter)
    gold = [each for each in samples[0].decisions if each.symbol == "XAUUSD"]
    assert browser.value("document.querySelector('#decisions [role=status]').textContent") == f"1 to 20 of {len(gold)}"
    best = max((each for each in gold if each.code is None), key=lambda each: (each.lots, -each.number))
    browser.value(f"{row}.querySelector('button').focus()")
    browser.press("Enter")
    binds = browser.value("document.querySelector('#decisions tr.binds').textContent")
    assert binds.startswith(f"{best.binding} (binds)")
    assert browser.value("document.activeElement.ariaExpanded") == "true"
    browser.press("Enter")
    assert browser.value("document.querySelectorAll('#decisions tr.detail').length") == 0


def test_the_table_has_pages(browser: Page, samples: list[Run], tmp_path: Path) -> None:
    show(browser, tmp_path, samples[0])
    status = "document.querySelector('#decisions [role=status]').textContent"
    previous, following = (f"document.querySelectorAll('#decisions .tools button')[{place}]" for place in (0, 1))
    assert browser.value(f"{previous}.disabled")
    for _ in range(14):
        browser.value(f"{following}.click()")
    assert browser.value(status) == "281 to 300 of 300"
    assert browser.value(f"{following}.disabled")


def test_a_hostile_name_is_shown_and_not_run(browser: Page, tmp_path: Path) -> None:
    run = hostile(tmp_path / "hostile")
    show(browser, tmp_path, run, run, width=390)
    assert browser.value("document.documentElement.scrollWidth") <= 390
    assert browser.value("window.broken === undefined && document.images.length === 0")
    assert HOSTILE in browser.value("document.querySelector('#lots h3').textContent")
    assert HOSTILE in browser.value("document.querySelector('#decisions tbody').textContent")


def test_an_empty_run_is_a_page_too(browser: Page, tmp_path: Path) -> None:
    run = read_run(write_run(RunWriter(tmp_path / "empty")))
    show(browser, tmp_path, run, run)
    assert "No lots were given." in browser.value("document.querySelector('#lots').textContent")
