"""Steering a search: examples, parts of a picture, addresses, further pages, likely matches."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browsing import SEARCH, scroll_to, search, wait_cell, wait_pictures, wait_text
from playwright.sync_api import Page
from virtual_engine import Virtual, VirtualEngine

from rayograph.schema import Weighted

Open = Callable[..., Page]
SCORES = ".rg-cell-score:not(:empty)"


def _id(made: Virtual, index: int) -> str:
    return f"{made.id}-{index:020x}"


def _activate(page: Page, index: int) -> None:
    page.evaluate(f"rayograph.grid.select({index})")


def test_further_pages_come_as_one_scrolls_and_nothing_moves(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    search(page, "hills")
    page.wait_for_selector(SCORES)
    wait_text(page, "#rg-summary", "200 pictures so far")
    first = page.evaluate("rayograph.grid.rows.at(7).id")
    scroll_to(page, 1)
    wait_text(page, "#rg-summary", "400 pictures so far")
    assert engine.requests[-1].offset == 200
    assert page.evaluate("rayograph.grid.rows.at(7).id") == first
    assert page.evaluate(
        "new Set(Array.from({length: 400}, (_, n) => rayograph.grid.rows.at(n).id)).size"
    ) == 400  # fmt: skip
    # Before it is laid out, the end of the bar is still the end of the first page.
    page.wait_for_selector(".rg-cell[aria-setsize='400']")
    for _ in range(2):
        scroll_to(page, 1)
        page.wait_for_function("rayograph.grid.rows.total > 400")
    wait_text(page, "#rg-summary", "pictures")


def test_unlikely_hits_step_back_and_scores_explain_themselves(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    engine.cutoff = 0.9
    page = open_page()
    wait_pictures(page)
    search(page, "hills")
    page.wait_for_selector(SCORES)
    wait_text(page, "#rg-summary", "15 likely")
    assert page.locator(".rg-cell[data-index='3']").get_attribute("class") == "rg-cell rg-shown"
    wait_cell(page, 20)
    assert "rg-unlikely" in (page.locator(".rg-cell[data-index='20']").get_attribute("class") or "")
    why = page.locator(".rg-cell[data-index='0'] .rg-cell-score").get_attribute("title")
    assert why == "similarity 0.930; likely from 0.900 on"


def test_a_query_that_matches_nothing_says_so_first(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    engine.cutoff = 0.99
    page = open_page()
    wait_pictures(page)
    search(page, "a submarine")
    wait_text(page, "#rg-state h1", "Nothing like it")
    wait_text(page, "#rg-state", "None of the 3,200 pictures searched looks like “a submarine”")
    page.click("text=Show the nearest")
    page.wait_for_selector(SCORES)
    assert page.locator("#rg-state").is_hidden()


def test_examples_steer_by_key_and_each_counts_as_one_says(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    _activate(page, 2)
    page.keyboard.press("x")
    wait_text(page, "#rg-toasts", "Search for something first")
    page.keyboard.press("Shift+M")
    page.wait_for_selector(".rg-example.rg-more")
    page.wait_for_selector(SCORES)
    wait_text(page, "#rg-summary", "like the examples")
    assert engine.requests[-1].more_like == [Weighted(image_id=_id(half_done, 2))]
    search(page, "hills")
    page.wait_for_function("rayograph.search.state === 'done' && rayograph.search.query.text")
    hit = page.evaluate("rayograph.grid.rows.at(5).id")
    page.press(SEARCH, "ArrowDown")
    _activate(page, 5)
    page.keyboard.press("x")
    page.wait_for_selector(".rg-example.rg-less")
    page.wait_for_function("rayograph.search.state === 'done'")
    assert engine.requests[-1].text == "hills"
    assert engine.requests[-1].less_like == [Weighted(image_id=hit, weight=0.5)]
    page.click(".rg-example.rg-less button >> nth=0")
    wait_text(page, ".rg-example.rg-less", "×2")
    page.wait_for_function("rayograph.search.state === 'done'")
    assert engine.requests[-1].less_like == [Weighted(image_id=hit, weight=1.0)]
    for _ in range(2):
        page.click(".rg-example-off >> nth=0")
    page.wait_for_selector("#rg-examples", state="hidden")
    page.wait_for_function("rayograph.search.state === 'done'")
    assert engine.requests[-1].more_like is None
    page.keyboard.press("Escape")
    page.wait_for_selector(SCORES, state="detached")


def test_taking_the_only_example_away_ends_the_search(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    _activate(page, 2)
    page.keyboard.press("Shift+M")
    page.wait_for_selector(SCORES)
    page.click(".rg-example-off")
    page.wait_for_selector(SCORES, state="detached")
    assert page.evaluate("rayograph.search") is None


@pytest.mark.parametrize("by", ["pointer", "keys"])
def test_a_part_of_a_picture_is_searched_for(
    engine: VirtualEngine, half_done: Virtual, open_page: Open, by: str
) -> None:
    page = open_page()
    wait_pictures(page)
    page.click(".rg-cell[data-index='4']")
    page.wait_for_selector(".rg-detail-full.rg-shown")
    page.keyboard.press("b")
    page.wait_for_selector("#rg-box-veil", state="visible")
    if by == "pointer":
        spot = page.evaluate(
            """() => {
              const image = document.querySelector(".rg-detail-full");
              const room = image.getBoundingClientRect();
              const [wide, high] = [image.naturalWidth, image.naturalHeight];
              const scale = Math.min(room.width / wide, room.height / high);
              const [w, h] = [wide * scale, high * scale];
              return [room.left + (room.width - w) / 2, room.top + (room.height - h) / 2, w, h];
            }"""
        )
        left, top, width, height = spot
        page.mouse.move(left + 0.25 * width, top + 0.5 * height)
        page.mouse.down()
        page.mouse.move(left + 0.75 * width, top + 0.9 * height, steps=4)
        page.mouse.up()
        expected = (0.25, 0.5, 0.5, 0.4)
    else:
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Shift+ArrowDown")
        page.keyboard.press("Enter")
        expected = (0.32, 0.3, 0.4, 0.42)
    page.wait_for_selector(SCORES)
    box = engine.requests[-1].box
    assert box is not None
    assert box.image_id == _id(half_done, 4)
    assert (box.x, box.y, box.width, box.height) == pytest.approx(expected, abs=0.02)
    wait_text(page, "#rg-search-chip", "a part of IMG_0000004.jpg")


def test_escape_leaves_the_box_before_the_picture(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.click(".rg-cell[data-index='4']")
    page.wait_for_selector(".rg-detail-full.rg-shown")
    page.click("#rg-detail-box")
    page.keyboard.press("Escape")
    page.wait_for_selector("#rg-box-veil", state="hidden")
    assert page.locator("#rg-detail").is_visible()
    page.keyboard.press("Escape")
    page.wait_for_selector("#rg-detail", state="hidden")


def test_an_address_is_a_picture_to_search_by(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    search(page, "https://example.com/a%20cat.jpg?x=1")
    page.wait_for_selector(SCORES)
    assert engine.requests[-1].image_url == "https://example.com/a%20cat.jpg?x=1"
    assert engine.requests[-1].text is None
    wait_text(page, "#rg-search-chip", "a cat.jpg")


def test_what_words_are_compared_with_can_be_chosen(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    assert page.locator("#rg-by").is_hidden()
    search(page, "hills")
    page.wait_for_selector(SCORES)
    assert engine.requests[-1].by == "both"
    page.select_option("#rg-by", "words")
    page.wait_for_function("rayograph.search.state === 'done'")
    assert engine.requests[-1].by == "words"
    assert page.input_value(SEARCH) == "hills"
