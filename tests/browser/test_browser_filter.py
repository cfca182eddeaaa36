"""The filter beside the search: typed with completion, kept in the address, wrong with a caret."""

from __future__ import annotations

from collections.abc import Callable

from browsing import search, wait_pictures, wait_text
from playwright.sync_api import Page
from virtual_engine import Virtual, VirtualEngine

Open = Callable[..., Page]
FILTER = "#rg-filter-text"
OPTIONS = "#rg-filter-list li"


def apply(page: Page, where: str) -> None:
    page.fill(FILTER, where)
    page.press(FILTER, "Enter")


def test_the_grid_shows_what_matches_and_all_of_it_again(
    half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    apply(page, "folder:0002 and width=480")
    wait_text(page, "#rg-summary", "947 of 10,000 pictures")
    page.wait_for_selector(".rg-cell[data-index='0'][aria-setsize='947']")
    wait_text(page, ".rg-cell[data-index='0'] .rg-cell-name", "IMG_0002000.jpg")
    assert "where=folder" in page.url
    page.click("#rg-filter-clear")
    page.wait_for_selector(".rg-cell[data-index='0'][aria-setsize='10000']")
    assert "where" not in page.url
    assert page.input_value(FILTER) == ""
    assert page.locator("#rg-filter-clear").is_hidden()


def test_it_is_in_the_address(half_done: Virtual, open_page: Open) -> None:
    page = open_page(path=f"/#{half_done.id}?where=name%3A*7.jpg")
    wait_text(page, "#rg-summary", "1,000 of 10,000 pictures")
    assert page.input_value(FILTER) == "name:*7.jpg"


def test_fields_and_values_are_completed_by_keys(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.keyboard.press("w")
    page.wait_for_selector(OPTIONS)
    page.keyboard.type("sta")
    wait_text(page, OPTIONS, "status")
    page.keyboard.press("Tab")
    assert page.input_value(FILTER) == "status="
    page.keyboard.type("fa")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.input_value(FILTER) == "status=failed "
    page.keyboard.type("a")
    page.keyboard.press("Tab")
    page.keyboard.type("fol")
    page.keyboard.press("Tab")
    wait_text(page, OPTIONS, "0000")
    page.click(f"{OPTIONS}:has-text('0001')")
    assert page.input_value(FILTER) == "status=failed and folder:0001 "
    page.keyboard.press("Enter")
    wait_text(page, "#rg-summary", "52 of 10,000 pictures")
    # The keys are the grid's again.
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".rg-cell.rg-active")


def test_a_manifests_columns_are_completed(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.keyboard.press("w")
    page.keyboard.type("width>1 and extra.s")
    wait_text(page, OPTIONS, "extra.split")
    page.keyboard.press("Tab")
    page.keyboard.type("v")
    wait_text(page, OPTIONS, "val")
    page.keyboard.press("Tab")
    assert page.input_value(FILTER) == "width>1 and extra.split:val "


def test_a_mistake_is_shown_where_it_is_and_nothing_changes(
    half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    apply(page, "format=jpeg and widht>3")
    wait_text(page, "#rg-filter-error", "no field 'widht'")
    shown, caret = page.inner_text("#rg-filter-error pre").split("\n")
    assert shown[caret.index("^") :] == "widht>3"
    assert page.inner_text("#rg-filter-error small") == "did you mean width?"
    assert page.get_attribute(FILTER, "aria-invalid") == "true"
    page.wait_for_selector(".rg-cell[aria-setsize='10000']")
    page.fill(FILTER, "format=jpeg and width>3")
    assert page.locator("#rg-filter-error").is_hidden()
    page.press(FILTER, "Enter")
    wait_text(page, "#rg-summary", "of 10,000 pictures")


def test_a_search_is_of_what_matches(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    apply(page, "folder:0001")
    wait_text(page, "#rg-summary", "1,000 of")
    search(page, "hills")
    page.wait_for_selector(".rg-cell-score:not(:empty)")
    assert engine.requests[-1].where == "folder:0001"
    apply(page, "folder:0002")
    wait_text(page, ".rg-cell[data-index='0'] .rg-cell-name", "IMG_0002")
    assert engine.requests[-1].where == "folder:0002"


def test_nothing_that_matches_says_so_and_offers_the_way_back(
    half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    apply(page, "width>9000")
    wait_text(page, "#rg-state h1", "No picture is like that")
    page.click("#rg-state button:has-text('Clear the filter')")
    wait_pictures(page)


def test_it_follows_what_becomes_known(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    apply(page, "status:ready folder:0009")
    wait_text(page, "#rg-state h1", "No picture is like that")
    engine.change(half_done, indexed=10_000, ready=10_000, embedding=0)
    wait_text(page, "#rg-summary", "948 of 10,000")
    wait_pictures(page)
