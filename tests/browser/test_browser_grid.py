"""The grid: a million rows, little DOM, a place that is kept."""

from __future__ import annotations

import re
from collections.abc import Callable

from browsing import scroll_to, search, top_cell, wait_cell, wait_pictures
from playwright.sync_api import Page, Request
from virtual_engine import VirtualEngine

Open = Callable[..., Page]
MILLION = 1_000_000


def _million(engine: VirtualEngine) -> None:
    engine.put("archive", MILLION, listed=MILLION, indexed=MILLION, ready=MILLION)


def _tells_of_the_middle(request: Request) -> bool:
    """Whether the page says it looks at the middle of 50,000 rows; it tells of the top first."""
    if not request.url.endswith("/attention"):
        return False
    rows = [int(each.rsplit("-", 1)[1], 16) for each in request.post_data_json["image_ids"]]
    return bool(rows) and all(24_000 < row < 26_000 for row in rows)


def test_scrolls_to_the_end_of_a_million_rows(engine: VirtualEngine, open_page: Open) -> None:
    _million(engine)
    page = open_page()
    wait_pictures(page)
    page.focus("#rg-grid")
    page.keyboard.press("End")
    wait_cell(page, MILLION - 1)
    assert page.locator(".rg-cell").count() < 400
    box = page.locator(f".rg-cell[data-index='{MILLION - 1}']").bounding_box()
    assert box is not None and box["y"] + box["height"] <= 800
    page.keyboard.press("Home")
    wait_cell(page, 0)
    assert top_cell(page)[0] == 0


def test_the_scroll_bar_reaches_the_middle_and_both_ends(
    engine: VirtualEngine, open_page: Open
) -> None:
    _million(engine)
    page = open_page()
    wait_pictures(page)
    scroll_to(page, 0.5)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.rg-cell.rg-shown')]"
        ".some((cell) => Math.abs(cell.dataset.index - 500000) < 2000)"
    )
    scroll_to(page, 1)
    wait_cell(page, MILLION - 1)
    scroll_to(page, 0)
    wait_cell(page, 0)


def test_the_wheel_moves_pixel_by_pixel_however_long_the_list(
    engine: VirtualEngine, open_page: Open
) -> None:
    _million(engine)
    page = open_page()
    wait_pictures(page)
    scroll_to(page, 0.37)
    page.wait_for_function(
        "() => rayograph.grid.fast === false && rayograph.grid.place().offset > 1e6"
    )
    before = page.evaluate("rayograph.grid.place().offset")
    page.mouse.move(400, 500)
    page.mouse.wheel(0, 240)
    page.wait_for_function(
        "(before) => Math.abs(rayograph.grid.place().offset - before - 240) < 2", arg=before
    )


def test_only_visible_pages_are_fetched(engine: VirtualEngine, open_page: Open) -> None:
    _million(engine)
    page = open_page()
    wait_pictures(page)
    asked: list[int] = []
    page.on(
        "request",
        lambda request: asked.extend(
            int(found[1]) for found in [re.search(r"/images\?.*offset=(\d+)", request.url)] if found
        ),
    )
    scroll_to(page, 0.8)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.rg-cell.rg-shown')]"
        ".some((cell) => cell.dataset.index > 700000)"
    )
    assert 0 < len(asked) <= 6
    assert max(asked) - min(asked) <= 400


def test_the_place_is_kept_while_rows_arrive(engine: VirtualEngine, open_page: Open) -> None:
    made = engine.put("growing", MILLION, listed=150_000, indexed=1000)
    page = open_page()
    wait_pictures(page)
    scroll_to(page, 0.6)
    page.wait_for_function(
        "() => rayograph.grid.fast === false && rayograph.grid.place().offset > 1e5"
    )
    page.wait_for_selector(".rg-cell.rg-shown")
    before = top_cell(page)
    for listed in (300_000, 700_000, MILLION):
        engine.change(made, listed=listed)
        page.wait_for_function("(n) => rayograph.grid.rows.total === n", arg=listed)
        assert top_cell(page) == before


def test_resizing_pictures_keeps_the_place(engine: VirtualEngine, open_page: Open) -> None:
    _million(engine)
    page = open_page()
    wait_pictures(page)
    scroll_to(page, 0.25)
    page.wait_for_function(
        "() => rayograph.grid.fast === false && rayograph.grid.place().offset > 1e6"
    )
    first, _ = top_cell(page)
    page.evaluate("rayograph.zoom(300)")
    assert page.evaluate("rayograph.grid.columns") < 5
    near, _ = top_cell(page)
    assert abs(near - first) <= 12


def test_cells_never_move_when_their_pictures_come(engine: VirtualEngine, open_page: Open) -> None:
    _million(engine)
    page = open_page()
    page.wait_for_selector(".rg-cell[data-index='3']", state="attached")
    before = page.locator(".rg-cell[data-index='3']").bounding_box()
    wait_cell(page, 3)
    assert page.locator(".rg-cell[data-index='3']").bounding_box() == before


def test_tells_what_is_on_screen(engine: VirtualEngine, open_page: Open) -> None:
    engine.put("fresh", 50_000, listed=50_000)
    page = open_page()
    wait_pictures(page)
    with page.expect_request(_tells_of_the_middle):
        scroll_to(page, 0.5)


def test_statuses_change_on_screen_as_work_goes_on(engine: VirtualEngine, open_page: Open) -> None:
    made = engine.put("fresh", 500, listed=500)
    page = open_page()
    page.wait_for_selector(".rg-cell[data-index='0'][data-status='pending']")
    engine.change(made, indexed=500, ready=500)
    page.wait_for_selector(".rg-cell[data-index='0'][data-status='ready']")


def test_a_failed_cell_says_why(engine: VirtualEngine, open_page: Open) -> None:
    engine.put("mixed", 100, listed=100, indexed=100, ready=100, fail_every=10)
    page = open_page()
    cell = page.locator(".rg-cell[data-index='7'][data-status='failed']")
    cell.wait_for()
    assert "Cut short" in cell.inner_text()
    assert "failed" in (cell.get_attribute("aria-label") or "")


def test_a_search_gives_the_place_back(engine: VirtualEngine, open_page: Open) -> None:
    _million(engine)
    page = open_page()
    wait_pictures(page)
    scroll_to(page, 0.42)
    page.wait_for_function(
        "() => rayograph.grid.fast === false && rayograph.grid.place().offset > 1e6"
    )
    before = top_cell(page)
    search(page, "the sea")
    page.wait_for_selector(".rg-cell-score:not(:empty)")
    page.keyboard.press("Escape")
    page.wait_for_selector(f".rg-cell[data-index='{before[0]}']")
    assert top_cell(page) == before
