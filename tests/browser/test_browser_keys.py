"""The keyboard reaches everything, and one sees where one is."""

from __future__ import annotations

from collections.abc import Callable

from browsing import SEARCH, search, wait_cell, wait_pictures, wait_text
from playwright.sync_api import Page
from virtual_engine import Virtual

Open = Callable[..., Page]


def _active(page: Page) -> int:
    return int(page.evaluate("rayograph.grid.active"))


def test_arrows_move_and_the_grid_follows(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    columns = page.evaluate("rayograph.grid.columns")
    page.focus("#rg-grid")
    assert _active(page) == 0
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    assert _active(page) == columns + 1
    page.keyboard.press("ArrowUp")
    assert _active(page) == 1
    page.keyboard.press("PageDown")
    page.keyboard.press("PageDown")
    wait_cell(page, _active(page), shown=False)
    assert page.get_attribute("#rg-grid", "aria-activedescendant") == f"rg-cell-{_active(page)}"
    page.keyboard.press("End")
    assert _active(page) == 9999
    wait_cell(page, 9999)
    page.keyboard.press("Home")
    assert _active(page) == 0


def test_the_active_cell_is_marked(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.focus("#rg-grid")
    page.keyboard.press("ArrowRight")
    cell = page.locator(".rg-cell.rg-active")
    assert cell.get_attribute("data-index") == "1"
    assert cell.get_attribute("aria-selected") == "true"
    width = cell.evaluate("(node) => getComputedStyle(node, '::after').borderTopWidth")
    assert width == "3px"


def test_enter_opens_arrows_step_escape_closes(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.focus("#rg-grid")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait_text(page, "#rg-detail-name", "IMG_0000001.jpg")
    page.keyboard.press("ArrowRight")
    wait_text(page, "#rg-detail-name", "IMG_0000002.jpg")
    page.keyboard.press("ArrowLeft")
    wait_text(page, "#rg-detail-name", "IMG_0000001.jpg")
    page.keyboard.press("Escape")
    page.wait_for_selector("#rg-detail", state="hidden")
    assert page.evaluate("document.activeElement.id") == "rg-grid"
    assert _active(page) == 1


def test_slash_searches_and_escape_clears(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "rg-search-text"
    assert page.input_value(SEARCH) == ""
    search(page, "hills")
    page.wait_for_selector(".rg-cell-score:not(:empty)")
    page.keyboard.press("Escape")
    page.wait_for_selector(".rg-cell-score:not(:empty)", state="detached")
    assert page.input_value(SEARCH) == ""
    assert page.evaluate("document.activeElement.id") == "rg-grid"


def test_question_mark_lists_the_keys(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.keyboard.press("?")
    page.wait_for_selector("#rg-help", state="visible")
    page.keyboard.press("Escape")
    page.wait_for_selector("#rg-help", state="hidden")


def test_plus_and_minus_resize(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    before = page.evaluate("rayograph.grid.columns")
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert page.evaluate("rayograph.grid.columns") < before
    for _ in range(4):
        page.keyboard.press("-")
    assert page.evaluate("rayograph.grid.columns") > before


def test_m_finds_the_likes_of_the_active_picture(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.focus("#rg-grid")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("m")
    page.wait_for_selector(".rg-cell-score:not(:empty)")
    wait_text(page, "#rg-search-chip", "IMG_0000001.jpg")
