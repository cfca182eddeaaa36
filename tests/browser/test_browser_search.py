"""Search: greyed out with its reason, then by words, by a picture here, by one's own."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

from browsing import SEARCH, search, wait_pictures, wait_text
from PIL import Image
from playwright.sync_api import Page
from virtual_engine import Virtual, VirtualEngine

from rayograph.errors import ServerError

Open = Callable[..., Page]
SCORES = ".rg-cell-score:not(:empty)"


def _png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (900, 500), "#c04010").save(out, "PNG")
    return out.getvalue()


def test_off_until_the_first_vectors_and_says_why(engine: VirtualEngine, open_page: Open) -> None:
    engine.model = None
    made = engine.put("fresh", 300, listed=300)
    page = open_page()
    wait_pictures(page)
    page.wait_for_function("() => document.querySelector('#rg-search-text').disabled")
    wait_text(page, "#rg-reason", "no model could be loaded")
    engine.model = "ViT-B-32/test"
    engine.change(made, indexed=300, ready=40)
    page.wait_for_function("() => !document.querySelector('#rg-search-text').disabled")
    assert page.locator("#rg-reason").is_hidden()


def test_by_words_with_scores_and_coverage(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.keyboard.press("/")
    page.keyboard.type("hills at dusk")
    page.keyboard.press("Enter")
    page.wait_for_selector(SCORES)
    wait_text(page, "#rg-summary", "searched 3,200 of 10,000")
    assert page.inner_text(".rg-cell[data-index='0'] .rg-cell-score") == "0.93"


def test_offers_what_has_become_searchable_since(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_pictures(page)
    search(page, "the sea")
    wait_text(page, "#rg-summary", "searched 3,200 of 10,000")
    engine.change(half_done, indexed=10_000, ready=9000)
    wait_text(page, "#rg-strip-actions", "more")
    page.click("#rg-strip-actions button")
    wait_text(page, "#rg-summary", "searched 9,000 of 10,000")


def test_more_like_this(engine: VirtualEngine, half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.hover(".rg-cell[data-index='5']")
    page.click(".rg-cell[data-index='5'] .rg-cell-alike")
    page.wait_for_selector(SCORES)
    wait_text(page, "#rg-search-chip", "IMG_0000005.jpg")
    assert engine.requests[-1].image_id == f"{half_done.id}-{5:020x}"
    page.click("#rg-search-chip button")
    page.wait_for_selector(SCORES, state="detached")


def test_by_an_uploaded_picture(engine: VirtualEngine, half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    file = {"name": "mine.png", "mimeType": "image/png", "buffer": _png()}
    page.set_input_files("#rg-search-upload", files=[file])  # type: ignore[list-item]
    page.wait_for_selector(SCORES)
    sent = Image.open(io.BytesIO(base64.b64decode(engine.requests[-1].image_base64 or "")))
    assert sent.format == "JPEG"
    assert max(sent.size) == 640
    wait_text(page, "#rg-search-chip", "mine.png")


def _transfer(page: Page) -> object:
    return page.evaluate_handle(
        """async (base64) => {
          const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "dropped.png", {type: "image/png"}));
          return transfer;
        }""",
        base64.b64encode(_png()).decode(),
    )


def test_by_a_dropped_picture(engine: VirtualEngine, half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    transfer = {"dataTransfer": _transfer(page)}
    page.dispatch_event("#rg-grid", "dragenter", transfer)
    page.wait_for_selector("#rg-drop", state="visible")
    page.dispatch_event("#rg-grid", "drop", transfer)
    page.wait_for_selector(SCORES)
    assert page.locator("#rg-drop").is_hidden()
    assert engine.requests[-1].image_base64


def test_by_a_pasted_picture(engine: VirtualEngine, half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.evaluate(
        "(data) => document.body.dispatchEvent("
        "new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}))",
        _transfer(page),
    )
    page.wait_for_selector(SCORES)
    assert engine.requests[-1].image_base64


def test_nothing_found(half_done: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    search(page, "nothing")
    wait_text(page, "#rg-state h1", "Nothing like it")
    wait_text(page, "#rg-state", "6,800 are not searchable yet")
    page.click("text=Back to all pictures")
    page.wait_for_selector("#rg-state", state="hidden")
    wait_pictures(page)


def test_a_failing_search_says_so_and_can_be_repeated(
    engine: VirtualEngine, half_done: Virtual, open_page: Open
) -> None:
    engine.broken_search = ServerError("the index is being repaired", hint="try in a minute")
    page = open_page()
    wait_pictures(page)
    search(page, "hills")
    wait_text(page, "#rg-state", "the index is being repaired")
    wait_text(page, "#rg-state", "try in a minute")
    engine.broken_search = None
    page.click("text=Search again")
    page.wait_for_selector(SCORES)
    assert page.input_value(SEARCH) == "hills"
