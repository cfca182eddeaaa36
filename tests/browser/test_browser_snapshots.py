"""The snapshots panel: a name, a comparison, and going back only when asked twice."""

from __future__ import annotations

from collections.abc import Callable

from browsing import wait_pictures, wait_text
from playwright.sync_api import Page
from virtual_engine import Virtual, VirtualEngine

Open = Callable[..., Page]


def opened(page: Page) -> None:
    wait_pictures(page)
    if page.get_attribute("#rg-work-open", "aria-expanded") != "true":
        page.click("#rg-work-open")
    page.click("#rg-snapshots-open")
    page.wait_for_selector("#rg-snapshots[open]")


def test_one_is_taken_compared_gone_back_to_and_removed(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    opened(page)
    page.fill("#rg-snapshots-form input", "v1")
    page.keyboard.press("Enter")
    page.wait_for_selector("li[data-name='v1']")
    page.click("text=Compare")
    wait_text(page, ".rg-snapshot-diff", "2 added, 1 gone, 14 changed (tags 12, rating 3)")
    back = "li[data-name='v1'] button >> nth=1"
    page.click(back)
    page.wait_for_selector("li[data-name='v1'] .rg-sure")
    assert engine.snapshots.restored == []
    page.click(back)
    page.wait_for_selector("#rg-snapshots:not([open])", state="attached")
    wait_text(page, "#rg-toasts", "Back at v1")
    assert engine.snapshots.restored == ["v1"]
    wait_pictures(page)
    opened(page)
    page.click("li[data-name='v1'] button >> nth=2")
    page.wait_for_selector("li[data-name='v1']", state="detached")
    assert engine.snapshots.items == {}


def test_looking_away_takes_the_question_back(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page(width=360, color_scheme="light")
    opened(page)
    page.click("text=Take a snapshot")
    page.wait_for_selector("#rg-snapshots-list li")
    page.click("text=Go back")
    page.wait_for_selector(".rg-sure")
    page.focus("#rg-snapshots-form input")
    page.wait_for_selector(".rg-sure", state="detached")
    page.fill("#rg-snapshots-form input", "at-0")
    page.keyboard.press("Enter")
    wait_text(page, "#rg-snapshots .rg-error", "there is a snapshot 'at-0'")
    box = page.eval_on_selector("#rg-snapshots", "(box) => [box.scrollWidth, box.clientWidth]")
    assert box[0] <= box[1]
    assert engine.snapshots.restored == []
