"""The overview page in a real browser: labels that look like markup, tables to search and sort."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import browser as chrome
import figure_example as example
import numpy as np
import pandas as pd
import pytest
import supplement_example as supplement
from browser import Browser, chromium

from hce.report.page import ShownFigure, draw_page, node_data, render, shown_table

TEMPLATE = Path(__file__).parents[3] / "workflow" / "report" / "page.html.jinja"
LABELS = [
    "<!--<script>",
    "</script><script>window.broken = true</script>",
    "-->",
    "\"double\" and 'single'",
    "$& costs $1 &amp; more",
    "<img src=x onerror='window.broken = true'>",
    "</table><h1>T cell</h1>",
    "γδ T cell, CD4<low>",
]
SCORES = [0.5, np.nan, 1.0, 3.8e-7, -0.25, np.nan, 0.125, 0.0]
BODY = "[...document.querySelector('#labels').closest('section').querySelector('tbody').rows]"


@pytest.fixture(scope="module")
def page() -> str:
    """A page whose every label is meant to break it."""
    cells = pd.DataFrame({"label": LABELS, "score": SCORES, "</th><b>": range(len(LABELS))})
    cells["data_source"] = "simulated Census"
    nodes, edges = supplement.panels("mlp", 2)
    nodes, edges = nodes[nodes["view"] == "overview"], edges[edges["view"] == "overview"]
    nodes = nodes.assign(label=[LABELS[i % len(LABELS)] for i in range(len(nodes))])
    tests = example.per_cell_type(2).assign(support=10, ce_mean=0.4, hce_mean=0.6)
    data = node_data(nodes, edges, example.cell_types(), tests)
    return render(
        TEMPLATE.read_text(encoding="utf-8"),
        draw_page(data, edges, "mlp"),
        "mlp",
        architectures={"mlp": LABELS[6]},
        figures=[ShownFigure("fig2b", LABELS[3], "data:,", 1, 1)],
        title=LABELS[0],
        data_source=LABELS[1],
        warning=LABELS[4],
        tables=[
            shown_table(cells, "labels", LABELS[1], LABELS[5]),
            shown_table(cells.head(2), "few", "Few", "Too few rows to search."),
        ],
        drawing_after=1,
        drawing_caption=LABELS[0],
    )


def test_no_data_block_can_end_or_keep_open_its_script(page: str) -> None:
    blocks = re.findall(r'<script id="[\w-]+" type="[\w/]+">(.*?)</script>', page, re.DOTALL)
    assert len(blocks) == 4
    assert not any("<" in block for block in blocks)
    assert json.dumps(LABELS[0])[1:-1].replace("<", "\\u003c") in blocks[-1]
    json.loads(blocks[-1])


def test_numbers_of_a_column_have_one_format() -> None:
    columns = {"score": [1.0, 0.98765, 0.0, 3.8e-7, np.nan], "count": [1.0, 164.0, 0.0, 2e6, 5.0]}
    mixed = {"mixed": [164.0, 25856.0, 88.48, 0.5, 1.0]}
    mixed |= {"p_holm": [0.01234, 1.0, 6.87e-5, 1 / 3, np.nan]}
    shown = shown_table(pd.DataFrame(columns | mixed), "anchor", "Title", "Caption.")
    by_column = [list(column) for column in zip(*shown.rows, strict=True)]
    assert by_column == [
        ["1.000", "0.988", "0.000", "3.8e-07", ""],
        ["1", "164", "0", "2000000", "5"],
        ["164", "25856", "88.480", "0.500", "1"],
        ["0.012", "1", "6.9e-05", "0.33", ""],
    ]


@pytest.fixture(scope="module")
def opened(page: str) -> Iterator[Browser]:
    """The page in Chromium, when its tables are made."""
    if chrome.CHROMIUM is None or chrome.DRIVER is None:
        pytest.skip("Chromium is missing: install the packages chromium and chromium-driver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "page.html"
        path.write_text(page, encoding="utf-8")
        with chromium(Path(folder)) as browser:
            browser.open(Path("/dev/null"))
            browser.requests(), browser.errors()  # those of the browser's own first page
            browser.open(path)
            browser.wait("return document.querySelectorAll('table.dataTable').length === 2")
            browser.wait("return document.querySelector('#drawing').childElementCount > 0")
            yield browser


def shown_rows(browser: Browser, column: int) -> list[str]:
    """Texts of a column of the first table, as they stand now."""
    return browser.run(f"return {BODY}.map((row) => row.cells[{column}].textContent)")


def sort(browser: Browser, column: int) -> None:
    """Click on the head of a column of the first table."""
    browser.run(f"document.querySelectorAll('th')[{column}].click()")


def test_labels_that_look_like_markup_are_shown_as_they_are(opened: Browser) -> None:
    assert sorted(shown_rows(opened, 0)) == sorted(LABELS)
    assert opened.run("return document.title") == LABELS[0]
    assert opened.run("return document.querySelector('#labels').textContent") == LABELS[1]
    heads = opened.run("return [...document.querySelectorAll('th')].map((h) => h.textContent)")
    assert heads[:3] == ["label", "score", "</th><b>"]
    assert opened.run("return document.querySelectorAll('h1').length") == 1
    assert opened.run("return [...document.images].map((one) => one.alt)") == [LABELS[3]]
    assert opened.run("return window.broken ?? false") is False
    assert opened.errors() == []
    assert {address.split(":", 1)[0] for address in opened.requests()} <= {"file", "data", "blob"}


def test_a_search_finds_rows_that_hold_every_word_and_counts_them(opened: Browser) -> None:
    assert opened.run("return document.querySelectorAll('input[type=search]').length") == 1
    field = "document.querySelector('input[type=search]')"
    for text, left in (("MORE &amp;", [LABELS[4]]), ("<script> <!--", [LABELS[0]]), ("", LABELS)):
        opened.run(f"{field}.value = arguments[0]; {field}.dispatchEvent(new Event('input'))", text)
        assert sorted(shown_rows(opened, 0)) == sorted(left)
        count = opened.run("return document.querySelector('.dt-info').textContent")
        assert count == (f"{len(left)} rows of 8" if text else "8 rows")


def test_columns_are_sorted_by_value_with_what_is_missing_last(opened: Browser) -> None:
    sort(opened, 1)
    ascending = ["-0.250", "0.000", "3.8e-07", "0.125", "0.500", "1.000"]
    assert shown_rows(opened, 1) == [*ascending, "", ""]
    sort(opened, 1)
    assert shown_rows(opened, 1) == [*ascending[::-1], "", ""]
    sort(opened, 1)
    assert shown_rows(opened, 0) == LABELS  # the third click gives the order of the table back


def test_boxes_and_fields_are_named_and_reached_by_keys(opened: Browser) -> None:
    boxes = "return [...document.querySelectorAll('.scroll')].map((box) => "
    assert opened.run(f"{boxes} box.firstElementChild.matches('table.dataTable'))") == [True, True]
    assert opened.run(f"{boxes} box.ariaLabel)") == [LABELS[1], "Few"]
    assert opened.run(f"{boxes} box.tabIndex)") == [0, 0]
    assert opened.run("return document.querySelector('input').ariaLabel") == f"Search {LABELS[1]}"
