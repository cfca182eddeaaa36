"""Discover: copies side by side and what is decided about them, clusters, outliers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browsing import wait_pictures, wait_text
from playwright.sync_api import Page
from virtual_engine import Virtual, VirtualEngine

from rayograph.errors import NotReady

Open = Callable[..., Page]


@pytest.fixture
def page(half_done: Virtual, open_page: Open) -> Page:
    opened = open_page()
    wait_pictures(opened)
    return opened


def test_copies_are_waited_for_and_come_in_pages(engine: VirtualEngine, page: Page) -> None:
    engine.discovery.looks = 2
    page.keyboard.press("d")
    wait_text(page, "#rg-discover-note", "Being worked out: comparing, 25 %")
    wait_text(page, "#rg-discover-note", "45 groups of 90 pictures. Looked at 99 of 100.")
    assert page.locator(".rg-copies").count() == 20
    wait_text(page, ".rg-best .rg-why", "Best: most pixels")
    page.evaluate("document.querySelector('#rg-discover-list').scrollTop = 1e6")
    page.wait_for_function("document.querySelectorAll('.rg-copies').length === 40")


def test_a_decision_shows_at_once_and_is_undone(engine: VirtualEngine, page: Page) -> None:
    page.click("#rg-discover-open")
    page.click("[data-kind=near]")
    page.click("[data-group='1'] >> text=Not duplicates")
    wait_text(page, "[data-group='1']", "Not duplicates. Undo")
    page.keyboard.press("z")
    page.wait_for_selector("[data-group='1'] .rg-copy")
    page.click("[data-group='2'] >> text=Hide the other")
    page.click("[data-group='2'] >> text=Undo")
    page.wait_for_selector("[data-group='2'] .rg-copy")
    page.wait_for_function("document.activeElement.closest('[data-group]') !== null")
    said = [one.decision for one in engine.discovery.decided]
    assert said == ["not_duplicates", None, "hide", None]
    assert {len(one.image_ids) for one in engine.discovery.decided} == {2}


def test_a_refused_decision_is_rolled_back(engine: VirtualEngine, page: Page) -> None:
    engine.discovery.refuse = NotReady("the decision could not be noted")
    page.click("#rg-discover-open")
    page.click("[data-group='0'] >> text=Keep all")
    wait_text(page, "#rg-toasts", "the decision could not be noted")
    page.wait_for_selector("[data-group='0'] .rg-copy")


def test_two_copies_are_compared_while_a_key_is_held(page: Page) -> None:
    page.click("#rg-discover-open")
    page.hover("[data-group='0'] .rg-copy:nth-child(2)")
    page.keyboard.down("c")
    wait_text(page, "#rg-flicker p", "Best: ")
    page.wait_for_function("!document.querySelector('#rg-flicker p').textContent.includes('Best')")
    page.keyboard.up("c")
    assert page.locator("#rg-flicker").is_hidden()


def test_what_is_stale_can_be_worked_out_anew(engine: VirtualEngine, page: Page) -> None:
    engine.discovery.stale = True
    page.click("#rg-discover-open")
    page.click("[data-kind=semantic]")
    wait_text(page, "#rg-discover-note", "The pictures have changed since.")
    page.click("#rg-discover-refresh")
    page.wait_for_selector("#rg-discover-refresh", state="hidden")
    wait_text(page, "#rg-discover-note", "45 groups")
    assert engine.discovery.refreshed == [("duplicates", {"kind": "semantic"})]


def test_a_cluster_and_the_outliers_open_in_the_grid(page: Page) -> None:
    page.click("#rg-discover-open")
    page.click("#rg-tab-clusters")
    page.click(".rg-cluster")
    wait_text(page, "#rg-summary", "sky, sea: 300 pictures")
    assert page.locator("#rg-discover").is_hidden()
    page.click("#rg-search-clear")
    wait_text(page, "#rg-summary", "10,000 pictures")
    page.keyboard.press("d")
    page.click("#rg-tab-outliers")
    page.click("text=Show all 300, strangest first")
    wait_text(page, "#rg-summary", "Like no others: 300 pictures")


def test_no_duplicates_is_one_sentence(engine: VirtualEngine, page: Page) -> None:
    engine.discovery.groups = 0
    page.click("#rg-discover-open")
    note = page.locator("#rg-discover-note")
    wait_text(page, "#rg-discover-note", "No two files are the same")
    assert note.inner_text() == (
        "No two files are the same among the 99 looked at of 100 pictures."
    )
    assert page.locator("#rg-discover-list").inner_text() == ""


def test_a_sample_is_chosen_shown_and_kept(engine: VirtualEngine, page: Page) -> None:
    page.click("#rg-discover-open")
    page.click("#rg-tab-sample")
    page.wait_for_selector("#rg-sample")
    assert page.locator("#rg-sample [name=by]").is_hidden()
    page.select_option("#rg-sample [name=method]", "balanced")
    page.select_option("#rg-sample [name=by]", "folder")
    page.fill("#rg-sample [name=many]", "3")
    page.select_option("#rg-sample [name=unit]", "share")
    page.fill("#rg-sample [name=seed]", "7")
    engine.discovery.looks = 1
    page.click("#rg-sample >> text=Choose")
    wait_text(page, "#rg-discover-note", "Being worked out")
    page.wait_for_selector(".rg-sample-keep")
    asked = {"method": "balanced", "by": "folder", "share": 0.03, "seed": 7}
    assert engine.discovery.sampled == [asked]
    page.fill(".rg-sample-keep input", "chosen")
    page.click("text=Tag them all")
    wait_text(page, "#rg-toasts", "Tagged 300 pictures: the filter tag:chosen shows them.")
    assert {len(ids) for ids, _ in engine.edited} == {1}
    assert len(engine.edited) == 300
    page.click("text=Show all 300 in the grid")
    wait_text(page, "#rg-summary", "A balanced sample: 300 pictures")
    page.keyboard.press("e")
    wait_text(page, "#rg-export-what", "300 pictures")
