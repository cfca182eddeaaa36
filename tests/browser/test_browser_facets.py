"""The side panel: folders and facets, each choice a text in the filter, and the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from browsing import wait_text
from conftest import PATIENCE_MS
from playwright.sync_api import Browser, Page
from shelf import RunningShelf

from rayograph.catalog.counts import status_of
from rayograph.catalog.filters import Filter
from rayograph.where import parse

FILTER = "#rg-filter-text"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShelf]:
    running = RunningShelf(tmp_path_factory.mktemp("shelf"))
    yield running
    running.stop()


@pytest.fixture
def page(chromium: Browser, shelf: RunningShelf) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page, problems = context.new_page(), []
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(shelf.url)
    page.wait_for_selector("#rg-facets-open:not([hidden])")
    page.click("#rg-facets-open")
    page.wait_for_selector("[data-facet='format'] .rg-value")
    yield page
    context.close()
    assert problems == []


def value(page: Page, facet: str, text: str) -> str:
    """The selector of a value's row."""
    return f"[data-facet='{facet}'] .rg-value:has(span:text-is('{text}'))"


def wait_filter(page: Page, text: str) -> None:
    """Until a filter is in force and counted."""
    page.wait_for_function(
        """(text) => window.rayograph.where === text
          && document.querySelector("#rg-facets").getAttribute("aria-busy") === "false" """,
        arg=text,
    )


def how_many(shelf: RunningShelf, where: str) -> int:

    chosen = Filter(parse(where), partial(status_of, embeds=True))
    reader = shelf.shelved.catalog.reader(shelf.shelved.dataset_id)
    return reader.page(offset=0, limit=1, where=chosen)[1]


def test_a_choice_is_written_into_the_filter(page: Page, shelf: RunningShelf) -> None:
    page.click(f"{value(page, 'format', 'PNG')} label")
    wait_filter(page, "format=PNG")
    page.click(f"{value(page, 'format', 'WEBP')} label")
    wait_filter(page, "format in (PNG, WEBP)")
    assert page.input_value(FILTER) == "format in (PNG, WEBP)"
    found = how_many(shelf, "format in (png, webp)")
    assert page.inner_text("#rg-facets-total") == f"{found} of 120"
    # What else could be chosen is counted as if nothing of the field had been.
    assert page.inner_text(f"{value(page, 'format', 'JPEG')} b") == str(
        how_many(shelf, "format=jpeg")
    )
    page.hover(value(page, "format", "PNG"))
    page.click(f"{value(page, 'format', 'PNG')} button[aria-label^='Only']")
    wait_filter(page, "format=PNG")
    page.click(f"{value(page, 'format', 'PNG')} button[aria-label^='Not']")
    wait_filter(page, "not format=PNG")
    assert page.locator(f"{value(page, 'format', 'PNG')}.rg-out").count() == 1
    page.click("[data-facet='format'] .rg-facet-clear")
    wait_filter(page, "")
    assert page.inner_text("#rg-facets-total") == "120 pictures"


def test_what_is_typed_shows_in_the_panel(page: Page, shelf: RunningShelf) -> None:
    where = "format in (jpeg, png) and width>=1000 and size<400kb and not folder:2021"
    page.fill(FILTER, where)
    page.press(FILTER, "Enter")
    wait_filter(page, where)
    for name, chosen in (("JPEG", True), ("PNG", True), ("WEBP", False)):
        assert page.is_checked(f"{value(page, 'format', name)} input") is chosen
    assert page.inner_text("[data-facet='width'] .rg-hist-range") == "1,000 – 2,000"
    assert page.locator(".rg-folder.rg-out").inner_text().startswith("2021")
    page.click(f"{value(page, 'format', 'PNG')} label")
    # What somebody wrote about other fields stays as it was written.
    wait_filter(page, "width>=1000 and size<400kb and not folder:2021 and format=JPEG")
    page.fill(FILTER, 'format=jpeg and file_name:"IMG_0000*"')
    page.press(FILTER, "Enter")
    wait_filter(page, 'format=jpeg and file_name:"IMG_0000*"')
    shown = page.inner_text("#rg-facets-total")
    assert shown == f"{how_many(shelf, page.input_value(FILTER))} of 120"


def test_the_tree_is_walked_with_the_arrow_keys(page: Page, shelf: RunningShelf) -> None:
    page.focus("#rg-folders [tabindex='0']")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("[data-folder='2020/01 trip']")
    assert page.get_attribute("[data-folder='2020']", "aria-expanded") == "true"
    assert page.get_attribute("[data-folder='2020/01 trip']", "aria-level") == "2"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    where = 'folder:"2020/01 trip"'
    wait_filter(page, where)
    wait_text(page, "#rg-summary", f"{how_many(shelf, where)} of 120")
    assert page.get_attribute("[data-folder='2020/01 trip']", "aria-selected") == "true"
    assert page.evaluate("document.activeElement.dataset.folder") == "2020/01 trip"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.dataset.folder") == "2020"
    page.keyboard.press("ArrowLeft")
    assert page.locator("[data-folder='2020/01 trip']").count() == 0
    page.keyboard.type("2023")
    assert page.evaluate("document.activeElement.dataset.folder") == "2023"
    page.keyboard.press("End")
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.dataset.folder") == "2019"


def test_a_range_is_made_with_keys_and_with_a_pointer(page: Page, shelf: RunningShelf) -> None:
    low, high = (
        "[data-facet='width'] .rg-hist-thumb >> nth=0",
        "[data-facet='width'] .rg-hist-thumb >> nth=1",
    )
    page.focus(low)
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    wait_filter(page, "width>=1000")
    assert page.get_attribute(low, "aria-valuetext") == "1,000"
    page.focus(high)
    page.keyboard.press("PageDown")
    wait_filter(page, "width>=1000 and width<1500")
    assert page.inner_text("#rg-facets-total") == (
        f"{how_many(shelf, 'width>=1000 and width<1500')} of 120"
    )
    page.click("[data-facet='width'] .rg-facet-clear")
    wait_filter(page, "")
    area = page.locator("[data-facet='width'] .rg-hist-area")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    step = box["width"] / 14
    page.mouse.move(box["x"] + 2.5 * step, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 5.5 * step, box["y"] + 10, steps=3)
    page.mouse.up()
    wait_filter(page, "width>=800 and width<1200")


def test_edits_are_counted(page: Page, shelf: RunningShelf) -> None:
    page.click(".rg-cell[data-index='0']")
    page.keyboard.press("Escape")
    page.focus("#rg-grid")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("5")
    page.wait_for_selector("[data-facet='rating'] .rg-value")
    assert page.inner_text(f"{value(page, 'rating', '★★★★★')} b") == "1"
    page.keyboard.press("z")


@pytest.mark.parametrize("width", [390, 768])
def test_narrow_screens_get_a_drawer(chromium: Browser, shelf: RunningShelf, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(shelf.url)
    page.wait_for_selector("#rg-facets-open:not([hidden])")
    page.click("#rg-facets-open")
    page.wait_for_selector("[data-facet='format'] .rg-value")
    assert page.evaluate("document.activeElement.id") == "rg-facets-close"
    assert page.is_visible("#rg-facets-veil")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click(f"{value(page, 'format', 'PNG')} label")
    wait_filter(page, "format=PNG")
    page.keyboard.press("Escape")
    assert page.is_hidden("#rg-facets") and page.is_hidden("#rg-facets-veil")
    assert page.evaluate("document.activeElement.id") == "rg-facets-open"
    context.close()


def test_an_open_panel_is_remembered(page: Page) -> None:
    page.click("[data-facet='status'] .rg-facet-opener")
    page.reload()
    page.wait_for_selector("[data-facet='format'] .rg-value")
    assert page.is_hidden("[data-facet='status'] .rg-facet-body")
    page.click("#rg-facets-close")
    page.reload()
    page.wait_for_selector(".rg-cell")
    assert page.is_hidden("#rg-facets")


def test_what_is_not_read_yet_and_what_went_wrong_is_said(page: Page) -> None:
    page.evaluate(
        """() => {
          const { progress } = window.rayograph;
          const stages = structuredClone(progress.stages);
          Object.assign(stages.metadata, { done: 30, failed: 0, total: 120 });
          window.rayograph.setProgress({ ...progress, stages });
        }"""
    )
    wait_text(page, "#rg-facets-note", "Metadata of 30 of 120 read so far.")
    page.route(
        "**/facets?*",
        lambda route: route.fulfill(
            status=500, json={"error": {"code": "internal_error", "message": "It broke"}}
        ),
    )
    page.click(f"{value(page, 'format', 'PNG')} label")
    wait_text(page, "#rg-facets-error", "It broke")
    page.unroute("**/facets?*")
    page.click("#rg-facets-error button")
    page.wait_for_selector("#rg-facets-error", state="hidden")
    wait_filter(page, "format=PNG")
