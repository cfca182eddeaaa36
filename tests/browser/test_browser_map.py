"""The map beside the grid: 100,000 points drawn, hovered, chosen and coloured; its states."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from browsing import wait_pictures, wait_text
from PIL import Image
from playwright.sync_api import Browser, Page
from virtual_engine import Virtual, VirtualEngine
from virtual_map import ALONE, MIDDLES, picked

from rayograph.errors import AnalysisFailed, ModelUnavailable, NotReady

Open = Callable[..., Page]
COUNT = 100_000


@pytest.fixture
def chromium(webgl_chromium: Browser) -> Browser:
    return webgl_chromium


@pytest.fixture
def many(engine: VirtualEngine) -> Virtual:
    return engine.put("many", COUNT, listed=COUNT, indexed=COUNT, ready=COUNT)


def opened(open_page: Open, **options: object) -> Page:
    page = open_page(**options)
    wait_pictures(page)
    page.click("#rg-map-open")
    wait_drawn(page)
    return page


def wait_drawn(page: Page) -> None:
    """Until all points are there and a frame of them has been drawn."""
    page.wait_for_function(
        "window.rayograph?.map?.plot()?.frames > 0 && rayograph.map.data.rows > 0"
    )
    page.wait_for_selector("#rg-map-state", state="hidden")
    settle(page)


def settle(page: Page) -> None:
    """Until what was asked of the canvas is on it."""
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a place of the map is on the page."""
    found = page.evaluate(
        """([x, y]) => {
          const { left, top } = document.querySelector("#rg-map-pad").getBoundingClientRect();
          const [px, py] = rayograph.map.pad.toPx([x, y]);
          return [left + px, top + py];
        }""",
        [x, y],
    )
    return found[0], found[1]


def pixels(page: Page, x: float, y: float, reach: int = 3) -> np.ndarray:
    """What is on the screen around a place of the map, ``[n, 3]``, without names over it."""
    page.evaluate("document.querySelector('#rg-map-labels').style.visibility = 'hidden'")
    settle(page)
    px, py = at(page, x, y)
    clip = {"x": px - reach, "y": py - reach, "width": 2 * reach, "height": 2 * reach}
    with Image.open(io.BytesIO(page.screenshot(clip=clip))) as image:  # type: ignore[arg-type]
        return np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)


def drag(page: Page, corners: list[tuple[float, float]], *, shift: bool = False) -> None:
    """Press at the first of some places of the map, go along them all, let go."""
    if shift:
        page.keyboard.down("Shift")
    places = [at(page, *corner) for corner in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()
    if shift:
        page.keyboard.up("Shift")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_points_are_drawn_and_crowds_read_as_dense(
    many: Virtual, open_page: Open, theme: str
) -> None:
    page = opened(open_page, color_scheme=theme)
    nothing = pixels(page, -1.1, -1.1).mean(0)
    dense = pixels(page, *MIDDLES[0]).mean(0)
    sparse = pixels(page, MIDDLES[0][0] - 0.36, MIDDLES[0][1]).mean(0)
    far_dense, far_sparse = (np.abs(each - nothing).sum() for each in (dense, sparse))
    assert far_dense > 150
    assert 5 < far_sparse < far_dense
    assert page.evaluate("rayograph.map.plot().count") == COUNT


def test_moving_about_costs_the_page_next_to_nothing(many: Virtual, open_page: Open) -> None:
    page = opened(open_page)
    drag(page, [(0, 0), (0.3, 0.2)])
    view = page.evaluate("rayograph.map.pad.view")
    assert (round(view["x"], 1), round(view["y"], 1)) == (-0.3, -0.2)
    before = at(page, *ALONE)
    page.mouse.move(*before)
    page.mouse.wheel(0, -400)
    page.wait_for_function("rayograph.map.pad.view.zoom > 2.5")
    # What was under the pointer stays under it.
    assert at(page, *ALONE) == pytest.approx(before, abs=3)
    page.focus("#rg-map-pad")
    page.keyboard.press("0")
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    view = page.evaluate("rayograph.map.pad.view")
    assert view["zoom"] == pytest.approx(1.5)
    assert view["x"] > 0
    page.wait_for_function("location.hash.includes('map=')")


def test_the_picture_under_the_pointer_is_shown(many: Virtual, open_page: Open) -> None:
    page = opened(open_page)
    x, y = at(page, *ALONE)
    page.mouse.move(x + 4, y + 3)
    wait_text(page, "#rg-map-hover", "IMG_0000000.jpg")
    page.wait_for_function("document.querySelector('#rg-map-hover img').naturalWidth > 0")
    page.mouse.move(*at(page, -1.1, -1.1))
    page.wait_for_selector("#rg-map-hover", state="hidden")
    page.mouse.click(x, y)
    wait_text(page, "#rg-detail-name", "IMG_0000000.jpg")
    wait_text(page, "#rg-detail-place", "on the map")


def test_a_lasso_filters_the_grid_and_escape_lets_go(many: Virtual, open_page: Open) -> None:
    page = opened(open_page)
    nothing = pixels(page, -1.1, -1.1).mean(0)
    clear = np.abs(pixels(page, MIDDLES[1][0] + 0.2, MIDDLES[1][1]).mean(0) - nothing).sum()
    ring = [(-0.9, -0.4), (-0.3, -0.4), (-0.3, 0.4), (-0.9, 0.4), (-0.9, -0.39)]
    drag(page, ring, shift=True)
    page.wait_for_function("rayograph.where.startsWith('area:')")
    inside = picked(page.evaluate("rayograph.where"), COUNT)
    assert inside is not None
    assert 30_000 < len(inside) < 34_000
    wait_text(page, "#rg-summary", f"{len(inside):,} of 100,000 pictures")
    wait_text(page, "#rg-map-note", f"{len(inside):,} chosen.")
    page.wait_for_selector(f".rg-cell[data-index='0'] img[src*='{inside[0]:020x}']")
    # What is not chosen is faint now.
    nothing = pixels(page, -1.1, -1.1).mean(0)
    faint = np.abs(pixels(page, MIDDLES[1][0] + 0.2, MIDDLES[1][1]).mean(0) - nothing).sum()
    assert faint < 0.7 * clear
    page.focus("#rg-map-pad")
    page.keyboard.press("Escape")
    wait_text(page, "#rg-summary", "100,000 pictures")
    assert page.evaluate("rayograph.where") == ""


def test_a_box_is_kept_in_the_address_with_the_view(many: Virtual, open_page: Open) -> None:
    page = opened(open_page)
    page.click("[data-mode=box]")
    drag(page, [(0.3, 0.0), (0.9, 0.6)])
    page.wait_for_function("rayograph.where.startsWith('area:')")
    assert page.evaluate("rayograph.where").count(",") == 2
    page.select_option("#rg-map-colour", "folder")
    wait_text(page, "#rg-map-legend", "Folder")
    page.wait_for_function("location.hash.includes('folder')")
    page.reload()
    wait_drawn(page)
    wait_text(page, "#rg-map-note", "chosen.")
    wait_text(page, "#rg-map-legend", "Folder")
    assert len(page.get_attribute("#rg-map-shape polygon", "points").split()) == 4  # type: ignore[union-attr]
    page.click("#rg-map-clear")
    wait_text(page, "#rg-summary", "100,000 pictures")
    page.keyboard.press("g")
    page.wait_for_selector("#rg-map", state="hidden")
    page.wait_for_function("!location.hash.includes('map=')")


def test_colours_follow_a_field_and_the_theme(many: Virtual, open_page: Open) -> None:
    page = opened(open_page)
    wait_text(page, "#rg-map-legend", "sky, sea")
    before = pixels(page, *MIDDLES[0]).mean(0)
    page.select_option("#rg-map-colour", "folder")
    wait_text(page, "#rg-map-legend", "not known")
    assert page.locator("#rg-map-legend li").count() == 4
    assert np.abs(pixels(page, *MIDDLES[0]).mean(0) - before).sum() > 30
    swatch = "getComputedStyle(document.querySelector('#rg-map-legend i')).backgroundColor"
    before_theme = page.evaluate(swatch)
    page.click("#rg-theme")
    page.wait_for_function(f"(before) => {swatch} !== before", arg=before_theme)


@pytest.mark.parametrize("colour", ["", "folder"])
def test_on_a_narrow_window_the_legend_leaves_the_map(
    many: Virtual, open_page: Open, colour: str
) -> None:
    page = opened(open_page, width=420, height=800)
    page.select_option("#rg-map-colour", colour)
    wait_text(page, "#rg-map-legend", {"": "sky, sea", "folder": "Folder"}[colour])
    legend, pad = (page.locator(name).bounding_box() for name in ("#rg-map-legend", "#rg-map-pad"))
    assert legend and pad
    assert legend["height"] < pad["height"] / 5
    assert legend["x"] + legend["width"] <= pad["width"]


def test_names_of_clusters_do_not_cover_each_other(many: Virtual, open_page: Open) -> None:
    page = opened(open_page)
    shown = "#rg-map-labels span:not([hidden])"
    assert page.locator(shown).all_inner_texts() == ["everything"]
    page.focus("#rg-map-pad")
    page.keyboard.press("+")
    page.wait_for_function(f"document.querySelectorAll('{shown}').length > 1")
    boxes = [each.bounding_box() for each in page.locator(shown).all()]
    for a in boxes:
        for b in boxes:
            assert a is not None
            assert b is not None
            apart = a["x"] >= b["x"] + b["width"] or a["y"] >= b["y"] + b["height"]
            assert (
                a == b or apart or b["x"] >= a["x"] + a["width"] or b["y"] >= a["y"] + a["height"]
            )


def test_it_is_waited_for_and_can_be_cancelled(
    engine: VirtualEngine, many: Virtual, open_page: Open
) -> None:
    engine.discovery.looks = 1_000
    page = open_page()
    wait_pictures(page)
    page.keyboard.press("g")
    wait_text(page, "#rg-map-state", "comparing, 25 %")
    page.click("#rg-map-state >> text=Cancel")
    page.wait_for_selector("#rg-map", state="hidden")
    assert engine.discovery.cancelled == ["map"]


def test_a_map_of_other_pictures_is_made_anew(
    engine: VirtualEngine, many: Virtual, open_page: Open
) -> None:
    engine.discovery.stale = True
    page = opened(open_page)
    wait_text(
        page, "#rg-map-note", "Has 99,999 of 100,000 pictures. The pictures have changed since."
    )
    page.click("#rg-map-refresh")
    page.wait_for_selector("#rg-map-refresh", state="hidden")
    assert engine.discovery.refreshed == [("map", {})]


def test_why_there_is_no_map_is_said(engine: VirtualEngine, many: Virtual, open_page: Open) -> None:
    engine.discovery.no_map = NotReady("no image has a vector yet")
    page = open_page()
    wait_pictures(page)
    page.click("#rg-map-open")
    wait_text(page, "#rg-map-state", "No map yet")
    engine.discovery.no_map = None
    # News of the embedding stage makes it be looked for again.
    engine.change(many, paused=True)
    wait_drawn(page)
    for problem, text in (
        (AnalysisFailed("too few pictures"), "too few pictures"),
        (ModelUnavailable("this dataset has no vectors", hint="choose a model"), "choose a model"),
    ):
        page.click("#rg-map-close")
        engine.discovery.no_map = problem
        page.click("#rg-map-open")
        wait_text(page, "#rg-map-state", text)


def test_without_webgl_it_says_so_and_shows_clusters(many: Virtual, open_page: Open) -> None:
    page = open_page()
    wait_pictures(page)
    page.evaluate("HTMLCanvasElement.prototype.getContext = () => null")
    page.click("#rg-map-open")
    wait_text(page, "#rg-map-state", "This browser cannot draw the map")
    page.click("#rg-map-state >> text=Show the clusters")
    page.wait_for_selector(".rg-cluster")


def test_on_a_narrow_screen_it_lies_above_the_grid(many: Virtual, open_page: Open) -> None:
    page = opened(open_page, width=390, height=800)
    shape, grid = (page.locator(each).bounding_box() for each in ("#rg-map", "#rg-grid"))
    assert shape is not None
    assert grid is not None
    assert shape["width"] == grid["width"] == 390
    assert shape["y"] + shape["height"] <= grid["y"] + 1
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_name_without_room_is_not_shown(many: Virtual, open_page: Open) -> None:
    page = opened(open_page)
    shown = page.evaluate(
        """async () => {
          const { MapLabels } = await import("/static/maplabels.js");
          const layer = document.querySelector("#rg-map-labels");
          const labels = new MapLabels(layer);
          const level = ["small", "large", "elsewhere"].map((name, at) => (
            { name, size: [1, 9, 5][at], x: at === 2 ? 300 : 100, y: 200 }));
          labels.set([level]);
          labels.draw({ view: { zoom: 1 }, width: 500, height: 500, toPx: (place) => place });
          return [...layer.children].filter((each) => !each.hidden).map((each) => each.textContent);
        }"""
    )
    assert shown == ["large", "elsewhere"]
