"""The report in a real browser: it opens from a file, asks for nothing, and shows everything."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from pathlib import Path

import browser as chrome
import pandas as pd
import pytest
from browser import Browser, chromium
from repository_copy import TINY, FinishedRun, snakemake

from open_on_results import open_on_results

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(
        chrome.CHROMIUM is None or chrome.DRIVER is None,
        reason="Chromium is missing: install the packages chromium and chromium-driver",
    ),
]

CATEGORIES = ["At a glance", "Beyond the paper", "Figure 1", "Figure 2", "Supplementary figures"]
CLICK = """
const found = [...document.querySelectorAll("nav li, nav a")];
found.filter((part) => part.textContent.trim() === arguments[0]).at(-1).click();
"""
ROWS = "return document.querySelectorAll('nav tbody tr').length"
SHOW = "document.querySelectorAll('nav tbody tr')[arguments[0]].querySelector('a').click()"
IMAGE = """
const image = document.querySelector("div.p-3 > img");
return image && image.complete && image.naturalWidth > 500 && image.getBoundingClientRect().right;
"""
# Bokeh draws into shadow roots
CANVASES = """
const seek = (root) => [...root.querySelectorAll("*")].flatMap(
    (part) => [...(part.matches("canvas") ? [part] : []),
               ...(part.shadowRoot ? seek(part.shadowRoot) : [])]);
return seek(document).filter((canvas) => canvas.width > 100).length;
"""


@pytest.fixture(scope="module")
def report(finished_run: FinishedRun) -> Path:
    """The report of the finished run, with the overview page beside it."""
    path = finished_run.results / "report.html"
    style = ("--report-stylesheet", "workflow/report/report.css", "--report-after-run")
    target = ("overview", "--report", "results-tiny/report.html", *style)
    made = snakemake(finished_run.folder, *target, *TINY)
    assert made.returncode == 0, made.output[-5000:]
    open_on_results(path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of this file."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        chromium(Path(folder)) as session,
    ):
        yield session


def opened(browser: Browser, path: Path, width: int) -> Browser:
    """Open a page at this width with an empty record of requests and errors."""
    browser.resize(width, 900)
    browser.open(Path("/dev/null"))
    browser.requests(), browser.errors()
    browser.open(path)
    return browser


def open_category(browser: Browser, category: str) -> int:
    """Open a category of the report and return how many results it lists."""
    browser.wait("return document.querySelector('nav li') !== null")
    browser.run(CLICK, category)
    return browser.wait(ROWS)


def test_the_report_is_one_small_file(report: Path) -> None:
    # 36 figures at 300 dpi; what an attachment of a mail may be
    assert report.stat().st_size < 25e6


@pytest.mark.parametrize("page", ["report.html", "overview.html"])
def test_no_request_leaves_the_machine(report: Path, browser: Browser, page: str) -> None:
    path = report.with_name(page)
    opened(browser, path, 1280).wait("return document.readyState === 'complete'")
    addresses = browser.requests()
    assert path.resolve().as_uri() in addresses
    kinds = {address.split(":", 1)[0] for address in addresses}
    assert kinds <= {"file", "data", "blob"}, addresses
    assert browser.errors() == []


@pytest.mark.parametrize(("width", "of_each"), [(1280, None), (400, 1)])
def test_every_figure_is_displayed_within_the_page(
    report: Path, browser: Browser, width: int, of_each: int | None
) -> None:
    """On a telephone the first of each category, on a screen all."""
    shown = 0
    for category in CATEGORIES[1:]:
        opened(browser, report, width)
        rows = open_category(browser, category)
        for row in range(of_each or rows):
            browser.run(SHOW, row)
            right = browser.wait(IMAGE)
            assert right <= width, (category, row)
            shown += 1
    assert shown == (4 if of_each else 12 + 6 + 5 + 10)


def test_the_search_of_the_report_finds_a_figure(report: Path, browser: Browser) -> None:
    opened(browser, report, 1280).wait("return document.querySelector('nav input') !== null")
    browser.type("nav input", "figS5\ue007")
    found = browser.wait("return document.querySelector('nav').innerText.match(/S05[^\\n\\t]*/g)")
    assert found == ["S05: node kind, descendants"]


def test_the_report_opens_on_the_figures_of_the_overview(report: Path, browser: Browser) -> None:
    opened(browser, report, 1280)
    frame = "const frame = document.querySelector('iframe'); return frame && frame.src"
    code = browser.wait(f"{frame}.split(',')[1]")
    page = base64.b64decode(code).decode()
    assert page == report.with_name("overview.html").read_text(encoding="utf-8")
    assert page.index("<img ") < page.index("<table>")
    # the same page again, when it is chosen
    assert open_category(browser, CATEGORIES[0]) == 2
    browser.run(SHOW, 0)
    # Chromium refuses to open an address of more than two million characters
    assert len(browser.wait(f"{frame}.slice(0, 40)")) == 40
    assert browser.wait(f"{frame}.length") < 2_000_000


def test_figures_gain_and_p_are_seen_without_scrolling_sideways(
    report: Path, browser: Browser
) -> None:
    opened(browser, report.with_name("overview.html"), 400)
    shown = "return [...document.images].map((image) => image.complete && image.naturalWidth > 500)"
    assert browser.wait(shown) == [True] * 4
    for anchor, names in (("headline", ["Gain", "P (Holm)"]), ("macro-f1", ["gain_mean"])):
        section = f"document.querySelector('#{anchor}').closest('section')"
        browser.wait(f"return {section}.querySelector('table.dataTable') !== null")
        for name in names:
            head = f"[...{section}.querySelectorAll('th')].find((h) => h.textContent === '{name}')"
            assert browser.run(f"return {head}.getBoundingClientRect().right") <= 400
    opened(browser, report.with_name("overview.html"), 1280)
    browser.wait(f"return {section}.querySelector('table.dataTable') !== null")
    head = f"[...{section}.querySelectorAll('th')].find((h) => h.textContent === 'p_holm')"
    assert browser.run(f"return {head}.getBoundingClientRect().right") <= 1280


@pytest.mark.parametrize("width", [1280, 400])
def test_the_overview_draws_the_hierarchy_and_fits(
    report: Path, browser: Browser, width: int
) -> None:
    opened(browser, report.with_name("overview.html"), width)
    assert browser.wait(CANVASES) >= 1
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert "simulated Census" in browser.run("return document.body.innerText")


def test_tables_of_the_overview_are_searched_and_sorted(report: Path, browser: Browser) -> None:
    opened(browser, report.with_name("overview.html"), 1280)
    table = "document.querySelector('#cell-types').closest('section')"
    browser.wait(f"return {table}.querySelector('input') !== null")
    rows = f"return [...{table}.querySelectorAll('tbody tr')].filter((row) => !row.hidden)"
    browser.run(
        f"""
        const field = {table}.querySelector("input");
        field.value = "mlp MONO";
        field.dispatchEvent(new Event("input"));
        """
    )
    left = browser.run(f"{rows}.map((row) => row.textContent.toLowerCase())")
    assert left and all("mono" in row and "mlp" in row for row in left)
    browser.run(
        f"[...{table}.querySelectorAll('th')].find((h) => h.textContent === 'delta').click()"
    )
    place = f"[...{table}.querySelectorAll('th')].findIndex((h) => h.textContent === 'delta')"
    values = browser.run(f"const at = {place}; {rows}.map((row) => +row.cells[at].textContent)")
    assert values == sorted(values) and len(values) == len(left)


# where Bokeh draws the T cell, in pixels of the window
PLACE = """
const models = [...Bokeh.documents[0]._all_models.values()];
const source = models.find((model) => model.data?.ontology_term_id);
const plot = models.find((model) => model.type === "Figure");
const at = Array.from(source.data.ontology_term_id).indexOf("CL:0000084");
const layout = models.find((model) => model.type === "StaticLayoutProvider").graph_layout;
const [x, y] = layout.get(source.data.index[at]);
const view = Bokeh.index.find_one(plot);
view.el.scrollIntoView({block: "center"});
const frame = view.el.getBoundingClientRect();
return [frame.left + view.frame.x_scale.compute(x), frame.top + view.frame.y_scale.compute(y)];
"""
TOOLTIP = """
const seek = (root) => [...root.querySelectorAll("*")].flatMap(
    (part) => [...(part.classList.contains("bk-Tooltip") ? [part] : []),
               ...(part.shadowRoot ? seek(part.shadowRoot) : [])]);
return seek(document).map((tip) => tip.shadowRoot.textContent).join(" ");
"""


def test_pointing_at_a_node_shows_its_numbers_and_neighbors(report: Path, browser: Browser) -> None:
    opened(browser, report.with_name("overview.html"), 1280)
    browser.wait(CANVASES)
    browser.point_at(*browser.run(PLACE))
    text = browser.wait(TOOLTIP)
    assert "T cell (CL:0000084)" in text
    assert "lymphocyte" in text and "mature T cell" in text
    tests = pd.read_csv(report.with_name("tables") / "per_cell_type.tsv", sep="\t")
    tests = tests[(tests["split"] == "ood") & (tests["ontology_term_id"] == "CL:0000084")]
    delta = tests.set_index("architecture")["delta"]
    assert f"{delta['mlp']:+.3f}".replace("-", "−") in text
    browser.run(
        """
        const choice = document.getElementById("architecture");
        choice.value = "linear";
        choice.dispatchEvent(new Event("change"));
        """
    )
    browser.point_at(5, 5)
    browser.point_at(*browser.run(PLACE))
    expected = f"{delta['linear']:+.3f}".replace("-", "−")
    browser.wait(f"{TOOLTIP.replace('return', 'const text =')} return text.includes('{expected}')")
