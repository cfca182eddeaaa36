"""What pictures are like is chosen in the panel; what is hidden goes and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from browsing import wait_pictures, wait_text
from conftest import PATIENCE_MS
from playwright.sync_api import Browser, Page
from shelf import RunningShelf
from test_browser_facets import value, wait_filter

from rayograph.catalog.columns import QUALITY
from rayograph.quality import Measures, Rules
from rayograph_pipelines.stages.measure import with_quality

COUNT = 60


class Measured(RunningShelf):
    """60 pictures, each sharper than the one before; every fifth has the content of the first."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, COUNT)
        catalog, key = self.shelved.catalog, self.shelved.dataset_id
        writer, at = catalog.writer(key), 0
        for fragment, rows in catalog.reader(key).fragments():
            numbers = range(at, at + rows)
            found = [Measures(n / COUNT, 0.5, 0.1, 0.9, 7.0, 4 / 3) for n in numbers]
            if rows:
                told = with_quality(pa.table({"n": [*numbers]}), found, Rules())
                writer.fill({fragment: told.select(QUALITY.names)})
            at += rows
        table = writer.dataset().to_table(columns=["id", "size", "mtime"])
        contents = [f"{0 if n % 5 == 0 else n}" for n in range(COUNT)]
        prints = table.append_column("content_hash", pa.array(contents))
        prints = prints.append_column("phash", pa.nulls(COUNT, pa.uint64()))
        catalog.analyses.set_side(key, "fingerprints", prints)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    running = Measured(tmp_path_factory.mktemp("measured"))
    yield running
    running.stop()


@pytest.fixture
def page(chromium: Browser, shelf: Measured) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page, problems = context.new_page(), []
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(shelf.url)
    wait_pictures(page)
    page.click("#rg-facets-open")
    page.wait_for_selector("[data-facet='quality'] .rg-value")
    yield page
    context.close()
    assert problems == []


def test_qualities_are_chosen_counted_and_told(page: Page) -> None:
    page.wait_for_selector(f"{value(page, 'quality', 'blurred')} b:text-is('12')")
    page.check(f"{value(page, 'quality', 'blurred')} input")
    wait_filter(page, "quality=blurred")
    wait_text(page, "#rg-facets-total", "12 of 60")
    page.wait_for_selector("[data-facet='sharpness'] svg, [data-facet='sharpness'] .rg-bars")
    page.focus("#rg-grid")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait_text(page, "#rg-described", "Quality")
    wait_text(page, "#rg-described", "blurred")


def test_what_is_hidden_goes_is_found_again_and_comes_back(page: Page) -> None:
    page.focus("#rg-grid")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("h")
    page.wait_for_selector(".rg-cell[data-index='1'].rg-hidden")
    # Nothing jumps: it stays where it is, marked, until something else is shown.
    wait_text(page, "#rg-facets-total", "59 pictures")
    if page.is_hidden("#rg-work"):
        page.click("#rg-work-open")
    page.wait_for_selector("#rg-work-hidden:not([hidden])")
    wait_text(page, "#rg-work-hidden", "1 hidden")
    page.click("#rg-work-hidden")
    wait_filter(page, "hidden")
    wait_text(page, "#rg-facets-total", "1 of 59")
    page.focus("#rg-grid")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.click("#rg-stars >> text=Unhide")
    page.wait_for_selector("#rg-stars >> text='Hide'")
    page.keyboard.press("z")
    page.wait_for_selector("#rg-stars >> text='Unhide'")
    page.keyboard.press("h")
    page.wait_for_selector("#rg-stars >> text='Hide'")
    page.keyboard.press("Escape")
    page.click("#rg-facets-clear")
    wait_text(page, "#rg-facets-total", "60 pictures")
    page.wait_for_selector("#rg-work-hidden", state="hidden")


def test_all_copies_of_several_go_at_once_and_z_brings_them_back(page: Page) -> None:
    page.focus("#rg-grid")
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.click("[data-select='hide']")
    # Twelve have the content of the first.
    wait_text(page, "#rg-facets-total", "48 pictures")
    wait_text(page, "[data-select='hide']", "Unhide")
    page.keyboard.press("z")
    wait_text(page, "#rg-facets-total", "60 pictures")
