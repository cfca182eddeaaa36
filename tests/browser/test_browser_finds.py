"""Search inside a giant: the strip of finds, the outlines, the flight there, and the keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browsing import SEARCH, giant, search, view, wait_drawn, wait_text, wait_viewer
from playwright.sync_api import Page
from virtual_engine import Virtual, VirtualEngine

from rayograph.errors import ModelUnavailable
from rayograph.schema import SearchRequest

Open = Callable[..., Page]


@pytest.fixture
def nebula(engine: VirtualEngine) -> Virtual:
    made = engine.put_giant("nebula", regions=60)
    engine.change(made, ready=61)
    return made


def centre(made: Virtual, place: int, text: str) -> tuple[int, int]:
    """The middle of a find."""
    rows = giant(made).found(SearchRequest(text=text, k=60), made.ready)
    region = giant(made).region(rows[place])
    assert region is not None
    return region.x + region.width // 2, region.y + region.height // 2


def wait_at(page: Page, x: int, y: int) -> None:
    """Until the page has arrived there (near an edge it cannot be the very middle)."""
    page.wait_for_function(
        """([x, y]) => {
          const at = location.hash.split("@")[1]?.split(",").map(Number);
          return at && Math.abs(at[0] - x) < 20 && Math.abs(at[1] - y) < 20;
        }""",
        arg=[x, y],
    )


def wait_still(page: Page) -> None:
    """Until nothing moves and the address has been told."""
    page.evaluate(
        """() => new Promise((resolve) => {
          let last = "";
          let same = 0;
          const look = () => {
            const { viewport } = OpenSeadragon.getViewer("rg-viewer-canvas");
            const now = `${viewport.getBounds(true)} ${location.hash}`;
            same = now === last ? same + 1 : 0;
            last = now;
            if (same > 20) resolve();
            else requestAnimationFrame(look);
          };
          look();
        })"""
    )


def found(page: Page, text: str = "rings") -> None:
    wait_viewer(page)
    wait_drawn(page)
    search(page, text)
    page.wait_for_selector(".rg-hit")


def test_a_click_on_a_find_flies_there(nebula: Virtual, open_page: Open) -> None:
    page = open_page()
    found(page)
    wait_text(page, "#rg-summary", "24 places, searched all 61")
    assert page.locator(".rg-hit").count() == 24
    assert page.locator(".rg-find").count() == 20
    page.click(".rg-hit >> nth=2")
    wait_at(page, *centre(nebula, 2, "rings"))
    assert page.locator(".rg-hit[aria-current]").inner_text().startswith("3")
    assert page.locator(".rg-find.rg-active").inner_text() == "3"
    outline = page.locator(".rg-find.rg-active").bounding_box()
    stage = page.locator(".rg-viewer-stage").bounding_box()
    assert outline is not None
    assert stage is not None
    assert stage["x"] < outline["x"] < outline["x"] + outline["width"] < stage["x"] + stage["width"]
    assert page.locator(".rg-hit[aria-current]").get_attribute("aria-label") is not None


def test_who_saw_the_whole_sees_it_beside_the_finds_too(nebula: Virtual, open_page: Open) -> None:
    giant(nebula).pyramid.height = 20_000
    page = open_page()
    found(page)
    page.wait_for_function(
        """() => {
          const { viewport } = OpenSeadragon.getViewer("rg-viewer-canvas");
          const seen = viewport.getBounds(true);
          return seen.y <= 0.001 && seen.y + seen.height >= 0.999;
        }"""
    )
    assert "@" not in page.url


def test_the_keys_reach_every_find(nebula: Virtual, open_page: Open) -> None:
    page = open_page()
    found(page)
    page.keyboard.type("nnn")
    assert page.input_value(SEARCH) == "ringsnnn"
    page.fill(SEARCH, "rings")
    page.press(SEARCH, "ArrowDown")
    assert page.evaluate("document.activeElement.className") == "openseadragon-canvas"
    page.keyboard.press("n")
    wait_at(page, *centre(nebula, 0, "rings"))
    page.keyboard.press("n")
    wait_at(page, *centre(nebula, 1, "rings"))
    page.keyboard.press("N")
    page.keyboard.press("N")
    wait_at(page, *centre(nebula, 23, "rings"))
    page.focus(".rg-hit >> nth=0")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.innerText").startswith("3")
    page.keyboard.press("Enter")
    wait_at(page, *centre(nebula, 2, "rings"))


def test_a_click_into_the_picture_takes_the_find_there(nebula: Virtual, open_page: Open) -> None:
    page = open_page()
    found(page)
    box = page.locator(".rg-find", has_text="4").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(".rg-find.rg-active")
    x, y = centre(nebula, int(page.locator(".rg-find.rg-active").inner_text()) - 1, "rings")
    wait_at(page, x, y)


def test_the_whole_picture_can_be_a_find(nebula: Virtual, open_page: Open) -> None:
    giant(nebula).found = lambda request, ready: [5, 0]  # type: ignore[method-assign]
    page = open_page()
    found(page)
    page.click(".rg-hit >> nth=0")
    page.wait_for_function("location.hash.includes('@')")
    page.click(".rg-hit >> nth=1")
    page.wait_for_function("!location.hash.includes('@')")


def test_escape_clears_and_the_view_stays(nebula: Virtual, open_page: Open) -> None:
    page = open_page()
    found(page)
    page.click(".rg-hit >> nth=1")
    wait_at(page, *centre(nebula, 1, "rings"))
    before = view(page)
    page.keyboard.press("Escape")
    page.wait_for_selector("#rg-hits", state="hidden")
    assert page.locator(".rg-find").count() == 0
    assert page.input_value(SEARCH) == ""
    wait_still(page)
    after = view(page)
    assert after["zoom"] == before["zoom"]
    assert abs(after["x"] - before["x"]) < 20
    assert abs(after["y"] - before["y"]) < 20


def test_nothing_found_and_a_search_that_failed(
    engine: VirtualEngine, nebula: Virtual, open_page: Open
) -> None:
    page = open_page()
    wait_viewer(page)
    search(page, "nothing")
    wait_text(page, "#rg-hits-lead", "Nothing like it")
    engine.broken_search = ModelUnavailable("the model is gone")
    search(page, "rings")
    wait_text(page, "#rg-hits-lead", "the model is gone")
    engine.broken_search = None
    page.click("#rg-hits-lead >> text=Search again")
    page.wait_for_selector(".rg-hit")


def test_m_finds_more_like_a_find(engine: VirtualEngine, nebula: Virtual, open_page: Open) -> None:
    page = open_page()
    found(page)
    page.press(SEARCH, "ArrowDown")
    page.keyboard.press("n")
    page.keyboard.press("m")
    page.wait_for_selector("#rg-search-chip:not([hidden])")
    page.wait_for_selector(".rg-hit")
    assert engine.requests[-1].image_id is not None


def test_the_keys_of_a_giant_do_not_disturb_the_pages_own(nebula: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_viewer(page)
    size = page.evaluate("rayograph.grid.size")
    page.keyboard.press("+")
    page.wait_for_function("location.hash.includes('@')")
    assert page.evaluate("rayograph.grid.size") == size
    before = view(page)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"!location.hash.includes('@{before['x']},')")
    assert view(page)["x"] < before["x"]
    page.keyboard.press("0")
    page.wait_for_function("!location.hash.includes('@')")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "rg-search-text"
    page.keyboard.type("0f+c")
    assert page.input_value(SEARCH) == "0f+c"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.wait_for_selector("#rg-help", state="visible")
    wait_text(page, "#rg-help", "In one large picture")
    page.keyboard.press("f")
    assert page.evaluate("document.fullscreenElement") is None
    page.keyboard.press("Escape")
    page.wait_for_selector("#rg-help", state="hidden")
    page.keyboard.press("f")
    page.wait_for_function("document.querySelector('#rg-viewer.rg-full')")
    page.keyboard.press("f")
    page.wait_for_function("!document.querySelector('#rg-viewer.rg-full')")
