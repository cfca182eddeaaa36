"""Rating, favourites and tags by key and by click: at once, undone, and taken back when refused."""

from __future__ import annotations

import threading
from collections.abc import Callable

from browsing import wait_pictures, wait_text
from playwright.sync_api import Page
from virtual_engine import Virtual, VirtualEngine

from rayograph.errors import CatalogError

Open = Callable[..., Page]
MARK = ".rg-cell[data-index='1'] .rg-cell-mark"


def at_second(page: Page) -> None:
    wait_pictures(page)
    page.focus("#rg-grid")
    page.keyboard.press("ArrowRight")


def marked(page: Page, text: str) -> None:
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.textContent === text",
        arg=[MARK, text],
    )


def press(page: Page, key: str) -> None:
    """Press a key that changes the picture, and await that the server has it."""
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.keyboard.press(key)


def test_keys_rate_and_favour_and_z_undoes(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    at_second(page)
    press(page, "4")
    marked(page, "★★★★")
    press(page, "f")
    marked(page, "★★★★♥")
    press(page, "2")
    marked(page, "★★♥")
    for after in ("★★★★♥", "★★★★", ""):
        press(page, "z")
        marked(page, after)
    press(page, "5")
    press(page, "5")
    marked(page, "")
    page.reload()
    wait_pictures(page)
    marked(page, "")


def test_it_is_shown_before_the_server_knows_and_taken_back_when_it_refuses(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    at_second(page)
    press(page, "3")
    marked(page, "★★★")
    engine.hold = threading.Event()
    engine.refuse = CatalogError("the disk is full")
    page.route("**/api/images/*", _as_refused)
    page.keyboard.press("5")
    marked(page, "★★★★★")
    engine.hold.set()
    marked(page, "★★★")
    wait_text(page, "#rg-toasts", "the disk is full")


def _as_refused(route: object) -> None:
    """A 503 would be tried again for a while; the page is told that it is for good."""
    answer = route.fetch()  # type: ignore[attr-defined]
    status = 409 if answer.status == 503 else answer.status
    route.fulfill(response=answer, status=status)  # type: ignore[attr-defined]


def test_the_large_view_rates_and_tags(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    at_second(page)
    page.keyboard.press("Enter")
    page.wait_for_selector("#rg-detail[open] .rg-star")
    page.click("#rg-stars .rg-star >> nth=2")
    page.wait_for_selector("#rg-stars .rg-star[aria-pressed='true'] >> nth=2")
    page.fill("#rg-tag-form input", "mountain lake")
    page.press("#rg-tag-form input", "Enter")
    wait_text(page, "#rg-tags", "mountain lake")
    # Keys belong to the box while it is typed in.
    page.keyboard.type("1m")
    page.press("#rg-tag-form input", "Enter")
    wait_text(page, "#rg-tags", "1m")
    page.click(".rg-tag:has-text('1m') button")
    page.wait_for_selector(".rg-tag:has-text('1m')", state="detached")
    page.focus("#rg-detail-file")
    page.keyboard.press("f")
    page.wait_for_selector(".rg-heart[aria-pressed='true']")
    page.keyboard.press("Escape")
    marked(page, "★★★♥")
    (key,) = engine.edits
    assert engine.edits[key].tags == ["mountain lake"]
