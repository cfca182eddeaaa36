"""The export dialog: what is meant, how far it is, taking it, and being told when it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from browsing import search, wait_pictures, wait_text
from playwright.sync_api import Page
from served import Running
from virtual_engine import Virtual
from virtual_exports import Shelf

Open = Callable[..., Page]


@pytest.fixture
def shelf(running: Running) -> Iterator[Shelf]:
    made, before = Shelf(), running.app.state.exports
    running.app.state.exports = made
    yield made
    running.app.state.exports = before


def opened(page: Page) -> None:
    wait_pictures(page)
    page.focus("#rg-grid")
    page.keyboard.press("e")
    page.wait_for_selector("#rg-export[open]")


def test_the_view_is_exported_shown_and_taken(
    half_done: Virtual, shelf: Shelf, open_page: Open
) -> None:
    page = open_page()
    opened(page)
    wait_text(page, "#rg-export-what", "All 10,000 pictures")
    assert page.evaluate("document.activeElement.value") == "csv"
    page.check("input[value='yolo']")
    page.click("#rg-export-form [type=submit]")
    wait_text(page, "#rg-exports", "Waiting for its turn")
    (asked,) = shelf.asked
    assert (asked.format, asked.where, asked.ids) == ("yolo", None, None)
    shelf.change(state="running", done=4000)
    wait_text(page, "#rg-exports", "4,000 of 10,000")
    shelf.change(state="done", done=10_000, failed=3, bytes=2_500_000, file_name="holidays")
    wait_text(page, "#rg-exports", "3 left out, see failures.csv")
    wait_text(page, "#rg-export-said", "YOLO export is ready to download")
    with page.expect_download() as taken:
        page.click("#rg-exports a")
    assert taken.value.suggested_filename == "yolo.zip"
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        page.click("#rg-exports button")
    page.wait_for_selector("#rg-exports li", state="detached")
    assert shelf.items == {}
    page.keyboard.press("Escape")
    page.wait_for_selector("#rg-export:not([open])", state="attached")


def test_a_table_of_a_filter_is_downloaded_at_once(
    half_done: Virtual, shelf: Shelf, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    page.fill("#rg-filter-text", "width>=1")
    page.press("#rg-filter-text", "Enter")
    page.wait_for_function("window.rayograph.where === 'width>=1'")
    page.click("#rg-export-open")
    wait_text(page, "#rg-export-what", "width>=1")
    page.check("input[value='parquet']")
    page.check("input[name='vectors']")
    with page.expect_download() as taken:
        page.click("#rg-export-form [type=submit]")
    assert taken.value.suggested_filename == "table.parquet"
    assert shelf.tables == [("parquet", "width>=1", True)]
    assert shelf.asked == []


def test_finds_of_a_search_are_exported_by_their_ids(
    half_done: Virtual, shelf: Shelf, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    search(page, "red")
    page.wait_for_function("window.rayograph.search?.state === 'done'")
    found = page.evaluate("window.rayograph.search.items.map((hit) => hit.image.id)")
    page.click("#rg-export-open")
    page.check("input[value='coco']")
    page.check("input[name='images']")
    page.click("#rg-export-form [type=submit]")
    wait_text(page, "#rg-exports", "Waiting for its turn")
    (asked,) = shelf.asked
    assert (asked.ids, asked.images) == (found, True)


def test_a_failure_says_why(half_done: Virtual, shelf: Shelf, open_page: Open) -> None:
    page = open_page()
    opened(page)
    page.check("input[value='webdataset']")
    page.click("#rg-export-form [type=submit]")
    wait_text(page, "#rg-exports", "Waiting for its turn")
    shelf.change(state="failed", error="No space left on device")
    wait_text(page, "#rg-exports", "No space left on device")
    wait_text(page, "#rg-export-said", "WebDataset export failed")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_narrow_and_wide(
    half_done: Virtual, shelf: Shelf, open_page: Open, theme: str, width: int
) -> None:
    page = open_page(width=width, height=720, color_scheme=theme)
    opened(page)
    page.check("input[value='folder']")
    page.click("#rg-export-form [type=submit]")
    wait_text(page, "#rg-exports", "Waiting for its turn")
    box = page.eval_on_selector(
        "#rg-export", "(box) => [box.scrollWidth, box.clientWidth, box.getBoundingClientRect().x]"
    )
    assert box[0] <= box[1] and box[2] >= 0
