"""Several pictures at once: chosen by click and key, changed together, undone, and refused."""

from __future__ import annotations

import threading
from collections.abc import Callable

from browsing import search, wait_pictures, wait_text
from playwright.sync_api import Dialog, Page
from virtual_engine import Virtual, VirtualEngine

from rayograph.errors import InvalidRequest

Open = Callable[..., Page]
BAR, COUNT = "#rg-selection", "#rg-selection-count"
BATCH = "**/images/batch"


def click(page: Page, index: int, *keys: str) -> None:
    page.click(f".rg-cell[data-index='{index}']", modifiers=list(keys) or None)  # type: ignore[arg-type]


def chosen(page: Page) -> list[int]:
    found = page.eval_on_selector_all(
        ".rg-cell.rg-chosen:not([hidden])",
        "cells => cells.map((cell) => Number(cell.dataset.index))",
    )
    return sorted(found)


def marks(page: Page, count: int, text: str) -> None:
    """Until so many of the chosen cells say this."""
    page.wait_for_function(
        """([count, text]) =>
          [...document.querySelectorAll(".rg-chosen:not([hidden]) .rg-cell-mark")]
            .filter((mark) => mark.textContent === text).length === count""",
        arg=[count, text],
    )


def test_clicks_choose_one_more_and_a_range(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    click(page, 2, "Control")
    wait_text(page, COUNT, "1 chosen")
    click(page, 5, "Control")
    click(page, 2, "Control")
    assert chosen(page) == [5]
    click(page, 8, "Shift")
    wait_text(page, COUNT, "7 chosen")
    assert chosen(page) == [2, 3, 4, 5, 6, 7, 8]
    # A bare click still opens the picture, and the choice stays.
    click(page, 9)
    page.wait_for_selector("#rg-detail[open]")
    page.keyboard.press("Escape")
    assert page.locator(BAR).is_visible()
    page.keyboard.press("Escape")
    page.wait_for_selector(BAR, state="hidden")
    assert chosen(page) == []


def test_the_mark_of_a_cell_chooses_it_too(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.hover(".rg-cell[data-index='3']")
    page.click(".rg-cell[data-index='3'] .rg-cell-pick")
    wait_text(page, COUNT, "1 chosen")
    assert page.locator("#rg-detail").is_hidden()


def test_keys_choose_rate_and_undo(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    page.focus("#rg-grid")
    page.keyboard.press("Space")
    wait_text(page, COUNT, "1 chosen")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowRight")
    wait_text(page, COUNT, "3 chosen")
    with page.expect_response(BATCH):
        page.keyboard.press("4")
        marks(page, 3, "★★★★")
    with page.expect_response(BATCH):
        page.keyboard.press("f")
        marks(page, 3, "★★★★♥")
    assert len(engine.batches) == 2
    with page.expect_response(BATCH):
        page.keyboard.press("z")
    marks(page, 3, "★★★★")
    with page.expect_response(BATCH):
        page.keyboard.press("z")
    marks(page, 3, "")
    page.reload()
    wait_pictures(page)
    assert page.locator(".rg-cell-mark:not(:empty)").count() == 0


def test_what_was_pressed_last_is_what_stays(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    click(page, 1, "Control")
    click(page, 2, "Shift")
    wait_text(page, COUNT, "2 chosen")
    page.focus("#rg-grid")
    engine.hold = threading.Event()
    with page.expect_request(BATCH):
        page.keyboard.press("4")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.keyboard.press("2")
    marks(page, 2, "★★")
    # The second waits for the answer to the first.
    assert [url for url in sent if url.endswith("/batch")] == []
    with page.expect_response(
        lambda answer: (
            answer.url.endswith("/batch") and answer.request.post_data_json["rating"] == 2
        )
    ):
        engine.hold.set()
    assert [batch.rating for batch in engine.batches] == [4, 2]
    assert [kept.rating for kept in engine.edits.values()] == [2, 2]
    marks(page, 2, "★★")


def test_undo_gives_each_back_what_it_had(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    page.focus("#rg-grid")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("2")
    page.wait_for_function(
        "document.querySelector(\".rg-cell[data-index='1'] .rg-cell-mark\").textContent === '★★'"
    )
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    wait_text(page, COUNT, "2 chosen")
    page.keyboard.press("5")
    marks(page, 2, "★★★★★")
    page.keyboard.press("z")
    marks(page, 1, "★★")
    marks(page, 1, "")


def test_a_tag_for_all_is_shown_at_once_and_taken_back_when_refused(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    click(page, 1, "Control")
    click(page, 4, "Shift")
    wait_text(page, COUNT, "4 chosen")
    page.focus("#rg-grid")
    page.keyboard.press("t")
    page.keyboard.type("harbour")
    with page.expect_response(BATCH):
        page.keyboard.press("Enter")
        page.wait_for_function("window.rayograph.grid.rows.at(2).tags.includes('harbour')")
    assert [kept.tags for kept in engine.edits.values()] == [["harbour"]] * 4
    engine.hold = threading.Event()
    engine.refuse = InvalidRequest("tags are locked")
    page.keyboard.press("3")
    marks(page, 4, "★★★")
    engine.hold.set()
    marks(page, 4, "")
    wait_text(page, "#rg-toasts", "tags are locked")
    assert page.evaluate("window.rayograph.grid.rows.at(2).tags") == ["harbour"]


def test_all_that_is_shown_is_chosen_by_its_filter_and_asked_about(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    page.focus("#rg-grid")
    page.keyboard.press("Control+a")
    wait_text(page, COUNT, f"All {half_done.listed:,}")
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept() if len(asked) > 1 else dialog.dismiss()

    page.on("dialog", answer)
    page.keyboard.press("5")
    assert engine.batches == []
    with page.expect_response(BATCH):
        page.keyboard.press("5")
    assert (
        asked == [f"Rate with 5 {half_done.listed:,} pictures? This cannot be undone with z."] * 2
    )
    (batch,) = engine.batches
    assert (batch.ids, batch.where, batch.rating) == (None, "not missing", 5)


def test_another_listing_has_nothing_chosen_and_a_search_chooses_what_it_found(
    half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    click(page, 1, "Control")
    page.wait_for_selector(BAR, state="visible")
    search(page, "red")
    page.wait_for_selector(BAR, state="hidden")
    page.wait_for_selector(".rg-cell-score:not(:empty)")
    page.focus("#rg-grid")
    page.keyboard.press("Control+a")
    wait_text(page, COUNT, "chosen")
    search(page, "blue")
    page.wait_for_selector(BAR, state="hidden")
    page.focus("#rg-grid")
    page.keyboard.press("Control+a")
    wait_text(page, COUNT, "chosen")
    page.click("[data-select=export]")
    wait_text(page, "#rg-export-what", "pictures")
    page.keyboard.press("Escape")


def test_the_bar_fits_a_narrow_page(half_done: Virtual, open_page: Open) -> None:
    page = open_page(width=380, height=700)
    wait_pictures(page)
    click(page, 1, "Control")
    page.wait_for_selector(BAR, state="visible")
    box = page.locator(BAR).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 380
